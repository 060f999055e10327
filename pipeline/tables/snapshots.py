"""Snapshot dates, and from when on the label of each is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pandas as pd

_FREQUENCY = {"month": pd.DateOffset(months=1), "week": pd.DateOffset(weeks=1)}


def snapshot_dates(first: date, last: date, every: str) -> list[date]:
    """The dates from `first` to `last`, both included, a month or a week apart."""
    return [stamp.date() for stamp in pd.date_range(first, last, freq=_FREQUENCY[every])]


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
