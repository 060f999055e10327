"""Small good files of every canonical table, as CSV and as Parquet, and configs over them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from features.contract import TABLES, Column, Kind

Form = Literal["csv", "parquet"]
Text = dict[str, str]
"""One row as text, by column; the empty text where there is nothing."""

ROWS = 40
FIRST_DAY = datetime(2024, 1, 2, 9)
CONFIG = "config.yaml"
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same text, sooner
_IDS = {"line_id": 1, "contact_id": 7, "rep_id": 3, "owner_id": 3, "product_id": 5}
_DAYS_AFTER = {  # a stamp of a row, so many days after its event
    "known_at": 0,
    "promised_at": 2,
    "delivered_at": 3,
    "first_response_at": 1,
    "first_response_known_at": 1,
    "resolved_at": 4,
    "resolved_known_at": 4,
    "reopened_at": 6,
    "reopened_known_at": 6,
    "due_at": 5,
}


def good_rows(table: str, rows: int = ROWS) -> list[Text]:
    """Rows that break no rule of a table, a day apart, with every column of the contract filled."""
    return [dict(row) for row in _good_rows(table, rows)]


@cache
def _good_rows(table: str, rows: int) -> list[Text]:
    return [
        {column.name: _value(table, column, number) for column in TABLES[table].columns}
        for number in range(rows)
    ]


def as_csv(rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> bytes:
    """Rows as UTF-8 text with a header; the columns are those of the first row."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0]], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(
    rows: Sequence[Mapping[str, str]],
    table: str | None = None,
    compression: str = "zstd",
    data_page_version: str = "1.0",
) -> bytes:
    """Rows as Parquet: typed as the contract has it, a column whose values do not fit as text."""
    kinds = {column.name: column.kind for column in TABLES[table].columns} if table else {}
    columns = {
        name: _typed([row[name] or None for row in rows], kinds.get(name)) for name in rows[0]
    }
    return parquet(pa.table(columns), compression, data_page_version)


def parquet(table: pa.Table, compression: str = "zstd", data_page_version: str = "1.0") -> bytes:
    """An Arrow table as the bytes of a Parquet file."""
    file = pa.BufferOutputStream()
    pq.write_table(table, file, compression=compression, data_page_version=data_page_version)
    return file.getvalue().to_pybytes()


def written(rows: Sequence[Mapping[str, str]], table: str, form: Form) -> bytes:
    """Rows of a table in one of the two forms."""
    return as_csv(rows) if form == "csv" else as_parquet(rows, table)


def config(sources: Mapping[str, object], **sections: object) -> bytes:
    """A config over sources, everything else small; sections: further ones, or in place of these.

    What the command writes goes below the config's folder.
    """
    content: dict[str, object] = {
        "name": "small",
        "timezone": "Europe/Berlin",
        "sources": {name: dict(source) for name, source in sources.items()},  # type: ignore[call-overload]
        "snapshots": {"first": "2024-01-20", "last": "2024-02-01", "every": "week"},
        "engine": {"threads": 1},
        "output": "out",
    }
    return yaml.dump(content | sections, Dumper=_DUMPER, sort_keys=False).encode()


def _value(table: str, column: Column, number: int) -> str:
    contract = TABLES[table]
    happened = FIRST_DAY + timedelta(days=number)
    if column.name == "cancelled_at":
        return ""
    match column.kind:
        case Kind.ID:
            return _id(contract.key, column.name, number)
        case Kind.TEXT if column.name == "order_kind":
            return "order"
        case Kind.TEXT if words := column.allowed or column.words:
            return words[number % len(words)]
        case Kind.TEXT:
            return "EUR" if column.name == "currency" else f"{column.name} {number % 4}"
        case Kind.TIME:
            if column.name == "as_of":
                happened -= timedelta(days=1)
            return str(happened + timedelta(days=_DAYS_AFTER.get(column.name, 0)))
        case Kind.MONEY:
            return f"{100 + number}.{number:02d}"
        case Kind.NUMBER:
            return str(number % 9 + 1)
        case Kind.FLAG:
            return "true" if column.name == "stages_recorded" else "false"


def _id(key: tuple[str, ...], name: str, number: int) -> str:
    if name in key and len(key) == 1:
        return f"{name[0].upper()}{number:04d}"
    if name == "into_id":
        return "A9999"
    if name == "order_id":
        return f"O{number // 2:04d}"
    if name == "line_id":
        return str(number % 2 + 1)
    return f"{name[0].upper()}{number % _IDS.get(name, 12):04d}"


def _typed(values: list[str | None], kind: Kind | None) -> pa.Array:
    try:
        match kind:
            case Kind.TIME:
                stamps = [v and datetime.fromisoformat(v) for v in values]
                return pa.array(stamps, pa.timestamp("us"))
            case Kind.MONEY:
                return pa.array([v and float(v) for v in values], pa.float64())
            case Kind.NUMBER:
                return pa.array([v and Decimal(v) for v in values], pa.decimal128(18, 6))
            case Kind.FLAG:
                return pa.array([v and {"true": True, "false": False}[v] for v in values])
    except (ArithmeticError, KeyError, ValueError):
        pass
    return pa.array(values, pa.string())
