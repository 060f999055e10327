"""Who is scored at T follows from what was known before T, not from who is a customer today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest
from feature_tables import load
from generated import forks
from hypothesis import given
from laws import Fork, law, telling
from worlds import World, named, together

from pipeline.engines import Engine
from pipeline.tables.cohort import make_active_cohort, make_whole_cohort

TABLES = frozenset({"orders", "touches", "complaints"})


def active(engine: Engine, as_ofs: Sequence[date]) -> None:
    make_active_cohort(engine, "cohort", as_ofs, days=180)


def whole(engine: Engine, as_ofs: Sequence[date]) -> None:
    make_whole_cohort(engine, "cohort", as_ofs)


@pytest.mark.parametrize("make_cohort", [active, whole])
def test_11_the_cohort_at_a_snapshot_knows_no_future(
    make_cohort: Callable[[Engine, Sequence[date]], None], engine: Engine
) -> None:
    """Two futures of the same past give the same cohorts up to the snapshot where they part."""

    def cohort(worlds: list[World], fork: Fork) -> list[tuple]:
        load(engine, together(named(world, f"{n}|") for n, world in enumerate(worlds)))
        make_cohort(engine, fork.as_ofs)
        up_to = "SELECT account_id, as_of FROM cohort WHERE as_of <= ? ORDER BY ALL"
        return engine.rows(up_to, [fork.moment])

    @law(share=0.4, per_batch=4)
    @given(forks(TABLES, size=4))
    @telling
    def holds(batch: Fork) -> None:
        assert cohort(batch.worlds, batch) == cohort(batch.others, batch)

    holds()
