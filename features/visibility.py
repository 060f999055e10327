"""The one place where an event's stamps are compared with a snapshot.

Snapshots are numbered 0, 1, ... in order of date. For a stamp t let `index(t)` be the number of
snapshots at or before t. Then

- a row is first visible at snapshot `index(since)`: strictly after every stamp of its population,
  so an event exactly at a snapshot is not visible there;
- it is gone from snapshot `index(until)` on, a newer version of it being a stamp of `until` too;
- it is older than w days from snapshot `index(occurred + w)` on: a row exactly w days before a
  snapshot is still inside the window.

So each row is turned once into a half-open range of snapshot numbers, whatever the number of
snapshots, and no later query looks at a stamp again. Snapshots are midnights, hence `index`
depends on the day of a stamp alone and is looked up in a small calendar. A single snapshot, as in
scoring, needs no looking up: rows that it does not see are left out, and a day is compared with it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from features.expressions import SECONDS_PER_DAY, second
from features.populations import Population

_UNIX_DAY = date(1970, 1, 1)


def day(seconds: str) -> str:
    """SQL: the day since 1970 that a second belongs to."""
    return f"CAST(FLOOR(CAST({seconds} AS DOUBLE) / {SECONDS_PER_DAY}) AS INTEGER)"


def snapshot_rows(as_ofs: Sequence[date]) -> list[tuple[int, date, int]]:
    """The snapshots as (snapshot number, as_of, second since 1970), as_of increasing."""
    return [
        (number, as_of, (as_of - _UNIX_DAY).days * SECONDS_PER_DAY)
        for number, as_of in enumerate(as_ofs)
    ]


@dataclass(frozen=True)
class Calendar:
    """The days from which some window reaches a snapshot, and where each of them leads.

    The first day is so early that its indexes are all 0, the last so late that they are all the
    number of snapshots; a stamp beyond them is clipped to them. windows: in days, increasing.
    """

    as_ofs: tuple[date, ...]
    windows: tuple[int, ...]

    @property
    def snapshots(self) -> int:
        """How many there are."""
        return len(self.as_ofs)

    @property
    def first_day(self) -> int:
        """Days since 1970."""
        return self.day_before_first(max(self.windows, default=0)) - 1

    def day_before_first(self, days: int) -> int:
        """The day since 1970 that is so many days before the first snapshot."""
        return (self.as_ofs[0] - _UNIX_DAY).days - days

    @property
    def last_day(self) -> int:
        """Days since 1970."""
        return (self.as_ofs[-1] - _UNIX_DAY).days

    @property
    def columns(self) -> tuple[str, ...]:
        """The day, the first that leads to the same snapshots, and where each window leads."""
        return ("day", "first_alike", *self.reached)

    @property
    def reached(self) -> tuple[str, ...]:
        """The names of the indexes: the first snapshot that is so many days after a day."""
        return tuple(map(reached, (0, *self.windows)))

    def rows(self) -> list[tuple[int, ...]]:
        """A row per day from the first to the last, without a gap."""
        ends = [(as_of - _UNIX_DAY).days for as_of in self.as_ofs]
        alike: dict[tuple[int, ...], int] = {}
        rows = []
        for day in range(self.first_day, self.last_day + 1):
            indexes = tuple(bisect.bisect_right(ends, day + w) for w in (0, *self.windows))
            rows.append((day, alike.setdefault(indexes, day), *indexes))
        return rows


def reached(window: int) -> str:
    """The column with the first snapshot that is at least so many days after a row's day."""
    return f"reached_{window}"


@dataclass(frozen=True)
class Range:
    """The snapshots at which a placed row counts: SQL for the first, and for the first after."""

    begins: str
    ends: str


def range_within(within: int | None, ago: int = 0) -> Range:
    """When a placed row is seen and lies in the window `[as_of - within, as_of - ago)`.

    A range is never negative: where a row is known only after it has left the window, both ends
    are the same.
    """
    begins = f"GREATEST(enters, LEAST({reached(ago)}, stays))" if ago else "enters"
    if within is None:
        return Range(begins, "stays")
    return Range(begins, f"GREATEST({begins}, LEAST({reached(within)}, stays))")


def always_seen(snapshots: int) -> str:
    """SQL: whether a placed row is seen from the day on which it occurred, and for good."""
    return f"enters = reached_0 AND stays = {snapshots}"


def events(
    population: Population, carried: Mapping[str, str], *, first_day: date | None, merged: bool
) -> str:
    """SQL: the population's rows with account_id, occurred_s, since_s, until_s and `carried`.

    first_day: rows that occurred before it are left out; None is all history. carried: SQL
    expressions over the row, by the name that they get. merged: whether the table
    `account_identity` is there; then a row belongs to its own account until a merge is known and
    to the account merged into from then on.
    """
    table, facts = population.table, population.facts
    met, superseded, kept = table, [f"{table}.superseded_at"], [f"NOT {table}.deleted"]
    since = list(dict.fromkeys(population.since))
    if facts:
        met += f" JOIN {facts.table} ON {facts.table}.{facts.key} = {table}.{facts.key}"
        superseded.append(f"{facts.table}.superseded_at")
        kept.append(f"NOT {facts.table}.deleted")
        since = [s if "." in s else f"{table}.{s}" for s in since]
        since.append(f"{facts.table}.known_at")
    until = list(dict.fromkeys(population.until))
    if until:
        happened = " AND ".join(f"{stamp} IS NOT NULL" for stamp in until)
        superseded.append(f"CASE WHEN {happened} THEN {_latest(until)} END")
    occurred = f"{table}.{population.occurred}" if facts else population.occurred
    kept += [f"{stamp} IS NOT NULL" for stamp in dict.fromkeys((occurred, *since))]
    if first_day is not None:
        kept.append(f"{occurred} >= TIMESTAMP '{first_day}'")
    columns = "".join(f", {text} AS {name}" for name, text in carried.items())
    rows = (
        f"SELECT {table}.account_id, {second(occurred)} AS occurred_s, "
        f"{second(_latest(since))} AS since_s, {second(_earliest(superseded))} AS until_s{columns} "
        f"FROM {met} WHERE {' AND '.join(kept)} AND ({population.where})"
    )
    if not merged:
        return rows
    names = "".join(f", event.{name}" for name in carried)
    return (
        "SELECT COALESCE(identity.known_as, event.account_id) AS account_id, event.occurred_s, "
        "GREATEST(event.since_s, identity.from_s) AS since_s, "
        f"LEAST(event.until_s, identity.to_s) AS until_s{names} FROM ({rows}) AS event "
        "LEFT JOIN account_identity AS identity ON identity.account_id = event.account_id"
    )


def seen(dated: str, carried: Iterable[str], calendar: Calendar) -> str:
    """SQL: rows of `dated` that some snapshot sees, with their range of snapshots.

    dated has account_id, occurred_day, since_day, until_day and the columns `carried`. The answer
    has account_id, `carried`, occurred_day, `enters` and `stays` (the first snapshot at which the
    row is gone, always after `enters`).
    """
    names = "".join(f", dated.{column}" for column in carried)
    if calendar.snapshots == 1:
        # `dated` has left out what the only snapshot does not see: nothing to look up.
        return (
            f"SELECT dated.account_id{names}, dated.occurred_day, 0 AS enters, 1 AS stays "
            f"FROM ({dated}) AS dated"
        )
    stays = f"COALESCE(until.reached_0, {calendar.snapshots})"
    return (
        f"SELECT dated.account_id{names}, dated.occurred_day, since.reached_0 AS enters, "
        f"{stays} AS stays FROM ({dated}) AS dated "
        f"JOIN calendar AS since ON since.day = {_clipped('dated.since_day', calendar)} "
        "LEFT JOIN calendar AS until ON dated.until_day IS NOT NULL "
        f"AND until.day = {_clipped('dated.until_day', calendar)} "
        f"WHERE since.reached_0 < {stays}"
    )


def placed(rows: str, columns: Iterable[str], indexes: Iterable[str], calendar: Calendar) -> str:
    """SQL: rows with indexes of the day on which they occurred, some of `calendar.reached`.

    rows: SQL with the columns and occurred_day; the answer has both, and the indexes.
    """
    names = "".join(f", placed.{column}" for column in columns)
    if calendar.snapshots == 1:
        days = {reached(w): calendar.day_before_first(w) for w in (0, *calendar.windows)}
        listed = "".join(
            f", CASE WHEN placed.occurred_day >= {days[index]} THEN 1 ELSE 0 END AS {index}"
            for index in indexes
        )
        return f"SELECT placed.occurred_day{names}{listed} FROM ({rows}) AS placed"
    listed = "".join(f", occurred.{column}" for column in indexes)
    return (
        f"SELECT placed.occurred_day{names}{listed} FROM ({rows}) AS placed "
        f"JOIN calendar AS occurred ON occurred.day = {_clipped('placed.occurred_day', calendar)}"
    )


def alike(day_column: str, calendar: Calendar) -> tuple[str, str]:
    """SQL: the first day that leads to the same snapshots as another, and the join to find it."""
    if calendar.snapshots == 1:
        firsts = [calendar.day_before_first(window) for window in (0, *calendar.windows)]
        bands = " ".join(f"WHEN {day_column} >= {first} THEN {first}" for first in firsts)
        return f"CASE {bands} ELSE {calendar.first_day} END", ""
    join = f"JOIN calendar AS alike ON alike.day = {_clipped(day_column, calendar)} "
    return "alike.first_alike", join


def _clipped(day_column: str, calendar: Calendar) -> str:
    return f"LEAST(GREATEST({day_column}, {calendar.first_day}), {calendar.last_day})"


def dated(
    population: Population,
    carried: Mapping[str, str],
    calendar: Calendar,
    *,
    reach: int | None,
    merged: bool,
) -> str:
    """SQL: `events` that some snapshot may see, with the days of their stamps.

    reach: only those of so many days before the first snapshot; None is all history.
    """
    names = "".join(f", {name}" for name in carried)
    first_day = None if reach is None else calendar.as_ofs[0] - timedelta(days=reach)
    return (
        f"SELECT account_id{names}, occurred_s, {day('occurred_s')} AS occurred_day, "
        f"{day('since_s')} AS since_day, {day('until_s')} AS until_day "
        f"FROM ({events(population, carried, first_day=first_day, merged=merged)}) AS event "
        f"WHERE since_s < {calendar.last_day * SECONDS_PER_DAY} "
        f"AND (until_s IS NULL OR until_s >= {calendar.day_before_first(0) * SECONDS_PER_DAY})"
    )


def _latest(stamps: Sequence[str]) -> str:
    return stamps[0] if len(stamps) == 1 else f"GREATEST({', '.join(stamps)})"


def _earliest(stamps: Sequence[str]) -> str:
    return stamps[0] if len(stamps) == 1 else f"LEAST({', '.join(stamps)})"
