"""Distinct counts: the snapshots that see a key are the bits of a mask, or-ed over its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.compilation.scope import Scope, Step
from features.values import Aggregate
from features.visibility import range_within

_BITS = 60  # of a mask; a BIGINT without its sign holds a few more


def distinct(
    scope: Scope, name: str, rows: str, key: str, aggregates: Sequence[Aggregate]
) -> Iterator[Step]:
    """Steps that answer distinct counts of `key` over `rows`.

    rows: SQL, placed rows with the column `key`. Between the two steps there is one row per
    account, with a column per aggregate and snapshot.
    """
    if scope.calendar.snapshots == 1:
        yield _at_the_only_snapshot(scope, name, rows, key, aggregates)
        return
    bits, counts = [], []
    for aggregate in aggregates:
        seen, column = range_within(aggregate.within, aggregate.ago), scope.names[aggregate]
        for chunk in range(0, scope.calendar.snapshots, _BITS):
            ends, begins = _bit(seen.ends, chunk), _bit(seen.begins, chunk)
            mask = f"(CAST(1 AS BIGINT) << {ends}) - (CAST(1 AS BIGINT) << {begins})"
            bits.append(f"BIT_OR({mask}) AS {column}_{chunk}")
        for number in range(scope.calendar.snapshots):
            bit = number % _BITS
            mask = f"{column}_{number - bit}"
            counts.append(f"CAST(SUM(({mask} >> {bit}) & 1) AS INTEGER) AS {column}_at_{number}")
    yield Step(
        f"counts_{name}",
        f"SELECT account, {', '.join(counts)} FROM (SELECT account, {key}, {', '.join(bits)} "
        f"FROM {rows} GROUP BY account, {key}) AS mask GROUP BY account",
    )
    answers = {scope.names[a]: f"{scope.names[a]}_at_{{number}}" for a in aggregates}
    yield Step(name, scope.unpivoted(f"counts_{name}", answers), tuple(aggregates))


def _at_the_only_snapshot(
    scope: Scope, name: str, rows: str, key: str, aggregates: Sequence[Aggregate]
) -> Step:
    """The one step where a bit is all there is: a key's latest day tells which windows hold it."""
    columns, counts = {"latest": "MAX(occurred_day)"}, []
    for aggregate in aggregates:
        column = scope.names[aggregate]
        if aggregate.ago:
            seen = range_within(aggregate.within, aggregate.ago)
            columns[column] = f"MAX(CASE WHEN {seen.begins} < {seen.ends} THEN 1 ELSE 0 END)"
            counted = column
        elif aggregate.within is None:
            counted = "1"
        else:
            first_day = scope.calendar.day_before_first(aggregate.within)
            counted = f"CASE WHEN latest >= {first_day} THEN 1 ELSE 0 END"
        counts.append(f"CAST(SUM({counted}) AS INTEGER) AS {column}")
    listed = ", ".join(f"{text} AS {column}" for column, text in columns.items())
    return Step(
        name,
        f"SELECT account, 0 AS number, {', '.join(counts)} FROM (SELECT account, {key}, {listed} "
        f"FROM {rows} GROUP BY account, {key}) AS of_key GROUP BY account",
        tuple(aggregates),
    )


def _bit(number: str, chunk: int) -> str:
    """SQL: a snapshot's place in a chunk of the mask, 0 to _BITS."""
    place = f"GREATEST({number} - {chunk}, 0)" if chunk else number
    return f"LEAST({place}, {_BITS})"
