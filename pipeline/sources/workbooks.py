"""A sheet of a workbook, written to Parquet with the types that its cells have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
    load_workbook,
)

from pipeline.config import FileOptions
from pipeline.sources.headers import HEAD, header_of
from pipeline.sources.rewriting import ROW, LeftOut, body
from pipeline.sources.unusable import Unusable
from pipeline.wording import listed, shortened

DIGITS = 15
"""What a workbook keeps of a number."""


@dataclass(frozen=True)
class Sheet:
    """What was found on a sheet: the names of its columns, and its first rows.

    lengths: of each column that holds whole numbers, the fewest and the most digits.
    """

    columns: tuple[str, ...]
    head: tuple[tuple[str, ...], ...]
    left_out: LeftOut
    lengths: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def write_sheet(path: Path, copy: Path, decimal: str, options: FileOptions) -> Sheet:
    """Write the rows of a sheet to Parquet, numbered in the column ROW.

    decimal: the sign of numbers in a column that holds texts as well. Unusable where the workbook
    or its sheet cannot be read.
    """
    try:
        with load_workbook(path) as workbook:
            cells = _sheet(workbook, options.sheet).to_python(skip_empty_area=False)
    except PasswordError:
        raise Unusable("the workbook has a password", "save it without one") from None
    except (CalamineError, ValueError, OSError) as error:
        raise Unusable(
            f"the workbook cannot be read: {shortened(str(error))}", "save it again, or as CSV"
        ) from None
    first, last = options.header_row[0], options.header_row[-1]
    head = _texts(cells[:HEAD], decimal)
    columns = header_of(_texts(cells[first - 1 : last], decimal), head, options)
    left_out = LeftOut()
    filled = ((number, row) for number, row in enumerate(cells, 1) if any(c != "" for c in row))
    rows = list(body((row for row in filled if row[0] > last), options, left_out))
    arrays, lengths = {}, {}
    for place, name in enumerate(columns):
        values = [row[place] for _, row in rows]
        if name == f"column_{place + 1}" and all(value == "" for value in values):
            continue  # an empty column beside the table
        arrays[name] = _array(values, decimal)
        whole = [len(str(abs(int(v)))) for v in values if _is_number(v) and v == int(v)]
        if whole:
            lengths[name] = (min(whole), max(whole))
    arrays[ROW] = pa.array([number for number, _ in rows], pa.int64())
    pq.write_table(pa.table(arrays), copy)
    del arrays[ROW]
    return Sheet(tuple(arrays), head, left_out, lengths)


def _texts(cells: Sequence[Sequence[Any]], decimal: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_text(cell, decimal) or "" for cell in row) for row in cells)


def _sheet(workbook: CalamineWorkbook, name: str | None) -> CalamineSheet:
    sheets = [s for s in workbook.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
    names = [sheet.name for sheet in sheets]
    if name is not None:
        if name in names:
            return workbook.get_sheet_by_name(name)
        there = listed(map(shortened, names))
        raise Unusable(
            f"the workbook has no sheet '{shortened(name)}'; it has {there}",
            f'write one of them: `sheet: "{shortened(names[0])}"`' if names else "save it again",
        )
    seen = [s.name for s in sheets if s.visible == SheetVisibleEnum.Visible]
    filled = [s for s in map(workbook.get_sheet_by_name, seen) if s.start is not None]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise Unusable("0 rows: the workbook is empty", "at least a header and 1 row are needed")
    shown = [shortened(sheet.name) for sheet in filled]
    raise Unusable(
        f"the workbook has {len(filled)} sheets: {listed(shown)}",
        f'say which is meant: `sheet: "{shown[0]}"`',
    )


def _array(values: Sequence[Any], decimal: str) -> pa.Array:
    """The values of a column with the type that all of them have, else as text; '' is none."""
    kinds = {_kind(value) for value in values if value != ""}
    cells = [None if value == "" else value for value in values]
    if not kinds:
        return pa.nulls(len(cells), pa.string())
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds == {float}:
        if all(v is None or (v == int(v) and abs(v) < 2**63) for v in cells):
            return pa.array([None if v is None else int(v) for v in cells], pa.int64())
        return pa.array([None if v is None else float(v) for v in cells], pa.float64())
    if kinds == {date}:
        return pa.array(cells, pa.date32())
    if kinds <= {date, datetime}:
        moments = [
            datetime.combine(v, time()) if v is not None and not isinstance(v, datetime) else v
            for v in cells
        ]
        return pa.array(moments, pa.timestamp("us"))
    return pa.array([_text(value, decimal) for value in values], pa.string())


def _kind(value: Any) -> type:
    if isinstance(value, bool):
        return bool
    if _is_number(value):
        return float
    return next((k for k in (datetime, date) if isinstance(value, k)), str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any, decimal: str) -> str | None:
    """A cell as it would stand in a CSV file of the source."""
    if value == "":
        return None
    if _is_number(value):
        if value == int(value):
            return str(int(value))
        return repr(value).replace(".", decimal)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time | timedelta):
        return str(value)
    return str(value)
