"""Laws of point in time, for every feature family there is.

A feature at T is made of what was known before T: nothing of what comes later can move it, and
neither can the company that an account's row keeps in the table.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from families_under_test import UNDER_TEST
from feature_tables import (
    assert_identical,
    feature_table,
    from_world,
    grid,
    own_values,
    side_by_side,
    tables_of,
    up_to,
)
from generated import WINDOWS, batches, forks
from hypothesis import given
from hypothesis import strategies as st
from laws import FORKS_PER_BATCH, Batch, Fork, law, telling
from worlds import ACCOUNTS, World, cut, midnight, named, together

from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine

pytestmark = pytest.mark.parametrize("family", UNDER_TEST)


@pytest.fixture(scope="module")
def two_threads() -> Iterator[Engine]:
    with DuckDBEngine(threads=2) as engine:
        yield engine


def test_truncation(family: str, engine: Engine) -> None:
    """Data cut to what was known before T give the features at T that all data give."""
    reads = tables_of(UNDER_TEST[family])

    @law()
    @given(batches(reads), st.integers(0, 5), WINDOWS)
    @telling
    def holds(batch: Batch, number: int, windows: tuple[int]) -> None:
        values = own_values(UNDER_TEST[family], windows)
        moment = batch.as_ofs[number % len(batch.as_ofs)]
        known = [cut(world, midnight(moment)) for world in batch.worlds]
        tables = side_by_side(engine, values, batch.as_ofs, batch.worlds, known)
        assert_identical(*(up_to(moment, table) for table in tables))

    holds()


def test_poison(family: str, engine: Engine) -> None:
    """Two futures of the same past, however wild, give the same features at T."""
    reads = tables_of(UNDER_TEST[family])

    @law(per_batch=FORKS_PER_BATCH)
    @given(forks(reads), WINDOWS)
    @telling
    def holds(batch: Fork, windows: tuple[int]) -> None:
        values = own_values(UNDER_TEST[family], windows)
        tables = side_by_side(engine, values, batch.as_ofs, batch.worlds, batch.others)
        assert_identical(*(up_to(batch.moment, table) for table in tables))

    holds()


def test_batch_of_one(family: str, engine: Engine, two_threads: Engine) -> None:
    """An account's row is the same in any company: alone, at its snapshot alone, in any order."""
    reads = tables_of(UNDER_TEST[family])

    @law(share=0.5)
    @given(
        batches(reads), st.integers(0, 99), st.integers(0, 5), st.sampled_from(ACCOUNTS), WINDOWS
    )
    @telling
    def holds(batch: Batch, number: int, snapshot: int, letter: str, windows: tuple[int]) -> None:
        values = own_values(UNDER_TEST[family], windows)
        worlds = [named(world, f"{place}|") for place, world in enumerate(batch.worlds)]
        loaded = together(worlds)
        all_accounts = [f"{n}|{account}" for n in range(len(worlds)) for account in ACCOUNTS]
        as_of = batch.as_ofs[snapshot % len(batch.as_ofs)]
        account = f"{number % len(worlds)}|{letter}"

        rows = grid(all_accounts, batch.as_ofs)
        table = from_world(engine, values, loaded, rows)

        of_snapshot = grid(all_accounts, [as_of])
        alone = feature_table(engine, values, of_snapshot)
        assert_identical(table.loc[of_snapshot], alone, "one snapshot alone:")

        of_account = grid([account], batch.as_ofs)
        alone = from_world(engine, values, _alone(loaded, account), of_account)
        assert_identical(table.loc[of_account], alone, "one account alone:")

        order = random.Random(number)
        shuffled = {name: order.sample(kept, len(kept)) for name, kept in loaded.items()}
        again = from_world(two_threads, values, shuffled, rows)
        assert_identical(table, again, "rows shuffled, two threads:")

    holds()


def _alone(loaded: World, account: str) -> World:
    """The rows of one account and of those that are ever merged with it; all representatives."""
    kin, before = {account}, set()
    while kin != before:
        before = set(kin)
        for merge in loaded["account_merges"]:
            if kin & {merge["from_id"], merge["into_id"]}:
                kin |= {merge["from_id"], merge["into_id"]}
    return {
        table: [
            row
            for row in rows
            if table == "reps" or kin & {row.get("account_id"), row.get("from_id")}
        ]
        for table, rows in loaded.items()
    }
