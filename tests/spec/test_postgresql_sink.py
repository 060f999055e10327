"""The scores in a table of a real PostgreSQL server: whole or not at all, and the same again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from drawn_lists import drawn_list

pytest.importorskip("psycopg", reason="psycopg is not installed: make setup")

import psycopg
import pyarrow as pa

from pipeline.engines.postgresql_sink import replace_rows
from pipeline.errors import CannotWrite, ConfigError, ServiceUnavailable
from pipeline.scoring.database import KEY
from pipeline.scoring.score_table import SCHEMA

D = date(2025, 1, 1)
SCOPE = {"as_of": D, "model_version": 1}


@pytest.fixture
def theirs(database: str) -> Iterator[psycopg.Connection]:
    """The connection of somebody who reads what we write."""
    with psycopg.connect(os.environ[database], autocommit=True) as connection:
        connection.execute('DROP TABLE IF EXISTS scores; DROP SCHEMA IF EXISTS "Sales" CASCADE')
        yield connection


def found(theirs: psycopg.Connection, columns: str = "account_id, as_of, risk") -> list[Any]:
    return theirs.execute(
        f"SELECT {columns} FROM scores ORDER BY as_of, model_version, account_id".encode()
    ).fetchall()


def drawn(*rows: dict[str, Any]) -> pa.Table:
    return drawn_list(*rows).select(SCHEMA.names)


def test_the_table_is_made_with_the_published_columns(theirs, database) -> None:
    rows = drawn({"name": 'a "b", \n;--', "owner_id": "", "key_account": True}, {"name": None})
    replace_rows(database, "scores", rows, KEY, SCOPE)
    columns = ", ".join(SCHEMA.names)
    assert found(theirs, columns) == [tuple(row.values()) for row in rows.to_pylist()]
    key = (
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid "
        "AND attnum = ANY (indkey) WHERE indrelid = 'scores'::regclass AND indisprimary"
    )
    assert {name for (name,) in theirs.execute(key).fetchall()} == {*KEY}


def test_a_rerun_converges_and_a_revision_replaces(theirs, database) -> None:
    first = drawn({"risk": 0.5}, {"risk": 0.4}, {"risk": 0.3})
    for _ in range(2):
        replace_rows(database, "scores", first, KEY, SCOPE)
    assert found(theirs) == [("A1", D, 0.5), ("A2", D, 0.4), ("A3", D, 0.3)]
    replace_rows(database, "scores", drawn({"risk": 0.9}, {"account_id": "A4"}), KEY, SCOPE)
    assert found(theirs) == [("A1", D, 0.9), ("A4", D, 0.25)]


def test_other_dates_and_versions_stay(theirs, database) -> None:
    other = date(2025, 2, 1)
    for as_of, version in ((D, 1), (D, 2), (other, 1), (D, 1)):
        rows = drawn({"as_of": as_of, "model_version": version})
        replace_rows(database, "scores", rows, KEY, {"as_of": as_of, "model_version": version})
    assert found(theirs, "as_of, model_version") == [(D, 1), (D, 2), (other, 1)]


def test_what_the_server_refuses_leaves_the_table_as_it_was(theirs, database) -> None:
    replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE)
    theirs.execute("ALTER TABLE scores ADD CHECK (risk < 0.6)")
    with pytest.raises(CannotWrite, match=r"refuses to write the table scores.*as before"):
        replace_rows(database, "scores", drawn({"risk": 0.1}, {"risk": 0.7}), KEY, SCOPE)
    assert found(theirs) == [("A1", D, 0.5)]


def test_readers_see_the_old_rows_until_the_new_ones_are_whole(theirs, database) -> None:
    """Somebody holds a row that is to go, so our job waits in the midst of its transaction."""
    replace_rows(database, "scores", drawn({"risk": 0.5}, {"risk": 0.4}), KEY, SCOPE)
    with psycopg.connect(os.environ[database]) as other:
        other.execute("SELECT FROM scores WHERE account_id = 'A2' FOR UPDATE")
        job = threading.Thread(
            target=replace_rows, args=(database, "scores", drawn({"risk": 0.7}), KEY, SCOPE)
        )
        job.start()
        while not theirs.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
            pass
        theirs.execute("SET lock_timeout = '1s'")
        assert found(theirs) == [("A1", D, 0.5), ("A2", D, 0.4)]
    job.join()
    assert found(theirs) == [("A1", D, 0.7)]


def test_two_jobs_at_once_come_one_after_the_other(theirs, database) -> None:
    """Neither finds half of the other's rows, also where the table is yet to be made."""
    rows = [drawn(*({"risk": risk} for _ in range(50))) for risk in (0.1, 0.2, 0.3, 0.4)]
    jobs = [
        threading.Thread(target=replace_rows, args=(database, "scores", each, KEY, SCOPE))
        for each in rows
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(found(theirs)) == 50
    assert len({risk for _, _, risk in found(theirs)}) == 1


def test_columns_that_an_older_table_lacks_are_added(theirs, database) -> None:
    few = drawn({"risk": 0.5}).select([*KEY, "risk"])
    replace_rows(database, "scores", few, KEY, SCOPE)
    theirs.execute("ALTER TABLE scores ADD COLUMN remark TEXT DEFAULT 'theirs'")
    replace_rows(database, "scores", drawn({"name": "new"}), KEY, SCOPE)
    assert found(theirs, "name, remark") == [("new", "theirs")]


def test_fault_40_names_are_quoted(theirs, database) -> None:
    theirs.execute('CREATE SCHEMA "Sales"')
    replace_rows(database, "Sales.Order", drawn({}), KEY, SCOPE)
    assert theirs.execute('SELECT COUNT(*) FROM "Sales"."Order"').fetchall() == [(1,)]


@pytest.mark.parametrize("name", ["w" * 64, "ä" * 32])
def test_fault_40_names_that_the_server_would_cut_off_are_refused(name) -> None:
    with pytest.raises(ValueError, match="63 bytes"):
        replace_rows("NEVER_ASKED", name, drawn({}), KEY, SCOPE)


def test_fault_44_a_text_that_is_no_connection_string_is_not_repeated(monkeypatch) -> None:
    monkeypatch.setenv("SLIP", "postgresql://me:secret@[")
    with pytest.raises(ConfigError, match="SLIP is not a connection string") as refused:
        replace_rows("SLIP", "scores", drawn({}), KEY, SCOPE)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_away_is_said_without_the_password(monkeypatch) -> None:
    monkeypatch.setenv("AWAY", "host=/nowhere user=me password=secret dbname=none")
    with pytest.raises(ServiceUnavailable, match="AWAY names does not answer") as away:
        replace_rows("AWAY", "scores", drawn({}), KEY, SCOPE)
    assert "secret" not in str(away.value)


def test_fault_38_a_server_that_goes_away_leaves_the_table_as_it_was(theirs, database) -> None:
    """The session is ended from outside while it waits within its transaction."""
    replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE)
    raised: list[Exception] = []

    def job() -> None:
        try:
            replace_rows(database, "scores", drawn({"risk": 0.7}), KEY, SCOPE)
        except ServiceUnavailable as error:
            raised.append(error)

    with psycopg.connect(os.environ[database]) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", ['"scores"'])
        running = threading.Thread(target=job)
        running.start()
        ended = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
        while not theirs.execute((ended + "AND NOT granted").encode()).fetchall():
            pass
        running.join()
    assert "broke off" in str(raised[0])
    assert found(theirs) == [("A1", D, 0.5)]


def test_a_table_that_is_not_ours_is_left_alone(theirs, database) -> None:
    theirs.execute("CREATE TABLE scores (account_id TEXT PRIMARY KEY, vat TEXT)")
    theirs.execute("INSERT INTO scores VALUES ('A1', 'DE1')")
    with pytest.raises(CannotWrite, match="not one of this program"):
        replace_rows(database, "scores", drawn({}), KEY, SCOPE)
    assert found_all(theirs) == [("A1", "DE1")]


def test_a_table_is_of_one_config(theirs, database) -> None:
    replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE, "the scores of north")
    with pytest.raises(CannotWrite, match="holds the scores of north, not the scores of south"):
        replace_rows(database, "scores", drawn({"risk": 0.7}), KEY, SCOPE, "the scores of south")
    replace_rows(database, "scores", drawn({"risk": 0.6}), KEY, SCOPE, "the scores of north")
    assert found(theirs) == [("A1", D, 0.6)]


def test_a_table_of_another_schema_is_refused_with_the_statement_that_replaces_it(
    theirs, database
) -> None:
    replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE, "the scores of north, one")
    with pytest.raises(
        CannotWrite, match=r'has one, and this program writes two.*DROP TABLE "scores";'
    ):
        replace_rows(database, "scores", drawn({}), KEY, SCOPE, "the scores of north, two")
    assert found(theirs) == [("A1", D, 0.5)]
    theirs.execute('DROP TABLE "scores"')
    replace_rows(database, "scores", drawn({"risk": 0.6}), KEY, SCOPE, "the scores of north, two")
    assert found(theirs) == [("A1", D, 0.6)]


def test_whoever_may_write_a_table_need_not_be_able_to_make_one(theirs, database) -> None:
    replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE)
    theirs.execute("DROP ROLE IF EXISTS nightly; CREATE ROLE nightly")
    theirs.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    theirs.execute("GRANT SELECT, INSERT, DELETE ON scores TO nightly")
    try:
        os.environ["AS_NIGHTLY"] = f"{os.environ[database]} options='-c role=nightly'"
        replace_rows("AS_NIGHTLY", "scores", drawn({"risk": 0.6}), KEY, SCOPE)
    finally:
        del os.environ["AS_NIGHTLY"]
        theirs.execute("DROP OWNED BY nightly; DROP ROLE nightly")
    assert found(theirs) == [("A1", D, 0.6)]


def test_a_refusal_shows_no_row_of_the_table(theirs, database) -> None:
    """A full disk is no server that went away, and its context holds the row at hand."""
    replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE)
    theirs.execute(
        "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$;"
        "CREATE TRIGGER full_disk BEFORE INSERT ON scores EXECUTE FUNCTION full_disk()"
    )
    with pytest.raises(CannotWrite, match="no space left") as refused:
        replace_rows(database, "scores", drawn({"name": "Acme"}), KEY, SCOPE)
    assert "Acme" not in str(refused.value) and "A1" not in str(refused.value)


def test_fault_44_a_password_with_an_at_sign_is_not_repeated(monkeypatch) -> None:
    monkeypatch.setenv("SLIP", "postgresql://user:sec@ret@localhost:1/db")
    with pytest.raises(ConfigError, match="%40") as refused:
        replace_rows("SLIP", "scores", drawn({}), KEY, SCOPE)
    assert "ret" not in str(refused.value)


def found_all(theirs: psycopg.Connection) -> list[Any]:
    return theirs.execute("SELECT * FROM scores").fetchall()
