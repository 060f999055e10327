"""How much history departures need."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from pipeline.tables.expected_orders import Silence
from pipeline.tables.label_definitions import departure
from pipeline.tables.snapshots import snapshot_dates
from pipeline.training.history import departures_from, enough_for_departures, first_departures

MATURITY = departure(Silence(), 14).maturity  # 239 days
FIRST_ORDER = date(2020, 1, 1)
FIRST = date(2020, 7, 1)  # the first of a month 180 days after it


def enough(end: date, every: str = "month") -> bool:
    snapshots = snapshot_dates(FIRST, date(2023, 1, 1), every)
    return enough_for_departures(snapshots, MATURITY, datetime.combine(end, time()))


def test_departures_begin_180_days_after_the_first_order() -> None:
    assert first_departures(FIRST_ORDER) == date(2020, 6, 29)


def test_six_training_months_before_the_first_of_three_tests() -> None:
    """July to December train, known on 28 July 2021; August to October test."""
    assert MATURITY.label_complete(date(2020, 12, 1)) == date(2021, 7, 28)
    known = date(2022, 5, 28)  # the label of the test of 1 October 2021
    assert departures_from(FIRST, MATURITY) == known
    assert MATURITY.label_complete(date(2021, 10, 1)) == known
    assert enough(known)
    assert not enough(date(2022, 5, 27))
    assert (known - FIRST_ORDER).days == pytest.approx(29 * 30.44, abs=6)  # 29 months


def test_weekly_snapshots_count_by_their_months() -> None:
    assert not enough(date(2022, 4, 1), "week")
    assert enough(date(2022, 6, 15), "week")


def test_nothing_is_enough_without_a_complete_label() -> None:
    assert not enough(date(2020, 9, 1))
    assert not enough_for_departures([], MATURITY, datetime(2030, 1, 1))
