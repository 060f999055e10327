"""Small worlds: a few accounts' rows in the canonical tables, as the engine holds them.

A world is a dictionary from table name to rows, a row a dictionary of the columns that matter to
it. `complete` fills in the rest as the loader does: missing known times, the version that
supersedes a row, defaults. Times are wall time, without zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any

import pyarrow as pa

from features.contract import TABLES, UNDATED

Row = dict[str, Any]
World = dict[str, list[Row]]

ACCOUNTS = ("A", "B", "C", "D", "E", "F")
TABLE_NAMES = ("orders", "touches", "complaints", "reps", "account_merges")
STAGES = ("first_response", "resolved", "reopened")

# Ids that belong to one world: worlds side by side must not share an account or a representative.
_OWN_IDS = ("account_id", "from_id", "into_id", "rep_id")
_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "TIMESTAMP": pa.timestamp("us"),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DECIMAL(18,6)": pa.decimal128(18, 6),
}


def midnight(day: date) -> datetime:
    """The instant of a snapshot."""
    return datetime.combine(day, time())


def complete(world: World) -> World:
    """The world as the loader leaves it: every column, known times, superseding versions."""
    return {table: _superseded(table, world.get(table, [])) for table in TABLE_NAMES}


def _superseded(table: str, rows: Sequence[Row]) -> list[Row]:
    rows = [_filled(table, row) for row in rows]
    versions: dict[tuple[Any, ...], list[Row]] = {}
    for number, row in enumerate(rows):
        key = tuple(row[column] for column in TABLES[table].key)
        versions.setdefault(key if key and None not in key else (number,), []).append(row)
    for of_key in versions.values():
        of_key.sort(key=lambda row: row["known_at"])
        for row, newer in pairwise(of_key):
            if row["known_at"] == newer["known_at"]:
                raise ValueError(f"two versions known at once: {row} and {newer}")
            row["superseded_at"] = newer["known_at"]
    return rows


def _filled(table: str, row: Row) -> Row:
    columns = TABLES[table].stored()
    unknown = row.keys() - columns.keys()
    if unknown:
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    filled = dict.fromkeys(columns) | row
    filled["superseded_at"] = None
    filled["deleted"] = bool(row.get("deleted"))
    if filled["known_at"] is None:
        filled["known_at"] = filled[TABLES[table].occurred] or UNDATED
    if table == "complaints":
        for stage in STAGES:
            filled[f"{stage}_recorded"] = row.get(f"{stage}_recorded", True)
            if filled[f"{stage}_known_at"] is None:
                filled[f"{stage}_known_at"] = filled[f"{stage}_at"]
    return filled


def cut(world: World, moment: datetime) -> World:
    """What was known before `moment`: no later row, no later version, no stage known later."""
    return {
        table: [_known_stages(row, moment) for row in rows if row["known_at"] < moment]
        for table, rows in complete(world).items()
    }


def _known_stages(row: Row, moment: datetime) -> Row:
    row = dict(row)
    if row.get("delivered_at") is not None and row["delivered_at"] >= moment:
        row["delivered_at"] = None
    for stage in STAGES:
        known = row.get(f"{stage}_known_at")
        if known is not None and known >= moment:
            row[f"{stage}_at"] = row[f"{stage}_known_at"] = None
    return row


def named(world: World, prefix: str) -> World:
    """The same world with other ids, so that several worlds fit into one engine."""
    return {
        table: [
            {
                column: prefix + value if column in _OWN_IDS and value else value
                for column, value in row.items()
            }
            for row in rows
        ]
        for table, rows in world.items()
    }


def together(worlds: Iterable[World]) -> World:
    """Completed worlds side by side; each by itself first, so that keys of two never meet."""
    side_by_side: World = {table: [] for table in TABLE_NAMES}
    for world in worlds:
        for table, rows in complete(world).items():
            side_by_side[table] += rows
    return side_by_side


def arrow(table: str, rows: Sequence[Row]) -> pa.Table:
    """Completed rows of a canonical table, typed."""
    types = {column: _ARROW_TYPES[sql] for column, sql in TABLES[table].stored().items()}
    return pa.Table.from_pylist(list(rows), schema=pa.schema(types))
