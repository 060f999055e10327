"""How good scores are.

Common to all: label (n,), 1 = defected; score (n,), higher = more likely; weight (n,), how often a
row counts (1 each by default). Ties are treated exactly: no result depends on the order of rows.
What cannot be said (no rows, only one class where two are needed, a score that is missing) is NaN,
never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import account_codes

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Labels = NDArray[Any]  # of integers or booleans
Measure = Callable[[Labels, FloatArray, FloatArray], float]
"""`(label, score, weight) -> value`, such as `auc`."""


class Interval(NamedTuple):
    """A measured value and the percentile interval of 95 % around it."""

    value: float
    low: float
    high: float


class AucDifference(NamedTuple):
    """AUC of one score minus AUC of another, and the percentile interval of 95 % around it."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class CalibrationBins:
    """Bins of equal weight, lowest risk first; each array has one entry a bin.

    predicted, observed: mean risk and share of defectors in the bin. weight: rows in it.
    """

    predicted: FloatArray
    observed: FloatArray
    weight: FloatArray


@dataclass(frozen=True)
class _Curve:
    """What is found when the cut goes down from the highest score, one entry a distinct score.

    positives, total: weight of the defectors, and of all rows, scored at least this much; both
    begin with an entry 0 for the cut above all scores. scores: the distinct scores, falling.
    """

    positives: FloatArray
    total: FloatArray
    scores: FloatArray

    @property
    def negatives(self) -> FloatArray:
        return self.total - self.positives

    @property
    def one_class(self) -> bool:
        return bool(self.positives[-1] == 0 or self.negatives[-1] == 0)


def _curve(label: Labels, score: FloatArray, weight: FloatArray | None) -> _Curve | None:
    """Return the curve, or None when there is nothing to measure."""
    score = np.asarray(score, dtype=np.float64)
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    if np.isnan(score).any() or not weight.sum() > 0:
        return None
    order, last = _falling(score)
    positive = weight * (np.asarray(label) == 1)

    def cumulated(values: FloatArray) -> FloatArray:
        return np.concatenate(([0.0], np.cumsum(values[order])[last]))

    return _Curve(cumulated(positive), cumulated(weight), score[order][last])


def _falling(score: FloatArray) -> tuple[IntArray, IntArray]:
    """Return row numbers by falling score, and where in them each group of ties ends."""
    order = np.argsort(-score, kind="stable")
    sorted_score = score[order]
    return order, np.flatnonzero(np.append(sorted_score[1:] != sorted_score[:-1], True))


def auc(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> float:
    """Area under the ROC curve: P(a defector scores above a stayer), ties counting half."""
    curve = _curve(label, score, weight)
    if curve is None or curve.one_class:
        return float("nan")
    beaten = curve.negatives[-1] - (curve.negatives[1:] + curve.negatives[:-1]) / 2
    area = float(np.diff(curve.positives) @ beaten)
    return area / float(curve.positives[-1] * curve.negatives[-1])


def average_precision(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean precision over the defectors found, each distinct score being one cut.

    The sum over cuts of (gain in recall) x precision, without interpolation.
    """
    curve = _curve(label, score, weight)
    if curve is None or curve.one_class:
        return float("nan")
    gained = np.diff(curve.positives)
    cut = gained > 0
    precision = curve.positives[1:][cut] / curve.total[1:][cut]
    return float(np.sum(gained[cut] * precision) / curve.positives[-1])


def brier(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean squared difference between risk and label: 0 is perfect, lower is better."""
    return _mean(np.square(np.asarray(score, dtype=np.float64) - label), weight)


def log_loss(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean negative log-likelihood in nats; infinite for a certain risk that was wrong."""
    score = np.asarray(score, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return _mean(-np.log(np.where(np.asarray(label) == 1, score, 1 - score)), weight)


def calibration_bins(
    label: Labels, score: FloatArray, weight: FloatArray | None = None, bins: int = 10
) -> CalibrationBins:
    """Split the rows, ordered by risk, into bins of equal weight.

    A row, or a group of tied rows, that lies across an edge is shared between both bins in
    proportion, so that all bins weigh the same. No bins when there is nothing to measure.
    """
    curve = _curve(label, score, weight)
    if curve is None:
        return CalibrationBins(np.empty(0), np.empty(0), np.empty(0))
    edges = np.linspace(0, curve.total[-1], bins + 1)
    size = curve.total[-1] / bins
    summed = np.concatenate(([0.0], np.cumsum(np.diff(curve.total) * curve.scores)))
    predicted = np.diff(np.interp(edges, curve.total, summed)) / size
    observed = np.diff(np.interp(edges, curve.total, curve.positives)) / size
    return CalibrationBins(predicted[::-1], observed[::-1], np.full(bins, size))


def calibration_error(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean over ten bins of equal weight of |mean risk - share of defectors|."""
    found = calibration_bins(label, score, weight)
    if len(found.weight) == 0:
        return float("nan")
    return float(np.mean(np.abs(found.predicted - found.observed)))


def precision_at(
    label: Labels, score: FloatArray, k: float, weight: FloatArray | None = None
) -> float:
    """Share of defectors among the k highest scores; all rows when there are fewer than k.

    Rows tied at the cut count in proportion: the expectation when ties are broken at random.
    """
    curve = _curve(label, score, weight)
    if curve is None or not k > 0:
        return float("nan")
    called = min(float(k), float(curve.total[-1]))
    return float(np.interp(called, curve.total, curve.positives)) / called


def lift_at(label: Labels, score: FloatArray, k: float, weight: FloatArray | None = None) -> float:
    """Precision at k over the share of defectors among all rows; NaN without defectors."""
    curve = _curve(label, score, weight)
    if curve is None or curve.positives[-1] == 0:
        return float("nan")
    return precision_at(label, score, k, weight) * float(curve.total[-1] / curve.positives[-1])


def clustered_interval(
    measure: Measure,
    label: Labels,
    score: FloatArray,
    account: NDArray[Any],
    repetitions: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return `measure` with its bootstrap interval, drawing whole accounts.

    An account enters with all its rows or not at all, because its rows at neighbouring snapshots
    are nearly copies: drawing rows would make the interval too narrow.
    """
    # Rows by falling score, once: sorting what is sorted is nearly free in every repetition.
    order = np.argsort(-np.asarray(score, dtype=np.float64), kind="stable")
    label, score = np.asarray(label)[order], np.asarray(score, dtype=np.float64)[order]
    codes = account_codes(np.asarray(account)[order])
    value = measure(label, score, np.ones(len(score)))
    drawn = [
        measure(label, score, np.ascontiguousarray(column[codes]))
        for draws in _draws(_accounts(codes), repetitions, seed)
        for column in draws.T
    ]
    return Interval(value, *_limits(np.array(drawn)))


def paired_auc_difference(
    label: Labels,
    score: FloatArray,
    other: FloatArray,
    account: NDArray[Any],
    repetitions: int = 1000,
    seed: int = 0,
    snapshot: NDArray[Any] | None = None,
) -> AucDifference:
    """Return AUC(score) - AUC(other) on the same rows, with its interval, drawing whole accounts.

    Both scores see the same draws. With `snapshot` (n,), the AUC is taken within each snapshot
    and averaged over the snapshots, because ranking is done within one.
    """
    label, codes = np.asarray(label) == 1, account_codes(account)
    groups = np.zeros(len(label), dtype=np.int64) if snapshot is None else account_codes(snapshot)
    pairs = [
        (
            _AccountAuc(label[part], np.asarray(score)[part], codes[part]),
            _AccountAuc(label[part], np.asarray(other)[part], codes[part]),
        )
        for part in (groups == group for group in np.unique(groups))
    ]

    def difference(draws: FloatArray) -> FloatArray:
        if not pairs:
            return np.full(draws.shape[1], np.nan)
        parts = [one.under(draws) - two.under(draws) for one, two in pairs]
        return np.asarray(np.mean(parts, axis=0), dtype=np.float64)

    accounts = _accounts(codes)
    value = float(difference(np.ones((accounts, 1)))[0])
    drawn = [difference(draws) for draws in _draws(accounts, repetitions, seed)]
    return AucDifference(value, *_limits(np.concatenate([*drawn, np.empty(0)])))


class _AccountAuc:
    """AUC of one score under many weightings of the accounts, from a single sort."""

    def __init__(self, label: NDArray[np.bool_], score: FloatArray, codes: IntArray) -> None:
        score = np.asarray(score, dtype=np.float64)
        self._measurable = not np.isnan(score).any()
        order = np.argsort(score[~label], kind="stable")
        stayed = score[~label][order]
        self._stayed, self._defected = codes[~label][order], codes[label]
        # For each defector: how many stayers score below it, and how many at most as much.
        self._below = np.searchsorted(stayed, score[label], "left")
        self._at_most = np.searchsorted(stayed, score[label], "right")

    def under(self, draws: FloatArray) -> FloatArray:
        """Return the AUC for each column of weights in `draws` (accounts, r): (r,)."""
        if not self._measurable:
            return np.full(draws.shape[1], np.nan)
        stayed = np.zeros((len(self._stayed) + 1, draws.shape[1]))
        np.cumsum(draws[self._stayed], axis=0, out=stayed[1:])
        beaten = (stayed[self._below] + stayed[self._at_most]) / 2
        defected = draws[self._defected]
        area = np.einsum("ij,ij->j", defected, beaten)
        with np.errstate(invalid="ignore"):
            return np.asarray(area / (defected.sum(axis=0) * stayed[-1]), dtype=np.float64)


def _draws(accounts: int, repetitions: int, seed: int) -> Iterator[FloatArray]:
    """Yield how often each account is drawn, (accounts, up to 32), with replacement."""
    random = np.random.default_rng(seed)
    for start in range(0, repetitions if accounts else 0, 32):
        size = min(32, repetitions - start)
        drawn = random.integers(0, accounts, (size, accounts)) * size + np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=accounts * size)
        yield counts.reshape(accounts, size).astype(np.float64)


def _accounts(codes: IntArray) -> int:
    return int(codes.max()) + 1 if len(codes) else 0


def _limits(values: FloatArray) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of the draws that could be measured."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _mean(values: FloatArray, weight: FloatArray | None) -> float:
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    total = float(weights.sum())
    # A row that does not count may hold anything, an infinite loss included.
    counted = np.where(weights > 0, values, 0.0)
    return float(counted @ weights) / total if total > 0 else float("nan")
