"""Mean waits by Kaplan and Meier, in whole numbers so that no order of rows can change them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.scope import Scope, Step, at_snapshots
from features.expressions import SECONDS_PER_DAY
from features.values import RestrictedMean
from features.visibility import range_within

_LOG_SCALE = 10**15
_TIME_SCALE = 10**11


def restricted_means(
    scope: Scope, name: str, waiting: str, done: str, aggregates: Sequence[RestrictedMean]
) -> Iterator[Step]:
    """Steps that answer mean waits of one pair of populations and one limit.

    waiting: SQL, placed rows with occurred_s. done: SQL, the same and `duration`, in seconds.
    """
    kept = ", ".join(("account", "enters", "stays", *scope.reached, "occurred_s"))
    waits = f"waits_{name}"
    yield Step(
        waits,
        f"SELECT {kept}, CAST(NULL AS BIGINT) AS duration FROM ({waiting}) AS waiting "
        f"UNION ALL SELECT {kept}, GREATEST(duration, 0) AS duration FROM ({done}) AS done",
    )
    for aggregate in aggregates:
        limit = aggregate.limit_days * SECONDS_PER_DAY
        seen = range_within(aggregate.within, aggregate.ago)
        along = "(PARTITION BY account, number ORDER BY length"
        yield Step(
            f"{name}_{aggregate.within}",
            f"SELECT account, number, CAST(SUM(CAST(ROUND(EXP(CAST(COALESCE(fallen, 0) "
            f"AS DOUBLE) / {_LOG_SCALE}) * (length - COALESCE(before, 0)) * {_TIME_SCALE}) "
            f"AS BIGINT)) AS DOUBLE) / {_TIME_SCALE} AS {scope.names[aggregate]} FROM ("
            f"SELECT account, number, length, LAG(length) OVER {along}) AS before, "
            f"SUM(fall) OVER {along} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS fallen "
            "FROM (SELECT account, number, length, CASE WHEN at_risk > ended THEN CAST(ROUND("
            f"LN(CAST(at_risk - ended AS DOUBLE) / at_risk) * {_LOG_SCALE}) AS BIGINT) END AS fall "
            "FROM (SELECT account, number, length, ended, SUM(waits) OVER "
            f"{along} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS at_risk "
            "FROM (SELECT account, number, length, SUM(ended) AS ended, COUNT(*) AS waits FROM ("
            "SELECT account, snapshots.number, "
            f"LEAST(COALESCE(duration, snapshots.as_of_s - occurred_s), {limit}) AS length, "
            f"CASE WHEN duration <= {limit} THEN 1 ELSE 0 END AS ended "
            f"FROM {waits} {at_snapshots(seen.begins, seen.ends)}) AS wait "
            "GROUP BY account, number, length) AS length_of) AS risk) AS curve) AS stretch "
            "GROUP BY account, number",
            (aggregate,),
        )
