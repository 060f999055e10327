"""All that differs between the engines: how a query in DuckDB's dialect is written for another.

sqlglot knows most of it (where nulls are ordered, what divides integers, what a median is called);
below is the rest. Text is ordered by code point everywhere: PostgreSQL orders a column by the
collation that it was made with, so it is made with "C", and what is computed from it inherits that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import sqlglot
from sqlglot import exp

Rewriting = Callable[[exp.Expression], exp.Expression]

_PLACE = "\0"  # of a bound value while % signs are doubled; no query can hold it


@dataclass(frozen=True, eq=False)
class Dialect:
    """What an engine reads.

    name: sqlglot's. rewritings: by the kind of expression that each is for. longest_name: bytes of
    an identifier beyond which the engine would cut it off.
    """

    name: str
    rewritings: Mapping[type[exp.Expression], Rewriting]
    longest_name: int | None = None

    def check_name(self, name: str) -> None:
        """ValueError where the engine would cut the name off."""
        if self.longest_name is not None and len(name.encode()) > self.longest_name:
            raise ValueError(f"{name!r} is longer than the {self.longest_name} bytes of a name")


@functools.lru_cache(maxsize=256)
def translated(query: str, dialect: Dialect, *, bound: bool = False) -> str:
    """A single SELECT in DuckDB's dialect, in another; ValueError where it is anything else.

    bound: whether values will be given for its placeholders.
    """
    statements = sqlglot.parse(query, read="duckdb")
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ValueError(f"not a single SELECT: {query}")
    tree = statements[0]
    for node in reversed(list(tree.find_all(*dialect.rewritings))):  # the innermost first
        rewritten = dialect.rewritings[type(node)](node)
        if rewritten is not node:
            node.replace(rewritten)
    for name in tree.find_all(exp.Identifier):
        dialect.check_name(name.this)
    text = tree.sql(dialect.name, identify=True, copy=False)
    if bound and dialect is POSTGRESQL:
        return text.replace("%", "%%").replace(_PLACE, "%s")
    return text


def _shift(node: exp.Expression) -> exp.Expression:
    """By an INTEGER only; a place found by arithmetic may be a BIGINT."""
    node.set("expression", exp.cast(node.expression, "INTEGER"))
    return node


def _truth(node: exp.Expression) -> exp.Expression:
    """PostgreSQL makes a number of a truth value only as an INTEGER."""
    if isinstance(node.this, exp.Predicate) and node.args["to"].is_type("TINYINT"):
        node.set("this", exp.cast(node.this, "INTEGER"))
    return node


def _exact_epoch(node: exp.Expression) -> exp.Expression:
    """PostgreSQL: a NUMERIC; sqlglot would write DATE_PART, a DOUBLE."""
    return exp.Extract(this=exp.var("EPOCH"), expression=node.this)


def _epoch_in_utc(node: exp.Expression) -> exp.Expression:
    """Spark: only an instant has an epoch, and the session's zone, UTC, makes one of wall time."""
    instant = exp.cast(node.this, exp.DataType.build("TIMESTAMPLTZ"))
    micros = exp.cast(exp.Anonymous(this="UNIX_MICROS", expressions=[instant]), "DOUBLE")
    return exp.paren(exp.Div(this=micros, expression=exp.Literal.number(10**6)))


def _in_double(node: exp.Expression) -> exp.Expression:
    """Spark would divide DECIMALs as DECIMALs."""
    if not node.this.is_type("DOUBLE"):
        node.set("this", exp.cast(node.this, "DOUBLE"))
    return node


POSTGRESQL = Dialect(
    "postgres",
    {
        exp.BitwiseLeftShift: _shift,
        exp.BitwiseRightShift: _shift,
        exp.Cast: _truth,
        exp.TimeToUnix: _exact_epoch,
        exp.Placeholder: lambda _: exp.var(_PLACE),
    },
    longest_name=63,
)
SPARK = Dialect(
    "spark",
    {
        exp.BitwiseLeftShift: _shift,
        exp.BitwiseRightShift: _shift,
        exp.Div: _in_double,
        exp.TimeToUnix: _epoch_in_utc,
    },
)

_POSTGRESQL_TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "SMALLINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE PRECISION",
    pa.date32(): "DATE",
}
_ARROW_TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float8": pa.float64(),
    "numeric": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_DUCKDB_TYPES = {
    "bool": "BOOLEAN",
    "int2": "BIGINT",
    "int4": "BIGINT",
    "int8": "BIGINT",
    "float4": "DOUBLE",
    "float8": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
}


def postgresql_type(kind: pa.DataType) -> str:
    """SQL: the type of a column of PostgreSQL that holds an Arrow column."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return 'TEXT COLLATE "C"'
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return "TIMESTAMP"
    if pa.types.is_decimal(kind):
        return f"NUMERIC({kind.precision}, {kind.scale})"
    if kind not in _POSTGRESQL_TYPES:
        raise ValueError(f"no column of PostgreSQL for {kind}")
    return _POSTGRESQL_TYPES[kind]


def postgresql_column(kind: str) -> str:
    """SQL: the type of a column of PostgreSQL for a SQL type of `features.contract`."""
    return 'TEXT COLLATE "C"' if kind == "VARCHAR" else kind


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type for a column of PostgreSQL by the name of its type; text for any other."""
    return _ARROW_TYPES.get(kind, pa.string())


def duckdb_type(kind: str) -> str:
    """The type in DuckDB for a column of PostgreSQL by the name of its type; text for any other.

    So a NUMERIC keeps all of its digits.
    """
    return _DUCKDB_TYPES.get(kind, "VARCHAR")


def in_pandas(table: pa.Table) -> pd.DataFrame:
    """An answer in the types in which DuckDB would give it: days as times, DECIMALs as floats."""
    for place, field in enumerate(table.schema):
        if pa.types.is_date(field.type):
            table = table.set_column(place, field.name, table[place].cast(pa.timestamp("us")))
        elif pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, table[place].cast(pa.float64()))
    frame: pd.DataFrame = table.to_pandas()
    return frame
