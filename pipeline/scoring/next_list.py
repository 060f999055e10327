"""When the next list is due, and when it is late."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.config import Config


@dataclass(frozen=True)
class NextList:
    """The date of the next list; both moments are midnights of the config's time zone.

    due: when it can first be made. late: when it is still missing after the days of grace.
    """

    as_of: date
    due: datetime
    late: datetime

    def entries(self) -> dict[str, str]:
        """What `latest.json` says of it, for another monitor: ISO 8601 with the offset."""
        return {"next_due": self.due.isoformat(), "next_late": self.late.isoformat()}


def next_list(config: Config, as_of: date) -> NextList:
    """The list after that of a date, by `scoring.every` and `scoring.grace_days`.

    After that of the last day of a month comes the last day of the next.
    """
    scoring, zone = config.scoring, ZoneInfo(config.timezone)
    if scoring.every == "month":
        year, month = divmod(as_of.year * 12 + as_of.month, 12)
        last = calendar.monthrange(year, month + 1)[1]
        is_last = as_of.day == calendar.monthrange(as_of.year, as_of.month)[1]
        day = date(year, month + 1, last if is_last else min(as_of.day, last))
    else:
        day = as_of + timedelta(days=7 if scoring.every == "week" else 1)
    late = day + timedelta(days=scoring.grace_days)
    return NextList(day, datetime.combine(day, time(), zone), datetime.combine(late, time(), zone))
