"""Publishing: a folder that appears whole or not at all, once per set of inputs.

`<root>/as_of=D/model_version=N/revision=R/` is written beside its place and renamed into it, the
manifest last; `<root>/latest.json` is replaced in one step, and says when the next list is due.
What a killed job leaves behind lies under `<root>/.unfinished` and is removed by the next job,
which holds the lock.

A publication is whole if its manifest has its own hash, and its files those that the manifest
records. One that is not is never taken for published, nor compared with: it is named and left where
it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline import console
from pipeline.locks import exclusive
from pipeline.output_files import require_writable, short
from pipeline.refusals import writing

MANIFEST = "manifest.json"
MEANING = "meaning_of_risk"  # in the manifest: what the risk is a statement about
SCORES, REPLAYS, TRIALS = "scores", "replays", "trials"
"""Folders of publications under `output`: lists; past dates by a model that knows what came after;
lists by another version than that of the last promotion, which never count as the list before."""

NEXT_LIST = "next_list"  # in the manifest: when the next one is due, for latest.json
LATEST = "latest.json"
LOCK = ".lock"
UNFINISHED = ".unfinished"

_ANEW = "A new revision stands for it."
_NOT_COMPARED = (
    "Nothing is compared with it. `defection status` names the line that publishes it again; then "
    "publish those that follow it again, too, so that their changes are counted from it."
)
_OWN_HASH = "sha256"  # in the manifest: of all its other entries

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
    with writing(root), exclusive(root / LOCK, f"publishing {root.name} as of {as_of}"):
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
    with exclusive(root / LOCK, f"following up on {folder.parents[1].name}", _FOLLOW_UP_SECONDS):
        act(_revisions(folder.parent)[-1])


def newest_before(root: Path, as_of: date, meaning: Mapping[str, Any] | None) -> Path | None:
    """The last revision of the newest publication with an earlier as_of, if there is one.

    meaning: of the risk; publications of another are passed over, for theirs cannot be compared.
    None: any. Those whose tables are not whole are passed over, too, and named on standard error.
    """
    for day in (day for day in reversed(_days(root)) if _date(day) < as_of):
        found = [
            (read_manifest(folder)["published_at"], version_of(folder), folder)
            for version in _versions(day)
            for folder in _whole_revisions(version)[-1:]
            if meaning is None or read_manifest(folder).get(MEANING, meaning) == meaning
        ]
        if found:
            return max(found)[-1]
    return None


def damage(folder: Path, suffix: str = "") -> str:
    """What is wrong with a publication, in words; empty where it is whole.

    suffix: of the files that are looked at besides the manifest; all by default.
    """
    try:
        manifest = read_manifest(folder)
        recorded = {name: str(digest) for name, digest in manifest["files"].items()}
        fingerprint = (manifest["inputs_sha256"], manifest["published_at"])
        signed = _OWN_HASH in manifest  # not by an earlier program
        own = manifest.pop(_OWN_HASH, "")
        as_of = manifest.get("as_of", str(date_of(folder)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} is missing or cannot be read"
    if not all(isinstance(each, str) for each in fingerprint):
        return f"{MANIFEST} cannot be read"
    if signed and own != _sha256(manifest):
        return f"{MANIFEST} is not what was published"
    if as_of != str(date_of(folder)):
        return f"it is a copy of that of {as_of}"
    for name, digest in sorted(recorded.items()):
        if not name.endswith(suffix):
            continue
        try:
            found = _sha256_of(folder / name)
        except OSError:
            return f"{name} is missing or cannot be read"
        if found != digest:
            return f"{name} is not what was published"
    return ""


def publications(root: Path) -> list[Path]:
    """All revisions under a root, by date, version and number, damaged ones included."""
    versions = (version for day in _days(root) for version in sorted(_versions(day), key=_version))
    return [folder for version in versions for folder in _revisions(version)]


def newest(folders: Iterable[Path]) -> Path | None:
    """Of whole publications, the one that `latest.json` has to name."""
    return max(
        folders, key=lambda one: (date_of(one), read_manifest(one)["published_at"]), default=None
    )


def pointer(folder: Path) -> dict[str, Any]:
    """What `latest.json` says where a publication is the newest."""
    place = folder.relative_to(folder.parents[2]).as_posix()
    return {"path": place, **read_manifest(folder).get(NEXT_LIST, {})}


def date_of(folder: Path) -> date:
    """The as_of of a publication, by its place."""
    return _date(folder.parents[1])


def version_of(folder: Path) -> int:
    """The model version of a publication, by its place."""
    return _version(folder.parent)


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
        folder = unfinished / "revision"
        folder.mkdir()  # readable by whom the umask says, as its files are
        began = datetime.now(UTC)
        entries = write(folder)
        manifest: dict[str, Any] = {
            **entries,
            "files": file_hashes(folder),
            "inputs": inputs,
            "inputs_sha256": fingerprint,
            "began_at": began.isoformat(timespec="seconds"),
            "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        manifest[_OWN_HASH] = _sha256(json.loads(json.dumps(manifest)))  # as it is read back
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
    """The newest revision if it has this fingerprint and is whole, else the next."""
    revisions = _revisions(place)
    newest = revisions[-1] if revisions else None
    whole = newest is not None and not _set_aside(newest, damage(newest), _ANEW)
    if newest and whole and read_manifest(newest)["inputs_sha256"] == fingerprint:
        return Planned(newest, published=True)
    number = 1 + (_revision(revisions[-1]) if revisions else 0)
    return Planned(place / f"revision={number}", published=False)


def _revisions(place: Path) -> list[Path]:
    """The revisions there are, oldest first; whatever else lies there is not ours."""
    found = [
        folder
        for folder in place.glob("revision=*")
        if re.fullmatch(r"revision=\d+", folder.name) and folder.is_dir() and any(folder.iterdir())
    ]
    return sorted(found, key=_revision)


def _whole_revisions(place: Path) -> list[Path]:
    """The same but those whose tables are damaged, which are named."""
    found = [(one, damage(one, ".parquet")) for one in _revisions(place)]
    return [one for one, why in found if not _set_aside(one, why, _NOT_COMPARED)]


def _set_aside(folder: Path, why: str, so: str) -> bool:
    """Whether a publication is damaged; then it is named, with why and what follows from it."""
    if why:
        console.complain_once(f"{short(folder)} is damaged and left as it is: {why}. {so}")
    return bool(why)


def _revision(folder: Path) -> int:
    return int(folder.name.removeprefix("revision="))


def _days(root: Path) -> list[Path]:
    """The folders of dates, oldest first; whatever else lies there is not ours."""
    days = [day for day in root.glob("as_of=????-??-??") if _is_date(day.name[6:])]
    return sorted(days)


def _is_date(text: str) -> bool:
    try:
        return str(date.fromisoformat(text)) == text
    except ValueError:
        return False


def _date(day: Path) -> date:
    return date.fromisoformat(day.name.removeprefix("as_of="))


def _versions(day: Path) -> list[Path]:
    """The folders of model versions; whatever else lies there is not ours."""
    return [one for one in day.glob("model_version=*") if _version(one) >= 0]


def _version(folder: Path) -> int:
    number = folder.name.removeprefix("model_version=")
    return int(number) if number.isascii() and number.isdigit() else -1


def _point_latest(root: Path, target: Path) -> None:
    """Let latest.json name the newest as_of; an older one scored again does not move it.

    One that cannot be read, or that names what is not there, is replaced.
    """
    latest = root / LATEST
    wanted = pointer(target)
    current = read_pointer(latest)
    if current == wanted:
        return
    path = str(current.get("path"))
    if path.split("/")[0] > target.parents[1].name and (root / path / MANIFEST).is_file():
        return
    beside = root / UNFINISHED / LATEST
    _write_json(beside, wanted)
    _flush(beside)
    beside.replace(latest)


def read_pointer(latest: Path) -> dict[str, Any]:
    """What a `latest.json` says; nothing where it cannot be read."""
    try:
        said = json.loads(latest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


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
