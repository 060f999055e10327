"""Publishing: a folder that appears whole or not at all, once per set of inputs.

`<root>/as_of=D/model_version=N/revision=R/` is written beside its place and renamed into it, the
manifest last; `<root>/latest.json` is replaced in one step. What a killed job leaves behind lies
under `<root>/.unfinished` and is removed by the next job, which holds the lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline.locks import exclusive
from pipeline.output_files import require_writable
from pipeline.refusals import writing

MANIFEST = "manifest.json"
MEANING = "meaning_of_risk"  # in the manifest: what the risk is a statement about
UNFINISHED = ".unfinished"

_FOLLOW_UP_SECONDS = 60  # that a job waits for another one's publishing, its own being done


@dataclass(frozen=True)
class Publication:
    """Where it lies, its manifest, and whether this very call wrote it."""

    folder: Path
    manifest: Mapping[str, Any]
    new: bool


@dataclass(frozen=True)
class Planned:
    """Where a publication would lie, or lies already, `published` from the same inputs."""

    folder: Path
    published: bool


def publish(
    root: Path,
    as_of: date,
    model_version: int,
    inputs: Mapping[str, Any],
    write: Callable[[Path], Mapping[str, Any]],
) -> Publication:
    """Publish what `write` puts into the folder it is given, unless the newest has these inputs.

    inputs: everything that decides the content, as plain JSON. write: fills the folder and
    returns further entries of the manifest. Errors: TryAgain while another job publishes,
    CannotWrite when the disk is full or read-only; then nothing is published.
    """
    place = _place(root, as_of, model_version)
    with writing(root), exclusive(root / ".lock", f"publishing {root.name} as of {as_of}"):
        return _publish(root, place, inputs, write)


def planned(root: Path, as_of: date, model_version: int, inputs: Mapping[str, Any]) -> Planned:
    """What `publish` would do now, without the lock and without writing anything.

    CannotWrite where that can be told by looking.
    """
    require_writable(root)
    return _planned(_place(root, as_of, model_version), _sha256(inputs))


def while_newest(folder: Path, act: Callable[[Path], None]) -> None:
    """Do something with the newest revision beside `folder`, while nobody publishes another.

    TryAgain while another job does.
    """
    root = folder.parents[2]
    with exclusive(root / ".lock", f"following up on {folder.parents[1].name}", _FOLLOW_UP_SECONDS):
        act(_revisions(folder.parent)[-1])


def newest_before(root: Path, as_of: date, meaning: Mapping[str, Any]) -> Path | None:
    """The last revision of the newest publication with an earlier as_of, if there is one.

    meaning: of the risk; publications of another are passed over, for theirs cannot be compared.
    """
    days = sorted(root.glob("as_of=????-??-??"), reverse=True)
    for day in (day for day in days if day.name < f"as_of={as_of}"):
        found = [
            (read_manifest(folder)["published_at"], int(version.name.partition("=")[2]), folder)
            for version in day.glob("model_version=*")
            for folder in _revisions(version)[-1:]
            if read_manifest(folder).get(MEANING, meaning) == meaning
        ]
        if found:
            return max(found)[-1]
    return None


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a publication."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a publication but its manifest, which holds them, by name."""
    files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    return {path.name: _sha256_of(path) for path in files}


def _publish(
    root: Path,
    place: Path,
    inputs: Mapping[str, Any],
    write: Callable[[Path], Mapping[str, Any]],
) -> Publication:
    unfinished = root / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    fingerprint = _sha256(inputs)
    plan = _planned(place, fingerprint)
    unfinished.mkdir(parents=True)
    try:
        if plan.published:
            _point_latest(root, plan.folder)  # a job killed just before it had not
            return Publication(plan.folder, read_manifest(plan.folder), new=False)
        folder = Path(tempfile.mkdtemp(dir=unfinished))
        folder.chmod(0o755)
        began = datetime.now(UTC)
        entries = write(folder)
        manifest = {
            **entries,
            "files": file_hashes(folder),
            "inputs": inputs,
            "inputs_sha256": fingerprint,
            "began_at": began.isoformat(timespec="seconds"),
            "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        _write_json(folder / MANIFEST, manifest)
        for file in (*folder.iterdir(), folder):
            _flush(file)
        place.mkdir(parents=True, exist_ok=True)
        folder.rename(plan.folder)
        _flush(place)
        _point_latest(root, plan.folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Publication(plan.folder, manifest, new=True)


def _place(root: Path, as_of: date, model_version: int) -> Path:
    return root / f"as_of={as_of}" / f"model_version={model_version}"


def _planned(place: Path, fingerprint: str) -> Planned:
    """The newest revision if it has this fingerprint, else the next."""
    revisions = _revisions(place)
    if revisions and read_manifest(revisions[-1])["inputs_sha256"] == fingerprint:
        return Planned(revisions[-1], published=True)
    number = 1 + (_revision(revisions[-1]) if revisions else 0)
    return Planned(place / f"revision={number}", published=False)


def _revisions(place: Path) -> list[Path]:
    """The revisions there are, oldest first; whatever else lies there is not ours."""
    found = [
        folder
        for folder in place.glob("revision=*")
        if re.fullmatch(r"revision=\d+", folder.name) and (folder / MANIFEST).is_file()
    ]
    return sorted(found, key=_revision)


def _revision(folder: Path) -> int:
    return int(folder.name.removeprefix("revision="))


def _point_latest(root: Path, target: Path) -> None:
    """Let latest.json name the newest as_of; an older one scored again does not move it."""
    latest = root / "latest.json"
    place = target.relative_to(root)
    if latest.exists():
        current = json.loads(latest.read_text(encoding="utf-8"))["path"]
        if current.split("/")[0] > place.parts[0] or current == place.as_posix():
            return
    beside = root / UNFINISHED / "latest.json"
    _write_json(beside, {"path": place.as_posix()})
    _flush(beside)
    beside.replace(latest)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
