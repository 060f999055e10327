"""Cells: the rows of an account that share a day and a range of snapshots, added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.compilation.scans import Scan, Scans
from features.compilation.scope import Scope, Step, numbered
from features.populations import Population, Rows
from features.values import Aggregate, First, Last, Total
from features.visibility import alike


@dataclass(frozen=True)
class Cells:
    """A table of cells as one kind of rows sees it.

    entries: SQL for the number of rows in a cell. first, last: SQL for the seconds between which
    they occurred.
    """

    table: str
    entries: str
    first: str
    last: str
    measures: dict[str, str]

    def amount(self, aggregate: Aggregate) -> str:
        """SQL: what a cell adds to a count or a total."""
        if isinstance(aggregate, Total):
            return self.measures.get(aggregate.measure, f"({aggregate.measure})")
        return self.entries

    def moment(self, aggregate: Aggregate) -> str:
        """SQL: the first or last second of a cell; null where it has no such row."""
        return self.first if isinstance(aggregate, First) else self.last


def of_derived(table: str) -> Cells:
    """The cells of rows that are a table themselves, a row a cell."""
    return Cells(table, "1", "occurred_s", "occurred_s", {})


Days = tuple[Population, int | None]
"""Days with a row of a population, and how far back they are needed."""

CellsOf = dict[tuple[Rows, bool], Cells]
"""The cells of rows, those of all history (True) and those of as many days as are asked for."""


def make_cells(
    scope: Scope, scans: Scans, wanted: Sequence[Aggregate], days: Sequence[Days]
) -> Iterator[tuple[Step, CellsOf]]:
    """A step per scan, and the cells that it makes of each population.

    wanted: what is asked of the cells. days: what must be told apart by the day.
    """
    asked = [(a.rows, a.reach) for a in wanted if isinstance(a.rows, Population)]
    together: dict[Scan, dict[Population, None]] = {}
    for population, reach in (*asked, *days):
        together.setdefault(scans.of(population, reach), {})[population] = None
    by_day = {scans.of(population, reach) for population, reach in days}
    for scan, populations in together.items():
        everything = scan.reach is None
        own = [a for a in wanted if (a.reach is None) == everything]
        step, cells = _of_scan(scope, scan, list(populations), own, by_day=scan in by_day)
        yield step, {(population, everything): made for population, made in cells.items()}


def _of_scan(
    scope: Scope,
    scan: Scan,
    populations: Sequence[Population],
    wanted: Sequence[Aggregate],
    *,
    by_day: bool,
) -> tuple[Step, dict[Population, Cells]]:
    """by_day: whether days that lead to the same snapshots must be told apart."""
    table = f"cells_of_{scan.name}"
    sums: dict[str, str] = {}
    cells: dict[Population, Cells] = {}
    for number, population in enumerate(populations):
        own = [a for a in wanted if a.rows == population]
        entries, first, last = f"entries_{number}", f"first_{number}", f"last_{number}"
        one_of = f"CASE WHEN {scan.condition(population)} THEN"
        sums[entries] = f"CAST(COUNT({one_of} 1 END) AS BIGINT)"
        if any(isinstance(a, First) for a in own):
            sums[first] = f"MIN({one_of} {scan.occurred_s()} END)"
        if any(isinstance(a, Last) for a in own):
            sums[last] = f"MAX({one_of} {scan.occurred_s()} END)"
        measures: dict[str, str] = {}
        for place, measure in enumerate(
            dict.fromkeys(a.measure for a in own if isinstance(a, Total))
        ):
            name = f"sum_{number}_{place}"
            amount = f"{one_of} {scan.column(population, measure)} END"
            sums[name] = f"CAST(COALESCE(SUM({amount}), 0) AS BIGINT)"
            measures[measure] = name
        cells[population] = Cells(table, entries, first, last, measures)
    listed = "".join(f", {text} AS {name}" for name, text in sums.items())
    day, lookup = ("occurred_day", "") if by_day else alike("occurred_day", scope.calendar)

    def added(account: str) -> str:
        return (
            f"SELECT {account}, {day} AS occurred_day, enters, stays{listed} FROM {scan.name} "
            f"{lookup}GROUP BY {account}, {day}, enters, stays"
        )

    def placed(rows: str) -> str:
        return scope.placed(rows, ("account", "enters", "stays", *sums))

    # There are far fewer cells than rows: their accounts are numbered sooner.
    by_name = numbered(added("account_id"), ("occurred_day", "enters", "stays", *sums))
    return Step(table, placed(added("account")), by_name=placed(by_name)), cells
