"""What `validate` says of each bad input of the catalogue, through CSV, Parquet and PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from bad_files import FAULTS, BadInput, bad_inputs
from small_files import CONFIG, Form, Text, config, good_rows, written

from features.contract import TABLES
from pipeline.commands import run_validate
from pipeline.config import load_config
from pipeline.endings import guarded
from pipeline.engines import quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import TryAgain
from pipeline.sources import readable_paths
from pipeline.sources.validation import validate

FORMS: tuple[Form, ...] = ("csv", "parquet")
CASES = [
    pytest.param(bad, id=f"fault_{number}-{form}-{bad.case}")
    for number in FAULTS
    for form in FORMS
    for bad in bad_inputs(number, form)
]
CASES_OF_ROWS = [
    pytest.param(bad, id=f"fault_{number}-postgresql-{bad.case}")
    for number in FAULTS
    for bad in bad_inputs(number, "csv")
    if bad.tables and bad.code != 66 and "'\\x00'" not in bad.case  # which no server can hold
]


@pytest.mark.parametrize("form", FORMS)
def test_the_files_that_are_made_bad_are_good_before(tmp_path, capsys, form):
    sources = {name: {"path": f"{name}.{form}"} for name in TABLES}
    for name in TABLES:
        (tmp_path / f"{name}.{form}").write_bytes(written(good_rows(name), name, form))
    (tmp_path / CONFIG).write_bytes(config(sources))
    assert guarded(lambda: run_validate(load_config(tmp_path / CONFIG))) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


@pytest.mark.parametrize("bad", CASES)
def test_each_ends_as_its_row_says(tmp_path, capsys, bad: BadInput):
    path = bad.write(tmp_path)
    if bad.changing:
        with pytest.raises(TryAgain, match=bad.says[0]):
            _validate_while_written(path, tmp_path / bad.changing)
        return
    _expect(bad, path, capsys)


@pytest.mark.parametrize("bad", CASES_OF_ROWS)
def test_rows_of_a_server_end_alike(tmp_path, capsys, database, bad: BadInput):
    content = yaml.safe_load(bad.files[CONFIG])
    for name, rows in bad.tables.items():
        del content["sources"][name]["path"]
        content["sources"][name] |= {"url_variable": database, "table": f"bad.{name}"}
        _fill(database, f"bad.{name}", rows)
    path = tmp_path / CONFIG
    path.write_text(yaml.safe_dump(content))
    _expect(bad, path, capsys, but="row 2: ")


def _expect(bad: BadInput, path: Path, capsys, but: str = "") -> None:
    """but: what is not said of rows that are not those of a file."""
    assert guarded(lambda: run_validate(load_config(path))) == bad.code
    printed = capsys.readouterr()
    for text in bad.says:
        assert text.removeprefix(but) in printed.out + printed.err


def _fill(variable: str, table: str, rows: list[Text]) -> None:
    """A table of texts with these rows; an empty text is NULL."""
    import psycopg

    columns = [quoted(name) for name in rows[0]]
    with psycopg.connect(os.environ[variable]) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS bad")
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} ({', '.join(f'{c} TEXT' for c in columns)})")
        copying = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with connection.cursor().copy(copying) as copy:
            for row in rows:
                copy.write_row([value or None for value in row.values()])


def _validate_while_written(config_path, changing) -> None:
    config = load_config(config_path)

    def writer(step: str) -> None:
        if step == "reading reps":
            changing.write_bytes(changing.read_bytes() + b"\n")

    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        validate(config, engine, writer)
