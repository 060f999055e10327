"""What accounts did month by month before a snapshot, as far as it was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.complaint_latency import complaints, reopened, unresolved
from features.contact_breadth import touches
from features.order_history import traded_lines
from features.populations import Population
from features.visibility import Calendar, dated
from pipeline.engines import Engine
from pipeline.tables.values_table import IDENTITY

MONTHS = 24

_UNIX_DAY = date(1970, 1, 1)
_WANTED = "listed_accounts"


@dataclass(frozen=True)
class PastMonths:
    """Series by account and name, a number per month.

    months: `2025-12`, oldest first; the last is that of the day before the snapshot, so a snapshot
    within a month cuts it short. names: of the series there can be, by the tables at hand: net
    (ordered less returned, in the currency), order_days, touches, complaints (opened), open (of
    those, not resolved as far as was known). An account without rows has no series.
    """

    months: tuple[str, ...]
    names: tuple[str, ...]
    of: Mapping[str, Mapping[str, Sequence[int]]]


def past_months(
    engine: Engine, accounts: Sequence[str], as_of: date, *, resolutions: bool
) -> PastMonths:
    """The last `MONTHS` months of some accounts, from the canonical tables that the engine holds.

    One query per table. resolutions: whether the sources say which complaints are resolved.
    """
    first = _first_day(as_of)
    window = _Window(engine, as_of, first)
    asked = {
        "orders": window.orders,
        "touches": window.touches,
        "complaints": window.complaints if resolutions else window.complaints_opened,
    }
    engine.register(_WANTED, pa.table({"account_id": pa.array(accounts, pa.string())}))
    try:
        tables = [ask() for table, ask in asked.items() if engine.has_table(table)]
    finally:
        engine.drop(_WANTED)
    starts = pd.date_range(first, periods=MONTHS, freq="MS")
    names: list[str] = []
    of: dict[str, dict[str, list[int]]] = {}
    for table in tables:
        month = _month(table.pop("occurred_day"), starts)
        monthly = table.groupby(["account_id", month]).sum()
        for name in monthly.columns:
            by_month = monthly[name].unstack(fill_value=0).reindex(columns=range(MONTHS))
            numbers = by_month.fillna(0).round().astype(int).to_numpy().tolist()
            for account, series in zip(by_month.index, numbers, strict=True):
                of.setdefault(account, {})[name] = series
            names.append(name)
    return PastMonths(tuple(f"{start:%Y-%m}" for start in starts), tuple(names), of)


class _Window:
    """Asks for the days of the wanted accounts from `first` to a snapshot."""

    def __init__(self, engine: Engine, as_of: date, first: date) -> None:
        self._engine = engine
        self._calendar = Calendar((as_of,), ())
        self._reach = (as_of - first).days
        self._merged = engine.has_table(IDENTITY)

    def orders(self) -> pd.DataFrame:
        """account_id, occurred_day, net, order_days."""
        frame = self._by_day(
            self._seen(traded_lines, "amount_cents"),
            "SUM(amount_cents) AS net, MAX(CASE WHEN amount_cents > 0 THEN 1 ELSE 0 END) "
            "AS order_days",
        )
        frame["net"] /= 100
        return frame

    def touches(self) -> pd.DataFrame:
        """account_id, occurred_day, touches."""
        return self._by_day(self._seen(touches), "COUNT(*) AS touches")

    def complaints_opened(self) -> pd.DataFrame:
        """account_id, occurred_day, complaints."""
        return self._by_day(self._seen(complaints), "COUNT(*) AS complaints")

    def complaints(self) -> pd.DataFrame:
        """account_id, occurred_day (of opening), complaints, open."""
        kinds = ((complaints, 1, 0), (unresolved, 0, 1), (reopened, 0, 1))
        rows = " UNION ALL ".join(
            f"SELECT account_id, {opened} AS opened, {still_open} AS still_open, occurred_day "
            f"FROM ({self._seen(population)}) AS rows_{place}"
            for place, (population, opened, still_open) in enumerate(kinds)
        )
        return self._by_day(rows, 'SUM(opened) AS complaints, SUM(still_open) AS "open"')

    def _seen(self, population: Population, *columns: str) -> str:
        carried = {column: column for column in columns}
        return dated(population, carried, self._calendar, reach=self._reach, merged=self._merged)

    def _by_day(self, rows: str, measures: str) -> pd.DataFrame:
        return self._engine.frame(
            f"SELECT event.account_id, occurred_day, {measures} FROM ({rows}) AS event "
            f"JOIN {_WANTED} ON {_WANTED}.account_id = event.account_id "
            "GROUP BY event.account_id, occurred_day ORDER BY event.account_id, occurred_day"
        )


def _first_day(as_of: date) -> date:
    """The first day of the first of the months."""
    last = as_of - timedelta(days=1)
    months = last.year * 12 + last.month - MONTHS
    return date(months // 12, months % 12 + 1, 1)


def _month(days: pd.Series, starts: pd.DatetimeIndex) -> npt.NDArray[np.intp]:
    """The number, from 0 on, of the month that each day since 1970 lies in."""
    begins = np.array([(start.date() - _UNIX_DAY).days for start in starts])
    return np.searchsorted(begins, days.to_numpy(), side="right") - 1
