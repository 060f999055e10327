"""The tables of a market as Parquet files: columns, types, and writing that repeats byte by byte.

Rows come in blocks of accounts, a row group each, so that memory does not grow with the market.
Files are written beside their place and moved there when all are whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CannotWrite
from pipeline.locks import alone_in
from pipeline.market.arrays import Floats, Ints
from pipeline.market.calendar import NO_STAMP
from pipeline.scratch import ScratchFolder

TEXT = pa.dictionary(pa.int32(), pa.string())  # in memory; plain text in the files
STAMP = pa.timestamp("ms", tz="UTC")  # whole seconds; Parquet has no coarser unit
MONEY = pa.decimal128(18, 2)

ORDERS = pa.schema(
    {
        "account_id": TEXT, "order_id": pa.string(), "line_id": TEXT,
        "occurred_at": STAMP, "known_at": STAMP,
        "product_id": TEXT, "category": TEXT, "quantity": pa.int64(),
        "amount": MONEY, "margin": MONEY, "currency": TEXT,
        "promised_at": STAMP, "delivered_at": STAMP,
    }
)  # fmt: skip
TOUCHES = pa.schema(
    {
        "account_id": TEXT, "contact_id": pa.string(), "rep_id": TEXT,
        "occurred_at": STAMP, "known_at": STAMP,
        "role": TEXT, "department": TEXT, "seniority": TEXT, "channel": TEXT, "initiated_by": TEXT,
    }
)  # fmt: skip
COMPLAINTS = pa.schema(
    {
        "complaint_id": pa.string(), "account_id": TEXT, "opened_at": STAMP, "known_at": STAMP,
        "first_response_at": STAMP, "first_response_known_at": STAMP,
        "resolved_at": STAMP, "resolved_known_at": STAMP,
        "reopened_at": STAMP, "reopened_known_at": STAMP,
        "due_at": STAMP, "severity": TEXT, "category": TEXT, "product_id": TEXT,
    }
)  # fmt: skip
ACCOUNTS = pa.schema(
    {
        "account_id": TEXT, "name": pa.string(), "segment": TEXT, "region": TEXT,
        "opened_on": pa.date32(), "owner_id": TEXT, "known_at": STAMP,
    }
)  # fmt: skip
REPS = pa.schema({"rep_id": pa.string(), "left_on": pa.date32(), "known_at": STAMP})
TRUTH = pa.schema(
    {
        "account_id": TEXT, "month": pa.date32(), "trading": pa.bool_(),
        "bond": pa.float64(), "commitment": pa.float64(),
        "silent_30": pa.float64(), "silent_90": pa.float64(), "silent_180": pa.float64(),
        "left_on": pa.date32(), "left_because": TEXT,
    }
)  # fmt: skip
LEAVES = pa.schema({"account_id": TEXT, "month": pa.date32(), "leaves_90": pa.float64()})
EVENTS = pa.schema(
    {
        "account_id": TEXT, "cause": TEXT, "happened_at": STAMP, "recorded_at": STAMP,
        "wear": pa.float64(),
    }
)  # fmt: skip

TABLES: Mapping[str, pa.Schema] = {
    "orders": ORDERS, "touches": TOUCHES, "complaints": COMPLAINTS,
    "accounts": ACCOUNTS, "reps": REPS, "truth": TRUTH,
    "leaves_90": LEAVES, "truth_events": EVENTS,
}  # fmt: skip
FILES = (*(f"{name}.parquet" for name in TABLES), "README.md")


def labels(values: Sequence[str], index: Ints) -> pa.Array:
    """Texts given by their index in `values`; null where the index is negative."""
    # PyArrow 25 writes a dictionary that repeats a value with a tail of unset memory, so that the
    # bytes of the file differ from run to run.
    distinct = {value: code for code, value in enumerate(dict.fromkeys(values))}
    code_of = np.array([distinct[value] for value in values], dtype=np.int32)
    codes = pa.array(code_of[index], mask=index < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(distinct), pa.string()))


def money(cents: Ints) -> pa.Array:
    """Whole cents as decimals with two places, without passing through floats."""
    halves = np.stack([cents, cents >> 63], axis=1)  # 128 bits, low half first
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(halves.tobytes())])


def stamps(seconds: Ints) -> pa.Array:
    """UTC seconds since 1970; `NO_STAMP` is null."""
    empty = seconds == NO_STAMP
    return pa.array(np.where(empty, 0, seconds) * 1000, pa.int64(), mask=empty).cast(STAMP)


def days(epoch_days: Ints) -> pa.Array:
    """Days since 1970; `NO_STAMP` is null."""
    empty = epoch_days == NO_STAMP
    return pa.array(np.where(empty, 0, epoch_days).astype(np.int32), mask=empty).cast(pa.date32())


def floats(values: Floats) -> pa.Array:
    """Numbers; NaN is null."""
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def table(schema: pa.Schema, **columns: Any) -> pa.Table:
    """A table of one of the schemas above."""
    return pa.table(columns, schema=schema)


class Files:
    """Writers of all tables of a market; use as a context manager.

    Raises `CannotWrite` if the folder cannot be written, and then leaves its files as they were.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scratch: ScratchFolder | None = None
        self._writers: dict[str, pq.ParquetWriter] = {}
        self.rows = dict.fromkeys(TABLES, 0)

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._scratch = ScratchFolder(self._folder)
            for name, schema in TABLES.items():
                self._writers[name] = pq.ParquetWriter(
                    self._partial(f"{name}.parquet"), schema,
                    compression="zstd", version="2.6", store_schema=False,
                )  # fmt: skip
        except OSError as error:
            self._discard()
            raise self._cannot_write(error) from error
        return self

    def write(self, name: str, rows: pa.Table) -> None:
        """Appends rows to a table."""
        try:
            self._writers[name].write_table(rows, row_group_size=max(1, len(rows)))
        except OSError as error:
            raise self._cannot_write(error) from error
        self.rows[name] += len(rows)

    def finish(self, readme: str) -> None:
        """Closes the tables and puts them, and the README, in their place."""
        try:
            for writer in self._writers.values():
                writer.close()
            self._partial("README.md").write_text(readme, encoding="utf-8", newline="\n")
            with alone_in(self._folder):  # or the files of two markets would be mixed
                for name in FILES:
                    self._partial(name).replace(self._folder / name)
        except OSError as error:
            raise self._cannot_write(error) from error

    def __exit__(self, *_: object) -> None:
        self._discard()

    def _partial(self, name: str) -> Path:
        assert self._scratch is not None  # made on entering
        return self._scratch.path / name

    def _discard(self) -> None:
        """Removes what is not finished."""
        for writer in self._writers.values():
            with suppress(OSError):  # a full disk refuses the footer too
                writer.close()
        if self._scratch is not None:
            self._scratch.close()

    def _cannot_write(self, error: OSError) -> CannotWrite:
        return CannotWrite(
            f"cannot write the simulated market to {self._folder}: {error.strerror or error}; "
            "free some space there or choose another folder with --out"
        )
