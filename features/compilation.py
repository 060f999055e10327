"""From values to queries: a plan that reads each event once, however many snapshots it serves.

Events of a population are first reduced to cells, one per account and day, that carry the range of
snapshots which see them (`features.visibility`). From the cells

- counts and totals add their amount where a cell enters and take it away where it leaves, and a
  running sum over the snapshots does the rest; a distinct count does the same with the union of
  the ranges of each key;
- what cannot be added up (first, last, median, busiest) is taken over the cells seen by each
  snapshot.

Sums are sums of integers, so that no answer depends on the order of rows or on threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from features.values import (
    Aggregate,
    Busiest,
    Count,
    Distinct,
    Expression,
    First,
    Last,
    MedianGap,
    Population,
    Total,
    Value,
)
from features.visibility import (
    Calendar,
    day,
    events,
    exit_column,
    placed,
    snapshot_rows,
)

_ZERO_WHERE_ABSENT = (Count, Total, Distinct, Busiest)


@dataclass(frozen=True)
class Step:
    """One query of a plan; its answer is kept as a table of that name."""

    name: str
    sql: str


@dataclass(frozen=True)
class Plan:
    """What an engine does to get a table of values.

    It makes the tables `snapshots` (number, as_of, as_of_s) and `calendar` from the rows given,
    then the tables of `steps` in order, and last asks `query`: one row per (account_id, as_of),
    a DOUBLE per value.
    """

    snapshots: tuple[tuple[int, date, int], ...]
    calendar: Calendar
    steps: tuple[Step, ...]
    query: str


def compile_values(
    values: Mapping[str, Value],
    as_ofs: Sequence[date],
    *,
    rows: str | None = None,
    merged: bool = False,
) -> Plan:
    """The plan for named values at each snapshot.

    rows: a table (account_id, as_of) of the rows wanted; None means every account and snapshot
    that any of the aggregates has an answer for. merged: see `features.visibility.events`.
    """
    as_ofs = sorted(set(as_ofs))
    if not as_ofs:
        raise ValueError("at least one snapshot is needed")
    aggregates = list(
        dict.fromkeys(item for value in values.values() for item in value.aggregates())
    )
    columns = {aggregate: f"a{number}" for number, aggregate in enumerate(aggregates)}
    windows = sorted({a.within for a in aggregates if a.within is not None})
    calendar = Calendar(tuple(as_ofs), tuple(windows))
    compiler = _Compiler(columns, calendar, merged)
    steps = tuple(compiler.steps())
    return Plan(
        snapshots=tuple(snapshot_rows(as_ofs)),
        calendar=calendar,
        steps=steps,
        query=_final_query(values, columns, compiler.answers, rows),
    )


class _Compiler:
    """Makes the steps for a set of aggregates; `answers` says which table holds which column."""

    def __init__(
        self,
        columns: Mapping[Aggregate, str],
        calendar: Calendar,
        merged: bool,
    ) -> None:
        self._columns = columns
        self._calendar = calendar
        self._merged = merged
        self.answers: dict[str, list[Aggregate]] = {}

    def steps(self) -> Iterator[Step]:
        populations = dict.fromkeys(aggregate.population for aggregate in self._columns)
        for population in populations:
            own = [a for a in self._columns if a.population == population]
            yield from self._unkeyed(population, [a for a in own if not _key(a)])
            for key in dict.fromkeys(_key(a) for a in own if _key(a)):
                yield from self._keyed(population, key, [a for a in own if _key(a) == key])

    def _unkeyed(self, population: Population, wanted: list[Aggregate]) -> Iterator[Step]:
        if not wanted:
            return
        cells = f"cells_{population.name}"
        totals = [a for a in wanted if isinstance(a, Total)]
        measures = {
            measure: f"m{i}" for i, measure in enumerate(dict.fromkeys(a.measure for a in totals))
        }
        yield Step(cells, self._cells(population, None, measures))
        additive: dict[Aggregate, str] = {
            a: "entries" if isinstance(a, Count) else measures[a.measure]
            for a in wanted
            if isinstance(a, Count | Total)
        }
        if additive:
            yield self._answer(
                f"sums_{population.name}", list(additive), self._sums(cells, additive)
            )
        extremes = [a for a in wanted if isinstance(a, First | Last)]
        if extremes:
            yield self._answer(
                f"extremes_{population.name}", extremes, self._extremes(cells, extremes)
            )
        for gap in (a for a in wanted if isinstance(a, MedianGap)):
            name = f"gaps_{population.name}_{self._columns[gap]}"
            yield self._answer(name, [gap], self._median_gap(cells, gap))

    def _keyed(self, population: Population, key: str, wanted: list[Aggregate]) -> Iterator[Step]:
        suffix = f"{population.name}_by_{self._columns[wanted[0]]}"
        cells = f"cells_{suffix}"
        yield Step(cells, self._cells(population, key, {}))
        distinct = [a for a in wanted if isinstance(a, Distinct)]
        if distinct:
            ranges = f"ranges_{suffix}"
            yield Step(ranges, self._key_ranges(cells, distinct))
            yield self._answer(
                f"distinct_{suffix}", list(distinct), self._distinct(ranges, distinct)
            )
        for busiest in (a for a in wanted if isinstance(a, Busiest)):
            name = f"busiest_{suffix}_{self._columns[busiest]}"
            yield self._answer(name, [busiest], self._busiest(cells, busiest))

    def _answer(self, name: str, aggregates: Sequence[Aggregate], sql: str) -> Step:
        self.answers[name] = list(aggregates)
        return Step(name, sql)

    def _cells(self, population: Population, key: str | None, measures: Mapping[str, str]) -> str:
        """One scan: the population's rows by account, day, range and key, with sums."""
        carried = [f"{text} AS {alias}" for text, alias in measures.items()]
        by = ""
        if key is not None:
            carried.append(f"{key} AS key")
            by = ", key"
        sums = "".join(f", CAST(SUM({alias}) AS BIGINT) AS {alias}" for alias in measures.values())
        last_second = "(SELECT MAX(as_of_s) FROM snapshots)"
        known = "" if key is None else " AND key IS NOT NULL"
        daily = (
            f"SELECT account_id{by}, {day('occurred_s')} AS occurred_day, "
            f"{day('since_s')} AS since_day, {day('until_s')} AS until_day, "
            "COUNT(*) AS entries, MIN(occurred_s) AS first_s, MAX(occurred_s) AS last_s"
            f"{sums} FROM ({events(population, carried, merged=self._merged)}) AS event "
            f"WHERE since_s < {last_second}{known} "
            f"GROUP BY account_id{by}, occurred_day, since_day, until_day"
        )
        return placed(daily, self._calendar)

    def _sums(self, cells: str, additive: Mapping[Aggregate, str]) -> str:
        """Counts and totals: added at `enters`, taken away at the window's exit."""
        changes = [
            _Change(cells, "enters", {self._columns[a]: text for a, text in additive.items()})
        ]
        for within in dict.fromkeys(a.within for a in additive):
            leaving = {
                self._columns[a]: f"-{text}" for a, text in additive.items() if a.within == within
            }
            changes.append(_Change(cells, exit_column(within), leaving))
        return self._running(changes)

    def _key_ranges(self, cells: str, distinct: Sequence[Distinct]) -> str:
        """The union of each key's ranges, and how many keys have the same.

        Cells of a key that enter together are one range, the longest. In order of entry, a range
        adds only what lies beyond the furthest end so far: from `begins_<exit>` to the exit.
        """
        exits = list(dict.fromkeys(exit_column(a.within) for a in distinct))
        longest = ", ".join(f"MAX({column}) AS {column}" for column in exits)
        begins = ", ".join(
            f"GREATEST(enters, COALESCE(MAX({column}) OVER earlier, 0)) AS begins_{column}"
            for column in exits
        )
        edges = ", ".join(f"begins_{column}, {column}" for column in exits)
        return (
            f"SELECT account_id, {edges}, COUNT(*) AS keys FROM (SELECT *, {begins} FROM ("
            f"SELECT account_id, key, enters, {longest} FROM {cells} "
            "GROUP BY account_id, key, enters) AS entry "
            "WINDOW earlier AS (PARTITION BY account_id, key ORDER BY enters "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS range "
            f"GROUP BY account_id, {edges}"
        )

    def _distinct(self, ranges: str, distinct: Sequence[Distinct]) -> str:
        """Keys seen: added where the union of their ranges begins, taken away where it ends."""
        changes = []
        for aggregate in distinct:
            name, leaves = self._columns[aggregate], exit_column(aggregate.within)
            some = f"begins_{leaves} < {leaves}"
            changes.append(_Change(ranges, f"begins_{leaves}", {name: "keys"}, some))
            changes.append(_Change(ranges, leaves, {name: "-keys"}, some))
        return self._running(changes)

    def _running(self, changes: Sequence[_Change]) -> str:
        """Running sums over the snapshots of what changes at each."""
        names = list(dict.fromkeys(name for change in changes for name in change.amounts))
        summed = ", ".join(f"SUM({name}) AS {name}" for name in names)
        running = ", ".join(f"SUM(COALESCE({name}, 0)) OVER so_far AS {name}" for name in names)
        listed = " UNION ALL ".join(change.sql(names) for change in changes)
        return (
            f"WITH steps AS (SELECT account_id, number, {summed} FROM ({listed}) AS change "
            f"WHERE number < {len(self._calendar.as_ofs)} GROUP BY account_id, number), "
            "grid AS (SELECT account_id, snapshots.number FROM "
            "(SELECT DISTINCT account_id FROM steps) AS account CROSS JOIN snapshots) "
            f"SELECT account_id, number, {running} FROM grid "
            "LEFT JOIN steps USING (account_id, number) "
            "WINDOW so_far AS (PARTITION BY account_id ORDER BY number "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        )

    def _extremes(self, cells: str, extremes: Sequence[Aggregate]) -> str:
        answers = ", ".join(
            f"{'MIN(first_s)' if isinstance(a, First) else 'MAX(last_s)'} AS {self._columns[a]}"
            for a in extremes
        )
        return (
            f"SELECT account_id, number, {answers} FROM (SELECT account_id, enters, stays, "
            f"MIN(first_s) AS first_s, MAX(last_s) AS last_s FROM {cells} "
            "GROUP BY account_id, enters, stays) AS cell "
            f"{_seen_by_snapshots('stays')} GROUP BY account_id, number"
        )

    def _median_gap(self, cells: str, gap: MedianGap) -> str:
        return (
            f"SELECT account_id, number, MEDIAN(gap) AS {self._columns[gap]} FROM ("
            "SELECT account_id, number, occurred_day - LAG(occurred_day) OVER "
            "(PARTITION BY account_id, number ORDER BY occurred_day) AS gap FROM ("
            f"SELECT DISTINCT account_id, number, occurred_day FROM {cells} AS cell "
            f"{_seen_by_snapshots(exit_column(gap.within))}) AS order_day) AS neighbours "
            "GROUP BY account_id, number"
        )

    def _busiest(self, cells: str, busiest: Busiest) -> str:
        leaves = exit_column(busiest.within)
        return (
            f"SELECT account_id, number, MAX(entries) AS {self._columns[busiest]} FROM ("
            "SELECT account_id, number, key, SUM(entries) AS entries FROM ("
            f"SELECT account_id, key, enters, {leaves}, SUM(entries) AS entries FROM {cells} "
            f"GROUP BY account_id, key, enters, {leaves}) AS cell {_seen_by_snapshots(leaves)} "
            "GROUP BY account_id, number, key) AS per_key GROUP BY account_id, number"
        )


def _key(aggregate: Aggregate) -> str:
    return aggregate.key if isinstance(aggregate, Distinct | Busiest) else ""


@dataclass(frozen=True)
class _Change:
    """What is added at one edge of the ranges in a table: SQL amounts by column."""

    table: str
    edge: str
    amounts: Mapping[str, str]
    where: str = "TRUE"

    def sql(self, names: Sequence[str]) -> str:
        """account_id, number and each of `names`, 0 for those that do not change here."""
        columns = ", ".join(
            f"SUM({self.amounts[name]}) AS {name}" if name in self.amounts else f"0 AS {name}"
            for name in names
        )
        return (
            f"SELECT account_id, {self.edge} AS number, {columns} FROM {self.table} "
            f"WHERE {self.where} GROUP BY account_id, {self.edge}"
        )


def _seen_by_snapshots(leaves: str) -> str:
    return f"JOIN snapshots ON snapshots.number >= cell.enters AND snapshots.number < cell.{leaves}"


def _final_query(
    values: Mapping[str, Value],
    columns: Mapping[Aggregate, str],
    answers: Mapping[str, Sequence[Aggregate]],
    rows: str | None,
) -> str:
    references = {
        aggregate: (
            f"COALESCE({table}.{columns[aggregate]}, 0)"
            if isinstance(aggregate, _ZERO_WHERE_ABSENT)
            else f"{table}.{columns[aggregate]}"
        )
        for table, held in answers.items()
        for aggregate in held
    }
    selected = "".join(
        f", CAST({_sql(value, references)} AS DOUBLE) AS {name}" for name, value in values.items()
    )
    joins = "".join(
        f" LEFT JOIN {table} ON {table}.account_id = wanted.account_id "
        f"AND {table}.number = snapshots.number"
        for table in answers
    )
    if rows is None:
        rows = (
            "(SELECT answered.account_id, snapshots.as_of FROM ("
            + " UNION ".join(f"SELECT account_id, number FROM {table}" for table in answers)
            + ") AS answered JOIN snapshots ON snapshots.number = answered.number)"
        )
    return (
        f"SELECT wanted.account_id, wanted.as_of{selected} FROM {rows} AS wanted "
        f"JOIN snapshots ON snapshots.as_of = wanted.as_of{joins}"
    )


def _sql(value: Value, references: Mapping[Aggregate, str]) -> str:
    if isinstance(value, Aggregate):
        return references[value]
    if isinstance(value, Expression):
        operands = [_sql(operand, references) for operand in value.operands]
        return value.template.format(*operands, as_of="snapshots.as_of_s")
    raise TypeError(f"{value!r} is neither an aggregate nor an expression")
