"""The scores in a table of a real PostgreSQL server: whole or not at all, and the same again."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cut_connections import Cut, cut_at_commit
from drawn_lists import drawn_list

pytest.importorskip("psycopg", reason="psycopg is not installed: make setup")

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config.form import PostgresqlConfig
from pipeline.engines import postgresql
from pipeline.engines.postgresql_sink import REVISION, replace_rows
from pipeline.errors import CannotWrite, ConfigError, ServiceUnavailable
from pipeline.scoring.database import KEY, write_to_database
from pipeline.scoring.publication import MANIFEST
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


# --- encodings --------------------------------------------------------------------------------


@pytest.fixture
def encoded(request: pytest.FixtureRequest, database: str, monkeypatch) -> Iterator[str]:
    """The connection string of a database that has an encoding of its own."""
    with psycopg.connect(os.environ[database], autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS encoded")
        server.execute(
            f"CREATE DATABASE encoded ENCODING '{request.param}' LOCALE 'C' "
            "LOCALE_PROVIDER libc TEMPLATE template0".encode()
        )
        url = psycopg.conninfo.make_conninfo(os.environ[database], dbname="encoded")
        monkeypatch.setenv("ENCODED_URL", url)
        yield url
        server.execute("DROP DATABASE encoded WITH (FORCE)")


def names_in(url: str) -> list[str]:
    with psycopg.connect(url, client_encoding="UTF8") as reader:
        return [name for (name,) in reader.execute("SELECT name FROM scores ORDER BY 1")]


@pytest.mark.parametrize("encoded", ["LATIN1", "SQL_ASCII"], indirect=True)
def test_fault_76_81_texts_read_back_the_same_whatever_the_encoding_of_the_database(
    encoded: str,
) -> None:
    for names in (["Müller"], ["Ærø", "Señor"]):
        replace_rows("ENCODED_URL", "scores", drawn(*({"name": n} for n in names)), KEY, SCOPE)
        assert sorted(names_in(encoded)) == sorted(names)


@pytest.mark.parametrize("by", ["the connection string", "the role", "the environment"])
def test_fault_76_the_sink_sets_the_encoding_of_the_client(theirs, database, monkeypatch, by):
    url = os.environ[database]
    if by == "the connection string":
        monkeypatch.setenv(database, f"{url} client_encoding=LATIN1 options='-c datestyle=German'")
    elif by == "the environment":
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    else:
        theirs.execute("ALTER ROLE tests SET client_encoding = 'LATIN1'")
    try:
        replace_rows(database, "scores", drawn({"name": "Müller"}), KEY, SCOPE)
    finally:
        theirs.execute("ALTER ROLE tests RESET client_encoding")
    monkeypatch.delenv("PGCLIENTENCODING", raising=False)
    assert names_in(url) == ["Müller"]


@pytest.mark.parametrize("encoded", ["LATIN1"], indirect=True)
def test_fault_76_a_text_that_the_database_cannot_hold_is_refused(encoded: str) -> None:
    replace_rows("ENCODED_URL", "scores", drawn({"name": "Lodz"}), KEY, SCOPE)
    with pytest.raises(CannotWrite, match=r"no equivalent.*as before.*with the encoding UTF8"):
        replace_rows("ENCODED_URL", "scores", drawn({"name": "Łódź"}), KEY, SCOPE)
    assert names_in(encoded) == ["Lodz"]


# --- what is written is what the table keeps --------------------------------------------------


SPOILING = (
    "CREATE OR REPLACE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;"
    "CREATE {} TRIGGER spoil {} INSERT ON scores {} FOR EACH ROW EXECUTE FUNCTION spoil()"
)


@pytest.mark.parametrize(
    ("spoiling", "said"),
    [
        (
            SPOILING.format(
                "IF NEW.risk > 0.6 THEN RETURN NULL; END IF; RETURN NEW;", "", "BEFORE", ""
            ),
            "1 of 2 rows come back",
        ),
        (
            SPOILING.format("NEW.name = upper(NEW.name); RETURN NEW;", "", "BEFORE", ""),
            "other values of name come back",
        ),
        (
            SPOILING.format(
                "UPDATE scores SET key_account = TRUE; RETURN NEW;",
                "CONSTRAINT",
                "AFTER",
                "INITIALLY DEFERRED",
            ),
            "other values of key_account come back",
        ),
        ("ALTER TABLE scores ALTER risk TYPE NUMERIC(3, 1)", "other values of risk come back"),
        (
            "ALTER TABLE scores ALTER risk TYPE TEXT;"
            + SPOILING.format("NEW.risk = 'high'; RETURN NEW;", "", "BEFORE", ""),
            "values of other types come back",
        ),
    ],
    ids=["rows dropped", "a value changed", "changed at the end", "rounded", "another type"],
)
def test_fault_79_what_the_table_changes_is_rolled_back(theirs, database, spoiling, said) -> None:
    replace_rows(database, "scores", drawn({"risk": 0.5, "name": "A"}), KEY, SCOPE)
    before = found(theirs, "account_id, name, key_account")
    theirs.execute(spoiling)
    spoilt = drawn({"risk": 0.17, "name": "b"}, {"risk": 0.7, "name": "c"})
    with pytest.raises(ServiceUnavailable, match=f"does not keep.*{said}.*as before"):
        replace_rows(database, "scores", spoilt, KEY, SCOPE)
    assert found(theirs, "account_id, name, key_account") == before


def test_a_column_that_holds_the_same_values_in_another_type_will_do(theirs, database) -> None:
    replace_rows(database, "scores", drawn({}), KEY, SCOPE)
    theirs.execute("ALTER TABLE scores ALTER risk TYPE NUMERIC, ALTER name TYPE VARCHAR(20)")
    replace_rows(database, "scores", drawn({"risk": 0.1234567, "name": ""}), KEY, SCOPE)
    assert found(theirs, "risk::TEXT, name") == [("0.1234567", "")]


# --- a connection that is cut, a table that is locked -----------------------------------------


def of_revision(number: int) -> pa.Table:
    return drawn({}).append_column(REVISION, pa.array([number], pa.int32()))


@pytest.mark.parametrize(
    ("cut", "before", "said", "now"),
    [
        ("before", of_revision(1), r"it holds revision 1 \(as_of 2025-01-01, model_version 1\)", 1),
        ("before", drawn({}), "as before: it holds rows without a revision", None),
        ("before", None, "as before: it holds nothing", None),
        ("after", of_revision(1), "was looked at again: it has the new rows", 2),
        ("after, for good", of_revision(1), "has the new rows is unknown", 2),
    ],
    ids=["before", "before, new column", "before, new table", "after", "after, for good"],
)
def test_fault_80_a_connection_cut_at_commit_is_looked_at_again(
    theirs, database, monkeypatch, capsys, tmp_path_factory, cut: Cut, before, said: str, now
) -> None:
    if before is not None:
        replace_rows(database, "scores", before, KEY, SCOPE)
    url = os.environ[database]
    server = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])
    with cut_at_commit(server, tmp_path_factory.mktemp("s"), cut) as folder:
        monkeypatch.setenv("CUT_URL", psycopg.conninfo.make_conninfo(url, host=str(folder)))
        if cut == "after":
            replace_rows("CUT_URL", "scores", of_revision(2), KEY, SCOPE)
            text = capsys.readouterr().err
        else:
            with pytest.raises(ServiceUnavailable) as raised:
                replace_rows("CUT_URL", "scores", of_revision(2), KEY, SCOPE)
            text = str(raised.value)
    assert re.search(said, text), text
    assert "broke off while the transaction was ending" in text
    if now is None:
        replace_rows(database, "scores", of_revision(3), KEY, SCOPE)
    assert found(theirs, REVISION) == [(now or 3,)]


def test_fault_80_a_load_that_fails_says_which_revision_stands(theirs, database, tmp_path) -> None:
    sink = PostgresqlConfig(url_variable=database, table="scores")

    def write(revision: int, *rows: dict[str, Any]) -> None:
        folder = tmp_path / f"revision={revision}"
        folder.mkdir(exist_ok=True)
        (folder / MANIFEST).write_text(json.dumps({"config": "north"}))
        pq.write_table(drawn(*rows), folder / "scores.parquet")
        write_to_database(sink, folder)

    write(1, {"risk": 0.5})
    theirs.execute("ALTER TABLE scores ADD CHECK (risk < 0.6)")
    held = r"as before: it holds revision 1 \(as_of 2025-01-01, model_version 1\)"
    with pytest.raises(CannotWrite, match=f"{held}.*The files of revision 2 are published whole"):
        write(2, {"risk": 0.7})
    write(3, {"risk": 0.3}, {"risk": 0.2})
    assert found(theirs, "risk, revision") == [(0.3, 3), (0.2, 3)]


@pytest.mark.parametrize(
    ("holding", "held"),
    [
        ("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE", "what it holds is unknown"),
        ("SELECT FROM scores FOR UPDATE", "it holds rows without a revision"),
        ("INSERT INTO scores SELECT FROM scores WHERE FALSE", "it holds rows without a revision"),
    ],
)
def test_fault_69_a_locked_table_is_said_and_not_waited_for_long(
    theirs, database, monkeypatch, capsys, holding: str, held: str
) -> None:
    replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE)
    monkeypatch.setattr(postgresql, "_NOTICE_SECONDS", 0.1)
    impatient = f"{os.environ[database]} options='-c lock_timeout=400ms'"
    monkeypatch.setenv("IMPATIENT_URL", impatient)
    with psycopg.connect(os.environ[database]) as other:
        other.execute(holding.encode())
        with pytest.raises(ServiceUnavailable, match=f"holds a lock for longer.*{held}"):
            replace_rows("IMPATIENT_URL", "scores", drawn({"risk": 0.7}), KEY, SCOPE)
    assert "Waiting for the table scores of the PostgreSQL server" in capsys.readouterr().err
    assert found(theirs) == [("A1", D, 0.5)]


def test_fault_69_a_wait_for_a_lock_has_an_end_without_asking(theirs, database, monkeypatch):
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.3)
    with psycopg.connect(os.environ[database]) as other:
        replace_rows(database, "scores", drawn({"risk": 0.5}), KEY, SCOPE)
        other.execute("LOCK TABLE scores")
        with pytest.raises(ServiceUnavailable, match="holds a lock for longer"):
            replace_rows(database, "scores", drawn({"risk": 0.7}), KEY, SCOPE)


def found_all(theirs: psycopg.Connection) -> list[Any]:
    return theirs.execute("SELECT * FROM scores").fetchall()
