"""What is kept of an attempt at a list that failed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import DataError, ServiceUnavailable, UsageError
from pipeline.scoring.last_attempt import REFUSED, kept, read

DAY = date(2026, 1, 2)


def fail(root: Path, error: Exception, as_of: date = DAY) -> None:
    with pytest.raises(type(error)), kept(root, as_of):
        raise error


def test_the_first_line_is_kept_and_the_others_are_counted(tmp_path: Path) -> None:
    fail(tmp_path, DataError("too different\n  such as A000001\n  such as A000002"))
    found = read(tmp_path)
    assert found is not None
    assert (found.as_of, found.exit_code) == (DAY, 65)
    assert (found.why, found.further) == ("too different", 2)
    assert "A00" not in (tmp_path / REFUSED).read_text()
    assert [path.name for path in tmp_path.iterdir()] == [REFUSED]


def test_no_secret_and_no_text_of_an_unknown_error_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-4711")
    fail(tmp_path, ServiceUnavailable("https://ann:hidden@host does not take tok-4711"))
    assert json.loads((tmp_path / REFUSED).read_text())["why"] == "https://host does not take ..."
    fail(tmp_path, KeyError("A000001"))
    found = read(tmp_path)
    assert found is not None and (found.why, found.exit_code) == ("KeyError", 70)


def test_a_list_settles_attempts_at_it_and_at_those_before(tmp_path: Path) -> None:
    fail(tmp_path, DataError("too different"))
    for day, settled in ((date(2026, 1, 1), False), (DAY, True), (DAY, True)):
        with kept(tmp_path, day):
            pass
        assert (read(tmp_path) is None) == settled


def test_nothing_is_kept_of_a_slip_of_the_keyboard_or_without_a_folder(tmp_path: Path) -> None:
    fail(tmp_path, UsageError("no such date"))
    fail(tmp_path / "nowhere", DataError("too different"))
    assert [*tmp_path.iterdir()] == []


def test_what_cannot_be_written_or_removed_changes_no_ending(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / REFUSED).mkdir()
    fail(tmp_path, DataError("too different"))
    assert "will not know of this refusal" in capsys.readouterr().err
    with kept(tmp_path, DAY):
        pass
    assert "cannot be removed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("as_of", "2026-13-01"),
        ("as_of", "0001-01-01"),
        ("at", "2026-01-02T05:30:00"),  # of no zone
        ("at", "9999-12-31T23:59:59+00:00"),
        ("further", "many"),
        ("exit_code", None),
    ],
)
def test_a_record_that_was_edited_is_none(tmp_path: Path, name: str, value: object) -> None:
    fail(tmp_path, DataError("too different"))
    content = json.loads((tmp_path / REFUSED).read_text())
    (tmp_path / REFUSED).write_text(json.dumps(content | {name: value}))
    assert read(tmp_path) is None
