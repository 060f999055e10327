"""Accounts whose patience ended since the publication before, against what it expected.

An account crosses if no order comes before its patience ends. The publication before said how
likely that is of each: its slip chance. Were far more to cross, today's extract lacks orders.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.guards.compare import Difference, Limits

_DEVIATIONS = 3  # standard deviations that chance alone may add

CROSSINGS = "accounts that fell silent"

Floats = npt.NDArray[np.float64]
Expected = tuple[tuple[int, float, float], ...]
"""By days from the snapshot, from 1 on: accounts whose patience ends then, how many of them are
expected to cross, and the variance of that."""


def expected_crossings(days_past_patience: Floats, slip_chance: Floats, most_days: int) -> Expected:
    """Count the crossings that are to come.

    Parameters
    ----------
    days_past_patience : (n,), below 0 for active accounts.
    slip_chance : (n,), 0-1; NaN where it is not known.
    most_days : days that patience lasts at least after an order is due. An account whose patience
        ends sooner has a due date in the past, so its slip chance is not 0 for want of one.
    """
    ahead = -days_past_patience
    days = []
    for day in range(1, most_days + 1):
        chance = slip_chance[(ahead == day) & ~np.isnan(slip_chance)]
        spread = float((chance * (1 - chance)).sum())
        days.append((len(chance), round(float(chance.sum()), 6), round(spread, 6)))
    return tuple(days)


def compare_crossings(
    expected: Expected, days_past_patience: Floats, days: int, limits: Limits
) -> Difference | None:
    """Compare what was expected with what came.

    days_past_patience: (n,), of today's accounts. days: since the publication that expected it.
    None where nothing was expected, or it is too long ago.
    """
    if not 0 < days <= len(expected):
        return None
    accounts, mean, variance = (sum(column) for column in zip(*expected[:days], strict=True))
    if not accounts:
        return None
    crossed = int(((days_past_patience >= 0) & (days_past_patience < days)).sum())
    beyond = max(crossed - mean - _DEVIATIONS * float(np.sqrt(variance)), 0.0)
    share = min(beyond / accounts, 1.0)
    level = limits.level(share, crossed - mean)
    units, of = crossed - mean, "(then: expected)"
    return Difference("orders", CROSSINGS, round(mean, 1), crossed, share, units, level, of)
