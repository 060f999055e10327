"""What counts as defection: drawn accounts, and the answer for a snapshot at 2025-01-01."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest
from feature_tables import load
from worlds import World, complete

from pipeline.engines import Engine
from pipeline.tables.cohort import make_active_cohort, make_whole_cohort
from pipeline.tables.label_definitions import inactivity
from pipeline.tables.labels import make_labels
from pipeline.tables.snapshots import Maturity, snapshot_dates

T = date(2025, 1, 1)
HORIZON = 90  # the horizon ends before 2025-04-01


def order(account: str, occurred: str, known: str | None = None, cents: int = 1000) -> dict:
    return {
        "account_id": account,
        "order_id": f"{account} {occurred}",
        "occurred_at": datetime.fromisoformat(occurred),
        "known_at": datetime.fromisoformat(known or occurred),
        "amount_cents": cents,
    }


def labels(engine: Engine, world: World, accounts: str, lag: int = 0) -> dict[str, int]:
    load(engine, complete(world))
    rows = {"account_id": list(accounts), "as_of": pa.array([T] * len(accounts))}
    engine.register("asked", pa.table(rows))
    make_labels(engine, "answered", "asked", [T], inactivity(HORIZON, lag))
    found = engine.rows("SELECT account_id, defected FROM answered ORDER BY account_id")
    return dict(found)


def test_an_order_in_the_horizon_is_staying_and_its_ends_are_half_open(engine) -> None:
    world = {
        "orders": [
            order("A", "2024-12-31 23:59:59"),  # before: no answer to what comes after
            order("B", "2025-01-01 00:00:00"),  # the first second of the horizon
            order("C", "2025-03-31 23:59:59"),  # the last
            order("D", "2025-04-01 00:00:00"),  # one second late
            order("E", "2025-02-01", cents=-500),  # a return is no order
        ]
    }
    assert labels(engine, world, "ABCDEF") == {"A": 1, "B": 0, "C": 0, "D": 1, "E": 1, "F": 1}


def test_an_order_reported_after_the_lag_does_not_change_the_label(engine) -> None:
    world = {
        "orders": [
            order("A", "2025-02-01", known="2025-03-31 23:59:59"),
            order("B", "2025-02-01", known="2025-04-01"),
            order("C", "2025-02-01", known="2025-04-14 23:59:59"),
            order("D", "2025-02-01", known="2025-04-15"),
        ]
    }
    assert labels(engine, world, "ABCD", lag=0) == {"A": 0, "B": 1, "C": 1, "D": 1}
    assert labels(engine, world, "ABCD", lag=14) == {"A": 0, "B": 0, "C": 0, "D": 1}


def test_the_lag_does_not_lengthen_the_horizon(engine) -> None:
    world = {"orders": [order("A", "2025-04-05"), order("B", "2025-03-31")]}
    assert labels(engine, world, "AB", lag=14) == {"A": 1, "B": 0}


def test_an_account_merged_into_another_has_stayed_if_the_other_orders(engine) -> None:
    world = {
        "orders": [order("B", "2025-03-01"), order("C", "2024-12-01")],
        "account_merges": [
            {"from_id": "A", "into_id": "B", "known_at": datetime(2025, 2, 1)},
            {"from_id": "C", "into_id": "D", "known_at": datetime(2025, 2, 1)},
        ],
    }
    assert labels(engine, world, "ABC") == {"A": 0, "B": 0, "C": 1}


def test_a_cancelled_order_is_no_sign_of_staying(engine) -> None:
    cancelled = order("A", "2025-02-01") | {"line_id": "1"}
    again = cancelled | {"known_at": datetime(2025, 2, 5), "deleted": True}
    assert labels(engine, {"orders": [cancelled, again]}, "A") == {"A": 1}


def test_the_cohort_is_who_ordered_lately_and_everybody_is_who_was_seen(engine) -> None:
    touch = {"account_id": "D", "contact_id": "c", "rep_id": "r"}
    world = {
        "orders": [
            order("A", "2024-07-05"),  # exactly 180 days before
            order("B", "2024-07-04 23:59:59"),
            order("C", "2025-01-01"),  # at the snapshot: not seen yet
        ],
        "touches": [touch | {"occurred_at": datetime(2023, 1, 1)}],
    }
    load(engine, complete(world))
    make_active_cohort(engine, "cohort", [T], 180)
    assert engine.rows("SELECT account_id FROM cohort") == [("A",)]
    make_whole_cohort(engine, "cohort", [T])
    seen = engine.rows("SELECT account_id FROM cohort ORDER BY account_id")
    assert seen == [("A",), ("B",), ("D",)]


@pytest.mark.parametrize(
    ("complete_until", "mature"),
    [
        (datetime(2025, 4, 1), 1),
        (datetime(2025, 3, 31, 23, 59, 59), 0),
        (datetime(2025, 5, 2), 2),
        (datetime(2025, 5, 1), 1),
    ],
)
def test_a_snapshot_is_mature_once_its_horizon_is_complete(complete_until, mature) -> None:
    as_ofs = snapshot_dates(T, date(2025, 2, 1), "month")
    kept, dropped = Maturity(HORIZON, 0).split(as_ofs, complete_until)
    assert len(kept) == mature
    assert kept + dropped == as_ofs


def test_snapshots_are_a_month_or_a_week_apart() -> None:
    assert snapshot_dates(date(2025, 1, 31), date(2025, 4, 1), "month") == [
        date(2025, 1, 31),
        date(2025, 2, 28),
        date(2025, 3, 31),
    ]
    assert snapshot_dates(date(2025, 1, 1), date(2025, 1, 14), "week") == [
        date(2025, 1, 1),
        date(2025, 1, 8),
    ]
