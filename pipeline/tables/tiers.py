"""Value tiers: the few accounts that bring most of the value, the next, and the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TIER_SHARES = (("A", 0.80), ("B", 0.95), ("C", 1.01))  # of the cumulative value, largest first
TIERS = tuple(name for name, _ in TIER_SHARES)


def share_before(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For each account, what those that bring more bring together, as a share of all, 0-1.

    value: (n,), of the accounts of one snapshot. A loss takes nothing from what the others bring;
    who brings nothing has 1.
    """
    gains = np.maximum(value, 0.0)
    order = np.lexsort((np.arange(len(value)), -gains))
    total = float(gains.sum())
    before = np.ones(len(value))
    if total:
        before[order] = np.concatenate([[0.0], np.cumsum(gains[order])])[:-1] / total
    return np.where(gains > 0, before, 1.0)


def tiers(value: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    """A for the accounts that together bring the first 80 % of the value, B to 95 %, C the rest.

    value: (n,), of the accounts of one snapshot: the last year's margin, or revenue where none is
    recorded. An account belongs to the tier in which its own share begins, so the largest is always
    A; who brings nothing, or a loss, is C.
    """
    most = [share for _, share in TIER_SHARES]
    places = np.searchsorted(most, share_before(value), side="right")
    return np.array(TIERS, dtype=object)[places]
