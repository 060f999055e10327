"""Temporary folders that go with their process, however it ends.

A process that is killed cannot remove its folders. So each is locked by its process, which the
kernel undoes at the end, and whoever makes the next folder removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Self

PREFIX = "defection-scratch-"
_HIDDEN = "." + PREFIX  # until it is locked; nobody looks for that name


class ScratchFolder:
    """A private folder at `path`, gone when closed; also a context manager.

    parent: where it is made, the system's temporary folder when None.
    """

    def __init__(self, parent: Path | None = None) -> None:
        place = Path(tempfile.gettempdir() if parent is None else parent)
        _remove_abandoned(place)
        hidden = Path(tempfile.mkdtemp(prefix=_HIDDEN, dir=place))
        self._descriptor = os.open(hidden, os.O_RDONLY)
        _locked(self._descriptor)
        self.path = hidden.rename(hidden.with_name(hidden.name[1:]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of ours that no process holds; one that cannot be had is left alone."""
    for path in place.glob(PREFIX + "*"):
        try:
            if path.stat().st_uid != os.geteuid():
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # gone in the meantime, or somebody else's
            continue
        if _locked(descriptor):
            shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Lock it for this process; False where another holds it, or the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
