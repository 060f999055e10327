"""Drift: bins and PSI by hand, and which distances are alarms."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from models.drift import FILE, Reference, learn, load, psi
from models.drift_judgement import judge
from models.errors import DamagedModel

MONTHS = np.arange("2022-01", "2024-01", dtype="datetime64[M]").astype("datetime64[D]")
NOW = date(2024, 6, 1)


# --- bins and PSI ----------------------------------------------------------------------------


def test_psi_by_hand() -> None:
    """Shares 20 % and 80 % against 50 % each: -.3 x ln .4 + .3 x ln 1.6 = .4159."""
    half = np.array([50_000_000, 50_000_000])
    assert psi(np.array([20_000_000, 80_000_000]), half) == pytest.approx(0.415888, abs=1e-5)
    assert psi(half, half) == 0


def test_an_empty_bin_counts_half_an_account() -> None:
    """10 and 0 become 10.5 / 11 and 0.5 / 11; 5 and 5 stay a half each."""
    by_hand = (10.5 / 11 - 0.5) * np.log(10.5 / 5.5) + (0.5 / 11 - 0.5) * np.log(0.5 / 5.5)
    assert psi(np.array([10, 0]), np.array([5, 5])) == pytest.approx(by_hand)


def test_bins_part_the_training_rows_at_their_quantiles_and_nulls_apart() -> None:
    values = np.append(np.arange(1.0, 101.0), [np.nan] * 25)[:, None]
    days = np.repeat(MONTHS[:1], 125)
    reference = learn(values, ["x"], ["orders"], days)
    assert len(reference.edges[0]) == 9
    assert reference.counts[0, 0].tolist() == [10] * 10 + [25]
    outside = np.array([[-1e9], [1e9], [np.nan], [reference.edges[0][0]]])
    assert reference.count(outside, ["x"])[0].tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]


def test_equal_values_share_a_bin_and_an_unknown_feature_has_none() -> None:
    zeros = np.zeros(90)
    values = np.column_stack([np.append(zeros, np.arange(1.0, 11.0)), np.full(100, np.nan)])
    reference = learn(values, ["mostly_zero", "never"], ["orders"] * 2, np.repeat(MONTHS[:1], 100))
    assert reference.edges == ((0.0, pytest.approx(0.1)), ())
    assert reference.counts[0, 0, 0] == 90
    assert reference.counts[1, 0].tolist() == [0] * 10 + [100]


def test_columns_are_taken_by_name() -> None:
    values = np.column_stack([np.arange(20.0), -np.arange(20.0)])
    reference = learn(values, ["a", "b"], ["orders"] * 2, np.repeat(MONTHS[:1], 20))
    turned = reference.count(values[:, ::-1], ["b", "a"])
    assert (turned == reference.count(values, ["a", "b"])).all()


def test_the_file_holds_no_row_and_comes_back(tmp_path) -> None:
    random = np.random.default_rng(0)
    reference = market(random)
    reference.save(tmp_path)
    again = load(tmp_path)
    assert again is not None
    assert (again.names, again.groups, again.edges) == (
        reference.names,
        reference.groups,
        reference.edges,
    )
    assert (again.counts == reference.counts).all()
    assert (again.snapshots == reference.snapshots).all()
    content = json.loads((tmp_path / FILE).read_text())
    assert set(content) == {"format", "features", "snapshots"}
    assert all(len(feature["edges"]) < 10 for feature in content["features"])


def test_a_version_without_one_has_none_and_a_damaged_one_is_refused(tmp_path) -> None:
    assert load(tmp_path) is None
    market(np.random.default_rng(0)).save(tmp_path)
    text = (tmp_path / FILE).read_text()
    for damaged in (text[:-20], text.replace('"format": 1', '"format": 9'), "[]"):
        (tmp_path / FILE).write_text(damaged)
        with pytest.raises(DamagedModel, match="Retrain"):
            load(tmp_path)


# --- what is judged --------------------------------------------------------------------------

FEATURES = 40
ACCOUNTS = 300


def rows(random: np.random.Generator, day: np.datetime64, **drift: float) -> np.ndarray:
    """A snapshot: 40 features, the first rising and falling with the year; 10 % are null."""
    values = random.normal(size=(ACCOUNTS, FEATURES))
    year = (day.astype("datetime64[D]") - day.astype("datetime64[Y]")).astype(int) / 365
    values[:, 0] += 1.5 * np.sin(2 * np.pi * year)
    values[:, 1] += drift.get("shift", 0.0)
    nulls = random.random(values.shape) < 0.1
    nulls[:, 2] = random.random(ACCOUNTS) < 0.1 + drift.get("lost", 0.0)
    values[nulls] = np.nan
    return values


NAMES = [f"x{number}" for number in range(FEATURES)]


def market(random: np.random.Generator, months: int = 24) -> Reference:
    values = [rows(random, day) for day in MONTHS[:months]]
    days = np.repeat(MONTHS[:months], ACCOUNTS)
    return learn(np.concatenate(values), NAMES, ["orders"] * FEATURES, days)


def judged(reference: Reference, values: np.ndarray, day: date = NOW, rate: float = 0.01):
    return judge(reference, reference.count(values, NAMES), day, rate)


def test_a_shifted_feature_and_a_lost_one_are_named_and_no_other() -> None:
    random = np.random.default_rng(1)
    reference = market(random)
    shifted = judged(reference, rows(random, np.datetime64(NOW), shift=1.5))
    assert [shifted.names[place] for place in shifted.alarms] == ["x1"]
    assert shifted.rank[1] > shifted.usual_rank[1] + 0.2
    lost = judged(reference, rows(random, np.datetime64(NOW), lost=0.6))
    assert [lost.names[place] for place in lost.alarms] == ["x2"]
    assert lost.nulls[2] > 0.6 and lost.usual_nulls[2] == pytest.approx(0.1, abs=0.02)
    assert lost.psi[2] > 0.25 > lost.psi_usual[2]


def test_the_season_is_known() -> None:
    """In April the first feature is high every year; in October the same is an alarm."""
    random = np.random.default_rng(2)
    reference = market(random)
    april = rows(random, np.datetime64("2024-04-01"))
    in_season = judged(reference, april, date(2024, 4, 1))
    assert in_season.seasonal[0] and not in_season.alarms
    assert in_season.psi[0] > 0.25  # against the whole year it is far
    assert in_season.psi[0] < 1.5 * in_season.psi_season[0]
    out_of_season = judged(reference, april, date(2024, 10, 1))
    assert [out_of_season.names[place] for place in out_of_season.alarms] == ["x0"]


def test_without_drift_alarms_are_as_rare_as_stated() -> None:
    """400 snapshots at a stated rate of a tenth: within the binomial bound of 99 % (55)."""
    random = np.random.default_rng(3)
    reference = market(random)
    alarms = sum(
        bool(judged(reference, rows(random, np.datetime64(NOW)), rate=0.1).alarms)
        for _ in range(400)
    )
    assert alarms <= 55


def test_a_short_training_is_careful_and_a_very_short_one_judges_nothing() -> None:
    random = np.random.default_rng(4)
    limits = [
        judged(market(random, n), rows(random, np.datetime64(NOW))).limit for n in (9, 15, 24)
    ]
    assert limits == sorted(limits, reverse=True)
    assert all(np.isfinite(limits))
    short = judged(market(random, 6), rows(random, np.datetime64(NOW), shift=9.0))
    assert not short.judged and short.alarms == []
    assert np.isnan(short.distance).all() and np.isfinite(short.psi).all()


def test_a_smaller_rate_of_false_alarms_has_a_higher_limit() -> None:
    random = np.random.default_rng(5)
    reference, values = market(random), rows(random, np.datetime64(NOW))
    assert judged(reference, values, rate=0.001).limit > judged(reference, values).limit
