"""A row that stands for several accounts counts as they would, wherever something is learned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from taught import drawn_dataset

from models import bg_nbd, measures
from models.baselines import RfmLogistic
from models.calibration import LogitCalibrator
from models.calibration_choice import Known, choose, fit_ways
from models.dataset import Dataset
from models.learner import base_rate
from models.ranks import of_one_snapshot, within_snapshots
from models.stability import on_list
from pipeline.tables.sampling import sampled, shares

seeds = st.integers(0, 10_000)


def repeated(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Each row as often as its weight says."""
    return np.repeat(values, weight.astype(int), axis=0)


@given(seeds, st.integers(1, 60))
def test_ranks_are_those_of_all_the_accounts(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, 9, (rows, 3)).astype(float)
    values[random.random((rows, 3)) < 0.2] = np.nan
    weight = random.integers(1, 5, rows).astype(float)
    whole = of_one_snapshot(repeated(values, weight))
    assert np.allclose(
        repeated(of_one_snapshot(values, stands_for=weight), weight), whole, equal_nan=True
    )
    alone = of_one_snapshot(values, stands_for=np.ones(rows))
    assert np.array_equal(alone, of_one_snapshot(values), equal_nan=True)


def known(seed: int, snapshots: int, rows: int = 200) -> Known:
    random = np.random.default_rng(seed)
    score = random.normal(-1, 1.5, snapshots * rows)
    codes = np.repeat(np.arange(snapshots), rows)
    off = random.normal(0, 0.5, snapshots)[codes]
    as_of = np.datetime64("2022-01-01") + 92 * codes
    label = (random.random(len(score)) < expit(score + off)).astype(np.int8)
    rates = {day.item(): float(label[as_of == day].mean()) for day in np.unique(as_of)}
    weight = random.integers(1, 4, len(score)).astype(float)
    return Known(label, expit(score), as_of, as_of + 90, weight, rates)


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 6))
def test_calibrators_learn_and_are_chosen_as_from_all_the_accounts(
    seed: int, snapshots: int
) -> None:
    rows = known(seed, snapshots)
    columns = (repeated(part, rows.weight) for part in (rows.label, rows.raw, rows.as_of))
    label, raw, as_of = columns
    all_of_them = Known(label, raw, as_of, as_of + 90, np.ones(len(label)), rows.rates)
    one, other = fit_ways(rows), fit_ways(all_of_them)
    asked = np.linspace(0.02, 0.98, 25)
    day = date(2023, 7, 1)
    for way, calibrator in one.items():
        assert calibrator.apply(asked, day) == pytest.approx(
            other[way].apply(asked, day), abs=2e-3
        ), way
    risks = {way: calibrator.apply(rows.raw) for way, calibrator in one.items()}
    repeats = {way: repeated(risk, rows.weight) for way, risk in risks.items()}
    assert choose(rows, risks) == choose(all_of_them, repeats)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_a_season_sets_the_level_of_all_the_accounts(seed: int) -> None:
    rows = known(seed, 5)
    season = fit_ways(rows)["last year"]
    assert isinstance(season, LogitCalibrator)
    day = date(2023, 4, 5)
    sampled_risk = season.apply(rows.raw, day, rows.weight)
    whole = season.apply(repeated(rows.raw, rows.weight), day)
    assert repeated(sampled_risk, rows.weight) == pytest.approx(whole, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_baselines_learn_as_from_all_the_accounts(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = 150
    weight = random.integers(1, 4, rows).astype(float)
    recency, orders = random.exponential(40, rows), random.poisson(4, rows).astype(float)
    label = (random.random(rows) < expit(recency / 30 - orders / 3)).astype(np.int8)
    label[:2] = (0, 1)
    inputs = (recency, orders, orders * 100)
    one = RfmLogistic().fit(*inputs, label, weight)
    other = RfmLogistic().fit(*(repeated(part, weight) for part in inputs), repeated(label, weight))
    assert one.predict(*inputs) == pytest.approx(other.predict(*inputs), abs=2e-3)
    repeats = random.poisson(3, rows).astype(float)
    tenure = random.uniform(50, 700, rows)
    last = np.where(repeats > 0, tenure * random.uniform(0.2, 1, rows), 0.0)
    fitted = bg_nbd.fit(repeats, last, tenure, weight)
    whole = bg_nbd.fit(*(repeated(part, weight) for part in (repeats, last, tenure)))
    history = (repeats, last, tenure, 90.0)
    assert fitted.silent(*history) == pytest.approx(whole.silent(*history), abs=2e-3)


@given(seeds, st.integers(1, 40))
def test_a_list_is_filled_by_the_accounts_that_rows_stand_for(seed: int, capacity: int) -> None:
    random = np.random.default_rng(seed)
    score, weight = random.random(30), random.integers(1, 4, 30).astype(float)
    called = on_list(np.arange(30), score, capacity, weight)
    falling = np.argsort(-score)
    assert (np.diff(called[falling].astype(int)) <= 0).all()  # the highest scores, without a gap
    taken = weight[called].sum()
    assert min(capacity, weight.sum()) <= taken < capacity + 4


def cohort(random: np.random.Generator, accounts: int) -> Dataset:
    """One snapshot: a feature that forewarns, one of size, and who is large."""
    size = random.lognormal(0, 1.5, accounts)
    warned = random.normal(size=accounts) + 0.3 * np.log(size)
    day = np.full(accounts, np.datetime64("2024-01-01"))
    return drawn_dataset(
        np.column_stack([warned, size]),
        ("warned", "size"),
        (random.random(accounts) < expit(warned - 1.5)).astype(np.int8),
        np.array([f"A{n}" for n in range(accounts)], dtype=object),
        day,
        day + 90,
    )


@settings(max_examples=4, deadline=None)
@given(seeds)
def test_a_sample_says_what_all_the_rows_say(seed: int) -> None:
    """Rates, measures and ranks of a third of the rows, weighted, lie near those of all."""
    random = np.random.default_rng(seed)
    whole = cohort(random, 12_000)
    large = whole.column("size") > np.quantile(whole.column("size"), 0.9)
    standing = pd.DataFrame(
        {
            "account_id": whole.account,
            "as_of": pd.Timestamp("2024-01-01"),
            "weight": 1.0,
            "followed": True,
            "tier": np.where(large, "A", "C").astype(object),
            "last_year": 0.0,
        }
    )
    kept = sampled(standing, 4000, [date(2024, 1, 1)], [])
    here = np.flatnonzero(np.isin(whole.account, kept["account_id"]))
    weight = kept["weight"].to_numpy()
    assert np.unique(weight) == pytest.approx([1, 1 / shares(1200, 10_800, 4000)[1]])
    panel = replace(
        whole.panel,
        features=whole.features[here],
        account=whole.account[here],
        as_of=whole.as_of[here],
        weight=weight,
    )
    some = Dataset(
        panel,
        np.arange(len(here)),
        whole.label[here],
        whole.label_complete[here],
        whole.treated[here],
    )
    assert base_rate(some) == pytest.approx(whole.label.mean(), abs=0.03)
    score = some.column("warned")
    assert measures.auc(some.label, score, some.stands_for) == pytest.approx(
        measures.auc(whole.label, whole.column("warned")), abs=0.03
    )
    ranks = within_snapshots(whole.features, whole.as_of)
    assert np.abs(panel.ranks - ranks[here]).mean() < 0.02
    # Without the weights, the large accounts would fill the upper ranks of size.
    unweighted = within_snapshots(panel.features, panel.as_of)
    assert np.abs(unweighted - ranks[here])[:, 1].mean() > 0.05
