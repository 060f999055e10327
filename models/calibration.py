"""From raw scores to risks that mean what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from models.dataset import FloatArray
from models.errors import DamagedModel

FEWEST_OF_A_CLASS = 30
"""Below this many rows of either class a slope would be noise: only the intercept is fitted."""

SMALLEST_RISK = 1e-12
"""Risks and raw probabilities are kept this far from 0 and 1, so that their logits are finite."""


@dataclass(frozen=True)
class LogitCalibrator:
    """risk = expit(slope x logit(raw) + intercept): Platt scaling on the logit (Platt 1999).

    slope is above 0, so the calibrated risks rank as the raw ones do. method says how it came
    about: `slope and intercept`, `intercept only` (too few rows of a class, or a slope that was
    not positive), or `identity` (no rows, or only one class).
    """

    slope: float
    intercept: float
    method: str

    def __post_init__(self) -> None:
        """Refuse what would turn the ranking round (ValueError)."""
        if not (np.isfinite(self.slope) and self.slope > 0 and np.isfinite(self.intercept)):
            raise ValueError(
                f"a calibrator needs a finite slope above 0 and a finite intercept, not "
                f"{self.slope} and {self.intercept}"
            )

    def apply(self, raw: FloatArray) -> FloatArray:
        """Return the calibrated risk, in (0, 1), of raw probabilities (n,); NaN stays NaN."""
        risk = expit(self.slope * _logit(raw) + self.intercept)
        return np.asarray(np.clip(risk, SMALLEST_RISK, 1 - SMALLEST_RISK), dtype=np.float64)

    def to_dict(self) -> dict[str, float | str]:
        """Return plain values that `from_dict` reads back without loss."""
        return {"slope": self.slope, "intercept": self.intercept, "method": self.method}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> LogitCalibrator:
        """Rebuild from `to_dict`; DamagedModel when a value is missing or impossible."""
        try:
            return LogitCalibrator(
                float(values["slope"]), float(values["intercept"]), str(values["method"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedModel(f"the stored calibrator cannot be read: {error}") from error


def fit_calibrator(label: NDArray[Any], raw: FloatArray) -> LogitCalibrator:
    """Fit on predictions (n,) whose labels (n,) the model had not seen.

    Only out-of-time predictions will do: on its own training rows a model looks better than it is.
    """
    label = np.asarray(label) == 1
    positives, rows = int(label.sum()), len(label)
    if positives == 0 or positives == rows:
        return LogitCalibrator(1.0, 0.0, "identity")
    score = _logit(raw)
    if min(positives, rows - positives) >= FEWEST_OF_A_CLASS:
        # Newton steps to the maximum of the likelihood; C is so large that nothing is shrunk.
        fitted = LogisticRegression(C=1e10, solver="newton-cholesky", tol=1e-10)
        fitted.fit(score[:, None], label)
        slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
        if slope > 0 and np.isfinite([slope, intercept]).all():
            return LogitCalibrator(slope, intercept, "slope and intercept")
    # The shift at which the mean risk equals the share of defectors; it lies within these ends.
    wanted = positives / rows
    low = float(logit(wanted) - score.max()) - 1
    high = float(logit(wanted) - score.min()) + 1
    shift = brentq(lambda b: float(np.mean(expit(score + b))) - wanted, low, high, xtol=1e-12)
    return LogitCalibrator(1.0, float(shift), "intercept only")


def _logit(raw: FloatArray) -> FloatArray:
    raw = np.asarray(raw, dtype=np.float64)
    return np.asarray(logit(np.clip(raw, SMALLEST_RISK, 1 - SMALLEST_RISK)), dtype=np.float64)
