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
from features.compilation.cells import Cells, CellsOf, make_cells, of_derived
from features.compilation.extremes import extremes
from features.compilation.largest_sum import largest_sums, ranges_of
from features.compilation.masks import distinct
from features.compilation.per_key import measures, per_key
from features.compilation.scans import Scans
from features.compilation.scope import ACCOUNT_NUMBERS, Scope, Step
from features.compilation.standing import standing, standing_of
from features.compilation.successions import of_steps, on_several_days, successions
from features.compilation.sums import sums
from features.compilation.survival import restricted_means
from features.populations import Arrivals, Population, Successions
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
class Comparison:
    """What compares accounts, in two parts: whole numbers of each account, and a finish over all.

    totals: the plan for the whole numbers, of any part of the accounts. finish: the query over the
    table `totals_of`, the totals of all accounts; its answer is the table `name`: account_id,
    as_of, level.
    """

    name: str
    totals: Plan
    totals_of: str
    finish: str


@dataclass(frozen=True)
class Plan:
    """What an engine does to get a table of values.

    First the tables of `comparisons` are made, over all accounts; all that follows looks at each
    account by itself. It makes the tables `snapshots` (number, as_of, as_of_s) and `calendar` from
    the rows given, then the tables of `steps` in order, and last asks `queries`: together they give
    one row per (account_id, as_of), a DOUBLE per value; of the totals of a comparison, a BIGINT.
    """

    snapshots: tuple[tuple[int, date, int], ...]
    calendar: Calendar
    steps: tuple[Step, ...]
    queries: tuple[str, ...]
    comparisons: tuple[Comparison, ...] = ()

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
    kind: str = "DOUBLE",
) -> Plan:
    """The plan for named values at each snapshot.

    rows: a table (account_id, as_of) of the rows wanted; None means every account and snapshot
    that any of the aggregates has an answer for. merged: see `features.visibility.events`.
    kind: SQL, the type of the values.
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
            _final_query(values, scope, joined, numbers, kind) for numbers in _batches(len(as_ofs))
        ),
        comparisons=tuple(
            _comparison(scope, aggregate, as_ofs) for aggregate in _of(aggregates, Standing)
        ),
    )


def _levels(scope: Scope, aggregate: Standing) -> str:
    """The name of the table with the standings of all accounts."""
    return f"compared_{scope.names[aggregate]}"


def _comparison(scope: Scope, aggregate: Standing, as_ofs: Sequence[date]) -> Comparison:
    name = _levels(scope, aggregate)
    return Comparison(
        name,
        compile_values(aggregate.totals(), as_ofs, merged=scope.merged, kind="BIGINT"),
        f"{name}_totals",
        standing_of(aggregate, f"{name}_totals"),
    )


def _steps(scope: Scope, aggregates: Sequence[Aggregate]) -> Iterator[Step]:
    scans = Scans(scope)
    cells: CellsOf = {}
    tables = list(_tables(scope, scans, aggregates, cells))
    answers = [
        *_from_cells(scope, aggregates, cells),
        *_from_keys(scope, scans, aggregates),
        *_from_several(scope, scans, aggregates, cells),
    ]
    yield from scans.before([*tables, *answers])


def _tables(
    scope: Scope, scans: Scans, aggregates: Sequence[Aggregate], cells: CellsOf
) -> Iterator[Step]:
    """Steps that make the cells of all rows; `cells` says where they are."""
    all_rows = dict.fromkeys(a.rows for a in aggregates)
    chained = [rows for rows in all_rows if isinstance(rows, Successions)]
    reaches = {rows: _reach(a for a in aggregates if a.rows == rows) for rows in chained}
    asked = _of(aggregates, Count, Total, Days, First, Last)
    by_day = [
        *((a.rows, a.reach) for a in _of(aggregates, Days) if isinstance(a.rows, Population)),
        *((rows.of, reaches[rows]) for rows in chained if not rows.by),
        *((p, a.reach) for a in _of(aggregates, DaysAround) for p in (a.rows, a.anchor) if p),
    ]
    for step, made in make_cells(scope, scans, asked, by_day):
        cells |= made
        yield step
    for rows in chained:
        reach = reaches[rows]
        if rows.by:
            days, where = f"days_{rows.name}", "TRUE"
            sums = {f"sum_{number}": text for number, text in enumerate(rows.sums)}
            indexes = (reached(0), *((reached(reach),) if reach else ()))
            keyed = scans.placed_rows(rows.of, reach, sums, indexes, key=rows.by)
            yield Step(days, on_several_days(keyed, scans.rows(rows.of, reach, {}, key=rows.by)))
        else:
            own = cells[rows.of, reach is None]
            days, where = own.table, f"{own.entries} > 0"
        yield from successions(scope, rows, days, where, reach)
        cells |= dict.fromkeys(((rows, True), (rows, False)), of_derived(rows.name))
    for came in (rows for rows in all_rows if isinstance(rows, Arrivals)):
        yield from arrivals(
            scope,
            came.name,
            scans.placed_rows(came.of, None, {}, (reached(0),), key=came.key, timed=True),
        )
        cells |= dict.fromkeys(((came, True), (came, False)), of_derived(came.name))


def _from_cells(scope: Scope, aggregates: Sequence[Aggregate], cells: CellsOf) -> Iterator[Step]:
    """Steps for what one table of cells answers."""

    def of(aggregate: Aggregate) -> Cells:
        return cells[aggregate.rows, aggregate.reach is None]

    additive = _of(aggregates, Count, Total)
    for (table, ago), adding in _groups(additive, lambda a: (of(a).table, a.ago)).items():
        yield sums(scope, table, ago, {a: of(a).amount(a) for a in adding})
    for aggregate in _of(aggregates, Standing):
        yield standing(scope, _levels(scope, aggregate), aggregate)
    moments = _of(aggregates, First, Last)
    for (table, within, ago), moving in _groups(
        moments, lambda a: (of(a).table, a.within, a.ago)
    ).items():
        yield extremes(scope, table, within, ago, {a: of(a).moment(a) for a in moving})
    by_day = _groups(_of(aggregates, Days), lambda a: (of(a).table, of(a).entries))
    for (table, entries), counted in by_day.items():
        some = f"{table} WHERE {entries} > 0"
        yield from distinct(
            scope, f"days_of_{scope.names[counted[0]]}", some, "occurred_day", counted
        )
    for table, of_chain in _groups(_of(aggregates, OfSteps), lambda a: of(a).table).items():
        yield from of_steps(scope, table, of_chain)


def _from_keys(scope: Scope, scans: Scans, aggregates: Sequence[Aggregate]) -> Iterator[Step]:
    """Steps for what needs a scan by key."""
    counted = _groups(_of(aggregates, Distinct), lambda a: (a.rows.origin, a.key))
    ranges: dict[tuple[Population, str], str] = {}
    largest = _of(aggregates, LargestSum)
    for (rows, key, measure), sought in _groups(
        largest, lambda a: (a.rows.origin, a.key, a.measure)
    ).items():
        name = scope.names[sought[0]]
        ranges[rows, key] = f"ranges_{name}"
        reach = _reach([*sought, *counted.get((rows, key), ())])
        yield ranges_of(
            scope, ranges[rows, key], scans.rows(rows, reach, {"amount": measure}, key=key)
        )
        yield from largest_sums(scope, f"largest_{name}", ranges[rows, key], sought)
    for (rows, key), own in counted.items():
        keyed = ranges.get((rows, key))
        if keyed is None:
            keyed = f"({scans.placed_rows(rows, _reach(own), {}, key=key)}) AS keyed"
        yield from distinct(scope, f"distinct_{scope.names[own[0]]}", keyed, "key", own)
    reduced: list[PerKey | OfBusiest] = [*_of(aggregates, PerKey), *_of(aggregates, OfBusiest)]
    for (rows, key), group in _groups(reduced, lambda a: (a.rows.origin, a.key)).items():
        measured = {f"of_{number}": text for number, text in enumerate(measures(group))}
        timed = any(isinstance(a, OfBusiest) for a in group)
        keyed = scans.placed_rows(rows, _reach(group), measured, key=key, timed=timed)
        yield from per_key(scope, f"per_key_{scope.names[group[0]]}", keyed, group)


def _from_several(
    scope: Scope, scans: Scans, aggregates: Sequence[Aggregate], cells: CellsOf
) -> Iterator[Step]:
    """Steps for what looks at two kinds of rows."""
    means = _of(aggregates, RestrictedMean)
    for (waiting, done, duration, _), own in _groups(
        means, lambda a: (a.rows, a.done, a.duration, a.limit_days)
    ).items():
        assert done is not None
        reach = _reach(own)
        yield from restricted_means(
            scope,
            f"waits_of_{scope.names[own[0]]}",
            scans.placed_rows(waiting, reach, {}, timed=True),
            scans.placed_rows(done, reach, {"duration": duration}, timed=True),
            own,
        )
    around = _of(aggregates, DaysAround)
    for (rows, anchor), near in _groups(around, lambda a: (a.rows, a.anchor)).items():
        assert anchor is not None
        name = f"around_{scope.names[near[0]]}"
        yield from days_around(scope, name, cells[rows, True], cells[anchor, True], near)


def _reach(aggregates: Iterable[Aggregate]) -> int | None:
    """The longest of their reaches."""
    reaches = [aggregate.reach for aggregate in aggregates]
    return None if None in reaches else max(reach for reach in reaches if reach is not None)


def _of(aggregates: Iterable[Aggregate], *kinds: type[A]) -> list[A]:
    return [aggregate for aggregate in aggregates if isinstance(aggregate, kinds)]


def _groups(aggregates: Iterable[A], by: Callable[[A], K]) -> dict[K, list[A]]:
    """Aggregates in groups, in order of first appearance."""
    groups: dict[K, list[A]] = {}
    for aggregate in aggregates:
        groups.setdefault(by(aggregate), []).append(aggregate)
    return groups


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
    values: Mapping[str, Value], scope: Scope, joined: Sequence[Step], numbers: range, kind: str
) -> str:
    """SQL: the values at some snapshots, of a type.

    All tables have the same rows. They are joined from the left, so that no planner reorders the
    joins: with a single snapshot, joining by its number first would multiply accounts by accounts.
    """
    references = {
        aggregate: f"{step.name}.{scope.names[aggregate]}"
        for step in joined
        for aggregate in step.answers
    }
    selected = "".join(
        f", CAST({_sql(value, references)} AS {kind}) AS {name}" for name, value in values.items()
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
