"""What reading from a PostgreSQL server and writing to one share: names, types, connection."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import psycopg
import pyarrow as pa
from pyarrow import csv

from pipeline import console
from pipeline.errors import ConfigError, ServiceUnavailable

LONGEST_NAME = 63  # bytes of an identifier, beyond which the server cuts it off
_PASSING = ("08", "40", "53300", "55P03", "57")
"""States of SQL that another try may mend: a lost connection, a deadlock, too many connections, a
lock or a statement that took too long, a server that shuts down. A full disk is none of them."""

_POSTGRESQL_TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "SMALLINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE PRECISION",
    pa.date32(): "DATE",
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


def check_name(name: str) -> None:
    """ValueError where the server would cut the name off."""
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"{name!r} is longer than the {LONGEST_NAME} bytes of a name")


def postgresql_type(kind: pa.DataType) -> str:
    """SQL: the type of a column of PostgreSQL that holds an Arrow column.

    Text is ordered by code point, as everywhere here, whatever the collation of the database.
    """
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return 'TEXT COLLATE "C"'
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return "TIMESTAMP"
    if pa.types.is_decimal(kind):
        return f"NUMERIC({kind.precision}, {kind.scale})"
    if kind not in _POSTGRESQL_TYPES:
        raise ValueError(f"no column of PostgreSQL for {kind}")
    return _POSTGRESQL_TYPES[kind]


def duckdb_type(kind: str) -> str:
    """The type in DuckDB for a column of PostgreSQL by the name of its type; text for any other.

    So a NUMERIC keeps all of its digits.
    """
    return _DUCKDB_TYPES.get(kind, "VARCHAR")


LOCK_SECONDS = 30
"""To wait for a lock, where the connection string and the server set no `lock_timeout`."""

_NOTICE_SECONDS = 3
"""After which a wait is said."""

_TRANSACTION = {"TimeZone": "UTC", "DateStyle": "ISO", "extra_float_digits": "1"}


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
        # Texts are sent and read as UTF-8, whatever the connection string or the user's role says.
        return psycopg.connect(url, autocommit=True, client_encoding="UTF8")
    except psycopg.ProgrammingError:  # its text would quote the string
        raise ConfigError(f"{variable} is not a connection string of PostgreSQL.") from None
    except psycopg.OperationalError as error:
        raise ServiceUnavailable(
            f"The PostgreSQL server that {variable} names does not answer: {error}. "
            "Check that it runs and that the user may connect."
        ) from None


def prepare(connection: psycopg.Connection) -> None:
    """Let the transaction at hand write values in one form, and wait for a lock so long only."""
    for name, value in _TRANSACTION.items():
        connection.execute("SELECT set_config(%s, %s, TRUE)", [name, value])
    connection.execute(
        "SELECT set_config('lock_timeout', %s, TRUE) WHERE current_setting('lock_timeout') = '0'",
        [f"{LOCK_SECONDS * 1000:.0f}ms"],
    )


@contextmanager
def lock_wait(variable: str, what: str) -> Iterator[None]:
    """Say so where the block, which waits for a lock, takes long."""
    text = f"Waiting for {what} of the PostgreSQL server that {variable} names: another session "
    notice = Timer(_NOTICE_SECONDS, console.complain, [text + "may hold a lock."])
    notice.daemon = True
    notice.start()
    try:
        yield
    finally:
        notice.cancel()


def interruption(variable: str, connection: psycopg.Connection, error: psycopg.Error) -> str:
    """What went wrong that another try may mend, as a sentence; empty where none may."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return (
            f"Another session of the PostgreSQL server that {variable} names holds a lock for "
            "longer than `lock_timeout`."
        )
    if is_passing(connection, error):
        return f"The PostgreSQL server that {variable} names broke off: {primary(error)}."
    return ""


def is_passing(connection: psycopg.Connection, error: psycopg.Error) -> bool:
    """Whether another try may mend what went wrong."""
    return connection.closed or (error.sqlstate or "").startswith(_PASSING)


def primary(error: psycopg.Error) -> str:
    """The first line of an error; the others may hold the row at hand."""
    return error.diag.message_primary or type(error).__name__


def copied(connection: psycopg.Connection, into: str, rows: pa.Table) -> None:
    """Add rows to a table, by place; into: SQL, the table."""
    text = io.BytesIO()
    csv.write_csv(rows, text, csv.WriteOptions(include_header=False))
    command = f"COPY {into} FROM STDIN (FORMAT csv)".encode()
    with connection.cursor().copy(command) as copy:
        copy.write(text.getbuffer())
