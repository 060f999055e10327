"""Laws of value at stake, on generated years."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.value_at_stake import Past, Traded, Years, fit

seeds = st.integers(0, 2**32 - 1)


def times(traded: Traded, factor: float) -> Traded:
    return Traded(
        traded.recorded_margin * factor,
        traded.amount_with_margin * factor,
        traded.amount_without_margin * factor,
    )


def in_currency(years: Years, factor: float) -> Years:
    """The same years in a currency of which one unit of ours is worth `factor`."""
    past = Past(
        times(years.past.last_year, factor),
        times(years.past.year_before, factor),
        years.past.age_days,
        years.past.order_days,
    )
    return replace(years, past=past, next_year=times(years.next_year, factor))


def market(seed: int, accounts: int = 150, snapshots: int = 3) -> Years:
    """Accounts of all sizes, a few at a loss, some new; some lines and years are not known."""
    random = np.random.default_rng(seed)
    n = accounts * snapshots
    size = np.repeat(random.lognormal(7, 1.5, accounts), snapshots)
    defected = random.random(n) < 0.3
    loss = np.repeat(random.random(accounts) < 0.05, snapshots)

    def traded(level: np.ndarray) -> Traded:
        amount = size * level * random.lognormal(0, 0.5, n)
        records = random.random(n) < 0.8
        margin = amount * np.where(loss, -0.1, 0.3)
        return Traded(
            np.where(records, margin, 0.0),
            np.where(records, amount, 0.0),
            np.where(records, 0.0, amount),
        )

    ones = np.ones(n)
    following = traded(np.where(defected, random.random(n) < 0.3, 1.0))
    unknown = np.where(random.random(n) < 0.2, np.nan, 1.0)
    return Years(
        account=np.repeat([f"A{i}" for i in range(accounts)], snapshots).astype(object),
        as_of=np.tile(np.datetime64("2024-01-01") + 31 * np.arange(snapshots), accounts),
        defected=defected.astype(np.int8),
        past=Past(
            traded(ones),
            traded(ones),
            random.integers(0, 1000, n).astype(float),
            random.integers(1, 15, n).astype(float),
        ),
        next_year=times(following, unknown),
        complete=np.tile(np.datetime64("2025-01-15") + 31 * np.arange(snapshots), accounts),
        stayed=np.where(defected, 0.0, random.random(n) < 0.7),
        stayed_complete=np.tile(np.datetime64("2025-05-30") + 31 * np.arange(snapshots), accounts),
        weight=np.ones(n),
    )


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from([1 / 128, 1 / 4, 8.0, 128.0]))
def test_another_currency_scales_value_at_stake(seed: int, factor: float) -> None:
    # By a power of two nothing is rounded; else who lies on the edge of a class could leave it.
    here = market(seed)
    there = in_currency(here, factor)
    ours, theirs = fit(here).at_stake(here.past), fit(there).at_stake(there.past)
    for one, other in zip(ours, theirs, strict=True):
        assert other == pytest.approx(one * factor, rel=1e-9, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    years = market(seed)
    order = np.random.default_rng(seed).permutation(len(years.account))
    turned = years.rows(order)
    straight, other = fit(years).at_stake(years.past), fit(turned).at_stake(turned.past)
    for one, two in zip(straight, other, strict=True):
        assert two == pytest.approx(one[order], rel=1e-9, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_every_account_gets_a_number_that_is_negative_only_at_a_loss(seed: int) -> None:
    years = market(seed)
    found = fit(years)
    value, low, high = found.at_stake(years.past)
    assert np.isfinite(value).all()
    gains = years.past.rate(found.margin_share) > 0
    assert (np.isfinite(low) == gains).all() and (np.isfinite(high) == gains).all()
    assert (low[gains] <= high[gains]).all()
    assert (value[gains] >= 0).all() and gains.mean() > 0.5
    alone = found.at_stake(years.past.rows(np.arange(5)))
    assert alone.value == pytest.approx(value[:5])  # an account's value needs no other account


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_nine_in_ten_of_those_learned_from_lie_between_the_ends(seed: int) -> None:
    years = market(seed, accounts=600)
    found = fit(years)
    _, low, high = found.at_stake(years.past)
    worth = years.next_year.worth(found.margin_share)
    rows = (years.stayed == 1) & ~np.isnan(worth) & ~np.isnan(low)
    inside = ((low <= worth) & (worth <= high))[rows]
    assert 0.88 < inside.mean() < 0.97


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_what_becomes_known_later_changes_nothing_earlier(seed: int) -> None:
    years = market(seed, snapshots=24)
    day = np.datetime64("2025-09-01")
    random = np.random.default_rng(seed)
    later = years.complete > day
    false_year = times(years.next_year, np.where(later, random.lognormal(0, 2, len(later)), 1.0))
    late = years.stayed_complete > day
    other = replace(
        years,
        next_year=false_year,
        stayed=np.where(late, random.integers(0, 2, len(late)), years.stayed),
    )
    without_later_rows = other.rows(other.as_of <= day)
    told = fit(years.known_at(day))
    assert told.learned and told.low
    assert fit(without_later_rows.known_at(day)) == told


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_what_is_learned_brings_the_total_of_each_class(seed: int) -> None:
    """Over the profitable accounts, expectations and outcomes of a class have nearly one sum."""
    years = market(seed, accounts=600)
    found = fit(years)
    stays, defects = found.expected(years.past)
    worth = years.next_year.worth(found.margin_share)
    rows = ~np.isnan(worth) & (years.past.rate(found.margin_share) > 0)
    for gone, expected in ((0, stays), (1, defects)):
        part = rows & (years.defected == gone)
        assert expected[part].sum() == pytest.approx(worth[part].sum(), rel=0.1)
