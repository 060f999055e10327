"""Puts the steps for all aggregates together, and the query that makes values of their answers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeVar

from features.compilation.around import days_around
from features.compilation.arrivals import arrivals
from features.compilation.cells import Cells, make_cells, of_derived
from features.compilation.extremes import extremes
from features.compilation.largest_sum import largest_sums, ranges_of
from features.compilation.masks import distinct
from features.compilation.per_key import measures, per_key
from features.compilation.scope import ACCOUNT_NUMBERS, Scope, Step
from features.compilation.standing import standing
from features.compilation.successions import of_steps, successions
from features.compilation.sums import sums, sums_of
from features.compilation.survival import restricted_means
from features.populations import Arrivals, Population, Rows, Successions
from features.values import (
    Aggregate,
    Count,
    Days,
    DaysAround,
    Distinct,
    Expression,
    First,
    LargestSum,
    Last,
    OfBusiest,
    OfSteps,
    PerKey,
    RestrictedMean,
    Standing,
    Total,
    Value,
)
from features.visibility import Calendar, reached, snapshot_rows

A = TypeVar("A", bound=Aggregate)
K = TypeVar("K")

_WANTED = "wanted_accounts"
_WORD = re.compile(r"\w+")

# A join of very many tables takes long to plan, one of very many rows much memory to carry out.
_TABLES_TOGETHER = 20
_MOST_BATCHES = 4
_FEWEST_SNAPSHOTS = 6  # of a batch


@dataclass(frozen=True)
class Plan:
    """What an engine does to get a table of values.

    It makes the tables `snapshots` (number, as_of, as_of_s) and `calendar` from the rows given,
    then the tables of `steps` in order, and last asks `queries`: together they give one row per
    (account_id, as_of), a DOUBLE per value.
    """

    snapshots: tuple[tuple[int, date, int], ...]
    calendar: Calendar
    steps: tuple[Step, ...]
    queries: tuple[str, ...]

    def spent_after(self, number: int) -> tuple[str, ...]:
        """The steps whose tables are no longer needed once step `number` is done."""
        return self._spent.get(number, ())

    @cached_property
    def _spent(self) -> dict[int, tuple[str, ...]]:
        last_use: dict[str, int] = {}
        for number, step in enumerate(self.steps):
            for name in {step.name, *_WORD.findall(step.sql)}:
                last_use[name] = number
        kept = {name for query in self.queries for name in _WORD.findall(query)}
        spent: dict[int, tuple[str, ...]] = {}
        for step in self.steps:
            if step.name not in kept:
                done = last_use[step.name]
                spent[done] = (*spent.get(done, ()), step.name)
        return spent


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
    windows = sorted({window for aggregate in aggregates for window in aggregate.windows()})
    scope = Scope(
        Calendar(tuple(as_ofs), tuple(windows)),
        {aggregate: f"a{number}" for number, aggregate in enumerate(aggregates)},
        merged,
    )
    steps = [_account_numbers(aggregates, rows, merged=merged), *_steps(scope, aggregates)]
    answered = [step for step in steps if step.answers]
    wanted = Step(_WANTED, _numbered_rows(rows) if rows else _every_row(answered))
    joined = list(_joined(scope, answered))
    return Plan(
        snapshots=tuple(snapshot_rows(as_ofs)),
        calendar=scope.calendar,
        steps=(*steps, wanted, *joined),
        queries=tuple(
            _final_query(values, scope, joined, numbers) for numbers in _batches(len(as_ofs))
        ),
    )


def _steps(scope: Scope, aggregates: Sequence[Aggregate]) -> Iterator[Step]:
    cells: dict[Rows, Cells] = {}
    yield from _tables(scope, aggregates, cells)
    for part in (_from_cells, _from_keys, _from_several):
        yield from part(scope, aggregates, cells)


def _tables(
    scope: Scope, aggregates: Sequence[Aggregate], cells: dict[Rows, Cells]
) -> Iterator[Step]:
    """Steps that make the cells of all rows; `cells` says where they are."""
    all_rows = dict.fromkeys(a.rows for a in aggregates)
    chained = [rows for rows in all_rows if isinstance(rows, Successions)]
    also = [
        *(rows.of for rows in chained if not rows.by),
        *(p for a in _of(aggregates, DaysAround) for p in (a.rows, a.anchor) if p),
    ]
    asked = _of(aggregates, Count, Total, Days, First, Last)
    for step, made in make_cells(scope, asked, also):
        cells |= made
        yield step
    for rows in chained:
        longest = max(a.within or 0 for a in aggregates if a.rows == rows)
        if rows.by:
            days, where = f"days_{rows.name}", "TRUE"
            carried = {"key": rows.by} | {f"sum_{n}": text for n, text in enumerate(rows.sums)}
            indexes = (reached(0), reached(longest))
            columns = ("occurred_day", "enters", "stays", *carried, *indexes)
            keyed = _keyed(scope, rows.of, carried, indexes)
            yield Step(days, scope.numbered(f"SELECT * FROM {keyed}", columns))
        else:
            days, where = cells[rows.of].table, f"{cells[rows.of].entries} > 0"
        yield from successions(scope, rows, days, where, longest)
        cells[rows] = of_derived(rows.name)
    for came in (rows for rows in all_rows if isinstance(rows, Arrivals)):
        yield from arrivals(scope, came.name, _keyed(scope, came.of, {"key": came.key}))
        cells[came] = of_derived(came.name)


def _from_cells(
    scope: Scope, aggregates: Sequence[Aggregate], cells: Mapping[Rows, Cells]
) -> Iterator[Step]:
    """Steps for what one table of cells answers."""
    additive = _of(aggregates, Count, Total)
    for table, adding in _groups(additive, lambda a: cells[a.rows].table).items():
        yield sums(scope, table, {a: cells[a.rows].amount(a) for a in adding})
    for aggregate in _of(aggregates, Standing):
        assert aggregate.of is not None
        yield standing(scope, sums_of(cells[aggregate.of.rows].table), aggregate)
    moments = _of(aggregates, First, Last)
    for table, moving in _groups(moments, lambda a: cells[a.rows].table).items():
        yield extremes(scope, table, {a: cells[a.rows].moment(a) for a in moving})
    for rows, counted in _groups(_of(aggregates, Days), lambda a: a.rows).items():
        some = f"{cells[rows].table} WHERE {cells[rows].entries} > 0"
        yield from distinct(
            scope, f"days_of_{scope.names[counted[0]]}", some, "account", "occurred_day", counted
        )
    for rows, of_chain in _groups(_of(aggregates, OfSteps), lambda a: a.rows).items():
        yield from of_steps(scope, cells[rows].table, of_chain)


def _from_keys(
    scope: Scope, aggregates: Sequence[Aggregate], _: Mapping[Rows, Cells]
) -> Iterator[Step]:
    """Steps for what needs a scan by key."""
    ranges: dict[tuple[Rows, str], str] = {}
    largest = _of(aggregates, LargestSum)
    for (rows, key, measure), sought in _groups(
        largest, lambda a: (a.rows, a.key, a.measure)
    ).items():
        name = scope.names[sought[0]]
        ranges[rows, key] = f"ranges_{name}"
        yield ranges_of(scope, ranges[rows, key], rows.origin, key, measure)
        yield from largest_sums(scope, f"largest_{name}", ranges[rows, key], sought)
    for by, counted in _groups(_of(aggregates, Distinct), lambda a: (a.rows, a.key)).items():
        rows, key = by
        keyed, who = ranges.get(by), "account"
        if keyed is None:
            keyed, who = _keyed(scope, rows.origin, {"key": key}), "account_id"
        yield from distinct(
            scope, f"distinct_{scope.names[counted[0]]}", keyed, who, "key", counted
        )
    reduced: list[PerKey | OfBusiest] = [*_of(aggregates, PerKey), *_of(aggregates, OfBusiest)]
    for (rows, key), own in _groups(reduced, lambda a: (a.rows, a.key)).items():
        carried = {f"of_{number}": text for number, text in enumerate(measures(own))}
        keyed = _keyed(scope, rows.origin, {"key": key, **carried})
        yield from per_key(scope, f"per_key_{scope.names[own[0]]}", keyed, own)


def _from_several(
    scope: Scope, aggregates: Sequence[Aggregate], cells: Mapping[Rows, Cells]
) -> Iterator[Step]:
    """Steps for what looks at two kinds of rows."""
    means = _of(aggregates, RestrictedMean)
    for (waiting, done, duration, _), own in _groups(
        means, lambda a: (a.rows, a.done, a.duration, a.limit_days)
    ).items():
        assert done is not None
        yield from restricted_means(
            scope,
            f"waits_of_{scope.names[own[0]]}",
            scope.placed_rows(waiting, {}),
            scope.placed_rows(done, {"duration": duration}),
            own,
        )
    around = _of(aggregates, DaysAround)
    for (rows, anchor), near in _groups(around, lambda a: (a.rows, a.anchor)).items():
        assert anchor is not None
        name = f"around_{scope.names[near[0]]}"
        yield from days_around(scope, name, cells[rows], cells[anchor], near)


def _of(aggregates: Iterable[Aggregate], *kinds: type[A]) -> list[A]:
    return [aggregate for aggregate in aggregates if isinstance(aggregate, kinds)]


def _groups(aggregates: Iterable[A], by: Callable[[A], K]) -> dict[K, list[A]]:
    """Aggregates in groups, in order of first appearance."""
    groups: dict[K, list[A]] = {}
    for aggregate in aggregates:
        groups.setdefault(by(aggregate), []).append(aggregate)
    return groups


def _keyed(
    scope: Scope,
    population: Population,
    carried: Mapping[str, str],
    indexes: Iterable[str] | None = None,
) -> str:
    """SQL: placed rows that have a key, to be read by FROM."""
    rows = scope.placed_rows(population, carried, indexes)
    return f"({rows}) AS keyed_row WHERE key IS NOT NULL"


def _account_numbers(aggregates: Sequence[Aggregate], rows: str | None, *, merged: bool) -> Step:
    """The step that numbers all accounts there are, those wanted included."""
    tables = dict.fromkeys(
        population.table for aggregate in aggregates for population in aggregate.populations()
    )
    named = [f"SELECT DISTINCT account_id FROM {table}" for table in tables]
    if merged:
        named.append("SELECT known_as AS account_id FROM account_identity")
    if rows:
        named.append(f"SELECT account_id FROM {rows}")
    return Step(
        ACCOUNT_NUMBERS,
        "SELECT account_id, CAST(ROW_NUMBER() OVER (ORDER BY account_id) AS INTEGER) AS account "
        f"FROM (SELECT DISTINCT account_id FROM ({' UNION ALL '.join(named)}) AS named) AS every",
    )


def _numbered_rows(rows: str) -> str:
    """SQL: the rows wanted, by number of account and snapshot."""
    return (
        f"SELECT {ACCOUNT_NUMBERS}.account, snapshots.number FROM {rows} AS wanted "
        f"JOIN {ACCOUNT_NUMBERS} ON {ACCOUNT_NUMBERS}.account_id = wanted.account_id "
        "JOIN snapshots ON snapshots.as_of = wanted.as_of"
    )


def _every_row(answered: Sequence[Step]) -> str:
    """SQL: every account and snapshot that some step answers."""
    return " UNION ".join(f"SELECT account, number FROM {step.name}" for step in answered)


def _joined(scope: Scope, answered: Sequence[Step]) -> Iterator[Step]:
    """Steps that put answers side by side, a few tables at a time, for the rows wanted."""
    for place in range(0, len(answered), _TABLES_TOGETHER):
        together = answered[place : place + _TABLES_TOGETHER]
        columns = "".join(
            f", {_filled(aggregate, f'{step.name}.{scope.names[aggregate]}')} "
            f"AS {scope.names[aggregate]}"
            for step in together
            for aggregate in step.answers
        )
        joins = "".join(
            f" LEFT JOIN {step.name} ON {step.name}.account = wanted.account "
            f"AND {step.name}.number = wanted.number"
            for step in together
        )
        yield Step(
            f"joined_{place // _TABLES_TOGETHER}",
            f"SELECT wanted.account, wanted.number{columns} FROM {_WANTED} AS wanted{joins}",
            tuple(aggregate for step in together for aggregate in step.answers),
        )


def _filled(aggregate: Aggregate, column: str) -> str:
    return f"COALESCE({column}, 0)" if aggregate.zero_where_absent else column


def _batches(snapshots: int) -> Iterator[range]:
    """Ranges of snapshot numbers that together hold all of them."""
    size = max(_FEWEST_SNAPSHOTS, math.ceil(snapshots / _MOST_BATCHES))
    for first in range(0, snapshots, size):
        yield range(first, min(first + size, snapshots))


def _final_query(
    values: Mapping[str, Value], scope: Scope, joined: Sequence[Step], numbers: range
) -> str:
    """SQL: the values at some snapshots.

    All tables have the same rows. They are joined from the left, so that no planner reorders the
    joins: with a single snapshot, joining by its number first would multiply accounts by accounts.
    """
    references = {
        aggregate: f"{step.name}.{scope.names[aggregate]}"
        for step in joined
        for aggregate in step.answers
    }
    selected = "".join(
        f", CAST({_sql(value, references)} AS DOUBLE) AS {name}" for name, value in values.items()
    )
    some = f"number >= {numbers.start} AND number < {numbers.stop}"
    joins = "".join(
        f" LEFT JOIN (SELECT * FROM {step.name} WHERE {some}) AS {step.name} "
        f"ON {step.name}.account = wanted.account AND {step.name}.number = wanted.number"
        for step in joined
    )
    return (
        f"SELECT {ACCOUNT_NUMBERS}.account_id, snapshots.as_of{selected} "
        f"FROM (SELECT * FROM {_WANTED} WHERE {some}) AS wanted "
        f"JOIN {ACCOUNT_NUMBERS} ON {ACCOUNT_NUMBERS}.account = wanted.account "
        f"JOIN snapshots ON snapshots.number = wanted.number{joins}"
    )


def _sql(value: Value, references: Mapping[Aggregate, str]) -> str:
    if isinstance(value, Aggregate):
        return references[value]
    if isinstance(value, Expression):
        operands = [_sql(operand, references) for operand in value.operands]
        return value.template.format(*operands, as_of="snapshots.as_of_s")
    raise TypeError(f"{value!r} is neither an aggregate nor an expression")
