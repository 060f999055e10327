"""What it means to a user that the file system refuses to be written to."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import CannotWrite

FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
}
_REFUSED = {
    **FULL,
    errno.EACCES: "permission is denied",
    errno.EPERM: "the operation is not permitted",
    errno.EISDIR: "it is a folder",
    errno.ENOENT: "it is no place for a file",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a part of the path is a file",
    errno.ENAMETOOLONG: "a name in the path is too long",
}


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn a refusal of the file system into CannotWrite, which names the place."""
    try:
        yield
    except UnicodeEncodeError as error:  # of a library that takes paths as text
        raise CannotWrite(cannot_be_written(place, "its path is no UTF-8")) from error
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        why = _REFUSED[error.errno]
        if error.filename and not str(error.filename).startswith(str(place)):
            why += f" ({error.filename})"
        raise CannotWrite(cannot_be_written(place, why)) from error


def why_full(error: Exception) -> str:
    """Why there is no room for what a library was writing; empty where that is not what it says."""
    # Libraries hand on the system's error as text: shutil of a folder, MLflow, pyarrow.
    quoted = re.search(r"\[errno (\d+)\]", str(error), re.IGNORECASE)
    number = getattr(error, "errno", None) or (int(quoted[1]) if quoted else 0)
    # numpy writes an array with fwrite, and says only how much was taken.
    if re.search(r"\d+ requested and \d+ written", str(error)):
        number = errno.ENOSPC
    return FULL.get(number, "")


def cannot_be_written(place: Path | str, why: str) -> str:
    """The message of a CannotWrite."""
    return (
        f"{place}: cannot be written: {why}. Nothing was left half-written. "
        "Free some space or make the folder writable, or choose another one."
    )
