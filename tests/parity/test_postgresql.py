"""What only PostgreSQL is asked: to leave the user's own tables alone, and to say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed: make setup")

import psycopg

from features.contract import TABLES
from pipeline.engines.postgresql import PostgresEngine
from pipeline.errors import ConfigError, ServiceUnavailable

ORDERS = (
    "SELECT 'A' AS account_id, 'o1' AS order_id, TIMESTAMP '2024-01-01 18:00:00' AS occurred_at"
)
COLUMNS = {name: TABLES["orders"].stored()[name] for name in ("occurred_at", "account_id")}


@pytest.fixture
def theirs(database: str) -> Iterator[psycopg.Connection]:
    """The user's own connection, to a database with tables of the user's."""
    with psycopg.connect(os.environ[database], autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS sales CASCADE; CREATE SCHEMA sales")
        connection.execute("DROP TABLE IF EXISTS orders; DROP FUNCTION IF EXISTS spoil")
        connection.execute(f"CREATE TABLE orders AS {ORDERS}")
        connection.execute("CREATE TABLE sales.lines AS SELECT * FROM orders")
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS TEXT LANGUAGE sql AS "
            "$$ DELETE FROM orders RETURNING account_id $$"
        )
        yield connection


@pytest.fixture
def ours(theirs: psycopg.Connection, database: str) -> Iterator[PostgresEngine]:
    with PostgresEngine(database) as engine:
        yield engine


def test_a_table_of_the_users_is_not_the_engines(
    theirs: psycopg.Connection, ours: PostgresEngine
) -> None:
    assert not ours.has_table("orders")
    ours.drop("orders")
    with pytest.raises(psycopg.errors.UndefinedTable):
        ours.rows("SELECT * FROM orders")
    ours.make("orders", "SELECT 1 AS one")
    assert theirs.execute("SELECT account_id FROM orders").fetchall() == [("A",)]
    assert ours.rows("SELECT * FROM orders") == [(1,)]


@pytest.mark.parametrize("table", ["orders", "sales.lines"])
def test_the_users_tables_are_read_by_column_name(table: str, ours: PostgresEngine) -> None:
    ours.read("orders", COLUMNS, f"SELECT * FROM {table} -- all of it")
    assert ours.rows("SELECT * FROM orders") == [(datetime(2024, 1, 1, 18), "A")]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT spoil() AS account_id, occurred_at FROM orders",
        "SELECT * FROM orders) AS found; DELETE FROM orders; SELECT * FROM (SELECT 1",
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
        "DELETE FROM orders RETURNING *",
    ],
)
def test_the_users_tables_are_never_changed(
    query: str, theirs: psycopg.Connection, ours: PostgresEngine
) -> None:
    with pytest.raises(psycopg.Error):
        ours.read("orders", COLUMNS, query)
    assert theirs.execute("SELECT account_id FROM orders").fetchall() == [("A",)]
    assert not ours.has_table("orders")
    ours.read("orders", COLUMNS, "SELECT * FROM orders")


def test_nothing_is_left_behind(theirs: psycopg.Connection, database: str) -> None:
    count = "SELECT COUNT(*) FROM pg_class WHERE relkind IN ('r', 'v', 'S')"
    before = theirs.execute(count).fetchall()
    with PostgresEngine(database) as engine:
        engine.make("left_behind", "SELECT 1 AS one")
        pid = engine.rows("SELECT pg_backend_pid() AS pid")[0][0]
    while theirs.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall():
        pass  # the server ends a session just after its connection is closed
    assert theirs.execute(count).fetchall() == before


def test_names_that_the_server_would_cut_off_are_refused(ours: PostgresEngine) -> None:
    with pytest.raises(ValueError, match="63 bytes"):
        ours.make("words", f"SELECT 1 AS {'w' * 64}")
    with pytest.raises(ValueError, match="63 bytes"):
        ours.make("ä" * 32, "SELECT 1 AS one")


def test_the_connection_string_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="environment variable NO_URL is not set"):
        PostgresEngine("NO_URL")
    monkeypatch.setenv("SOME_URL", "postgresql://me:secret@[")
    with pytest.raises(ConfigError, match="SOME_URL is not a connection string") as refused:
        PostgresEngine("SOME_URL")
    assert "secret" not in str(refused.value)
    monkeypatch.setenv("SOME_URL", "host=/nowhere user=me password=secret dbname=none")
    with pytest.raises(ServiceUnavailable, match="SOME_URL names does not answer") as unreachable:
        PostgresEngine("SOME_URL")
    assert "secret" not in str(unreachable.value)
