"""Arithmetic over aggregates, in words: ratios, ages, changes, what is unknown."""

from __future__ import annotations

from collections.abc import Callable

from features.populations import Arrivals, Population, Successions
from features.values import (
    Count,
    Expression,
    First,
    Largest,
    Last,
    SumOfSquares,
    Total,
    Value,
)

SECONDS_PER_DAY = 86_400
DAYS_PER_YEAR = 365


def second(stamp: str) -> str:
    """SQL: the seconds from 1970 to a stamp, an integer; fractions of a second are dropped."""
    return f"CAST(FLOOR(EPOCH({stamp})) AS BIGINT)"


def ratio(numerator: Value, denominator: Value) -> Expression:
    """Numerator over denominator; null where the denominator is zero."""
    return Expression("CAST({0} AS DOUBLE) / NULLIF({1}, 0)", (numerator, denominator))


def total(*values: Value) -> Expression:
    """The sum; null where one of them is."""
    return Expression(f"({' + '.join(f'{{{n}}}' for n in range(len(values)))})", values)


def difference(left: Value, right: Value) -> Expression:
    """Left minus right."""
    return Expression("({0} - {1})", (left, right))


def money(cents: Value) -> Expression:
    """Cents as units of the currency."""
    return Expression("(CAST({0} AS DOUBLE) / 100)", (cents,))


def days(seconds: Value) -> Expression:
    """Seconds as days, fractions kept."""
    return Expression(f"(CAST({{0}} AS DOUBLE) / {SECONDS_PER_DAY})", (seconds,))


def age(moment: Value) -> Expression:
    """Days from a moment to the snapshot; null where there is no such moment."""
    return days(Expression("({as_of} - {0})", (moment,)))


def total_age(weight: Value, moments: Value) -> Expression:
    """Summed seconds to the snapshot of moments whose weighted sum is `moments`."""
    return Expression("({0} * {as_of} - {1})", (weight, moments))


def change(of: Callable[[int], Value], within: int) -> Expression | None:
    """The last `within` days minus as many days before them, over both.

    From -1 (all of it before) through 0 (level) to 1 (all of it now); null where both are empty.
    None where the two together reach back beyond a year: few histories reach that far, and
    where they do not, every account would seem to have grown.
    """
    if 2 * within > DAYS_PER_YEAR:
        return None
    both = of(2 * within)
    return ratio(Expression("(2 * {0} - {1})", (of(within), both)), both)


def change_on_last_year(
    of: Callable[[int, int], Value], within: int, first: First
) -> Expression | None:
    """The last `within` days minus the same days a year before, over both; as `change` otherwise.

    of: from (within, ago). Null where the history, which begins at `first`, does not reach back to
    the begin of the older window. None for windows of a year or more.
    """
    if within >= DAYS_PER_YEAR:
        return None
    now, then = of(within, 0), of(DAYS_PER_YEAR + within, DAYS_PER_YEAR)
    begin = f"{{as_of}} - {(DAYS_PER_YEAR + within) * SECONDS_PER_DAY}"
    return Expression(
        f"CASE WHEN {{2}} <= {begin} "
        "THEN CAST({0} - {1} AS DOUBLE) / NULLIF({0} + {1}, 0) END",
        (now, then, first),
    )


def lapsed(of: Callable[[int], Value], within: int) -> Expression | None:
    """What the last year has and the last `within` days have not; None for a year or more."""
    return difference(of(DAYS_PER_YEAR), of(within)) if within < DAYS_PER_YEAR else None


def where_recorded(value: Value, recorded: Value, rows: Value) -> Expression:
    """The value; null where there are `rows`, but none of them records what it needs."""
    return Expression("CASE WHEN {1} > 0 OR {2} = 0 THEN {0} END", (value, recorded, rows))


def variation(steps: Successions, within: int) -> Expression:
    """Coefficient of variation of the steps' days: their standard deviation over their mean.

    Over all steps (n, not n - 1); null under two steps.
    """
    return Expression(
        "CASE WHEN {0} > 1 THEN SQRT(CAST({0} * {2} - {1} * {1} AS DOUBLE)) / {1} END",
        (
            Count(steps, within),
            Total(steps, within, measure="days"),
            Total(steps, within, measure="days * days"),
        ),
    )


def concentration(rows: Population, within: int, key: str, measure: str) -> Expression:
    """Herfindahl's index: the sum of the squared shares of the keys, 1/keys to 1."""
    squares = SumOfSquares(rows, within, key=key, measure=measure)
    whole = Total(rows, within, measure=f"CASE WHEN {key} IS NOT NULL THEN {measure} END")
    return Expression(
        "CAST({0} AS DOUBLE) / NULLIF(CAST({1} AS DOUBLE) * {1}, 0)", (squares, whole)
    )


def busiest_share(rows: Population, within: int, key: str) -> Expression:
    """Share of the rows that the key with the most of them has; null where there is none."""
    return ratio(Largest(rows, within, key=key), Count(rows, within))


def arrived(arrivals: Arrivals, within: int) -> Count:
    """Keys that came to the account within the window."""
    return Count(arrivals, within)


def arrived_later(arrivals: Arrivals, within: int, first: First) -> Expression:
    """Keys that came to the account within the window, the account's very first aside.

    first: the first row of the rows that the arrivals are taken from.
    """
    begin = f"{{as_of}} - {within * SECONDS_PER_DAY}"
    return Expression(
        f"({{0}} - CASE WHEN {{1}} >= {begin} THEN 1 ELSE 0 END)",
        (Count(arrivals, within), first),
    )


def last_arrival(arrivals: Arrivals) -> Expression:
    """Second of the last arrival after the account's very first; null where there is none."""
    return Expression("CASE WHEN {1} > 1 THEN {0} END", (Last(arrivals), Count(arrivals)))
