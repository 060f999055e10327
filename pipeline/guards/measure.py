"""Measures the loaded tables: two to five statements a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from features.contract import TABLES, Table
from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.guards.profile import SIGNS, Group, Profile, TableProfile
from pipeline.sources.findings import LoadedTable

SAMPLE = 1_000  # accounts, of which the hashes are smallest
GROUPS = ("owner_id", "region", "segment")
MEMBERS = 20  # accounts of a value, of which the hashes are smallest
MOST_VALUES = 1_000  # of a group, those of the most accounts
GROUPED = ("orders", "accounts")  # the tables that are looked at by group


def measure(
    engine: DuckDBEngine,
    tables: Iterable[LoadedTable],
    before: date | None = None,
    *,
    like: Profile | None = None,
    key: bytes | None = None,
) -> Profile:
    """Measure the loaded tables.

    Parameters
    ----------
    before : leave out what became known on that day or later.
    like : count each table as it was known up to the end of this earlier profile, instead, and the
        rows of the accounts that it names.
    key : hash account ids and the values of groups with it, so that they can leave the house.
    """
    tables = list(tables)
    hidden = "" if key is None else key.hex()
    grouped = next((table for table in tables if table.name == "accounts"), None)
    groups = [name for name in GROUPS if grouped is not None and name in grouped.mapped]
    names: dict[str, str] = {}
    measured = {}
    for table in tables:
        then = TableProfile(0) if like is None else like.tables.get(table.name)
        if then is None:  # the earlier extract did not have it
            continue
        until = then.until
        if like is None and _has_events(TABLES[table.name]):
            until = _cut(table, before)
        rows = _Rows(engine, table, until, hidden)
        by = groups if table.name in GROUPED else []
        measured[table.name] = replace(rows.profile(by, names), present=rows.of(_named(then)))
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


def _named(table: TableProfile) -> list[str]:
    """The accounts that a profile of a table names."""
    members = {
        account
        for values in table.groups.values()
        for group in values.values()
        for account in group.members
    }
    return sorted(members.union(table.sample))


@dataclass(frozen=True)
class _Rows:
    """The rows of a loaded table that count. hidden: the key as text, empty for none."""

    engine: DuckDBEngine
    table: LoadedTable
    until: datetime | None
    hidden: str

    @property
    def known(self) -> str:
        """The rows, as a FROM clause with its condition."""
        where = "NOT deleted AND superseded_at IS NULL"
        if self.until is not None:
            moment = f"TIMESTAMP {literal(str(self.until))}"
            where = (
                f"NOT deleted AND known_at <= {moment} "
                f"AND (superseded_at IS NULL OR superseded_at > {moment})"
            )
        return f"FROM {quoted(self.table.name)} WHERE {where}"

    @property
    def hashed(self) -> str:
        """SQL of the hash of an account id."""
        salted = f"concat({literal(self.hidden)}, account_id)" if self.hidden else "account_id"
        return f"left(sha256({salted}), {SIGNS})"

    @property
    def account(self) -> str:
        """SQL of an account as the profile names it."""
        return self.hashed if self.hidden else "account_id"

    def profile(self, groups: list[str], names: dict[str, str]) -> TableProfile:
        """Measure the table; fills the names of the values of groups."""
        contract = TABLES[self.table.name]
        sums = ", ".join(_sums(contract, self.table, self.until))
        count, accounts, distinct, first, last, *money = self.engine.rows(
            f"SELECT {sums} {self.known}"
        )[0]
        weeks: dict[date, int] = {}
        if self.until is not None:
            monday = f"CAST(date_trunc('week', {quoted(str(contract.occurred))}) AS DATE)"
            weeks = dict(self.engine.rows(f"SELECT {monday}, count(*) {self.known} GROUP BY 1"))
        sample: dict[str, int] = {}
        if accounts is not None:
            sample = dict(
                self.engine.rows(
                    f"SELECT {self.account}, count(*) {self.known} GROUP BY account_id "
                    f"ORDER BY {self.hashed} LIMIT {SAMPLE}"
                )
            )
        return TableProfile(
            rows=count,
            until=self.until,
            accounts=accounts,
            repeated=count - distinct,
            first=first,
            last=last,
            weeks=weeks,
            groups=self.groups(groups, names) if groups else {},
            amount=None if money[0] is None else int(money[0]),
            margin=None if money[1] is None else int(money[1]),
            margin_revenue=None if money[2] is None else int(money[2]),
            sizes=self.sizes(),
            sample=sample,
        )

    def of(self, accounts: list[str]) -> dict[str, int]:
        """Rows of some accounts; those without any are left out."""
        if not accounts or "account_id" not in self.table.mapped:
            return {}
        return dict(
            self.engine.rows(
                f"SELECT {self.account} AS account, n FROM "
                f"(SELECT account_id, count(*) AS n {self.known} GROUP BY account_id) "
                f"WHERE {self.account} IN (SELECT unnest(?))",
                [accounts],
            )
        )

    def sizes(self) -> dict[str, dict[int, int]]:
        """Lines by the size of their amount and margin: the sign, and the power of two below."""
        money = [name for name in ("amount", "margin") if name in self.table.mapped]
        sizes: dict[str, dict[int, int]] = {name: {} for name in money}
        if not money:
            return sizes
        counted = " UNION ALL ".join(
            f"SELECT {literal(name)} AS name, CAST(sign({name}_cents) * "
            f"floor(log2(abs({name}_cents) + 1)) AS INTEGER) AS size, count(*) AS lines "
            f"{self.known} AND {name}_cents IS NOT NULL GROUP BY size"
            for name in money
        )
        for name, size, lines in self.engine.rows(f"{counted} ORDER BY name, size"):
            sizes[name][size] = lines
        return sizes

    def groups(self, groups: list[str], names: dict[str, str]) -> dict[str, dict[str, Group]]:
        """Accounts with a row by the values that their master data have now; fills `names`."""
        counted = " UNION ALL ".join(
            f"(SELECT {literal(group)} AS name, {group} AS value, count(*) AS accounts, "
            f"list(account ORDER BY hashed)[1:{MEMBERS}] FROM present WHERE {group} IS NOT NULL "
            f"GROUP BY {group} ORDER BY accounts DESC, value LIMIT {MOST_VALUES})"
            for group in groups
        )
        found: dict[str, dict[str, Group]] = {group: {} for group in groups}
        for group, value, accounts, members in self.engine.rows(
            f"WITH present AS (SELECT DISTINCT account_id, {self.account} AS account, "
            f"{self.hashed} AS hashed, {', '.join(groups)} FROM accounts "
            "WHERE NOT deleted AND superseded_at IS NULL "
            f"AND account_id IN (SELECT account_id {self.known})) {counted}"
        ):
            name = value
            if self.hidden:
                name = sha256((self.hidden + value).encode()).hexdigest()[:SIGNS]
                names[name] = value
            found[group][name] = Group(accounts, tuple(members))
        return found


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
