"""Expected orders and departures of the engine are those of the reference, account by account."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from feature_tables import grid, load
from generated import batches
from hypothesis import given
from laws import Batch, law, telling
from reference_departures import Expectations
from worlds import ACCOUNTS, complete

from pipeline.engines import Engine
from pipeline.tables.expected_orders import Silence, expected_orders
from pipeline.tables.future.departures import departures, maturity_of

SILENCE = Silence()


def test_engine_agrees_with_the_reference(engine: Engine) -> None:
    @law(share=0.5, per_batch=4)
    @given(batches(frozenset({"orders"}), size=4))
    @telling
    def agrees(batch: Batch) -> None:
        for world in batch.worlds:
            load(engine, complete(world))
            expected = expected_orders(engine, SILENCE)
            judge = Expectations(world)
            for as_of in batch.as_ofs:
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
            asked = [as_of - timedelta(days=225) for as_of in batch.as_ofs]
            rows = pd.DataFrame(grid(ACCOUNTS, asked), columns=["account_id", "as_of"])
            rows["as_of"] = pd.to_datetime(rows["as_of"])
            found = departures(engine, expected, rows, asked, maturity_of(SILENCE, 0))
            for row in found.itertuples():
                assert row.outcome == judge.outcome(row.account_id, row.as_of.date()), row

    agrees()
