"""Laws of the season's level: it moves day by day, comes back every year, and keeps its mean."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import LogitCalibrator
from models.probabilities import finite_logit
from models.season import FADE_DAYS, LAST_YEAR, LAST_YEAR_AND_TREND, LATEST, Season, rate_logit

FIRST = date(2021, 1, 1)
MONTHS = [date(2021 + n // 12, 1 + n % 12, 1) for n in range(25)]  # from FIRST to FIRST in 2023
DAY = timedelta(days=1)

rates_of_a_year = st.lists(st.floats(0.01, 0.99), min_size=12, max_size=12)
references = st.sampled_from([LAST_YEAR, LAST_YEAR_AND_TREND, LATEST])
weights = st.floats(0.1, 1)


def two_years(rates: list[float]) -> dict[str, float]:
    """The rates of a year, twice, and the first one again."""
    return {day.isoformat(): rates[n % 12] for n, day in enumerate(MONTHS)}


def days(first: date, number: int) -> list[date]:
    return [first + n * DAY for n in range(number)]


@settings(max_examples=20)
@given(rates_of_a_year, references, weights, st.floats(-3, 3))
def test_fault_73_the_level_moves_day_by_day(
    rates: list[float], reference: str, weight: float, own: float
) -> None:
    """From before the first level that is referred to until a year later."""
    season = Season(two_years(rates), weight, reference)
    found = [season.level(day, own) for day in days(date(2021, 12, 1), 430)]
    levels = np.array([own if level is None else level for level in found])
    logits = np.array([rate_logit(rate) for rate in rates])
    steepest = np.abs(np.diff([*logits, logits[0]])).max() / 28  # the shortest month
    begins = np.abs(logits - own).max() / FADE_DAYS
    assert np.abs(np.diff(levels)).max() <= weight * (steepest + begins) + 1e-9
    if reference == LATEST:
        assert np.ptp(levels) == 0


@settings(max_examples=20)
@given(rates_of_a_year, weights, st.floats(-3, 3))
def test_a_snapshot_refers_to_that_of_a_year_before(
    rates: list[float], weight: float, own: float
) -> None:
    season = Season(two_years(rates), weight)
    for day, rate in zip(MONTHS, [*rates, *rates, rates[0]], strict=True):
        expected = weight * rate_logit(rate) + (1 - weight) * own
        assert season.level(day.replace(year=day.year + 1), own) == pytest.approx(expected)


@settings(max_examples=5)
@given(rates_of_a_year)
def test_the_level_comes_back_every_year_and_keeps_its_mean(rates: list[float]) -> None:
    season = Season(two_years(rates), 1.0)
    year = [season.level(day, 0.0) for day in days(date(2022, 1, 1), 365)]
    assert [season.level(day, 0.0) for day in days(date(2023, 1, 1), 365)] == year
    # Each snapshot counts for the days that are nearer to it than to the others.
    apart = np.diff([day.toordinal() for day in MONTHS[:13]])
    counts = (apart + np.roll(apart, 1)) / 2
    expected = np.average([rate_logit(rate) for rate in rates], weights=counts)
    assert np.mean(year) == pytest.approx(expected)


@settings(max_examples=5)
@given(st.integers(0, 1000), st.floats(-0.5, 0.5), st.integers(0, 11))
def test_fault_73_no_account_moves_more_than_a_point_for_the_calendar_alone(
    seed: int, middle: float, shift: int
) -> None:
    """Shares of defectors that move over the year as those of real wholesalers do."""
    months = np.arange(12) + shift
    rates = 1 / (1 + np.exp(-middle - 0.6 * np.sin(2 * np.pi * months / 12)))
    calibrator = LogitCalibrator(1.0, 0.0, "identity", Season(two_years(rates.tolist()), 1.0))
    raw = 1 / (1 + np.exp(-np.random.default_rng(seed).normal(middle, 2, 50)))
    assert np.ptp(finite_logit(raw)) > 4
    risks = [calibrator.apply(raw, day) for day in days(date(2022, 1, 1), 366)]
    assert 0 < np.abs(np.diff(risks, axis=0)).max() < 0.01


def test_an_old_model_goes_by_its_own_level() -> None:
    season = Season({"2024-12-01": 0.4}, 0.9)
    found = [season.level(day, rate_logit(0.1)) for day in days(date(2025, 12, 1), FADE_DAYS + 1)]
    assert found[0] > found[1] > found[-2] > rate_logit(0.1)
    assert found[-1] is None
