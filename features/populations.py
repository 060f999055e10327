"""Which rows take part in a feature, and from when to when a snapshot sees each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import sqlglot
from sqlglot import exp


@dataclass(frozen=True)
class Facts:
    """A table of dated facts about something that events name, such as our representatives.

    Each event meets every version of the fact with the same `key`; the pair is seen while both
    are. Conditions and stamps of the population name the fact's columns as `table.column`.
    """

    table: str
    key: str

    @property
    def columns(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that meeting the fact reads."""
        return frozenset({(self.table, self.key), (self.table, "known_at")})


@dataclass(frozen=True)
class Population:
    """Rows of one source table that count as the same kind of event, and when each is visible.

    A row is visible at a snapshot when every stamp of `since` lies before it and not every stamp
    of `until` does; an empty `until` means that the row stays. A null stamp has not happened.
    Windows count back from `occurred`. Stamps and `where`, a condition over the row, are SQL
    (DuckDB's dialect). `facts`: what each row is met with.

    >>> Population("orders", "orders", where="amount_cents > 0").since
    ('occurred_at', 'known_at')
    """

    name: str
    table: str
    occurred: str = "occurred_at"
    since: tuple[str, ...] = ("occurred_at", "known_at")
    until: tuple[str, ...] = ()
    where: str = "TRUE"
    facts: Facts | None = None

    @property
    def origin(self) -> Population:
        """The population of events that these rows come from: itself."""
        return self

    @property
    def clock(self) -> tuple[object, ...]:
        """What two populations share whose rows come and go by the same stamps."""
        return (
            self.table,
            self.facts,
            self.occurred,
            frozenset(self.since),
            frozenset(self.until),
        )

    def where_also(self, condition: str) -> Population:
        """The rows of the same clock that meet another condition."""
        return replace(self, where=condition)

    def columns(self, *expressions: str) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that the rows, and expressions over them, read."""
        found = set(self.facts.columns) if self.facts else set()
        for text in (self.occurred, *self.since, *self.until, self.where, *expressions):
            found |= {(table or self.table, column) for table, column in _columns(text)}
        return frozenset(found)


@cache
def _columns(text: str) -> frozenset[tuple[str, str]]:
    """The columns that an SQL expression names, each with its table, empty where it names none."""
    parsed = sqlglot.parse_one(text, read="duckdb")
    return frozenset((column.table, column.name) for column in parsed.find_all(exp.Column))


@dataclass(frozen=True)
class Successions:
    """The steps from each day with a row of `of` to the next such day, one row per step.

    A snapshot sees the step between two days that both hold a row it sees, with none that it sees
    between them; so a row known late changes the steps around it from then on. A step lies within
    a window if both its days do. With `by`, an SQL expression over the row, days are those of one
    account and one value of it (rows where it is null take no part).

    Measures may use `days` (between the two) and, for each SQL expression of `sums`, `sum_0`, ...
    and `earlier_sum_0`, ...: its integer sum over the rows of the later and of the earlier day.
    """

    name: str
    of: Population
    by: str = ""
    sums: tuple[str, ...] = ()

    @property
    def origin(self) -> Population:
        """The population of events that the days come from."""
        return self.of

    def columns(self, *_: str) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that the steps read."""
        return self.of.columns(*((self.by,) if self.by else ()), *self.sums)


@dataclass(frozen=True)
class Arrivals:
    """The first row of each value of `key` with an account, as far as a snapshot sees it.

    A row dated back moves the arrival back, from when it is known on.
    """

    name: str
    of: Population
    key: str

    @property
    def origin(self) -> Population:
        """The population of events that the arrivals come from."""
        return self.of

    def columns(self, *_: str) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs that the arrivals read."""
        return self.of.columns(self.key)


Rows = Population | Successions | Arrivals
