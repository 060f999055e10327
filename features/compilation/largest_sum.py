"""The largest of many keys' sums: keys whose rows come and go together are never spread out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.scope import Scope, Step, at_snapshots
from features.values import LargestSum
from features.visibility import range_within


def ranges_of(scope: Scope, name: str, rows: str) -> Step:
    """The step that makes placed rows of `key` and summed `amount`, one per range of a key.

    rows: SQL, rows with `key` and `amount`. `ranges`: how many of them the key has.
    """
    added = (
        "SELECT account, key, occurred_day, enters, stays, CAST(SUM(amount) AS BIGINT) AS amount "
        f"FROM ({rows}) AS seen GROUP BY account, key, occurred_day, enters, stays"
    )
    placed = scope.placed(added, ("account", "key", "enters", "stays", "amount"))
    return Step(
        name,
        "SELECT *, COUNT(*) OVER (PARTITION BY account, key) AS ranges "
        f"FROM ({placed}) AS range_of_key",
    )


def largest_sums(
    scope: Scope, name: str, ranges: str, aggregates: Sequence[LargestSum]
) -> Iterator[Step]:
    """Steps that answer aggregates of one population, key and measure.

    ranges: the table made by `ranges_of`. A key with a single range of snapshots has the same sum
    at all of them; the others are summed snapshot by snapshot.
    """
    for aggregate in aggregates:
        seen = range_within(aggregate.within, aggregate.ago)
        edges = f"{seen.begins} AS begins, {seen.ends} AS ends"
        yield Step(
            f"{name}_{aggregate.within}",
            f"SELECT account, number, MAX(amount) AS {scope.names[aggregate]} FROM ("
            "SELECT account, snapshots.number, MAX(amount) AS amount FROM ("
            f"SELECT account, {edges}, MAX(amount) AS amount FROM {ranges} WHERE ranges = 1 "
            f"GROUP BY account, begins, ends) AS cell {at_snapshots('begins', 'ends')} "
            "GROUP BY account, snapshots.number UNION ALL "
            "SELECT account, snapshots.number, SUM(amount) AS amount FROM ("
            f"SELECT account, key, {edges}, amount FROM {ranges} WHERE ranges > 1) AS cell "
            f"{at_snapshots('begins', 'ends')} GROUP BY account, key, snapshots.number"
            ") AS per_key GROUP BY account, number",
            (aggregate,),
        )
