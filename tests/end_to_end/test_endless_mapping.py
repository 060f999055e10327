"""A mapping that cannot even be interrupted ends with the process, and with a sentence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from project import Project
from small_files import CONFIG, config


@pytest.mark.long
@pytest.mark.starts_process
def test_a_mapping_that_cannot_be_interrupted_ends_with_the_process(tmp_path: Path) -> None:
    moments = "generate_series(TIMESTAMP '0001-01-01', TIMESTAMP '9999-01-01', INTERVAL 1 SECOND)"
    (tmp_path / "reps.sql").write_text(f"SELECT len({moments}) AS rep_id")
    limits = {"threads": 1, "mapping_seconds": 1}
    (tmp_path / CONFIG).write_bytes(config({"reps": {"sql": "reps.sql"}}, engine=limits))
    began = time.monotonic()
    done = Project(tmp_path).process("validate")
    assert time.monotonic() - began < 60  # left alone, it takes hours
    assert done.returncode == 65
    assert done.stderr.splitlines() == [
        f"defection: {tmp_path / CONFIG}: sources.reps: the query took longer than "
        "`engine.mapping_seconds`, and could not be ended: the process was",
        "does it end? if so, make it read less, or raise `engine.mapping_seconds`",
    ]
