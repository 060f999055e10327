"""Runs all checks: those of rows while a source is at hand, those of tables once all are loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pipeline.config import Config
from pipeline.engines.duckdb import EngineBroken, QueryError
from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.amounts import thousands_as_decimals
from pipeline.sources.plausibility.bookings import credit_and_rebooking, order_and_invoice
from pipeline.sources.plausibility.cash_sales import nameless_account
from pipeline.sources.plausibility.date_orders import two_date_orders
from pipeline.sources.plausibility.dates import odd_dates
from pipeline.sources.plausibility.ids import odd_ids, several_spellings
from pipeline.sources.plausibility.matching import unmatched_ids
from pipeline.sources.plausibility.merges import circles
from pipeline.sources.plausibility.seen import Seen
from pipeline.sources.plausibility.total_row import total_row
from pipeline.sources.plausibility.unit_prices import unit_prices
from pipeline.sources.plausibility.zero_lines import zero_lines

Tables = Mapping[str, Seen]

OF_ROWS: tuple[Callable[[Seen, Config], Iterator[Finding]], ...] = (
    thousands_as_decimals,
    two_date_orders,
    total_row,
    unit_prices,
)
OF_TABLES: tuple[Callable[[Tables], Iterator[Finding]], ...] = (
    odd_ids,
    several_spellings,
    unmatched_ids,
    odd_dates,
    zero_lines,
    order_and_invoice,
    credit_and_rebooking,
    nameless_account,
    circles,
)


class Plausibility:
    """The checks over the sources of one config."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.tables: dict[str, Seen] = {}

    def of_rows(self, seen: Seen) -> list[Finding]:
        """What is odd about the rows of a source that was just loaded."""
        self.tables[seen.name] = seen
        found: list[Finding] = []
        for check in OF_ROWS:
            try:
                found += check(seen, self._config)
            except EngineBroken:
                raise
            except QueryError:  # a query that ended a moment ago, and does not end again
                continue
        return found

    def of_tables(self) -> list[Finding]:
        """What is odd about the loaded tables, each and together."""
        try:
            return [finding for check in OF_TABLES for finding in check(self.tables)]
        finally:
            for seen in self.tables.values():
                seen.forget()
