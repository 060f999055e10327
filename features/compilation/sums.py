"""Counts and totals: added where ranges begin, taken away where they end, summed in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from features.compilation.scope import Scope, Step
from features.values import Aggregate
from features.visibility import range_within


def sums_of(cells: str) -> str:
    """The name of the table with the counts and totals over a table of cells."""
    return f"sums_{cells}"


def sums(scope: Scope, cells: str, amounts: Mapping[Aggregate, str]) -> Step:
    """The step that answers counts and totals; amounts: SQL for what one cell adds to each."""
    edges: dict[str, dict[str, str]] = {}
    for aggregate, amount in amounts.items():
        name, seen = scope.names[aggregate], range_within(aggregate.within, aggregate.ago)
        edges.setdefault(seen.begins, {})[name] = f"SUM({amount})"
        edges.setdefault(seen.ends, {})[name] = f"-SUM({amount})"
    names = [scope.names[aggregate] for aggregate in amounts]
    listed = " UNION ALL ".join(
        _changes(cells, edge, changed, names) for edge, changed in edges.items()
    )
    summed = ", ".join(f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in names)
    running = ", ".join(
        f"CAST(SUM(COALESCE({name}, 0)) OVER so_far AS BIGINT) AS {name}" for name in names
    )
    return Step(
        sums_of(cells),
        f"WITH steps AS (SELECT account_id, number, {summed} FROM ({listed}) AS change "
        f"WHERE number < {scope.calendar.snapshots} GROUP BY account_id, number), "
        f"{grid('steps')} SELECT grid.account_id, grid.number, {running} FROM grid "
        "LEFT JOIN steps ON steps.account_id = grid.account_id AND steps.number = grid.number "
        f"{SO_FAR}",
        tuple(amounts),
    )


def grid(of: str) -> str:
    """SQL: a common table `grid` with every snapshot of every account in the table `of`."""
    return (
        "grid AS (SELECT account.account_id, snapshots.number FROM "
        f"(SELECT DISTINCT account_id FROM {of}) AS account CROSS JOIN snapshots)"
    )


SO_FAR = (
    "WINDOW so_far AS (PARTITION BY grid.account_id ORDER BY grid.number "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)
"""A window of `grid`: all snapshots up to the row's own."""


def _changes(table: str, edge: str, amounts: Mapping[str, str], names: Sequence[str]) -> str:
    """What changes at one edge: account_id, number and each of `names`."""
    columns = ", ".join(f"{amounts.get(name, 'CAST(0 AS BIGINT)')} AS {name}" for name in names)
    return (
        f"SELECT account_id, {edge} AS number, {columns} FROM {table} GROUP BY account_id, {edge}"
    )
