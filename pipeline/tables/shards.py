"""Splits what an engine holds into shards, which features and labels are computed from."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

import pyarrow as pa

from features.contract import REPS, TABLES
from pipeline.config.form import EngineConfig
from pipeline.engines import Engine
from pipeline.engines.shards import SHARD_OF, Shards
from pipeline.tables.components import Component, assign, by_account, components
from pipeline.tables.values_table import IDENTITY
from pipeline.wording import counted

if TYPE_CHECKING:
    from pipeline.engines.spark import SparkCluster

BYTES_PER_EVENT = 375
"""Memory that all features at 24 snapshots take without setting rows aside on disk: measured at 20
million order lines."""

EVENTS_WORTH_A_SHARD = 250_000
"""With so many in each, two side by side build a training table in two thirds of the time."""


def split_into_shards(
    engine: Engine,
    config: EngineConfig,
    progress: Callable[[str], None] | None = None,
    say: Callable[[str], None] | None = None,
    *,
    many_snapshots: bool = False,
) -> None:
    """Split the canonical tables by account, where the config or their size asks for it.

    To be called once versions, merges and inferred departures are settled. The tables are then read
    from disk, and values are computed shard by shard (see `pipeline.tables.values_table`), by the
    engine's cluster if it has one; they are the same for any number of shards. say: is told which
    accounts fill a shard of their own. many_snapshots: whether values at many snapshots are wanted,
    so that `auto` splits also what fits into the memory, if it is sooner done so.
    """
    cluster = engine.cluster
    rows = events(engine)
    if cluster is None:
        threads = config.all_threads
        least = min(threads, rows // EVENTS_WORTH_A_SHARD) if many_snapshots else 1
        count = shard_count(config, rows, engine.limit_bytes, at_once=threads, least=least)
    else:
        count = shard_count(config, rows, config.task_memory_mib << 20, least=cluster.slots)
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
    count = int(numbers.max()) + 1
    if cluster is None:
        shards = _for_here(engine, config, count)
    else:
        shards = _for_cluster(cluster, engine, config, count)
    for table in by_account(engine):
        shards.split(engine, table)
        engine.drop(table)
        engine.make_view(table, shards.scan(table))
    if engine.has_table(IDENTITY):
        shards.split(engine, IDENTITY)
    if engine.has_table(REPS.name):
        shards.share(engine, REPS.name)
    engine.shards = shards


def shard_count(
    config: EngineConfig, rows: int, limit_bytes: int, *, at_once: int = 1, least: int = 1
) -> int:
    """The number of shards that a config asks for.

    `auto` goes by the events and the memory: one where they fit into it, else so many that as many
    as are worked on at once do, and never fewer than `least`.
    """
    if config.shards != "auto":
        return config.shards
    needed = rows * BYTES_PER_EVENT / limit_bytes
    return max(1, least, ceil(needed if needed <= 1 else needed * at_once))


def _for_here(engine: Engine, config: EngineConfig, count: int) -> Shards:
    """This machine works on as many shards at once as it has threads; they share its memory."""
    at_once = min(config.all_threads, count)
    return Shards(
        folder=engine.folder / "shards",
        count=count,
        threads=config.all_threads // at_once,
        memory_bytes=engine.limit_bytes // at_once,
        spill_folder=config.spill_folder,
        at_once=at_once,
    )


def _for_cluster(cluster: SparkCluster, engine: Engine, config: EngineConfig, count: int) -> Shards:
    """A task of a cluster has one thread, and memory of its own."""
    return Shards(
        folder=(cluster.folder or engine.folder) / "shards",
        count=count,
        threads=1,
        memory_bytes=config.task_memory_mib << 20,
        spill_folder=None,
        mirror=cluster.mirror,
    )


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
