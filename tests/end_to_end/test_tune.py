"""The search for settings: it goes on where it was interrupted, and sees no test row."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from command_line import DEFECTION, environment
from project import Project
from taught import drawn_dataset

from models import search
from models.settings import ModelSettings
from pipeline.config import load_config

TRIALS = 3


@pytest.fixture
def few(project: Project, market: Path) -> Project:
    """A project that learns small models from the orders of a year, and reads nothing else."""
    project.take_few_features()
    project.change(
        sources={"orders": {"path": str(market / "orders.parquet")}},
        model={"trees": 20, "threads": 1},
    )
    return project


def journal(project: Project) -> list[str]:
    """The lines of the only journal, none before it is there."""
    files = list((project.folder / "out" / "tune").glob("*.jsonl"))
    assert len(files) <= 1
    return files[0].read_text().splitlines() if files else []


def untimed(lines: list[str]) -> list[dict[str, object]]:
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def interrupted_after(project: Project, trials: int) -> tuple[int, str]:
    """Run `tune` and press Ctrl-C when so many trials are done; return its code and last line."""
    command = [DEFECTION, "tune", "--trials", str(TRIALS), "--config", project.config]
    log = project.folder / "interrupted.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [*map(str, command)],
            cwd=project.folder,
            env=environment(),
            stderr=stderr,
            # What runs in the background of a shell ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process,
    ):
        while len(journal(project)) < trials and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=120), log.read_text().splitlines()[-1]


@pytest.mark.long
@pytest.mark.starts_process
def test_an_interrupted_search_goes_on_to_the_same_end(few: Project) -> None:
    project = few
    code, said = interrupted_after(project, 1)
    assert code == 130
    assert said == "defection: interrupted; nothing half-made was published."
    done = len(journal(project))
    assert 1 <= done < TRIALS
    (file,) = (project.folder / "out" / "tune").glob("*.jsonl")
    with file.open("a") as half:
        half.write('{"number": 1, "settings": {"tre')  # what a power cut leaves
    resumed = project.defection("tune", "--trials", TRIALS)
    assert resumed.returncode == 0, resumed.stderr
    assert f"Resumed: {done} of the trials were there already." in resumed.stdout
    assert f"{TRIALS} trials on 3 snapshots before the tests" in resumed.stdout

    # The same at one go; a further call with the same number has nothing left to do.
    interrupted = untimed(journal(project))
    file.unlink()
    at_one_go = project.defection("tune", "--trials", TRIALS)
    assert at_one_go.returncode == 0, at_one_go.stderr
    assert untimed(journal(project)) == interrupted
    assert [trial["number"] for trial in interrupted] == list(range(TRIALS))
    assert interrupted[0]["settings"]["trees"] == load_config(project.config).model.trees
    again = project.defection("tune", "--trials", TRIALS)
    assert f"Resumed: {TRIALS} of the trials" in again.stdout
    shown = [line for line in again.stdout.splitlines() if not line.startswith("Resumed")]
    assert shown == at_one_go.stdout.splitlines()


def test_a_budget_of_seconds_still_measures_the_configs_own(few: Project) -> None:
    done = few.defection("tune", "--trials", 50, "--seconds", 0)
    assert done.returncode == 0, done.stderr
    assert "1 trials on 3 snapshots" in done.stdout
    assert "keep them" in done.stdout


def test_too_little_history_is_explained(few: Project) -> None:
    few.change(snapshots={"first": date(2025, 3, 1), "last": date(2026, 1, 1)})
    done = few.defection("tune", "--trials", 1)
    assert done.returncode == 65
    assert "too little history to tune on" in done.stderr


SETTINGS = ModelSettings(
    trees=10,
    leaves=4,
    learning_rate=0.1,
    min_leaf_rows=20,
    feature_share=0.7,
    row_share=0.8,
    l2=1.0,
    seed=3,
    threads=1,
    minimum_snapshots=2,
    learn_from_treated=True,
)


def test_a_trial_is_known_by_its_number() -> None:
    assert search.candidate(SETTINGS, 0) == SETTINGS
    drawn = [search.candidate(SETTINGS, number) for number in range(1, 200)]
    assert drawn == [search.candidate(SETTINGS, number) for number in range(1, 200)]
    assert len(set(drawn)) == len(drawn)
    assert {each.leaves for each in drawn} == set(range(3, 32))
    assert all((each.seed, each.threads) == (3, 1) for each in drawn)
    assert search.candidate(replace(SETTINGS, seed=2**31 - 1), 1) != SETTINGS  # any seed will do


@pytest.mark.parametrize(("first_test", "rows"), [("2020-06-01", 2), ("2020-05-31", 1)])
def test_development_rows_had_their_label_by_the_first_test(first_test: str, rows: int) -> None:
    as_of = np.array(["2020-01-01", "2020-03-01", "2020-06-01"], "datetime64[D]")
    dataset = drawn_dataset(
        features=np.zeros((3, 1)),
        names=("a",),
        label=np.array([0, 1, 1], np.int8),
        account=np.array(["x", "x", "x"], object),
        as_of=as_of,
        label_complete=np.array(["2020-04-01", "2020-06-01", "2020-09-01"], "datetime64[D]"),
    )
    assert len(search.development_rows(dataset, date.fromisoformat(first_test))) == rows
