"""The one place where an event's stamps are compared with a snapshot.

Snapshots are numbered 0, 1, ... in order of date. For a stamp t let `index(t)` be the number of
snapshots at or before t. Then

- a row is first visible at snapshot `index(since)`: strictly after every stamp of its population,
  so an event exactly at a snapshot is not visible there;
- it is gone from snapshot `index(until)` on, a newer version of it being a stamp of `until` too;
- it has left a window of w days from snapshot `index(occurred + w)` on: a row exactly w days
  before a snapshot is still inside.

So each row is turned once into a half-open range of snapshot numbers `[enters, exits)`, whatever
the number of snapshots, and no later query looks at a stamp again. Snapshots are midnights, hence
`index` depends on the day of a stamp alone and is looked up in a small calendar.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from features.values import SECONDS_PER_DAY, Population

_UNIX_DAY = date(1970, 1, 1)


def second(stamp: str) -> str:
    """SQL: the seconds from 1970 to a stamp column, an integer."""
    return f"DATE_DIFF('second', TIMESTAMP '1970-01-01', {stamp})"


def snapshot_rows(as_ofs: Sequence[date]) -> list[tuple[int, date, int]]:
    """The snapshots as (snapshot number, as_of, second since 1970), as_of increasing."""
    return [
        (number, as_of, (as_of - _UNIX_DAY).days * SECONDS_PER_DAY)
        for number, as_of in enumerate(as_ofs)
    ]


def exit_column(within: int | None) -> str:
    """The column of a cell that holds the first snapshot at which it has left the window."""
    return "stays" if within is None else f"exits_{within}"


@dataclass(frozen=True)
class Calendar:
    """The days from which some window reaches a snapshot, and where each of them leads.

    The first day is so early that its indexes are all 0, the last so late that they are all the
    number of snapshots; a stamp beyond them is clipped to them.
    """

    as_ofs: tuple[date, ...]
    windows: tuple[int, ...]

    @property
    def first_day(self) -> int:
        """Days since 1970."""
        return (self.as_ofs[0] - _UNIX_DAY).days - max(self.windows, default=0) - 1

    @property
    def last_day(self) -> int:
        """Days since 1970."""
        return (self.as_ofs[-1] - _UNIX_DAY).days

    @property
    def columns(self) -> tuple[str, ...]:
        """The day, index(day), and index(day + window) for each window."""
        return ("day", "after_0", *(f"after_{window}" for window in self.windows))

    def rows(self) -> list[tuple[int, ...]]:
        """A row per day from the first to the last, without a gap."""
        ends = [(as_of - _UNIX_DAY).days for as_of in self.as_ofs]
        return [
            (day, *(bisect.bisect_right(ends, day + window) for window in (0, *self.windows)))
            for day in range(self.first_day, self.last_day + 1)
        ]


def events(population: Population, carried: Sequence[str], *, merged: bool) -> str:
    """SQL: the population's rows with account_id, occurred_s, since_s, until_s and `carried`.

    carried: SQL expressions with aliases, over the table's columns. merged: whether the table
    `account_identity` is there; then a row belongs to its own account until a merge is known and
    to the account merged into from then on.
    """
    since = list(dict.fromkeys(population.since))
    until = list(dict.fromkeys(population.until))
    leaves = "superseded_at"
    if until:
        happened = " AND ".join(f"{stamp} IS NOT NULL" for stamp in until)
        leaves = f"LEAST(superseded_at, CASE WHEN {happened} THEN {_latest(until)} END)"
    present = " AND ".join(
        f"{stamp} IS NOT NULL" for stamp in {population.occurred: 0} | dict.fromkeys(since)
    )
    columns = "".join(f", {text}" for text in carried)
    rows = (
        f"SELECT account_id, {second(population.occurred)} AS occurred_s, "
        f"{second(_latest(since))} AS since_s, {second(leaves)} AS until_s{columns} "
        f"FROM {population.table} "
        f"WHERE NOT deleted AND {present} AND ({population.where})"
    )
    if not merged:
        return rows
    return (
        "SELECT COALESCE(identity.known_as, event.account_id) AS account_id, event.occurred_s, "
        "GREATEST(event.since_s, identity.from_s) AS since_s, "
        "LEAST(event.until_s, identity.to_s) AS until_s, "
        f"event.* EXCLUDE (account_id, occurred_s, since_s, until_s) FROM ({rows}) AS event "
        "LEFT JOIN account_identity AS identity ON identity.account_id = event.account_id"
    )


def placed(daily: str, calendar: Calendar) -> str:
    """SQL: rows of `daily` with their range of snapshots instead of their days.

    daily has occurred_day, since_day, until_day. The answer has `enters`, `stays` (the first
    snapshot at which the row is gone) and `exits_<w>` per window, never before `enters`; rows
    that no snapshot sees are dropped.
    """
    snapshots = len(calendar.as_ofs)
    stays = f"COALESCE(until.after_0, {snapshots})"
    exits = "".join(
        f", GREATEST(LEAST(occurred.after_{window}, {stays}), since.after_0) "
        f"AS {exit_column(window)}"
        for window in calendar.windows
    )

    def clipped(column: str) -> str:
        return f"LEAST(GREATEST({column}, {calendar.first_day}), {calendar.last_day})"

    return (
        "SELECT daily.* EXCLUDE (since_day, until_day), since.after_0 AS enters, "
        f"{stays} AS stays{exits} FROM ({daily}) AS daily "
        f"JOIN calendar AS since ON since.day = {clipped('daily.since_day')} "
        f"JOIN calendar AS occurred ON occurred.day = {clipped('daily.occurred_day')} "
        f"LEFT JOIN calendar AS until ON daily.until_day IS NOT NULL "
        f"AND until.day = {clipped('daily.until_day')} "
        f"WHERE since.after_0 < {stays}"
    )


def day(seconds: str) -> str:
    """SQL: the day since 1970 that a second belongs to."""
    return f"CAST(FLOOR(CAST({seconds} AS DOUBLE) / {SECONDS_PER_DAY}) AS INTEGER)"


def _latest(stamps: Sequence[str]) -> str:
    return stamps[0] if len(stamps) == 1 else f"GREATEST({', '.join(stamps)})"
