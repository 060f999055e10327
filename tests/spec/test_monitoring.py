"""What monitor says of risks before and after their labels: by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from models.early_read import cleared_by, expected_silent
from models.expected_performance import expected_auc, expected_performance
from models.measures import auc
from models.shares import difference, wilson

# --- expected performance --------------------------------------------------------------------


def test_expected_auc_by_hand() -> None:
    """Pairs in order .8 x .7 = .56, the other way round .2 x .3 = .06."""
    assert expected_auc(np.array([0.8, 0.3])) == pytest.approx(0.56 / 0.62)


def test_expected_auc_is_that_of_all_labels_that_may_come() -> None:
    risk = np.array([0.9, 0.5, 0.5, 0.2])
    in_order = pairs = 0.0
    for label in product((0, 1), repeat=4):
        chance = float(np.prod(np.where(label, risk, 1 - risk)))
        for one, other in product(range(4), repeat=2):
            if label[one] and not label[other]:
                pairs += chance
                in_order += chance * ((risk[one] > risk[other]) + 0.5 * (risk[one] == risk[other]))
    assert expected_auc(risk) == pytest.approx(in_order / pairs)


def test_certain_risks_expect_certain_measures() -> None:
    found = expected_performance(np.array([1.0, 0.0, 1.0, 0.0]), capacity=3)
    assert found["auc"] == (1, 1, 1)
    assert found["average_precision"] == (1, 1, 1)
    assert found["base_rate"] == (0.5, 0.5, 0.5)
    assert found["precision_at_capacity"] == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_expected_share_and_precision_by_hand() -> None:
    """Four accounts; the two highest risks are .8 and .6."""
    found = expected_performance(np.array([0.1, 0.8, 0.6, 0.1]), capacity=2)
    assert found["base_rate"].value == pytest.approx(0.4)
    assert found["precision_at_capacity"].value == pytest.approx(0.7)


def test_intervals_hold_what_calibrated_risks_bring() -> None:
    """Labels drawn by the risks lie in the interval of 95 % about 95 times in 100."""
    random = np.random.default_rng(0)
    risk = random.beta(1, 5, size=400)
    found = expected_performance(risk, capacity=50)
    drawn = [float(auc((random.random(400) < risk).astype(int), risk)) for _ in range(300)]
    inside = np.mean([found["auc"].low <= value <= found["auc"].high for value in drawn])
    assert 0.9 <= inside <= 0.99


@pytest.mark.parametrize("risk", [[], [1.0, 1.0], [0.4]])
def test_what_cannot_be_expected_is_unknown(risk) -> None:
    assert np.isnan(expected_performance(np.array(risk), capacity=2)["auc"].value)


# --- early read ------------------------------------------------------------------------------


def test_before_the_first_horizon_orders_come_at_an_even_rate() -> None:
    """Silent for 30 days with chance .25: for 15 days .5."""
    assert expected_silent({30: np.array([0.25, 1.0, 0.0])}, 15) == pytest.approx([0.5, 1, 0])


def test_between_two_horizons_the_rate_falls_as_time_passes() -> None:
    """.8 at 10 and .2 at 40 days: at 20 days, half way in the log of days, the root of .8 x .2."""
    risks = {10: np.array([0.8]), 40: np.array([0.2])}
    assert expected_silent(risks, 20) == pytest.approx([0.4])
    assert expected_silent(risks, 5) == pytest.approx([np.sqrt(0.8)])
    assert expected_silent(risks, 10) == pytest.approx([0.8])
    assert expected_silent(risks, 40) == pytest.approx([0.2])


def test_a_long_horizon_alone_does_not_say_who_should_have_ordered_by_now() -> None:
    with pytest.raises(ValueError, match="the shortest horizon has 90 days"):
        expected_silent({90: np.array([0.2])}, 30)


def test_the_expected_share_that_ordered_by_hand() -> None:
    """100 accounts silent with chance .2: .8 +- 2.576 x sqrt(100 x .16) / 100 = .103."""
    found = cleared_by(np.full(100, 0.2))
    assert found == pytest.approx((0.8, 0.69697, 0.90303), abs=1e-4)
    assert cleared_by(np.full(2, 0.5)) == (0.5, 0.0, 1.0)
    assert np.isnan(cleared_by(np.array([]))).all()


# --- two shares ------------------------------------------------------------------------------


def test_the_difference_of_two_shares_as_published() -> None:
    """Newcombe (1998), table II, method 10: 56/70 less 48/80, and 0/10 less 0/20."""
    assert difference(56, 70, 48, 80) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert difference(0, 10, 0, 20) == pytest.approx((0, -0.1611, 0.2775), abs=1e-4)
    assert np.isnan(difference(0, 0, 1, 2)).all()


def test_wilson_as_published() -> None:
    """Newcombe (1998), intervals for a single proportion, table I: 81/263."""
    assert wilson(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=1e-4)
