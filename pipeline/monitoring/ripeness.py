"""When what came of a list can be known: the earliest dates, for lists published on a date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from pipeline.config import Config
from pipeline.monitoring.early_read import FIRST_DAY
from pipeline.tables.future.departures import LASTING_DAYS
from pipeline.tables.label_definitions import DepartureLabel, inactivity, label_of

EARLY = "early read"


def ripens(config: Config, as_of: date) -> dict[str, str]:
    """Return what can be known of a list published at `as_of`, each with its earliest date."""
    return {what: str(day) for what, day in _dates(config, as_of)}


def _dates(config: Config, as_of: date) -> Iterator[tuple[str, date]]:
    label, lag = label_of(config.label), config.label.reporting_lag_days
    yield EARLY, as_of + timedelta(days=FIRST_DAY + lag)
    complete = label.maturity.label_complete(as_of)
    if not isinstance(label, DepartureLabel):
        yield label.says, complete
        return
    for days in config.label.horizons_days:
        yield f"no order within {days} days", inactivity(days, lag).maturity.label_complete(as_of)
    yield "departures", complete
    yield "lasting departures", complete + timedelta(days=LASTING_DAYS)
