"""How late our systems learn of things, and days on which they learned a lot of old news.

Where a source stamps rows by the day of a load or of a migration, `known_at` is not when things
were known: rows are invisible at snapshots that could have seen them, all at once visible at the
next.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from features.contract import TABLES, Stage, Table
from pipeline.engines import Engine
from pipeline.sources.findings import LoadedTable

LATE_DAYS = (1, 7, 30)  # a day, a week, a month
OLD_DAYS = LATE_DAYS[-1]
SPIKE_ROWS = 20
SPIKE_SHARE = 0.001
SPIKE_TIMES = 10

SPIKE_RULE = (
    f"a day on which at least {SPIKE_ROWS} rows that had happened more than {OLD_DAYS} days before "
    f"became known, {SPIKE_SHARE:.1%} of all rows or more, and at least {SPIKE_TIMES} times as "
    "many as on the median day"
)


@dataclass(frozen=True)
class Spike:
    """A day on which many old rows became known; rows: how many."""

    day: date
    rows: int


@dataclass(frozen=True)
class Lateness:
    """How late one kind of event becomes known.

    what: the table, or `table.stamp` of a stage. rows: that have happened. stamped: whether the
    source says when they became known; else nothing else is known here. late: the rows known more
    than so many days after they happened, by the number of days, LATE_DAYS and the reporting lag.
    """

    what: str
    rows: int
    stamped: bool
    late: Mapping[int, int]
    spikes: tuple[Spike, ...]

    def share(self, days: int) -> float:
        """The share of rows known more than so many days after they happened."""
        return self.late[days] / self.rows if self.rows else 0.0


def lateness(
    engine: Engine, loaded: Mapping[str, LoadedTable], reporting_lag_days: int
) -> tuple[Lateness, ...]:
    """The lateness of every event and stage of the loaded tables that has a time of its own.

    Of a key's versions the first counts: a later one is a change, not late news. Of its stages
    the last version's count.
    """
    days = sorted({*LATE_DAYS, reporting_lag_days})
    found = []
    for name, of_source in loaded.items():
        table = TABLES[name]
        if not table.events or table.occurred is None:
            continue
        stamped = "known_at" in of_source.mapped
        rows = _first_versions(table)
        found.append(_measured(engine, name, rows, table.occurred, "known_at", stamped, days))
        for stage, known in _stages(table, of_source.mapped):
            rows = f"SELECT * FROM {name} WHERE superseded_at IS NULL AND NOT deleted"
            what, stamped = f"{name}.{stage.occurred}", known in of_source.mapped
            found.append(_measured(engine, what, rows, stage.occurred, known, stamped, days))
    return tuple(found)


def _stages(table: Table, mapped: frozenset[str]) -> Iterator[tuple[Stage, str]]:
    for stage in table.stages:
        if stage.known and stage.occurred in mapped:
            yield stage, stage.known


def _first_versions(table: Table) -> str:
    """SQL: the rows that no earlier version of their key came before."""
    if not table.key:
        return f"SELECT * FROM {table.name}"
    key = ", ".join(table.key)
    return (
        f"SELECT version.* FROM {table.name} AS version ANTI JOIN (SELECT {key}, superseded_at AS "
        f"known_at FROM {table.name} WHERE superseded_at IS NOT NULL) AS former "
        f"USING ({key}, known_at)"
    )


def _measured(
    engine: Engine,
    what: str,
    rows: str,
    occurred: str,
    known: str,
    stamped: bool,
    days: Sequence[int],
) -> Lateness:
    def later(number: int) -> str:
        return f"{known} > {occurred} + INTERVAL {number} DAY"

    counted = ", ".join(f"COUNT(CASE WHEN {later(number)} THEN 1 END)" for number in days)
    by_day = engine.rows(
        f"SELECT CAST({known} AS DATE) AS known_on, COUNT(*), {counted} "
        f"FROM ({rows}) AS row_of_interest WHERE {occurred} IS NOT NULL "
        "GROUP BY known_on ORDER BY known_on"
    )
    count = sum(row[1] for row in by_day)
    late = {number: sum(row[place] for row in by_day) for place, number in enumerate(days, 2)}
    known_on = [row[0] for row in by_day if row[0] is not None]
    length = (max(known_on) - min(known_on)).days + 1 if known_on else 0
    of_old = 2 + days.index(OLD_DAYS)
    old = [(row[0], row[of_old]) for row in by_day if row[of_old]]
    return Lateness(what, count, stamped, late, spikes(old, length, count))


def spikes(by_day: Sequence[tuple[date, int]], length: int, rows: int) -> tuple[Spike, ...]:
    """The days that SPIKE_RULE speaks of, the largest first.

    by_day: how many old rows became known on each day, days with none left out. length: in days,
    from the first day on which anything became known to the last. rows: all of them.
    """
    none = [0] * max(0, length - len(by_day))
    usual = statistics.median([*(count for _, count in by_day), *none, 0])
    least = max(SPIKE_ROWS, SPIKE_SHARE * rows, SPIKE_TIMES * usual)
    found = [Spike(day, count) for day, count in by_day if count >= least]
    return tuple(sorted(found, key=lambda spike: (-spike.rows, spike.day)))
