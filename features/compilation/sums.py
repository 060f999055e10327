"""Counts and totals: added where ranges begin, taken away where they end, summed in between."""

from __future__ import annotations

from collections.abc import Mapping

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
        edges.setdefault(seen.begins, {})[f"{name}_in"] = amount
        edges.setdefault(seen.ends, {})[f"{name}_out"] = amount
    changes = {
        f"change_{number}": _changes(cells, edge, columns)
        for number, (edge, columns) in enumerate(edges.items())
    }
    listed = ", ".join(f"{table} AS ({sql})" for table, sql in changes.items())
    accounts = " UNION ".join(f"SELECT account FROM {table}" for table in changes)
    running = ", ".join(
        f"CAST(SUM(COALESCE({scope.names[a]}_in, 0) - COALESCE({scope.names[a]}_out, 0)) "
        f"OVER so_far AS BIGINT) AS {scope.names[a]}"
        for a in amounts
    )
    joined = " ".join(
        f"LEFT JOIN {table} ON {table}.account = grid.account AND {table}.number = grid.number"
        for table in changes
    )
    return Step(
        sums_of(cells),
        f"WITH {listed}, everyone AS ({accounts}), {grid('everyone')} "
        f"SELECT grid.account, grid.number, {running} FROM grid {joined} {SO_FAR}",
        tuple(amounts),
    )


def grid(of: str) -> str:
    """SQL: a common table `grid` with every snapshot of every account in the table `of`."""
    return (
        "grid AS (SELECT every.account, snapshots.number FROM "
        f"(SELECT DISTINCT account FROM {of}) AS every CROSS JOIN snapshots)"
    )


SO_FAR = (
    "WINDOW so_far AS (PARTITION BY grid.account ORDER BY grid.number "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)
"""A window of `grid`: all snapshots up to the row's own."""


def _changes(cells: str, edge: str, columns: Mapping[str, str]) -> str:
    """SQL: what crosses one edge at each snapshot: account, number and the columns."""
    summed = ", ".join(
        f"CAST(SUM({amount}) AS BIGINT) AS {name}" for name, amount in columns.items()
    )
    return f"SELECT account, {edge} AS number, {summed} FROM {cells} GROUP BY account, {edge}"
