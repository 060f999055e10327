"""A wild future: rows that become known only from a date on, and that claim all sorts of things.

Nothing of it may move a feature at that date. What it does to each table follows from the table's
contract, so that a column or a stage that is added there is poisoned too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from features.contract import ACCOUNT_ID, ACCOUNT_MERGES, Column, Kind, Stage, Table
from pipeline.engines import literal

# What happens to a row is drawn by its content: a number from 0 to 23. A third gets a newer
# version, half of these deleting it; a third comes again, long ago; a third comes again as news.
_DRAWS = 24
_CHANGED, _AGAIN_LONG_AGO, _AGAIN_AS_NEWS = (f"draw % 3 = {rest}" for rest in range(3))
_HALF = "draw // 3 % 2 = 0"
_DAYS_A_DRAW = 29  # so that what is dated back falls into windows of all lengths
_MERGING = "draw % 5 = 0"


@dataclass(frozen=True)
class Future:
    """From `begin` on, and known before `end`."""

    begin: date
    end: date

    @property
    def first(self) -> str:
        """SQL: its first moment."""
        return f"TIMESTAMP {literal(str(self.begin))}"

    @property
    def known(self) -> str:
        """SQL: when a row becomes known: at the first moment, a second or a day later, at last."""
        last = f"TIMESTAMP {literal(str(self.end))} - INTERVAL 1 DAY"
        return (
            f"CASE draw // 6 WHEN 0 THEN {self.first} WHEN 1 THEN {self.first} + INTERVAL 1 SECOND "
            f"WHEN 2 THEN {self.first} + INTERVAL 1 DAY ELSE {last} END"
        )

    @property
    def long_ago(self) -> str:
        """SQL: when a row claims to have happened: from a day to two years before."""
        return f"{self.first} - to_days(1 + draw * {_DAYS_A_DRAW})"


def rows_with_future(table: Table, future: Future) -> str:
    """SQL: the rows of a table and the future that is added to them.

    The table was cut to what was known before the future. The merges of `account_merges` are
    between accounts of the table `sampled`.
    """
    draw = f"CAST(hash({table.name}) % {_DRAWS} AS INTEGER)"
    rows = f"(SELECT *, {draw} AS draw FROM {table.name})"
    changing = f"{_CHANGED} AND superseded_at IS NULL"
    parts = [
        _replaced(rows, "TRUE", _kept(table, future, changing)),
        _replaced(rows, changing, _changed(table, future)),
    ]
    if table.occurred:
        parts.append(_replaced(rows, _AGAIN_LONG_AGO, _again(table, future, future.long_ago)))
        parts.append(_replaced(rows, _AGAIN_AS_NEWS, _again(table, future, None)))
    if table == ACCOUNT_MERGES:
        parts.append(_merges(future))
    return " UNION ALL ".join(parts)


def _replaced(rows: str, where: str, values: dict[str, str]) -> str:
    replaced = ", ".join(f"{value} AS {name}" for name, value in values.items())
    return f"SELECT * EXCLUDE (draw) REPLACE ({replaced}) FROM {rows} WHERE {where}"


def _kept(table: Table, future: Future, changing: str) -> dict[str, str]:
    """The row as it was, until a newer version supersedes it; what was open comes to an end."""
    values = {"superseded_at": f"CASE WHEN {changing} THEN {future.known} ELSE superseded_at END"}
    for stage in table.stages:
        open_still = f"{stage.occurred} IS NULL AND NOT ({changing})"
        if stage.recorded:
            open_still += f" AND {stage.recorded}"
        ended = future.known
        if stage.known:
            before = f"GREATEST({table.occurred}, {future.long_ago})"
            ended = f"CASE WHEN {_HALF} THEN {before} ELSE {future.known} END"
        values |= _stage(stage, open_still, ended, future)
    return values


def _stage(stage: Stage, where: str, occurred: str, future: Future) -> dict[str, str]:
    stamps = {stage.occurred: occurred} | ({stage.known: future.known} if stage.known else {})
    return {
        name: f"CASE WHEN {where} THEN {value} ELSE {name} END" for name, value in stamps.items()
    }


def _changed(table: Table, future: Future) -> dict[str, str]:
    """A newer version: deleted, or with another content and another past."""
    values = {column.stored_name: _other(column) for column in table.columns if column.stored}
    for name in {ACCOUNT_ID.name, *table.key, "known_at", "deleted"}:
        values.pop(name, None)
    for stage in table.stages:
        values.pop(stage.occurred)
        if stage.known:
            values[stage.known] = f"CASE WHEN {stage.occurred} IS NOT NULL THEN {future.known} END"
    if table.occurred:
        values[table.occurred] = _earlier(table, future)
    return values | {
        "known_at": future.known,
        "deleted": _HALF,
        "superseded_at": "CAST(NULL AS TIMESTAMP)",
    }


def _again(table: Table, future: Future, occurred: str | None) -> dict[str, str]:
    """The row again, under a key of its own; occurred: None means as it becomes known.

    Half of what is news comes from people that nobody has heard of.
    """
    values = {name: f"'again ' || {name}" for name in table.key}
    assert table.occurred is not None
    values[table.occurred] = _earlier(table, future) if occurred else future.known
    if occurred is None:
        for column in table.columns:
            if column.kind is Kind.ID and column.name not in (ACCOUNT_ID.name, *table.key):
                values[column.name] = f"CASE WHEN {_HALF} THEN 'news' ELSE {column.name} END"
        for stage in table.stages:
            stamps = (stage.occurred, stage.known) if stage.known else (stage.occurred,)
            values |= dict.fromkeys(stamps, "CAST(NULL AS TIMESTAMP)")
    return values | {
        "known_at": future.known,
        "deleted": "FALSE",
        "superseded_at": "CAST(NULL AS TIMESTAMP)",
    }


def _earlier(table: Table, future: Future) -> str:
    """Long ago, and never after the row's own stages."""
    return f"LEAST({table.occurred}, {future.long_ago})"


def _other(column: Column) -> str:
    name = column.stored_name
    match column.kind:
        case Kind.MONEY:
            return f"3 * {name} + 100"
        case Kind.NUMBER:
            return f"CAST({name} + 5 AS DECIMAL(18,6))"
        case Kind.TIME:
            return f"{name} - to_days(draw)"
        case Kind.FLAG:
            return f"NOT {name}"
        case _:
            return "'poison'"


def _merges(future: Future) -> str:
    """Every fifth sampled account becomes part of the next one."""
    given = {
        "from_id": "from_id",
        "into_id": "into_id",
        "known_at": future.known,
        "deleted": "FALSE",
        "superseded_at": "NULL",
    }
    columns = ACCOUNT_MERGES.stored()
    listed = ", ".join(f"CAST({given[name]} AS {kind}) AS {name}" for name, kind in columns.items())
    pairs = (
        "SELECT account_id AS from_id, lead(account_id) OVER (ORDER BY account_id) AS into_id, "
        f"CAST(hash(account_id) % {_DRAWS} AS INTEGER) AS draw FROM sampled"
    )
    return (
        f"SELECT {listed} FROM ({pairs}) ANTI JOIN account_merges USING (from_id) "
        f"WHERE {_MERGING} AND into_id IS NOT NULL"
    )
