"""The call list as a spreadsheet, opened as a spreadsheet program opens it: by its parts."""

from __future__ import annotations

import csv
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from drawn_lists import ROW, D, drawn_list

from pipeline.scoring.call_list import write_call_list
from pipeline.scoring.columns import COLUMNS
from pipeline.scoring.score_table import SCHEMA
from pipeline.scoring.spreadsheet import write_spreadsheet

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
DAYS_TO_1970 = 25569  # days since the day from which spreadsheets count


@dataclass(frozen=True)
class Opened:
    """One sheet: values by heading, and what its cells and its frame look like."""

    parts: dict[str, bytes]
    sheet: ElementTree.Element
    rows: list[list[Any]]

    def column(self, heading: str) -> list[Any]:
        place = self.rows[0].index(heading)
        return [row[place] for row in self.rows[1:]]

    def format_of(self, heading: str, line: int = 1) -> str:
        """The number format of a cell."""
        place = self.rows[0].index(heading)
        cell = self.sheet.findall(f".//{MAIN}row")[line].findall(f"{MAIN}c")
        style = int(next(c for c in cell if _place(c) == place).get("s", 0))
        styles = ElementTree.fromstring(self.parts["xl/styles.xml"])
        number = styles.findall(f"{MAIN}cellXfs/{MAIN}xf")[style].get("numFmtId")
        named = {f.get("numFmtId"): f.get("formatCode") for f in styles.iter(f"{MAIN}numFmt")}
        return named.get(number, f"built-in {number}")


def opened(path: Path, number: int = 1) -> Opened:
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    shared = ElementTree.fromstring(parts["xl/sharedStrings.xml"])
    texts = ["".join(t.text or "" for t in si.iter(f"{MAIN}t")) for si in shared]
    sheet = ElementTree.fromstring(parts[f"xl/worksheets/sheet{number}.xml"])
    lines = [row.findall(f"{MAIN}c") for row in sheet.iter(f"{MAIN}row")]
    width = max(map(len, lines))
    rows: list[list[Any]] = [[None] * width for _ in lines]
    for row, cells in zip(rows, lines, strict=True):
        for cell in cells:
            value = cell.find(f"{MAIN}v")
            if value is not None and value.text is not None:
                is_text = cell.get("t") == "s"
                row[_place(cell)] = texts[int(value.text)] if is_text else float(value.text)
    return Opened(parts, sheet, rows)


def _place(cell: ElementTree.Element) -> int:
    place = 0
    for letter in re.match(r"[A-Z]+", cell.get("r", ""))[0]:
        place = place * 26 + ord(letter) - 64
    return place - 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call_list.xlsx"


def test_it_has_every_column_and_row_of_the_csv(path: Path, tmp_path: Path) -> None:
    table = drawn_list({"name": "Müller"}, {"name": None, "usual_gap": None}, {"key_account": True})
    write_spreadsheet(path, table, D)
    write_call_list(tmp_path / "call_list.csv", table)
    lines = (tmp_path / "call_list.csv").read_text("utf-8-sig").splitlines()
    names, *rows = csv.reader(lines)
    book = opened(path)
    assert book.rows[0] == [COLUMNS[name].heading for name in names]
    filled = [[cell is not None for cell in row] for row in book.rows[1:]]
    assert filled == [[cell != "" for cell in row] for row in rows]


def test_every_published_column_is_described() -> None:
    assert [name for name in SCHEMA.names if name not in COLUMNS] == []
    assert all(column.means for column in COLUMNS.values())


def test_numbers_are_numbers_and_dates_dates_each_in_its_format(path: Path) -> None:
    write_spreadsheet(path, drawn_list({"risk": 0.4567, "value_at_stake": 12345.6}), D)
    book = opened(path)
    assert book.column("Risk") == [0.4567] and book.format_of("Risk") == "0.0%"
    assert book.column("Value at stake") == [12345.6]
    assert book.format_of("Value at stake") == "#,##0"
    days = (ROW["last_order_at"].replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert int(book.column("Last order")[0]) == DAYS_TO_1970 + days
    assert book.format_of("Last order") == book.format_of("As of") == "yyyy-mm-dd"
    assert book.column("Thin history") == ["no"]


def test_what_rounds_to_nothing_is_shown_without_a_sign(path: Path, tmp_path: Path) -> None:
    """A spreadsheet shows -0.3 in a format without decimals as -0."""
    below = {"value_at_stake": -0.3, "expected_loss": -0.01, "change": -0.0004}
    real = {"value_at_stake": -2.0, "expected_loss": -1.0, "change": -0.1}
    table = drawn_list(below, real)
    write_spreadsheet(path, table, D)
    columns = [opened(path).column(COLUMNS[name].heading) for name in real]
    assert columns == [[0, -2], [0, -1], [0, -0.1]]
    write_call_list(tmp_path / "call_list.csv", table)
    lines = (tmp_path / "call_list.csv").read_text("utf-8-sig").splitlines()
    rows = [[row[name] for name in real] for row in csv.DictReader(lines)]
    assert rows == [["0", "0", "0.000"], ["-2", "-1", "-0.100"]]


HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "{=1}",
    "http://example.org/",
    "mailto:x@example.org",
    "internal:Sheet1!A1",
    "007",
    "1e5",
    "<b>&</b>\x01",
]


def test_fault_39_text_stays_text_whatever_it_looks_like(path: Path) -> None:
    names = ("name", "owner_id", "reason_1")
    write_spreadsheet(path, drawn_list(*(dict.fromkeys(names, t) for t in HOSTILE)), D)
    book = opened(path)
    said = [text.replace("\x01", "_x0001_") for text in HOSTILE]  # as the format writes it
    assert book.column("Name") == book.column("Owner") == book.column("Reason 1") == said
    assert list(book.sheet.iter(f"{MAIN}f")) == []  # no formula
    assert list(book.sheet.iter(f"{MAIN}hyperlink")) == []
    assert not any("rels" in part and "sheet1" in part for part in book.parts)  # nor a link


def test_the_first_row_and_the_names_stay_and_every_column_can_be_filtered(path: Path) -> None:
    write_spreadsheet(path, drawn_list({}, {}, {}), D)
    sheet = opened(path).sheet
    pane = sheet.find(f".//{MAIN}pane")
    assert pane is not None
    assert (pane.get("state"), pane.get("ySplit"), pane.get("xSplit")) == ("frozen", "1", "3")
    filtered = sheet.find(f"{MAIN}autoFilter")
    assert filtered is not None and re.fullmatch(r"A1:[A-Z]+4", filtered.get("ref", ""))
    widths = [float(column.get("width", 0)) for column in sheet.iter(f"{MAIN}col")]
    assert widths and min(widths) > 5


def test_what_to_keep_in_mind_about_the_list_is_its_first_line(path: Path) -> None:
    write_spreadsheet(path, drawn_list({}, {}), D, "Sorted by size.")
    book = opened(path)
    assert book.rows[0][0] == "Sorted by size."
    assert "Account" in book.rows[1] and len(book.rows) == 4
    pane, filtered = book.sheet.find(f".//{MAIN}pane"), book.sheet.find(f"{MAIN}autoFilter")
    assert pane is not None and pane.get("ySplit") == "2"
    assert filtered is not None and re.fullmatch(r"A2:[A-Z]+4", filtered.get("ref", ""))


def test_a_second_sheet_says_what_the_columns_mean(path: Path) -> None:
    write_spreadsheet(path, drawn_list({}), D)
    told = opened(path, number=2)
    assert told.column("Column") == SCHEMA.names
    assert "risk x value at stake" in told.column("Meaning")


def test_the_same_rows_give_the_same_bytes_at_any_time(path: Path, tmp_path: Path) -> None:
    table = drawn_list({"name": "A"}, {"name": "B"})
    write_spreadsheet(path, table, D)
    again = tmp_path / "again.xlsx"
    write_spreadsheet(again, table, D)
    assert path.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(path) as file:
        assert {part.date_time for part in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert b"2025-01-01T00:00:00Z" in opened(path).parts["docProps/core.xml"]


def test_an_empty_list_still_opens(path: Path) -> None:
    write_spreadsheet(path, drawn_list({}).slice(0, 0), D)
    assert len(opened(path).rows) == 1
