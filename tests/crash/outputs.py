"""What a command owns, and what "whole" means for each kind of it.

Every kind tells what is wrong from three folders: the project now, as it was before, and as an
undisturbed run left it; done: the command has been run again and has ended well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import publications

LATEST = publications.LATEST


class Output(Protocol):
    """Something that a command writes."""

    def faults(self, now: Path, before: Path, after: Path, *, done: bool) -> Iterator[str]:
        """What is not as it must be, as sentences."""
        ...


@dataclass(frozen=True)
class Files:
    """Files, each as it was before or as an undisturbed run leaves it; done: the latter."""

    pattern: str

    def faults(self, now: Path, before: Path, after: Path, *, done: bool) -> Iterator[str]:
        names = {
            str(path.relative_to(root))
            for root in (now, before, after)
            for path in root.glob(self.pattern)
        }
        for name in sorted(names):
            found, was, becomes = (_sha256(root / name) for root in (now, before, after))
            if found != becomes and (done or found != was):
                yield f"{name} is {'not what an undisturbed run writes' if done else 'torn'}"


@dataclass(frozen=True)
class Journal:
    """Lines of trials, of which only the last may be cut off; done: those of another run."""

    pattern: str

    def faults(self, now: Path, before: Path, after: Path, *, done: bool) -> Iterator[str]:
        for path in now.glob(self.pattern):
            lines = path.read_text().splitlines()
            for line in lines if done else lines[:-1]:
                try:
                    json.loads(line)
                except ValueError:
                    yield f"{path.name} has a torn line"
                    return
        if done and self._trials(now) != self._trials(after):
            yield "the trials are not those of an undisturbed run"

    def _trials(self, root: Path) -> list[object]:
        return [
            {name: value for name, value in json.loads(line).items() if name != "seconds"}
            for path in root.glob(self.pattern)
            for line in path.read_text().splitlines()
        ]


@dataclass(frozen=True)
class Publications:
    """Publications under a folder; one appears whole, and `latest.json` points to it at the end.

    files: of each. place: of the new one. ours: whether its bytes follow from the inputs.
    """

    root: str
    files: tuple[str, ...]
    place: str

    def faults(self, now: Path, before: Path, after: Path, *, done: bool) -> Iterator[str]:
        root = now / self.root
        if root.exists():
            was = publications.contents(before / self.root)
            yield from publications.faults(root, was, self.files)
        if not done:
            return
        folder = root / self.place
        beside = sorted(path.name for path in folder.parent.glob("*"))
        if beside != [folder.name]:
            yield f"published were {beside}, not one revision"
            return
        yield from publications.differences(folder, after / self.root / self.place, self.files)
        latest = root / LATEST
        if not latest.exists() or self.place not in latest.read_text():
            yield f"{LATEST} does not point to what was published"


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
