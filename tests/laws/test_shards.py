"""The same bytes from one part and from three, for every family and for those of the user's own."""

from __future__ import annotations

import pytest
from families_under_test import UNDER_TEST
from feature_tables import assert_identical, feature_table, from_world, grid, load, values_of
from generated import batches
from hypothesis import given
from laws import Batch, law
from worlds import ACCOUNTS, World, named, together

from features.contract import TABLES
from pipeline.config.form import EngineConfig
from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.tables.shards import split_into_shards

WORLDS = 6  # hypothesis limits how much one example may draw, and these have rows in all tables
READS = frozenset({"orders", "touches", "complaints", "reps"})
KEYS = {column for table in TABLES.values() for column in table.key if column.endswith("_id")}
VALUES = {
    name: value
    for family in UNDER_TEST.values()
    for name, value in values_of(family, (90,)).items()
}


def apart(world: World, prefix: str) -> World:
    """The same world with accounts and keys of its own, so that nothing ties it to another."""
    own = KEYS - {"account_id", "from_id", "rep_id"}  # which `named` renames
    return {
        table: [
            {c: prefix + str(v) if c in own and v else v for c, v in row.items()} for row in rows
        ]
        for table, rows in named(world, prefix).items()
    }


@pytest.mark.parametrize(
    ("most", "share"),
    [
        pytest.param(3, 0.1, id="several snapshots"),
        pytest.param(1, 0.5, id="one snapshot", marks=pytest.mark.long),
        pytest.param(6, 0.5, id="many worlds", marks=pytest.mark.long),
    ],
)
def test_parts_give_the_same_bytes(most: int, share: float, engine: Engine) -> None:
    parts = []

    @law(share=share, per_batch=WORLDS)
    @given(batches(READS, size=WORLDS, most=most, merging=True))
    def holds(batch: Batch) -> None:
        worlds = [apart(world, f"{number}|") for number, world in enumerate(batch.worlds)]
        rows = grid([f"{n}|{a}" for n in range(len(worlds)) for a in ACCOUNTS], batch.as_ofs)
        loaded = together(worlds)
        with DuckDBEngine(threads=1) as split:
            load(split, loaded)
            split_into_shards(split, EngineConfig(shards=3, threads=2))
            if split.shards is None:
                return  # the first example is bare: it has one account
            parts.append(split.shards.count)
            in_parts = feature_table(split, VALUES, rows)
        assert_identical(from_world(engine, VALUES, loaded, rows), in_parts)

    holds()
    assert max(parts) >= 3
