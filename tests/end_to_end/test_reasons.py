"""Why an account is on the list, on the real command line."""

from __future__ import annotations

import csv

import pyarrow.parquet as pq
import pytest
from project import Project

from pipeline.config.playbook import load_playbook
from pipeline.scoring.reason_columns import REASON_COLUMNS

CAPACITY = 20


@pytest.fixture(scope="module")
def listed(trained: Project) -> list[dict[str, str]]:
    """The call list as of 2025-12-23, of twenty accounts."""
    config = trained.config.read_text()
    try:
        trained.change(scoring={"call_capacity": CAPACITY})
        done = trained.defection("score", "--as-of", "2025-12-23")
    finally:
        trained.config.write_text(config)
    assert done.returncode == 0, done.stderr
    with next(trained.scores.glob("as_of=2025-12-23/*/*/call_list.csv")).open(
        encoding="utf-8-sig"
    ) as file:
        return list(csv.DictReader(file))


def test_the_listed_accounts_have_reasons_and_the_others_none(trained, listed) -> None:
    scores = pq.read_table(
        next(trained.scores.glob("as_of=2025-12-23/*/*/scores.parquet"))
    ).to_pylist()
    assert len(listed) == CAPACITY < len(scores)
    assert [row["account_id"] for row in listed] == [r["account_id"] for r in scores[:CAPACITY]]
    for row in scores[CAPACITY:]:
        assert {row[name] for name in REASON_COLUMNS} == {None}
    given = [row for row in listed if row["reason_1"]]
    assert len(given) > CAPACITY / 2
    assert {row["controllable"] for row in given} <= {"yes", "unclear"}
    assert {row["play"] for row in given} <= load_playbook(None).plays.keys()
    families = {"order_history", "contact_breadth", "complaint_latency"}
    assert {row["reason_family_1"] for row in given} <= families


def test_a_reason_states_the_days_of_silence_that_the_list_shows(listed) -> None:
    silent = [row for row in listed if row["reason_1"].startswith("no order for ")]
    assert silent
    for row in silent:
        assert row["reason_1"].split()[3] == row["days_silent"]
