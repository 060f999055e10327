"""The model, its calibration, baselines, rolling scheme and files, on small drawn tables."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit
from taught import drawn_dataset, fitted, learners, rolled

from models import gradient_boosting, measures, risk_model, screening
from models.baselines import (
    RfmLogistic,
    recency_rule,
    recency_score,
    rfm_logistic,
    silence_rule,
    silence_score,
)
from models.calibration import LogitCalibrator, fit_calibrator
from models.dataset import Cohort, Dataset
from models.ensemble import averaged, shorter_horizons
from models.errors import DamagedModel, FeatureMismatch, LeakageFound, TooLittleHistory
from models.learner import require_known_labels
from models.out_of_time import OutOfTime, rolling
from models.ranks import of_one_snapshot, within_snapshots
from models.season import Season
from models.settings import ModelSettings

SETTINGS = ModelSettings(
    trees=20,
    leaves=8,
    learning_rate=0.1,
    min_leaf_rows=50,
    feature_share=0.7,
    row_share=0.8,
    l2=1.0,
    seed=7,
    threads=1,
    minimum_snapshots=2,
    learn_from_treated=True,
)
NAMES = ("days_silent", "orders_count_365d", "spend_365d", "noise")
BASELINES = {
    "recency": recency_rule("days_silent"),
    "logistic": rfm_logistic(
        recency="days_silent", frequency="orders_count_365d", spend="spend_365d"
    ),
}


def months(*names: str) -> np.ndarray:
    """Return the first day of each month, given as 2020-01."""
    return np.array([f"{name}-01" for name in names], dtype="datetime64[D]")


def market(accounts: int = 120, snapshots: int = 7, seed: int = 1) -> Dataset:
    """Return accounts x monthly snapshots from 2020-01; labels take three months."""
    random = np.random.default_rng(seed)
    rows = accounts * snapshots
    silent = random.exponential(40, rows)
    orders = random.poisson(5, rows).astype(float)
    features = np.column_stack(
        [silent, orders, orders * random.normal(100, 60, rows), random.normal(size=rows)]
    )
    features[random.random((rows, 4)) < 0.05] = np.nan
    month = np.datetime64("2020-01") + np.tile(np.arange(snapshots), accounts)
    return drawn_dataset(
        features=features,
        names=NAMES,
        label=(random.random(rows) < expit(silent / 30 - orders / 4)).astype(np.int8),
        account=np.repeat([f"A{i:03d}" for i in range(accounts)], snapshots).astype(object),
        as_of=month.astype("datetime64[D]"),
        label_complete=(month + 3).astype("datetime64[D]"),
    )


def everything(dataset: Dataset) -> Cohort:
    """Return all rows as if they were those of one snapshot."""
    return Cohort(date(2020, 12, 1), dataset.features, dataset.names, dataset.account)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return market()


@pytest.fixture(scope="module")
def out_of_time(dataset: Dataset) -> OutOfTime:
    return rolled(dataset, [date(2020, 7, 1)], SETTINGS, BASELINES)


@pytest.fixture(scope="module")
def model(dataset: Dataset, out_of_time: OutOfTime) -> risk_model.RiskModel:
    metadata = {"label": "inactivity"}
    return risk_model.fit_final(learners(dataset, SETTINGS), out_of_time, metadata=metadata)


# --- the table ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": np.zeros((2, 2), np.float32)}, "float64 matrix"),
        ({"features": np.array([[1.0, np.inf], [0, 0]])}, r"infinite values in \['b'\]"),
        ({"names": ("a",)}, "2 feature columns but 1 names"),
        ({"names": ("a", "a")}, r"unique identifiers; not so: \['a'\]"),
        ({"names": ("a", "b: c")}, r"not so: \['b: c'\]"),
        ({"label": np.array([0, 1, 1], np.int8)}, r"label has shape \(3,\); features have 2 rows"),
        ({"label": np.array([0, 2], np.int8)}, "only 0 .stayed. and 1 .defected."),
        ({"as_of": np.array(["2020-01-01", "NaT"], "datetime64[D]")}, "as_of must be datetime64"),
        ({"label_complete": months("2020-01", "2020-04")}, "1 rows have label_complete on or"),
        ({"account": np.array(["x", "x"], object)}, r"1 rows repeat an \(account, as_of\)"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(change: dict[str, object], says: str) -> None:
    fields: dict[str, object] = {
        "features": np.zeros((2, 2)),
        "names": ("a", "b"),
        "label": np.array([0, 1], np.int8),
        "account": np.array(["x", "y"], object),
        "as_of": months("2020-01", "2020-01"),
        "label_complete": months("2020-04", "2020-04"),
    }
    drawn_dataset(**fields)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=says):
        drawn_dataset(**{**fields, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trees": 0}, "trees is 0; it must be at least 1"),
        ({"l2": math.nan}, "l2 is nan"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0"),
        ({"row_share": 1.5}, "row_share is 1.5; it must be above 0, at most 1"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ModelSettings(**{**asdict(SETTINGS), **change})


# --- trees ----------------------------------------------------------------------------------


def test_the_same_rows_in_any_order_give_the_same_bytes(dataset: Dataset) -> None:
    text = fitted(dataset, SETTINGS)
    shuffled = dataset.rows(np.random.default_rng(0).permutation(len(dataset)))
    assert fitted(shuffled, SETTINGS) == text
    assert fitted(dataset, replace(SETTINGS, seed=8)) != text


def test_trees_find_what_the_label_depends_on(dataset: Dataset) -> None:
    booster = gradient_boosting.Booster(fitted(dataset, SETTINGS), threads=1)
    assert booster.names == NAMES
    gain = booster.importance()
    assert next(iter(gain)) == "days_silent"
    assert list(gain.values()) == sorted(gain.values(), reverse=True)
    assert gain["days_silent"] > 3 * gain["noise"]


def test_a_small_history_is_still_learned_from(dataset: Dataset) -> None:
    # With a leaf of 5,000 rows on 840 no tree could split: the score would be one number for all.
    wide = replace(SETTINGS, min_leaf_rows=5000)
    raw = gradient_boosting.Booster(fitted(dataset, wide), threads=1).predict(
        everything(dataset).ranks
    )
    assert measures.auc(dataset.label, raw) > 0.75


def test_one_class_only_is_explained(dataset: Dataset) -> None:
    stayed = dataset.rows(dataset.label == 0)
    with pytest.raises(TooLittleHistory, match=r"all \d+ training rows have the same label"):
        fitted(stayed, SETTINGS)
    with pytest.raises(TooLittleHistory, match="the logistic baseline needs"):
        BASELINES["logistic"](stayed, everything(stayed))


@pytest.mark.starts_process
def test_a_missing_library_says_what_to_install() -> None:
    program = """
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "lightgbm":
            raise self.error
broken = Broken()
sys.meta_path.insert(0, broken)
from models.errors import ModelLibraryMissing
for broken.error in (OSError("libgomp.so.1: cannot open"), ImportError("No module named it")):
    try:
        import models.gradient_boosting
    except ModelLibraryMissing as error:
        print(error)
"""
    root = Path(gradient_boosting.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    without_openmp, without_lightgbm = done.stdout.splitlines()
    assert "libgomp.so.1: cannot open" in without_openmp
    assert "apt-get install libgomp1" in without_openmp
    assert "make setup" in without_lightgbm


# --- baselines ------------------------------------------------------------------------------


def test_recency_rule_ranks_by_silence_and_puts_no_order_last() -> None:
    assert recency_score(np.array([3.0, np.nan, 10.0])).tolist() == [3.0, 11.0, 10.0]
    assert recency_score(np.array([np.nan])).tolist() == [0.0]


def test_silence_over_own_rhythm_and_over_the_others_where_there_is_none() -> None:
    """Usual gaps of 10, 20 and 60 days; the median, 20, stands in for the unknown one."""
    gap = np.array([10.0, 20, 60, np.nan, 20])
    silent = np.array([20.0, 20, 20, 20, np.nan])
    assert silence_score(silent, gap).tolist() == [1, 1 / 2, 1 / 6, 1 / 2, 2]
    assert silence_score(silent[:2], np.array([np.nan, np.nan])).tolist() == [10, 10]
    rule = silence_rule(recency="days_silent", usual_gap="gap")
    names = ("gap", "days_silent")
    cohort = Cohort(date(2020, 5, 1), np.column_stack([gap, silent]), names, np.arange(5))
    assert rule(market(), cohort)(cohort).tolist() == silence_score(silent, gap).tolist()


def test_logistic_baseline_on_missing_and_negative_values() -> None:
    random = np.random.default_rng(2)
    recency, frequency = random.exponential(40, 500), random.poisson(5, 500).astype(float)
    spend = frequency * random.uniform(50, 150, 500)
    label = (random.random(500) < expit(recency / 30 - frequency / 4)).astype(np.int8)
    fitted = RfmLogistic().fit(recency, frequency, spend, label)
    risk = fitted.predict(recency, frequency, spend)
    assert measures.auc(label, risk) > 0.7
    assert abs(risk.mean() - label.mean()) < 0.01  # a probability, not only a ranking

    def one(*values: float) -> float:
        return float(fitted.predict(*(np.array([value]) for value in values))[0])

    assert one(90, 2, 200) > one(10, 2, 200)
    assert one(90, 2, -50) == one(90, 2, 0) == one(90, 2, np.nan)
    assert one(np.nan, 2, 200) == one(float(recency.max()), 2, 200)
    assert one(90, np.nan, 200) == one(90, 0, 200)


# --- calibration ----------------------------------------------------------------------------


def predictions(
    levels: list[float], slope: float = 1.0, rows: int = 4000, apart: int = 90
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return label, raw, as_of, label_complete with this level at each snapshot, `apart` days."""
    random = np.random.default_rng(3)
    score = random.normal(-0.5, 1.2, rows * len(levels))
    codes = np.repeat(np.arange(len(levels)), rows)
    label = random.random(len(score)) < expit(slope * score + np.array(levels)[codes])
    as_of = np.datetime64("2020-01-01") + codes * apart
    return label.astype(np.int8), expit(score), as_of, as_of + 90


def test_a_slope_and_a_lasting_bias_are_found() -> None:
    found = fit_calibrator(*predictions([0.5, 0.4, 0.6, 0.5], slope=0.7))
    assert found.method == "slope and intercept"
    assert found.slope == pytest.approx(0.7, abs=0.05)
    assert found.intercept == pytest.approx(0.5, abs=0.05)


def test_a_season_is_not_taken_for_a_bias() -> None:
    found = fit_calibrator(*predictions([0.9, 0.1, -0.4, 0.6], slope=0.7))
    assert (found.method, found.intercept) == ("slope only", 0.0)
    assert found.slope == pytest.approx(0.7, abs=0.05)


def test_overlapping_horizons_are_not_independent_evidence() -> None:
    levels = [0.1, 0.2, 0.6, 0.7, 0.9, 0.3]
    assert fit_calibrator(*predictions(levels, apart=90)).method == "slope and intercept"
    assert fit_calibrator(*predictions(levels, apart=7)).method == "slope only"


def test_a_single_snapshot_gives_no_intercept() -> None:
    assert fit_calibrator(*predictions([0.8])).method == "slope only"


@pytest.mark.parametrize("case", ["no rows", "one class", "few rows", "ranked the wrong way"])
def test_without_evidence_the_calibrator_is_the_identity(case: str) -> None:
    label, raw, as_of, complete = predictions([0.0, 0.0], rows=200)
    rows = np.arange(len(label))
    if case == "no rows":
        rows = rows[:0]
    elif case == "one class":
        rows = np.flatnonzero(label == 1)
    elif case == "few rows":
        rows = rows[:40]
    else:
        raw = 1 - raw
    found = fit_calibrator(label[rows], raw[rows], as_of[rows], complete[rows])
    assert (found.slope, found.intercept, found.method) == (1.0, 0.0, "identity")
    assert found.apply(np.array([0.25, np.nan])) == pytest.approx([0.25, np.nan], nan_ok=True)


def test_calibrated_risk_by_hand_and_never_certain() -> None:
    calibrator = LogitCalibrator(2.0, math.log(3), "slope and intercept")
    # Odds 1 become 1 squared x 3; odds 1/2 become 1/4 x 3.
    assert calibrator.apply(np.array([1 / 2, 1 / 3])) == pytest.approx([3 / 4, 3 / 7])
    extreme = calibrator.apply(np.array([0.0, 1.0]))
    assert 0 < extreme[0] < extreme[1] < 1


def test_a_calibrator_that_would_turn_the_ranking_is_refused() -> None:
    with pytest.raises(ValueError, match="slope above 0"):
        LogitCalibrator(-1.0, 0.0, "slope only")
    with pytest.raises(DamagedModel, match="'slope'"):
        LogitCalibrator.from_dict({"intercept": 0.0, "season": {"rates": {}, "weight": 0}})


def test_last_years_level_is_weighed_against_the_models_own() -> None:
    calibrator = LogitCalibrator(
        1.0, 0.0, "identity", Season({"2020-03-01": 0.8, "2020-06-01": 0.2}, 0.5)
    )
    raw = expit(np.array([-1.0, 0.0, 1.0]))  # a level of 0: half of them
    in_march = calibrator.apply(raw, date(2021, 3, 1))
    assert in_march.mean() == pytest.approx(expit(logit(0.8) / 2))  # odds 2, between 4 and 1
    assert np.diff(logit(in_march)) == pytest.approx([1, 1])
    assert calibrator.apply(raw, date(2021, 6, 1)).mean() == pytest.approx(expit(logit(0.2) / 2))
    for other in (None, date(2020, 3, 1), date(2022, 3, 1)):
        assert calibrator.apply(raw, other) == pytest.approx(raw)
    assert len(calibrator.apply(np.array([]), date(2021, 3, 1))) == 0
    some = calibrator.apply(np.array([0.5, np.nan]), date(2021, 3, 1))
    assert some == pytest.approx([2 / 3, np.nan], nan_ok=True)
    assert LogitCalibrator.from_dict(json.loads(json.dumps(calibrator.to_dict()))) == calibrator


def test_who_has_erred_less_weighs_more() -> None:
    def weight(levels: list[float], last_year: list[float], this_year: list[float]) -> float:
        days = [date(2019 + year, 1 + 3 * n, 1) for year in (0, 1) for n in range(len(last_year))]
        rates = dict(zip(days, (*last_year, *this_year), strict=True))
        return fit_calibrator(*predictions(levels), rates).season.weight

    same, other = [0.3, 0.6, 0.5, 0.4], [0.6, 0.3, 0.4, 0.7]
    erring, right = [0.9, 0.1, -0.9, 0.6], [0.0, 0.05, -0.05, 0.0]
    assert weight(erring, same, same) > 0.9
    assert 0.3 < weight(right, same, same) < weight(erring, same, same)
    assert weight(right, same, other) < weight(erring, same, other) < weight(erring, same, same)
    assert weight(right, same, other) < weight(right, same, same)


def test_a_season_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Season({"2020-01-01": 1.5}, 0.5)
    with pytest.raises(DamagedModel, match="cannot be read"):
        LogitCalibrator.from_dict({"slope": 1, "intercept": 0, "method": "identity", "season": 3})


# --- the rolling scheme ---------------------------------------------------------------------


def test_each_snapshot_learns_only_from_complete_labels(out_of_time: OutOfTime) -> None:
    # Labels take three months: at 05-01 those of 01-01 and 02-01 are complete, the least needed.
    # The calibrator at 08-01 would be the first to see a prediction, that of 05-01.
    assert [
        (split.snapshot.month, [s.month for s in split.training_snapshots], split.training_rows)
        for split in out_of_time.splits
    ] == [(5, [1, 2], 240), (6, [1, 2, 3], 360), (7, [1, 2, 3, 4], 480)]
    assert [split.is_test for split in out_of_time.splits] == [False, False, True]
    assert all(split.latest_label_complete == split.snapshot for split in out_of_time.splits)
    assert {split.calibrated_on for split in out_of_time.splits} == {0}
    assert np.isnan(out_of_time.risk).all()
    assert not np.isnan(out_of_time.raw).any()


def test_the_calibrator_sees_only_predictions_whose_label_was_complete() -> None:
    seen: list[tuple[int, int]] = []
    longer = market(snapshots=10)
    test = date(2020, 10, 1)
    found = rolling(
        learners(longer, SETTINGS, [test]),
        [test],
        BASELINES,
        progress=lambda *step: seen.append(step),
    )
    fits = {split.fitted for split in found.splits}
    assert seen == [(number, len(fits)) for number in range(len(fits) + 1)]
    assert [s.calibrated_on for s in found.splits] == [0, 0, 0, 120, 240, 360]
    last = found.at(date(2020, 10, 1))
    past = found.at(date(2020, 5, 1), date(2020, 6, 1), date(2020, 7, 1))
    at_test = np.datetime64("2020-10-01")
    rates = longer.rows(longer.label_complete <= at_test).rates()
    calibrator = fit_calibrator(past.label, past.raw, past.as_of, past.label_complete, rates)
    assert last.splits[0].calibrator == calibrator
    assert last.risk.tolist() == calibrator.apply(last.raw).tolist()
    assert len(last) == 120
    assert set(last.baselines) == {"recency", "logistic"}
    known = longer.rows(longer.label_complete <= np.datetime64("2020-10-01"))
    now = longer.cohort(test)
    assert last.baselines["logistic"] == pytest.approx(BASELINES["logistic"](known, now)(now))


def test_test_snapshots_without_history_are_explained(dataset: Dataset) -> None:
    with pytest.raises(TooLittleHistory) as error:
        rolled(dataset, [date(2020, 4, 1), date(2021, 1, 1)], SETTINGS, {})
    assert "2020-04-01: 1 earlier snapshots with complete labels, 2 needed" in str(error.value)
    assert "2021-01-01: no rows with a label at this snapshot" in str(error.value)
    assert "Snapshots with labels: 2020-01-01 to 2020-07-01" in str(error.value)


def test_a_split_that_knows_the_future_is_an_error(dataset: Dataset) -> None:
    assert require_known_labels(dataset, date(2020, 10, 1)) == date(2020, 10, 1)
    with pytest.raises(LeakageFound, match="120 rows to learn from at 2020-09-30"):
        require_known_labels(dataset, date(2020, 9, 30))


# --- screening ------------------------------------------------------------------------------


def test_a_feature_that_gives_the_label_away_is_named(dataset: Dataset) -> None:
    told = np.where(dataset.label == 1, np.nan, 5.0)
    panel = replace(
        dataset.panel,
        features=np.column_stack([dataset.features, told, -1.0 * dataset.label]),
        names=(*NAMES, "closed_on", "orders_next"),
    )
    leaking = replace(dataset, panel=panel)
    told_alone = screening.single_feature_auc(leaking)
    assert screening.too_good(told_alone) == {"closed_on": 1.0, "orders_next": 1.0}
    alone = screening.single_feature_auc(dataset)
    assert screening.too_good(alone) == {}
    assert list(alone)[:2] == ["days_silent", "orders_count_365d"]
    assert all(0.5 <= area < 1 for area in alone.values())


def test_a_missing_value_ranks_below_all_others() -> None:
    three = drawn_dataset(
        features=np.array([[np.nan], [-3.0], [2.0]]),
        names=("value",),
        label=np.array([1, 0, 1], np.int8),
        account=np.array(["a", "b", "c"], object),
        as_of=months("2020-01", "2020-01", "2020-01"),
        label_complete=months("2020-04", "2020-04", "2020-04"),
    )
    assert screening.single_feature_auc(three) == {"value": 0.5}


def test_ties_and_missing_values_count_as_in_the_auc_of_all_rows(dataset: Dataset) -> None:
    random = np.random.default_rng(5)
    features = random.integers(-3, 4, (len(dataset), len(NAMES))).astype(float)
    features[random.random(features.shape) < 0.2] = np.nan
    features[:, 0] = np.nan
    drawn = replace(dataset, panel=replace(dataset.panel, features=features))
    alone = screening.single_feature_auc(drawn)
    for place, name in enumerate(NAMES):
        area = measures.auc(dataset.label, np.nan_to_num(features[:, place], nan=-4.0))
        assert alone[name] == max(area, 1 - area)


# --- ranks and learners ---------------------------------------------------------------------


def test_ranks_by_hand() -> None:
    nan = math.nan
    values = np.array([[10.0, 1], [30, 1], [20, nan], [nan, 5], [7, nan]])
    as_of = months("2020-01", "2020-01", "2020-01", "2020-01", "2020-02")
    # Of three known values the places are 1, 2, 3; equal ones share (1 + 2) / 2.
    assert within_snapshots(values, as_of) == pytest.approx(
        np.array([[0.5 / 3, 1 / 3], [2.5 / 3, 1 / 3], [1.5 / 3, nan], [nan, 2.5 / 3], [0.5, nan]]),
        nan_ok=True,
    )


def test_a_row_that_stands_for_several_accounts_ranks_as_they_all_would() -> None:
    """The values 1 (once), 2 (for three accounts), 3 (for four), unknown (for two)."""
    values = np.array([[3.0], [1.0], [2.0], [math.nan]])
    found = of_one_snapshot(values, stands_for=np.array([4.0, 1.0, 3.0, 2.0]))
    # Of eight accounts with a value: 0 below 1, 1 below 2, 4 below 3; half of the equals besides.
    assert found[:, 0] == pytest.approx([6 / 8, 0.5 / 8, 2.5 / 8, math.nan], nan_ok=True)


def test_learners_are_averaged_from_their_own_rates() -> None:
    # Odds 4 where 1 is usual, odds 1 where 1/4 is usual: both say four times the usual.
    both = averaged([np.array([0.8]), np.array([0.5])], [0.5, 0.2])
    assert both == pytest.approx([0.5])
    assert averaged([np.array([0.8]), np.array([0.2])], [0.5, 0.2]) == pytest.approx([1 / 3])


def test_a_learner_without_both_classes_is_left_out(dataset: Dataset) -> None:
    alike = replace(dataset, label=np.zeros_like(dataset.label))
    found = rolled(dataset, [], SETTINGS, {}, [alike])
    shorter, own = found.learners
    assert np.isnan(shorter).all()
    assert found.raw == pytest.approx(own)
    final = risk_model.fit_final(learners(dataset, SETTINGS, shorter=[alike]), found)
    assert len(final.booster_texts) == 1
    assert len(rolled(alike, [], SETTINGS, {})) == 0


@pytest.mark.parametrize(("days", "shorter"), [(90, (30, 60)), (2, (1,)), (1, ()), (30, (10, 20))])
def test_shorter_horizons_are_thirds(days: int, shorter: tuple[int, ...]) -> None:
    assert shorter_horizons(days) == shorter


# --- the registered model and its files -----------------------------------------------------


def test_a_small_part_of_the_cohort_is_refused(
    model: risk_model.RiskModel, dataset: Dataset
) -> None:
    assert model.smallest_cohort == 120
    assert len(model.risk(dataset.features[:60], NAMES)) == 60
    with pytest.raises(FeatureMismatch, match="59 accounts are too few"):
        model.risk(dataset.features[:59], NAMES)


def test_outcomes_of_shorter_horizons_are_learned_beside_the_main_ones(
    dataset: Dataset, out_of_time: OutOfTime, tmp_path: Path
) -> None:
    sooner = (dataset.as_of.astype("datetime64[M]") + 4).astype("datetime64[D]")
    short = replace(
        dataset, label_complete=sooner, label=(dataset.column("noise") > 0).astype(np.int8)
    )
    model = risk_model.fit_final(learners(dataset, SETTINGS, shorter=[short]), out_of_time)
    assert len(model.booster_texts) == 2
    assert model.base_rates == (short.label.mean(), dataset.label.mean())
    assert model.label_end == date(2020, 11, 1)  # the shorter one's, here the later
    assert measures.auc(short.label, model.risk(dataset.features, NAMES)) > 0.7
    hashes = model.save(tmp_path)
    assert sorted(hashes) == ["booster_1.txt", "booster_2.txt", "model.json"]
    loaded = risk_model.load(tmp_path, hashes)
    expected = model.risk(dataset.features, NAMES)
    assert loaded.risk(dataset.features, NAMES).tolist() == expected.tolist()


def test_a_model_that_names_other_files_is_refused(
    model: risk_model.RiskModel, tmp_path: Path
) -> None:
    model.save(tmp_path)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boosters": {"../b.txt": "0"}}))
    with pytest.raises(DamagedModel, match="files called"):
        risk_model.load(tmp_path)


def test_fault_24_columns_are_taken_by_name(model: risk_model.RiskModel, dataset: Dataset) -> None:
    risk = model.risk(dataset.features, NAMES)
    order = [3, 0, 2, 1]
    names = [*(NAMES[i] for i in order), "further"]
    other = np.column_stack([dataset.features[:, order], np.ones(len(dataset))])
    assert model.risk(other, names).tolist() == risk.tolist()
    assert ((risk > 0) & (risk < 1)).all()
    assert measures.auc(dataset.label, risk) > 0.75
    assert model.risk(dataset.features[:0], NAMES).shape == (0,)


def test_fault_29_other_features_are_listed(model: risk_model.RiskModel) -> None:
    with pytest.raises(FeatureMismatch) as error:
        model.risk(np.zeros((90, 3)), ["noise", "days_silent", "spend_90d"])
    assert "2 features that are not there: orders_count_365d, spend_365d" in str(error.value)
    assert "not in the model: spend_90d" in str(error.value)
    with pytest.raises(FeatureMismatch, match="4 names are given"):
        model.risk(np.zeros((1, 3)), NAMES)


def test_saved_and_loaded_it_predicts_the_same(
    model: risk_model.RiskModel, dataset: Dataset, tmp_path: Path
) -> None:
    hashes = model.save(tmp_path)
    loaded = risk_model.load(tmp_path, hashes)
    expected = model.risk(dataset.features, NAMES)
    assert loaded.risk(dataset.features, NAMES).tolist() == expected.tolist()
    assert loaded.label_end == date(2020, 10, 1)
    assert loaded.metadata == {"label": "inactivity", "calibration_way": "season weighed"}
    assert loaded.calibrator == model.calibrator
    (tmp_path / "again").mkdir()
    assert loaded.save(tmp_path / "again") == hashes
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["booster_1.txt", "model.json"]


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _pickle(path: Path) -> None:
    path.write_bytes(b"\x80\x05K\x01.")


@pytest.mark.parametrize("damage", [_truncate, _flip, _pickle, Path.unlink])
@pytest.mark.parametrize("file", ["booster_1.txt", "model.json"])
def test_fault_26_a_damaged_file_is_refused_before_it_is_parsed(
    model: risk_model.RiskModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    damage: Callable[[Path], None],
) -> None:
    hashes = model.save(tmp_path)
    damage(tmp_path / file)
    monkeypatch.setattr(gradient_boosting.lightgbm, "Booster", pytest.fail)
    with pytest.raises(DamagedModel, match=file):
        risk_model.load(tmp_path, hashes)
    if file == "booster_1.txt":  # its hash also stands in model.json
        with pytest.raises(DamagedModel, match=file):
            risk_model.load(tmp_path)


def test_an_unknown_format_is_refused(model: risk_model.RiskModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    path = tmp_path / "model.json"
    content = json.loads(path.read_text()) | {"format": 99}
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedModel, match="format 99, but this program reads 6"):
        risk_model.load(tmp_path)


def test_trees_and_names_must_belong_together(
    model: risk_model.RiskModel, dataset: Dataset
) -> None:
    renamed = replace(model, names=("other", *NAMES[1:]))
    with pytest.raises(DamagedModel, match="names other features than the trees"):
        renamed.risk(dataset.features, renamed.names)


def test_the_calibrator_of_the_final_model_rests_on_all_predictions(
    model: risk_model.RiskModel, out_of_time: OutOfTime
) -> None:
    every = out_of_time
    expected = fit_calibrator(
        every.label, every.raw, every.as_of, every.label_complete, market().rates()
    )
    assert model.calibrator == expected
    assert model.calibrator.method != "identity"
    raw = np.array([0.2, 0.7])
    assert logit(model.calibrator.apply(raw)) == pytest.approx(
        model.calibrator.slope * logit(raw) + model.calibrator.intercept
    )


# --- accounts that were acted on -------------------------------------------------------------


def predicted(rows: Dataset, settings: ModelSettings) -> OutOfTime:
    return rolled(rows, [date(2020, 7, 1)], settings, BASELINES)


@pytest.fixture(scope="module")
def marked() -> Dataset:
    """A market in which every fifth account is treated, at every snapshot."""
    dataset = market()
    return replace(dataset, treated=np.array([int(name[1:]) % 5 == 0 for name in dataset.account]))


def test_treated_accounts_are_predicted_and_learned_from_as_the_others(marked: Dataset) -> None:
    plain = predicted(market(), SETTINGS)
    found = predicted(marked, SETTINGS)
    np.testing.assert_array_equal(found.risk, plain.risk)
    assert not plain.treated.any()
    assert found.treated.mean() == pytest.approx(0.2)
    kept = found.untreated()
    assert len(kept) == 0.8 * len(found)
    np.testing.assert_array_equal(kept.risk, found.risk[~found.treated])
    assert kept.splits == found.splits


def test_left_out_everywhere_nothing_is_learned_from_their_outcomes(marked: Dataset) -> None:
    settings = replace(SETTINGS, learn_from_treated=False)
    other = replace(marked, label=np.where(marked.treated, 1 - marked.label, marked.label))
    learned = [predicted(rows, settings) for rows in (marked, other)]
    np.testing.assert_array_equal(learned[0].risk, learned[1].risk)
    for name in BASELINES:
        np.testing.assert_array_equal(learned[0].baselines[name], learned[1].baselines[name])
    pairs = zip((marked, other), learned, strict=True)
    final = [risk_model.fit_final(learners(rows, settings), told) for rows, told in pairs]
    assert final[0].booster_texts == final[1].booster_texts
    assert final[0].calibrator == final[1].calibrator
    # and the law can fail: learned from, their outcomes change what is predicted
    also = [predicted(rows, SETTINGS) for rows in (marked, other)]
    assert not np.array_equal(also[0].risk, also[1].risk)
