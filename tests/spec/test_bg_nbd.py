"""BG/NBD against its source, against a simulation of its own story, and by hand."""

from __future__ import annotations

import csv
import math
from datetime import date
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from taught import drawn_dataset

from models import bg_nbd
from models.baselines import bg_nbd_silence
from models.bg_nbd import BgNbd
from models.dataset import Cohort, Dataset
from models.errors import TooLittleHistory


def cdnow() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 2,357 customers of CDNOW that the paper fits, over 39 weeks; times in weeks.

    Read from the files of `lifetimes`, which is never imported: it cannot be under pandas 3.
    """
    file = distribution("lifetimes").locate_file("lifetimes/datasets/cdnow_customers_summary.csv")
    rows = list(csv.DictReader(Path(str(file)).read_text(encoding="utf-8").splitlines()))
    repeats, last, tenure = (
        np.array([float(row[name]) for row in rows]) for name in ("frequency", "recency", "T")
    )
    return repeats, last, tenure


def simulated(
    model: BgNbd, tenure: float, accounts: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """repeats, last, and the time from `tenure` to the next order, infinite where there is none.

    The story told literally: every account waits, orders, and may drop out after each repeat.
    """
    random = np.random.default_rng(11)
    rate = random.gamma(model.r, 1 / model.alpha, accounts)
    leaving = random.beta(model.a, model.b, accounts)
    repeats, last, following = np.zeros(accounts), np.zeros(accounts), np.full(accounts, np.inf)
    clock, active = np.zeros(accounts), np.ones(accounts, dtype=bool)
    while active.any():
        clock[active] += random.exponential(1 / rate[active])
        beyond = active & (clock > tenure)
        following[beyond] = clock[beyond] - tenure
        active &= ~beyond
        repeats[active] += 1
        last[active] = clock[active]
        active &= random.random(accounts) >= leaving
    return repeats, last, following


def test_the_published_parameters_of_the_cdnow_customers() -> None:
    # Fader, Hardie and Lee (2005): r .243, alpha 4.414, a .793, b 2.426; log-likelihood -9582.4.
    history = cdnow()
    assert len(history[0]) == 2357
    found = bg_nbd.fit(*history)
    published = (0.243, 4.414, 0.793, 2.426)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx(published, abs=0.0005)
    assert found.log_likelihood(*history) == pytest.approx(-9582.4, abs=0.05)


@pytest.mark.parametrize("horizon", [4.0, 30.0])
def test_silence_is_as_frequent_as_said_where_the_story_is_true(horizon: float) -> None:
    model, tenure = BgNbd(r=0.8, alpha=5.0, a=0.6, b=2.0), 26.0
    repeats, last, following = simulated(model, tenure, 300_000)
    silent = following > horizon
    said = model.silent(repeats, last, np.full(len(repeats), tenure), horizon)
    groups = 0
    for number in range(8):
        of_number = repeats == number
        edges = np.quantile(last[of_number], [0, 1 / 3, 2 / 3, 1]) if number else [0, 0]
        for low, high in pairwise(edges):
            group = of_number & (last >= low) & (last <= high)
            spread = math.sqrt((said[group] * (1 - said[group])).sum()) / group.sum()
            assert abs(silent[group].mean() - said[group].mean()) < 4 * spread, (number, low)
            assert spread < 0.02
            groups += 1
    assert groups == 22
    assert np.ptp(said) > 0.5  # it is no constant that was confirmed


def test_the_parameters_of_a_simulation_are_found_again() -> None:
    model = BgNbd(r=0.8, alpha=5.0, a=0.6, b=2.0)
    repeats, last, _ = simulated(model, 52.0, 30_000)
    found = bg_nbd.fit(repeats, last, np.full(len(repeats), 52.0))
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.8, 5, 0.6, 2), rel=0.08)


@pytest.mark.parametrize(
    ("truth", "accounts"),
    [
        (BgNbd(r=1.0, alpha=3.0, a=0.001, b=0.1), 1000),
        (BgNbd(r=1.0, alpha=10.0, a=0.005, b=0.2), 500),
    ],
    ids=["the first start misses it", "the second start misses it"],
)
def test_the_fit_is_likelier_than_the_truth(truth: BgNbd, accounts: int) -> None:
    repeats, last, _ = simulated(truth, 52.0, accounts)
    history = (repeats, last, np.full(accounts, 52.0))
    assert bg_nbd.fit(*history).log_likelihood(*history) > truth.log_likelihood(*history)


def test_silence_by_hand() -> None:
    model = BgNbd(r=1.0, alpha=10.0, a=1.0, b=1.0)

    def silent(repeats: float, last: float, tenure: float, horizon: float) -> float:
        one = (np.array([value]) for value in (repeats, last, tenure))
        return float(model.silent(*one, horizon)[0])

    # Without repeats nobody has dropped out yet: (20 / 40) to the power of r.
    assert silent(0, 0, 10, 20) == pytest.approx(1 / 2)
    # One repeat, 10 ago: odds of gone 1 x (20 / 10)^2 = 4; if not, silent with (20 / 40)^2 = 1/4.
    assert silent(1, 0, 10, 20) == pytest.approx(4 / 5 + 1 / 5 * 1 / 4)
    assert math.isnan(silent(np.nan, np.nan, np.nan, 20))
    assert math.isnan(silent(1, np.nan, 10, 20))


def test_extreme_histories_stay_short_of_certainty() -> None:
    model = BgNbd(r=0.7, alpha=60.0, a=0.15, b=3.0)
    extreme = model.silent(
        np.array([0.0, 3000, 3000]), np.array([0.0, 10, 3650]), np.array([0.001, 3650, 3650]), 90
    )
    assert ((extreme > 0) & (extreme < 1)).all()
    assert extreme[1] > 1 - 1e-12 and extreme[2] < 1e-3


def test_accounts_that_never_come_back_or_never_drop_out() -> None:
    tenure = np.linspace(100.0, 400.0, 200)
    with pytest.raises(TooLittleHistory, match="none of 200 accounts has ordered on a second day"):
        bg_nbd.fit(np.zeros(200), np.zeros(200), tenure)
    with pytest.raises(ValueError, match="0 <= last <= tenure"):
        bg_nbd.fit(np.ones(200), tenure + 1, tenure)
    with pytest.raises(ValueError, match="0 <= last <= tenure"):
        bg_nbd.fit(np.full(200, np.nan), np.zeros(200), tenure)
    with pytest.raises(ValueError, match="whole repeats"):
        bg_nbd.fit(np.full(200, 0.5), tenure, tenure)
    # All alike and all just seen: the likeliest parameters have no end, and stop at theirs.
    steady = bg_nbd.fit(np.full(200, 10.0), tenure, tenure)
    assert steady.a / (steady.a + steady.b) < 1e-6
    risk = steady.silent(np.full(200, 10.0), tenure, tenure, 30)
    assert ((risk > 0) & (risk < 1)).all()
    assert (np.diff(risk) > 0).all()  # the same number of orders over a longer time


# --- as a baseline --------------------------------------------------------------------------

NAMES = ("order_days", "tenure", "silence")
BASELINE = bg_nbd_silence(
    order_days="order_days", tenure="tenure", recency="silence", horizon_days=90
)


def rows(as_of: str, accounts: str, features: list[list[float]], label: int = 0) -> Dataset:
    """One snapshot's accounts, named by a letter each, with `NAMES` as features."""
    day = np.datetime64(as_of, "D")
    return drawn_dataset(
        features=np.array(features, dtype=np.float64),
        names=NAMES,
        label=np.full(len(accounts), label, dtype=np.int8),
        account=np.array(list(accounts), dtype=object),
        as_of=np.full(len(accounts), day),
        label_complete=np.full(len(accounts), day + 90),
    )


def together(*parts: Dataset) -> Dataset:
    fields = ("features", "label", "account", "as_of", "label_complete")
    return drawn_dataset(
        names=NAMES,
        **{field: np.concatenate([getattr(p, field) for p in parts]) for field in fields},
    )


def test_the_baseline_is_fitted_on_every_account_as_last_seen() -> None:
    """C and D have left the cohort by 01-31: since they were seen, 61 and 30 days have passed."""
    training = together(
        rows("2020-12-01", "ABCD", [[2, 50, 10], [1, 5, 5], [4, 90, 5], [1, 40, 40]]),
        rows("2021-01-01", "ABD", [[2, 81, 41], [2, 36, 1], [1, 71, 71]]),
    )
    cohort = Cohort(
        date(2021, 1, 31),
        np.array([[2, 111, 71], [3, 66, 3.0], [2, 10.5, 10.25]]),
        NAMES,
        np.array(["A", "B", "E"], dtype=object),
    )
    repeats, last = np.array([1, 2, 1, 3, 0.0]), np.array([40, 63, 0.25, 85, 0])
    tenure = np.array([111, 66, 10.5, 90 + 61, 71 + 30])
    fitted = bg_nbd.fit(repeats, last, tenure)
    expected = fitted.silent(repeats[:3], last[:3], tenure[:3], 90)
    assert BASELINE(training, cohort)(cohort) == pytest.approx(expected, abs=1e-4)
    shuffled = training.rows(np.array([6, 1, 4, 3, 0, 5, 2]))
    assert BASELINE(shuffled, cohort)(cohort) == pytest.approx(expected, abs=1e-4)
    # Forgetting C and D, or how long ago they were seen, would be felt.
    for others in (slice(3), [0, 1, 2, 3, 3], [0, 1, 2, 4, 4]):
        forgotten = bg_nbd.fit(repeats[others], last[others], tenure[others])
        assert abs(forgotten.silent(repeats, last, tenure, 90)[:3] - expected).max() > 0.001


def test_the_baseline_learns_nothing_from_labels_and_knows_nothing_of_the_unknown() -> None:
    # B has two orders of one day, half a day apart.
    features = [[2, 50, 10], [1, 5.5, 5], [4, 90, 5], [np.nan, np.nan, np.nan]]
    cohort = Cohort(
        date(2021, 1, 31), np.array(features), NAMES, np.array(list("ABCD"), dtype=object)
    )
    stayed, left = (
        BASELINE(rows("2020-10-01", "ABCD", features, label), cohort)(cohort) for label in (0, 1)
    )
    assert np.array_equal(stayed, left, equal_nan=True)
    assert np.isnan(stayed).tolist() == [False, False, False, True]
    fitted = bg_nbd.fit(np.array([1.0, 0, 3]), np.array([40.0, 0, 85]), np.array([50, 5.5, 90]))
    assert stayed[1] == pytest.approx(
        float(fitted.silent(np.array([0.0]), np.array([0.0]), np.array([5.5]), 90)[0]), abs=1e-4
    )


def test_a_feature_that_is_not_there_is_named() -> None:
    cohort = rows("2020-10-01", "AB", [[2, 50, 10], [1, 5, 5]]).cohort(date(2020, 10, 1))
    training = rows("2020-06-01", "AB", [[2, 50, 10], [1, 5, 5]])
    wanting = bg_nbd_silence(
        order_days="order_days_ever", tenure="tenure", recency="silence", horizon_days=90
    )
    with pytest.raises(KeyError, match="no feature 'order_days_ever'"):
        wanting(training, cohort)
