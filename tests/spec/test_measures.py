"""Measures against values worked out by hand, and against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from models import measures

LABEL = np.array([1, 0, 1, 0])
SCORE = np.array([0.9, 0.5, 0.5, 0.1])


def draw(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, scores with many ties, small whole weights and accounts."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, rows)
    score = np.round(np.clip(0.4 * label + random.random(rows) * 0.6, 0, 1), 1)
    return label, score, random.integers(0, 4, rows), random.integers(0, rows // 4, rows)


def test_auc_counts_a_tie_as_half() -> None:
    # Pairs (defector, stayer): .9>.5, .9>.1, .5=.5, .5>.1 -> 1 + 1 + 1/2 + 1 of 4.
    assert measures.auc(LABEL, SCORE) == 3.5 / 4


def test_auc_with_weights() -> None:
    # Weights 2, 1, 1, 3: pairs weigh 2x1, 2x3, 1x1 (tied), 1x3 -> 2 + 6 + 0.5 + 3 of 3 x 4.
    assert measures.auc(LABEL, SCORE, np.array([2.0, 1, 1, 3])) == pytest.approx(11.5 / 12)


def test_average_precision_takes_tied_scores_as_one_cut() -> None:
    # Cut .9: recall 1/2 at precision 1. Cut .5: recall +1/2 at precision 2/3.
    assert measures.average_precision(LABEL, SCORE) == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_brier_and_log_loss() -> None:
    assert measures.brier(LABEL, SCORE) == pytest.approx((0.01 + 0.25 + 0.25 + 0.01) / 4)
    expected = -(math.log(0.9) + math.log(0.5) + math.log(0.5) + math.log(0.9)) / 4
    assert measures.log_loss(LABEL, SCORE) == pytest.approx(expected)
    assert measures.log_loss(np.array([1]), np.array([0.0])) == math.inf


def test_calibration_error_over_ten_bins_of_two() -> None:
    score = np.repeat(np.arange(10) / 10 + 0.05, 2)
    label = np.array([0, 0] * 5 + [1, 1] * 5)
    # Differences by bin: .05 .15 .25 .35 .45 and the same mirrored; their mean is .25.
    assert measures.calibration_error(label, score) == pytest.approx(0.25)
    bins = measures.calibration_bins(label, score)
    assert bins.predicted == pytest.approx(np.arange(10) / 10 + 0.05)
    assert bins.observed == pytest.approx([0] * 5 + [1] * 5)
    assert bins.weight == pytest.approx([2] * 10)


def test_calibration_bins_share_rows_that_lie_across_an_edge() -> None:
    # Three rows in two bins: the middle row belongs half to each.
    bins = measures.calibration_bins(np.array([0, 1, 1]), np.array([0.2, 0.4, 0.9]), bins=2)
    assert bins.predicted == pytest.approx([(0.2 + 0.4 / 2) / 1.5, (0.9 + 0.4 / 2) / 1.5])
    assert bins.observed == pytest.approx([0.5 / 1.5, 1.0])


def test_one_score_for_all_is_calibrated_when_it_is_the_share_of_defectors() -> None:
    label = np.array([1] * 30 + [0] * 70)  # sorted by label: order must not matter among ties
    assert measures.calibration_error(label, np.full(100, 0.3)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("k", "precision"),
    [
        (1, 1.0),
        (2, 1.5 / 2),  # .9, and one of the two rows at .5, of which half defected
        (3, 2 / 3),
        (4, 2 / 4),
        (99, 2 / 4),  # there are only four
    ],
)
def test_precision_and_lift_at_k(k: int, precision: float) -> None:
    assert measures.precision_at(LABEL, SCORE, k) == pytest.approx(precision)
    assert measures.lift_at(LABEL, SCORE, k) == pytest.approx(precision / 0.5)


@pytest.mark.parametrize("label", [np.array([], int), np.array([0, 0]), np.array([1, 1])])
def test_what_needs_two_classes_is_nan_without_them(label: np.ndarray) -> None:
    score, account = np.array([0.2, 0.7])[: len(label)], np.array(["a", "b"])[: len(label)]
    assert math.isnan(measures.auc(label, score))
    assert math.isnan(measures.average_precision(label, score))
    assert all(map(math.isnan, measures.clustered_interval(measures.auc, label, score, account, 5)))
    assert all(map(math.isnan, measures.paired_auc_difference(label, score, score, account, 5)))


def test_nothing_to_measure_is_nan() -> None:
    none = np.empty(0)
    for measure in (measures.brier, measures.log_loss, measures.calibration_error):
        assert math.isnan(measure(none, none))
    assert math.isnan(measures.precision_at(none, none, 3))
    assert math.isnan(measures.lift_at(np.zeros(3), np.arange(3.0), 3))


def test_a_missing_score_makes_every_measure_nan() -> None:
    score = np.array([0.9, np.nan, 0.5, 0.1])
    assert math.isnan(measures.auc(LABEL, score))
    assert math.isnan(measures.brier(LABEL, score))
    assert math.isnan(measures.calibration_error(LABEL, score))
    assert all(map(math.isnan, measures.paired_auc_difference(LABEL, score, SCORE, LABEL, 5)))


@pytest.mark.parametrize("seed", range(5))
def test_auc_and_average_precision_agree_with_scikit_learn(seed: int) -> None:
    label, score, weight, _ = draw(seed)
    assert measures.auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert measures.auc(label, score, weight) == pytest.approx(
        roc_auc_score(label, score, sample_weight=weight), abs=1e-12
    )
    assert measures.average_precision(label, score, weight) == pytest.approx(
        average_precision_score(label, score, sample_weight=weight), abs=1e-12
    )


@pytest.mark.parametrize(
    "measure",
    [
        measures.auc,
        measures.average_precision,
        measures.brier,
        measures.calibration_error,
        lambda label, score, weight=None: measures.precision_at(label, score, 37, weight),
        lambda label, score, weight=None: measures.lift_at(label, score, 37, weight),
    ],
)
def test_a_weight_counts_as_so_many_rows(measure: measures.Measure) -> None:
    label, score, weight, _ = draw(11)
    repeated = measure(np.repeat(label, weight), np.repeat(score, weight))  # type: ignore[call-arg]
    assert measure(label, score, weight) == pytest.approx(repeated, abs=1e-12)


def test_both_bootstraps_agree_draw_by_draw() -> None:
    # AUC of a constant is 1/2 in every draw, so both must give the same limits, one half apart.
    label, score, _, account = draw(3)
    single = measures.clustered_interval(measures.auc, label, score, account, 200, seed=4)
    paired = measures.paired_auc_difference(label, score, 0 * score, account, 200, seed=4)
    assert np.array(paired) == pytest.approx(np.array(single) - 0.5, abs=1e-12)
    assert single.low < single.value < single.high


def test_a_score_does_not_differ_from_itself() -> None:
    label, score, _, account = draw(5)
    assert measures.paired_auc_difference(label, score, score, account, 50) == (0, 0, 0)


def test_intervals_are_reproducible_and_follow_the_seed() -> None:
    label, score, _, account = draw(6)

    def interval(seed: int) -> measures.Interval:
        return measures.clustered_interval(measures.brier, label, score, account, 100, seed)

    assert interval(1) == interval(1)
    assert interval(1)[1:] != interval(2)[1:]


def test_copies_of_an_account_do_not_narrow_the_interval() -> None:
    label, score, _, _ = draw(7, rows=200)
    rows = np.arange(200)
    once = measures.clustered_interval(measures.auc, label, score, rows, 400, seed=1)
    label5, score5, account5 = (np.tile(values, 5) for values in (label, score, rows))
    clustered = measures.clustered_interval(measures.auc, label5, score5, account5, 400, seed=1)
    by_row = measures.clustered_interval(measures.auc, label5, score5, np.arange(1000), 400, seed=1)
    assert clustered == pytest.approx(once, abs=1e-12)
    width = once.high - once.low
    assert (by_row.high - by_row.low) == pytest.approx(width / math.sqrt(5), rel=0.25)


def test_with_snapshots_auc_is_taken_within_each_and_averaged() -> None:
    # Within each snapshot `good` is perfect; across them it is not, for the levels differ.
    label = np.array([1, 0, 1, 0])
    good, flat = np.array([2.0, 1.0, 20.0, 10.0]), np.zeros(4)
    snapshot = np.array(["2011-07-01", "2011-07-01", "2011-08-01", "2011-08-01"], "datetime64[D]")
    account = np.arange(4)
    pooled = measures.paired_auc_difference(label, good, flat, account, 10)
    within = measures.paired_auc_difference(label, good, flat, account, 10, snapshot=snapshot)
    assert (pooled.difference, within.difference) == (0.25, 0.5)
