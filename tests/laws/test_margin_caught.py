"""Laws of what a list catches, on generated accounts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.margin_caught import (
    Amounts,
    RankedAccounts,
    capped,
    caught,
    counted_once,
    effective_number,
)

Accounts = list[tuple[int, int, int]]

# Score, of few values so that many are tied; margin; how often the account counts.
accounts = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 50), st.integers(0, 3)), min_size=1, max_size=40
)
lengths = st.integers(1, 45)


def columns(rows: Accounts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    score, margin, weight = np.array(rows, dtype=np.float64).T
    return score, margin, weight


def held(score: np.ndarray, margin: np.ndarray, weight: np.ndarray, length: float) -> float:
    (found,) = RankedAccounts(score, margin[None]).held(weight[None], [length])
    return float(found[0, 0])


@given(accounts, lengths)
def test_lists_agree_with_plain_loops(rows: Accounts, length: int) -> None:
    score, margin, weight = columns(rows)
    left, expected = float(length), 0.0
    for value in sorted({*score}, reverse=True):
        tied = score == value
        share = min(1.0, left / weight[tied].sum()) if weight[tied].any() else 0.0
        expected += share * float((margin * weight)[tied].sum())
        left = max(0.0, left - weight[tied].sum())
    assert held(score, margin, weight, length) == pytest.approx(expected)


@given(accounts, lengths)
def test_an_account_that_counts_twice_is_two_accounts(rows: Accounts, length: int) -> None:
    score, margin, weight = columns(rows)
    times = weight.astype(int)
    repeated = [np.repeat(column, times) for column in (score, margin)]
    expected = held(repeated[0], repeated[1], np.ones(times.sum()), length) if times.any() else 0
    assert held(score, margin, weight, length) == pytest.approx(expected)


@given(accounts, st.lists(lengths, min_size=2, max_size=4))
def test_a_longer_list_never_catches_less_and_the_longest_all(
    rows: Accounts, asked: list[int]
) -> None:
    score, margin, weight = columns(rows)
    everything = Amounts(margin[None]).total(weight[None])
    each = RankedAccounts(score, margin[None]).held(weight[None], [*sorted(asked), 1000])
    shares = [float(caught(one, everything)[0, 0]) for one in each]
    if everything[0, 0]:
        assert (np.diff(shares) >= -1e-12).all()
        assert shares[0] >= 0 and shares[-1] == pytest.approx(1)
    else:
        assert np.isnan(shares).all()


@given(accounts, lengths)
def test_several_draws_at_once_are_the_same_as_one_by_one(rows: Accounts, length: int) -> None:
    score, margin, weight = columns(rows)
    weights = np.stack([weight, np.ones(len(weight)), weight[::-1]])
    (together,) = RankedAccounts(score, margin[None]).held(weights, [length])
    alone = [held(score, margin, one, length) for one in weights]
    assert together[:, 0] == pytest.approx(alone)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)), max_size=30))
def test_a_departure_counts_exactly_once(rows: list[tuple[int, int, int]]) -> None:
    rows = list(dict.fromkeys(rows))
    account, order, snapshot = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    names = np.array([f"A{one}" for one in account], dtype=object)
    dates = [(20000 + 10 * days).astype("datetime64[D]") for days in (order, snapshot)]
    found = counted_once(names, *dates)
    seen: dict[tuple[int, int], int] = {}
    for one, of, day in rows:
        seen[one, of] = min(day, seen.get((one, of), day))
    assert found.tolist() == [seen[one, of] == day for one, of, day in rows]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30))
def test_margins_of_departures(margins: list[float]) -> None:
    margin = np.array(margins)
    assert (capped(margin) <= margin).all() and (capped(margin) >= 0).all()
    assert 0 <= effective_number(margin) <= len(margin) + 1e-6
