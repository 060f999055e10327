"""A library that finds no room says it in its own way; the user reads one message."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from pipeline.cli import guarded


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b"),
        (OSError(errno.EROFS, "Read-only file system", "/a/b"), "/a/b"),
        (OSError("100000 requested and 4096 written"), "the temporary folder, TMPDIR"),
    ],
)
def test_it_names_the_place_and_what_to_do(error: OSError, place: str, capsys) -> None:
    def act() -> None:
        raise error

    assert guarded(act) == 73
    said = capsys.readouterr().err
    assert said.startswith(f"defection: {place}: cannot be written: ")
    assert "Free some space" in said


def test_another_error_of_the_system_is_not_passed_off_as_one(capsys) -> None:
    def act() -> None:
        raise OSError(errno.EIO, "Input/output error", "/a/b")

    assert guarded(act) == 70


def test_temporary_files_of_all_kinds_lie_in_one_folder_that_goes(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def act() -> None:
        tempfile.mkdtemp()
        assert os.environ["JOBLIB_TEMP_FOLDER"] == os.environ["TMPDIR"] != str(tmp_path)
        assert len([*tmp_path.iterdir()]) == 1

    assert guarded(act) == 0
    assert [*tmp_path.iterdir()] == []
