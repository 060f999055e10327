"""The call list as a spreadsheet: call_list.xlsx, with the types that the CSV cannot carry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import xlsxwriter

from pipeline.scoring.call_list import neutral
from pipeline.scoring.columns import DAYS, MONEY, SHARE, Column, described

_NUMBERS = {SHARE: "0.0%", MONEY: "#,##0", DAYS: "#,##0"}  # formats by unit
_NOTHING = {SHARE: 0.0005, MONEY: 0.5, DAYS: 0.5}  # what they round to 0; below it they show -0
_DATE = "yyyy-mm-dd"
_NO_GUESSING = dict.fromkeys(
    ("strings_to_formulas", "strings_to_urls", "strings_to_numbers", "nan_inf_to_errors"), False
)


def write_spreadsheet(path: Path, listed: pa.Table, as_of: date, note: str = "") -> None:
    """Write the listed rows: a sheet with all columns, and a sheet that says what they mean.

    note: what to keep in mind about the whole list; if there is anything, it is the first line.
    Text is written as text, whatever it looks like. The same rows give the same bytes: the file
    is dated by its snapshot, not by the clock.
    """
    columns = described(listed.schema)
    with xlsxwriter.Workbook(str(path), {"in_memory": True, **_NO_GUESSING}) as book:
        book.set_properties(
            {"title": f"Call list as of {as_of}", "created": datetime.combine(as_of, time())}
        )
        _list_sheet(book, columns, listed, note)
        _columns_sheet(book, columns)


def _list_sheet(book: Any, columns: Sequence[Column], listed: pa.Table, note: str) -> None:
    sheet = book.add_worksheet("Call list")
    header = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    cells = _Cells(book)
    head = 1 if note else 0  # the line of the headings
    if note:
        sheet.write_string(0, 0, note, book.add_format({"bold": True}))
    for place, column in enumerate(columns):
        sheet.write_string(head, place, column.heading, header)
        sheet.set_column(place, place, column.width)
        for line, value in enumerate(listed[column.name].to_pylist(), head + 1):
            cells.write(sheet, line, place, value, column.unit)
    names = [column.name for column in columns]
    sheet.freeze_panes(head + 1, names.index("name") + 1)  # rank, account and name stay in sight
    sheet.autofilter(head, 0, head + max(listed.num_rows, 1), len(columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0, head)
    sheet.set_footer("&L&A&RPage &P of &N")


def _columns_sheet(book: Any, columns: Sequence[Column]) -> None:
    sheet = book.add_worksheet("Columns")
    header = book.add_format({"bold": True, "bottom": 1})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    titles = {"Heading": 18, "Column": 22, "Meaning": 70, "Unit": 14, "Empty means": 50}
    for place, (title, width) in enumerate(titles.items()):
        sheet.write_string(0, place, title, header)
        sheet.set_column(place, place, width)
    for line, column in enumerate(columns, 1):
        told = (column.heading, column.name, column.means, column.unit, column.null_means)
        for place, text in enumerate(told):
            sheet.write_string(line, place, text, wrapped)
    sheet.freeze_panes(1, 0)


class _Cells:
    """Writes values as what they are, each kind in its format."""

    def __init__(self, book: Any) -> None:
        self._numbers = {
            unit: book.add_format({"num_format": text}) for unit, text in _NUMBERS.items()
        }
        self._date = book.add_format({"num_format": _DATE, "align": "left"})
        # Still text after somebody has edited the cell, where Excel would look at it again.
        self._quoted = book.add_format({"quote_prefix": True})

    def write(self, sheet: Any, line: int, place: int, value: Any, unit: str) -> None:
        """Write one cell; nothing where the value is null."""
        if value is None:
            return
        if isinstance(value, bool):
            sheet.write_string(line, place, "yes" if value else "no")
        elif isinstance(value, str):
            quoted = self._quoted if neutral(value) != value else None
            sheet.write_string(line, place, value, quoted)
        elif isinstance(value, date):
            sheet.write_datetime(line, place, value, self._date)
        else:
            shown = 0 if -_NOTHING.get(unit, 0) <= value < 0 else value
            sheet.write_number(line, place, shown, self._numbers.get(unit))
