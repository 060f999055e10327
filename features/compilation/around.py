"""Days with a row before and after the last row of another kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.cells import Cells
from features.compilation.scope import Scope, Step, at_snapshots
from features.values import DaysAround


def days_around(
    scope: Scope, name: str, cells: Cells, anchors: Cells, aggregates: Sequence[DaysAround]
) -> Iterator[Step]:
    """Steps that answer aggregates of one population around the last row of one anchor."""
    longest = max(a.within or 0 for a in aggregates)
    last = f"last_{name}"
    yield Step(
        last,
        "SELECT account, number, MAX(occurred_day) AS anchor_day FROM ("
        "SELECT account, snapshots.number, occurred_day "
        f"FROM {anchors.table} {at_snapshots('enters', 'stays')} WHERE {anchors.entries} > 0"
        ") AS seen GROUP BY account, number",
    )
    counted = ", ".join(
        f"COUNT(DISTINCT CASE WHEN {_between(a)} THEN occurred_day END) AS {scope.names[a]}"
        for a in aggregates
    )
    # Pairs of an anchor and a day near it come first: there are far fewer of them than snapshots.
    yield Step(
        name,
        f"SELECT account, number, {counted} FROM ("
        "SELECT anchor.account, anchor.number, anchor.anchor_day, cell.occurred_day "
        f"FROM {last} AS anchor JOIN {cells.table} AS cell "
        "ON cell.account = anchor.account AND anchor.number >= cell.enters "
        "AND anchor.number < cell.stays "
        f"AND cell.occurred_day >= anchor.anchor_day - {longest} "
        f"AND cell.occurred_day < anchor.anchor_day + {longest} "
        f"WHERE cell.{cells.entries} > 0) AS near GROUP BY account, number",
        tuple(aggregates),
    )


def _between(aggregate: DaysAround) -> str:
    within = aggregate.within
    if aggregate.after:
        return f"occurred_day >= anchor_day AND occurred_day < anchor_day + {within}"
    return f"occurred_day < anchor_day AND occurred_day >= anchor_day - {within}"
