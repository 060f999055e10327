"""What a feature's value is made of: aggregates over rows, and expressions of aggregates.

Read a value from the inside out: rows (`features.populations`) say which events take part and from
when to when a snapshot sees each of them; an aggregate (`Count`, `Total`, ...) reduces the rows
seen by one snapshot to one number per account; an `Expression` combines aggregates. Nothing here
computes: `features.compilation` turns values into queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from features.populations import Arrivals, Population, Rows, Successions


class FeatureScope(StrEnum):
    """Whose rows an account's answer depends on: its own, or those of the whole population."""

    ACCOUNT = "account"
    POPULATION = "population"


class Value:
    """One number per account and snapshot; null where it has no answer."""

    def aggregates(self) -> Iterator[Aggregate]:
        """The aggregates that this value is computed from, in order, repeats included."""
        raise NotImplementedError


@dataclass(frozen=True)
class Aggregate(Value):
    """A reduction of the visible rows that occurred within the window.

    The window is `[as_of - within, as_of - ago)`, in days before the snapshot; `within` None is all
    history. Whatever the window, a row counts only once it is known.
    """

    rows: Rows
    within: int | None = None
    ago: int = 0

    zero_where_absent = True
    scope = FeatureScope.ACCOUNT

    def aggregates(self) -> Iterator[Aggregate]:
        """Itself."""
        yield self

    @property
    def reach(self) -> int | None:
        """Days before a snapshot beyond which no row matters; None is all history."""
        return None if isinstance(self.rows, Arrivals) else self.within

    def populations(self) -> Iterator[Population]:
        """The populations of events that it reads."""
        yield self.rows.origin

    def windows(self) -> Iterator[int]:
        """The distances in days at which rows enter or leave what it counts."""
        yield from {self.within or 0, self.ago} - {0}

    def columns(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that it reads."""
        read = (getattr(self, name, "") for name in ("key", "measure"))
        return self.rows.columns(*filter(None, read))


@dataclass(frozen=True)
class Count(Aggregate):
    """Rows; 0 where there is none."""


@dataclass(frozen=True)
class Total(Aggregate):
    """Sum of an integer `measure` over the rows; 0 where there is none.

    Integers (cents, seconds) because their sum does not depend on the order of the rows.
    """

    measure: str = ""


@dataclass(frozen=True)
class Days(Aggregate):
    """Different days with a row; 0 where there is none."""


@dataclass(frozen=True)
class Distinct(Aggregate):
    """Different non-null values of `key` among the rows; 0 where there is none."""

    key: str = ""


@dataclass(frozen=True)
class PerKey(Aggregate):
    """A reduction of one sum per non-null value of `key`; for keys of which there are few.

    measure: the integer that is summed over the rows of a key; never negative. Reductions are the
    subclasses; 0 where there is no row.
    """

    key: str = ""
    measure: str = "1"


@dataclass(frozen=True)
class Largest(PerKey):
    """The largest of the sums."""


@dataclass(frozen=True)
class SumOfSquares(PerKey):
    """The sum of the squared sums."""


@dataclass(frozen=True)
class Entropy(PerKey):
    """Shannon's entropy of the sums' shares of their total, in nats; to 1e-11."""


@dataclass(frozen=True)
class LargestSum(Aggregate):
    """The largest sum of `measure` over the rows of one `key`; for keys of which there are many.

    Fast where nearly all rows of a key happen and become known together, as order lines do.
    """

    key: str = ""
    measure: str = "1"


@dataclass(frozen=True)
class OfBusiest(Aggregate):
    """The second (since 1970) of the last or first row of the `key` with the most rows.

    Of several with as many, the one seen last; of those, the smallest in order of text. which:
    `last` or `first`. Null where there is no row.
    """

    key: str = ""
    which: str = "last"

    zero_where_absent = False


@dataclass(frozen=True)
class First(Aggregate):
    """Second (since 1970) of the earliest row within the window; null where there is none."""

    zero_where_absent = False


@dataclass(frozen=True)
class Last(Aggregate):
    """Second (since 1970) of the latest row within the window; null where there is none."""

    zero_where_absent = False


@dataclass(frozen=True)
class OfSteps(Aggregate):
    """A reduction of a `measure`, whole and not negative, of the steps within the window."""

    rows: Successions
    measure: str = "days"

    zero_where_absent = False


@dataclass(frozen=True)
class Median(OfSteps):
    """The median; null where there is no step."""


@dataclass(frozen=True)
class Latest(OfSteps):
    """That of the last step; null where there is none or its measure is null."""


@dataclass(frozen=True)
class RestrictedMean(Aggregate):
    """Mean wait in seconds, none longer than the limit, by Kaplan and Meier; null without a row.

    `rows` still wait: they count as waits that have lasted from `occurred` to the snapshot and may
    go on. Rows of `done` waited for `duration` (SQL, seconds; less than 0 counts as 0). The longest
    wait counts with its length so far even if it goes on (Efron's convention), so that the answer
    is never beyond what was observed. To some 1e-11 seconds per different length of wait.

    Source: E. L. Kaplan, P. Meier, Nonparametric estimation from incomplete observations, 1958.
    """

    rows: Population
    done: Population | None = None
    duration: str = ""
    limit_days: int = 0

    zero_where_absent = False

    def populations(self) -> Iterator[Population]:
        """The populations of events that it reads."""
        yield from filter(None, (self.rows, self.done))

    def columns(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that it reads."""
        assert self.done is not None
        return self.rows.columns() | self.done.columns(self.duration)


@dataclass(frozen=True)
class DaysAround(Aggregate):
    """Different days with a row in the `within` days before or after the last row of `anchor`.

    Before: `[anchor - within, anchor)`; after: `[anchor, anchor + within)`, counted by the day on
    which the anchor occurred, and never beyond the snapshot. 0 where there is none.
    """

    rows: Population
    anchor: Population | None = None
    after: bool = False

    @property
    def reach(self) -> int | None:
        """All history: the last row of `anchor` may lie far back."""
        return None

    def populations(self) -> Iterator[Population]:
        """The populations of events that it reads."""
        yield from filter(None, (self.rows, self.anchor))

    def columns(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that it reads."""
        assert self.anchor is not None
        return self.rows.columns() | self.anchor.columns()


@dataclass(frozen=True)
class Standing(Aggregate):
    """Where the account stands among all that the snapshot sees, by a total, largest first.

    1 for the accounts that together bring the first `shares[0]` of the total, 2 for the next, and
    so on; an account belongs where its own share begins, so the largest is always 1, and one
    without a positive total comes last. Equals stand in order of account_id. Null where the
    snapshot sees no row of the account. The one aggregate that compares accounts with each other.
    """

    of: Total | None = None
    shares: tuple[float, ...] = ()

    zero_where_absent = False
    scope = FeatureScope.POPULATION

    def totals(self) -> dict[str, Aggregate]:
        """What is added up of each account, in whole numbers: its own total, and the rows seen."""
        assert self.of is not None
        return {"own": self.of, "seen": Count(self.of.rows)}

    def columns(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that it reads."""
        assert self.of is not None
        return self.of.columns()


@dataclass(frozen=True)
class Expression(Value):
    """SQL `template` over its `operands` {0}, {1}, ...; {as_of} is the snapshot's second."""

    template: str
    operands: tuple[Value, ...]

    def aggregates(self) -> Iterator[Aggregate]:
        """Those of all operands."""
        for operand in self.operands:
            yield from operand.aggregates()


def columns_of(value: Value) -> frozenset[tuple[str, str]]:
    """The (table, column) pairs that a value reads."""
    return frozenset().union(*(aggregate.columns() for aggregate in value.aggregates()))


def scope_of(value: Value) -> FeatureScope:
    """The population, if any of the value's aggregates depends on it; else the account."""
    scopes = {aggregate.scope for aggregate in value.aggregates()}
    compared = FeatureScope.POPULATION in scopes
    return FeatureScope.POPULATION if compared else FeatureScope.ACCOUNT
