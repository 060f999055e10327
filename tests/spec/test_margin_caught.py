"""What a list catches, drawn and worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.margin_caught import (
    Amounts,
    RankedAccounts,
    capped,
    caught,
    counted_once,
    effective_number,
    places,
)

# Five accounts: score, margin, whether it became due.
SCORE = np.array([50.0, 40.0, 40.0, 10.0, 5.0])
MARGIN = np.array([100.0, 300.0, 100.0, 500.0, 1000.0])
DUE = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
ONCE = np.ones((1, 5))


def share(score: np.ndarray, stake: np.ndarray, k: float, weight: np.ndarray = ONCE) -> list[float]:
    (held,) = RankedAccounts(score, stake[None]).held(weight, [k])
    return caught(held, Amounts(stake[None]).total(weight))[:, 0].tolist()


@pytest.mark.parametrize(
    ("k", "held"),
    [
        (1, 100 / 700),
        (3, 200 / 700),  # the first, the second, which stays, and the third
        (2, 150 / 700),  # of the two that are tied, half of the one that becomes due
        (4, 1.0),
        (9, 1.0),  # a list longer than there are accounts
    ],
)
def test_a_list_catches_a_share_of_the_margin_that_departs(k: float, held: float) -> None:
    assert share(SCORE, MARGIN * DUE, k) == pytest.approx([held])


def test_the_order_of_the_accounts_does_not_matter() -> None:
    turned = np.array([3, 1, 4, 0, 2])
    assert share(SCORE[turned], (MARGIN * DUE)[turned], 2) == pytest.approx([150 / 700])


def test_an_account_drawn_twice_takes_two_places() -> None:
    # The first counts twice and fills a list of two; the fourth is not drawn.
    weight = np.array([[2.0, 1, 1, 0, 1], [1, 1, 1, 1, 1]])
    assert share(SCORE, MARGIN * DUE, 2, weight) == pytest.approx([200 / 300, 150 / 700])


def test_nothing_at_stake_or_an_unknown_score_cannot_be_said() -> None:
    assert np.isnan(share(SCORE, np.zeros(5), 2)).all()
    assert np.isnan(share(np.array([1.0, np.nan, 2, 3, 4]), MARGIN, 2)).all()


def test_several_lengths_and_kinds_at_once() -> None:
    one, three = RankedAccounts(SCORE, np.stack([MARGIN, DUE])).held(ONCE, [1, 3])
    assert one.tolist() == [[100, 1]]
    assert three.tolist() == [[500, 2]]


@pytest.mark.parametrize(
    ("active", "listed"), [(1000, 30), (50, 2), (49, 1), (10, 1), (17, 1), (250, 8)]
)
def test_three_percent_of_the_active_accounts(active: int, listed: int) -> None:
    assert places(0.03, active) == listed


def test_each_departure_counts_at_the_first_snapshot_that_sees_it() -> None:
    def days(*texts: str) -> np.ndarray:
        return np.array(texts, dtype="datetime64[D]")

    account = np.array(["bo", "ada", "ada", "ada", "bo", "ada"], dtype=object)
    as_of = days("2025-03-01", "2025-02-01", "2025-01-01", "2025-03-01", "2025-01-01", "2025-04-01")
    order = days("NaT", "2024-12-20", "2024-12-20", "2024-12-20", "2024-12-20", "2025-03-09")
    # Ada's departure of December is seen three times, first in January; that of March is another.
    assert counted_once(account, order, as_of).tolist() == [False, False, True, False, True, True]


def test_no_account_counts_with_more_than_the_99th_percentile() -> None:
    margin = np.append(np.arange(100.0), 5000.0)
    assert capped(margin).max() == 99  # the hundredth of 101
    assert capped(margin)[:100].tolist() == list(range(100))
    assert capped(np.empty(0)).tolist() == []


def test_effective_number_of_departures() -> None:
    assert effective_number(np.full(20, 7.0)) == pytest.approx(20)
    # One that brings as much as nine others together: 18^2 / (81 + 9).
    assert effective_number(np.array([9.0] + [1.0] * 9)) == pytest.approx(3.6)
    assert effective_number(np.zeros(3)) == 0
