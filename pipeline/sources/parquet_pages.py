"""Looks at the headers of a Parquet file's pages before the engine reads them.

DuckDB 2.0 makes room for a page by one of the sizes in its header and reads as many bytes as the
other says, where a page of the second format calls itself uncompressed in a compressed column
(duckdb/duckdb#24218). Such a file writes over the memory of the process. The footer, which Arrow
and DuckDB have read by then, knows nothing of it.

A header is a struct of Thrift's compact protocol; fields and types are those of parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _BINARY, _STRUCT = 0, 1, 2, 3, 4, 5, 6, 8, 12
_DATA, _INDEX, _DICTIONARY, _DATA_V2 = 0, 1, 2, 3
_DEEPEST = 4  # structs within a header; the format has three
_HEADER_BYTES = (1 << 12, 1 << 24)  # first a little, and more for one with long statistics

Field = tuple[int, "int | dict[int, Field]"]


class BadPage(Exception):
    """A page whose header cannot be read, or contradicts itself; the text says which and why."""


@dataclass(frozen=True)
class Chunk:
    """The pages of one column in one row group.

    start: where the first begins, in bytes. values: how many the pages hold in all. compressed:
    whether the column is.
    """

    column: str
    start: int
    values: int
    compressed: bool


def check_pages(path: Path, chunks: Iterable[Chunk]) -> None:
    """Raise BadPage at the first page that the engine could not read safely."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for chunk in chunks:
            place, values = chunk.start, chunk.values
            while values > 0:
                if not 0 <= place < size:
                    raise BadPage(_said(chunk, place, "it lies outside the file"))
                try:
                    header, length = _header(file, place)
                    held, page = _looked_at(header, compressed=chunk.compressed)
                except (IndexError, KeyError) as error:
                    raise BadPage(_said(chunk, place, "its header cannot be read")) from error
                except ValueError as error:
                    raise BadPage(_said(chunk, place, str(error))) from error
                if place + length + page > size:
                    raise BadPage(_said(chunk, place, "it goes beyond the end of the file"))
                place += length + page
                values -= held


def _said(chunk: Chunk, place: int, why: str) -> str:
    return f"the page of '{chunk.column}' at byte {place:,} is damaged: {why}"


def _looked_at(header: dict[int, Field], *, compressed: bool) -> tuple[int, int]:
    """How many values the page holds, and its bytes after the header; ValueError says why not."""
    kind, room, stored = (_number(header, field) for field in (1, 2, 3))
    if min(room, stored) < 0:
        raise ValueError("a size below zero")
    if kind in (_INDEX, _DICTIONARY):
        return 0, stored
    if kind == _DATA:
        return _number(_part(header, 5), 1), stored
    if kind != _DATA_V2:
        raise ValueError(f"of an unknown type, {kind}")
    second = _part(header, 8)
    levels = [_number(second, field) for field in (5, 6)]
    if min(levels) < 0 or sum(levels) > min(room, stored):
        raise ValueError("its levels are larger than the page")
    plain = not compressed or second.get(7, (_TRUE, 1))[0] == _FALSE
    if plain and room != stored:
        raise ValueError(f"it is not compressed, and has {stored:,} bytes for {room:,}")
    return _number(second, 1), stored


def _number(fields: dict[int, Field], field: int) -> int:
    kind, value = fields[field]
    if kind != _I32 or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise ValueError("its header cannot be read")
    return value


def _part(fields: dict[int, Field], field: int) -> dict[int, Field]:
    _, value = fields[field]
    if not isinstance(value, dict):
        raise ValueError("its header cannot be read")
    return value


def _header(file: BinaryIO, place: int) -> tuple[dict[int, Field], int]:
    """The fields of the header at a place, and its length; IndexError where the file ends in it."""
    little, much = _HEADER_BYTES
    file.seek(place)
    content = file.read(little)
    try:
        return _struct(content, 0, _DEEPEST)
    except IndexError:
        return _struct(content + file.read(much), 0, _DEEPEST)


def _struct(content: bytes, at: int, deepest: int) -> tuple[dict[int, Field], int]:
    """The fields of the struct that begins at a byte, and where it ends.

    Stricter than DuckDB: what it would skip or take twice could mean something else to it.
    """
    fields: dict[int, Field] = {}
    number = 0
    while (first := content[at]) != _STOP:
        at, kind, step = at + 1, first & 15, first >> 4
        if not step:
            step, at = _integer(content, at)
            number = 0
        number += step
        value: int | dict[int, Field] = 0
        if kind == _BYTE:
            at += 1
        elif kind in (_I16, _I32, _I64):
            value, at = _integer(content, at)
        elif kind == _BINARY:
            length, at = _varint(content, at)
            at += length
        elif kind == _STRUCT and deepest:
            value, at = _struct(content, at, deepest - 1)
        elif kind not in (_TRUE, _FALSE):
            raise ValueError("its header cannot be read")
        if number in fields:
            raise ValueError("its header says something twice")
        fields[number] = (kind, value)
    return fields, at + 1


def _integer(content: bytes, at: int) -> tuple[int, int]:
    """A signed number, and where it ends."""
    value, at = _varint(content, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of seven bits a byte, and where it ends."""
    value = shift = 0
    while shift < 70:
        byte = content[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("its header cannot be read")
