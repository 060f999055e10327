"""Copies of some accounts' rows as they were known at a moment, side by side in a small engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import numpy as np
import pyarrow as pa

from features.contract import ACCOUNT_MERGES, TABLES, Table
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.versions import cut
from pipeline.tables.components import components
from pipeline.tables.identity import make_identity_table
from pipeline.tables.representatives import make_representatives_table
from pipeline.tables.values_table import IDENTITY
from pipeline.training.leakage.poison import Future, rows_with_future

SAMPLED = "sampled"

# Copies side by side must not share an account or a representative, so these get a prefix.
_OWN_IDS = frozenset({"account_id", "from_id", "into_id", "rep_id"})


@dataclass(frozen=True)
class Copy:
    """The sampled rows as they were known before `as_of`, under ids that begin with `prefix`.

    poisoned: with a future on top that is known from `as_of` on.
    """

    number: int
    as_of: date
    poisoned: bool = False

    @property
    def prefix(self) -> str:
        """What its ids begin with."""
        return f"{self.number}|"


def draw_sample(accounts: Iterable[str], most: int, seed: int) -> list[str]:
    """At most so many of the accounts, the same for the same accounts and seed, in order."""
    known = sorted(set(accounts))
    drawn = np.random.default_rng(seed).choice(len(known), min(most, len(known)), replace=False)
    return sorted(known[place] for place in drawn)


def with_kin(engine: DuckDBEngine, accounts: Iterable[str]) -> list[str]:
    """The accounts and all that are ever tied to them, in order; see `components`."""
    found = components(engine).set_index("account_id")["component"]
    drawn = set(accounts)
    reached = found.index[found.isin(found.reindex(list(drawn)))]
    return sorted(drawn.union(reached))


def make_copies(
    engine: DuckDBEngine,
    check: DuckDBEngine,
    copies: Sequence[Copy],
    accounts: Sequence[str] | None,
    until: date,
    *,
    departures_inferred: bool,
) -> None:
    """Fill `check` with the copies of what `engine` holds, in tables of the canonical names.

    accounts: whose rows are copied; None means everybody's. Tables without accounts are copied
    whole. until: the date before which poison becomes known. departures_inferred: `reps` follows
    from the touches; each copy's is inferred from the touches that were known at its moment.
    """
    read = [table for table in TABLES.values() if not table.by_hand]  # no feature reads the others
    tables = [table for table in read if table == ACCOUNT_MERGES or engine.has_table(table.name)]
    _take(engine, check, tables, accounts)
    if departures_inferred:
        touches = "SELECT rep_id, occurred_at, known_at, deleted FROM touches"
        check.register("whole_touches", engine.arrow(touches))
    for as_of in dict.fromkeys(copy.as_of for copy in copies):
        for table in tables:
            check.make(table.name, f"SELECT * FROM {_taken(table)}")
        if departures_inferred:
            _infer_departures(check, as_of)
        for table in tables:
            cut(check, table, datetime.combine(as_of, time()))
        for copy in (copy for copy in copies if copy.as_of == as_of):
            for table in tables:
                rows = f"SELECT * FROM {table.name}"
                if copy.poisoned:
                    rows = rows_with_future(table, Future(as_of, until))
                check.make(f"{table.name}_{copy.number}", _renamed(table, copy, rows))
    for table in tables:
        parts = [f"{table.name}_{copy.number}" for copy in copies]
        check.make(table.name, " UNION ALL ".join(f"SELECT * FROM {part}" for part in parts))
        check.drop(_taken(table), *parts)
    check.drop(IDENTITY)
    make_identity_table(check)


def _take(
    engine: DuckDBEngine,
    check: DuckDBEngine,
    tables: Sequence[Table],
    accounts: Sequence[str] | None,
) -> None:
    sampled = pa.table({"account_id": pa.array(accounts or (), pa.string())})
    engine.register(SAMPLED, sampled)
    check.register(SAMPLED, sampled)
    for table in tables:
        if not engine.has_table(table.name):
            typed = (f"CAST(NULL AS {kind}) AS {name}" for name, kind in table.stored().items())
            check.make(_taken(table), f"SELECT {', '.join(typed)} WHERE FALSE")
            continue
        own = {"account_id", "from_id"} & set(table.names) if accounts is not None else set()
        of_sample = "".join(f" WHERE {_sampled_rows(engine, table, name)}" for name in own)
        check.register(_taken(table), engine.arrow(f"SELECT * FROM {table.name}{of_sample}"))
    engine.drop(SAMPLED)


def _sampled_rows(engine: DuckDBEngine, table: Table, column: str) -> str:
    """SQL: whether a row belongs to a sampled account."""
    sampled = f"{column} IN (SELECT account_id FROM {SAMPLED})"
    if engine.shards is not None:  # read from files, whose rows have no numbers
        return sampled
    # The sampled rows are found by one column; the others are read of these rows alone.
    return f"rowid IN (SELECT rowid FROM {table.name} WHERE {sampled})"


def _taken(table: Table) -> str:
    return f"taken_{table.name}"


def _infer_departures(check: DuckDBEngine, as_of: date) -> None:
    """Representatives serve more accounts than the sampled ones, so all touches are looked at."""
    check.make("sampled_touches", "SELECT * FROM touches")
    known = f"known_at < TIMESTAMP {literal(str(as_of))}"
    check.make("touches", f"SELECT * FROM whole_touches WHERE {known}")
    make_representatives_table(check)
    check.make("touches", "SELECT * FROM sampled_touches")


def _renamed(table: Table, copy: Copy, rows: str) -> str:
    """SQL: rows of a table, given as SQL, under the ids of the copy."""
    own = [name for name in table.stored() if name in _OWN_IDS]
    renamed = ", ".join(f"{literal(copy.prefix)} || {name} AS {name}" for name in own)
    return f"SELECT * REPLACE ({renamed}) FROM ({rows})"
