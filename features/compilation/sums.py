"""Counts and totals: cells added up by where they lead, then over the snapshots that see them."""

from __future__ import annotations

from collections.abc import Mapping

from features.compilation.scope import Scope, Step, at_snapshots
from features.values import Aggregate
from features.visibility import range_within, reached


def sums_of(cells: str) -> str:
    """The name of the table with the counts and totals over a table of cells."""
    return f"sums_{cells}"


def sums(scope: Scope, cells: str, amounts: Mapping[Aggregate, str]) -> Step:
    """The step that answers counts and totals; amounts: SQL for what one cell adds to each."""
    columns = {text: f"amount_{n}" for n, text in enumerate(dict.fromkeys(amounts.values()))}
    listed = ", ".join(
        f"CAST(SUM({text}) AS BIGINT) AS {column}" for text, column in columns.items()
    )
    windows = sorted({window for aggregate in amounts for window in aggregate.windows()})
    place = ", ".join(("account", "enters", "stays", *map(reached, windows)))
    together = f"(SELECT {place}, {listed} FROM {cells} GROUP BY {place})"
    answers = ", ".join(
        f"CAST(COALESCE(SUM({_counted(aggregate, columns[text])}), 0) AS BIGINT) "
        f"AS {scope.names[aggregate]}"
        for aggregate, text in amounts.items()
    )
    unlimited = any(aggregate.within is None for aggregate in amounts)
    seen = range_within(None if unlimited else max(windows))
    return Step(
        sums_of(cells),
        f"SELECT account, snapshots.number, {answers} FROM {together} AS cell "
        f"{at_snapshots(seen.begins, seen.ends)} GROUP BY account, snapshots.number",
        tuple(amounts),
    )


def _counted(aggregate: Aggregate, amount: str) -> str:
    """SQL: what a cell adds at a snapshot that sees it."""
    inside = []
    if aggregate.ago:
        inside.append(f"snapshots.number >= {reached(aggregate.ago)}")
    if aggregate.within is not None:
        inside.append(f"snapshots.number < {reached(aggregate.within)}")
    return f"CASE WHEN {' AND '.join(inside)} THEN {amount} END" if inside else amount
