"""Reductions over keys: a sum per key and snapshot side by side, then reduced over the keys.

One pass over the rows whatever the number of snapshots, a column for each; meant for keys of which
an account has few (contacts, categories).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from features.compilation.scope import Scope, Step
from features.values import Aggregate, Entropy, Largest, OfBusiest, PerKey, SumOfSquares
from features.visibility import range_within

_SCALE = 1e12  # of the logarithms' integer part: their sum must not depend on its order


def _entropy(of: str) -> str:
    """SQL: the entropy of sums, from the integer sum of n ln n."""
    weighed = f"CAST(ROUND({of} * LN({of}) * {_SCALE:.0f}) AS BIGINT)"
    parts = f"CAST(SUM(CASE WHEN {of} > 0 THEN {weighed} END) AS DOUBLE)"
    whole = f"CAST(SUM({of}) AS DOUBLE)"
    # The same rounding on both sides, so that a single key has an entropy of exactly 0.
    of_whole = f"ROUND({whole} * LN(NULLIF({whole}, 0)) * {_SCALE:.0f})"
    return f"({of_whole} - {parts}) / {_SCALE:.0f} / NULLIF({whole}, 0)"


_REDUCTIONS: dict[type[PerKey], Callable[[str], str]] = {
    Largest: lambda of: f"MAX({of})",
    SumOfSquares: lambda of: f"SUM(CAST({of} AS DECIMAL(38, 0)) * {of})",
    Entropy: _entropy,
}


def per_key(
    scope: Scope, name: str, rows: str, aggregates: Sequence[PerKey | OfBusiest]
) -> Iterator[Step]:
    """Steps that answer aggregates of one population and key.

    rows: SQL, placed rows with `key`, occurred_s and, for each measure, `of_<n>` in the order in
    which `measures` gives them.
    """
    measured = measures(aggregates)
    reduced = [a for a in aggregates if isinstance(a, PerKey)]
    busiest = [a for a in aggregates if isinstance(a, OfBusiest)]
    wide: dict[str, str] = {}
    for aggregate in aggregates:
        seen = range_within(aggregate.within, aggregate.ago)
        number_of = measured.index(_measure(aggregate))
        for number in range(scope.calendar.snapshots):
            counted = f"CASE WHEN {seen.begins} <= {number} AND {number} < {seen.ends} THEN"
            column = f"w{aggregate.within}_{aggregate.ago}"
            wide[f"sum_{number_of}_{column}_{number}"] = (
                f"COUNT({counted} 1 END)"
                if measured[number_of] == "1"
                else f"CAST(COALESCE(SUM({counted} of_{number_of} END), 0) AS BIGINT)"
            )
            if isinstance(aggregate, OfBusiest):
                wide[f"first_{column}_{number}"] = f"MIN({counted} occurred_s END)"
                wide[f"last_{column}_{number}"] = f"MAX({counted} occurred_s END)"
    keys = f"keys_{name}"
    listed = "".join(f", {text} AS {column}" for column, text in wide.items())
    yield Step(keys, f"SELECT account, key{listed} FROM ({rows}) AS keyed GROUP BY account, key")

    def column_of(aggregate: Aggregate) -> str:
        return f"sum_{measured.index(_measure(aggregate))}_w{aggregate.within}_{aggregate.ago}"

    if reduced:
        columns = "".join(
            f", {_REDUCTIONS[type(a)](f'{column_of(a)}_{number}')} AS {scope.names[a]}_at_{number}"
            for a in reduced
            for number in range(scope.calendar.snapshots)
        )
        yield Step(f"reduced_{name}", f"SELECT account{columns} FROM {keys} GROUP BY account")
        answered = {scope.names[a]: f"{scope.names[a]}_at_{{number}}" for a in reduced}
        yield Step(f"{name}_reduced", scope.unpivoted(f"reduced_{name}", answered), tuple(reduced))
    windows = {(a.within, a.ago): [b for b in busiest if b.within == a.within] for a in busiest}
    for (within, ago), own in windows.items():
        column = f"w{within}_{ago}"
        counted = column_of(own[0])
        long = scope.unpivoted(
            keys,
            {
                "key": "key",
                "entries": f"{counted}_{{number}}",
                "first_s": f"first_{column}_{{number}}",
                "last_s": f"last_{column}_{{number}}",
            },
            f"{counted}_{{number}} > 0",
        )
        answers = ", ".join(f"{a.which}_s AS {scope.names[a]}" for a in own)
        yield Step(
            f"{name}_busiest_{within}",
            f"SELECT account, number, {answers} FROM (SELECT *, ROW_NUMBER() OVER ("
            "PARTITION BY account, number ORDER BY entries DESC, last_s DESC, key) AS place "
            f"FROM ({long}) AS keyed) AS ranked WHERE place = 1",
            tuple(own),
        )


def measures(aggregates: Sequence[PerKey | OfBusiest]) -> list[str]:
    """The different measures, in order of first appearance."""
    return list(dict.fromkeys(_measure(aggregate) for aggregate in aggregates))


def _measure(aggregate: Aggregate) -> str:
    return aggregate.measure if isinstance(aggregate, PerKey) else "1"
