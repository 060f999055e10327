"""Steps between neighbouring days, found once where nothing is late and per snapshot elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.scope import Scope, Step, at_snapshots
from features.populations import Successions
from features.values import Latest, Median, OfSteps
from features.visibility import always_seen, range_within

_PLACE = 2**20  # beyond any number of days


def successions(
    scope: Scope, steps: Successions, days: str, where: str, longest: int
) -> list[Step]:
    """Steps that make the table of placed rows, one per step between two days.

    days: a table of placed rows, not yet added up by day, with `key` if the steps have one and
    `sum_0`, ...; where: SQL for those that take part. longest: the longest window asked for, in
    days.

    A chain of days that are all seen from when they occurred, and for good, has the same
    neighbours at every snapshot that sees both. The other chains are walked snapshot by snapshot.
    """
    name = steps.name
    chain = "account_id, key" if steps.by else "account_id"
    sums = [f"sum_{number}" for number in range(len(steps.sums))]
    reached = scope.calendar.reached
    last = scope.calendar.snapshots
    # With sums, every row of the day matters; without, one that is there from the start is enough.
    plain = "MIN" if sums else "MAX"
    by_day = (
        f"SELECT {chain}, occurred_day, {', '.join(reached)}, "
        f"{plain}(CASE WHEN {always_seen(last)} THEN 1 ELSE 0 END) AS plain"
        f"{_summed(sums)} FROM {days} WHERE {where} "
        f"GROUP BY {chain}, occurred_day, {', '.join(reached)}"
    )
    chains = f"chains_{name}"
    whole = (
        f"OVER (PARTITION BY {chain} ORDER BY occurred_day "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    )
    lagged = ["occurred_day", *reached, *sums]
    back = ", ".join(f"LAG({column}) OVER along AS earlier_{column}" for column in lagged)
    made = [
        Step(
            chains,
            f"SELECT *, {back} FROM (SELECT *, MIN(plain) {whole} AS unbroken "
            f"FROM ({by_day}) AS day) AS day "
            f"WINDOW along AS (PARTITION BY {chain} ORDER BY occurred_day)",
        )
    ]
    columns = "account_id, occurred_day, occurred_day - earlier_occurred_day AS days"
    carried = "".join(f", {column}, earlier_{column}" for column in sums)
    leaving = ", ".join(f"earlier_{column} AS {column}" for column in reached)
    once = (
        f"SELECT {columns}, reached_0 AS enters, {last} AS stays, {leaving}{carried} FROM {chains} "
        "WHERE unbroken = 1 AND earlier_occurred_day IS NOT NULL"
    )
    within = range_within(longest)
    same = " AND ".join(f"broken.{column} = cell.{column}" for column in chain.split(", "))
    chained = ", ".join(f"cell.{column}" for column in chain.split(", "))
    walked = (
        f"SELECT {chained}, snapshots.number, cell.occurred_day, "
        f"{', '.join(f'cell.{column}' for column in reached)}{_summed(sums)} "
        f"FROM {days} AS cell JOIN (SELECT DISTINCT {chain} FROM {chains} WHERE unbroken = 0) "
        f"AS broken ON {same} {at_snapshots(within.begins, within.ends)} WHERE {where} "
        f"GROUP BY {chained}, snapshots.number, cell.occurred_day, "
        f"{', '.join(f'cell.{column}' for column in reached)}"
    )
    per_snapshot = (
        f"SELECT {columns}, number AS enters, number + 1 AS stays, {leaving}{carried} FROM ("
        f"SELECT *, {back} FROM ({walked}) AS day "
        f"WINDOW along AS (PARTITION BY {chain}, number ORDER BY occurred_day)) AS day "
        "WHERE earlier_occurred_day IS NOT NULL"
    )
    made.append(Step(name, f"{once} UNION ALL {per_snapshot}"))
    return made


def _summed(sums: Sequence[str]) -> str:
    return "".join(f", CAST(SUM({column}) AS BIGINT) AS {column}" for column in sums)


def of_steps(scope: Scope, table: str, aggregates: Sequence[OfSteps]) -> Iterator[Step]:
    """Steps that answer medians and latest steps; table: as `successions` makes it."""
    for within in dict.fromkeys(a.within for a in aggregates):
        own = [a for a in aggregates if a.within == within]
        answers = ", ".join(f"{_reduction(a)} AS {scope.names[a]}" for a in own)
        seen = range_within(within)
        yield Step(
            f"of_{table}_{within}",
            f"SELECT account_id, snapshots.number, {answers} FROM {table} "
            f"{at_snapshots(seen.begins, seen.ends)} GROUP BY account_id, snapshots.number",
            tuple(own),
        )


def _reduction(aggregate: OfSteps) -> str:
    if isinstance(aggregate, Median):
        return f"MEDIAN({aggregate.measure})"
    if isinstance(aggregate, Latest):
        # The day and the measure in one number, so that the latest day brings its measure along.
        day = f"CAST(occurred_day + {_PLACE} AS BIGINT) * {_PLACE}"
        packed = f"MAX({day} + COALESCE({aggregate.measure} + 1, 0))"
        return f"NULLIF({packed} % {_PLACE}, 0) - 1"
    raise TypeError(f"{aggregate!r} is neither a median nor a latest step")
