"""The largest of many keys' sums: keys whose rows come and go together are never spread out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.scope import Scope, Step, at_snapshots
from features.populations import Population
from features.values import LargestSum
from features.visibility import range_within


def ranges_of(scope: Scope, name: str, population: Population, key: str, measure: str) -> Step:
    """The step that makes placed rows of `key` and summed `amount`, one per range of a key.

    `ranges`: how many of them the key has.
    """
    rows = (
        "SELECT account_id, key, occurred_day, enters, stays, "
        "CAST(SUM(amount) AS BIGINT) AS amount "
        f"FROM ({scope.seen(population, {'key': key, 'amount': measure})}) AS seen "
        "WHERE key IS NOT NULL GROUP BY account_id, key, occurred_day, enters, stays"
    )
    columns = ("account_id", "key", "enters", "stays", "amount")
    return Step(
        name,
        "SELECT *, COUNT(*) OVER (PARTITION BY account_id, key) AS ranges "
        f"FROM ({scope.placed(rows, columns)}) AS range_of_key",
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
