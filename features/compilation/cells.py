"""Cells: the rows of an account that share a day and a range of snapshots, added up in one scan.

Populations of one table whose rows come and go by the same stamps share their scan, whatever
their conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.compilation.scope import Scope, Step
from features.populations import Population, Rows
from features.values import Aggregate, First, Last, Total


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


def make_cells(
    scope: Scope, wanted: Sequence[Aggregate], also: Sequence[Population]
) -> Iterator[tuple[Step, dict[Rows, Cells]]]:
    """A step per scan, and the cells that it makes of each population.

    wanted: what is asked of the cells. also: further populations whose days are needed.
    """
    populations = dict.fromkeys(
        (*(a.rows for a in wanted if isinstance(a.rows, Population)), *also)
    )
    clocks: dict[tuple[object, ...], list[Population]] = {}
    for population in populations:
        clocks.setdefault(_clock(population), []).append(population)
    for number, together in enumerate(clocks.values()):
        yield _one_scan(scope, f"cells_{number}_{together[0].name}", together, wanted)


def _clock(population: Population) -> tuple[object, ...]:
    return (
        population.table,
        population.facts,
        population.occurred,
        frozenset(population.since),
        frozenset(population.until),
    )


def _one_scan(
    scope: Scope, table: str, together: list[Population], wanted: Sequence[Aggregate]
) -> tuple[Step, dict[Rows, Cells]]:
    carried: dict[str, str] = {}
    sums: dict[str, str] = {}
    cells: dict[Rows, Cells] = {}
    for number, population in enumerate(together):
        own = [a for a in wanted if a.rows == population]
        carried[f"is_{number}"] = f"({population.where})"
        entries, first, last = f"entries_{number}", f"first_{number}", f"last_{number}"
        sums[entries] = f"CAST(SUM(CASE WHEN is_{number} THEN 1 ELSE 0 END) AS BIGINT)"
        if any(isinstance(a, First) for a in own):
            sums[first] = f"MIN(CASE WHEN is_{number} THEN occurred_s END)"
        if any(isinstance(a, Last) for a in own):
            sums[last] = f"MAX(CASE WHEN is_{number} THEN occurred_s END)"
        measures: dict[str, str] = {}
        for place, measure in enumerate(
            dict.fromkeys(a.measure for a in own if isinstance(a, Total))
        ):
            name = f"sum_{number}_{place}"
            carried[f"of_{name}"] = f"CASE WHEN {population.where} THEN {measure} END"
            sums[name] = f"CAST(COALESCE(SUM(of_{name}), 0) AS BIGINT)"
            measures[measure] = name
        cells[population] = Cells(table, entries, first, last, measures)
    some = Population(
        table,
        together[0].table,
        together[0].occurred,
        together[0].since,
        together[0].until,
        " OR ".join(f"({p.where})" for p in together),
        together[0].facts,
    )
    listed = "".join(f", {text} AS {name}" for name, text in sums.items())
    daily = (
        f"SELECT account_id, occurred_day, enters, stays{listed} "
        f"FROM ({scope.seen(some, carried)}) AS event "
        "GROUP BY account_id, occurred_day, enters, stays"
    )
    columns = ("enters", "stays", *sums)
    placed = scope.placed(daily, ("account_id", *columns))
    return Step(table, scope.numbered(placed, (*columns, "occurred_day", *scope.reached))), cells
