"""Measures against values worked out by hand, and against scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from models import measures
from models.bootstrap import Interval, bootstrapped, interval, recentred
from models.calibration_limit import calibration_limit

Measure = Callable[..., Any]

LABEL = np.array([1, 0, 1, 0])
SCORE = np.array([0.9, 0.5, 0.5, 0.1])


def draw(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, scores with many ties, small whole weights and accounts."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, rows)
    score = np.round(np.clip(0.4 * label + random.random(rows) * 0.6, 0, 1), 1)
    return label, score, random.integers(0, 4, rows), random.integers(0, rows // 4, rows)


def sure(
    measure: Measure,
    label: np.ndarray,
    score: np.ndarray,
    account: np.ndarray,
    repetitions: int,
    seed: int = 0,
) -> Interval:
    """Return a measure with its interval over accounts."""
    drawn = bootstrapped(
        lambda weight: {"it": measure(label, score, weight)}, account, repetitions, seed
    )
    return interval(drawn["it"])


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
    assert all(map(math.isnan, sure(measures.auc, label, score, account, 5)))


def test_nothing_to_measure_is_nan() -> None:
    none = np.empty(0)
    for measure in (
        measures.brier,
        measures.log_loss,
        measures.calibration_error,
        measures.calibration_in_the_large,
    ):
        assert math.isnan(measure(none, none))
    assert all(map(math.isnan, measures.brier_parts(none, none)))
    assert math.isnan(measures.precision_at(none, none, 3))
    assert math.isnan(measures.lift_at(np.zeros(3), np.arange(3.0), 3))


def test_a_missing_score_makes_every_measure_nan() -> None:
    score = np.array([0.9, np.nan, 0.5, 0.1])
    assert math.isnan(measures.auc(LABEL, score))
    assert math.isnan(measures.brier(LABEL, score))
    assert math.isnan(measures.calibration_error(LABEL, score))
    assert math.isnan(measures.precision_at(LABEL, score, 2))
    assert all(map(math.isnan, measures.brier_parts(LABEL, score)))
    assert all(map(math.isnan, sure(measures.auc, LABEL, score, LABEL, 5)))


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
        measures.log_loss,
        measures.calibration_error,
        measures.calibration_in_the_large,
        lambda label, score, weight=None: measures.brier_parts(label, score, weight).resolution,
        lambda label, score, weight=None: measures.precision_at(label, score, 37, weight),
        lambda label, score, weight=None: measures.lift_at(label, score, 37, weight),
    ],
)
def test_a_weight_counts_as_so_many_rows_and_many_weightings_go_at_once(measure: Measure) -> None:
    label, score, weight, _ = draw(11)
    score = np.clip(score, 0.05, 0.95)
    repeated = measure(np.repeat(label, weight), np.repeat(score, weight))
    assert measure(label, score, weight) == pytest.approx(repeated, abs=1e-12)
    weights = np.array([weight, np.ones(len(label)), np.zeros(len(label))])
    at_once = measure(label, score, weights)
    assert at_once[:2] == pytest.approx([repeated, measure(label, score)], abs=1e-12)
    assert math.isnan(at_once[2])


@pytest.mark.parametrize("seed", range(3))
def test_brier_log_loss_and_bins_agree_with_scikit_learn(seed: int) -> None:
    label, score, weight, _ = draw(seed)
    score = np.clip(score, 0.05, 0.95)
    assert measures.brier(label, score, weight) == pytest.approx(
        brier_score_loss(label, score, sample_weight=weight)
    )
    assert measures.log_loss(label, score, weight) == pytest.approx(
        log_loss(label, score, sample_weight=weight)
    )
    apart = np.random.default_rng(seed).permutation(300) / 300  # no ties: equal counts are exact
    observed, predicted = calibration_curve(label, apart, n_bins=10, strategy="quantile")
    bins = measures.calibration_bins(label, apart)
    assert bins.observed == pytest.approx(observed)
    assert bins.predicted == pytest.approx(predicted)


def test_the_parts_of_a_brier_score_in_two_bins() -> None:
    # Lower bin: risks .1 .3, labels 0 0. Upper bin: risks .6 .8, labels 0 1. Base rate 1/4.
    label, risk = np.array([0, 0, 0, 1]), np.array([0.1, 0.3, 0.6, 0.8])
    parts = measures.brier_parts(label, risk, bins=2)
    assert parts.reliability == pytest.approx((0.2**2 + 0.2**2) / 2)  # .2 against 0, .7 against .5
    assert parts.resolution == pytest.approx((0.25**2 + 0.25**2) / 2)
    assert parts.uncertainty == pytest.approx(1 / 4 * 3 / 4)
    assert parts.within_variance == pytest.approx(0.1**2)  # each risk lies .1 from its bin's mean
    assert parts.within_covariance == pytest.approx(2 * (0 + 0.1 * 0.5) / 2)
    total = 0.04 - 0.0625 + 0.1875 + 0.01 - 0.05
    assert total == pytest.approx(measures.brier(label, risk)) == pytest.approx(0.5 / 4)


def test_calibration_in_the_large_looks_at_the_level_alone() -> None:
    # Mean risk .5, a quarter defected: .25, whoever it was.
    risk = np.array([0.2, 0.4, 0.6, 0.8])
    for defected in range(4):
        label = (np.arange(4) == defected).astype(int)
        assert measures.calibration_in_the_large(label, risk) == pytest.approx(0.25)


def test_the_difference_of_two_scores_sees_the_same_draws() -> None:
    # AUC of a constant is 1/2 in every draw, so the difference is the AUC's own interval less half.
    label, score, _, account = draw(3)
    drawn = bootstrapped(
        lambda weight: {
            "own": measures.auc(label, score, weight),
            "constant": measures.auc(label, 0 * score, weight),
        },
        account,
        200,
    )
    own = interval(drawn["own"])
    assert np.array(interval(drawn["own"] - drawn["constant"])) == pytest.approx(
        np.array(own) - 0.5, abs=1e-12
    )
    assert own.low < own.value < own.high


def test_a_calibration_error_lies_in_its_interval() -> None:
    # Risks as they should be: nearly all of the error is noise, and drawing adds to it.
    random = np.random.default_rng(1)
    risk = random.random(500)
    label = (random.random(500) < risk).astype(int)
    drawn = bootstrapped(
        lambda weight: {"it": measures.calibration_error(label, risk, weight)}, np.arange(500), 200
    )["it"]
    assert drawn[0] < np.percentile(drawn[1:], 20)
    low, high = interval(recentred(drawn))[1:]
    assert 0 <= low < drawn[0] < high
    assert high - low == pytest.approx(np.ptp(np.percentile(drawn[1:], [2.5, 97.5])), rel=0.01)
    unknown = np.full(3, np.nan)
    assert all(map(math.isnan, interval(recentred(unknown))))


def test_intervals_are_reproducible_and_follow_the_seed() -> None:
    label, score, _, account = draw(6)
    one, again, other = (
        sure(measures.brier, label, score, account, 100, seed) for seed in (1, 1, 2)
    )
    assert one == again
    assert one[1:] != other[1:]
    assert one.value == other.value == measures.brier(label, score)


def test_copies_of_an_account_do_not_narrow_the_interval() -> None:
    label, score, _, _ = draw(7, rows=200)
    rows = np.arange(200)
    once = sure(measures.auc, label, score, rows, 400, seed=1)
    label5, score5, account5 = (np.tile(values, 5) for values in (label, score, rows))
    clustered = sure(measures.auc, label5, score5, account5, 400, seed=1)
    by_row = sure(measures.auc, label5, score5, np.arange(1000), 400, seed=1)
    assert clustered == pytest.approx(once, abs=1e-12)
    width = once.high - once.low
    assert (by_row.high - by_row.low) == pytest.approx(width / math.sqrt(5), rel=0.25)


def test_chance_alone_gives_a_calibration_error() -> None:
    # Ten bins of 100 rows at 0.5: each bin's gap is half-normal with sd 0.05, so their mean has
    # mean 0.0399 and sd 0.0095.
    assert calibration_limit(np.full(1000, 0.5)) == pytest.approx(0.0399 + 2.4 * 0.0095, abs=0.004)
    risk = np.linspace(0.05, 0.95, 1000)
    limit = calibration_limit(risk)
    random = np.random.default_rng(1)
    labels = [random.random(1000) < risk for _ in range(400)]
    beyond = np.mean([measures.calibration_error(label, risk) > limit for label in labels])
    assert 0 <= beyond < 0.03
    moved = np.mean([measures.calibration_error(label, risk + 0.05) > limit for label in labels])
    assert moved > 0.5


def test_what_cannot_be_said_of_chance_is_nan() -> None:
    assert np.isnan(calibration_limit(np.array([])))
    assert np.isnan(calibration_limit(np.array([0.5, np.nan])))
    assert calibration_limit(np.array([0.5])) == 0.5
