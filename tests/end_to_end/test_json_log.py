"""`defection --log json COMMAND`: what programs read of a command's steps and errors."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import run_here
from project import AS_OF, STEPS_OF_SCORE

from pipeline.step_log import StepLog


def records(text: str) -> list[dict[str, Any]]:
    """The lines of standard error, each one a JSON object."""
    found = [json.loads(line) for line in text.splitlines()]
    for record in found:
        moment = datetime.fromisoformat(record["time"])
        assert moment.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=30)
        assert record["level"] in ("info", "warning", "error")
    return found


def defection(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line with options before the command, which `Project.defection` has none of."""
    return run_here(arguments, folder)


def test_the_steps_of_a_score_are_there_and_the_answer_is_as_without(trained) -> None:
    found = records((trained.folder / "score.jsonl").read_text())
    events = [(record["event"], record["step"]) for record in found]
    assert events == [
        (event, step) for step in STEPS_OF_SCORE for event in ("step begun", "step done")
    ]
    assert {record["command"] for record in found} == {"score"}
    assert {record["as_of"] for record in found} == {str(AS_OF)}
    assert all(record["seconds"] >= 0 for record in found if record["event"] == "step done")
    manifest = trained.scores / f"as_of={AS_OF}/model_version=1/revision=1/manifest.json"
    rows = json.loads(manifest.read_text())["rows"]["scores"]
    assert (found[-1]["version"], found[-1]["rows"]) == (1, rows)
    assert f"{rows:,} accounts scored as of {AS_OF}" in (trained.folder / "score.txt").read_text()

    score = ("score", "--as-of", str(AS_OF), "--config", "config.yaml")
    logged = defection("--log=json", *score, folder=trained.folder)
    plain = defection(*score, folder=trained.folder)
    assert logged.stdout == plain.stdout != ""
    assert plain.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "command", "said"),
    [
        (("score", "--as-of", "2026-03-01", "--config", "config.yaml"), 65, "score", "complete"),
        (("score", "--as-of", "soon", "--config", "config.yaml"), 64, "score", "not a date"),
        (("history", "--config", "nowhere.yaml"), 66, "history", "nowhere.yaml"),
        (("scroe",), 64, "scroe", "scroe"),
        (("--debgu", "score"), 64, "score", "--debgu"),
    ],
)
def test_an_error_is_one_line_too(trained, arguments, code, command, said) -> None:
    done = defection("--log", "json", *arguments, folder=trained.folder)
    assert done.returncode == code, done.stderr
    *steps, error = records(done.stderr)
    assert all(record["level"] == "info" for record in steps)
    assert (error["level"], error["event"]) == ("error", "error")
    assert (error["exit_code"], error["command"]) == (code, command)
    assert said in error["message"]
    if code == 65:
        assert (error["step"], error["as_of"]) == ("Reading the sources", "2026-03-01")
    plain = defection(*arguments, folder=trained.folder)
    assert plain.stderr == f"defection: {error['message']}\n"
    assert plain.stdout == done.stdout


def test_another_form_of_the_log_is_refused(tmp_path) -> None:
    done = defection("--log", "xml", "history", folder=tmp_path)
    assert done.returncode == 64
    assert "xml" in done.stderr and "json" in done.stderr


def test_a_warning_is_a_line_and_a_step_that_begins_twice_is_one() -> None:
    lines: list[str] = []
    log = StepLog("train", lines.append)
    log.begin("Fitting")
    log.begin("Fitting")
    log.know(rows=3)
    log.warn("one\ntwo")
    log.end()
    log.end()
    found = records("\n".join(lines))
    assert [record["event"] for record in found] == ["step begun", "warning", "step done"]
    assert found[1]["message"] == "one\ntwo"
    assert ["rows" in record for record in found] == [False, True, True]
