"""Where accounts stand among all that a snapshot sees."""

from __future__ import annotations

from features.compilation.scope import Scope, Step
from features.values import Count, Standing


def standing(scope: Scope, totals: str, counts: str, aggregate: Standing) -> Step:
    """The step that answers a standing.

    totals: the table that answers its total; counts: the one that answers how many rows there are.
    """
    assert aggregate.of is not None
    value, rows = scope.names[aggregate.of], scope.names[Count(aggregate.of.rows)]
    largest_first = "OVER (PARTITION BY number ORDER BY own DESC, account"
    before = f"SUM(own) {largest_first} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    levels = "".join(
        f"WHEN before < {share} * whole THEN {level} "
        for level, share in enumerate(aggregate.shares, start=1)
    )
    return Step(
        f"standing_{scope.names[aggregate]}",
        f"SELECT account, number, CASE WHEN own <= 0 THEN {len(aggregate.shares) + 1} {levels}"
        f"ELSE {len(aggregate.shares) + 1} END AS {scope.names[aggregate]} FROM ("
        f"SELECT account, number, own, COALESCE({before}, 0) AS before, "
        "SUM(CASE WHEN own > 0 THEN own ELSE 0 END) OVER (PARTITION BY number) AS whole "
        f"FROM (SELECT seen.account, seen.number, COALESCE(total.{value}, 0) AS own "
        f"FROM {counts} AS seen LEFT JOIN {totals} AS total ON total.account = seen.account "
        f"AND total.number = seen.number WHERE seen.{rows} > 0) AS account_seen) AS ranked",
        (aggregate,),
    )
