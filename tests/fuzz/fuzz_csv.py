"""Damaged CSV files, and good ones under options that do not fit them."""

from __future__ import annotations

from random import Random

from damage import ENCODINGS, damaged_table
from fuzz_input import DATA, OK, FuzzInput, project
from small_files import Text, as_csv, good_rows

from features.contract import TABLES

ROWS = 8
_WEIGHTS = (2, 2, 2, 4, 14, 14, 4)  # wide tables are slow
_OPTIONS: dict[str, tuple[object, ...]] = {
    "delimiter": (",", ";", "\t", "|", " ", ".", "\0", "é", "\\", "0", "'", "-", "\u2028"),
    "decimal": (",", "."),
    "encoding": (*ENCODINGS, "ascii", "utf-8", "cp850", "koi8-r", "big5", "hz", "punycode"),
    "datetime_format": (
        *("%d/%m/%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%f", "%c", "%x %X", "%G-%V-%u", "%j"),
        *("%Y-%m-%d %H:%M:%S %z", "%Z", "%%%Y", "%-d.%-m.%y", "%n", "%A %B %p %I"),
        ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S"],
        *("iso", "epoch_s", "epoch_ms", "epoch_us", "excel", "excel_1904", ["excel", "iso"]),
    ),
    "thousands": (" ", "'"),
    "units": (["EUR"], ["$", "("], ["\\1"], ["."]),
    "nulls": (["NULL"], ["-", "0"], ["'"]),
    "zones": ({"CET": "+01:00"}, {"Z": "-23:59"}, {"]": "+00:00"}),
    "header_row": (1, 2, [1, 2], 1000),
    "skip_rows": (["A"], [","], ["\\"]),
    "footer_rows": (0, 1, 1000),
    "timezone": ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Africa/Monrovia"),
    "complete_until": ("2024-01-05", "1900-01-01", "2199-12-31", "2024-01-05 09:00:00"),
    "dedupe": (True, False),
    "max_quarantined_share": (0, 1, 0.5),
}


def table_name(random: Random) -> str:
    """One of the canonical tables."""
    return random.choices([*TABLES], _WEIGHTS)[0]


def some_rows(random: Random, table: str) -> list[Text]:
    """Good rows of a table, of all its columns or of those that it must have and some more."""
    rows = good_rows(table, ROWS)
    if random.random() < 0.7:
        columns = TABLES[table].columns
        kept = [c.name for c in columns if c.required or random.random() < 0.3]
        rows = [{name: row[name] for name in kept} for row in rows]
    return rows


def options(random: Random) -> dict[str, object]:
    """Keys of a source, none in half of the cases."""
    chosen: dict[str, object] = {}
    while random.random() < 0.45:
        key = random.choice([*_OPTIONS])
        chosen[key] = random.choice(_OPTIONS[key])
    return chosen


def draw(random: Random) -> FuzzInput:
    """One table, one file; now and then in three files of a pattern."""
    table = table_name(random)
    good = as_csv(some_rows(random, table))
    if random.random() < 0.04:
        files = {f"p{part}.csv": good for part in range(2)}
        files["p2.csv"] = damaged_table(random, good)
        source = {"path": "p*.csv"}
    else:
        files, source = {"source.csv": damaged_table(random, good)}, {"path": "source.csv"}
    sources = {table: source | options(random)}
    return project("csv", sources, files, OK, DATA)
