"""The market's time: weeks that end where the history ends, and stamps in office hours.

Inside the market a moment is a number of days since `origin`, a float; in the files it is a UTC
stamp to the second. Nothing that lies at or after `end` is written: it has not happened yet.
"""

from __future__ import annotations

import calendar as gregorian
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipeline.market.arrays import Flags, Floats, Ints

WARM_UP_WEEKS = 26  # before the history, so that it opens in the middle of things
DAY_SECONDS = 86_400
OPENS, CLOSES = 7 * 3600, 18 * 3600
EPOCH = date(1970, 1, 1)
NEVER = float("inf")  # a moment, in days or weeks
NO_STAMP = 2**62  # a stamp, in seconds


def months_before(day: date, months: int) -> date:
    """The same day of the month `months` earlier; the month's last day where it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, gregorian.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Calendar:
    """The weeks of a market and the days between which its history is written, `[start, end)`."""

    start: date
    end: date
    months: tuple[date, ...]
    weeks: int

    @classmethod
    def of(cls, months: int, end: date) -> Calendar:
        """A history of `months` months that ends before `end`."""
        starts = tuple(months_before(end, back) for back in range(months, 0, -1))
        weeks = -((starts[0] - end).days // 7) + WARM_UP_WEEKS
        return cls(start=starts[0], end=end, months=starts, weeks=weeks)

    @property
    def origin(self) -> date:
        """The first day of week 0."""
        return self.end - timedelta(weeks=self.weeks)

    @property
    def start_day(self) -> int:
        """Days from the origin to the first day of the history."""
        return self.day(self.start)

    def day(self, when: date) -> int:
        """Days from the origin to a date."""
        return (when - self.origin).days

    def seconds(self, when: date) -> int:
        """The stamp of a date's first second."""
        return (when - EPOCH).days * DAY_SECONDS

    def epoch_day(self, days: Floats | Ints) -> Ints:
        """Days since the origin as days since 1970, for date columns."""
        return np.floor(days).astype(np.int64) + (self.origin - EPOCH).days

    def opening(self, days: Ints) -> Ints:
        """The stamp of the opening hour of days since the origin."""
        return self.epoch_day(days) * DAY_SECONDS + OPENS

    def office_hours(self, days: Floats) -> Ints:
        """Moments as UTC seconds since 1970, moved into the office hours of the same day.

        A weekend's moments fall on the Friday's last hour. The order of moments is kept, and
        `NEVER` becomes `NO_STAMP`.
        """
        real = np.where(np.isfinite(days), days, 0)
        whole = np.floor(real)
        part = real - whole
        epoch_day = self.epoch_day(real)
        weekday = (epoch_day + 3) % 7  # 1970-01-01 was a Thursday
        past_friday = np.maximum(weekday - 4, 0)
        on_weekend = CLOSES + (past_friday - 1 + part) / 2 * 3600
        on_weekday = OPENS + part * (CLOSES - OPENS)
        second = np.where(past_friday > 0, on_weekend, on_weekday).astype(np.int64)
        stamp = (epoch_day - past_friday) * DAY_SECONDS + second
        return np.where(np.isfinite(days), stamp, NO_STAMP)

    def happened(self, days: Floats) -> Ints:
        """As `office_hours`; what lies at or after the end has not happened: `NO_STAMP`."""
        return self.until_end(self.office_hours(days))

    def until_end(self, stamps: Ints) -> Ints:
        """Stamps before the end as they are, others `NO_STAMP`."""
        return np.where(stamps < self.seconds(self.end), stamps, NO_STAMP)

    def within(self, stamps: Ints) -> Flags:
        """Which stamps lie in the history, `[start, end)`."""
        return (stamps >= self.seconds(self.start)) & (stamps < self.seconds(self.end))
