"""The counts that the report of `validate` draws: rows a month, late rows, matches, amounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from features.contract import TABLES
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.findings import Report

MOST_MONTHS = 60
LATE_DAYS = 30


@dataclass(frozen=True)
class Month:
    """What a table has of one month. late: rows known more than 30 days after; None if unknown."""

    month: str
    rows: int
    late: int | None


@dataclass(frozen=True)
class TableFigures:
    """The figures of one table.

    months: of what its rows are, oldest first, gaps included, the last 60 at most. accounts: those
    of the table; matched: how many of them have an order. None where that is no question.
    """

    name: str
    months: tuple[Month, ...]
    accounts: int | None
    matched: int | None

    @property
    def late_share(self) -> float | None:
        """Of the rows of the months shown, those known more than 30 days after."""
        late = [month.late for month in self.months]
        rows = sum(month.rows for month in self.months)
        return sum(filter(None, late)) / rows if rows and None not in late else None


@dataclass(frozen=True)
class Figures:
    """All figures. amounts: lines of the orders by size, the smallest first."""

    tables: tuple[TableFigures, ...]
    amounts: tuple[tuple[str, int], ...]


def figures(engine: DuckDBEngine, report: Report) -> Figures:
    """Count what the loaded tables hold."""
    loaded = {table.name: table for table in report.tables}
    tables = []
    for name, table in loaded.items():
        contract = TABLES[name]
        months: tuple[Month, ...] = ()
        if contract.occurred in table.mapped and contract.column(contract.occurred).required:
            months = _months(engine, name, contract.occurred, "known_at" in table.mapped)
        accounts = matched = None
        if name != "orders" and "account_id" in table.mapped and "orders" in loaded:
            accounts, matched = engine.rows(
                "SELECT count(*), count_if(account_id IN (SELECT account_id FROM orders)) "
                f"FROM (SELECT DISTINCT account_id FROM {name} WHERE account_id IS NOT NULL)"
            )[0]
        tables.append(TableFigures(name, months, accounts, matched))
    orders = loaded.get("orders")
    amounts = _amounts(engine) if orders and "amount" in orders.mapped else ()
    return Figures(tuple(tables), amounts)


def _months(engine: DuckDBEngine, name: str, occurred: str, stamped: bool) -> tuple[Month, ...]:
    late = f"count_if(known_at > {occurred} + INTERVAL {LATE_DAYS} DAY)" if stamped else "NULL"
    number = f"year({occurred}) * 12 + month({occurred}) - 1"
    found = {
        month: (rows, late_rows)
        for month, rows, late_rows in engine.rows(
            f"SELECT {number} AS month, count(*), {late} FROM {name} "
            f"WHERE {occurred} IS NOT NULL GROUP BY month"
        )
    }
    if not found:
        return ()
    last = max(found)
    first = max(min(found), last - MOST_MONTHS + 1)
    none = (0, 0 if stamped else None)
    return tuple(
        Month(f"{date(month // 12, month % 12 + 1, 1):%Y-%m}", *found.get(month, none))
        for month in range(first, last + 1)
    )


def _amounts(engine: DuckDBEngine) -> tuple[tuple[str, int], ...]:
    """Lines below zero, of zero, and by powers of ten of the currency."""
    found = dict(
        engine.rows(
            "SELECT CASE WHEN amount_cents < 0 THEN -2 WHEN amount_cents = 0 THEN -1 "
            "ELSE length(CAST(amount_cents // 100 AS VARCHAR)) "
            "- CAST(amount_cents < 100 AS INTEGER) END AS size, count(*) "
            "FROM orders WHERE amount_cents IS NOT NULL GROUP BY size"
        )
    )
    bars = [("< 0", found.pop(-2, 0)), ("0", found.pop(-1, 0))]
    if found:
        bars += [(f"< {10**size:,}", found.get(size, 0)) for size in range(max(found) + 1)]
    return tuple(bars)
