"""Writing files whole: beside their place first, then renamed into it."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CannotWrite

_REFUSED = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "the operation is not permitted",
    errno.EISDIR: "it is a folder",
    errno.ENOENT: "it is no place for a file",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a part of the path is a file",
}


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn a refusal of the file system into CannotWrite, which names the place."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise CannotWrite(
            f"{place}: cannot be written: {_REFUSED[error.errno]}. Nothing was left half-written. "
            "Free some space or make the folder writable, or choose another one."
        ) from error


def require_writable(place: Path) -> None:
    """Raise CannotWrite where nothing could be written under `place`, as far as a look can tell."""
    standing = next(path for path in (place, *place.absolute().parents) if path.exists())
    with writing(place):
        if not standing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "", str(standing))
        if not os.access(standing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "", str(standing))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; the file appears whole or not at all."""
    with _beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table without its index; the file appears whole or not at all."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    with _beside(path) as temporary:
        pq.write_table(table, temporary)


def short(path: Path) -> str:
    """The path as a person in the working directory would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            temporary.replace(path)
