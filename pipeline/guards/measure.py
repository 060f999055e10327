"""Measures the loaded tables: two to five statements a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from features.contract import TABLES, Table
from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.guards.profile import SIGNS, Profile, TableProfile
from pipeline.sources.findings import LoadedTable

SAMPLE = 1_000  # accounts, of which the hashes are smallest
GROUPS = ("owner_id", "region", "segment")
MOST_VALUES = 1_000  # of a group, those of the most accounts

Cuts = Mapping[str, datetime]


def measure(
    engine: DuckDBEngine,
    tables: Iterable[LoadedTable],
    before: date | None = None,
    *,
    cuts: Cuts | None = None,
    key: bytes | None = None,
) -> Profile:
    """Measure the loaded tables.

    Parameters
    ----------
    before : leave out what became known on that day or later.
    cuts : count each table as it was known up to this moment, instead; as in an earlier profile.
    key : hash account ids and the values of groups with it, so that they can leave the house.
    """
    tables = list(tables)
    hidden = "" if key is None else key.hex()
    grouped = next((table for table in tables if table.name == "accounts"), None)
    groups = [name for name in GROUPS if grouped is not None and name in grouped.mapped]
    names: dict[str, str] = {}
    measured = {}
    for table in tables:
        until = None
        if _has_events(TABLES[table.name]):
            until = _cut(table, before) if cuts is None else cuts.get(table.name)
            if until is None:  # the earlier extract did not have it
                continue
        measured[table.name] = _table(engine, table, until, groups, hidden, names)
    return Profile(measured, "" if key is None else mark_of(key), names)


def mark_of(key: bytes) -> str:
    """What a profile says of the key that its account ids are hashed with."""
    return sha256(key).hexdigest()[:SIGNS]


def _has_events(table: Table) -> bool:
    """Whether its rows are dated; else they are master data."""
    return table.occurred is not None and table.column(table.occurred).required


def _cut(table: LoadedTable, before: date | None) -> datetime:
    if before is None:
        return table.complete_until
    return min(table.complete_until, datetime.combine(before, time()) - timedelta(seconds=1))


def _table(
    engine: DuckDBEngine,
    table: LoadedTable,
    until: datetime | None,
    groups: list[str],
    hidden: str,
    names: dict[str, str],
) -> TableProfile:
    contract = TABLES[table.name]
    where = "NOT deleted AND superseded_at IS NULL"
    if until is not None:
        moment = f"TIMESTAMP {literal(str(until))}"
        where = (
            f"NOT deleted AND known_at <= {moment} "
            f"AND (superseded_at IS NULL OR superseded_at > {moment})"
        )
    rows = f"FROM {quoted(table.name)} WHERE {where}"
    found = engine.rows(f"SELECT {', '.join(_sums(contract, table, until))} {rows}")[0]
    count, accounts, distinct, first, last, *money = found
    weeks: dict[date, int] = {}
    if until is not None:
        monday = f"CAST(date_trunc('week', {quoted(str(contract.occurred))}) AS DATE)"
        weeks = dict(engine.rows(f"SELECT {monday}, count(*) {rows} GROUP BY 1"))
    sample: dict[str, int] = {}
    if accounts is not None:
        hashed = _hash("account_id", hidden)
        sample = dict(
            engine.rows(
                f"SELECT {hashed if hidden else 'account_id'}, count(*) {rows} "
                f"GROUP BY account_id ORDER BY {hashed} LIMIT {SAMPLE}"
            )
        )
    return TableProfile(
        rows=count,
        until=until,
        accounts=accounts,
        repeated=count - distinct,
        first=first,
        last=last,
        weeks=weeks,
        groups=_groups(engine, rows, groups, hidden, names) if accounts is not None else {},
        amount=None if money[0] is None else int(money[0]),
        margin=None if money[1] is None else int(money[1]),
        margin_revenue=None if money[2] is None else int(money[2]),
        sizes=_sizes(engine, table, rows),
        sample=sample,
    )


def _sums(contract: Table, table: LoadedTable, until: datetime | None) -> list[str]:
    """SQL of rows, accounts, distinct rows, first and last day, amount, margin and its revenue."""
    columns = ", ".join(map(quoted, contract.stored()))
    keyed = bool(contract.key_of(table.mapped))
    day = "NULL" if until is None else f"CAST({{}}({quoted(str(contract.occurred))}) AS DATE)"
    money = ["NULL", "NULL", "NULL"]
    if "amount" in table.mapped:
        money[0] = "sum(amount_cents)"
    if {"amount", "margin"} <= table.mapped:
        money[1:] = "sum(margin_cents)", "sum(amount_cents) FILTER (margin_cents IS NOT NULL)"
    return [
        "count(*)",
        "count(DISTINCT account_id)" if "account_id" in table.mapped else "NULL",
        "count(*)" if keyed else f"count(DISTINCT hash({columns}))",
        day.format("min"),
        day.format("max"),
        *money,
    ]


def _sizes(engine: DuckDBEngine, table: LoadedTable, rows: str) -> dict[str, dict[int, int]]:
    """Lines by the size of their amount and margin: the sign, and the power of two below it."""
    money = [name for name in ("amount", "margin") if name in table.mapped]
    sizes: dict[str, dict[int, int]] = {name: {} for name in money}
    if not money:
        return sizes
    counted = " UNION ALL ".join(
        f"SELECT {literal(name)} AS name, CAST(sign({name}_cents) * "
        f"floor(log2(abs({name}_cents) + 1)) AS INTEGER) AS size, count(*) AS lines "
        f"{rows} AND {name}_cents IS NOT NULL GROUP BY size"
        for name in money
    )
    for name, size, lines in engine.rows(f"{counted} ORDER BY name, size"):
        sizes[name][size] = lines
    return sizes


def _groups(
    engine: DuckDBEngine, rows: str, groups: list[str], hidden: str, names: dict[str, str]
) -> dict[str, dict[str, int]]:
    """Accounts with a row by the values that their master data have now; fills `names`."""
    if not groups:
        return {}
    counted = " UNION ALL ".join(
        f"(SELECT {literal(group)} AS name, {group} AS value, count(DISTINCT account_id) AS n "
        f"FROM master SEMI JOIN present USING (account_id) WHERE {group} IS NOT NULL "
        f"GROUP BY {group} ORDER BY n DESC, value LIMIT {MOST_VALUES})"
        for group in groups
    )
    found: dict[str, dict[str, int]] = {group: {} for group in groups}
    for group, value, accounts in engine.rows(
        f"WITH present AS (SELECT DISTINCT account_id {rows}), "
        "master AS (FROM accounts WHERE NOT deleted AND superseded_at IS NULL) " + counted
    ):
        name = value
        if hidden:
            name = sha256((hidden + value).encode()).hexdigest()[:SIGNS]
            names[name] = value
        found[group][name] = accounts
    return found


def _hash(column: str, hidden: str) -> str:
    salted = f"concat({literal(hidden)}, {column})" if hidden else column
    return f"left(sha256({salted}), {SIGNS})"
