"""Files in gzip or zip, unpacked to a copy that is not larger than a table can be."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO

from pipeline.sources.unusable import Unusable
from pipeline.wording import listed, shortened

LARGEST_UNPACKED = 64 << 30
"""Bytes of a file that was packed."""
LARGEST_WORKBOOK = 1 << 30
"""Bytes of all parts of a workbook, unpacked."""
MOST_CELLS = 20_000_000
"""Cells of a sheet, from its first to its last row and column."""
MOST_TIMES = 200
"""How many times larger than the packed file its content may be; tables of text reach 30."""
_NEVER_A_BOMB = 64 << 20  # bytes; a small table of one repeated row is packed very well
_CHUNK = 1 << 20
_GZIP, _ZIP, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_CELL = re.compile(rb"<(?:\w+:)?c\b[^<>]*?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"'][^<>/]*>")
_LONGEST_CELL = 512
_ERROR = b' t="e"'


def is_packed(path: Path) -> bool:
    """Whether a file is gzip, or a zip archive that is no workbook, by its content."""
    start = _start(path)
    return start.startswith(_GZIP) or (start.startswith(_ZIP) and not is_workbook(path))


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook, by its content."""
    if not _start(path).startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/workbook") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def is_old_workbook(path: Path) -> bool:
    """Whether it is a workbook of before 2007, or one with a password."""
    return _start(path).startswith(_OLE)


def unpack(path: Path, member: str | None, known: tuple[str, ...], copy: Path) -> str:
    """Write the content of a packed file to `copy`; the name of what was packed.

    member: the file in an archive that is meant. known: the suffixes of tables. Unusable where it
    is damaged, is not one table, or is much larger than any table.
    """
    with _whole(path):
        if _start(path).startswith(_GZIP):
            with gzip.open(path) as packed:
                _copy(packed, copy, path.stat().st_size)
            return path.name.removesuffix(".gz")
        with zipfile.ZipFile(path) as archive:
            name = _member(archive, member, known)
            with archive.open(name) as packed:
                _copy(packed, copy, archive.getinfo(name).compress_size)
            return PurePath(name).name


def check_workbook(path: Path) -> int:
    """The cells of a workbook that hold an error, such as #N/A.

    Unusable where its parts are damaged, or too large to be opened safely.
    """
    errors = 0
    with _whole(path), zipfile.ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
        if size > LARGEST_WORKBOOK:
            raise Unusable(
                f"the workbook has {size:,} bytes when unpacked; at most {LARGEST_WORKBOOK:,} are "
                "read",
                "export it as CSV",
            )
        _refuse_bomb(size, path.stat().st_size)
        for part in archive.infolist():
            with archive.open(part) as content:
                rows = columns = 0
                before = b""
                while chunk := content.read(_CHUNK):
                    if not part.filename.startswith("xl/worksheets/"):
                        continue
                    for column, row in _CELL.findall(before + chunk):
                        rows, columns = max(rows, int(row)), max(columns, _number(column))
                    errors += chunk.count(_ERROR) + (
                        before[-len(_ERROR) + 1 :] + chunk[: len(_ERROR) - 1]
                    ).count(_ERROR)
                    before = chunk[-_LONGEST_CELL:]
                    if rows * columns > MOST_CELLS:
                        raise Unusable(
                            f"a sheet reaches to row {rows:,} and column {columns:,}; at most "
                            f"{MOST_CELLS:,} cells are read",
                            "export it as CSV, or remove what stands far outside of the table",
                        )
    return errors


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _member(archive: zipfile.ZipFile, member: str | None, known: tuple[str, ...]) -> str:
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/")
        and not name.startswith("__MACOSX/")
        and not PurePath(name).name.startswith((".", "_", "~$"))
    ]
    if {"mimetype", "content.xml"} <= {*names}:
        raise Unusable("is a spreadsheet of OpenDocument", "save it as .xlsx or CSV")
    if member is not None:
        if member in names:
            return member
        raise Unusable(
            f"the archive has no file '{shortened(member)}'; it has "
            f"{listed(map(shortened, names)) or 'none'}",
            "correct `member`",
        )
    tables = [name for name in names if name.lower().endswith(known)]
    if len(tables) == 1:
        return tables[0]
    if not tables:
        held = listed(map(shortened, names)) or "nothing"
        raise Unusable(
            f"the archive holds no table, but {held}",
            'say which file it is, with its `format`: `member: "..."`'
            if names
            else "pack it again",
        )
    raise Unusable(
        f"the archive holds {len(tables)} tables: {listed(map(shortened, tables))}",
        f'say which is meant: `member: "{shortened(tables[0])}"`',
    )


def _copy(packed: IO[bytes] | gzip.GzipFile, copy: Path, size: int) -> None:
    written = 0
    with copy.open("wb") as target:
        while chunk := packed.read(_CHUNK):
            written += len(chunk)
            _refuse_bomb(written, size)
            target.write(chunk)


def _refuse_bomb(unpacked: int, packed: int) -> None:
    if unpacked > LARGEST_UNPACKED:
        raise Unusable(
            f"its content has more than {LARGEST_UNPACKED:,} bytes", "split it into several files"
        )
    if unpacked > _NEVER_A_BOMB and unpacked > MOST_TIMES * packed:
        raise Unusable(
            f"its content is more than {MOST_TIMES} times as large as the packed file, as no table "
            "is",
            "unpack it yourself if it is meant",
        )


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Say of a file that cannot be unpacked why not."""
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unusable(
            f"is packed, and damaged or cut off: {shortened(str(error))}", "export it again"
        ) from None
    except (RuntimeError, NotImplementedError) as error:  # a password, or a rare compression
        raise Unusable(
            f"cannot be unpacked: {shortened(str(error))}", "unpack it yourself"
        ) from None


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)
