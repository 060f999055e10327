"""Runs a plan of `features.compilation` on an engine and keeps its answer as a table.

Where the engine's tables are split into shards, a plan is run shard by shard, each on an engine of
its own that sees the rows of its accounts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from features.compilation import Plan, compile_values
from features.values import Value
from pipeline.engines import Engine
from pipeline.engines.shards import Runner, Shards, SideBySide

IDENTITY = "account_identity"

Progress = Callable[[str], None]


def make_values_table(
    engine: Engine,
    into: str,
    values: Mapping[str, Value],
    as_ofs: Sequence[date],
    *,
    rows: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Create the table `into`: account_id, as_of and a DOUBLE per value, in no given order.

    values: by column name, over the canonical tables that the engine holds. rows: a table with
    the (account_id, as_of) wanted; None means all for which there is an answer. progress is told
    the name of each step before it runs, or of each shard.
    """
    plan = compile_values(values, as_ofs, rows=rows, merged=engine.has_table(IDENTITY))
    with ExitStack() as made:
        for comparison in plan.comparisons:
            if progress:
                progress("comparing accounts")
            made.callback(engine.drop, comparison.name, comparison.totals_of)
            _answer(engine, comparison.totals_of, comparison.totals, (), progress)
            engine.make(comparison.name, comparison.finish)
        given = [comparison.name for comparison in plan.comparisons]
        _answer(engine, into, plan, [*given, rows] if rows else given, progress)


def _answer(
    engine: Engine, into: str, plan: Plan, given: Sequence[str], progress: Progress | None
) -> None:
    """Create the table `into`, the answer of a plan; given: the tables that it reads beside."""
    shards = engine.shards
    if shards is None:
        run_plan(engine, into, plan, progress)
        return
    with ExitStack() as split:
        for table in given:
            split.callback(shards.forget, table)
            shards.split(engine, table)
        runner: Runner = engine.cluster or SideBySide(shards.at_once)
        runner(AnswerOfShard(shards, plan, into), shards.count, progress)
        shards.collect(engine, into)


@dataclass(frozen=True)
class AnswerOfShard:
    """Answers a plan for the accounts of a shard, under a name; a task that can be pickled."""

    shards: Shards
    plan: Plan
    into: str

    def __call__(self, number: int) -> None:
        """Write the answer of shard `number`."""
        with self.shards.work_on(number) as engine:
            run_plan(engine, self.into, self.plan)
            self.shards.write_answer(engine, self.into, number)


def run_plan(engine: Engine, into: str, plan: Plan, progress: Progress | None = None) -> None:
    """Create the table `into`, the answer of a plan whose comparisons the engine holds."""
    numbers, dates, seconds = zip(*plan.snapshots, strict=True)
    lookups = {
        "snapshots": pa.table(
            {"number": pa.array(numbers), "as_of": pa.array(dates), "as_of_s": pa.array(seconds)}
        ),
        "calendar": pa.table(
            dict(zip(plan.calendar.columns, zip(*plan.calendar.rows(), strict=True), strict=True))
        ),
    }
    left = {*lookups, *(step.name for step in plan.steps)}
    try:
        for name, table in lookups.items():
            engine.register(name, table)
        for number, step in enumerate(plan.steps):
            if progress:
                progress(step.name)
            engine.make(step.name, step.sql)
            spent = plan.spent_after(number)
            engine.drop(*spent)
            left -= {*spent}
        if progress:
            progress("joining the answers")
        engine.make(into, *plan.queries)
    finally:
        engine.drop(*left)
