"""The share of accounts that should have ordered by a day, from risks over whole horizons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.bootstrap import Interval
from models.measures import FloatArray

_Z = 2.5758293035489004  # 99 in 100 lie within so many deviations of a normal


LONGEST_FIRST = 30
"""Days of the shortest horizon from which the days before it can be told."""


def expected_silent(risk_by_days: Mapping[int, FloatArray], days: int) -> FloatArray:
    """Return the chance that each account is silent for `days` days, (n,).

    risk_by_days: the chance of silence over whole horizons, (n,) each, the shortest of at most 30
    days, the longest of at least `days`. Before the shortest, orders come at an even rate: the log
    of the chance falls in a straight line. Between two, at a rate that falls as time passes, for
    whoever orders often has ordered: the log falls in a straight line over the log of the days.
    Measured in docs/decisions/0015-monitoring.md.

    >>> expected_silent({30: np.array([0.25])}, 15)
    array([0.5])
    """
    known = sorted(risk_by_days)
    if known[0] > LONGEST_FIRST:
        raise ValueError(f"the shortest horizon has {known[0]} days, more than {LONGEST_FIRST}")
    later = next(each for each in known if each >= days)
    earlier = max((each for each in known if each < days), default=0)
    smallest = np.finfo(np.float64).tiny
    end = np.log(np.maximum(risk_by_days[later], smallest))
    if not earlier:
        return np.asarray(np.exp(end * days / later), dtype=np.float64)
    begin = np.log(np.maximum(risk_by_days[earlier], smallest))
    part = np.log(days / earlier) / np.log(later / earlier)
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
