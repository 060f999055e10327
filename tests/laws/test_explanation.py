"""Laws of what moved a risk: parts add up, and what would be is what the model would say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from taught import learner, uncalibrated

from models.ranks import of_one_snapshot, of_the_median
from models.risk_model import RiskModel

NAMES = ("days_silent", "orders", "spend", "complaints")
COHORT = 150


def features(seed: int, rows: int = COHORT) -> np.ndarray:
    """Four columns, one with many ties, a fifth of the values unknown."""
    random = np.random.default_rng(seed)
    values = random.gamma(2.0, 20.0, (rows, len(NAMES)))
    values[:, 3] = random.integers(0, 3, rows)
    values[random.random(values.shape) < 0.2] = np.nan
    return values


def booster(seed: int) -> tuple[str, float]:
    """A learner taught on a market of its own, and the share of defectors in it."""
    random = np.random.default_rng(seed)
    values = features(seed, 600)
    odds = np.nan_to_num(values[:, 0] - values[:, 1], nan=0.0) / 15 + random.normal(size=600) - seed
    defected = odds > 0
    return learner(values, NAMES, defected), float(defected.mean())


@pytest.fixture(scope="module")
def model() -> RiskModel:
    """Three learners of different base rates, uncalibrated: the risk is the raw probability."""
    texts, rates = zip(*map(booster, (1, 2, 3)), strict=True)
    assert max(rates) - min(rates) > 0.05
    return uncalibrated(texts, rates, NAMES, COHORT)


def test_contributions_and_base_add_up_to_the_log_odds_of_the_risk(model: RiskModel) -> None:
    values = features(9)
    rows = [3, 100, 7, 7]
    told = model.explain(values, NAMES, rows)
    assert told.names == NAMES
    assert told.contributions.shape == (4, 4)
    odds = logit(model.risk(values, NAMES)[rows])
    assert told.contributions.sum(axis=1) + told.base == pytest.approx(odds, abs=1e-9)
    assert np.ptp(odds) > 0.1 and np.abs(told.contributions).max() > 0.1


@given(seed=st.integers(0, 1000), account=st.integers(0, COHORT - 1), data=st.data())
def test_what_would_be_at_the_median_is_what_the_model_says_of_that_cohort(
    model: RiskModel, seed: int, account: int, data: st.DataObject
) -> None:
    values = features(seed)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=4, max_size=4)))
    told = model.explain(values, NAMES, [account])
    usual = values.copy()
    replaced = chosen & ~np.isnan(values[account])
    usual[account, replaced] = np.nanmedian(values, axis=0)[replaced]
    before, after = (logit(model.risk(v, NAMES)[account]) for v in (values, usual))
    assert told.change_at_median(chosen[None])[0] == pytest.approx(after - before, abs=1e-9)


@given(seed=st.integers(0, 1000), order=st.permutations(range(4)))
def test_columns_are_taken_by_name_and_rows_stand_for_themselves(
    model: RiskModel, seed: int, order: list[int]
) -> None:
    values = features(seed)
    all_rows = model.explain(values, NAMES, range(COHORT)).contributions
    shuffled = model.explain(values[:, order], [NAMES[i] for i in order], [5, 140])
    assert shuffled.contributions == pytest.approx(all_rows[[5, 140]], abs=1e-12)


def test_nobody_asked_about_is_no_error(model: RiskModel) -> None:
    told = model.explain(features(1), NAMES, [])
    assert told.contributions.shape == (0, 4)
    assert told.change_at_median(np.zeros((0, 4), dtype=bool)).shape == (0,)


@given(seed=st.integers(0, 1000), column=st.integers(0, 3), row=st.integers(0, 39))
def test_the_rank_at_the_median_is_that_of_the_cohort_with_the_median_in_place(
    seed: int, column: int, row: int
) -> None:
    values = features(seed, 40)
    found = of_the_median(values, np.array([row]))[0, column]
    if np.isnan(values[row, column]):
        assert np.isnan(found)
        return
    usual = values.copy()
    usual[row, column] = np.nanmedian(values[:, column])
    assert found == pytest.approx(of_one_snapshot(usual)[row, column], abs=1e-12)
