"""Consecutive keep lists, each called, drawn: who is called when, and how early."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.training.campaign import Campaign, campaign
from pipeline.training.keep_list import CALL_SCORE, SIZE, KeepListRows

FIRST = date(2025, 1, 1)

# A list a week: `9` is an account's score, `.` where it is not active; D is the day of its
# departure, counted from the first list; one call a list, 30 days of rest.
#            weeks 0 1 2 3 4 5 6   size   D
DRAWN = """
    ada           9 9 9 9 9 9 9    100    60
    bo            8 8 8 8 8 8 8    300    40
    cy            . 7 7 7 . . .    200    19
    di            1 1 1 1 1 1 1    400    -
    ed            2 2 2 2 . . .     50    27
"""
# Called: ada in weeks 0 and 5 (35 days later), bo in 1 and 6, cy in 2, ed in 3, di in 4.


def drawn(table: str = DRAWN) -> KeepListRows:
    rows = []
    for line in table.strip().splitlines():
        account, *scores, size, day = line.split()
        departure = None if day == "-" else FIRST + timedelta(days=int(day))
        for week, score in enumerate(scores):
            as_of = FIRST + timedelta(weeks=week)
            if score != ".":
                due = departure is not None and 0 <= (departure - as_of).days < 90
                rows.append((account, as_of, float(score), float(size), due, departure))
    account, as_of, score, size, due, departed = zip(*rows, strict=True)
    some, none = np.zeros(len(rows)), np.full(len(rows), np.nan)
    sizes = np.array(size)
    return KeepListRows(
        account=np.array(account, dtype=object),
        as_of=np.array(as_of, dtype="datetime64[D]"),
        stands_for=np.ones(len(rows)),
        tier=np.array(["A"] * len(rows), dtype=object),
        size=sizes,
        due=np.array(due),
        slipped=np.zeros(len(rows), dtype=np.bool_),
        departed_on=np.array(departed, dtype="datetime64[D]"),
        ordered_on=np.array(departed, dtype="datetime64[D]") - np.timedelta64(30, "D"),
        lasting=none,
        lost=none,
        departure_risk=some,
        slip_chance=some,
        onset=some,
        rankings={CALL_SCORE: np.array(score), SIZE: sizes},
    )


@pytest.fixture(scope="module")
def found() -> Campaign:
    return campaign(drawn(), capacity=1, repetitions=100)


def test_an_account_rests_for_30_days_after_a_call(found: Campaign) -> None:
    assert found.lists == tuple(FIRST + timedelta(weeks=week) for week in range(7))
    own = found.courses[CALL_SCORE]
    assert (own.calls, own.accounts) == (7, 5)


def test_the_lead_is_counted_from_the_last_call_before_the_departure(found: Campaign) -> None:
    # ada 60 - 35 = 25, bo 40 - 7 = 33 (called again on day 42, too late), cy 19 - 14 = 5, ed 6.
    own = found.courses[CALL_SCORE]
    assert (found.departures, own.called, own.never) == (4, 4, 0)
    assert own.leads == (5, 6, 25)
    assert own.margin.value == 1


def test_another_ranking_is_called_by_the_same_rules(found: Campaign) -> None:
    # By size: di, bo, cy, ada, ed is gone by week 4 and nobody else has rested, di again, bo again.
    size = found.courses[SIZE]
    assert (size.calls, size.accounts) == (6, 4)
    assert (size.called, size.never) == (3, 1)
    assert size.margin.value == pytest.approx(600 / 650)
    gain = found.gains[SIZE]
    assert gain.value == pytest.approx(50 / 650)
    assert gain.low <= gain.value <= gain.high


def test_only_the_latest_twelve_lists_are_called() -> None:
    weeks = " ".join("1" * 14)
    rows = drawn(f"ada {weeks} 100 20\nbo {weeks} 100 95")
    made = campaign(rows, capacity=2, repetitions=2)
    assert made.lists[0] == FIRST + timedelta(weeks=2) and len(made.lists) == 12
    assert made.departures == 2
    early = drawn(f"ada {weeks} 100 13\nbo {weeks} 100 95")
    assert campaign(early, capacity=2, repetitions=2).departures == 1  # ada's is before them


def test_a_call_more_than_180_days_before_does_not_count() -> None:
    # Twelve lists 30 days apart would be in time; here ada is at the top of the first two only.
    rows = drawn("ada 9 1 1 1 100 70\nbo 1 9 9 9 100 -")
    months = {FIRST + timedelta(weeks=w): FIRST + timedelta(days=70 * w) for w in range(4)}
    moved = np.array([months[day.item()] for day in rows.as_of], dtype="datetime64[D]")
    for day, called in ((180, 1), (181, 0)):
        departed = np.where(
            rows.account == "ada", np.datetime64(FIRST + timedelta(days=day)), rows.departed_on
        )
        late = KeepListRows(
            **{**vars(rows), "as_of": moved, "departed_on": departed, "due": rows.account == "ada"}
        )
        assert campaign(late, capacity=1, repetitions=2).courses[CALL_SCORE].called == called


def test_without_departures_nothing_is_said_of_them() -> None:
    found = campaign(drawn("ada 9 9 100 -"), capacity=1, repetitions=2)
    own = found.courses[CALL_SCORE]
    assert (found.departures, own.called, own.never) == (0, 0, 0)
    assert math.isnan(own.margin.value) and math.isnan(own.leads[1])
