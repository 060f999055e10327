"""The difference of two independent shares, with its interval."""

from __future__ import annotations

import numpy as np

from models.bootstrap import Interval

_Z = 1.959963984540054  # 95 in 100 lie within so many deviations of a normal


def difference(found: int, of: int, other_found: int, other_of: int) -> Interval:
    """Return the first share less the second with a 95 % interval; all NaN where one has no rows.

    By Newcombe (1998, method 10), from Wilson's interval of each share: right for small numbers,
    and never beyond -1 and 1.

    >>> difference(56, 70, 48, 80)
    Interval(value=0.2, low=0.052..., high=0.334...)
    """
    if not of or not other_of:
        return Interval(np.nan, np.nan, np.nan)
    share, low, high = wilson(found, of)
    other, other_low, other_high = wilson(other_found, other_of)
    gap = share - other
    return Interval(
        gap,
        float(gap - np.hypot(share - low, other_high - other)),
        float(gap + np.hypot(high - share, other - other_low)),
    )


def wilson(found: int, of: int) -> Interval:
    """Return a share of at least one row with Wilson's 95 % interval."""
    share = found / of
    middle = (share + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    half = _Z * np.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2)) / (1 + _Z**2 / of)
    return Interval(share, float(middle - half), float(middle + half))
