"""From raw scores to risks that mean what they say.

Out of time, a model's level is wrong for two reasons: a bias that lasts, and the season, which
turns. The level of each past snapshot shows their sum. The lasting part is worth correcting; to
carry last quarter's season into the next one does harm. So the slope is fitted within snapshots,
and the intercept is used only when it stands out from how much it differs between snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from models.dataset import BoolArray, DateArray, FloatArray
from models.errors import DamagedModel

FEWEST_OF_A_CLASS = 30
"""With fewer rows of either class what is fitted would be noise."""

STANDARD_ERRORS = 2.0
"""An intercept nearer to 0 than this many of its standard errors is taken for season or chance."""

SMALLEST, LARGEST = float(np.finfo(np.float64).tiny), 1 - float(np.finfo(np.float64).epsneg)
"""Raw probabilities and risks are kept within these, next to 0 and 1: their logits are finite."""


@dataclass(frozen=True)
class LogitCalibrator:
    """risk = expit(slope x logit(raw) + intercept): Platt scaling on the logit (Platt 1999).

    slope is above 0, so calibrated risks rank as the raw ones do. method says what was fitted:
    `slope and intercept`, `slope only` (intercept 0) or `identity` (slope 1, intercept 0).
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
        return np.asarray(np.clip(risk, SMALLEST, LARGEST), dtype=np.float64)

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


def fit_calibrator(
    label: NDArray[Any], raw: FloatArray, as_of: DateArray, label_complete: DateArray
) -> LogitCalibrator:
    """Fit on out-of-time predictions, (n,) each; see `Dataset` for label, as_of, label_complete.

    Only out-of-time predictions will do: on its own training rows a model looks better than it is.
    Snapshots where all labels are the same say nothing and are left out. With too few rows, or
    scores that do not rank the labels at all, the result is the identity.
    """
    label = np.asarray(label) == 1
    mixed = _both_classes(label, as_of)
    label, score = label[mixed], _logit(raw[mixed])
    as_of, label_complete = as_of[mixed], label_complete[mixed]
    identity = LogitCalibrator(1.0, 0.0, "identity")
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
    horizon = np.median((label_complete - as_of).astype(np.int64))
    covered = (label_complete.max() - as_of.min()).astype(np.int64)
    independent = min(len(snapshots), covered / horizon)
    intercept = float(np.mean(levels))
    if len(levels) > 1:
        error = float(np.std(levels, ddof=1) / np.sqrt(independent))
        if abs(intercept) > STANDARD_ERRORS * error:
            return LogitCalibrator(slope, intercept, "slope and intercept")
    return LogitCalibrator(slope, 0.0, "slope only")


def _both_classes(label: BoolArray, as_of: DateArray) -> BoolArray:
    """Return which rows belong to a snapshot with both classes."""
    _, codes = np.unique(as_of, return_inverse=True)
    rows, positives = np.bincount(codes), np.bincount(codes, label)
    return np.asarray(((positives > 0) & (positives < rows))[codes], dtype=np.bool_)


def _logit(raw: FloatArray) -> FloatArray:
    raw = np.asarray(raw, dtype=np.float64)
    return np.asarray(logit(np.clip(raw, SMALLEST, LARGEST)), dtype=np.float64)
