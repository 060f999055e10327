"""Temporary folders that go with their process, however it ends.

A process that is killed cannot remove its folders. So each is locked by its process, which the
kernel undoes at the end, and whoever makes the next folder removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from pipeline.refusals import writing

PREFIX = "defection-scratch-"
_HIDDEN = "." + PREFIX  # until it is locked, which takes no time, and then nobody looks for it
_HIDDEN_SECONDS = 60  # after which its process must have died

# Where libraries put theirs; joblib would take the machine's shared memory.
_VARIABLES = ("TMPDIR", "JOBLIB_TEMP_FOLDER")


class ScratchFolder:
    """A private folder at `path`, gone when closed; also a context manager.

    parent: where it is made, the system's temporary folder when None. Raises CannotWrite.
    """

    def __init__(self, parent: Path | None = None) -> None:
        with writing(parent or Path(os.environ.get("TMPDIR") or "the temporary folder, TMPDIR")):
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


@contextmanager
def temporary_files() -> Iterator[None]:
    """Let all temporary files lie in one such folder, also those of libraries and of children.

    What they leave behind when they are killed would stay for ever.
    """
    with ScratchFolder() as scratch:
        before = {name: os.environ.get(name) for name in _VARIABLES}
        tempdir, tempfile.tempdir = tempfile.tempdir, str(scratch.path)
        os.environ |= dict.fromkeys(_VARIABLES, str(scratch.path))
        try:
            yield
        finally:
            tempfile.tempdir = tempdir
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


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
    for path in place.glob(_HIDDEN + "*"):
        with suppress(OSError):  # as above, or it is not empty and so none of ours
            if time.time() - path.stat().st_mtime > _HIDDEN_SECONDS:
                path.rmdir()


def _locked(descriptor: int) -> bool:
    """Lock it for this process; False where another holds it, or the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
