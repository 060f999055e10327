"""The files that exports come in: packed, in a workbook, with lines around the table."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from pipeline.config import load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources import archives, readable_paths
from pipeline.sources.findings import finding_lines
from pipeline.sources.validation import validate

HEAD = "account_id,order_id,occurred_at,amount\n"
ROWS = "K1,R1,2025-01-15,100.50\nK1,R2,2025-02-15,-80\nK2,R3,2025-02-20,12\n"
TABLE = HEAD + ROWS
GERMAN = TABLE.replace(".", "§").replace(",", ";").replace("§", ",")
SALES = [("K1", "R1", 10050), ("K1", "R2", -8000), ("K2", "R3", 1200)]

Content = str | bytes


class Outcome:
    """What became of orders: their rows, and what was said."""

    def __init__(self, folder: Path, options: str, files: Mapping[str, Content]) -> None:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        text = "name: small\nsnapshots: {first: 2025-02-01, last: 2025-03-01}\n"
        text += f"timezone: Europe/Berlin\nsources:\n  orders: {{{options}}}\n"
        (folder / "small.yaml").write_text(text, encoding="utf-8")
        config = load_config(folder / "small.yaml")
        with DuckDBEngine(readable_paths(config), threads=1) as engine:
            report = validate(config, engine)
            self.rows = []
            if engine.has_table("orders"):
                columns = "account_id, order_id, amount_cents"
                self.rows = engine.rows(f"SELECT {columns} FROM orders ORDER BY ALL")
                self.times = [
                    time for (time,) in engine.rows("SELECT occurred_at FROM orders ORDER BY ALL")
                ]
        self.errors = finding_lines(report.errors)
        self.said = "\n".join(finding_lines(report.findings))


@pytest.fixture
def orders(tmp_path) -> Callable[..., Outcome]:
    def reading(options: str, files: Mapping[str, Content]) -> Outcome:
        return Outcome(tmp_path, options, files)

    return reading


def zipped(**members: Content) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def workbook(sheets: Mapping[str, list[list[Any]]], hidden: tuple[str, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    formats = {
        datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        date: book.add_format({"num_format": "yyyy-mm-dd"}),
    }
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, place, value, formats[type(value)])
                elif isinstance(value, str) and value.startswith("="):
                    sheet.write_formula(number, place, value, None, "#N/A")
                else:
                    sheet.write(number, place, value)
    book.close()
    return buffer.getvalue()


NAMES = HEAD.strip().split(",")
CELLS = [
    NAMES,
    ["K1", "R1", date(2025, 1, 15), 100.5],
    ["K1", "R2", datetime(2025, 2, 15, 10, 30), -80],
    ["K2", "R3", date(2025, 2, 20), 12],
]
FORMS = ', delimiter: ";", decimal: ","'
SAP = (
    "28.02.2025   Dynamic List   1\r\n" + "-" * 40 + "\r\n"
    "|account_id|order_id|occurred_at|  amount|\r\n" + "-" * 40 + "\r\n"
    "|K1        |R1      |15.01.2025 | 100,50 |\r\n"
    "|K1        |R2      |15.02.2025 |  80,00-|\r\n" + "-" * 40 + "\r\n"
    "28.02.2025   Dynamic List   2\r\n"
    "|account_id|order_id|occurred_at|  amount|\r\n"
    "|K2        |R3      |20.02.2025 |  12,00 |\r\n" + "-" * 40 + "\r\n"
)


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ("path: o.csv", {"o.csv": TABLE}),
        (f"path: o.csv{FORMS}", {"o.csv": "sep=;\r\n" + GERMAN.replace("\n", "\r\n")}),
        ('path: o.csv, decimal: ","', {"o.csv": "\ufeffsep=;\n" + GERMAN}),
        ("path: o.csv", {"o.csv": '"sep=,"\n' + TABLE}),
        ("path: o.csv, encoding: utf-16", {"o.csv": ("sep=,\r\n" + TABLE).encode("utf-16")}),
        ("path: o.csv, header_row: 3", {"o.csv": 'Orders of 5" pipes\n\n' + TABLE}),
        ("path: o.csv, header_row: 2", {"o.csv": "sep=,\nOrders,,,\n" + TABLE}),
        ("path: o.csv", {"o.csv": HEAD + ROWS.replace("\n", ",\n")}),
        ("path: o.xlsx", {"o.xlsx": workbook({"A": [["", *row] for row in CELLS]})}),
        ('path: o.csv, skip_rows: "account_id"', {"o.csv": TABLE + HEAD}),
        ("path: o.csv, footer_rows: 1", {"o.csv": TABLE + "Total,,,32.50\n"}),
        ("path: o.csv, footer_rows: 2", {"o.csv": TABLE + "Total\nprinted by Ann\n\n"}),
        (
            'path: o.csv, skip_rows: ["Total", "#"]',
            {"o.csv": HEAD + "# a note\n" + ROWS + "Total,1\n"},
        ),
        ("path: o.csv", {"o.csv": TABLE.replace("\n", "\r")}),
        ("path: o.csv", {"o.csv": TABLE.replace("\n", "\r\n") + "\x1a"}),
        ("path: o.csv", {"o.csv": TABLE + "\x1a"}),
        ("path: o.csv", {"o.csv": HEAD.replace("\n", "\r\n") + ROWS}),
        ("path: o.csv", {"o.csv": HEAD + ROWS.replace("\n", "\r\n")}),
        ("path: o.csv", {"o.csv": '\ufeff"account_id",' + TABLE[11:]}),
        (
            'path: o.csv, columns: {account_id: "Account\\r\\nno."}',
            {"o.csv": '\ufeff"Account\r\nno.",' + TABLE[11:].replace("\n", "\r\n")},
        ),
        (
            "path: o.csv, columns: {account_id: Account no.}",
            {"o.csv": '"Account\nno.",' + TABLE[11:]},
        ),
        (
            "path: o.csv, columns: {account_id: Customer No, amount: Net amount}",
            {"o.csv": "Customer No ,order_id,occurred_at,Net\u00a0amount\n" + ROWS},
        ),
        (
            "path: o.csv, header_row: [1, 2], columns: {account_id: Account no, "
            "order_id: Order no, occurred_at: Order date, amount: Net EUR}",
            {"o.csv": "Account,Order,,Net\nno,no,date,EUR\n" + ROWS},
        ),
        ("path: o.csv.gz", {"o.csv.gz": gzip.compress(TABLE.encode())}),
        ("path: o.csv", {"o.csv": gzip.compress(TABLE.encode())}),
        ("path: o.gz, format: csv", {"o.gz": gzip.compress(TABLE.encode())}),
        ("path: o", {"o/a.csv.gz": gzip.compress(TABLE.encode())}),
        (
            "path: o.csv.gz, header_row: 2",
            {"o.csv.gz": gzip.compress(("Orders\n" + TABLE).encode())},
        ),
        ("path: o.zip", {"o.zip": zipped(orders__csv=TABLE)}),
        ("path: o", {"o/o.zip": zipped(orders__csv=TABLE, readme__md="see")}),
        (
            "path: o.zip, member: b.csv",
            {"o.zip": zipped(a__csv="x\n1\n", b__csv=TABLE)},
        ),
        ("path: o.zip", {"o.zip": zipped(o__xlsx=workbook({"A": CELLS}))}),
        ("path: o.xlsx", {"o.xlsx": workbook({"A": CELLS})}),
        ("path: o", {"o/o.xlsx": workbook({"A": CELLS}), "o/~$o.xlsx": b"locked"}),
        ("path: o.xlsx", {"o.xlsx": workbook({"A": CELLS, "B": [], "C": [["x"]]}, ("C",))}),
        ("path: o.xlsx, sheet: B", {"o.xlsx": workbook({"A": [["x"]], "B": CELLS})}),
        (
            "path: o.xlsx, header_row: 3, footer_rows: 1",
            {"o.xlsx": workbook({"A": [["Orders"], [], *CELLS, [], ["Total", "", "", 32.5]]})},
        ),
        (
            'path: o.xlsx, skip_rows: "Total"',
            {"o.xlsx": workbook({"A": [*CELLS[:3], ["Total", "", "", 1], CELLS[3]]})},
        ),
        (
            'path: o.xlsx, thousands: ".", nulls: "-"',
            {"o.xlsx": workbook({"A": [*CELLS[:3], ["K2", "R3", CELLS[3][2], "12,00"]]})},
        ),
        (
            'path: o.txt, delimiter: "|", decimal: ",", datetime_format: "%d.%m.%Y", '
            'header_row: 3, skip_rows: ["---", "28.02.2025", "account_id"]',
            {"o.txt": re.sub(r"(?<=[KR]\d) +", "", SAP)},
        ),
        (
            "path: o.csv",
            {
                "o.csv": HEAD + '"=""K1""",R1,2025-01-15,100.50\n="K1",R2,2025-02-15,-80\n'
                'K2,"=""R3""",2025-02-20,"=""12"""\n'
            },
        ),
    ],
)
def test_the_same_orders_however_they_come(orders, options, files):
    outcome = orders(options, files)
    assert outcome.errors == []
    assert outcome.rows == SALES
    assert [time.date() for time in outcome.times] == [
        date(2025, 1, 15),
        date(2025, 2, 15),
        date(2025, 2, 20),
    ]


GIBBERISH = bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("options", "files", "what", "advice"),
    [
        (
            'path: o.csv, delimiter: ","',
            {"o.csv": "sep=;\n" + GERMAN},
            "its first line says `sep=;`",
            '`delimiter: ";"`',
        ),
        (
            "path: o.csv",
            {"o.csv": "Orders\n\n" + TABLE},
            "single column: 'Orders'",
            "`header_row: 3`",
        ),
        (
            "path: o.csv",
            {"o.csv": "Report,Orders,,\n" + TABLE},
            "there is no column 'account_id'",
            "`header_row: 2`",
        ),
        (
            "path: o.csv, header_row: 2",
            {"o.csv": "x\n\n" + TABLE},
            "row 2 holds no names",
            "row: 3`",
        ),
        (
            "path: o.csv",
            {"o.csv": TABLE + "Total\n"},
            "1 row: fewer than the header's 4",
            '`skip_rows: ["Total"]`',
        ),
        (
            "path: o.csv, header_row: 2",
            {"o.csv": "Orders\n" + TABLE + "Total;12\n"},
            "    row 6: Total",
            '`skip_rows: ["Total;12"]`',
        ),
        ('path: o.txt, delimiter: "|"', {"o.txt": SAP}, "printed list", "`header_row: 3`"),
        ("path: o.csv", {"o.csv": GERMAN}, "single column", '`delimiter: ";"`'),
        ('path: o.csv, delimiter: ";"', {"o.csv": TABLE}, "single column", '`delimiter: ","`'),
        ("path: o.gz", {"o.gz": gzip.compress(b"x")}, "no known format", "`format: csv`"),
        (
            "path: o.csv.gz",
            {"o.csv.gz": gzip.compress(TABLE.encode())[:-12]},
            "cut off",
            "export it again",
        ),
        ("path: o.zip", {"o.zip": zipped(a__csv="x", b__csv="y")}, "2 tables", '`member: "a.csv"`'),
        ("path: o.zip", {"o.zip": zipped(a__md="x")}, "no table, but a.md", "`member"),
        (
            "path: o.zip, member: c.csv",
            {"o.zip": zipped(a__csv="x")},
            "no file 'c.csv'",
            "`member`",
        ),
        ("path: o.xlsx", {"o.xlsx": GIBBERISH}, "no workbook", "save it again"),
        ("path: o.xlsx", {"o.xlsx": b"\xd0\xcf\x11\xe0" + GIBBERISH}, "before 2007", "as .xlsx"),
        ("path: o.csv", {"o.csv": b"\xd0\xcf\x11\xe0" + GIBBERISH}, "(.xls)", "as .xlsx"),
        ("path: o.csv", {"o.csv": workbook({"A": CELLS})}, "Excel workbook", "`format: xlsx`"),
        ("path: o.csv", {"o.csv": TABLE + TABLE}, "'amount'", '`skip_rows: ["account_id"]`'),
        (
            "path: o.csv, sheet: A",
            {"o.csv": TABLE},
            "`sheet` is not for files of CSV",
            "take it out",
        ),
        ("path: o.csv", {"o.csv": "<html><table>"}, "HTML", "as .xlsx"),
        ("path: o.csv", {"o.csv": b"BZh9" + GIBBERISH}, "packed with bzip2", "gzip or zip"),
        ("path: o.xls", {"o.xls": b"\xd0\xcf\x11\xe0" + GIBBERISH}, "before 2007", "as .xlsx"),
        (
            "path: o.ods",
            {"o.ods": zipped(mimetype="x", content__xml="<x/>")},
            "OpenDocument",
            "as .xlsx",
        ),
        (
            "path: o.xlsx",
            {"o.xlsx": workbook({"A": CELLS, "B": CELLS})},
            "2 sheets: A, B",
            '`sheet: "A"`',
        ),
        (
            "path: o.xlsx, sheet: C",
            {"o.xlsx": workbook({"A": CELLS})},
            "no sheet 'C'",
            '`sheet: "A"`',
        ),
        ("path: o.xlsx", {"o.xlsx": workbook({"A": []})}, "workbook is empty", "at least a header"),
        (
            "path: o.xlsx",
            {"o.xlsx": workbook({"A": [["Orders"], *CELLS]})},
            "single column: 'Orders'",
            "`header_row: 2`",
        ),
        (
            "path: o",
            {"o/_delta_log/0.json": "{}", "o/a.csv": TABLE},
            "is a Delta table",
            "present rows",
        ),
    ],
)
def test_a_refusal_shows_what_to_write(orders, options, files, what, advice):
    outcome = orders(options, files)
    assert what in "\n".join(outcome.errors)
    assert any(line.startswith("    -> ") and advice in line for line in outcome.errors)


def test_rows_keep_the_numbers_that_a_spreadsheet_shows(orders):
    text = "Orders\n\n" + HEAD + "# note,,,\n" + ROWS + "K3,R4,soon,1\n"
    outcome = orders('path: o.csv, header_row: 3, skip_rows: "#"', {"o.csv": text})
    assert "    row 8: 'soon'" in outcome.errors
    cells = [["Orders"], [], *CELLS, [], ["K3", "R4", "soon", 1]]
    outcome = orders("path: o.xlsx, header_row: 3", {"o.xlsx": workbook({"A": cells})})
    assert "    row 8: 'soon'" in outcome.errors


def test_rows_that_the_config_leaves_out_are_counted(orders):
    text = TABLE + "Total,,,1\nprinted\n"
    outcome = orders('path: o.csv, skip_rows: "Total", footer_rows: 1', {"o.csv": text})
    assert "note: orders, o.csv: 1 row left out by `skip_rows`" in outcome.said
    assert "note: orders, o.csv: 1 row left out by `footer_rows`" in outcome.said


def test_line_breaks_in_quotes_stay_and_make_no_rows(orders):
    text = (
        HEAD.replace("\n", ",category\r\n")
        + 'K1,R1,2025-01-15,1,"a\nb"\r\nK2,R2,2025-01-15,2,"c\r\nd"\r\n'
    )
    outcome = orders("path: o.csv", {"o.csv": text})
    assert outcome.errors == []
    assert outcome.rows == [("K1", "R1", 100), ("K2", "R2", 200)]


def test_a_quote_that_never_ends_is_refused_in_a_copy_too(orders):
    outcome = orders(
        "path: o.csv, header_row: 2", {"o.csv": "Orders\n" + HEAD + '"K1,R1,2025\n' + ROWS}
    )
    assert re.search(r"line \d+ cannot be read", outcome.errors[0])


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    table = {
        "account_id": ["K1"],
        "order_id": ["R1"],
        "occurred_at": [datetime(2025, 1, 31, 23, 30)],
        "amount": [1.0],
    }
    pq.write_table(pa.table(table | columns), buffer, use_deprecated_int96_timestamps=True)
    return buffer.getvalue()


def test_int96_is_a_moment_in_utc_and_this_is_said(orders):
    outcome = orders("path: o.parquet", {"o.parquet": parquet()})
    assert outcome.times == [datetime(2025, 2, 1, 0, 30)]
    assert "note: orders.occurred_at, o.parquet: stored as INT96: read as moments" in outcome.said


def test_other_naive_times_of_parquet_stay_wall_time(orders):
    buffer = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(parquet())), buffer)
    outcome = orders("path: o.parquet", {"o.parquet": buffer.getvalue()})
    assert outcome.times == [datetime(2025, 1, 31, 23, 30)]
    assert "INT96" not in outcome.said


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "rewritten"])
def test_folders_of_hive_hold_a_column(orders, kind):
    def content(order: str) -> Content:
        if kind == "parquet":
            return parquet(order_id=[order])
        text = f"account_id,order_id,occurred_at,amount\nK1,{order},2025-01-15,1\n"
        if kind == "csv.gz":
            return gzip.compress(text.encode())
        return text + ("\x1a" if kind == "rewritten" else "")

    suffix = "csv" if kind == "rewritten" else kind
    files = {
        f"o/region=north/month=01/part-0.{suffix}": content("R1"),
        f"o/region=south/month=02/part-0.{suffix}": content("R2"),
        "o/_SUCCESS": "",
    }
    outcome = orders("path: o, columns: {category: region}", files)
    assert outcome.errors == []
    assert [row[1] for row in outcome.rows] == ["R1", "R2"]
    assert "month" not in outcome.said


def test_a_column_of_a_folder_is_that_of_its_files(tmp_path):
    files = {
        f"o/account_id=K{n}/a.csv": f"order_id,occurred_at,amount\nR{n},2025-01-15,{n}\n"
        for n in (1, 2)
    }
    assert Outcome(tmp_path, "path: o", files).rows == [("K1", "R1", 100), ("K2", "R2", 200)]


@pytest.mark.parametrize(
    ("ids", "warned"),
    [
        ([1234567890123456, 2234567890123456], "16 digits, of which a workbook keeps 15"),
        ([7, 10023], "of 1 to 5 digits: zeros before them"),
        ([10023, 10024], ""),
        (["00007", "10023"], ""),
        (["K7", 10023], ""),
    ],
)
def test_ids_that_a_workbook_stores_as_numbers(orders, ids, warned):
    cells = [NAMES, *([account, f"R{n}", date(2025, 1, 15), 1] for n, account in enumerate(ids))]
    outcome = orders("path: o.xlsx", {"o.xlsx": workbook({"A": cells})})
    assert outcome.errors == []
    assert ("stored as numbers" in outcome.said) == bool(warned)
    assert warned in outcome.said


def test_numbers_of_a_column_with_texts_keep_their_value(orders):
    """A cell of 1.234 is no 1,234 because another cell of its column is a German text."""
    cells = [
        NAMES,
        ["K1", "R1", date(2025, 1, 15), 1.234],
        ["K2", "R2", date(2025, 1, 15), "1.234,50"],
    ]
    options = 'path: o.xlsx, decimal: ",", thousands: "."'
    outcome = orders(options, {"o.xlsx": workbook({"A": cells})})
    assert [row[2] for row in outcome.rows] == [123, 123450]


def test_error_cells_of_a_workbook_are_counted(orders):
    cells = [[*NAMES, "margin"], ["K1", "R1", date(2025, 1, 15), 1, "=NA()"]]
    outcome = orders("path: o.xlsx", {"o.xlsx": workbook({"A": cells})})
    assert "1 cell of the workbook hold an error" in outcome.said


def test_a_bomb_is_not_unpacked(orders, monkeypatch):
    monkeypatch.setattr(archives, "_NEVER_A_BOMB", 1 << 20)
    row = b"K1,R1,2025-01-15,1\n"
    bomb = HEAD.encode() + row * 150_000
    for name, content in {"o.csv.gz": gzip.compress(bomb), "o.zip": zipped(o__csv=bomb)}.items():
        outcome = orders(f"path: {name}", {name: content})
        assert "times as large as the packed file" in outcome.errors[0]


def test_a_file_that_is_too_large_when_unpacked(orders, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_UNPACKED", 100)
    outcome = orders("path: o.csv.gz", {"o.csv.gz": gzip.compress(TABLE.encode())})
    assert "its content has more than 100 bytes" in outcome.errors[0]


def test_a_workbook_that_is_too_large_when_unpacked(orders, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_WORKBOOK", 100)
    outcome = orders("path: o.xlsx", {"o.xlsx": workbook({"A": CELLS})})
    assert "bytes when unpacked" in outcome.errors[0]


def test_a_cell_far_outside_does_not_make_a_huge_table(orders):
    cells = [list(row) for row in CELLS]
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("A")
    for number, row in enumerate(cells):
        sheet.write_row(number, 0, [str(value) for value in row])
    sheet.write(1_048_575, 16_383, "x")
    book.close()
    outcome = orders("path: o.xlsx", {"o.xlsx": buffer.getvalue()})
    assert "a sheet reaches to row 1,048,576 and column 16,384" in outcome.errors[0]


def test_at_most_twenty_mistakes_of_a_kind_are_listed(orders):
    files = {f"o/{number:03}.csv": f"x{number};y\n1;2\n" for number in range(50)}
    outcome = orders("path: o", files)
    lines = [line for line in outcome.errors if line.startswith("error")]
    assert len(lines) == 21
    assert "the same of 30 more files" in lines[-1]


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ('path: o.csv, thousands: ".", decimal: "."', '`decimal: ","`'),
        ("path: o.csv, header_row: 0", "from 1 to 1,000"),
        ("path: o.csv, header_row: [1, 3]", "rows in a row"),
        ("path: o.csv, datetime_format: {occured_at: iso}", "did you mean 'occurred_at'"),
        ("path: o.csv, zones: {CET: 1}", "sources.orders.zones"),
        ("path: o.csv, nulls: [null]", "in quotes"),
        ("sql: o.sql, sheet: A", "`sheet` belongs to a file"),
        ("path: o.csv, thousands: ';'", "thousands"),
    ],
)
def test_options_that_cannot_be_meant(orders, options, mistake):
    with pytest.raises(Exception, match=re.escape(mistake)):
        orders(options, {"o.csv": TABLE})


LINE_IDS = HEAD.replace("order_id", "order_id,line_id") + re.sub(",R(.),", r",R\1,L\1,", ROWS)


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (TABLE, "", "error: orders, o/b.csv: has the same bytes as o/a.csv: its rows would count"),
        (TABLE, ", dedupe: true", "note: orders, o/b.csv: has the same bytes as o/a.csv: its rows"),
        (LINE_IDS, "", "note: orders, o/b.csv: has the same bytes as o/a.csv: its rows count once"),
    ],
)
def test_a_file_twice_is_an_error_where_its_rows_would_count_twice(orders, content, options, said):
    outcome = orders(f"path: o{options}", {"o/a.csv": content, "o/b.csv": content})
    assert said in outcome.said
    assert bool(outcome.errors) == said.startswith("error")
    assert outcome.errors or outcome.rows == SALES


def test_a_raw_input_twice_is_an_error(orders):
    (folder := {"o/a.csv": TABLE, "o/b.csv": TABLE})["o.sql"] = "SELECT * FROM raw"
    outcome = orders("sql: o.sql}\ninputs: {raw: {path: o}", folder)
    assert outcome.errors[0].startswith("error: raw, o/b.csv: has the same bytes as o/a.csv")


SHOPIFY = """Name,Email,Created at,Currency,Lineitem quantity,Lineitem price,Lineitem sku,\
Cancelled at
#1,a@x.example,2025-01-15 10:14:00 -0500,USD,2,16.00,P1,
#1,,,,1,20.00,P2,
#2,b@x.example,2025-01-16 10:14:00 -0500,USD,1,99.00,P1,2025-01-17 09:00:00 -0500
"""
TICKETS = """Id,Organization,Created at,Solved at,First reply time in minutes
1,K1,2025-02-01 10:00:00,2025-02-03 09:00:00,90
2,K1,2025-02-25 10:00:00,,
"""


def test_the_documented_recipes(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "sources.md"
    recipes = re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    files = {"shopify.csv": SHOPIFY, "tickets.csv": TICKETS}
    for name, text in {**files, "orders.sql": recipes[0], "complaints.sql": recipes[1]}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "small.yaml").write_text(
        "name: small\nsnapshots: {first: 2025-02-01, last: 2025-03-01}\n"
        "inputs: {shopify: {path: shopify.csv}, tickets: {path: tickets.csv}}\n"
        "sources: {orders: {sql: orders.sql}, complaints: {sql: complaints.sql}}\n"
    )
    config = load_config(tmp_path / "small.yaml")
    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        assert validate(config, engine).errors == ()
        assert engine.rows(
            "SELECT account_id, product_id, amount_cents FROM orders ORDER BY ALL"
        ) == [
            ("a@x.example", "P1", 3200),
            ("a@x.example", "P2", 2000),
        ]
        assert engine.rows("SELECT first_response_at FROM complaints ORDER BY ALL") == [
            (datetime(2025, 2, 1, 11, 30),),
            (None,),
        ]
