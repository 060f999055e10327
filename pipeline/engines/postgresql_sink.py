"""Writing to a table of a PostgreSQL server that is not ours: whole or not at all.

The only place that changes a table which outlives the connection. Everything happens in one
transaction: until its end readers see what was there before, and a job that dies leaves it so.
What was written is read back before the transaction ends.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.sql import Literal
from pyarrow import csv

from pipeline import console
from pipeline.engines.postgresql import (
    check_name,
    connected,
    copied,
    interruption,
    lock_wait,
    postgresql_type,
    prepare,
    primary,
)
from pipeline.engines.sql_text import quoted
from pipeline.errors import CannotWrite, DefectionError, ServiceUnavailable

REVISION = "revision"
"""The column that says of each row which revision of its publication it is of."""


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
    ServiceUnavailable where the server is away, goes away, is too busy or keeps other rows than
    were written, CannotWrite where it refuses or the table has another key, and so is not ours;
    then the table is as before, and the message says so. Where the server goes away while the
    transaction ends, the table is looked at again, and the message says what was found.
    """
    for name in (*table.split("."), *rows.column_names):
        check_name(name)
    target = _Target(variable, table, rows, key, scope, whose)
    ends = False
    with connected(variable) as connection:
        try:
            with connection.transaction():
                target.replace(connection)
                ends = True
        except psycopg.Error as error:
            what = interruption(variable, connection, error)
            if ends and connection.closed:
                target.look_again(what)
            elif what:
                raise ServiceUnavailable(f"{what} {target.as_before()}") from None
            else:
                raise target.refusal(error) from None


class _Target:
    """The rows of a table that are to be replaced. Arguments: as of `replace_rows`."""

    def __init__(
        self,
        variable: str,
        table: str,
        rows: pa.Table,
        key: Sequence[str],
        scope: Mapping[str, Any],
        whose: str,
    ) -> None:
        self._variable, self._table, self._rows = variable, table, rows
        self._key, self._scope, self._whose = key, scope, whose
        self._place = ".".join(quoted(part) for part in table.split("."))
        self._columns = {quoted(f.name): postgresql_type(f.type) for f in rows.schema}
        self._held: str | None = None

    def replace(self, connection: psycopg.Connection) -> None:
        """Write the rows within a transaction, and read them back."""
        prepare(connection)
        with lock_wait(self._variable, f"the table {self._table}"):
            self._take_turn(connection)
            _make(connection, self._place, self._columns, self._key, self._whose)
            _require_owner(connection, self._place, self._whose)
            self._held = self._revisions(connection)
            connection.execute(f"LOCK TABLE {self._place} IN EXCLUSIVE MODE".encode())
        where, values = self._where
        connection.execute(f"DELETE FROM {self._place} WHERE {where}".encode(), values)
        copied(connection, f"{self._place} ({', '.join(self._columns)})", self._rows)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # and the triggers that wait for them
        self._check(self._read_back(connection))

    def look_again(self, what: str) -> None:
        """Say whether a transaction took effect whose end was not answered."""
        cut = f"{what} It broke off while the transaction was ending."
        try:
            with connected(self._variable) as connection, connection.transaction():
                prepare(connection)
                self._take_turn(connection)  # it holds the lock as long as it has not ended
                written = self._is_written(connection)
                self._held = self._revisions(connection)
        except (psycopg.Error, DefectionError):
            raise ServiceUnavailable(
                f"{cut} Whether the table {self._table} has the new rows is unknown, and the "
                "server does not answer."
            ) from None
        if not written:
            raise ServiceUnavailable(f"{cut} {self.as_before()}")
        console.complain(f"{cut} The table {self._table} was looked at again: it has the new rows.")

    def as_before(self) -> str:
        """Say what the table holds, the transaction having been undone."""
        held = "what it holds is unknown" if self._held is None else f"it holds {self._held}"
        of = ", ".join(f"{name} {value}" for name, value in self._scope.items())
        return f"The table {self._table} is as before: {held} ({of})."

    def refusal(self, error: psycopg.Error) -> CannotWrite:
        """Say what the server refuses."""
        advice = "Check that the user may create and change it, and that this program made it."
        if isinstance(error, psycopg.errors.UntranslatableCharacter):
            advice = "Use a database with the encoding UTF8."
        return CannotWrite(
            f"PostgreSQL refuses to write the table {self._table}: {primary(error)}. "
            f"{self.as_before()} {advice}"
        )

    def _take_turn(self, connection: psycopg.Connection) -> None:
        """Let two jobs at once come one after the other, also where the table is not there yet."""
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self._place])

    def _exists(self, connection: psycopg.Connection) -> bool:
        asked = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [self._place])
        return asked.fetchone() == (True,)

    def _is_written(self, connection: psycopg.Connection) -> bool:
        """Whether the table has exactly the rows that it was to have."""
        if not self._exists(connection):
            return False
        lacks_columns = {*self._rows.column_names} - _columns_of(connection, self._place)
        return not lacks_columns and not self._difference(self._read_back(connection))

    def _revisions(self, connection: psycopg.Connection) -> str:
        """Which revisions the table holds, in words."""
        if not self._exists(connection):
            return "nothing"
        where, values = self._where
        known = REVISION if REVISION in _columns_of(connection, self._place) else "NULL"
        found = connection.execute(
            f"SELECT DISTINCT {known} FROM {self._place} WHERE {where} ORDER BY 1".encode(), values
        ).fetchall()
        numbers = ["rows without a revision" if n is None else f"revision {n}" for (n,) in found]
        return " and ".join(numbers) or "nothing"

    @property
    def _where(self) -> tuple[str, list[Any]]:
        return " AND ".join(f"{quoted(name)} = %s" for name in self._scope), [*self._scope.values()]

    def _read_back(self, connection: psycopg.Connection) -> pa.Table | None:
        """The rows that the table has now; None where they are of other types."""
        where, values = self._where
        query = f"SELECT {', '.join(self._columns)} FROM {self._place} WHERE {where}"
        command = f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()
        with connection.cursor().copy(command, values) as copy:
            text = b"".join(copy)
        if not text:
            return self._rows.schema.empty_table()
        try:
            return csv.read_csv(
                pa.py_buffer(text),
                csv.ReadOptions(column_names=self._rows.schema.names),
                csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                csv.ConvertOptions(
                    column_types=self._rows.schema,
                    null_values=[""],
                    true_values=["t"],
                    false_values=["f"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None

    def _check(self, found: pa.Table | None) -> None:
        if difference := self._difference(found):
            raise ServiceUnavailable(
                f"The table {self._table} of the PostgreSQL server that {self._variable} names "
                f"does not keep what is written to it: {difference}. {self.as_before()} Look for "
                "triggers, rules, policies and types of columns that change rows."
            )

    def _difference(self, found: pa.Table | None) -> str:
        """How rows that were read back differ from those to write; empty where they do not."""
        if found is None:
            return "values of other types come back"
        if len(found) != len(self._rows):
            return f"{len(found):,} of {len(self._rows):,} rows come back"
        order = [(name, "ascending") for name in self._key]
        found, rows = found.sort_by(order), self._rows.sort_by(order)
        if _checksum(found) == _checksum(rows):
            return ""
        names = [
            n
            for n in rows.column_names
            if _checksum(found.select([n])) != _checksum(rows.select([n]))
        ]
        return f"other values of {', '.join(names)} come back"


def _checksum(rows: pa.Table) -> str:
    text = io.BytesIO()
    csv.write_csv(rows, text)
    return hashlib.sha256(text.getbuffer()).hexdigest()


def _columns_of(connection: psycopg.Connection, place: str) -> set[str]:
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass "
        "AND attnum > 0 AND NOT attisdropped",
        [place],
    ).fetchall()
    return {name for (name,) in found}


def _make(
    connection: psycopg.Connection,
    place: str,
    columns: Mapping[str, str],
    key: Sequence[str],
    whose: str,
) -> None:
    """Make the table, and the columns that it lacks."""
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
    known = {quoted(name) for name in _columns_of(connection, place)}
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
