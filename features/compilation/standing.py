"""Where accounts stand among all that a snapshot sees."""

from __future__ import annotations

from features.compilation.scope import Scope, Step
from features.values import Count, Standing


def standing(scope: Scope, answered_in: str, aggregate: Standing) -> Step:
    """The step that answers a standing; answered_in: the table that answers its total."""
    assert aggregate.of is not None
    value, rows = scope.names[aggregate.of], scope.names[Count(aggregate.of.rows)]
    largest_first = f"OVER (PARTITION BY number ORDER BY {value} DESC, account"
    before = f"SUM({value}) {largest_first} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    levels = "".join(
        f"WHEN before < {share} * whole THEN {level} "
        for level, share in enumerate(aggregate.shares, start=1)
    )
    return Step(
        f"standing_{scope.names[aggregate]}",
        f"SELECT account, number, CASE WHEN own <= 0 THEN {len(aggregate.shares) + 1} {levels}"
        f"ELSE {len(aggregate.shares) + 1} END AS {scope.names[aggregate]} FROM ("
        f"SELECT account, number, {value} AS own, "
        f"COALESCE({before}, 0) AS before, "
        f"SUM(CASE WHEN {value} > 0 THEN {value} ELSE 0 END) OVER (PARTITION BY number) AS whole "
        f"FROM {answered_in} WHERE {rows} > 0) AS ranked",
        (aggregate,),
    )
