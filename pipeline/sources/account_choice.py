"""Accounts that the config names by id or master data, and those that are left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from features.contract import ACCOUNTS, TABLES
from pipeline.config.form import AccountChoice, AccountConfig
from pipeline.engines import Engine, literal, quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.findings import MOST_EXAMPLES, Example, Finding, LoadedTable, Severity
from pipeline.wording import counted, listed

_ID = "account_id"
_CHOSEN = "_chosen_accounts"


def check_choices(
    engine: DuckDBEngine, tables: Sequence[LoadedTable], accounts: AccountConfig
) -> Iterator[Finding]:
    """Say which patterns match no account, and which ask for master data that are not there."""
    loaded = {table.name for table in tables}
    for key, choice in accounts:
        for column, patterns in choice.patterns.items():
            where = f"`accounts.{key}.{column}`"
            if not _holds(loaded, column):
                what = f"{where}: there is no table of accounts, which would hold it"
                advice = "add `sources.accounts`, or name the accounts by account_id"
                yield Finding(Severity.ERROR, what, ACCOUNTS.name, advice=advice)
                continue
            for pattern in patterns:
                if not engine.rows(f"{_matches(loaded, column, pattern)} LIMIT 1"):
                    what = f"{where}: no account matches '{pattern}'"
                    yield Finding(Severity.WARNING, what, advice="correct it, or take it out")


def exclude_accounts(
    engine: DuckDBEngine, tables: Sequence[LoadedTable], choice: AccountChoice
) -> tuple[list[LoadedTable], list[Finding]]:
    """Take the rows of some accounts out of all tables; the tables as they are then, and why.

    Merges from or into these accounts go, too.
    """
    if not choice.patterns:
        return list(tables), []
    ids = chosen_accounts(engine, {table.name for table in tables}, choice)
    if not ids:
        return list(tables), []
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {_CHOSEN} AS "
        f"SELECT unnest([{', '.join(map(literal, ids))}]) AS {_ID}"
    )
    left, gone = [], []
    for table in tables:
        names = [name for name in (_ID, "from_id", "into_id") if name in table.mapped]
        rows = 0
        if names:
            of_them = " OR ".join(f"{name} IN (FROM {_CHOSEN})" for name in names)
            rows = _count(engine, table.name, of_them)
            engine.execute(f"DELETE FROM {quoted(table.name)} WHERE {of_them}")
        left.append(replace(table, rows=table.rows - rows))
        gone += [f"{rows:,} of {table.name}"] if rows else []
    engine.execute(f"DROP TABLE {_CHOSEN}")
    out = Finding(
        Severity.NOTE,
        f"{counted(len(ids), 'account')} left out (`accounts.exclude`), rows: {listed(gone)}",
        count=len(ids),
        examples=tuple(Example(account, key=_ID) for account in ids[:MOST_EXAMPLES]),
    )
    return left, [out] + [
        Finding(Severity.ERROR, "`accounts.exclude` leaves no row", table.name)
        for table in left
        if table.rows == 0 < TABLES[table.name].minimum_rows
    ]


def chosen_accounts(engine: Engine, loaded: Collection[str], choice: AccountChoice) -> list[str]:
    """The ids of the accounts that a choice names, sorted; loaded: the tables at hand.

    Master data are those of the latest version that is known.
    """
    asked = [
        _matches(loaded, column, pattern)
        for column, patterns in choice.patterns.items()
        for pattern in patterns
        if _holds(loaded, column)
    ]
    if not asked:
        return []
    found = engine.rows(f"SELECT {_ID} FROM ({' UNION '.join(asked)}) AS chosen ORDER BY {_ID}")
    return [account for (account,) in found]


def _holds(loaded: Collection[str], column: str) -> bool:
    return column == _ID or ACCOUNTS.name in loaded


def _matches(loaded: Collection[str], column: str, pattern: str) -> str:
    """SQL: the account ids whose column fits a pattern, in which * and ? stand for other signs."""
    form = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    fits = f"regexp_full_match({column}, {literal(form)}, 's')"
    if column == _ID:
        ids = " UNION ".join(
            f"SELECT {_ID} FROM {quoted(name)}"
            for name in sorted(loaded)
            if _ID in TABLES[name].names
        )
        return f"SELECT {_ID} FROM ({ids}) AS account WHERE {fits}"
    return (
        f"SELECT {_ID} FROM (SELECT *, "
        f"row_number() OVER (PARTITION BY {_ID} ORDER BY known_at DESC) AS age "
        f"FROM {ACCOUNTS.name} WHERE NOT deleted) AS account WHERE age = 1 AND {fits}"
    )


def _count(engine: Engine, table: str, where: str) -> int:
    return int(engine.rows(f"SELECT count(*) FROM {quoted(table)} WHERE {where}")[0][0])
