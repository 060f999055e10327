"""Expected orders and departures of the engine are those of the reference, account by account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import pandas as pd
import pytest
from feature_tables import grid, load
from generated import batches
from hypothesis import given
from laws import Batch, law, telling
from long_histories import long_history, some_days
from reference_departures import Expectations
from worlds import ACCOUNTS, World, complete

from pipeline.engines import Engine
from pipeline.tables.expected_orders import ExpectedOrders, Silence, expected_orders
from pipeline.tables.future.departures import LASTING_DAYS, departures, silent_after
from pipeline.tables.future.reorders import reorder_labels
from pipeline.tables.label_definitions import departure
from pipeline.tables.snapshots import Maturity

SILENCE = Silence()


def assert_agreement(engine: Engine, world: World, as_ofs: Sequence[date]) -> None:
    """States at the snapshots, and the outcomes that mature at them."""
    load(engine, complete(world))
    expected = expected_orders(engine, SILENCE)
    judge = Expectations(world)
    for as_of in as_ofs:
        state = expected.state(as_of).set_index("account_id")
        for account in ACCOUNTS:
            days = judge.days(account, as_of)
            assert (account in state.index) == bool(days)
            if days:
                day, gap, patience = days[-1]
                row = state.loc[account]
                assert row["last_order_on"].date() == day
                assert row["due_on"].date() == day + timedelta(days=gap)
                assert row["crossing_on"].date() == day + timedelta(days=patience)
    asked = [as_of - timedelta(days=225) for as_of in as_ofs]
    rows = pd.DataFrame(grid(ACCOUNTS, asked), columns=["account_id", "as_of"])
    rows["as_of"] = pd.to_datetime(rows["as_of"])
    maturity = departure(SILENCE, 0).maturity
    made = departures(engine, expected, rows, asked, maturity)
    lasts = silent_after(engine, expected, made, asked, maturity, LASTING_DAYS)
    for row in made.assign(lasting=lasts).itertuples():
        outcome, on, lasts = judge.departure(row.account_id, row.as_of.date())
        departed_on, ordered_on = (
            None if pd.isna(day) else day.date() for day in (row.departed_on, row.ordered_on)
        )
        assert (row.outcome, departed_on, row.lasting) == (outcome, on, lasts), row
        assert ordered_on == judge.departure_order(row.account_id, row.as_of.date()), row
    assert_reorders_agree(engine, expected, judge, asked)


def assert_reorders_agree(
    engine: Engine, expected: ExpectedOrders, judge: Expectations, as_ofs: Sequence[date]
) -> None:
    """Of whoever had departed at the snapshots, over 90 days with a lag of 7."""
    departed = [
        (account, as_of)
        for account, as_of in grid(ACCOUNTS, as_ofs)
        if (days := judge.days(account, as_of))
        and days[-1][0] + timedelta(days=days[-1][2]) <= as_of
    ]
    rows = pd.DataFrame(departed, columns=["account_id", "as_of"])
    rows["as_of"] = pd.to_datetime(rows["as_of"])
    made = reorder_labels(engine, expected, rows, as_ofs, Maturity(90, 7))
    found = {(r.account_id, r.as_of.date()): bool(r.reordered) for r in made.itertuples()}
    for account, as_of in departed:
        assert found.get((account, as_of)) == judge.reorders(account, as_of, 90, 7), (
            account,
            as_of,
        )


def test_engine_agrees_with_the_reference(engine: Engine) -> None:
    @law(share=0.5, per_batch=4)
    @given(batches(frozenset({"orders"}), size=4))
    @telling
    def agrees(batch: Batch) -> None:
        for world in batch.worlds:
            assert_agreement(engine, world, batch.as_ofs)

    agrees()


@pytest.mark.parametrize("seed", range(12))
def test_engine_agrees_with_the_reference_on_long_histories(engine: Engine, seed: int) -> None:
    random = Random(seed)
    assert_agreement(engine, long_history(random), some_days(random, 8))
