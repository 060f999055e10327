"""What `validate` says of each bad input of the catalogue, through CSV and Parquet."""

from __future__ import annotations

import pytest
from bad_files import FAULTS, BadInput, bad_inputs
from small_files import CONFIG, Form, config, good_rows, written

from features.contract import TABLES
from pipeline.cli import guarded
from pipeline.commands import run_validate
from pipeline.config import load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import TryAgain
from pipeline.sources import readable_paths
from pipeline.sources.validation import validate

FORMS: tuple[Form, ...] = ("csv", "parquet")
CASES = [
    pytest.param(bad, id=f"{number}-{form}-{bad.case}")
    for number in FAULTS
    for form in FORMS
    for bad in bad_inputs(number, form)
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
    assert guarded(lambda: run_validate(load_config(path))) == bad.code
    printed = capsys.readouterr()
    for text in bad.says:
        assert text in printed.out + printed.err


def _validate_while_written(config_path, changing) -> None:
    config = load_config(config_path)

    def writer(step: str) -> None:
        if step == "reading reps":
            changing.write_bytes(changing.read_bytes() + b"\n")

    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        validate(config, engine, writer)
