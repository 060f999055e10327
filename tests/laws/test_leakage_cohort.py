"""Who is scored at T follows from what was known before T, not from who is a customer today."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from feature_tables import load
from generated import Fork, forks, law
from hypothesis import given
from worlds import World, named, together

from pipeline.engine import Engine
from pipeline.tables.cohort import make_active_cohort, make_whole_cohort

TABLES = frozenset({"orders", "touches", "complaints"})


def active(engine: Engine, as_ofs: list) -> None:
    make_active_cohort(engine, "cohort", as_ofs, days=180)


def whole(engine: Engine, as_ofs: list) -> None:
    make_whole_cohort(engine, "cohort", as_ofs)


@pytest.mark.parametrize("make_cohort", [active, whole])
def test_11_the_cohort_at_a_snapshot_knows_no_future(
    make_cohort: Callable[[Engine, list], None], engine: Engine
) -> None:
    """Two futures of the same past give the same cohorts up to the snapshot where they part."""

    def cohort(worlds: list[World], as_ofs: list) -> list[tuple]:
        load(engine, together(named(world, f"{n}|") for n, world in enumerate(worlds)))
        make_cohort(engine, as_ofs)
        return engine.rows("SELECT account_id, as_of FROM cohort ORDER BY ALL")

    @law(share=0.4, per_batch=4)
    @given(forks(TABLES, size=4))
    def holds(fork: Fork) -> None:
        as_ofs = [as_of for as_of in fork.as_ofs if as_of <= fork.moment]
        assert cohort(fork.worlds, as_ofs) == cohort(fork.others, as_ofs)

    holds()
