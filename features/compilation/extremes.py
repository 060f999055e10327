"""First and last moments, over the snapshots that see them."""

from __future__ import annotations

from collections.abc import Mapping

from features.compilation.scope import Scope, Step, at_snapshots
from features.values import Aggregate, First
from features.visibility import range_within, reached


def extremes(
    scope: Scope, cells: str, within: int | None, ago: int, moments: Mapping[Aggregate, str]
) -> Step:
    """The step that answers first and last moments of one window.

    moments: SQL for a cell's own, or null.
    """

    def columns(of: Mapping[Aggregate, str]) -> str:
        return ", ".join(
            f"{'MIN' if isinstance(aggregate, First) else 'MAX'}({text}) "
            f"AS {scope.names[aggregate]}"
            for aggregate, text in of.items()
        )

    windows = sorted({window for aggregate in moments for window in aggregate.windows()})
    place = ", ".join(("account", "enters", "stays", *map(reached, windows)))
    together = f"(SELECT {place}, {columns(moments)} FROM {cells} GROUP BY {place})"
    answers = columns({aggregate: scope.names[aggregate] for aggregate in moments})
    seen = range_within(within, ago)
    return Step(
        "_".join(("moments", cells, *map(str, windows))),
        f"SELECT account, snapshots.number, {answers} FROM {together} AS cell "
        f"{at_snapshots(seen.begins, seen.ends)} GROUP BY account, snapshots.number",
        tuple(moments),
    )
