"""Accounts that were acted on: who counts as treated at a snapshot at 2025-01-01."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
from feature_tables import load
from worlds import arrow, complete

from features.contract import OUTCOMES
from pipeline.tables.label_definitions import inactivity
from pipeline.tables.labels import make_labels

T = date(2025, 1, 1)


def action(account: str, done: str, known: str | None = None) -> dict[str, object]:
    row = dict.fromkeys(OUTCOMES.stored())
    on = datetime.fromisoformat(done)
    known_at = datetime.fromisoformat(known) if known else on
    return row | {"account_id": account, "action": "call", "date": on, "known_at": known_at}


def treated(engine, actions, accounts: str, lag: int = 14, merges=()) -> dict[str, int]:
    """Who is treated at T, with a horizon of 90 days, to 2025-04-01."""
    load(engine, complete({"account_merges": list(merges)}))
    rows = [row | {"deleted": False} for row in actions]
    engine.register("outcomes", arrow("outcomes", rows))
    asked = {"account_id": list(accounts), "as_of": pa.array([T] * len(accounts))}
    engine.register("asked", pa.table(asked))
    make_labels(engine, "answered", "asked", [T], inactivity(90, lag))
    engine.drop("outcomes")
    return dict(engine.rows("SELECT account_id, treated FROM answered ORDER BY account_id"))


def test_an_action_within_the_horizon_treats_and_its_ends_are_half_open(engine) -> None:
    actions = [
        action("A", "2024-12-31 23:59:59"),  # before: what it changed, the features show
        action("B", "2025-01-01"),
        action("C", "2025-03-31 23:59:59"),
        action("D", "2025-04-01"),  # the horizon is over
    ]
    assert treated(engine, actions, "ABCDE") == {"A": 0, "B": 1, "C": 1, "D": 0, "E": 0}


def test_an_action_counts_if_it_is_known_when_the_label_is(engine) -> None:
    actions = [
        action("A", "2025-02-01", known="2025-04-14 23:59:59"),
        action("B", "2025-02-01", known="2025-04-15"),
    ]
    assert treated(engine, actions, "AB") == {"A": 1, "B": 0}


def test_an_action_on_the_account_that_it_became_part_of_counts(engine) -> None:
    merges = [{"from_id": "A", "into_id": "B", "known_at": datetime(2025, 2, 1)}]
    assert treated(engine, [action("B", "2025-03-01")], "AC", merges=merges) == {"A": 1, "C": 0}


def test_without_outcomes_nobody_is_treated(engine) -> None:
    load(engine, complete({}))
    engine.register("asked", pa.table({"account_id": ["A"], "as_of": pa.array([T])}))
    make_labels(engine, "answered", "asked", [T], inactivity(90, 0))
    assert engine.rows("SELECT treated FROM answered") == [(0,)]
