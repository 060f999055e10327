"""Snapshot dates, and from when on the label of each is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pandas as pd

from pipeline.config import Config
from pipeline.errors import ConfigError


def snapshot_dates(first: date, last: date, every: str) -> list[date]:
    """The dates from `first` to `last`, a `month` or a `week` apart, as far as they reach.

    Months are counted from the first, so that one begun on the 31st is back on it after February.
    """
    dates: list[date] = []
    while True:
        count = len(dates)
        step = pd.DateOffset(months=count) if every == "month" else pd.DateOffset(weeks=count)
        after = pd.Timestamp(first) + step
        if after.date() > last:
            return dates
        dates.append(after.date())


def tests_among(config: Config, present: Sequence[date]) -> list[date]:
    """The configured test snapshots that are among these, which have a complete label."""
    if not config.backtest.test_snapshots:
        return list(present[-(config.backtest.last or 0) :])
    settings = config.snapshots
    taken = snapshot_dates(settings.first, settings.last, settings.every)
    if between := [str(day) for day in config.backtest.test_snapshots if day not in taken]:
        raise ConfigError(
            f"{config.path}: no snapshot is taken on backtest.test_snapshots "
            f"{', '.join(between)}; they are a {settings.every} apart from {settings.first}."
        )
    return [day for day in config.backtest.test_snapshots if day in present]


@dataclass(frozen=True)
class Maturity:
    """When a label is known: once its horizon and the lag of late reports are over (days)."""

    horizon_days: int
    reporting_lag_days: int

    def label_complete(self, as_of: date) -> date:
        """The first date at which everything that the label of `as_of` counts was known."""
        return as_of + timedelta(days=self.horizon_days + self.reporting_lag_days)

    def split(
        self, as_ofs: Sequence[date], complete_until: datetime
    ) -> tuple[list[date], list[date]]:
        """The snapshots whose label is complete by `complete_until`, and those still immature."""
        mature: list[date] = []
        immature: list[date] = []
        for as_of in as_ofs:
            complete = datetime.combine(self.label_complete(as_of), time())
            (mature if complete <= complete_until else immature).append(as_of)
        return mature, immature
