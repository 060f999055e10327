"""How good risks are if they mean what they say: known before a single label is.

Confidence-based performance estimation: labels are drawn by the risks themselves, and measured like
any others. What it says holds if the risks are calibrated; it cannot see that they are not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.bootstrap import Interval, interval
from models.measures import FloatArray, Ranking, mean

DRAWS = 500
_AT_ONCE = 50


def expected_performance(risk: FloatArray, capacity: int, seed: int = 0) -> dict[str, Interval]:
    """Return base_rate, auc, average_precision and precision_at_capacity with 95 % intervals.

    risk: (n,), 0-1, calibrated. capacity: the accounts called, highest risk first. The interval is
    of the labels' chance alone, with risks that are right. All NaN without rows.
    """
    risk = np.asarray(risk, dtype=np.float64)
    measured: dict[str, list[FloatArray]] = {}
    for draw in _draws(risk, seed):
        for name, values in _measured(risk, draw, capacity).items():
            measured.setdefault(name, []).append(values)
    exact = {
        "base_rate": float(mean(risk)),
        "auc": expected_auc(risk),
        "precision_at_capacity": float(mean(risk, _listed(risk, capacity))),
    }
    found = {}
    for name, parts in measured.items():
        drawn = np.concatenate(parts)
        drawn = drawn[~np.isnan(drawn)]
        value = exact.get(name, float(mean(drawn)))
        found[name] = interval(np.concatenate([[value], drawn]))
    return found


def expected_auc(risk: FloatArray) -> float:
    """Return the expected share of pairs, of a defector and a stayer, that the risk puts in order.

    The expected number of pairs in order over that of pairs; ties count half. NaN without a pair.

    >>> expected_auc(np.array([0.8, 0.3]))  # 0.8 x 0.7 in order, 0.3 x 0.2 not
    0.9032258064516129
    """
    risk = np.asarray(risk, dtype=np.float64)
    itself = float((risk * (1 - risk)).sum())  # an account makes no pair with itself
    pairs = float(risk.sum() * (1 - risk).sum())
    if pairs - itself <= 0:
        return float("nan")
    area = float(_ranking(risk).curve(np.concatenate([risk, 1 - risk])).auc()) * pairs
    return (area - itself / 2) / (pairs - itself)


def _draws(risk: FloatArray, seed: int) -> Iterator[FloatArray]:
    """Labels drawn by the risks, (r, n) at a time."""
    random = np.random.default_rng(seed)
    for _ in range(0, DRAWS, _AT_ONCE):
        yield (random.random((_AT_ONCE, len(risk))) < risk).astype(np.float64)


def _measured(risk: FloatArray, label: FloatArray, capacity: int) -> dict[str, FloatArray]:
    """The measures under each draw, (r,)."""
    curve = _ranking(risk).curve(np.concatenate([label, 1 - label], axis=1))
    return {
        "base_rate": mean(label),
        "auc": curve.auc(),
        "average_precision": curve.average_precision(),
        "precision_at_capacity": mean(label, _listed(risk, capacity)),
    }


def _ranking(risk: FloatArray) -> Ranking:
    """Each account twice, as a defector and as a stayer; the weights say which it is."""
    label = np.repeat([1, 0], len(risk))
    return Ranking(label, np.concatenate([risk, risk]))


def _listed(risk: FloatArray, capacity: int) -> FloatArray:
    """How far each account is among those called, 0-1, (n,)."""
    every = np.ones(len(risk))
    return Ranking(every, risk).curve(every).listed(capacity)
