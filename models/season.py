"""The season: what last year says of this year's level of defection.

No model with a year of history knows that a season comes back. Where the share of defectors of the
same time last year is known, the level to expect lies between it and the model's own, nearer to the
one that has erred less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

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

FADE_DAYS = 28
"""Before the first known snapshot its level counts less with each day, and after so many days not
at all. No month is shorter, so a monthly snapshot refers to none that lies ahead."""


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

        It moves day by day, without a step, also where the first known snapshot begins to count.

        own: the level that the model finds by itself.
        """
        referred, share = self._referred(as_of)
        if share == 0 or np.isnan(own):
            return None
        weight = self.weight * share
        return weight * referred + (1 - weight) * own

    def _referred(self, as_of: date) -> tuple[float, float]:
        """Return the level referred to, a logit, and how much it counts, 0-1."""
        levels = {date.fromisoformat(day): rate_logit(rate) for day, rate in self.rates.items()}
        if not levels:
            return 0.0, 0.0
        latest = max(levels)
        if self.reference == LATEST:
            return levels[latest], 1.0
        level, share = a_year_before(as_of, levels)
        if self.reference == LAST_YEAR_AND_TREND:
            then, counts = a_year_before(latest, levels)
            level += counts * (levels[latest] - then)
        return level, share


def weighed(
    rates: Mapping[date, float], own_errors: FloatArray, independent: float, horizon: float
) -> Season:
    """Weigh last year's level against the model's own by how far each has been off so far.

    own_errors: logits by which the model's level was off at past snapshots, worth `independent`
    observations. Both kinds of errors begin with a prior, so that one good or bad month does not
    decide.
    """
    levels = {day: rate_logit(rate) for day, rate in rates.items()}
    before = {day: a_year_before(day, levels) for day in levels}
    known = [day for day, (_, share) in before.items() if share > 0]
    changes = [levels[day] - before[day][0] for day in known]
    of_season = _variance(changes, independent_observations(known, horizon), SEASON_ERROR)
    of_model = _variance(own_errors, independent, MODEL_ERROR)
    stored = {day.isoformat(): float(rates[day]) for day in sorted(rates)}
    return Season(stored, float(of_model / (of_model + of_season)))


def _variance(errors: Sequence[float] | FloatArray, observations: float, prior: float) -> float:
    """The mean squared error, drawn towards the square of a prior error."""
    squared = float(np.mean(np.square(errors))) if len(errors) else 0.0
    return (PRIOR_OBSERVATIONS * prior**2 + observations * squared) / (
        PRIOR_OBSERVATIONS + observations
    )


def a_year_before(as_of: date, levels: Mapping[date, float]) -> tuple[float, float]:
    """Return the level of the same day a year before, a logit, and how much it counts, 0-1.

    Between two snapshots the level lies on the line through theirs. Before the first and after the
    last it stays, and counts less with each day. 29 February is one with the 28th. levels: logits,
    by snapshot; without any nothing counts.
    """
    if not levels:
        return 0.0, 0.0
    leap_day = (as_of.month, as_of.day) == (2, 29)
    wanted = as_of.replace(year=as_of.year - 1, day=28 if leap_day else as_of.day).toordinal()
    days = sorted(levels)
    ordinals = [day.toordinal() for day in days]
    level = float(np.interp(wanted, ordinals, [levels[day] for day in days]))
    outside = max(0, ordinals[0] - wanted, wanted - ordinals[-1])
    return level, max(0.0, 1 - outside / FADE_DAYS)


def independent_observations(snapshots: Sequence[date], horizon: float) -> float:
    """How many observations these snapshots are worth, whose horizons may overlap."""
    if not snapshots:
        return 0.0
    covered = (max(snapshots) - min(snapshots)).days + horizon
    return min(len(snapshots), covered / horizon)


def rate_logit(rate: float) -> float:
    """The logit of a share, kept away from 0 and 1, which a small cohort may well show."""
    return float(finite_logit(min(max(rate, 0.005), 0.995)))
