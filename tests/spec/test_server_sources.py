"""Sources in a PostgreSQL server: a table or a query of its own gives what files would give."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed: make setup")

import psycopg

from pipeline.config import load_config
from pipeline.engines import postgresql
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import ConfigError, DataError, MissingInput, ServiceUnavailable
from pipeline.sources import Sources, load_sources
from pipeline.sources.load import read_all

URL = "SALES_URL"
COLUMNS = "account_id, order_id, occurred_at, amount_cents, known_at"

Load = Callable[..., tuple[Sources, list[tuple[object, ...]]]]


@pytest.fixture
def theirs(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """The user's own connection; the sales lie in a schema of theirs."""
    monkeypatch.setenv(URL, os.environ[database])
    with psycopg.connect(os.environ[database], autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS sales CASCADE; CREATE SCHEMA sales")
        connection.execute(
            "CREATE TABLE sales.lines (customer TEXT, doc BIGINT, booked TIMESTAMPTZ, "
            "net NUMERIC(20, 4), region TEXT)"
        )
        connection.execute(
            "INSERT INTO sales.lines VALUES "
            "('00123', 7, '2024-01-05 09:30+02', 10.005, 'a,\"b\"\n c'), "
            "('NA', 8, '2024-02-01', -3, NULL), ('', 9, '2024-02-02', 1, '')"
        )
        yield connection


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load orders with the given origin; what was found, and the rows."""

    def loading(origin: str, mapping: str = "") -> tuple[Sources, list[tuple[object, ...]]]:
        (tmp_path / "orders.sql").write_text(mapping)
        text = "name: small\nsnapshots: {first: 2024-02-01, last: 2024-06-01}\n"
        text += f"sources:\n  orders: {{url_variable: {URL}, {origin}, max_quarantined_share: 1}}\n"
        (tmp_path / "small.yaml").write_text(text)
        with DuckDBEngine(threads=1) as engine:
            sources = load_sources(load_config(tmp_path / "small.yaml"), engine)
            rows = engine.rows(f"SELECT {COLUMNS} FROM orders ORDER BY ALL")
            assert not [*engine.folder.glob("*.csv")]
            return sources, rows

    return loading


TABLE = (
    "table: sales.lines, "
    "columns: {account_id: customer, order_id: doc, occurred_at: booked, amount: net}"
)
QUERY = """
    SELECT customer AS account_id, doc AS order_id, booked AS occurred_at, net AS amount
    FROM sales.lines WHERE net > 0; -- returns come from elsewhere
"""


def test_a_table_is_read_by_column_name(theirs, load: Load) -> None:
    sources, rows = load(TABLE)
    early, late = datetime(2024, 1, 5, 7, 30), datetime(2024, 2, 1)
    assert rows == [("00123", "7", early, 1001, early), ("NA", "8", late, -300, late)]
    assert sources.tables["orders"].quarantined == 1  # the empty customer is nobody


def test_a_query_runs_on_the_server(theirs, load: Load) -> None:
    sources, rows = load("sql: orders.sql", QUERY.replace("; --", " --"))
    assert [row[0] for row in rows] == ["00123"]
    assert load("sql: orders.sql", QUERY.partition("--")[0])[1] == rows  # it may end with a ;
    mapping, content = sources.lineage()["orders"]
    assert mapping["path"] == content["path"] == f"postgresql:{URL}/orders.sql"


def test_the_same_rows_in_another_order_are_the_same_content(theirs, load: Load) -> None:
    theirs.execute(
        "INSERT INTO sales.lines SELECT 'A' || n, n, now(), n FROM generate_series(1, 5000) n"
    )
    first = load(TABLE)[0].lineage()
    theirs.execute("CREATE TABLE sales.again AS SELECT * FROM sales.lines ORDER BY random()")
    theirs.execute("DROP TABLE sales.lines; ALTER TABLE sales.again RENAME TO lines")
    assert load(TABLE)[0].lineage() == first
    theirs.execute("UPDATE sales.lines SET net = 11 WHERE doc = 7")
    assert load(TABLE)[0].lineage() != first


def test_bad_values_are_told_as_of_a_file(theirs, load: Load) -> None:
    theirs.execute("ALTER TABLE sales.lines ALTER net TYPE TEXT USING 'ten'")
    with pytest.raises(DataError) as refused:
        load(TABLE)
    said = str(refused.value)
    assert f"orders.amount, postgresql:{URL}/sales.lines: 3 values: not a number" in said
    assert "order_id 7: 'ten'" in said


@pytest.mark.parametrize(
    ("origin", "mapping", "error", "said"),
    [
        ("table: sales.nothing", "", MissingInput, 'relation "sales.nothing" does not exist'),
        ("table: sales.lines", "", DataError, "there is no column 'account_id'"),
        ("sql: orders.sql", "SELEC 1", DataError, "syntax error"),
        ("sql: orders.sql", "", DataError, "syntax error"),
        ("sql: orders.sql", "SELECT 1 AS a, 2 AS a", DataError, "names a column twice"),
        ("sql: orders.sql", "SELECT 1/0 AS account_id", DataError, "division by zero"),
        ("sql: nowhere.sql", "", MissingInput, "No such file"),
    ],
)
def test_what_the_server_refuses_is_told(theirs, load, origin, mapping, error, said) -> None:
    with pytest.raises(error, match=said):
        load(origin, mapping)


@pytest.mark.parametrize(
    "mapping",
    [
        "SELECT 1) AS found; DELETE FROM sales.lines; SELECT * FROM (SELECT 1",
        "SELECT 1) AS found; COMMIT; DELETE FROM sales.lines; SELECT * FROM (SELECT 1",
        "WITH gone AS (DELETE FROM sales.lines RETURNING *) SELECT * FROM gone",
        "DELETE FROM sales.lines RETURNING *",
        "SELECT sales.spoil()",
        "SELECT set_config('transaction_read_only', 'off', FALSE), sales.spoil()",
        "SELECT nextval('sales.numbers')",
        "SELECT 1 INTO sales.spoilt",
        "COPY sales.lines TO PROGRAM 'true'",
    ],
)
def test_a_mapping_changes_nothing_on_the_server(theirs, load: Load, mapping: str) -> None:
    theirs.execute("CREATE SEQUENCE sales.numbers")
    theirs.execute(
        "CREATE FUNCTION sales.spoil() RETURNS TEXT LANGUAGE sql AS "
        "$$ DELETE FROM sales.lines RETURNING customer $$"
    )
    with pytest.raises(DataError, match="the server refuses it"):
        load("sql: orders.sql", mapping)
    assert theirs.execute("SELECT count(*) FROM sales.lines").fetchall() == [(3,)]


def test_what_a_mapping_makes_on_the_server_is_undone(theirs, load: Load) -> None:
    columns = "'A' AS account_id, 1 AS order_id, DATE '2024-02-01' AS occurred_at, 1 AS amount"
    load("sql: orders.sql", f"SELECT {columns}, lo_create(4711)")
    assert theirs.execute("SELECT FROM pg_largeobject_metadata").fetchall() == []


def test_fault_44_a_server_that_is_away_is_said_without_the_password(
    theirs, load, monkeypatch
) -> None:
    monkeypatch.setenv(URL, "host=/nowhere user=me password=secret dbname=none")
    with pytest.raises(ServiceUnavailable, match=f"{URL} names does not answer") as away:
        load(TABLE)
    monkeypatch.delenv(URL)
    with pytest.raises(ConfigError, match=f"environment variable {URL} is not set"):
        load(TABLE)
    assert "secret" not in str(away.value)


def test_fault_38_a_server_that_goes_away_is_a_matter_of_trying_again(theirs, load: Load) -> None:
    """The query ends its own session in the middle of its rows."""
    ending = "CASE WHEN n = 5000 THEN pg_terminate_backend(pg_backend_pid()) END"
    mapping = f"SELECT n AS account_id, {ending} AS order_id FROM generate_series(1, 9000) n"
    with pytest.raises(ServiceUnavailable, match="broke off"):
        load("sql: orders.sql", mapping)
    assert len(load(TABLE)[1]) == 2


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("path: orders.csv", "`path` is a file's"),
        ("table: sales.lines, sql: orders.sql", "give one of `path`, `sql` and `table`"),
        ("table: lines; DROP TABLE lines", "a table or schema.table of letters"),
        ('table: "sales.\\"lines\\""', "a table or schema.table of letters"),
        ("table: sales.lines, encoding: cp1252", "`encoding` belongs to a file"),
        ("sql: orders.sql, columns: {amount: net}", "`columns` is for files and tables"),
    ],
)
def test_fault_40_origins_that_cannot_be_meant(theirs, load: Load, origin: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(origin)


@pytest.mark.parametrize("value", ["infinity", "-infinity", "294276-12-31", "4713-01-01 BC"])
@pytest.mark.parametrize("kind", ["TIMESTAMPTZ", "TIMESTAMP", "DATE"])
def test_fault_78_a_time_that_no_engine_holds_costs_its_row_alone(theirs, load, kind, value):
    theirs.execute(f"ALTER TABLE sales.lines ALTER booked TYPE {kind}".encode())
    theirs.execute("INSERT INTO sales.lines VALUES ('X', 17, %s, 10)", [value])
    sources, rows = load(TABLE)
    assert [row[0] for row in rows] == ["00123", "NA"]
    assert sources.tables["orders"].quarantined == 2
    (said,) = [f.what for f in sources.report.findings if f.column == "occurred_at"]
    assert said.startswith("1 row quarantined: occurred_at ")


def test_fault_77_all_tables_of_a_server_are_read_as_of_one_moment(theirs, tmp_path) -> None:
    """Reading the first one waits until another session has changed both."""
    theirs.execute("CREATE TABLE sales.calls (customer TEXT, at DATE, person TEXT, rep TEXT)")
    theirs.execute("INSERT INTO sales.calls VALUES ('NA', '2024-02-01', 'P', 'R')")
    (tmp_path / "orders.sql").write_text(
        "SELECT customer AS account_id, doc AS order_id, booked AS occurred_at, net AS amount "
        "FROM sales.lines, (SELECT pg_advisory_xact_lock_shared(77)) AS turn WHERE customer <> ''"
    )
    (tmp_path / "small.yaml").write_text(
        "name: small\nsnapshots: {first: 2024-02-01, last: 2024-06-01}\nsources:\n"
        f"  orders: {{url_variable: {URL}, sql: orders.sql}}\n"
        f"  touches: {{url_variable: {URL}, table: sales.calls, "
        "columns: {account_id: customer, occurred_at: at, contact_id: person, rep_id: rep}}\n"
    )
    counts: list[int] = []

    def read() -> None:
        with DuckDBEngine(threads=1) as engine:
            sources = load_sources(load_config(tmp_path / "small.yaml"), engine)
            counts.extend(sources.tables[name].rows for name in ("orders", "touches"))

    theirs.execute("SELECT pg_advisory_lock(77)")
    reading = threading.Thread(target=read)
    reading.start()
    waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while reading.is_alive() and not theirs.execute(waits.encode()).fetchall():
        pass
    with theirs.transaction():
        theirs.execute("INSERT INTO sales.lines VALUES ('NA', 9, '2024-03-01', 10)")
        theirs.execute("INSERT INTO sales.calls VALUES ('NA', '2024-03-01', 'P', 'R')")
    theirs.execute("SELECT pg_advisory_unlock(77)")
    reading.join()
    assert counts == [2, 1]


def test_a_query_that_is_refused_does_not_keep_others_from_being_read(theirs, tmp_path) -> None:
    (tmp_path / "small.yaml").write_text(
        "name: small\nsnapshots: {first: 2024-02-01, last: 2024-06-01}\nsources:\n"
        f"  touches: {{url_variable: {URL}, table: sales.calls}}\n"
        f"  complaints: {{url_variable: {URL}, table: sales.tickets}}\n"
        f"  orders: {{url_variable: {URL}, {TABLE}, max_quarantined_share: 1}}\n"
    )
    with DuckDBEngine(threads=1) as engine:
        report = read_all(load_config(tmp_path / "small.yaml"), engine)
    assert {finding.table for finding in report.errors} == {"touches", "complaints"}
    assert [table.name for table in report.tables] == ["orders"]


def test_fault_69_a_locked_table_is_said_and_not_waited_for_long(
    theirs, load, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(postgresql, "_NOTICE_SECONDS", 0.1)
    url = os.environ[URL]
    monkeypatch.setenv(URL, f"{url} options='-c lock_timeout=400ms'")
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE sales.lines")
        with pytest.raises(ServiceUnavailable, match="holds a lock for longer than `lock_timeout`"):
            load(TABLE)
    assert f"Waiting for what is read of the PostgreSQL server that {URL} names" in (
        capsys.readouterr().err
    )
    assert len(load(TABLE)[1]) == 2
