"""The share of accounts that should have ordered by a day, from risks over whole horizons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.bootstrap import Interval
from models.measures import FloatArray

_Z = 2.5758293035489004  # 99 in 100 lie within so many deviations of a normal


def expected_silent(risk_by_days: Mapping[int, FloatArray], days: int) -> FloatArray:
    """Return the chance that each account is silent for `days` days, (n,).

    risk_by_days: the chance of silence over whole horizons, (n,) each, one of them at least as long
    as `days`. Between two of them, and before the first, orders come at an even rate: the log of
    the chance falls in a straight line.

    >>> expected_silent({30: np.array([0.25])}, 15)
    array([0.5])
    """
    known = sorted(risk_by_days)
    later = next(each for each in known if each >= days)
    earlier = max((each for each in known if each < days), default=0)
    smallest = np.finfo(np.float64).tiny
    end = np.log(np.maximum(risk_by_days[later], smallest))
    begin = np.log(np.maximum(risk_by_days[earlier], smallest)) if earlier else np.zeros(len(end))
    part = (days - earlier) / (later - earlier)
    return np.asarray(np.exp(begin + part * (end - begin)), dtype=np.float64)


def cleared_by(silent: FloatArray) -> Interval:
    """Return the expected share that has ordered, and where it lies by chance 99 times in 100.

    silent: (n,), the chance of each account that it has not. All NaN without accounts.
    """
    if not len(silent):
        return Interval(np.nan, np.nan, np.nan)
    share = float(1 - silent.mean())
    deviation = float(np.sqrt((silent * (1 - silent)).sum())) / len(silent)
    return Interval(share, max(share - _Z * deviation, 0.0), min(share + _Z * deviation, 1.0))
