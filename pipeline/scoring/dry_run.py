"""What `score` would read and write now, told without writing anything or taking its lock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pipeline.config import Config
from pipeline.console import Steps
from pipeline.output_files import short
from pipeline.scoring.guard import NOT_NEEDED, Guard
from pipeline.scoring.publication import Planned, planned
from pipeline.scoring.score import FILES, Prepared, prepared
from pipeline.training.preparation import open_engine
from pipeline.wording import counted


@dataclass(frozen=True)
class DryRun:
    """What was read, where it would be published, and how many accounts the cohort has.

    guard: the sources beside those before; None for a replay, and where nothing would be published.
    """

    read: Prepared
    plan: Planned
    accounts: int
    guard: Guard | None


def dry_run(
    config: Config,
    steps: Steps,
    as_of: date,
    model: str = "champion",
    *,
    replay: bool = False,
    accept: str | None = None,
) -> DryRun:
    """Do what `score` does before its lock: find the model, read the sources, count the cohort.

    Arguments and errors: as for `score`, but for what only trying can tell: another job's lock, a
    full disk, a PostgreSQL server that does not answer.
    """
    with open_engine(config) as engine:
        read = prepared(engine, config, steps, as_of, model, replay=replay, accept=accept)
        plan = planned(read.root, as_of, read.request.version, read.inputs)
        guard = None
        if not plan.published:
            steps.begin("Comparing the sources with those before")
            guard = read.guard(engine)
            if guard is not None:
                read.require_alike(guard, engine)
        steps.begin("Counting the cohort")
        accounts = read.require_cohort(engine)
        steps.know(rows=accounts)
    return DryRun(read, plan, accounts, guard)


def lines(found: DryRun) -> Iterator[str]:
    """The answer as text."""
    read, request = found.read, found.read.request
    config = request.config
    yield f"Dry run of {config.name} as of {request.as_of}: nothing is written."
    yield "Would read"
    for name, table in read.sources.tables.items():
        aside = f", {table.quarantined:,} set aside" if table.quarantined else ""
        until = f", complete until {table.complete_until:%Y-%m-%d %H:%M}" if table.is_event else ""
        yield f"  {name:<14}{counted(table.rows, 'row')}{aside}{until}"
        yield from (f"    {file.path}" for file in table.lineage)
    yield f"  {'model':<14}version {request.version} of {config.tracking.model_name}"
    before = short(request.previous) if request.previous else "there is none"
    yield f"  {'list before':<14}{before}"
    if found.guard is not None:
        yield from found.guard.warnings()
        yield from found.guard.still_to_come()
    yield f"Would score {counted(found.accounts, 'account')}"
    if request.trial:
        yield "As a trial: the version is not that of the last promotion"
    if found.plan.published:
        yield f"Would publish nothing: already published, from the same inputs: {_place(found)}"
        if read.reason:
            yield NOT_NEEDED
    else:
        yield f"Would write {_place(found)}"
        yield from (f"  {name}" for name in FILES)
    if read.sink is not None:
        yield (
            f"Would replace the rows of {request.as_of} and version {request.version} in the table "
            f"{read.sink.table} of the PostgreSQL server that {read.sink.url_variable} names"
        )


def _place(found: DryRun) -> str:
    return short(found.plan.folder)
