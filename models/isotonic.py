"""A calibrator without a form: risks that rise with the raw ones in steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray
from models.errors import DamagedModel
from models.probabilities import LARGEST, SMALLEST


@dataclass(frozen=True)
class IsotonicCalibrator:
    """Linear between points that never fall (Zadrozny and Elkan 2002); level outside them.

    raw, risk: the points, rising, 0-1. Accounts on a level part are no longer told apart.
    """

    raw: tuple[float, ...]
    risk: tuple[float, ...]
    method: str = "isotonic"

    def __post_init__(self) -> None:
        """Refuse what would turn the ranking round (ValueError)."""
        rising = all((np.diff(points) >= 0).all() for points in (self.raw, self.risk))
        if not (self.raw and len(self.raw) == len(self.risk) and rising):
            raise ValueError("an isotonic calibrator needs points that never fall")

    def apply(
        self,
        raw: FloatArray,
        as_of: date | None = None,
        stands_for: FloatArray | None = None,
        age: FloatArray | None = None,
    ) -> FloatArray:
        """Return the calibrated risk, in (0, 1), of raw probabilities (n,); NaN stays NaN."""
        risk = np.interp(raw, self.raw, self.risk)
        return np.asarray(np.clip(risk, SMALLEST, LARGEST), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads back without loss."""
        return {"method": self.method, "raw": list(self.raw), "risk": list(self.risk)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> IsotonicCalibrator:
        """Rebuild from `to_dict`; DamagedModel when a value is missing or impossible."""
        try:
            return IsotonicCalibrator(
                tuple(map(float, values["raw"])), tuple(map(float, values["risk"]))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedModel(f"the stored calibrator cannot be read: {error}") from error


def fit_isotonic(label: NDArray[Any], raw: FloatArray, weight: FloatArray) -> IsotonicCalibrator:
    """Fit on out-of-time predictions, (n,) each, at least one; weight: what each row counts."""
    from sklearn.isotonic import IsotonicRegression  # heavy, and only to fit

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(raw, label, weight)
    return IsotonicCalibrator(
        tuple(map(float, fitted.X_thresholds_)), tuple(map(float, fitted.y_thresholds_))
    )
