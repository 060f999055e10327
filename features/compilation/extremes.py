"""First and last moments, over the snapshots that see them."""

from __future__ import annotations

from collections.abc import Mapping

from features.compilation.scope import Scope, Step, at_snapshots
from features.values import Aggregate, First


def extremes(scope: Scope, cells: str, moments: Mapping[Aggregate, str]) -> Step:
    """The step that answers first and last moments; moments: SQL for a cell's own, or null."""

    def columns(of: Mapping[Aggregate, str]) -> str:
        return ", ".join(
            f"{'MIN' if isinstance(aggregate, First) else 'MAX'}({text}) "
            f"AS {scope.names[aggregate]}"
            for aggregate, text in of.items()
        )

    together = (
        f"(SELECT account, enters, stays, {columns(moments)} FROM {cells} "
        "GROUP BY account, enters, stays)"
    )
    answers = columns({aggregate: scope.names[aggregate] for aggregate in moments})
    return Step(
        f"moments_{cells}",
        f"SELECT account, snapshots.number, {answers} FROM {together} AS cell "
        f"{at_snapshots('enters', 'stays')} GROUP BY account, snapshots.number",
        tuple(moments),
    )
