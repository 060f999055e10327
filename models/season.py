"""The season: what last year says of this year's level of defection.

No model with a year of history knows that a season comes back. Where the share of defectors of the
same time last year is known, the level to expect lies between it and the model's own, nearer to the
one that has erred less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from models.dataset import FloatArray
from models.probabilities import finite_logit

MODEL_ERROR, SEASON_ERROR = 0.35, 0.2
"""How far, in logits, a model's level and last year's are off before anything is known. The share
of defectors of real wholesalers moves between 0.38 and 0.62 over the year: 0.35 around its mean."""

PRIOR_OBSERVATIONS = 2.0
"""What those are worth, in snapshots with horizons that do not overlap."""

LAST_YEAR, LAST_YEAR_AND_TREND, LATEST = "last year", "last year and trend", "latest"
"""Which known share of defectors is referred to: of the same season last year; the same, moved by
how the latest one differs from that of a year before; the latest one of all."""

SAME_SEASON = timedelta(days=16)
"""A snapshot within so many days of a year before is of the same season."""

DAYS_PER_YEAR = 365


@dataclass(frozen=True)
class Season:
    """The share of defectors at past snapshots, and how much to trust the one referred to.

    rates: share, 0-1, by snapshot (ISO date). weight: of the level referred to against the model's
    own, 0-1. reference: `LAST_YEAR`, `LAST_YEAR_AND_TREND` or `LATEST`.
    """

    rates: Mapping[str, float]
    weight: float
    reference: str = LAST_YEAR

    def __post_init__(self) -> None:
        """Refuse what cannot be (ValueError)."""
        if not (0 <= self.weight <= 1 and all(0 <= rate <= 1 for rate in self.rates.values())):
            raise ValueError("a season's weight and rates lie between 0 and 1")
        if self.reference not in (LAST_YEAR, LAST_YEAR_AND_TREND, LATEST):
            raise ValueError(f"a season does not refer to {self.reference!r}")

    def level(self, as_of: date, own: float) -> float | None:
        """Return the level, a logit, to expect at a snapshot; None without one to refer to.

        own: the level that the model finds by itself.
        """
        found = self._referred(as_of)
        if found is None or np.isnan(own):
            return None
        return self.weight * found + (1 - self.weight) * own

    def _referred(self, as_of: date) -> float | None:
        rates = {date.fromisoformat(day): rate for day, rate in self.rates.items()}
        if not rates:
            return None
        latest = max(rates)
        if self.reference == LATEST:
            return rate_logit(rates[latest])
        before = _a_year_before(as_of, list(rates))
        if before is None:
            return None
        trend = 0.0
        if self.reference == LAST_YEAR_AND_TREND and (then := _a_year_before(latest, list(rates))):
            trend = rate_logit(rates[latest]) - rate_logit(rates[then])
        return rate_logit(rates[before]) + trend


def weighed(
    rates: Mapping[date, float], own_errors: FloatArray, independent: float, horizon: float
) -> Season:
    """Weigh last year's level against the model's own by how far each has been off so far.

    own_errors: logits by which the model's level was off at past snapshots, worth `independent`
    observations. Both kinds of errors begin with a prior, so that one good or bad month does not
    decide.
    """
    pairs = {day: before for day in rates if (before := _a_year_before(day, list(rates)))}
    changes = [rate_logit(rates[day]) - rate_logit(rates[before]) for day, before in pairs.items()]
    of_season = _variance(changes, independent_observations(list(pairs), horizon), SEASON_ERROR)
    of_model = _variance(own_errors, independent, MODEL_ERROR)
    stored = {day.isoformat(): float(rates[day]) for day in sorted(rates)}
    return Season(stored, float(of_model / (of_model + of_season)))


def _variance(errors: Sequence[float] | FloatArray, observations: float, prior: float) -> float:
    """The mean squared error, drawn towards the square of a prior error."""
    squared = float(np.mean(np.square(errors))) if len(errors) else 0.0
    return (PRIOR_OBSERVATIONS * prior**2 + observations * squared) / (
        PRIOR_OBSERVATIONS + observations
    )


def _a_year_before(as_of: date, days: Sequence[date]) -> date | None:
    """The day nearest to a year before, if one is near enough."""
    wanted = as_of - timedelta(days=DAYS_PER_YEAR)
    nearest = min(days, key=lambda day: abs(day - wanted), default=None)
    return nearest if nearest and abs(nearest - wanted) <= SAME_SEASON else None


def independent_observations(snapshots: Sequence[date], horizon: float) -> float:
    """How many observations these snapshots are worth, whose horizons may overlap."""
    if not snapshots:
        return 0.0
    covered = (max(snapshots) - min(snapshots)).days + horizon
    return min(len(snapshots), covered / horizon)


def rate_logit(rate: float) -> float:
    """The logit of a share, kept away from 0 and 1, which a small cohort may well show."""
    return float(finite_logit(min(max(rate, 0.005), 0.995)))
