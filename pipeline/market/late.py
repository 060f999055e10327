"""Rows that our systems learn of days later: somebody types them in when there is time."""

from __future__ import annotations

import numpy as np

from pipeline.market.arrays import Floats, Ints
from pipeline.market.calendar import DAY_SECONDS, Calendar

LATE = 0.03  # of the rows
AT_LEAST_DAYS, MORE_DAYS = 1.0, 4.0


def known(calendar: Calendar, occurred: Ints, u: Floats) -> Ints:
    """When we know of what occurred: at once, or days later; `NO_STAMP` if not before the end.

    u: uniform draws, one a row; they decide whether and how late.
    """
    delay = AT_LEAST_DAYS - MORE_DAYS * np.log1p(-np.minimum(u / LATE, 0.999))
    late = occurred + (delay * DAY_SECONDS).astype(np.int64)
    return calendar.until_end(np.where(u < LATE, late, occurred))
