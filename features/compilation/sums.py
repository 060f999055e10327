"""Counts and totals: cells added up by where they lead, then over the snapshots that see them."""

from __future__ import annotations

from collections.abc import Mapping

from features.compilation.scope import Scope, Step, at_snapshots
from features.values import Aggregate, Count
from features.visibility import range_within, reached


def sums_of(cells: str, ago: int = 0) -> str:
    """The name of the table with the counts and totals over a table of cells."""
    return f"sums_{cells}_{ago}" if ago else f"sums_{cells}"


def sums(scope: Scope, cells: str, ago: int, amounts: Mapping[Aggregate, str]) -> Step:
    """The step that answers counts and totals of windows that end so many days ago.

    amounts: SQL for what one cell adds to each.
    """
    columns = {text: f"amount_{n}" for n, text in enumerate(dict.fromkeys(amounts.values()))}
    listed = ", ".join(
        f"CAST(SUM({text}) AS BIGINT) AS {column}" for text, column in columns.items()
    )
    windows = sorted({window for aggregate in amounts for window in aggregate.windows()})
    place = ", ".join(("account", "enters", "stays", *map(reached, windows)))
    together = f"(SELECT {place}, {listed} FROM {cells} GROUP BY {place})"
    answers = ", ".join(
        f"CAST(COALESCE(SUM({_counted(aggregate, columns[text])}), 0) AS {_kind(aggregate)}) "
        f"AS {scope.names[aggregate]}"
        for aggregate, text in amounts.items()
    )
    unlimited = any(aggregate.within is None for aggregate in amounts)
    seen = range_within(None if unlimited else max(windows), ago)
    return Step(
        sums_of(cells, ago),
        f"SELECT account, snapshots.number, {answers} FROM {together} AS cell "
        f"{at_snapshots(seen.begins, seen.ends)} GROUP BY account, snapshots.number",
        tuple(amounts),
    )


def _kind(aggregate: Aggregate) -> str:
    """SQL: the type of an answer; there are hundreds, so that counts had better be narrow."""
    return "INTEGER" if isinstance(aggregate, Count) else "BIGINT"


def _counted(aggregate: Aggregate, amount: str) -> str:
    """SQL: what a cell adds at a snapshot that sees it."""
    if aggregate.within is None:
        return amount
    return f"CASE WHEN snapshots.number < {reached(aggregate.within)} THEN {amount} END"
