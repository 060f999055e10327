"""The level that the ages of a cohort's accounts let us expect, on drawn histories."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.special import expit, logit
from taught import SETTINGS, drawn_dataset, fitted, uncalibrated

from models.ages import AGES, PRIOR_ROWS, Ages, ages_of
from models.calibration_choice import POOLED, calibrator_from
from models.dataset import AGE, Dataset
from models.errors import DamagedModel
from models.pooled import PooledCalibrator
from models.risk_model import STATE, DepartureParts

SUMMER, WINTER, NEXT_SUMMER = date(2023, 7, 1), date(2024, 1, 1), date(2024, 7, 1)
NEW, OLD = 90.0, 900.0  # days since the first order
THOUSAND = np.ones(1000)


def history(*drawn: tuple[date, float, int, int], names: tuple[str, ...] = (AGE,)) -> Dataset:
    """Snapshots, each with so many accounts of an age, of whom so many defect."""
    rows = [
        (age, number < defect, day)
        for day, age, accounts, defect in drawn
        for number in range(accounts)
    ]
    age, label, day = (np.array(column) for column in zip(*rows, strict=True))
    as_of = day.astype("datetime64[D]")
    account = np.arange(len(rows))
    return drawn_dataset(
        age[:, None].astype(float), names, label.astype(np.int8), account, as_of, as_of + 90
    )


# A new account defects 4 times as often as an old one, and in summer each a third more often.
DRAWN = history(
    (SUMMER, NEW, 30_000, 12_000),
    (SUMMER, OLD, 10_000, 1_000),
    (WINTER, NEW, 10_000, 3_000),
    (WINTER, OLD, 30_000, 2_250),
)


def test_each_age_has_its_rate_and_each_snapshot_lies_beside_its_ages() -> None:
    ages = ages_of(DRAWN)
    usual = 18_250 / 80_000
    new = (15_000 + PRIOR_ROWS * usual) / (40_000 + PRIOR_ROWS)
    old = (3_250 + PRIOR_ROWS * usual) / (40_000 + PRIOR_ROWS)
    # Nobody was between, so what is usual is taken there.
    assert ages.rates == pytest.approx((new, usual, usual, old))
    said = {SUMMER: 0.75 * new + 0.25 * old, WINTER: 0.25 * new + 0.75 * old}
    did = {SUMMER: 13_000 / 40_000, WINTER: 5_250 / 40_000}
    assert ages.beside == pytest.approx({day: logit(did[day]) - logit(said[day]) for day in did})
    assert ages.beside[SUMMER] > 0 > ages.beside[WINTER]
    only_winter = ages_of(DRAWN, since=WINTER)
    assert list(only_winter.beside) == [WINTER]
    assert only_winter.rates[0] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("age", "as_of", "rate", "moved_by"),
    [
        (np.full(1000, NEW), WINTER, 0.375, None),  # nothing is known of a year before
        (np.full(1000, OLD), NEXT_SUMMER, 0.08125, SUMMER),
        (np.repeat([NEW, OLD], 500), NEXT_SUMMER, 0.228125, SUMMER),
        (np.full(1000, np.nan), NEXT_SUMMER, 0.08125, SUMMER),  # as the longest
    ],
)
def test_a_cohort_is_expected_to_defect_as_its_ages_did(
    age: np.ndarray, as_of: date, rate: float, moved_by: date | None
) -> None:
    ages = ages_of(DRAWN)
    (level, always), (moved, counts) = ages.levels(as_of, age, THOUSAND)
    assert (always, counts) == (1.0, 0.0 if moved_by is None else 1.0)
    assert level == pytest.approx(logit(rate), abs=0.02)
    if moved_by:
        assert moved - level == pytest.approx(ages.beside[moved_by])
    few = np.repeat([1.0, 0.0], 500)  # what nobody stands for does not count
    assert ages.levels(as_of, age, few)[0][0] == pytest.approx(
        ages.levels(as_of, age[:500], THOUSAND[:500])[0][0]
    )


def test_a_group_begins_on_its_first_day() -> None:
    ages = Ages((0.1, 0.2, 0.3, 0.4))
    for days, rate in ((0, 0.1), (AGES[0] - 1, 0.1), (AGES[0], 0.2), (AGES[1], 0.3), (730, 0.4)):
        (level, _), (moved, share) = ages.levels(WINTER, np.full(1, float(days)), np.ones(1))
        assert expit(level) == pytest.approx(rate)
        assert (moved, share) == (level, 0.0)


def test_without_ages_everybody_is_one_group() -> None:
    ages = ages_of(history((SUMMER, NEW, 100, 40), (WINTER, OLD, 100, 20), names=("spend",)))
    assert ages.rates == pytest.approx((0.3,) * 4)
    assert ages_of(DRAWN, since=NEXT_SUMMER) == Ages()
    assert Ages().levels(WINTER, THOUSAND, THOUSAND) == []
    assert ages.levels(WINTER, THOUSAND, 0 * THOUSAND) == []


def test_the_pool_is_the_mean_of_what_is_expected() -> None:
    calibrator = PooledCalibrator(2.0, ages_of(DRAWN))
    raw = expit(np.array([-2.0, -1.0, 0.0, 1.0]))
    new = np.full(4, NEW)
    own, by_age = logit(raw.mean()), logit(0.375)
    in_summer = by_age + calibrator.ages.beside[SUMMER]

    def level(*asked: object) -> float:
        return float(logit(calibrator.apply(raw, *asked).mean()))  # type: ignore[arg-type]

    assert level(NEXT_SUMMER, None, new) == pytest.approx((own + by_age + in_summer) / 3, abs=0.01)
    assert level(WINTER, None, new) == pytest.approx((own + by_age) / 2, abs=0.01)
    assert level(NEXT_SUMMER) == pytest.approx(own)  # its ages are not told
    steps = np.diff(logit(calibrator.apply(raw, NEXT_SUMMER, None, new)))
    assert steps == pytest.approx([2.0, 2.0, 2.0])
    alone = np.array([calibrator.apply(raw[[n]])[0] for n in range(4)])
    assert (np.diff(alone) > 0).all()
    assert np.isnan(calibrator.apply(np.full(2, np.nan), WINTER, None, new[:2])).all()
    # Who has departed has no risk, and no part in the level of the others.
    some = calibrator.apply(np.append(raw, np.nan), NEXT_SUMMER, None, np.append(new, OLD))
    assert some[:4] == pytest.approx(calibrator.apply(raw, NEXT_SUMMER, None, new))
    assert calibrator_from(json.loads(json.dumps(calibrator.to_dict()))) == calibrator


def test_a_row_of_weight_two_is_two_rows() -> None:
    half = history((SUMMER, NEW, 150, 60), (WINTER, NEW, 50, 15), (WINTER, OLD, 150, 12))
    whole = history((SUMMER, NEW, 300, 120), (WINTER, NEW, 100, 30), (WINTER, OLD, 300, 24))
    twice = replace(half, panel=replace(half.panel, weight=np.full(len(half), 2.0)))
    assert ages_of(twice).rates == pytest.approx(ages_of(whole).rates)
    assert ages_of(twice).beside == pytest.approx(ages_of(whole).beside)


def test_a_model_says_less_of_a_cohort_that_is_older_and_otherwise_the_same() -> None:
    pooled = PooledCalibrator(1.0, ages_of(DRAWN))
    alone = uncalibrated((fitted(DRAWN, SETTINGS),), (0.2,), (AGE,), cohort=50)
    parts = DepartureParts(None, alone.calibrator, pooled)  # nobody is overdue
    model = replace(alone, calibrator=pooled, departure=parts)
    young = np.column_stack([np.linspace(1, 170, 100), np.full((100, len(STATE)), -9.0)])
    old = young + np.array([800.0, 0.0, 0.0])  # of the same ranks
    names = (AGE, *STATE)
    at_first, later = (model.departure_risks(rows, names, NEXT_SUMMER) for rows in (young, old))
    for said_first, said_later in (
        (at_first.departure, later.departure),
        (at_first.onset, later.onset),
    ):
        # Two of the three levels go by age.
        by_age = (logit(0.375) - logit(0.08125)) * 2 / 3
        lower = logit(said_first.mean()) - logit(said_later.mean())
        assert lower == pytest.approx(by_age, abs=0.03)
        assert (np.argsort(said_first) == np.argsort(said_later)).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="a finite slope above 0"):
        PooledCalibrator(0.0, Ages())
    with pytest.raises(ValueError, match="4 rates, not 2"):
        Ages((0.1, 0.2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Ages((0.1, 0.2, 0.3, 1.4))
    for broken in ({}, {"slope": 1.0, "beside": {}, "rates_by_age": [0.1]}):
        with pytest.raises(DamagedModel, match="cannot be read"):
            calibrator_from({"method": POOLED, **broken})
