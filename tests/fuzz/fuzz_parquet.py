"""Parquet files that are damaged, and whole ones that hold what nobody expects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
from damage import VALUES, damaged
from fuzz_csv import ROWS, options, some_rows, table_name
from fuzz_input import DATA, OK, FuzzInput, project
from small_files import as_parquet

_DAY = datetime(2024, 1, 5, 9)
_CODECS = ("none", "snappy", "gzip", "zstd", "lz4", "brotli")
_PAGES = ("1.0", "2.0")


def draw(random: Random) -> FuzzInput:
    """One table in one file, its bytes or its columns changed."""
    table = table_name(random)
    rows = some_rows(random, table)
    if random.random() < 0.5:
        family, content = "parquet bytes", _bytes(random, table, rows)
    else:
        family, content = "parquet columns", _columns(random, rows)
    left_out = {"delimiter", "encoding"}
    chosen = {key: value for key, value in options(random).items() if key not in left_out}
    sources = {table: {"path": "source.parquet", **chosen}}
    return project(family, sources, {"source.parquet": content}, OK, DATA)


def _bytes(random: Random, table: str, rows: list[dict[str, str]]) -> bytes:
    content = as_parquet(rows, table, random.choice(_CODECS), random.choice(_PAGES))
    if random.random() < 0.5:
        return damaged(random, content)
    # the footer alone: its length stands before the last four bytes
    length = int.from_bytes(content[-8:-4], "little")
    start = len(content) - 8 - length
    footer = damaged(random, content[start:-8])
    if random.random() < 0.8:
        length = len(footer)
    return content[:start] + footer + length.to_bytes(4, "little") + b"PAR1"


def _columns(random: Random, rows: list[dict[str, str]]) -> bytes:
    names = [*rows[0]]
    arrays: list[pa.Array] = [pa.array([row[name] or None for row in rows]) for name in names]
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(names))
        match random.randrange(8):
            case 0:
                names[at] = random.choice((*names, "", names[at].upper(), *VALUES))
            case 1:
                names.append(random.choice((*names, "file_row_number", "filename", "_row", "c0")))
                arrays.append(_odd(random))
            case _:
                arrays[at] = _odd(random)
    table = pa.Table.from_arrays(arrays, names)
    if random.random() < 0.05:
        table = table.slice(0, 0)
    file = pa.BufferOutputStream()
    choices = {
        "compression": random.choice(_CODECS),
        "use_dictionary": random.random() < 0.5,
        "version": random.choice(("1.0", "2.4", "2.6")),
        "data_page_version": random.choice(_PAGES),
        "use_deprecated_int96_timestamps": random.random() < 0.2,
        "write_statistics": random.random() < 0.5,
        "write_page_checksum": random.random() < 0.5,
        "store_schema": random.random() < 0.5,
    }
    try:
        with pq.ParquetWriter(file, table.schema, **choices) as writer:
            for part in range(random.choice((0, 1, 1, 1, 2))):
                writer.write_table(table.slice(0, 0) if part else table)
    except (pa.ArrowException, ValueError):  # a type that this form of the file cannot hold
        return as_parquet(rows)
    return file.getvalue().to_pybytes()


def _odd(random: Random) -> pa.Array:
    array = random.choice(_ODD)(random)
    if random.random() < 0.2:
        array = pa.nulls(ROWS, array.type)
    return array


def _texts(random: Random) -> pa.Array:
    return pa.array(random.choices(VALUES, k=ROWS), random.choice((pa.string(), pa.large_string())))


def _categories(random: Random) -> pa.Array:
    return pa.array(random.choices(("a", "b", None), k=ROWS)).dictionary_encode()


def _blobs(random: Random) -> pa.Array:
    values = [random.randbytes(16) for _ in range(ROWS)]
    return pa.array(values, random.choice((pa.binary(), pa.binary(16), pa.large_binary())))


def _wholes(random: Random) -> pa.Array:
    kind = random.choice(
        (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64())
    )
    return pa.array(range(ROWS), kind)


def _large(random: Random) -> pa.Array:
    return pa.array([2**64 - 1 - number for number in range(ROWS)], pa.uint64())


def _floats(random: Random) -> pa.Array:
    values = (0.0, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 1.5)
    kind = random.choice((pa.float32(), pa.float64()))
    return pa.array(random.choices(values, k=ROWS), pa.float64()).cast(kind, safe=False)


def _halves(random: Random) -> pa.Array:
    return pa.array([1.5] * ROWS, pa.float16())


def _decimals(random: Random) -> pa.Array:
    digits, places = random.choice(((38, 0), (38, 37), (18, 6), (5, 5), (9, 2), (38, 12)))
    largest, least = (Decimal((sign, (9,) * digits, -places)) for sign in (0, 1))
    return pa.array(random.choices((largest, least, None), k=ROWS), pa.decimal128(digits, places))


def _wide_decimals(random: Random) -> pa.Array:
    return pa.array([Decimal("9" * 70)] * ROWS, pa.decimal256(76, 0))


def _stamps(random: Random) -> pa.Array:
    unit = random.choice(("s", "ms", "us", "ns"))
    zone = random.choice((None, None, "UTC", "Europe/Berlin", "+05:30"))
    extremes = (2**62, -(2**62), 2**63 - 1, -(2**63), 0, None)
    if random.random() < 0.5:
        return pa.array(random.choices(extremes, k=ROWS), pa.int64()).cast(
            pa.timestamp(unit, zone), safe=False
        )
    return pa.array([_DAY + timedelta(days=n) for n in range(ROWS)]).cast(pa.timestamp(unit, zone))


def _days(random: Random) -> pa.Array:
    if random.random() < 0.5:
        extremes = (2**31 - 1, -(2**31), 0, 2**31 - 2, None)
        return pa.array(random.choices(extremes, k=ROWS), pa.int32()).cast(pa.date32())
    return pa.array([date(2024, 1, 5)] * ROWS, random.choice((pa.date32(), pa.date64())))


def _clocks(random: Random) -> pa.Array:
    return pa.array([1] * ROWS, random.choice((pa.time64("us"), pa.time64("ns"))))


def _spans(random: Random) -> pa.Array:
    return pa.array([1] * ROWS, random.choice((pa.duration("s"), pa.duration("ns"))))


def _flags(random: Random) -> pa.Array:
    return pa.array(random.choices((True, False, None), k=ROWS))


def _lists(random: Random) -> pa.Array:
    return pa.array(
        [[1, None]] * ROWS, random.choice((pa.list_(pa.int64()), pa.list_(pa.int64(), 2)))
    )


def _structs(random: Random) -> pa.Array:
    return pa.array([{"a": 1, "b": {"c": ["x"]}}] * ROWS)


def _maps(random: Random) -> pa.Array:
    return pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64()))


def _nothing(random: Random) -> pa.Array:
    return pa.nulls(ROWS)


def _nested(random: Random) -> pa.Array:
    kind = pa.int64()
    for _ in range(random.choice((5, 60))):
        kind = pa.list_(kind)
    return pa.nulls(ROWS, kind)


_ODD: tuple[Callable[[Random], pa.Array], ...] = (
    *(_texts, _texts, _categories, _blobs, _wholes, _large, _floats, _halves, _decimals),
    *(_wide_decimals, _stamps, _stamps, _days, _clocks, _spans, _flags, _lists, _structs, _maps),
    *(_nothing, _nested),
)
