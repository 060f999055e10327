"""What only the installed console script shows: how a broken pipe ends it."""

from __future__ import annotations

import subprocess

import pytest
from command_line import DEFECTION

pytestmark = pytest.mark.starts_process


def test_a_reader_that_goes_away_ends_it_without_a_traceback() -> None:
    with subprocess.Popen(
        [DEFECTION, "catalogue"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("# Feature catalogue")
        process.stdout.close()
        said = process.stderr.read()
    assert "Traceback" not in said, said
