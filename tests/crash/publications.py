"""What must hold of published scores at any time, whoever was killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.scoring.publication import MANIFEST, UNFINISHED, file_hashes
from pipeline.scoring.score import FILES

REVISIONS = "as_of=*/model_version=*/revision=*"
LATEST = "latest.json"
NOT_REPEATED = ("began_at", "published_at", "run_id", "sha256")
"""What two manifests of the same inputs may differ in."""


def contents(root: Path) -> dict[str, str]:
    """The SHA-256 of every published file, by its place."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in root.glob(REVISIONS)
        for path in folder.iterdir()
    }


def faults(root: Path, before: Mapping[str, str], files: Sequence[str] = FILES) -> Iterator[str]:
    """What is not as it must be, as sentences.

    before: `contents` of what was published before. files: of each publication.
    """
    now = contents(root)
    for place, digest in before.items():
        if now.get(place) != digest:
            became = "changed" if place in now else "gone"
            yield f"{place} was published before, and is {became}"
    for folder in root.glob(REVISIONS):
        yield from (f"{folder.relative_to(root)}: {fault}" for fault in _not_whole(folder, files))
    pointed = root / LATEST
    if pointed.exists():
        target = root / json.loads(pointed.read_text())["path"]
        if target not in {*root.glob(REVISIONS)}:
            yield f"{LATEST} points to {target}, which is no publication"
    elif before:
        yield f"{LATEST} is gone"
    known = {LATEST, "refused.json", ".lock", UNFINISHED}
    for path in root.iterdir():
        if path.name not in known and not path.name.startswith("as_of="):
            yield f"{path.name} is no part of what is published"


def _not_whole(folder: Path, files: Sequence[str]) -> Iterator[str]:
    names = {path.name for path in folder.iterdir()}
    if names != {*files}:
        yield f"half a publication, of {sorted(names)}"
        return
    manifest = read(folder)
    if manifest["files"] != file_hashes(folder):
        yield "the files are not those of the manifest"
    inputs = json.dumps(manifest["inputs"], sort_keys=True).encode()
    if manifest["inputs_sha256"] != hashlib.sha256(inputs).hexdigest():
        yield "the inputs are not those that the manifest was hashed of"


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a publication."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def differences(folder: Path, other: Path, files: Sequence[str] = FILES) -> Iterator[str]:
    """In what two publications of the same inputs differ, as sentences; not in the times."""
    for name in files:
        if name != MANIFEST and (folder / name).read_bytes() != (other / name).read_bytes():
            yield f"{name} has other bytes"
    one, two = (
        {name: entry for name, entry in read(each).items() if name not in NOT_REPEATED}
        for each in (folder, other)
    )
    yield from (f"the manifest's {name}" for name in one | two if one.get(name) != two.get(name))
