"""Steps between neighbouring days, found once where nothing is late and per snapshot elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.scope import Scope, Step, at_snapshots
from features.populations import Successions
from features.values import Latest, Median, OfSteps
from features.visibility import always_seen, range_within

_PLACE = 2**20  # beyond any number of days


def successions(
    scope: Scope, steps: Successions, days: str, where: str, longest: int | None
) -> list[Step]:
    """Steps that make the table of placed rows, one per step between two days.

    days: a table of placed rows, not yet added up by day, with `key` if the steps have one and
    `sum_0`, ...; where: SQL for those that take part. longest: the longest window asked for, in
    days; None is all history.

    A day is settled if it is seen from when it occurred, and for good. Two settled neighbours are
    neighbours at every snapshot that sees both. Stretches of other days are walked, together with
    the settled days at both ends, snapshot by snapshot.
    """
    name, last = steps.name, scope.calendar.snapshots
    chain = "account, key" if steps.by else "account"
    sums = [f"sum_{number}" for number in range(len(steps.sums))]
    # With sums, every row of the day matters; without, one that is there from the start is enough.
    settled = f"{'MIN' if sums else 'MAX'}(CASE WHEN {always_seen(last)} THEN 1 ELSE 0 END)"
    chains, along = f"chains_{name}", f"(PARTITION BY {chain} ORDER BY occurred_day"
    lagged = _lagged(("occurred_day", *sums), "chain")
    neighbours = (
        f"SELECT *, {lagged}, LAG(settled) OVER chain AS settled_before, "
        "LEAD(settled) OVER chain AS settled_after, SUM(settled) OVER "
        f"{along} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stretch "
        f"FROM (SELECT {chain}, occurred_day, MIN(enters) AS enters, "
        f"{settled} AS settled{_summed(sums)} "
        f"FROM {days} WHERE {where} GROUP BY {chain}, occurred_day) AS day "
        f"WINDOW chain AS {along})"
    )
    carried = [column for name_of in sums for column in (name_of, f"earlier_{name_of}")]
    pair = ", ".join(
        (
            "account",
            "occurred_day AS later_day",
            "earlier_occurred_day AS occurred_day",
            *carried,
        )
    )
    settled_pairs = (
        f"SELECT {pair}, enters, {last} AS stays FROM {chains} "
        "WHERE settled = 1 AND settled_before = 1"
    )
    stretches = (
        f"SELECT {chain}, occurred_day, stretch FROM {chains} "
        "WHERE settled = 0 OR settled_after = 0 UNION ALL "
        f"SELECT {chain}, occurred_day, stretch - 1 AS stretch FROM {chains} "
        "WHERE settled = 1 AND settled_before = 0"
    )
    at = [f"day.{column}" for column in (*chain.split(", "), "occurred_day")]
    same = " AND ".join(f"{column.replace('day.', 'walked.', 1)} = {column}" for column in at)
    # A table of its own: there are few such days, and they must be found before they are spread
    # over snapshots.
    unsettled = f"unsettled_{name}"
    within = range_within(longest)
    found = (
        f"SELECT {', '.join(at)}, walked.stretch, {within.begins} AS begins, {within.ends} AS ends"
        f"{''.join(f', day.{column}' for column in sums)} "
        f"FROM {days} AS day JOIN ({stretches}) AS walked ON {same} WHERE {where}"
    )
    walked = (
        f"SELECT {', '.join(at)}, day.stretch, snapshots.number{_summed(sums)} "
        f"FROM {unsettled} AS day {at_snapshots('day.begins', 'day.ends')} "
        f"GROUP BY {', '.join(at)}, day.stretch, snapshots.number"
    )
    walked_pairs = (
        f"SELECT {pair}, number AS enters, number + 1 AS stays FROM ("
        f"SELECT *, {_lagged(('occurred_day', *sums), 'walk')} FROM ({walked}) AS day "
        f"WINDOW walk AS (PARTITION BY {chain}, stretch, number ORDER BY occurred_day)) AS day "
        "WHERE earlier_occurred_day IS NOT NULL"
    )
    # Placed by the earlier day: a step leaves a window when its first day does.
    columns = ("account", "later_day", *carried, "enters", "stays")
    placed = scope.placed(f"{settled_pairs} UNION ALL {walked_pairs}", columns)
    reached = ", ".join(("enters", "stays", *scope.reached, *carried))
    return [
        Step(chains, neighbours),
        Step(unsettled, found),
        Step(
            name,
            "SELECT account, later_day AS occurred_day, later_day - occurred_day AS days, "
            f"{reached} FROM ({placed}) AS step",
        ),
    ]


def on_several_days(rows: str, keys: str) -> str:
    """SQL: rows without those of keys that an account has on a single day: they make no step.

    keys: the same rows, account, key and occurred_day will do.
    """
    return (
        f"SELECT keyed.* FROM ({rows}) AS keyed JOIN (SELECT account, key FROM ({keys}) AS every "
        "GROUP BY account, key HAVING MIN(occurred_day) < MAX(occurred_day)) AS several "
        "ON several.account = keyed.account AND several.key = keyed.key"
    )


def _lagged(columns: Sequence[str], along: str) -> str:
    return ", ".join(f"LAG({column}) OVER {along} AS earlier_{column}" for column in columns)


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
            f"SELECT account, snapshots.number, {answers} FROM {table} "
            f"{at_snapshots(seen.begins, seen.ends)} GROUP BY account, snapshots.number",
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
