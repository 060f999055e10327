"""Rows that repeat or replace one another: exact repeats, versions of a key, conflicts, the past.

A version of a key is known at one moment and counts until the next one is known. Two different
contents of a key at the same moment have no order, so nobody can say which one counts: a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from features.contract import Table
from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.findings import MOST_EXAMPLES


@dataclass(frozen=True)
class Versions:
    """What the keys of a table showed.

    repeats: rows that said a version again, dropped. conflicts: (key, moment) pairs with several
    contents; examples: up to five of them, as text. several: whether any key has several versions.
    """

    repeats: int = 0
    conflicts: int = 0
    examples: tuple[str, ...] = ()
    several: bool = False


def count_repeats(engine: DuckDBEngine, table: str) -> int:
    """Rows that are exactly like another one, the first of each kind not counted."""
    name = quoted(table)
    distinct = f"(SELECT count(*) FROM (SELECT DISTINCT * FROM {name}))"
    return int(engine.rows(f"SELECT count(*) - {distinct} FROM {name}")[0][0])


def drop_repeats(engine: DuckDBEngine, table: str) -> None:
    """Keep one of the rows that are exactly alike."""
    _replace(engine, table, f"SELECT DISTINCT * FROM {quoted(table)}")


def settle_versions(engine: DuckDBEngine, table: str, key: tuple[str, ...]) -> Versions:
    """Drop exact repeats of a version, and find the conflicts; key: columns, never null."""
    name, columns = quoted(table), ", ".join(map(quoted, key))
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE _repeated AS "
        f"SELECT {columns} FROM {name} GROUP BY {columns} HAVING count(*) > 1"
    )
    try:
        if not engine.rows("SELECT 1 FROM _repeated LIMIT 1"):
            return Versions()
        again = f"SELECT * FROM {name} SEMI JOIN _repeated USING ({columns})"
        distinct = f"SELECT DISTINCT * FROM ({again})"
        repeats = engine.rows(
            f"SELECT (SELECT count(*) FROM ({again})) - (SELECT count(*) FROM ({distinct}))"
        )[0][0]
        conflicts, examples = _conflicts(engine, distinct, key)
        if repeats:
            others = f"SELECT * FROM {name} ANTI JOIN _repeated USING ({columns})"
            _replace(engine, table, f"{others} UNION ALL {distinct}")
        several = bool(
            engine.rows(f"SELECT 1 FROM {name} GROUP BY {columns} HAVING count(*) > 1 LIMIT 1")
        )
        return Versions(int(repeats), conflicts, examples, several)
    finally:
        engine.execute("DROP TABLE _repeated")


def cut(engine: DuckDBEngine, table: Table, until: datetime) -> None:
    """Leave the table as it was just before `until`: what was known only later is not there.

    A stage that was known later has not happened yet, and a newer version is unheard of.
    """
    name, moment = quoted(table.name), f"TIMESTAMP {literal(str(until))}"
    engine.execute(f"DELETE FROM {name} WHERE known_at >= {moment}")
    for stage in table.stages:
        known = quoted(stage.known or stage.occurred)
        nothing = ", ".join(f"{quoted(c)} = NULL" for c in (stage.occurred, stage.known) if c)
        engine.execute(f"UPDATE {name} SET {nothing} WHERE {known} >= {moment}")
    engine.execute(f"UPDATE {name} SET superseded_at = NULL WHERE superseded_at >= {moment}")


def copy_known_before(into: DuckDBEngine, table: Table, until: datetime) -> None:
    """Copy a loaded table into an engine beside its own, as it was known before a moment."""
    moment = f"TIMESTAMP {literal(str(until))}"
    into.make(table.name, f"SELECT * FROM {into.beyond(table.name)} WHERE known_at < {moment}")
    cut(into, table, until)


def mark_superseded(engine: DuckDBEngine, table: str, key: tuple[str, ...]) -> None:
    """Write into `superseded_at` when the next version of the same key became known."""
    name, columns = quoted(table), ", ".join(map(quoted, key))
    several = f"(SELECT {columns} FROM {name} GROUP BY {columns} HAVING count(*) > 1)"
    _replace(
        engine,
        table,
        f"SELECT * FROM {name} ANTI JOIN {several} USING ({columns}) UNION ALL "
        f"SELECT * REPLACE (lead(known_at) OVER (PARTITION BY {columns} ORDER BY known_at) "
        f"AS superseded_at) FROM {name} SEMI JOIN {several} USING ({columns})",
    )


def _conflicts(
    engine: DuckDBEngine, distinct: str, key: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    columns = ", ".join(map(quoted, key))
    shown = ", ' ', ".join(f"{literal(column + ' ')}, {quoted(column)}" for column in key)
    pairs = (
        f"SELECT concat({shown}, ' known at ', known_at) AS pair FROM ({distinct}) "
        f"GROUP BY {columns}, known_at HAVING count(*) > 1"
    )
    count = engine.rows(f"SELECT count(*) FROM ({pairs})")[0][0]
    examples = engine.rows(f"SELECT pair FROM ({pairs}) ORDER BY pair LIMIT {MOST_EXAMPLES}")
    return int(count), tuple(pair for (pair,) in examples)


def _replace(engine: DuckDBEngine, table: str, query: str) -> None:
    engine.execute(f"CREATE TABLE _replacement AS {query}")
    engine.execute(f"DROP TABLE {quoted(table)}")
    engine.execute(f"ALTER TABLE _replacement RENAME TO {quoted(table)}")
