"""From the rows of a source to a canonical table: columns mapped, values cast, bad rows set aside.

One query casts everything and notes in a bit mask which checks a row fails, so that the source is
read once. Only where some row failed is it read again, this time with file and row numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from features.contract import SQL_TYPES, UNDATED, Table
from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.casts import (
    Check,
    Reading,
    cast,
    empty,
    in_range,
    not_allowed,
    raw_name,
    raw_value,
)
from pipeline.sources.findings import MOST_EXAMPLES, Example, Finding, Severity
from pipeline.sources.order_kinds import KIND, our_kind, unknown_kind
from pipeline.sources.reading import Origin, Part
from pipeline.wording import as_yaml, counted

_FAULTY = "_faulty"
_MOST_LOOKED_AT = 200  # values, for what they have in common

Masks = Sequence[tuple[int, int]]
"""Which checks failed together, a bit for each, and in how many rows."""


@dataclass(frozen=True)
class MappedPart:
    """Rows of one shape; columns: the contract's name of a column, then the source's."""

    part: Part
    columns: Mapping[str, str]

    def each_file(self) -> Iterator[MappedPart]:
        """The same, a file each; itself where no file is behind it."""
        for part in self.part.each_file():
            yield MappedPart(part, self.columns)


@dataclass(frozen=True)
class Staged:
    """How many rows were read, how many of them were set aside, and what was wrong with them.

    bad: the rows set aside for what they are, and not because the config says how far to read.
    blanked: the values that were taken as missing, by column.
    """

    rows: int
    quarantined: int
    bad: int
    blanked: Mapping[str, int]
    findings: tuple[Finding, ...]


class Staging:
    """The query that makes a canonical table out of an origin, and its checks.

    parts: what it reads; reading: how its values are written. mapped: the contract's columns that
    the source has. complete_until: as configured; rows after it are set aside. kinds: the source's
    words for an `order_kind`, and ours.
    """

    def __init__(
        self,
        table: Table,
        origin: Origin,
        parts: tuple[MappedPart, ...],
        reading: Reading,
        complete_until: datetime | None,
        kinds: Mapping[str, str],
    ) -> None:
        self._table, self._origin, self.parts = table, origin, parts
        self.reading, self._complete_until, self._kinds = reading, complete_until, kinds
        self._rows = 0
        self._files = [file.lineage.path for part in parts for file in part.part.files]
        self.mapped = frozenset(name for part in parts for name in part.columns)
        # a bit of the mask for each; what they say is the same for all parts
        self._checks = list(
            {(c.column, c.what): c for part in parts for c in self._checks_of(part)}.values()
        )

    def make(self, engine: DuckDBEngine) -> Staged:
        """Create the table; the rows that were set aside go to `quarantine_<table>`."""
        name = quoted(self._table.name)
        engine.execute(f"CREATE OR REPLACE TABLE {name} AS {self._query()}")
        rows = self._rows = engine.rows(f"SELECT count(*) FROM {name}")[0][0]
        masks = engine.rows(
            f"SELECT _faults, count(*) FROM {name} WHERE _faults <> 0 GROUP BY _faults"
        )
        quarantined = bad = 0
        blanked: dict[str, int] = {}
        findings: tuple[Finding, ...] = ()
        if masks:
            told = sum(1 << bit for bit, check in enumerate(self._checks) if check.told)
            engine.execute(
                f"CREATE OR REPLACE TEMP TABLE {_FAULTY} AS "
                f"SELECT * FROM ({self._query(located=True)}) WHERE (_faults & ~{told}) <> 0"
            )
            quarantined, bad = self._quarantine(engine)
            findings = tuple(self._findings(engine, masks))
            engine.execute(f"DROP TABLE {_FAULTY}")
            aside = sum(1 << bit for bit, c in enumerate(self._checks) if c.sets_aside or c.refuses)
            engine.execute(f"DELETE FROM {name} WHERE (_faults & {aside}) <> 0")
            for bit, check in enumerate(self._checks):
                if check.blanks:
                    blanked[check.column] = _count(masks, bit)
        engine.execute(f"ALTER TABLE {name} DROP COLUMN _faults")
        return Staged(rows, quarantined, bad, blanked, findings)

    def forget(self, engine: DuckDBEngine) -> None:
        """Remove what a `make` that failed has left."""
        engine.drop(_FAULTY, self._table.name, f"quarantine_{self._table.name}")

    def _query(self, *, located: bool = False) -> str:
        """All rows as canonical columns and `_faults`; located: as raw text, `_file`, `_row`."""
        return " UNION ALL ".join(
            f"SELECT {', '.join(self._selected(part, located))}, {self._faults(part)} AS _faults "
            f"FROM ({self.typed(part, located)})"
            for part in self.parts
        )

    def _selected(self, mapped: MappedPart, located: bool) -> list[str]:
        if not located:
            values = self._values(mapped.columns)
            return [f"{value} AS {quoted(name)}" for name, value in values.items()]
        raw = [
            f"CAST({quoted(raw_name(c)) if c in mapped.columns else 'NULL'} AS VARCHAR) "
            f"AS {quoted(raw_name(c))}"
            for c in self._shown
        ]
        before = self.parts[: self.parts.index(mapped)]
        first = sum(len(part.part.files) for part in before)
        return [f"_file + {first} AS _file", "_row", *raw]

    def typed(self, mapped: MappedPart, located: bool = False) -> str:
        """A query of a part's columns as the source has them, and beside them cast to their kinds.

        located: with `_file` and `_row`.
        """
        part, table = mapped.part, self._table
        raw, typed = [], []
        for name, source in mapped.columns.items():
            column, sql_type = table.column(name), part.types[source]
            value = raw_value(part.names[source], sql_type, self.reading.nulls)
            if name == KIND:
                value, sql_type = our_kind(value, self._kinds), "VARCHAR"
            raw.append(f"{value} AS {quoted(raw_name(name))}")
            made = cast(column, sql_type, self.reading).value
            typed.append(f"{made} AS {quoted(column.stored_name)}")
        place = ["_file", "_row"] if located else []
        scan = part.located if located else part.scan
        return f"SELECT *, {', '.join(typed)} FROM (SELECT {', '.join([*place, *raw])} FROM {scan})"

    def _values(self, columns: Mapping[str, str]) -> dict[str, str]:
        """SQL of the stored columns of a row, by name, from the typed ones."""
        table = self._table
        typed = {c.stored_name for c in table.columns if c.name in columns}
        values = {
            name: quoted(name) if name in typed else f"CAST(NULL AS {sql_type})"
            for name, sql_type in (table.stored() | self._settling).items()
        }
        recorded = "COALESCE(stages_recorded, TRUE)" if "stages_recorded" in columns else "TRUE"
        for stage in table.stages:
            if stage.known and stage.occurred not in columns:
                values[stage.known] = "CAST(NULL AS TIMESTAMP)"
            elif stage.known:
                known = ", ".join(c for c in (stage.known, stage.occurred) if c in columns)
                values[stage.known] = (
                    f"CASE WHEN {stage.occurred} IS NOT NULL THEN COALESCE({known}) END"
                )
            if stage.recorded:
                values[stage.recorded] = recorded if stage.occurred in columns else "FALSE"
        values["known_at"] = self._known_at(columns)
        values["deleted"] = "COALESCE(deleted, FALSE)" if "deleted" in columns else "FALSE"
        return values

    def _known_at(self, columns: Mapping[str, str]) -> str:
        stamps = [c for c in ("known_at", self._table.occurred) if c and c in columns]
        return f"COALESCE({', '.join([*stamps, f'TIMESTAMP {literal(str(UNDATED))}'])})"

    def _faults(self, mapped: MappedPart) -> str:
        conditions = {(c.column, c.what): c.condition for c in self._checks_of(mapped)}
        bits = [
            f"CASE WHEN {conditions[check.column, check.what]} THEN {1 << bit} ELSE 0 END"
            for bit, check in enumerate(self._checks)
            if (check.column, check.what) in conditions
        ]
        return f"CAST({' + '.join(bits) or '0'} AS BIGINT)"

    def _checks_of(self, mapped: MappedPart) -> Iterator[Check]:
        table, columns = self._table, mapped.columns
        key = table.key_of(frozenset(columns))
        withdrawn = "COALESCE(deleted, FALSE)" if "deleted" in columns else "FALSE"
        for name, source in columns.items():
            column = table.column(name)
            if name in key:
                yield empty(column)
            elif column.required:
                yield empty(column, unless=withdrawn)
            if name == KIND:
                yield unknown_kind(column)
                continue
            yield from cast(column, mapped.part.types[source], self.reading).checks
            if name == "known_at" or (name == table.occurred and column.required):
                yield in_range(column)
            if column.allowed:
                yield not_allowed(column)
        if table.events and "deleted" in columns:
            stamps = [raw_name(c) for c in ("known_at", str(table.occurred)) if c in columns]
            undated = " AND ".join(f"{quoted(stamp)} IS NULL" for stamp in stamps) or "TRUE"
            what, advice = "deleted, but not when", "such rows are set aside; fill known_at"
            yield Check("deleted", f"{withdrawn} AND {undated}", what, advice, refuses=False)
        for stage in table.stages:
            if stage.recorded and {stage.occurred, table.occurred} <= columns.keys():
                yield Check(
                    stage.occurred,
                    f"{stage.occurred} < {table.occurred}",
                    f"{stage.occurred} before {table.occurred}",
                    "such rows are set aside; a date without a clock counts as its midnight",
                    refuses=False,
                )
        if {"from_id", "into_id"} <= columns.keys():
            advice = "such rows are set aside; remove them"
            yield Check("into_id", "from_id = into_id", "merged into itself", advice, refuses=False)
        if {"as_of", "date"} <= columns.keys():
            what = "date before as_of, the list that it followed"
            advice = "such rows are set aside; leave as_of empty where no list was followed"
            yield Check("date", '"date" < as_of', what, advice, refuses=False)
        if self._complete_until is not None:
            last = [self._known_at(columns)]
            if table.events and table.occurred in columns:
                last.append(str(table.occurred))
            yield Check(
                "known_at" if "known_at" in columns else table.occurred or "",
                f"greatest({', '.join(last)}) > TIMESTAMP {literal(str(self._complete_until))}",
                f"after complete_until, {self._complete_until}",
                "such rows are set aside; correct `complete_until` if the source goes further",
                refuses=False,
                expected=True,
            )

    @property
    def _settling(self) -> dict[str, str]:
        """The columns that the table has only until its rows are settled, and their SQL types."""
        columns = self._table.columns
        return {c.name: SQL_TYPES[c.kind] for c in columns if c.settles and c.name in self.mapped}

    @property
    def _shown(self) -> list[str]:
        return [name for name in self._table.names if name in self.mapped]

    def _quarantine(self, engine: DuckDBEngine) -> tuple[int, int]:
        """Keep the rows that are set aside, as the source has them, with their reasons."""
        bits = [(1 << bit, c) for bit, c in enumerate(self._checks) if c.sets_aside]
        reasons = ", ".join(
            f"CASE WHEN (_faults & {bit}) <> 0 THEN {literal(check.what)} END"
            for bit, check in bits
        )
        file = f"{literal(self._files)}[_file + 1]" if self._files else "''"
        raw = "".join(f", {quoted(raw_name(name))} AS {quoted(name)}" for name in self._shown)
        wanted = sum(bit for bit, _ in bits)
        target = quoted(f"quarantine_{self._table.name}")
        faults = sum(bit for bit, check in bits if not check.expected)
        count, bad = engine.rows(
            f"SELECT count(*) FILTER ((_faults & {wanted}) <> 0), "
            f"count(*) FILTER ((_faults & {faults}) <> 0) FROM {_FAULTY}"
        )[0]
        if count:
            engine.execute(
                f"CREATE OR REPLACE TABLE {target} AS SELECT concat_ws('; ', {reasons}) AS reason, "
                f'{file} AS file, CAST(_row AS BIGINT) AS "row"{raw} FROM {_FAULTY} '
                f"WHERE (_faults & {wanted}) <> 0 ORDER BY _file, _row"
            )
        return int(count), int(bad)

    def _findings(self, engine: DuckDBEngine, masks: Masks) -> Iterator[Finding]:
        for bit, check in enumerate(self._checks):
            count = _count(masks, bit)
            if count:
                examples = self._examples(engine, bit, check)
                what = (
                    f"{counted(count, 'row')} quarantined: {check.what}"
                    if check.sets_aside
                    else f"{counted(count, 'value')}: {check.what}"
                )
                yield Finding(
                    check.told or (Severity.ERROR if check.refuses else Severity.WARNING),
                    what,
                    self._table.name,
                    self._origin.name,
                    check.column,
                    count,
                    examples,
                    self._advice(engine, bit, check, count),
                )

    def _advice(self, engine: DuckDBEngine, bit: int, check: Check, count: int) -> str:
        """What the bad values suggest, or what is advised whatever they are."""
        if check.suggest is None:
            return check.advice
        rows = engine.rows(
            f"SELECT DISTINCT {quoted(raw_name(check.column))} FROM {_FAULTY} "
            f"WHERE (_faults & {1 << bit}) <> 0 ORDER BY ALL LIMIT {_MOST_LOOKED_AT}"
        )
        values = [text for (text,) in rows]
        for mapped in self.parts:
            if mapped.columns.get(check.column) in values and mapped.part.files:
                first = mapped.part.files[0].columns[0]
                return f"the header is repeated among the rows: `skip_rows: {as_yaml([first])}`"
        return check.suggest(values, self._rows > count) or check.advice

    def _examples(self, engine: DuckDBEngine, bit: int, check: Check) -> tuple[Example, ...]:
        value = quoted(raw_name(check.column)) if check.column in self.mapped else "NULL"
        named = next((c for c in (*self._table.key, *self._shown) if c in self.mapped), None)
        key = quoted(raw_name(named)) if named else "NULL"
        rows = f"({self._query(located=True)})" if check.told else _FAULTY
        found = engine.rows(
            f"SELECT _file, _row, {key}, {value} FROM {rows} WHERE (_faults & {1 << bit}) <> 0 "
            f"ORDER BY ALL LIMIT {MOST_EXAMPLES}"
        )
        return tuple(
            Example(
                f"'{text}'" if text is not None else "",
                "" if file is None else self._files[file],
                row,
                f"{named} {name}" if file is None and named != check.column else "",
            )
            for file, row, name, text in found
        )


def _count(masks: Masks, bit: int) -> int:
    return sum(rows for mask, rows in masks if mask >> bit & 1)


def provided(table: Table, mapped: frozenset[str]) -> frozenset[str]:
    """The stored columns that hold what a source said, given the columns that it has."""
    columns = {table.column(name).stored_name for name in mapped if table.column(name).stored}
    for stage in table.stages:
        told = {column for column in (stage.known, stage.recorded) if column}
        columns = columns | told if stage.occurred in mapped else columns - told
    return frozenset(columns | {"known_at", "deleted", "superseded_at"} & table.stored().keys())
