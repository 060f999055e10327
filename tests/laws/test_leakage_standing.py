"""Features that compare accounts keep the laws too, but for the one that leaves an account alone.

A value tier says where an account stands among all others as known at the snapshot: it needs their
company, and nothing of their future.
"""

from __future__ import annotations

from feature_tables import assert_identical, from_world, grid, up_to, values_of
from generated import batches, forks
from hypothesis import given
from hypothesis import strategies as st
from laws import Batch, Fork, law, telling
from worlds import ACCOUNTS, World, complete, cut, midnight

from features.order_history import FAMILY
from features.values import FeatureScope, scope_of
from pipeline.engines import Engine

TIERS = {n: v for n, v in values_of(FAMILY, [90]).items() if scope_of(v) is FeatureScope.POPULATION}
READS = frozenset({"orders"})


def tiers(engine: Engine, world: World, batch: Batch) -> object:
    return from_world(engine, TIERS, world, grid(ACCOUNTS, batch.as_ofs))


def test_truncation(engine: Engine) -> None:
    @law(share=0.5, per_batch=3)
    @given(batches(READS, size=3), st.integers(0, 5))
    @telling
    def holds(batch: Batch, number: int) -> None:
        moment = batch.as_ofs[number % len(batch.as_ofs)]
        for world in batch.worlds:
            known = cut(world, midnight(moment))
            both = (tiers(engine, of, batch) for of in (complete(world), complete(known)))
            assert_identical(*(up_to(moment, table) for table in both))

    holds()


def test_12_tiers_are_cut_by_what_was_known_then(engine: Engine) -> None:
    """Two futures of the same past give the same tiers up to the snapshot where they part."""

    @law(share=0.5, per_batch=3)
    @given(forks(READS, size=3))
    @telling
    def holds(batch: Fork) -> None:
        for world, other in zip(batch.worlds, batch.others, strict=True):
            both = (tiers(engine, complete(of), batch) for of in (world, other))
            assert_identical(*(up_to(batch.moment, table) for table in both))

    holds()
