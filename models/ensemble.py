"""Several learners as one: the mean of what they say, on the scale of log odds.

The learners are the same trees, taught with outcomes over a third, two thirds and the whole of the
horizon. Who stays silent for a month is likelier to stay silent for three, and a month's outcome is
known two months earlier, so the shorter ones have seen the latest snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from models.dataset import FloatArray
from models.probabilities import finite_logit


def shorter_horizons(horizon_days: int) -> tuple[int, ...]:
    """Return the horizons in days that are learned beside the main one, shortest first.

    >>> shorter_horizons(90)
    (30, 60)
    """
    return tuple(sorted({horizon_days // 3, 2 * horizon_days // 3} - {0, horizon_days}))


def averaged(predictions: Sequence[FloatArray], rates: Sequence[float]) -> FloatArray:
    """Return one probability, (n,), from those of several learners, (n,) each, the main one last.

    rates: the share of defectors among each learner's training rows, 0-1. Over a shorter horizon
    more are silent, so each learner says how far an account is from the learner's own rate, and
    the main learner's rate is where the answer begins.
    """
    away = [
        finite_logit(predicted) - finite_logit(rate)
        for predicted, rate in zip(predictions, rates, strict=True)
    ]
    return np.asarray(expit(np.mean(away, axis=0) + finite_logit(rates[-1])), dtype=np.float64)


def averaged_contributions(
    contributions: Sequence[FloatArray], rates: Sequence[float]
) -> tuple[FloatArray, float]:
    """Return what each feature adds to the log odds of `averaged`, (n, p), and their base.

    contributions: of each learner, (n, p + 1), the last column its base; rates: as for `averaged`.
    The average is one of log odds, so the mean of what a feature adds to each learner's is what it
    adds to the average, and nothing is approximate. The base is the mean of how far each learner's
    own base is from its rate, from the main learner's rate on.
    """
    whole = np.mean(np.stack(contributions), axis=0)
    begin = finite_logit(rates[-1]) - np.mean(finite_logit(rates))
    base = whole[0, -1] + begin if len(whole) else np.nan
    return np.asarray(whole[:, :-1], dtype=np.float64), float(base)
