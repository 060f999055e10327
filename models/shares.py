"""Shares of independent accounts with their intervals, and the difference of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.bootstrap import Interval

Values = Any  # a number, or an array of them

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


def wilson(found: Values, of: Values) -> tuple[Values, Values, Values]:
    """Return a share of at least one row, and the ends of its 95 % interval.

    found, of: numbers, or arrays of them, and so is the answer. The interval is Wilson's (1927),
    which holds near 0 and 1 too.
    """
    share = found / of
    middle = (share + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    half = _Z * np.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2)) / (1 + _Z**2 / of)
    return share, middle - half, middle + half
