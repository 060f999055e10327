"""From raw scores to risks that mean what they say.

Out of time, a model's level is wrong for two reasons: a bias that lasts, and the season, which
turns. The level of each past snapshot shows their sum. The lasting part is worth correcting; to
carry last quarter's season into the next one does harm. So the slope is fitted within snapshots,
and the intercept is used only when it stands out from how much it differs between snapshots.

The season comes back after a year. Where the share of defectors of the same time last year is
known, the level is put between it and the model's own, nearer to the one that has erred less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array, hstack
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from models.dataset import BoolArray, DateArray, FloatArray
from models.errors import DamagedModel
from models.probabilities import LARGEST, SMALLEST, finite_logit

FEWEST_OF_A_CLASS = 30
"""With fewer rows of either class what is fitted would be noise."""

MODEL_ERROR, SEASON_ERROR = 0.35, 0.2
"""How far, in logits, a model's level and last year's are off before anything is known. The share
of defectors of real wholesalers moves between 0.38 and 0.62 over the year: 0.35 around its mean."""

PRIOR_OBSERVATIONS = 2.0
"""What those are worth, in snapshots with horizons that do not overlap."""

SAME_SEASON = timedelta(days=16)
"""A snapshot within so many days of a year before is of the same season."""

DAYS_PER_YEAR = 365

STANDARD_ERRORS = 2.0
"""An intercept nearer to 0 than this many of its standard errors is taken for season or chance."""


@dataclass(frozen=True)
class Season:
    """The share of defectors at past snapshots, and how much to trust last year's.

    rates: share, 0-1, by snapshot (ISO date). weight: of last year's level against the model's
    own, 0-1.
    """

    rates: Mapping[str, float]
    weight: float

    def __post_init__(self) -> None:
        """Refuse what cannot be (ValueError)."""
        if not (0 <= self.weight <= 1 and all(0 <= rate <= 1 for rate in self.rates.values())):
            raise ValueError("a season's weight and rates lie between 0 and 1")

    def level(self, as_of: date, own: float) -> float | None:
        """Return the level, a logit, to expect at a snapshot; None without one a year before.

        own: the level that the model finds by itself.
        """
        before = _a_year_before(as_of, [date.fromisoformat(day) for day in self.rates])
        if before is None or np.isnan(own):
            return None
        last_year = float(_rate_logit(self.rates[before.isoformat()]))
        return self.weight * last_year + (1 - self.weight) * own


@dataclass(frozen=True)
class LogitCalibrator:
    """risk = expit(slope x logit(raw) + intercept): Platt scaling on the logit (Platt 1999).

    slope is above 0, so calibrated risks rank as the raw ones do. method says what was fitted:
    `slope and intercept`, `slope only` (intercept 0) or `identity` (slope 1, intercept 0). season:
    what is known of the level at each time of the year.
    """

    slope: float
    intercept: float
    method: str
    season: Season = field(default_factory=lambda: Season({}, 0.0))

    def __post_init__(self) -> None:
        """Refuse what would turn the ranking round (ValueError)."""
        if not (np.isfinite(self.slope) and self.slope > 0 and np.isfinite(self.intercept)):
            raise ValueError(
                f"a calibrator needs a finite slope above 0 and a finite intercept, not "
                f"{self.slope} and {self.intercept}"
            )

    def apply(self, raw: FloatArray, as_of: date | None = None) -> FloatArray:
        """Return the calibrated risk, in (0, 1), of raw probabilities (n,); NaN stays NaN.

        as_of: the snapshot that all rows belong to, a whole cohort; then its season counts.
        """
        odds = self.slope * finite_logit(raw) + self.intercept
        level = None if as_of is None else self.season.level(as_of, _level(odds))
        if level is not None:
            odds = odds + _shift(odds, level)
        return np.asarray(np.clip(expit(odds), SMALLEST, LARGEST), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads back without loss."""
        return {
            "slope": self.slope,
            "intercept": self.intercept,
            "method": self.method,
            "season": {"rates": dict(self.season.rates), "weight": self.season.weight},
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> LogitCalibrator:
        """Rebuild from `to_dict`; DamagedModel when a value is missing or impossible."""
        try:
            rates = {str(day): float(rate) for day, rate in values["season"]["rates"].items()}
            return LogitCalibrator(
                float(values["slope"]),
                float(values["intercept"]),
                str(values["method"]),
                Season(rates, float(values["season"]["weight"])),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedModel(f"the stored calibrator cannot be read: {error}") from error


def fit_calibrator(
    label: NDArray[Any],
    raw: FloatArray,
    as_of: DateArray,
    label_complete: DateArray,
    rates: Mapping[date, float] | None = None,
) -> LogitCalibrator:
    """Fit on out-of-time predictions, (n,) each; see `Dataset` for label, as_of, label_complete.

    rates: the share of defectors of every snapshot whose label is known, also of those that were
    not predicted; without it seasons are left aside. Only out-of-time predictions will do: on its
    own training rows a model looks better than it is. Snapshots where all labels are the same say
    nothing and are left out. With too few rows, or scores that do not rank the labels at all, risks
    keep the raw ones' distances.
    """
    season = _season(rates or {}, None, 0.0, _horizon(as_of, label_complete))
    label = np.asarray(label) == 1
    mixed = _both_classes(label, as_of)
    label, score = label[mixed], finite_logit(raw[mixed])
    as_of, label_complete = as_of[mixed], label_complete[mixed]
    identity = LogitCalibrator(1.0, 0.0, "identity", season)
    if min(label.sum(), (~label).sum()) < FEWEST_OF_A_CLASS:
        return identity

    snapshots, codes = np.unique(as_of, return_inverse=True)
    levels_of = csr_array((np.ones(len(codes)), (np.arange(len(codes)), codes)))
    # C is so large that nothing is shrunk.
    regression = LogisticRegression(C=1e6, fit_intercept=False, solver="newton-cg", tol=1e-8)
    regression.fit(hstack([csr_array(score[:, None]), levels_of], format="csr"), label)
    slope, levels = float(regression.coef_[0, 0]), regression.coef_[0, 1:]
    if not (slope > 0 and np.isfinite(slope)):
        return identity

    # Snapshots whose horizons overlap share their outcomes, and mostly their season.
    horizon = _horizon(as_of, label_complete)
    independent = _independent([day.item() for day in snapshots], horizon)
    intercept, method = float(np.mean(levels)), "slope and intercept"
    error = np.inf
    if len(levels) > 1:
        error = float(np.std(levels, ddof=1) / np.sqrt(independent))
    if not abs(intercept) > STANDARD_ERRORS * error:
        intercept, method = 0.0, "slope only"
    season = _season(rates or {}, levels - intercept, independent, horizon)
    return LogitCalibrator(slope, intercept, method, season)


def _season(
    rates: Mapping[date, float], own_errors: FloatArray | None, independent: float, horizon: float
) -> Season:
    """Weigh last year's level against the model's own by how far each has been off so far.

    own_errors: logits by which the model's level was off at past snapshots, worth `independent`
    observations. Both kinds of errors begin with a prior, so that one good or bad month does not
    decide.
    """
    pairs = {day: before for day in rates if (before := _a_year_before(day, list(rates)))}
    changes = [
        _rate_logit(rates[day]) - _rate_logit(rates[before]) for day, before in pairs.items()
    ]
    of_season = _variance(changes, _independent(list(pairs), horizon), SEASON_ERROR)
    of_model = _variance([] if own_errors is None else own_errors, independent, MODEL_ERROR)
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


def _horizon(as_of: DateArray, label_complete: DateArray) -> float:
    """Days that a label takes; 1 without rows."""
    days = (label_complete - as_of).astype(np.int64)
    return float(np.median(days)) if len(days) else 1.0


def _independent(snapshots: Sequence[date], horizon: float) -> float:
    """How many observations these snapshots are worth, whose horizons may overlap."""
    if not snapshots:
        return 0.0
    covered = (max(snapshots) - min(snapshots)).days + horizon
    return min(len(snapshots), covered / horizon)


def _rate_logit(rate: float) -> float:
    """The logit of a share, kept away from 0 and 1, which a small cohort may well show."""
    return float(finite_logit(min(max(rate, 0.005), 0.995)))


def _level(odds: FloatArray) -> float:
    """The logit of the mean risk of rows with these log odds; NaN without rows."""
    known = odds[~np.isnan(odds)]
    return _rate_logit(float(expit(known).mean())) if len(known) else float("nan")


def _shift(odds: FloatArray, level: float) -> float:
    """What to add to log odds so that their mean risk has a level."""
    known = odds[~np.isnan(odds)]

    def above(shift: float) -> float:
        return float(expit(known + shift).mean() - expit(level))

    bound = float(np.abs(known).max() + abs(level) + 1)
    return float(brentq(above, -bound, bound))


def _both_classes(label: BoolArray, as_of: DateArray) -> BoolArray:
    """Return which rows belong to a snapshot with both classes."""
    _, codes = np.unique(as_of, return_inverse=True)
    rows, positives = np.bincount(codes), np.bincount(codes, label)
    return np.asarray(((positives > 0) & (positives < rows))[codes], dtype=np.bool_)
