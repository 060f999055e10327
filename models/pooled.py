"""A calibrator that takes the mean of several levels, because no record tells which to trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from scipy.special import expit

from models.ages import Ages
from models.calibration import level_of, shift_to
from models.dataset import FloatArray
from models.errors import DamagedModel
from models.probabilities import LARGEST, SMALLEST, finite_logit


@dataclass(frozen=True)
class PooledCalibrator:
    """log odds = slope x logit(raw), moved to the mean of what is expected of the level, in logits.

    That is the level of the raw probabilities, that of the cohort's ages, and that of the same time
    last year for these ages. slope is above 0, so calibrated risks rank as the raw ones do.
    """

    slope: float
    ages: Ages
    method: str = "pooled"

    def __post_init__(self) -> None:
        """Refuse what would turn the ranking round (ValueError)."""
        if not (np.isfinite(self.slope) and self.slope > 0):
            raise ValueError(f"a calibrator needs a finite slope above 0, not {self.slope}")

    def apply(
        self,
        raw: FloatArray,
        as_of: date | None = None,
        stands_for: FloatArray | None = None,
        age: FloatArray | None = None,
    ) -> FloatArray:
        """Return the calibrated risk, in (0, 1), of raw probabilities (n,); NaN stays NaN.

        as_of, stands_for, age: see `models.calibration_choice.Calibrator`. Without ages, or without
        a snapshot, the level of the raw probabilities stays.
        """
        own = finite_logit(raw)
        weight = np.where(np.isnan(own), 0.0, 1.0 if stands_for is None else stands_for)
        odds = self.slope * own
        if as_of is not None and weight.any():
            expected = [(level_of(own, weight), 1.0)]
            if age is not None:
                expected += self.ages.levels(as_of, age, weight)
            levels, counts = zip(*expected, strict=True)
            odds = odds + shift_to(odds, weight, float(np.average(levels, weights=counts)))
        return np.asarray(np.clip(expit(odds), SMALLEST, LARGEST), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads back without loss."""
        return {
            "method": self.method,
            "slope": self.slope,
            "rates_by_age": list(self.ages.rates),
            "beside": {day.isoformat(): moved for day, moved in self.ages.beside.items()},
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> PooledCalibrator:
        """Rebuild from `to_dict`; DamagedModel when a value is missing or impossible."""
        try:
            beside = {date.fromisoformat(day): float(by) for day, by in values["beside"].items()}
            rates = tuple(map(float, values["rates_by_age"]))
            return PooledCalibrator(float(values["slope"]), Ages(rates, beside))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedModel(f"the stored calibrator cannot be read: {error}") from error
