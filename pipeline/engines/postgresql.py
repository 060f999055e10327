"""PostgreSQL: the queries run where the data live, and only their answers leave.

Everything is made in temporary tables of one connection and is gone with it. Its statements find
no other table: one of the same name that belongs to somebody is never read, changed or dropped.
Only `read` looks at such tables, and cannot change them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import pandas as pd
import psycopg
import pyarrow as pa
from pyarrow import csv

from pipeline.engines.protocol import quoted
from pipeline.engines.translation import (
    POSTGRESQL,
    arrow_type,
    in_pandas,
    postgresql_column,
    postgresql_type,
    translated,
)
from pipeline.errors import ConfigError, ServiceUnavailable

_SETTINGS = {
    "search_path": "pg_temp",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "jit": "off",  # it compiles a query of hundreds of columns for longer than the query runs
    "work_mem": "64MB",
    "temp_buffers": "64MB",
}
_MADE = "pg_temp._made"
_PASSING = ("08", "40", "53300", "55P03", "57")
"""States of SQL that another try may mend: a lost connection, a deadlock, too many connections, a
lock or a statement that took too long, a server that shuts down. A full disk is none of them."""


def connected(variable: str) -> psycopg.Connection:
    """A connection to the server that an environment variable names, each statement by itself.

    ConfigError where the variable holds no connection string, ServiceUnavailable where nobody
    answers; neither message repeats the string.
    """
    url = os.environ.get(variable)
    if not url:
        raise ConfigError(
            f"The environment variable {variable} is not set. Put the connection string of the "
            "PostgreSQL server in it, such as postgresql://user@server/database."
        )
    try:
        host = psycopg.conninfo.conninfo_to_dict(url).get("host") or ""
        if "@" in str(host):  # the rest of a password, which a message would show
            raise ConfigError(
                f"{variable} is not a connection string of PostgreSQL: write an @ within the user "
                "or the password as %40."
            )
        return psycopg.connect(url, autocommit=True)
    except psycopg.ProgrammingError:  # its text would quote the string
        raise ConfigError(f"{variable} is not a connection string of PostgreSQL.") from None
    except psycopg.OperationalError as error:
        raise ServiceUnavailable(
            f"The PostgreSQL server that {variable} names does not answer: {error}. "
            "Check that it runs and that the user may connect."
        ) from None


def is_passing(connection: psycopg.Connection, error: psycopg.Error) -> bool:
    """Whether another try may mend what went wrong."""
    return connection.closed or (error.sqlstate or "").startswith(_PASSING)


def copied(connection: psycopg.Connection, into: str, rows: pa.Table) -> None:
    """Add rows to a table, by place; into: SQL, the table."""
    text = io.BytesIO()
    csv.write_csv(rows, text, csv.WriteOptions(include_header=False))
    command = f"COPY {into} FROM STDIN (FORMAT csv)".encode()
    with connection.cursor().copy(command) as copy:
        copy.write(text.getbuffer())


class PostgresEngine:
    """One connection to a PostgreSQL server; use as a context manager.

    variable: of the environment; holds the connection string, which may hold a password and is
    never shown.
    """

    def __init__(self, variable: str) -> None:
        self._connection = connected(variable)
        ((self._users_path,),) = self._connection.execute("SHOW search_path").fetchall()
        for name, value in _SETTINGS.items():
            self._set(name, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def make(self, name: str, *queries: str) -> None:
        """Keep the answers of queries as the table `name`, in place of one of that name."""
        first, *others = (translated(query, POSTGRESQL) for query in queries)
        with self._connection.transaction():
            self._run(f"CREATE TEMPORARY TABLE {_MADE} AS {first}")
            for query in others:
                self._run(f"INSERT INTO {_MADE} {query}")
            self._put(name)

    def read(self, name: str, columns: Mapping[str, str], query: str) -> None:
        """Copy what a query of the user's own finds into the table `name`, by column name.

        columns: SQL types as in `features.contract`, by name. query: one SELECT in PostgreSQL's
        dialect, over any tables that the connection may read; it runs in a read-only transaction.
        """
        for column in columns:
            POSTGRESQL.check_name(column)
        typed = ", ".join(f"{quoted(c)} {postgresql_column(t)}" for c, t in columns.items())
        named = ", ".join(map(quoted, columns))
        self._run(f"CREATE TEMPORARY TABLE {_MADE} ({typed})")
        try:
            with self._connection.transaction():
                self._run("SET TRANSACTION READ ONLY")  # of all but temporary tables
                self._set("search_path", self._users_path, for_transaction=True)
                found = f"INSERT INTO {_MADE} SELECT {named} FROM ({query}\n) AS found"
                self._connection.execute(found.encode(), prepare=True)  # so it is one statement
        except psycopg.Error:
            self._run(f"DROP TABLE {_MADE}")
            raise
        self._put(name)

    def register(self, name: str, table: pa.Table | pd.DataFrame) -> None:
        """Copy an in-memory table into the engine under `name`, in place of one of that name."""
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False)
        for field in table.schema:
            POSTGRESQL.check_name(field.name)
        columns = ", ".join(
            f"{quoted(field.name)} {postgresql_type(field.type)}" for field in table.schema
        )
        with self._connection.transaction():
            self._run(f"CREATE TEMPORARY TABLE {_MADE} ({columns})")
            copied(self._connection, _MADE, table)
            self._put(name)

    def _put(self, name: str) -> None:
        """What was just made becomes the table `name`; the planner is told what is in it."""
        POSTGRESQL.check_name(name)
        self.drop(name)
        self._run(f"ALTER TABLE {_MADE} RENAME TO {quoted(name)}")
        self._run(f"ANALYZE pg_temp.{quoted(name)}")

    def drop(self, *names: str) -> None:
        """Remove tables, where they are there."""
        if names:
            listed = ", ".join(f"pg_temp.{quoted(name)}" for name in names)
            self._run(f"DROP TABLE IF EXISTS {listed}")

    def has_table(self, name: str) -> bool:
        """Whether the engine holds a table of that name."""
        return bool(
            self._connection.execute(
                "SELECT FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relname = %s",
                [name],
            ).fetchall()
        )

    def rows(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query as tuples; for small answers."""
        text = translated(query, POSTGRESQL, bound=bool(values))
        return self._connection.execute(text.encode(), values).fetchall()

    def frame(self, query: str, values: Sequence[Any] | None = None) -> pd.DataFrame:
        """A query's answer as a pandas table."""
        text = translated(query, POSTGRESQL, bound=bool(values))
        empty = f"SELECT * FROM ({text}) AS answer LIMIT 0".encode()
        described = self._connection.execute(empty, values).description or ()
        known = self._connection.adapters.types
        types = [known.get(column.type_code) for column in described]
        schema = pa.schema(
            (column.name, arrow_type(kind.name if kind else ""))
            for column, kind in zip(described, types, strict=True)
        )
        # Text is many times faster to take over than a Python object per cell.
        command = f"COPY ({text}) TO STDOUT (FORMAT csv)".encode()
        with self._connection.cursor().copy(command, values) as copy:
            answer = b"".join(copy)
        if not answer:
            return in_pandas(schema.empty_table())
        rows = csv.read_csv(
            pa.py_buffer(answer),
            csv.ReadOptions(column_names=schema.names),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        return in_pandas(rows)

    def _set(self, name: str, value: str, *, for_transaction: bool = False) -> None:
        self._connection.execute("SELECT set_config(%s, %s, %s)", [name, value, for_transaction])

    def _run(self, statement: str) -> None:
        self._connection.execute(statement.encode())
