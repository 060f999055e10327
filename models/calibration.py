"""From raw scores to risks that mean what they say.

Out of time, a model's level is wrong for two reasons: a bias that lasts, and the season, which
turns. The level of each past snapshot shows their sum. The lasting part is worth correcting; to
carry last quarter's season into the next one does harm. So the slope is fitted within snapshots,
and the intercept is used only when it stands out from how much it differs between snapshots.

What comes back every year is the season's (`models.season`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array, hstack
from scipy.special import expit

from models.dataset import BoolArray, DateArray, FloatArray
from models.errors import DamagedModel
from models.probabilities import LARGEST, SMALLEST, finite_logit
from models.season import Season, independent_observations, rate_logit, weighed

FEWEST_OF_A_CLASS = 30
"""With fewer rows of either class what is fitted would be noise."""

STANDARD_ERRORS = 2.0
"""An intercept nearer to 0 than this many of its standard errors is taken for season or chance."""


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

    def apply(
        self,
        raw: FloatArray,
        as_of: date | None = None,
        stands_for: FloatArray | None = None,
        age: FloatArray | None = None,
    ) -> FloatArray:
        """Return the calibrated risk, in (0, 1), of raw probabilities (n,); NaN stays NaN.

        as_of, stands_for: see `models.calibration_choice.Calibrator`; ages are not looked at.
        """
        odds = self.slope * finite_logit(raw) + self.intercept
        if as_of is not None:
            weight = np.ones(len(odds)) if stands_for is None else stands_for
            level = self.season.level(as_of, level_of(odds, weight))
            if level is not None:
                odds = odds + shift_to(odds, weight, level)
        return np.asarray(np.clip(expit(odds), SMALLEST, LARGEST), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads back without loss."""
        return {
            "slope": self.slope,
            "intercept": self.intercept,
            "method": self.method,
            "season": {
                "rates": dict(self.season.rates),
                "weight": self.season.weight,
                "reference": self.season.reference,
            },
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> LogitCalibrator:
        """Rebuild from `to_dict`; DamagedModel when a value is missing or impossible."""
        try:
            season = values["season"]
            rates = {str(day): float(rate) for day, rate in season["rates"].items()}
            return LogitCalibrator(
                float(values["slope"]),
                float(values["intercept"]),
                str(values["method"]),
                Season(rates, float(season["weight"]), str(season["reference"])),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedModel(f"the stored calibrator cannot be read: {error}") from error


def fit_calibrator(
    label: NDArray[Any],
    raw: FloatArray,
    as_of: DateArray,
    label_complete: DateArray,
    rates: Mapping[date, float] | None = None,
    weight: FloatArray | None = None,
) -> LogitCalibrator:
    """Fit on out-of-time predictions, (n,) each; see `Dataset` for label, as_of, label_complete.

    weight: what each row counts; 1 each by default.
    rates: the share of defectors of every snapshot whose label is known, also of those that were
    not predicted; without it seasons are left aside. Only out-of-time predictions will do: on its
    own training rows a model looks better than it is. Snapshots where all labels are the same say
    nothing and are left out. With too few rows, or scores that do not rank the labels at all, risks
    keep the raw ones' distances.
    """
    season = weighed(rates or {}, np.empty(0), 0.0, horizon_of(as_of, label_complete))
    label = np.asarray(label) == 1
    mixed = _both_classes(label, as_of)
    label, score = label[mixed], finite_logit(raw[mixed])
    as_of, label_complete = as_of[mixed], label_complete[mixed]
    weight = None if weight is None else weight[mixed]
    identity = LogitCalibrator(1.0, 0.0, "identity", season)
    if min(label.sum(), (~label).sum()) < FEWEST_OF_A_CLASS:
        return identity

    snapshots, codes = np.unique(as_of, return_inverse=True)
    levels_of = csr_array((np.ones(len(codes)), (np.arange(len(codes)), codes)))
    from sklearn.linear_model import LogisticRegression  # heavy, and only to fit

    # C is so large that nothing is shrunk.
    regression = LogisticRegression(C=1e6, fit_intercept=False, solver="newton-cg", tol=1e-8)
    regression.fit(hstack([csr_array(score[:, None]), levels_of], format="csr"), label, weight)
    slope, levels = float(regression.coef_[0, 0]), regression.coef_[0, 1:]
    if not (slope > 0 and np.isfinite(slope)):
        return identity

    # Snapshots whose horizons overlap share their outcomes, and mostly their season.
    horizon = horizon_of(as_of, label_complete)
    independent = independent_observations([day.item() for day in snapshots], horizon)
    intercept, method = float(np.mean(levels)), "slope and intercept"
    error = np.inf
    if len(levels) > 1:
        error = float(np.std(levels, ddof=1) / np.sqrt(independent))
    if not abs(intercept) > STANDARD_ERRORS * error:
        intercept, method = 0.0, "slope only"
    season = weighed(rates or {}, levels - intercept, independent, horizon)
    return LogitCalibrator(slope, intercept, method, season)


def horizon_of(as_of: DateArray, label_complete: DateArray) -> float:
    """Days that a label takes; 1 without rows."""
    days = (label_complete - as_of).astype(np.int64)
    return float(np.median(days)) if len(days) else 1.0


def level_of(odds: FloatArray, weight: FloatArray) -> float:
    """Return the logit of the mean risk of rows with these log odds; NaN without rows."""
    known = ~np.isnan(odds)
    if not known.any():
        return float("nan")
    return rate_logit(float(np.average(expit(odds[known]), weights=weight[known])))


def shift_to(odds: FloatArray, weight: FloatArray, level: float) -> float:
    """Return what to add to log odds so that their mean risk has a level, a logit."""
    known = ~np.isnan(odds)
    odds, weight = odds[known], weight[known] / weight[known].sum()

    def above(shift: float) -> float:
        return float(weight @ expit(odds + shift) - expit(level))

    bound = float(np.abs(odds).max() + abs(level) + 1)
    return float(brentq(above, -bound, bound))


def _both_classes(label: BoolArray, as_of: DateArray) -> BoolArray:
    """Return which rows belong to a snapshot with both classes."""
    _, codes = np.unique(as_of, return_inverse=True)
    rows, positives = np.bincount(codes), np.bincount(codes, label)
    return np.asarray(((positives > 0) & (positives < rows))[codes], dtype=np.bool_)
