"""Where accounts stand among all that a snapshot sees: whole numbers per account, then a finish."""

from __future__ import annotations

from features.compilation.scope import ACCOUNT_NUMBERS, Scope, Step
from features.values import Standing


def standing_of(aggregate: Standing, totals: str) -> str:
    """SQL: account_id, as_of and the standing, as `level`.

    totals: the table with account_id, as_of and the aggregate's totals of every account.
    """
    largest_first = "OVER (PARTITION BY as_of ORDER BY own DESC, account_id"
    before = f"SUM(own) {largest_first} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    levels = "".join(
        f"WHEN before < {share} * whole THEN {level} "
        for level, share in enumerate(aggregate.shares, start=1)
    )
    return (
        f"SELECT account_id, as_of, CASE WHEN own <= 0 THEN {len(aggregate.shares) + 1} {levels}"
        f"ELSE {len(aggregate.shares) + 1} END AS level FROM ("
        f"SELECT account_id, as_of, own, COALESCE({before}, 0) AS before, "
        "SUM(CASE WHEN own > 0 THEN own ELSE 0 END) OVER (PARTITION BY as_of) AS whole "
        f"FROM {totals} WHERE seen > 0) AS ranked"
    )


def standing(scope: Scope, levels: str, aggregate: Standing) -> Step:
    """The step that answers a standing; levels: the table with what `standing_of` finds."""
    name = scope.names[aggregate]
    return Step(
        f"standing_{name}",
        f"SELECT {ACCOUNT_NUMBERS}.account, snapshots.number, found.level AS {name} "
        f"FROM {levels} AS found "
        f"JOIN {ACCOUNT_NUMBERS} ON {ACCOUNT_NUMBERS}.account_id = found.account_id "
        "JOIN snapshots ON snapshots.as_of = found.as_of",
        (aggregate,),
    )
