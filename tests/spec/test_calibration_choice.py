"""The ways to calibrate, and the rule that chooses among them, on drawn levels and records."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.special import expit, logit

from models.calibration import LogitCalibrator
from models.calibration_choice import (
    ISOTONIC,
    LASTING,
    POOLED,
    RAW,
    WAYS,
    WEIGHED,
    Known,
    calibrator_from,
    choose,
    fit_ways,
)
from models.errors import DamagedModel
from models.isotonic import IsotonicCalibrator, fit_isotonic
from models.pooled import PooledCalibrator
from models.season import LAST_YEAR, LAST_YEAR_AND_TREND, LATEST, Season

RATES = {
    date(2020, 3, 1): 0.8,
    date(2020, 9, 1): 0.4,
    date(2021, 3, 1): 0.9,
}
RAW_RISKS = expit(np.array([-1.0, 0.0, 1.0]))  # level 0: half of them


def known(levels: list[float], rates: dict[date, float], rows: int = 3000) -> Known:
    """Out-of-time predictions whose true level is off by these logits, a quarter apart."""
    random = np.random.default_rng(5)
    score = random.normal(0, 1.5, rows * len(levels))
    codes = np.repeat(np.arange(len(levels)), rows)
    label = (random.random(len(score)) < expit(score + np.array(levels)[codes])).astype(np.int8)
    as_of = np.datetime64("2020-06-01") + codes * 90
    return Known(label, expit(score), as_of, as_of + 90, np.ones(len(label)), rates)


@pytest.mark.parametrize(
    ("reference", "as_of", "level"),
    [
        (LATEST, date(2021, 6, 1), logit(0.9)),
        (LATEST, date(2021, 9, 1), logit(0.9)),
        (LAST_YEAR, date(2021, 9, 1), logit(0.4)),
        (LAST_YEAR, date(2021, 6, 1), (logit(0.8) + logit(0.4)) / 2),  # amid March and September
        (LAST_YEAR, date(2022, 9, 1), None),  # nothing is known of so late a day
        (LAST_YEAR, date(2021, 2, 16), logit(0.8) / 2),  # half faded
        (LAST_YEAR, date(2021, 2, 1), None),  # nothing is known of so early a day
        # March rose from odds 4 to odds 9, so September is expected to rise as much.
        (LAST_YEAR_AND_TREND, date(2021, 9, 1), logit(0.4) + np.log(9 / 4)),
    ],
)
def test_the_level_that_each_way_refers_to(
    reference: str, as_of: date, level: float | None
) -> None:
    season = Season({day.isoformat(): rate for day, rate in RATES.items()}, 1.0, reference)
    assert season.level(as_of, own=0.0) == (None if level is None else pytest.approx(level))
    calibrator = LogitCalibrator(1.0, 0.0, "identity", season)
    expected = 0.5 if level is None else expit(level)
    assert calibrator.apply(RAW_RISKS, as_of).mean() == pytest.approx(expected)
    assert calibrator_from(json.loads(json.dumps(calibrator.to_dict()))) == calibrator


def test_without_rates_nothing_is_referred_to() -> None:
    for reference in (LATEST, LAST_YEAR, LAST_YEAR_AND_TREND):
        assert Season({}, 1.0, reference).level(date(2021, 9, 1), own=0.3) is None
    with pytest.raises(ValueError, match="does not refer to 'tomorrow'"):
        Season({}, 1.0, "tomorrow")


def test_every_way_is_fitted() -> None:
    ways = fit_ways(known([0.5, 0.4, 0.6, 0.5], RATES))
    assert list(ways) == list(WAYS)
    assert list(WAYS)[-1] == WEIGHED
    assert ways[RAW].apply(RAW_RISKS) == pytest.approx(RAW_RISKS)
    lasting = ways[LASTING].apply(RAW_RISKS, date(2021, 9, 1))
    assert logit(lasting) == pytest.approx(logit(RAW_RISKS) + 0.5, abs=0.1)
    pooled = ways[POOLED].apply(RAW_RISKS, date(2021, 9, 1))
    assert pooled.mean() == pytest.approx(RAW_RISKS.mean())  # off by .5 as the model is
    for reference, rate in ((LATEST, 0.9), (LAST_YEAR, 0.4)):
        assert ways[reference].apply(RAW_RISKS, date(2021, 9, 1)).mean() == pytest.approx(rate)


def test_steps_follow_the_latest_snapshots() -> None:
    # Far off at first, right at the last three: what is old is not followed.
    steps = fit_ways(known([2.0, 2.0, 0.0, 0.0, 0.0], {}))[ISOTONIC]
    assert steps.apply(RAW_RISKS) == pytest.approx(RAW_RISKS, abs=0.04)


def test_a_slope_of_few_observations_is_followed_half_way() -> None:
    flat = known([0.0, 0.0], {})
    steep = replace(flat, raw=expit(logit(flat.raw) / 2))  # said half of what it should
    two = fit_ways(steep)[POOLED]
    assert isinstance(two, PooledCalibrator)
    # Two horizons of 90 days that do not overlap beside a prior of two: the root of 2.
    assert two.slope == pytest.approx(np.sqrt(2), rel=0.03)


def test_steps_by_hand() -> None:
    steps = fit_isotonic(np.array([0, 1, 0, 1]), np.array([0.1, 0.3, 0.4, 0.8]), np.ones(4))
    # 0.3 and 0.4 would fall from 1 to 0, so they share a half.
    risk = steps.apply(np.array([0.0, 0.1, 0.2, 0.35, 0.6, 0.9, np.nan]))
    assert risk == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1, np.nan], abs=1e-6, nan_ok=True)
    assert 0 < risk[0] < risk[5] < 1
    assert calibrator_from(json.loads(json.dumps(steps.to_dict()))) == steps
    with pytest.raises(ValueError, match="never fall"):
        IsotonicCalibrator((0.1, 0.2), (0.4, 0.3))
    with pytest.raises(DamagedModel, match="cannot be read"):
        calibrator_from({"method": ISOTONIC, "raw": [0.1]})


def record(off: dict[str, list[float]], apart: int = 90) -> tuple[Known, dict[str, np.ndarray]]:
    """Two accounts a snapshot, one defecting; every way says .5 but for how far it is off."""
    snapshots = len(off[WEIGHED])
    as_of = np.repeat(np.datetime64("2020-01-01") + apart * np.arange(snapshots), 2)
    risks = {way: np.repeat(0.5 + np.array(each), 2) for way, each in off.items()}
    label, rows = np.tile([0, 1], snapshots), 2 * snapshots
    return Known(label, np.full(rows, 0.5), as_of, as_of + 90, np.ones(rows)), risks


FIVE = [0.3, 0.31, 0.29, 0.3, 0.3]
NONE = [0.0] * 5


@pytest.mark.parametrize(
    ("off", "apart", "chosen"),
    [
        ({WEIGHED: NONE, LAST_YEAR: FIVE}, 90, WEIGHED),
        ({WEIGHED: FIVE, LAST_YEAR: NONE}, 90, LAST_YEAR),
        ({WEIGHED: FIVE, LAST_YEAR: [0.1] * 5, LATEST: NONE}, 90, LATEST),  # the best
        ({WEIGHED: FIVE, LAST_YEAR: NONE}, 14, WEIGHED),  # hardly two horizons' worth
        ({WEIGHED: [0.3, 0.3], LAST_YEAR: [0.0, 0.0]}, 90, WEIGHED),
        # Better on the whole, much better once, worse otherwise: that may be chance.
        ({WEIGHED: [0.5, 0.1, 0.1, 0.1, 0.1], LAST_YEAR: [0.0] + [0.2] * 4}, 90, WEIGHED),
    ],
)
def test_another_way_is_taken_where_it_has_proved_better(
    off: dict[str, list[float]], apart: int, chosen: str
) -> None:
    assert choose(*record(off, apart)) == chosen


def test_without_a_record_the_usual_way_is_taken() -> None:
    known, risks = record({WEIGHED: NONE, LAST_YEAR: FIVE})
    nothing = {way: np.full(len(known.label), np.nan) for way in risks}
    assert choose(known, nothing) == WEIGHED
    assert choose(known, nothing, usual=LAST_YEAR) == LAST_YEAR
    assert choose(known, risks, usual=LAST_YEAR) == WEIGHED  # it has proved better
