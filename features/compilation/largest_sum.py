"""The largest of many keys' sums: keys whose rows come and go together are never spread out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.scope import Scope, Step, at_snapshots
from features.values import LargestSum
from features.visibility import range_within


def largest_sums(
    scope: Scope, name: str, rows: str, aggregates: Sequence[LargestSum]
) -> Iterator[Step]:
    """Steps that answer aggregates of one population, key and measure.

    rows: SQL, placed rows with `key` and `amount`. A key with a single range of snapshots has the
    same sum at all of them; the others are summed snapshot by snapshot.
    """
    reached = ", ".join(scope.calendar.reached)
    ranges = f"ranges_{name}"
    yield Step(
        ranges,
        "SELECT *, COUNT(*) OVER (PARTITION BY account_id, key) AS ranges FROM ("
        f"SELECT account_id, key, enters, stays, {reached}, CAST(SUM(amount) AS BIGINT) AS amount "
        f"FROM {rows} GROUP BY account_id, key, enters, stays, {reached}) AS range",
    )
    for aggregate in aggregates:
        seen = range_within(aggregate.within, aggregate.ago)
        edges = f"{seen.begins} AS begins, {seen.ends} AS ends"
        yield Step(
            f"{name}_{aggregate.within}",
            f"SELECT account_id, number, MAX(amount) AS {scope.names[aggregate]} FROM ("
            "SELECT account_id, snapshots.number, MAX(amount) AS amount FROM ("
            f"SELECT account_id, {edges}, MAX(amount) AS amount FROM {ranges} WHERE ranges = 1 "
            f"GROUP BY account_id, begins, ends) AS cell {at_snapshots('begins', 'ends')} "
            "GROUP BY account_id, snapshots.number UNION ALL "
            "SELECT account_id, snapshots.number, SUM(amount) AS amount FROM ("
            f"SELECT account_id, key, {edges}, amount FROM {ranges} WHERE ranges > 1) AS cell "
            f"{at_snapshots('begins', 'ends')} GROUP BY account_id, key, snapshots.number"
            ") AS per_key GROUP BY account_id, number",
            (aggregate,),
        )
