"""From sources to the training table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd

from pipeline import console
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.engines.spark import SparkCluster
from pipeline.errors import DataError
from pipeline.memory import limit_bytes
from pipeline.sources import Sources, load_sources, readable_paths
from pipeline.sources.quarantine import write_quarantine
from pipeline.tables.attributes import account_attributes
from pipeline.tables.cohort import cohort_of
from pipeline.tables.derived import make_derived_tables
from pipeline.tables.label_definitions import label_of
from pipeline.tables.labels import next_year
from pipeline.tables.shards import split_into_shards
from pipeline.tables.snapshots import snapshot_dates, tests_among
from pipeline.tables.training_table import TrainingTable, learned_labels, training_table
from pipeline.training.history import (
    NO_DEPARTURES,
    SETTLING_DAYS,
    departures_from,
    enough_for_departures,
    first_departures,
    too_short,
)


@dataclass(frozen=True)
class Prepared:
    """The training table of a config, where it comes from, and the snapshots too young for it.

    config: as it was given, or `sorted_by_size` where departures cannot be learned; then by_size
    says why, in sentences. comparable_from: the first date at which the data reach back over the
    cohort's days. attributes: see `pipeline.tables.attributes`.
    """

    config: Config
    table: TrainingTable
    sources: Sources
    immature: tuple[date, ...]
    until: date | None
    comparable_from: date
    attributes: pd.DataFrame
    by_size: str = ""


@contextmanager
def open_engine(config: Config) -> Iterator[DuckDBEngine]:
    """The engine with the config's limits, able to read the config's inputs.

    With Spark it has a cluster, which works on the shards and reads what only Spark can.
    """
    chosen = config.engine
    with ExitStack() as opened:
        cluster = None
        if chosen.master is not None:
            cluster = opened.enter_context(
                SparkCluster(chosen.master, chosen.settings, chosen.work_folder)
            )
        shared = [cluster.folder] if cluster and cluster.folder else []
        engine = DuckDBEngine(
            [*readable_paths(config), *shared],
            threads=chosen.all_threads,
            memory_bytes=limit_bytes(chosen.memory_share, chosen.memory_mib),
            spill_folder=chosen.spill_folder,
        )
        engine.cluster = cluster
        yield opened.enter_context(engine)
        if cluster is not None and (times := cluster.times()):
            console.say(times)


def prepare(
    engine: DuckDBEngine,
    config: Config,
    steps: Steps,
    until: date | None = None,
    *,
    however_short: bool = False,
) -> Prepared:
    """Read the sources into the engine and build the training table over all mature snapshots.

    until: use only what was known before this date, as if it were today. however_short: learn
    departures from any history, for information, also from its first days, when late orders cannot
    be told from departures.
    """
    steps.begin("Reading the sources")
    sources = load_sources(config, engine, known_before=until)
    write_quarantine(engine, sources.report, config.output)
    make_derived_tables(engine, sources)
    split_into_shards(engine, config.engine, steps.begin, console.complain, many_snapshots=True)
    wanted = snapshot_dates(config.snapshots.first, config.snapshots.last, config.snapshots.every)
    require_orders(config, sources)
    complete_until = sources.tables["orders"].complete_until
    ((first_order,),) = engine.rows("SELECT CAST(MIN(occurred_at) AS DATE) FROM orders")
    why = ""
    if config.label.definition == "departure" and not however_short:
        settled = [day for day in wanted if day >= first_departures(first_order or day)]
        maturity = label_of(config.label).maturity
        if not enough_for_departures(settled, maturity, complete_until):
            begins = settled[0] if settled else first_departures(first_order or wanted[0])
            why = too_short(departures_from(begins, maturity))
    else:
        settled = wanted
    if not why:
        found = _built(engine, config, sources, steps, settled, first_order, until)
        if however_short or not found.table.of_departures or _departures_are_told(found):
            return found
        why = NO_DEPARTURES
    config = config.sorted_by_size()
    found = _built(engine, config, sources, steps, wanted, first_order, until)
    return replace(found, by_size=why)


def _departures_are_told(prepared: Prepared) -> bool:
    """Return whether some accounts depart and others stay: in what is learned, and at each test."""
    dataset, config = prepared.table.dataset, prepared.config
    tests = tests_among(config, dataset.snapshots())
    parts = [dataset.rows(dataset.teaches(from_treated=True))]
    parts += [dataset.rows(dataset.as_of == np.datetime64(test, "D")) for test in tests]
    return all(len(np.unique(part.label[~part.treated])) > 1 for part in parts)


def _built(
    engine: DuckDBEngine,
    config: Config,
    sources: Sources,
    steps: Steps,
    wanted: Sequence[date],
    first_order: date,
    until: date | None,
) -> Prepared:
    """Build the training table over the wanted snapshots that have a complete label."""
    complete_until = sources.tables["orders"].complete_until
    labels = learned_labels(config)
    main = labels[-1].maturity
    mature, immature = main.split(wanted, complete_until)
    if not mature:
        raise DataError(
            f"No snapshot has a complete label: the first is {wanted[0]}, its label is "
            f"complete on {main.label_complete(wanted[0])}, and the orders are "
            f"complete until {complete_until:%Y-%m-%d %H:%M}. Choose earlier snapshots in "
            "`snapshots`, a `label` with a shorter horizon, or a newer extract."
        )
    refuse_stale(config, sources, mature[-1])
    year = next_year(config.label.reporting_lag_days)
    # What a year is worth is learned where the data hold the year before and the year after.
    since = (first_order or wanted[0]) + timedelta(days=year.horizon_days)
    years = [day for day in year.split(mature, complete_until)[0] if day >= since]
    steps.begin(f"Building features and labels at {len(mature)} snapshots")
    labelled = [(label, label.maturity.split(wanted, complete_until)[0]) for label in labels]
    # A list is compared with the one before, so that snapshot is whole as well.
    whole = {
        mature[max(0, mature.index(day) - n)] for day in tests_among(config, mature) for n in (0, 1)
    }
    table = training_table(
        engine,
        config,
        sources,
        labelled,
        (year, years),
        sorted(whole),
        steps.detail("Building features and labels"),
    )
    if table.frame.empty:
        raise DataError(
            f"No account is in the cohort from {mature[0]} to {mature[-1]}: accounts "
            f"{cohort_of(config)}. Check `snapshots` and `cohort.days` against the orders."
        )
    comparable_from = first_order + timedelta(
        days=config.cohort.days if config.ranking == "risk" else SETTLING_DAYS
    )
    attributes = account_attributes(engine)
    return Prepared(
        config,
        table,
        sources,
        tuple(immature),
        until,
        comparable_from,
        attributes,
    )


def require_orders(config: Config, sources: Sources) -> None:
    """Defection is the absence of orders: without them there is nothing to learn or score."""
    if "orders" not in sources.tables:
        raise DataError(
            f"{config.path}: no `sources.orders`; defection is their absence, so nothing can be "
            "learned or scored without them. Map them, or use `features --cohort all`."
        )


def refuse_stale(config: Config, sources: Sources, as_of: date) -> None:
    """A silence model takes an extract that ends early for accounts that fell silent."""
    limit = timedelta(days=config.scoring.max_staleness_days)
    midnight = datetime.combine(as_of, time())
    stale = [
        f"{name} is complete until {table.complete_until:%Y-%m-%d %H:%M}"
        for name, table in sources.tables.items()
        if table.is_event and midnight - table.complete_until > limit
    ]
    if stale:
        raise DataError(
            f"The sources are too old for a snapshot at {as_of}: {'; '.join(stale)}; at most "
            f"{config.scoring.max_staleness_days} days are allowed "
            "(`scoring.max_staleness_days`). In a stale extract every account looks lost. "
            "Extract the data again, or say with `complete_until` how far a source that simply "
            "had no newer rows is complete."
        )
