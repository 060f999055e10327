"""Probabilities and their logits, finite at both ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from models.dataset import FloatArray

SMALLEST, LARGEST = float(np.finfo(np.float64).tiny), 1 - float(np.finfo(np.float64).epsneg)
"""Probabilities are kept within these, next to 0 and 1, so that their logits are finite."""


def finite_logit(probability: ArrayLike) -> FloatArray:
    """Return log(p / (1 - p)), elementwise; NaN stays NaN."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST, LARGEST)
    return np.asarray(logit(clipped), dtype=np.float64)
