"""Why an account is on the list, on the real command line."""

from __future__ import annotations

import csv

import pandas as pd
import pyarrow.parquet as pq
import pytest
from project import Project, copy_project

from pipeline.config.playbook import SHIPPED, load_playbook
from pipeline.scoring.list_status import LISTED
from pipeline.scoring.reason_columns import REASON_COLUMNS

CAPACITY = 20


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, world: Project) -> Project:
    """A copy of the world with a list as of 2025-12-23; to read only."""
    project = copy_project(world, tmp_path_factory.mktemp("reasons"))
    project.change(scoring={"call_capacity": CAPACITY})
    project.done("score", "--as-of", "2025-12-23")
    return project


@pytest.fixture(scope="module")
def listed(trained: Project) -> list[dict[str, str]]:
    """The accounts to call, about twenty of them."""
    with next(trained.scores.glob("as_of=2025-12-23/*/*/call_list.csv")).open(
        encoding="utf-8-sig"
    ) as file:
        return [row for row in csv.DictReader(file) if row["list_status"] == LISTED]


def test_the_listed_accounts_have_reasons_and_the_others_none(trained, listed) -> None:
    (place,) = trained.scores.glob("as_of=2025-12-23/*/*/scores.parquet")
    accounts = {row["account_id"] for row in listed}
    others = [r for r in pq.read_table(place).to_pylist() if r["account_id"] not in accounts]
    assert len(listed) >= CAPACITY and others
    for row in others:
        assert {row[name] for name in REASON_COLUMNS} == {None}
    given = [row for row in listed if row["reason_1"]]
    assert len(given) > len(listed) / 2
    assert {row["controllable"] for row in given} <= {"yes", "unclear"}
    assert {row["play"] for row in given} <= load_playbook(None).plays.keys()
    families = {"order_history", "contact_breadth", "complaint_latency"}
    assert {row["reason_family_1"] for row in given} <= families


def test_a_reason_states_the_days_of_silence_that_the_list_shows(listed) -> None:
    silent = [row for row in listed if row["reason_1"].startswith("no order for ")]
    assert silent
    for row in silent:
        assert row["reason_1"].split()[3] == row["days_silent"]


def test_an_account_is_explained_whole(trained, listed) -> None:
    row = next(row for row in listed if row["reason_3"])
    before = trained.files()
    done = trained.defection("explain", "--account", row["account_id"], "--as-of", row["as_of"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Account {row['account_id']}, {row['name']}")
    assert f"risk            {float(row['risk']):.1%}"[:-2] in done.stdout
    assert f"  rank            {row['rank']} of " in done.stdout
    for place in (1, 2, 3):
        (line,) = (x for x in done.stdout.splitlines() if x.startswith(f"  {place} raises"))
        assert line.endswith(f": {row[f'reason_{place}']}")
    play = load_playbook(None).plays[row["play"]]
    assert row["play_owner"] == play.owner
    assert f"What to do: {row['play']} ({play.owner})" in done.stdout
    assert play.does in done.stdout
    assert "Since 2025-12-" in done.stdout
    assert f"  {row['last_order_at'][:10]}  order " in done.stdout
    assert trained.files() == before


def test_an_account_that_fell_silent_long_ago_is_told_to_be_outside(trained, market) -> None:
    orders = pd.read_parquet(market / "orders.parquet")
    last = orders[orders["amount"] > 0].groupby("account_id")["occurred_at"].max()
    account, moment = next(iter(last[last < "2025-04-01"].items()))
    done = trained.defection("explain", "--account", account, "--as-of", "2025-12-23")
    assert done.returncode == 65
    assert f"Account {account} is not in the cohort as of 2025-12-23" in done.stderr
    assert f"was on {moment:%Y-%m-%d}" in done.stderr
    assert "an order in the 180 days before the snapshot are scored" in done.stderr


def test_an_account_that_nobody_knows(trained) -> None:
    done = trained.defection("explain", "--account", "A9", "--as-of", "2025-12-23")
    assert done.returncode == 64
    assert "No source has an event of an account 'A9' before 2025-12-23" in done.stderr


def test_a_past_date_is_explained_with_a_warning(trained, listed) -> None:
    account = listed[0]["account_id"]
    done = trained.defection("explain", "--account", account, "--as-of", "2025-08-01")
    assert done.returncode == 0, done.stderr
    assert "Looking back: the model learned from what happened until" in done.stdout
    assert "No publication lies before this snapshot" in done.stdout


def test_a_slip_in_the_playbook_is_told_before_anything_is_read(project) -> None:
    text = SHIPPED.read_text(encoding="utf-8").replace("owner: quality", "owner: qualty")
    (project.folder / "playbook.yaml").write_text(text, encoding="utf-8")
    project.change(scoring={"playbook": "playbook.yaml"})
    before = project.files()
    for arguments in (("validate",), ("score", "--as-of", "2026-01-01")):
        done = project.defection(*arguments)
        assert done.returncode == 78
        assert "playbook.yaml: 1 mistake" in done.stderr
        assert "plays.Remove the cause of the fault.owner (line " in done.stderr
    assert project.files() == before
