"""How much history departures need before they are published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pandas as pd

from pipeline.tables.snapshots import Maturity

SETTLING_DAYS = 180  # from the first order, in which departures cannot be told from late orders
TRAINING_MONTHS = 6  # with a training snapshot, before the first test
TESTS = 3  # mature snapshots, at which the model is tested

NO_DEPARTURES = (
    "Sorted by size; early warning cannot be learned here. No account departs, or every one, among "
    "those to learn from or at a test snapshot."
)
"""What is said of a list where departures tell no accounts apart."""


def too_short(departure_from: date) -> str:
    """Return what is said of a list where there is too little history for departures."""
    return (
        "Sorted by size; early warning is not proven here yet. Departures can be trained from "
        f"{departure_from} on."
    )


def first_departures(first_order: date) -> date:
    """Return the first date at which departures are labelled."""
    return first_order + timedelta(days=SETTLING_DAYS)


def enough_for_departures(
    snapshots: Sequence[date], maturity: Maturity, complete_until: datetime
) -> bool:
    """Return whether departures can be learned and tested.

    snapshots: in order, none before `first_departures`. There must be TESTS monthly snapshots with
    a complete label, and TRAINING_MONTHS of them with a label that was complete at the first test.
    """
    complete = [
        day
        for day in snapshots
        if datetime.combine(maturity.label_complete(day), time()) <= complete_until
    ]
    tests = sorted({(day.year, day.month): day for day in complete}.values())[-TESTS:]
    if len(tests) < TESTS:
        return False
    known = [day for day in complete if maturity.label_complete(day) <= tests[0]]
    return len({(day.year, day.month) for day in known}) >= TRAINING_MONTHS


def departures_from(first: date, maturity: Maturity) -> date:
    """Return the date from which there is enough, with monthly snapshots from `first` on."""
    last_training = pd.Timestamp(first) + pd.DateOffset(months=TRAINING_MONTHS - 1)
    first_test = maturity.label_complete(last_training.date())
    months = (first_test.year - first.year) * 12 + first_test.month - first.month
    months += first_test.day > first.day
    last_test = pd.Timestamp(first) + pd.DateOffset(months=months + TESTS - 1)
    return maturity.label_complete(last_test.date())
