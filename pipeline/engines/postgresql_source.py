"""Reading from a PostgreSQL server that is not ours, in one read-only transaction."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psycopg

from pipeline.engines.postgresql import (
    connected,
    duckdb_type,
    interruption,
    lock_wait,
    prepare,
    primary,
)
from pipeline.errors import ServiceUnavailable
from pipeline.refusals import writing


class RefusedQuery(Exception):
    """A query of the user's own that the server does not carry out; its words.

    unknown: it names what is not there.
    """

    def __init__(self, said: str, *, unknown: bool) -> None:
        super().__init__(said)
        self.unknown = unknown


class ReadTransaction:
    """One transaction, which sees the whole server as of its beginning; use as a context manager.

    variable: of the environment; holds the connection string. Errors: ServiceUnavailable where the
    server is away or goes away, or where what is read stays locked.
    """

    def __init__(self, variable: str) -> None:
        self._variable = variable
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._connection = self._open.enter_context(connected(self._variable))
        try:
            # Undone, too: before PostgreSQL 16 a read-only transaction could make large objects.
            self._open.enter_context(self._connection.transaction(force_rollback=True))
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            prepare(self._connection)
        except psycopg.Error as error:
            self._open.close()
            raise ServiceUnavailable(
                f"The PostgreSQL server that {self._variable} names begins no read-only "
                f"transaction: {primary(error)}. Run the command again."
            ) from None
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def export(self, query: str, place: Path) -> dict[str, str]:
        """Write what a query of the user's own finds to a CSV file without a header, in any order.

        query: one SELECT in PostgreSQL's dialect, over any tables that the connection may read.
        Returns the columns with their types in DuckDB. Errors: RefusedQuery, after which others may
        be asked; ServiceUnavailable; CannotWrite where the disk is full.
        """
        connection = self._connection
        wanted = f"SELECT * FROM ({query.rstrip().removesuffix(';')}\n) AS found"
        try:
            with connection.transaction(force_rollback=True):
                # Prepared, so it is one statement; so is then the same text in a COPY.
                with lock_wait(self._variable, "what is read"):
                    described = connection.execute(f"{wanted} LIMIT 0".encode(), prepare=True)
                known = connection.adapters.types
                types = {
                    column.name: duckdb_type(kind.name if kind else "")
                    for column in described.description or ()
                    for kind in [known.get(column.type_code)]
                }
                if not types or len(types) < len(described.description or ()):
                    fault = "names a column twice" if types else "has no columns"
                    raise RefusedQuery(f"it {fault}", unknown=False)
                copying = f"COPY ({wanted}) TO STDOUT (FORMAT csv)".encode()
                with (
                    writing(place),
                    place.open("wb") as file,
                    connection.cursor().copy(copying) as copy,
                ):
                    for rows in copy:
                        file.write(rows)
                return types
        except psycopg.Error as error:
            if what := interruption(self._variable, connection, error):
                raise ServiceUnavailable(
                    f"{what} Nothing was written. Run the command again."
                ) from None
            unknown = isinstance(error, psycopg.errors.UndefinedTable)
            raise RefusedQuery(primary(error), unknown=unknown) from None
