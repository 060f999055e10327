"""How large a calibration error chance alone may give to risks that mean exactly what they say."""

from __future__ import annotations

import numpy as np

from models.measures import BINS, FloatArray

QUANTILE = 0.99
DRAWS = 1000
AT_ONCE = 2**17  # draws that are computed together, so that they fit into the caches


def calibration_limit(risk: FloatArray, seed: int = 0) -> float:
    """Return the 99th percentile of the calibration error of a perfectly calibrated risk (n,).

    Labels are drawn by the risks themselves, so the limit is of just as many rows with just these
    risks. An error above it is more than chance (Broecker and Smith 2007, on reliability diagrams,
    by consistency resampling). NaN without rows or with a missing risk.
    """
    risk = np.sort(np.asarray(risk, dtype=np.float64))
    if not len(risk) or np.isnan(risk).any():
        return float("nan")
    starts = np.unique(len(risk) * np.arange(BINS) // BINS)
    size = np.diff(np.append(starts, len(risk)))
    random = np.random.default_rng(seed)
    at_once = max(1, AT_ONCE // len(risk))
    errors = []
    for start in range(0, DRAWS, at_once):
        drawn = random.random((min(at_once, DRAWS - start), len(risk)))
        gaps = np.abs(np.add.reduceat((drawn < risk) - risk, starts, axis=1)) / size
        errors.append(np.mean(gaps, axis=1))
    return float(np.quantile(np.concatenate(errors), QUANTILE))
