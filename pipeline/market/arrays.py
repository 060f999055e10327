"""Names for the arrays of the market, and the one curve that it uses everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def rises(x: Floats, middle: float, width: float) -> Floats:
    """The logistic curve: 0 to 1 as x grows, 1/2 at `middle`; falls if `width` is negative."""
    curve: Floats = 1 / (1 + np.exp((middle - x) / width))
    return curve


def choose(u: Floats, shares: tuple[float, ...]) -> Ints:
    """Turns uniform draws into choices 0..n-1 with the given shares (which sum to 1)."""
    return at_most(np.searchsorted(np.cumsum(shares), u, side="right"), len(shares) - 1)


def at_most(values: NDArray[Any], top: int) -> Ints:
    """Whole numbers, none above `top`."""
    whole: Ints = np.minimum(values, top).astype(np.int64)
    return whole
