"""All that differs between the engines: how a query in DuckDB's dialect is written for another.

sqlglot knows most of it (where nulls are ordered, what divides integers, what a median is called);
below is the rest. On all three, text is ordered by code point: PostgreSQL orders a column by the
collation that it was made with, so it is made with "C", and what is computed from it inherits that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import sqlglot
from sqlglot import exp

Rewriting = Callable[[exp.Expression], exp.Expression]

_PLACE = "\0"  # of a bound value while % signs are doubled; no query can hold it
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Dialect:
    """What an engine reads.

    name: sqlglot's. rewritings: by the kind of expression that they are for. types: SQL for the
    columns of a table that comes from memory. longest_name: bytes of an identifier beyond which
    the engine would cut it off.
    """

    name: str
    rewritings: Mapping[type[exp.Expression], Rewriting]
    types: Callable[[pa.DataType], str]
    longest_name: int | None = None


@functools.lru_cache(maxsize=256)
def translated(query: str, dialect: Dialect, *, bound: bool = False) -> str:
    """A single SELECT in DuckDB's dialect, in another; ValueError where it is anything else.

    bound: values will be given for its placeholders.
    """
    tree = _one_query(query).transform(_rewritten, dialect.rewritings)
    if dialect.longest_name is not None:
        for name in tree.find_all(exp.Identifier):
            check_name(name.this, dialect)
    text = tree.sql(dialect.name, identify=True)
    if dialect is POSTGRESQL:
        text = text.replace("%", "%%").replace(_PLACE, "%s") if bound else text
    return text


def check_name(name: str, dialect: Dialect) -> str:
    """The name, unless the engine would cut it off: ValueError."""
    if dialect.longest_name is not None and len(name.encode()) > dialect.longest_name:
        raise ValueError(f"{name!r} is longer than {dialect.longest_name} bytes")
    return name


def _one_query(query: str) -> exp.Query:
    statements = sqlglot.parse(query, read="duckdb")
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ValueError(f"not a single SELECT: {query}")
    return statements[0]


def _rewritten(
    node: exp.Expression, rewritings: Mapping[type[exp.Expression], Rewriting]
) -> exp.Expression:
    rewriting = rewritings.get(type(node))
    return rewriting(node) if rewriting else node


def _shift(node: exp.Expression) -> exp.Expression:
    """Both shift by an INTEGER only; a place found by arithmetic may be a BIGINT."""
    node.set("expression", exp.cast(node.expression, "INTEGER"))
    return node


def _small(node: exp.Expression) -> exp.Expression:
    """PostgreSQL has a number for a truth value only as an INTEGER."""
    if isinstance(node.this, exp.Predicate) and node.args["to"].is_type("TINYINT"):
        node.set("this", exp.cast(node.this, "INTEGER"))
    return node


def _exact_epoch(node: exp.Expression) -> exp.Expression:
    """PostgreSQL: a NUMERIC; DATE_PART would be a DOUBLE."""
    return exp.Extract(this=exp.var("EPOCH"), expression=node.this)


def _place(_: exp.Expression) -> exp.Expression:
    return exp.var(_PLACE)


def _epoch_of_wall_time(node: exp.Expression) -> exp.Expression:
    """Spark: wall time has no epoch of its own; the session's zone is UTC. Fractions are kept."""
    instant = exp.cast(node.this, exp.DataType.build("TIMESTAMPLTZ"))
    micros = exp.func("UNIX_MICROS", instant, dialect="spark")
    return exp.paren(exp.Div(this=exp.cast(micros, "DOUBLE"), expression=_number(_MICROSECONDS)))


def _division(node: exp.Expression) -> exp.Expression:
    """Spark divides DECIMALs as DECIMALs."""
    if not node.this.is_type("DOUBLE"):
        node.set("this", exp.cast(node.this, "DOUBLE"))
    return node


def _number(value: int) -> exp.Expression:
    return exp.Literal.number(value)


def _postgresql_type(kind: pa.DataType) -> str:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return 'TEXT COLLATE "C"'
    if pa.types.is_decimal(kind):
        return f"NUMERIC({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP"
    return _POSTGRESQL_TYPES[kind]


_POSTGRESQL_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "SMALLINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE PRECISION",
    pa.date32(): "DATE",
}

POSTGRESQL = Dialect(
    "postgres",
    {
        exp.TimeToUnix: _exact_epoch,
        exp.BitwiseLeftShift: _shift,
        exp.BitwiseRightShift: _shift,
        exp.Cast: _small,
        exp.Placeholder: _place,
    },
    _postgresql_type,
    longest_name=63,
)
