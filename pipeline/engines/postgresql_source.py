"""Reading from a PostgreSQL server that is not ours, in a read-only transaction."""

from __future__ import annotations

from pathlib import Path

import psycopg

from pipeline.engines.postgresql import connected, duckdb_type, is_passing
from pipeline.errors import ServiceUnavailable
from pipeline.refusals import writing

_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "client_encoding": "UTF8",
    "default_transaction_read_only": "on",
}


class RefusedQuery(Exception):
    """A query of the user's own that the server does not carry out; its words.

    unknown: it names what is not there.
    """

    def __init__(self, said: str, *, unknown: bool) -> None:
        super().__init__(said)
        self.unknown = unknown


def exported(variable: str, query: str, place: Path) -> dict[str, str]:
    """Write what a query of the user's own finds to a CSV file without a header, in any order.

    query: one SELECT in PostgreSQL's dialect, over any tables that the connection may read.
    Returns the columns with their types in DuckDB. Errors: RefusedQuery; ServiceUnavailable where
    the server is away or goes away, CannotWrite where the disk is full.
    """
    wanted = f"SELECT * FROM ({query.rstrip().removesuffix(';')}\n) AS found"
    with connected(variable) as connection:
        try:
            for name, value in _SETTINGS.items():
                connection.execute("SELECT set_config(%s, %s, FALSE)", [name, value])
            # Undone, too: before PostgreSQL 16 a read-only transaction could make large objects.
            with connection.transaction(force_rollback=True):
                connection.execute("SET TRANSACTION READ ONLY")
                # Prepared, so it is one statement; so is then the same text in a COPY.
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
            said = error.diag.message_primary or type(error).__name__
            if is_passing(connection, error):
                raise ServiceUnavailable(
                    f"The PostgreSQL server that {variable} names broke off: {said}. Nothing was "
                    "written; run again when it answers."
                ) from None
            unknown = isinstance(error, psycopg.errors.UndefinedTable)
            raise RefusedQuery(said, unknown=unknown) from None
