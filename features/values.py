"""What a feature is made of: populations of rows, aggregates over them, expressions of aggregates.

Read a feature's value from the inside out: a `Population` says which rows of a source table take
part and from when to when a snapshot sees each of them; an aggregate (`Count`, `Total`, ...)
reduces the rows seen by one snapshot to one number per account; an `Expression` combines
aggregates. Nothing here computes: `features.compilation` turns values into queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

SECONDS_PER_DAY = 86_400
DAYS_PER_YEAR = 365


@dataclass(frozen=True)
class Population:
    """Rows of one source table that count as the same kind of event, and when each is visible.

    A row is visible at a snapshot when every stamp of `since` lies before it and not every stamp
    of `until` does; an empty `until` means that the row stays. A null stamp has not happened.
    Windows count back from `occurred`. `where` is a condition over the row's columns (SQL,
    DuckDB's dialect).

    >>> Population("orders", "orders", where="amount_cents > 0").since
    ('occurred_at', 'known_at')
    """

    name: str
    table: str
    occurred: str = "occurred_at"
    since: tuple[str, ...] = ("occurred_at", "known_at")
    until: tuple[str, ...] = ()
    where: str = "TRUE"


class Value:
    """One number per account and snapshot; null where it has no answer."""

    def aggregates(self) -> Iterator[Aggregate]:
        """The aggregates that this value is computed from, in order, repeats included."""
        raise NotImplementedError


@dataclass(frozen=True)
class Aggregate(Value):
    """A reduction of the visible rows of one population that occurred within the window.

    `within` is in days before the snapshot, `[as_of - within, as_of)`; None is all history.
    """

    population: Population
    within: int | None = None

    def aggregates(self) -> Iterator[Aggregate]:
        """Itself."""
        yield self

    def row_expressions(self) -> tuple[str, ...]:
        """The SQL expressions over one row that this aggregate reads."""
        return ()


@dataclass(frozen=True)
class Count(Aggregate):
    """Rows; 0 where there is none."""


@dataclass(frozen=True)
class Total(Aggregate):
    """Sum of an integer `measure` over the rows; 0 where there is none.

    Integers (cents, seconds) because their sum does not depend on the order of the rows.
    """

    measure: str = ""

    def row_expressions(self) -> tuple[str, ...]:
        """The measure."""
        return (self.measure,)


@dataclass(frozen=True)
class Distinct(Aggregate):
    """Different non-null values of `key` among the rows; 0 where there is none."""

    key: str = ""

    def row_expressions(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)


@dataclass(frozen=True)
class Busiest(Aggregate):
    """Rows of the `key` that has the most of them; 0 where there is none."""

    key: str = ""

    def row_expressions(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)


@dataclass(frozen=True)
class First(Aggregate):
    """Second (since 1970) of the earliest `occurred` over all history; null where there is none."""


@dataclass(frozen=True)
class Last(Aggregate):
    """Second (since 1970) of the latest `occurred` over all history; null where there is none."""


@dataclass(frozen=True)
class MedianGap(Aggregate):
    """Median number of days between neighbouring days with a row; null under two such days."""


@dataclass(frozen=True)
class Expression(Value):
    """SQL `template` over its `operands` {0}, {1}, ...; {as_of} is the snapshot's second."""

    template: str
    operands: tuple[Value, ...]

    def aggregates(self) -> Iterator[Aggregate]:
        """Those of all operands."""
        for operand in self.operands:
            yield from operand.aggregates()


def ratio(numerator: Value, denominator: Value) -> Expression:
    """Numerator over denominator; null where the denominator is zero."""
    return Expression("CAST({0} AS DOUBLE) / NULLIF({1}, 0)", (numerator, denominator))


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


def total_age(count: Value, moments: Value) -> Expression:
    """Summed seconds from `count` moments, whose sum is `moments`, to the snapshot."""
    return Expression("({0} * {as_of} - {1})", (count, moments))


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


def lapsed(of: Callable[[int], Value], within: int) -> Expression | None:
    """What the last year has and the last `within` days have not; None for a year or more."""
    return difference(of(DAYS_PER_YEAR), of(within)) if within < DAYS_PER_YEAR else None


def where_recorded(value: Value, recorded: Value, rows: Value) -> Expression:
    """The value; null where there are `rows`, but none of them records what it needs."""
    return Expression("CASE WHEN {1} > 0 OR {2} = 0 THEN {0} END", (value, recorded, rows))


def columns_of(value: Value) -> frozenset[tuple[str, str]]:
    """The (table, column) pairs that a value reads."""
    found: set[tuple[str, str]] = set()
    for aggregate in value.aggregates():
        population = aggregate.population
        found |= {
            (population.table, column)
            for column in (population.occurred, *population.since, *population.until)
        }
        for text in (population.where, *aggregate.row_expressions()):
            parsed = sqlglot.parse_one(text, read="duckdb")
            found |= {(population.table, column.name) for column in parsed.find_all(exp.Column)}
    return frozenset(found)
