"""The edges of what a snapshot sees, for every feature family there is.

An event exactly at the snapshot is excluded, whether it happens or is known then; an event exactly
`w` days before it is the oldest of the window, and a second more is too old.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pandas as pd
import pytest
from families_under_test import UNDER_TEST, moves_nothing
from feature_tables import assert_identical, own_values, side_by_side, tables_of
from worlds import Row, World, midnight

from features.contract import TABLES
from features.definition import DEFAULT_WINDOWS
from features.values import Value
from pipeline.engines import Engine

pytestmark = pytest.mark.parametrize("family", UNDER_TEST)

AS_OF, LATER = date(2024, 3, 1), date(2024, 4, 1)
NOW = midnight(AS_OF)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)

# One plain event of every table that a family reads, but for its times. That of `reps` is that a
# representative leaves.
EXAMPLES: dict[str, Row] = {
    "orders": {"order_id": "o", "line_id": "1", "amount_cents": 100, "product_id": "p"},
    "touches": {
        "contact_id": "c",
        "rep_id": "r",
        "role": "buyer",
        "seniority": "manager",
        "channel": "visit",
    },
    "complaints": {"complaint_id": "k", "category": "delivery", "severity": "high"},
    "reps": {"rep_id": "r"},
}


def test_an_event_exactly_at_the_snapshot_is_excluded(family: str, engine: Engine) -> None:
    nothing, happens, known, just_before = _at_snapshot(
        engine,
        own_values(UNDER_TEST[family], [90]),
        {},
        _events(family, NOW, NOW - DAY),
        _events(family, NOW - DAY, NOW),
        _events(family, NOW - SECOND, NOW - SECOND),
    )
    assert_identical(nothing, happens, "happening at the snapshot:")
    assert_identical(nothing, known, "known at the snapshot:")
    if not _moved(nothing, just_before):
        moves_nothing(family)


@pytest.mark.parametrize("window", DEFAULT_WINDOWS)
def test_a_window_begins_exactly_so_many_days_before(
    family: str, window: int, engine: Engine
) -> None:
    definition = UNDER_TEST[family]
    in_window = {
        name: value
        for name, value in own_values(definition, [window]).items()
        if {aggregate.within for aggregate in value.aggregates()} == {window}
    }
    if not in_window:
        moves_nothing(family)
    begin = NOW - window * DAY
    nothing, too_old, oldest, younger = _at_snapshot(
        engine,
        in_window,
        {},
        *(_events(family, moment, moment) for moment in (begin - SECOND, begin, begin + SECOND)),
    )
    assert_identical(nothing, too_old, "a second before the window:")
    assert _moved(nothing, oldest) == _moved(nothing, younger)
    if not _moved(nothing, oldest):
        moves_nothing(family)


def _at_snapshot(engine: Engine, values: Mapping[str, Value], *worlds: World) -> list[pd.DataFrame]:
    """A table per world; a later snapshot is there too, so that nothing can be left out early."""
    tables = side_by_side(engine, values, [AS_OF, LATER], *([world] for world in worlds))
    return [table[[as_of == AS_OF for _, as_of in table.index]] for table in tables]


def _events(family: str, occurred: datetime, known: datetime) -> World:
    return {
        table: [
            EXAMPLES[table]
            | ({"account_id": "A"} if TABLES[table].events else {})
            | {TABLES[table].occurred: occurred, "known_at": known}
        ]
        for table in tables_of(UNDER_TEST[family])
    }


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> set[str]:
    """The features of account A that are not the same in both."""
    pairs = zip(before.columns, before.iloc[0], after.iloc[0], strict=True)
    return {name for name, one, other in pairs if one != other and not pd.isna([one, other]).all()}
