"""How good scores are.

Common to all: label (n,), 1 = defected; score (n,), higher = more likely; weight (n,), how often a
row counts (1 each by default), or (r, n), r weightings at once (`models.bootstrap`). The answer is
a float, or (r,) of them. Ties are treated exactly: no result depends on the order of rows. What
cannot be said (no rows, only one class where two are needed, a score that is missing) is NaN,
never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Labels = NDArray[Any]  # of integers or booleans
Value = Any  # a float, or (r,) where r weightings were given

BINS = 10
_SOME = np.finfo(np.float64).tiny


class BrierParts(NamedTuple):
    """What a Brier score consists of, each part 0 or more but for the covariance.

    reliability: mean squared gap between risk and share of defectors over the bins; 0 is perfect.
    resolution: how far the bins' shares of defectors lie from the base rate; more is better.
    uncertainty: base rate x (1 - base rate), whatever the score. within_variance: of the risks in a
    bin. within_covariance: twice that of risks and labels in a bin. The Brier score is
    reliability - resolution + uncertainty + within_variance - within_covariance.
    """

    reliability: Value
    resolution: Value
    uncertainty: Value
    within_variance: Value
    within_covariance: Value


@dataclass(frozen=True)
class CalibrationBins:
    """Bins of equal weight, lowest risk first; each array has one entry a bin on its last axis.

    predicted, observed: mean risk and share of defectors in the bin. weight: rows in it.
    """

    predicted: FloatArray
    observed: FloatArray
    weight: FloatArray


@dataclass(frozen=True)
class Curve:
    """What is found when the cut goes down from the highest score to each distinct score.

    total (..., cuts + 1): weight of the rows scored at least this much, 0 first, for the cut above
    all scores. finding (f,): the cuts that have a defector. positives (..., f + 1): weight of the
    defectors down to each of these, 0 first. scores (cuts,): the distinct scores, falling. place
    (n,): which of them each row has. All NaN when there is nothing to measure.
    """

    total: FloatArray
    finding: IntArray
    positives: FloatArray
    scores: FloatArray
    place: IntArray

    def auc(self) -> Value:
        """Area under the ROC curve, as `auc`."""
        above, until = self._around
        negatives = self.total[..., -1:] - self.positives[..., -1:]
        passed = (above - self.positives[..., :-1]) + (until - self.positives[..., 1:])
        area = weighted_sum(negatives - passed / 2, np.diff(self.positives))
        return over(area, self.positives[..., -1] * negatives[..., 0])

    def average_precision(self) -> Value:
        """Mean precision over the defectors found, as `average_precision`."""
        # A cut above everybody who was drawn gains nothing; its precision does not matter.
        precision = self.positives[..., 1:] / np.maximum(self._around[1], _SOME)
        one_class = self.positives[..., -1] == self.total[..., -1]
        found = weighted_sum(precision, np.diff(self.positives))
        return over(found, np.where(one_class, 0.0, self.positives[..., -1]))

    def base_rate(self) -> Value:
        """Share of defectors; NaN without rows."""
        return over(self.positives[..., -1], self.total[..., -1])

    def calibration_bins(self, bins: int = BINS) -> CalibrationBins:
        """Bins of equal weight, as `calibration_bins`."""
        predicted, observed = self._by_bin(bins, self.scores, np.ones_like(self.scores))
        return CalibrationBins(
            predicted=predicted,
            observed=observed,
            weight=np.repeat(self.total[..., -1:] / bins, bins, axis=-1),
        )

    def calibration_error(self) -> Value:
        """Mean gap over ten bins, as `calibration_error`."""
        found = self.calibration_bins()
        return mean(np.abs(found.predicted - found.observed))

    def brier_parts(self, bins: int = BINS) -> BrierParts:
        """What the Brier score consists of, as `brier_parts`."""
        found = self.calibration_bins(bins)
        base_rate = mean(found.observed)
        squared, product = self._by_bin(bins, self.scores**2, self.scores)
        return BrierParts(
            reliability=mean((found.predicted - found.observed) ** 2),
            resolution=mean((found.observed - np.asarray(base_rate)[..., None]) ** 2),
            uncertainty=base_rate * (1 - base_rate),
            within_variance=mean(squared - found.predicted**2),
            within_covariance=2 * mean(product - found.predicted * found.observed),
        )

    def listed(self, k: float) -> FloatArray:
        """How far each row is among the k highest scores, 0-1.

        Rows tied at the cut are in proportion: the expectation when ties are broken at random.
        """
        share = np.zeros_like(self.total[..., 1:])
        reached = self.reached(k)
        share[..., : reached.shape[-1]] = reached
        return share.take(self.place, axis=-1)

    def reached(self, k: float) -> FloatArray:
        """How far the rows of each of the first m cuts are among the k highest scores, (..., m).

        As `listed`; no weighting lists a row of the other cuts.
        """
        cuts = len(self.scores) - np.min(np.count_nonzero(self.total[..., :-1] >= k, axis=-1))
        total = self.total[..., : cuts + 1]
        group = np.diff(total)
        return np.where(group == 0, 0.0, over(np.clip(k - total[..., :-1], 0, group), group))

    @cached_property
    def _around(self) -> tuple[FloatArray, FloatArray]:
        """Weight of the rows above each cut that has a defector, and down to it."""
        return self.total.take(self.finding, axis=-1), self.total.take(self.finding + 1, axis=-1)

    def _by_bin(
        self, bins: int, of_row: FloatArray, of_defector: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Means, by bin of equal weight, of what rows and what defectors add; lowest risk first.

        of_row, of_defector (cuts,): what each of them adds, by its score.
        """
        size = self.total[..., -1:] / bins
        start, end, way = _located(size * np.arange(bins + 1), self.total)

        def means(
            weight: FloatArray, value: FloatArray, start: IntArray, end: IntArray
        ) -> FloatArray:
            added = np.diff(weight)
            added *= value
            sums = _cumulated(added)
            before, after = (np.take_along_axis(sums, at, axis=-1) for at in (start, end))
            edges = before + way * (after - before)
            return np.asarray(over(np.diff(edges), size)[..., ::-1])

        found = self.finding.searchsorted((start, end))
        return (
            means(self.total, of_row, start, end),
            means(self.positives, of_defector[self.finding], *found),
        )


class Ranking:
    """Rows sorted by score once, to be measured under many weightings."""

    def __init__(self, label: Labels, score: FloatArray) -> None:
        """Sort; label and score as in all measures."""
        score = np.asarray(score, dtype=np.float64)
        self._measurable = len(score) > 0 and not np.isnan(score).any()
        self._order = np.argsort(-score, kind="stable")
        self._sorted = bool((np.diff(self._order) > 0).all())
        falling = score[self._order]
        self._last = _ends(falling)  # of each group of ties
        self._scores = falling[self._last]
        cut = np.searchsorted(self._last, np.arange(len(score)))
        self._place = np.empty(len(score), dtype=np.int64)
        self._place[self._order] = cut
        self._positive = np.flatnonzero(np.asarray(label)[self._order] == 1)
        self._last_positive = _ends(cut[self._positive])
        self._finding = cut[self._positive[self._last_positive]]

    def curve(self, weight: FloatArray) -> Curve:
        """Return what is found under a weighting (n,), or under each of (r, n)."""
        if not self._measurable:
            unknown = np.full((*weight.shape[:-1], 2), np.nan)
            nowhere = np.zeros(1, dtype=np.int64)
            return Curve(unknown, nowhere, unknown, np.full(1, np.nan), np.zeros_like(self._place))
        if not self._sorted:
            weight = weight.take(self._order, axis=-1)
        return Curve(
            _cumulated(weight, self._last),
            self._finding,
            _cumulated(weight.take(self._positive, axis=-1), self._last_positive),
            self._scores,
            self._place,
        )


def _ends(values: NDArray[Any]) -> IntArray:
    """Where each run of equal values ends."""
    return np.flatnonzero(np.append(values[1:] != values[:-1], True)[: len(values)])


def _cumulated(values: FloatArray, last: IntArray | None = None) -> FloatArray:
    """Sums up to each entry of the last axis, or to the entries `last`, 0 first."""
    sums = np.empty((*values.shape[:-1], values.shape[-1] + 1))
    sums[..., 0] = 0
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    if last is None or len(last) == values.shape[-1]:
        return sums
    return sums.take(np.append(0, last + 1), axis=-1)


def _curve(label: Labels, score: FloatArray, weight: FloatArray | None) -> Curve:
    weights = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    return Ranking(label, score).curve(weights)


def auc(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> Value:
    """Area under the ROC curve: P(a defector scores above a stayer), ties counting half."""
    return _curve(label, score, weight).auc()


def average_precision(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> Value:
    """Mean precision over the defectors found, each distinct score being one cut.

    The sum over cuts of (gain in recall) x precision, without interpolation.
    """
    return _curve(label, score, weight).average_precision()


def brier(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> Value:
    """Mean squared difference between risk and label: 0 is perfect, lower is better."""
    return mean(np.square(np.asarray(score, dtype=np.float64) - label), weight)


def log_loss(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> Value:
    """Mean negative log-likelihood in nats; infinite for a certain risk that was wrong."""
    score = np.asarray(score, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return mean(-np.log(np.where(np.asarray(label) == 1, score, 1 - score)), weight)


def calibration_in_the_large(
    label: Labels, score: FloatArray, weight: FloatArray | None = None
) -> Value:
    """|Mean risk - share of defectors|: whether the level is right, whoever carries the risk."""
    return np.abs(mean(np.asarray(score, dtype=np.float64) - label, weight))


def calibration_bins(
    label: Labels, score: FloatArray, weight: FloatArray | None = None, bins: int = BINS
) -> CalibrationBins:
    """Split the rows, ordered by risk, into bins of equal weight.

    A row, or a group of tied rows, that lies across an edge is shared between both bins in
    proportion, so that all bins weigh the same. NaN when there is nothing to measure.
    """
    return _curve(label, score, weight).calibration_bins(bins)


def calibration_error(label: Labels, score: FloatArray, weight: FloatArray | None = None) -> Value:
    """Mean over ten bins of equal weight of |mean risk - share of defectors|."""
    return _curve(label, score, weight).calibration_error()


def brier_parts(
    label: Labels, score: FloatArray, weight: FloatArray | None = None, bins: int = BINS
) -> BrierParts:
    """Decompose the Brier score over the bins of the calibration error.

    Reliability, resolution and uncertainty by Murphy (1973); risks that differ within a bin add
    the two further parts of Stephenson, Coelho and Jolliffe (2008), which make the sum exact.
    """
    return _curve(label, score, weight).brier_parts(bins)


def precision_at(
    label: Labels, score: FloatArray, k: float, weight: FloatArray | None = None
) -> Value:
    """Share of defectors among the k highest scores, k above 0; all rows when there are fewer.

    Rows tied at the cut count in proportion: the expectation when ties are broken at random.
    """
    weights = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    return mean(np.asarray(label) == 1, weights * _curve(label, score, weights).listed(k))


def lift_at(label: Labels, score: FloatArray, k: float, weight: FloatArray | None = None) -> Value:
    """Precision at k over the share of defectors among all rows; NaN without defectors."""
    base_rate = mean(np.asarray(label) == 1, weight)
    return over(precision_at(label, score, k, weight), base_rate)


def mean(values: NDArray[Any], weight: FloatArray | None = None) -> Value:
    """Weighted mean over the last axis; NaN without any weight."""
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones(values.shape[-1]) if weight is None else np.asarray(weight, dtype=np.float64)
    if not np.isfinite(values).all():
        # A row that does not count may hold anything, an infinite loss included.
        values = np.where(weights == 0, 0.0, values)
    return over(weighted_sum(values, weights), weights.sum(axis=-1))


def weighted_sum(values: NDArray[Any], weight: FloatArray) -> Value:
    """Sum over the last axis, the same however many threads there are."""
    return np.einsum("...i,...i->...", np.asarray(values, dtype=np.float64), weight)[()]


def over(numerator: Value, denominator: Value) -> Value:
    """Numerator over denominator; NaN where the denominator is 0."""
    with np.errstate(invalid="ignore"):
        return numerator / np.where(np.asarray(denominator) == 0, np.nan, denominator)[()]


def _located(at: FloatArray, x: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Between which entries of x, rising on the last axis, each `at` lies, and how far along, 0-1.

    No `at` is below all of x; beyond the last x both neighbours are the last.
    """
    rows = zip(np.atleast_2d(x), np.atleast_2d(at), strict=True)
    start = np.reshape([row.searchsorted(some, "right") for row, some in rows], at.shape) - 1
    end = np.minimum(start + 1, x.shape[-1] - 1)
    before, after = (np.take_along_axis(x, place, axis=-1) for place in (start, end))
    step = after - before
    step[step == 0] = 1
    return start, end, (at - before) / step
