"""What holds of the reorders of departed accounts in every history of orders.

They are final at maturity, and nothing that becomes known later changes which rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
from feature_tables import load
from hypothesis import given
from laws import Batch, Fork, law, telling
from long_histories import long_batches, long_forks
from worlds import World, complete, cut, midnight

from pipeline.engines import Engine
from pipeline.tables.expected_orders import Silence, expected_orders
from pipeline.tables.future.reorders import reorder_labels
from pipeline.tables.snapshots import Maturity

MATURITY = Maturity(90, 14)
TO_MATURITY = timedelta(days=104)


def reorders(engine: Engine, world: World, as_ofs: Sequence[date]) -> pd.DataFrame:
    """Of all accounts that had departed at snapshots."""
    load(engine, complete(world))
    expected = expected_orders(engine, Silence())
    states = [expected.state(as_of).assign(as_of=pd.Timestamp(as_of)) for as_of in as_ofs]
    rows = pd.concat(states, ignore_index=True)
    departed = rows[rows["crossing_on"] <= rows["as_of"]]
    return reorder_labels(engine, expected, departed, as_ofs, MATURITY)


def test_reorders_are_final_at_maturity(engine: Engine) -> None:
    """Data cut to what was known at maturity give what all data give."""

    @law(share=0.06, per_batch=1)
    @given(long_batches(1, snapshots=2))
    @telling
    def holds(batch: Batch) -> None:
        for world in batch.worlds:
            as_ofs = [as_of - TO_MATURITY for as_of in batch.as_ofs]
            whole = reorders(engine, world, as_ofs)
            for as_of in as_ofs:
                then = cut(world, midnight(as_of + TO_MATURITY))
                of_all = whole[whole["as_of"] == pd.Timestamp(as_of)].reset_index(drop=True)
                pd.testing.assert_frame_equal(reorders(engine, then, [as_of]), of_all)

    holds()


def test_poison(engine: Engine) -> None:
    """Two futures that part at a moment give the same reorders that had matured by it."""

    @law(share=0.06, per_batch=1)
    @given(long_forks(1))
    @telling
    def holds(batch: Fork) -> None:
        for world, other in zip(batch.worlds, batch.others, strict=True):
            mature = [as_of - TO_MATURITY for as_of in batch.as_ofs if as_of <= batch.moment]
            if mature:
                one, two = (reorders(engine, future, mature) for future in (world, other))
                pd.testing.assert_frame_equal(one, two)

    holds()
