"""A calibrator that takes the mean of what several say of the level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from scipy.special import expit

from models.calibration import LogitCalibrator, level_of, shift_to
from models.dataset import FloatArray
from models.errors import DamagedModel
from models.probabilities import LARGEST, SMALLEST, finite_logit


@dataclass(frozen=True)
class PooledCalibrator:
    """The slope of the parts, which is one, and the mean of their levels, in logits.

    parts: at least one, all of the same slope.
    """

    parts: tuple[LogitCalibrator, ...]
    method: str = "pooled"

    def __post_init__(self) -> None:
        """Refuse parts that would sort accounts differently (ValueError)."""
        if len({part.slope for part in self.parts}) != 1:
            raise ValueError("a pooled calibrator needs parts of one slope")

    def apply(
        self, raw: FloatArray, as_of: date | None = None, stands_for: FloatArray | None = None
    ) -> FloatArray:
        """Return the calibrated risk, in (0, 1), of raw probabilities (n,); NaN stays NaN.

        as_of, stands_for: as for `LogitCalibrator.apply`.
        """
        weight = np.ones(len(raw)) if stands_for is None else stands_for
        odds = [finite_logit(part.apply(raw, as_of, stands_for)) for part in self.parts]
        levels = [level_of(each, weight) for each in odds]
        pooled = np.mean(odds, axis=0)
        if not np.isnan(levels).any():
            pooled = pooled + shift_to(pooled, weight, float(np.mean(levels)))
        return np.asarray(np.clip(expit(pooled), SMALLEST, LARGEST), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads back without loss."""
        return {"method": self.method, "parts": [part.to_dict() for part in self.parts]}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> PooledCalibrator:
        """Rebuild from `to_dict`; DamagedModel when a value is missing or impossible."""
        try:
            return PooledCalibrator(tuple(map(LogitCalibrator.from_dict, values["parts"])))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedModel(f"the stored calibrator cannot be read: {error}") from error
