"""Splits what an engine holds into shards, which features and labels are computed from."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import pyarrow as pa

from features.contract import REPS, TABLES
from pipeline.config.form import EngineConfig
from pipeline.engines import Engine
from pipeline.engines.shards import SHARD_OF, Shards
from pipeline.tables.components import Component, assign, by_account, components
from pipeline.tables.values_table import IDENTITY
from pipeline.wording import counted

BYTES_PER_EVENT = 375
"""Memory that all features at 24 snapshots take without setting rows aside on disk: measured at 20
million order lines."""


def split_into_shards(
    engine: Engine,
    config: EngineConfig,
    progress: Callable[[str], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Split the canonical tables by account, where the config or their size asks for it.

    To be called once versions, merges and inferred departures are settled. The tables are then read
    from disk, and values are computed shard by shard (see `pipeline.tables.values_table`), by the
    engine's cluster if it has one; they are the same for any number of shards. say: is told which
    accounts fill a shard of their own.
    """
    cluster = engine.cluster
    limit = engine.limit_bytes if cluster is None else config.task_memory_mib << 20
    count = shard_count(config, events(engine), limit, 1 if cluster is None else cluster.slots)
    if count == 1 and cluster is None:
        return
    if progress:
        progress(f"Splitting the tables into {count} shards")
    found = components(engine)
    if found.empty:
        return
    numbers, alone = assign(found, count)
    if say:
        for component in alone:
            say(_of_its_own(component, int(found["rows"].sum()), count))
    engine.register(
        SHARD_OF, pa.table({"account_id": pa.array(found["account_id"]), "shard": numbers})
    )
    shards = Shards(
        folder=((None if cluster is None else cluster.folder) or engine.folder) / "shards",
        count=int(numbers.max()) + 1,
        threads=config.all_threads if cluster is None else 1,
        memory_bytes=limit,
        spill_folder=config.spill_folder if cluster is None else None,
        mirror=None if cluster is None else cluster.mirror,
    )
    for table in by_account(engine):
        shards.split(engine, table)
        engine.drop(table)
        engine.make_view(table, shards.scan(table))
    if engine.has_table(IDENTITY):
        shards.split(engine, IDENTITY)
    if engine.has_table(REPS.name):
        shards.share(engine, REPS.name)
    engine.shards = shards


def shard_count(config: EngineConfig, rows: int, limit_bytes: int, at_once: int = 1) -> int:
    """The number of shards that a config asks for.

    `auto` goes by the events and the memory for one shard, and has one at least for each that is
    worked on at once.
    """
    if config.shards != "auto":
        return config.shards
    return max(at_once, ceil(rows * BYTES_PER_EVENT / limit_bytes))


def events(engine: Engine) -> int:
    """The rows of all tables of events."""
    tables = [name for name, table in TABLES.items() if table.events and engine.has_table(name)]
    return sum(engine.rows(f"SELECT COUNT(*) FROM {name}")[0][0] for name in tables)


def _of_its_own(component: Component, rows: int, count: int) -> str:
    others = component.accounts - 1
    tied = f" with {counted(others, 'account')} tied to it (merges, parents, corrected rows)"
    return (
        f"Account {component.smallest}{tied if others else ''} has {component.rows:,} of {rows:,} "
        f"rows, more than the share of one of {count} shards. It is computed as a shard of its own."
    )
