"""Runs a plan of `features.compilation` on an engine and keeps its answer as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pyarrow as pa

from features.compilation import Plan, compile_values
from features.values import Value
from pipeline.engines import Engine

IDENTITY = "account_identity"


def make_values_table(
    engine: Engine,
    into: str,
    values: Mapping[str, Value],
    as_ofs: Sequence[date],
    *,
    rows: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Create the table `into`: account_id, as_of and a DOUBLE per value, in no given order.

    values: by column name, over the canonical tables that the engine holds. rows: a table with
    the (account_id, as_of) wanted; None means all for which there is an answer. progress is told
    the name of each step before it runs.
    """
    plan = compile_values(values, as_ofs, rows=rows, merged=engine.has_table(IDENTITY))
    compared = [name for c in plan.comparisons for name in (c.name, c.totals_of)]
    try:
        for comparison in plan.comparisons:
            if progress:
                progress("comparing accounts")
            run_plan(engine, comparison.totals_of, comparison.totals)
            engine.make(comparison.name, comparison.finish)
        run_plan(engine, into, plan, progress)
    finally:
        engine.drop(*compared)


def run_plan(
    engine: Engine, into: str, plan: Plan, progress: Callable[[str], None] | None = None
) -> None:
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
