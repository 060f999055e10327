"""Writing files whole: beside their place first, then renamed into it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.refusals import writing
from pipeline.scratch import ScratchFolder


def require_writable(place: Path) -> None:
    """Raise CannotWrite where nothing could be written under `place`, as far as a look can tell."""
    with writing(place):
        standing = next(path for path in (place, *place.absolute().parents) if path.exists())
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
        with ScratchFolder(path.parent) as scratch:
            temporary = scratch.path / path.name
            yield temporary
            temporary.replace(path)
