"""Writing to a table of a PostgreSQL server that is not ours: whole or not at all.

The only place that changes a table which outlives the connection. Everything happens in one
transaction: until its end readers see what was there before, and a job that dies leaves it so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.sql import Literal

from pipeline.engines.postgresql import (
    check_name,
    connected,
    copied,
    is_passing,
    postgresql_type,
)
from pipeline.engines.sql_text import quoted
from pipeline.errors import CannotWrite, ServiceUnavailable


def replace_rows(
    variable: str,
    table: str,
    rows: pa.Table,
    key: Sequence[str],
    scope: Mapping[str, Any],
    whose: str = "",
) -> None:
    """Make those rows of `table` that have the values of `scope` the given ones.

    variable: of the environment; holds the connection string. table: its name, or schema.table;
    made if absent, with `key` as its primary key; columns that it lacks are added. whose: says of a
    table that is made to whom it belongs, with the schema of its rows after a comma; another's,
    and one of another schema, is refused. Errors:
    ServiceUnavailable where the server is away, goes away or is too busy, CannotWrite where it
    refuses or the table has another key, and so is not ours; then the table is as before.
    """
    place = ".".join(quoted(part) for part in table.split("."))
    for name in (*table.split("."), *rows.column_names):
        check_name(name)
    columns = {quoted(field.name): postgresql_type(field.type) for field in rows.schema}
    with connected(variable) as connection:
        try:
            with connection.transaction():
                _make(connection, place, columns, key, whose)
                _require_owner(connection, place, whose)
                _replace(connection, place, columns, rows, scope)
        except psycopg.Error as error:
            # Not the whole text: its context holds the row at hand.
            said = error.diag.message_primary or type(error).__name__
            if is_passing(connection, error):
                raise ServiceUnavailable(
                    f"The PostgreSQL server that {variable} names broke off: {said}. Its table "
                    f"{table} is as before."
                ) from None
            raise CannotWrite(
                f"PostgreSQL refuses to write the table {table}: {said}. It is as before. Check "
                "that the user may create and change it, and that it was made by this program."
            ) from None


def _make(
    connection: psycopg.Connection,
    place: str,
    columns: Mapping[str, str],
    key: Sequence[str],
    whose: str,
) -> None:
    """The table with all columns; two jobs at once come one after the other."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [place])
    named = ", ".join(map(quoted, key))
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    exists = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [place]).fetchone()
    if exists != (True,):  # asked first: IF NOT EXISTS wants the right to create all the same
        connection.execute(f"CREATE TABLE {place} ({typed}, PRIMARY KEY ({named}))".encode())
        if whose:
            said = Literal(whose).as_string(connection)
            connection.execute(f"COMMENT ON TABLE {place} IS {said}".encode())
    found = connection.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid "
        "AND attnum = ANY (indkey) WHERE indrelid = %s::regclass AND indisprimary",
        [place],
    ).fetchall()
    if {name for (name,) in found} != {*key}:
        raise CannotWrite(
            f"The table {place} is not one of this program: its primary key is not "
            f"{', '.join(key)}. It is as before. Name another in `scoring.postgresql.table`."
        )
    there = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass "
        "AND attnum > 0 AND NOT attisdropped",
        [place],
    ).fetchall()
    known = {quoted(name) for (name,) in there}
    for name, kind in columns.items():
        if name not in known:  # looked up, because to alter a table shuts out its readers
            connection.execute(f"ALTER TABLE {place} ADD COLUMN {name} {kind}".encode())


def _require_owner(connection: psycopg.Connection, place: str, whose: str) -> None:
    """Refuse a table of somebody else, whose rows of the same date and version would go."""
    asked = "SELECT obj_description(%s::regclass, 'pg_class')"
    found = connection.execute(asked, [place]).fetchone()
    owner = found[0] if found else None
    if owner is None or not whose or owner == whose:
        return
    (holder, _, schema), (mine, _, wanted) = (said.rpartition(", ") for said in (owner, whose))
    if mine and mine in (holder, owner):
        raise CannotWrite(
            f"The table {place} has {schema if holder else 'another schema'}, and this program "
            f"writes {wanted}. It is as before. Remove it, and the next run makes it anew: "
            f"DROP TABLE {place};"
        )
    raise CannotWrite(
        f"The table {place} holds {owner}, not {whose}. It is as before. Name another in "
        "`scoring.postgresql.table`."
    )


def _replace(
    connection: psycopg.Connection,
    place: str,
    columns: Mapping[str, str],
    rows: pa.Table,
    scope: Mapping[str, Any],
) -> None:
    where = " AND ".join(f"{quoted(name)} = %s" for name in scope)
    connection.execute(f"DELETE FROM {place} WHERE {where}".encode(), [*scope.values()])
    copied(connection, f"{place} ({', '.join(columns)})", rows)
