"""Value tiers: the few accounts that bring most of the value, the next, and the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TIER_SHARES = (("A", 0.80), ("B", 0.95), ("C", 1.01))  # of the cumulative value, largest first
TIERS = tuple(name for name, _ in TIER_SHARES)


def tiers(value: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    """A for the accounts that together bring the first 80 % of the value, B to 95 %, C the rest.

    value: (n,), of the accounts of one snapshot. An account belongs to the tier in which its own
    share begins, so the largest is always A.
    """
    order = np.lexsort((np.arange(len(value)), -value))
    total = float(value.sum())
    before = np.empty(len(value))
    before[order] = np.concatenate([[0.0], np.cumsum(value[order])])[:-1]
    share = before / total if total else np.ones(len(value))
    places = np.searchsorted([most for _, most in TIER_SHARES], share, side="right")
    return np.array(TIERS, dtype=object)[places]
