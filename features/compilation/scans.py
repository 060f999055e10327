"""Scans: the rows of source tables as snapshots see them, read once for all who ask for them.

Populations of one table whose rows come and go by the same stamps share a scan, whatever their
conditions. Those who need all history and those who look back a limited time have scans of their
own, so that a few columns are read of old rows and many of young ones. Accounts and keys become
numbers, which are fast to group by and to sort.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from features.compilation.scope import Scope, Step, numbered
from features.populations import Population
from features.visibility import dated, seen


class Scan:
    """One scan, and what has been asked of it so far.

    reach: it has the rows of so many days before the first snapshot; None is all history.
    Every `text` is SQL over a row of the population that goes with it.
    """

    def __init__(self, scope: Scope, name: str, of: Population, reach: int | None) -> None:
        self.name, self.reach = name, reach
        self._scope, self._of = scope, of
        self._timed = False
        self._conditions: dict[str, str] = {}
        self._columns: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def occurred_s(self) -> str:
        """The column with the second at which a row occurred."""
        self._timed = True
        return "occurred_s"

    def condition(self, population: Population) -> str:
        """The column that says whether a row is one of the population."""
        return self._conditions.setdefault(population.where, f"is_{len(self._conditions)}")

    def column(self, population: Population, text: str) -> str:
        """The column with an expression over the population's rows."""
        return self._columns.setdefault(_guarded(population, text), f"column_{len(self._columns)}")

    def key(self, population: Population, text: str) -> str:
        """The column with the number of a key; numbers are in the order of the keys."""
        return self._keys.setdefault(_guarded(population, text), f"key_{len(self._keys)}")

    def steps(self) -> Iterator[Step]:
        """The steps that make the table."""
        numbers, joins = "", ""
        for key in self._keys.values():
            table = f"{key}_of_{self.name}"
            yield Step(
                table,
                f"SELECT {key}, CAST(ROW_NUMBER() OVER (ORDER BY {key}) AS INTEGER) AS number "
                f"FROM (SELECT DISTINCT {key} FROM ({self._dated()}) AS event "
                f"WHERE {key} IS NOT NULL) AS every_key",
            )
            numbers += f", {table}.number AS {key}"
            joins += f" LEFT JOIN {table} ON {table}.{key} = named.{key}"
        plain = ("occurred_day", "enters", "stays", *self._plain())
        yield Step(self.name, numbered(self.by_name(), plain, numbers, joins))

    def by_name(self) -> str:
        """SQL: the rows of the table with account_id, and keys by name too."""
        return seen(self._dated(), (*self._plain(), *self._keys.values()), self._scope.calendar)

    def _plain(self) -> tuple[str, ...]:
        timed = ("occurred_s",) if self._timed else ()
        return (*timed, *self._conditions.values(), *self._columns.values())

    def _dated(self) -> str:
        # Asking whether a row is one of several kinds costs more than it saves.
        some = next(iter(self._conditions)) if len(self._conditions) == 1 else "TRUE"
        carried = {name: f"({where})" for where, name in self._conditions.items()}
        carried |= {name: text for text, name in (self._columns | self._keys).items()}
        return dated(
            self._of.where_also(some),
            carried,
            self._scope.calendar,
            reach=self.reach,
            merged=self._scope.merged,
        )


def _guarded(population: Population, text: str) -> str:
    """An expression that is evaluated for the population's rows alone, lest others make it fail."""
    return text if text.isidentifier() else f"CASE WHEN {population.where} THEN {text} END"


class Scans:
    """The scans that a plan needs; they are complete when all who need rows have asked."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._scans: dict[tuple[object, ...], Scan] = {}

    def of(self, population: Population, reach: int | None) -> Scan:
        """The scan that has a population's rows of so many days; None is all history."""
        clock = (*population.clock, reach is None)
        if clock not in self._scans:
            name = f"scan_{len(self._scans)}_{population.name}"
            self._scans[clock] = Scan(self._scope, name, population, reach)
        scan = self._scans[clock]
        if scan.reach is not None and reach is not None:
            scan.reach = max(scan.reach, reach)
        return scan

    def rows(
        self,
        population: Population,
        reach: int | None,
        columns: Mapping[str, str],
        *,
        key: str = "",
        timed: bool = False,
    ) -> str:
        """SQL: a population's rows with account, occurred_day, enters, stays and `columns`.

        columns: expressions by the name that they get. key: an expression, whose number becomes
        the column `key`; rows without one are left out. timed: whether with occurred_s.
        """
        scan = self.of(population, reach)
        listed = {name: scan.column(population, text) for name, text in columns.items()}
        wanted = [scan.condition(population)]
        if key:
            listed["key"] = scan.key(population, key)
            wanted.append(f"{listed['key']} IS NOT NULL")
        if timed:
            listed["occurred_s"] = scan.occurred_s()
        if reach is not None:
            wanted.append(f"occurred_day >= {self._scope.calendar.day_before_first(reach)}")
        named = "".join(f", {column} AS {name}" for name, column in listed.items())
        return (
            f"SELECT account, occurred_day, enters, stays{named} FROM {scan.name} "
            f"WHERE {' AND '.join(wanted)}"
        )

    def placed_rows(
        self,
        population: Population,
        reach: int | None,
        columns: Mapping[str, str],
        indexes: Iterable[str] | None = None,
        *,
        key: str = "",
        timed: bool = False,
    ) -> str:
        """SQL: `rows` with their indexes; all where none are named."""
        rows = self.rows(population, reach, columns, key=key, timed=timed)
        also = (*(("key",) if key else ()), *(("occurred_s",) if timed else ()))
        return self._scope.placed(rows, ("account", "enters", "stays", *columns, *also), indexes)

    def before(self, readers: Sequence[Step]) -> Iterator[Step]:
        """The steps of the plan: those that make the scans, then those that read them.

        A scan that is read once becomes a part of the query that reads it.
        """
        readers = list(readers)
        for scan in self._scans.values():
            *numbers, made = scan.steps()
            yield from numbers
            reading = f"FROM {scan.name} "
            places = [n for n, step in enumerate(readers) if reading in step.sql]
            if sum(readers[n].sql.count(reading) for n in places) > 1:
                yield made
                continue
            (place,) = places
            reader = readers[place]
            rows = scan.by_name() if reader.by_name else made.sql
            sql = (reader.by_name or reader.sql).replace(reading, f"FROM ({rows}) AS {scan.name} ")
            readers[place] = replace(reader, sql=sql, by_name="")
        yield from readers
