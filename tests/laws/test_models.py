"""Laws of measures, calibration and the rolling scheme, on generated data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from taught import Watching, drawn_dataset, fitted, learners, rolled

from models import gradient_boosting, measures, risk_model
from models.baselines import rfm_logistic
from models.bootstrap import bootstrapped, interval
from models.calibration import LogitCalibrator, fit_calibrator
from models.dataset import Cohort, Dataset, FloatArray
from models.horizons import in_order
from models.lead_time import first_listed, lead_days
from models.learner import fit_together
from models.out_of_time import rolling
from models.profit import CallTerms, call_profit
from models.ranks import of_one_snapshot, within_snapshots
from models.recipe import Scorer
from models.settings import ModelSettings

SETTINGS = ModelSettings(
    trees=10,
    leaves=6,
    learning_rate=0.1,
    min_leaf_rows=30,
    feature_share=0.7,
    row_share=0.8,
    l2=1.0,
    seed=3,
    threads=1,
    minimum_snapshots=1,
    learn_from_treated=True,
)
MEASURES: dict[str, Callable[..., float]] = {
    "auc": measures.auc,
    "average precision": measures.average_precision,
    "brier": measures.brier,
    "log loss": measures.log_loss,
    "calibration error": measures.calibration_error,
    "calibration in the large": measures.calibration_in_the_large,
    "reliability": lambda label, score, weight=None: (
        measures.brier_parts(label, score, weight).reliability
    ),
    "resolution": lambda label, score, weight=None: (
        measures.brier_parts(label, score, weight).resolution
    ),
    "precision at 7": lambda label, score, weight=None: measures.precision_at(
        label, score, 7, weight
    ),
    "lift at 7": lambda label, score, weight=None: measures.lift_at(label, score, 7, weight),
}
scored = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 19).map(lambda tenth: tenth / 20)),
    min_size=1,
    max_size=60,
)


def columns(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and scores; scores are few, so that ties are many."""
    label, score = zip(*rows, strict=True)
    return np.array(label), np.array(score)


def market(
    seed: int, accounts: int = 80, snapshots: int = 8, lags: list[int] | None = None
) -> Dataset:
    """Return accounts x monthly snapshots from 2020-01; labels take `lags[i]` days (90)."""
    random = np.random.default_rng(seed)
    rows = accounts * snapshots
    number = np.tile(np.arange(snapshots), accounts)
    as_of = (np.datetime64("2020-01") + number).astype("datetime64[D]")
    features = random.gamma(2.0, 20.0, (rows, 4))
    return drawn_dataset(
        features=features,
        names=("days_silent", "orders", "spend", "noise"),
        label=(random.random(rows) < expit((features[:, 0] - features[:, 1]) / 20)).astype(np.int8),
        account=np.repeat([f"A{i}" for i in range(accounts)], snapshots).astype(object),
        as_of=as_of,
        label_complete=as_of + np.array(lags or [90] * snapshots)[number],
    )


# --- measures -------------------------------------------------------------------------------


@given(scored, st.randoms(use_true_random=False))
def test_no_measure_depends_on_the_order_of_rows(
    rows: list[tuple[int, float]], random: Random
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    for name, measure in MEASURES.items():
        value = measure(*columns(rows))
        assert measure(*columns(shuffled)) == pytest.approx(value, abs=1e-12, nan_ok=True), name


@given(scored)
def test_auc_depends_on_the_ranking_alone(rows: list[tuple[int, float]]) -> None:
    label, score = columns(rows)
    assume(0 < label.sum() < len(label))
    area = measures.auc(label, score)
    for same_ranking in (np.log(score), score**3, 100 * score - 7, expit(score)):
        assert measures.auc(label, same_ranking) == pytest.approx(area, abs=1e-12)
    assert measures.auc(label, -score) == pytest.approx(1 - area, abs=1e-12)
    assert measures.auc(1 - label, score) == pytest.approx(1 - area, abs=1e-12)
    assert 0 <= area <= 1


@given(scored)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, float]]) -> None:
    label, score = columns(rows)
    assume(0 < label.sum() < len(label))
    gap = score[label == 1][:, None] - score[label == 0][None, :]
    assert measures.auc(label, score) == pytest.approx(np.mean((np.sign(gap) + 1) / 2), abs=1e-12)


@given(scored)
def test_bins_add_up_to_the_whole(rows: list[tuple[int, float]]) -> None:
    label, score = columns(rows)
    bins = measures.calibration_bins(label, score)
    assert bins.predicted.mean() == pytest.approx(score.mean())
    assert bins.observed.mean() == pytest.approx(label.mean())
    assert (np.diff(bins.predicted) > -1e-9).all()
    # No bin can be better than the whole: the triangle inequality.
    whole = abs(score.mean() - label.mean())
    assert measures.calibration_error(label, score) >= whole - 1e-12


@given(scored)
def test_calling_everybody_finds_the_base_rate(rows: list[tuple[int, float]]) -> None:
    label, score = columns(rows)
    assert measures.precision_at(label, score, len(label)) == pytest.approx(label.mean())
    if label.any():
        assert measures.lift_at(label, score, len(label)) == pytest.approx(1)


@given(scored, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_parts_of_a_brier_score_add_up_to_it(
    rows: list[tuple[int, float]], bins: int, random: Random
) -> None:
    label, score = columns(rows)
    weight = np.array([random.randint(0, 3) for _ in rows], dtype=float)
    assume(weight.any())
    for weights in (np.ones(len(rows)), weight):
        parts = measures.brier_parts(label, score, weights, bins)
        total = parts.reliability - parts.resolution + parts.uncertainty
        total += parts.within_variance - parts.within_covariance
        assert total == pytest.approx(measures.brier(label, score, weights), abs=1e-12)
        assert min(parts[:4]) >= -1e-12


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.one_of(st.floats(0, 1), st.just(float("nan"))),
            st.integers(0, 2),
        ),
        max_size=12,
    )
)
def test_what_cannot_be_said_is_nan_and_never_an_error(rows: list[tuple[int, float, int]]) -> None:
    label, score, weight = np.array(rows, dtype=float).reshape(-1, 3).T
    unknown = not weight.any() or np.isnan(score[weight > 0]).any()
    for name, measure in MEASURES.items():
        value = measure(label, score, weight)
        assert np.isnan(value) or not unknown, name
        assert measure(label, score, weight[None]) == pytest.approx([value], nan_ok=True), name


@given(scored, st.integers(1, 6), st.integers(0, 99))
def test_draws_of_accounts_begin_with_the_rows_as_they_are(
    rows: list[tuple[int, float]], accounts: int, seed: int
) -> None:
    label, score = columns(rows)
    account = np.arange(len(label)) % accounts

    def statistics(weight: FloatArray) -> dict[str, FloatArray]:
        # An account's rows are drawn together, and as many accounts as there are.
        by_account = [weight[:, account == one] for one in np.unique(account)]
        assert all((part == part[:, :1]).all() for part in by_account)
        assert (sum(part[:, 0] for part in by_account) == len(by_account)).all()
        return {"error": measures.brier(label, score, weight), "nothing": np.ones(len(weight))}

    drawn = bootstrapped(statistics, account, 40, seed)
    assert drawn["error"].shape == (41,)
    found = interval(drawn["error"])
    assert found.value == measures.brier(label, score)
    assert drawn["error"][1:].min() <= found.low <= found.high <= drawn["error"][1:].max()
    assert interval(drawn["nothing"]) == (1, 1, 1)


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    # 60 accounts with 4 rows each; an account defects at all of them or at none, at 30 %.
    account = np.repeat(np.arange(60), 4)
    worlds = (np.random.default_rng(2).random((300, 60)) < 0.3)[:, account]
    drawn = bootstrapped(
        lambda weight: {i: measures.mean(label, weight) for i, label in enumerate(worlds)},
        account,
        400,
    )
    found = map(interval, drawn.values())
    assert 0.90 <= np.mean([low <= 0.3 <= high for _, low, high in found]) <= 0.98


@given(scored, st.integers(1, 70), st.randoms(use_true_random=False))
def test_a_list_is_as_long_as_the_capacity(
    rows: list[tuple[int, float]], capacity: int, random: Random
) -> None:
    label, score = columns(rows)
    weight = np.array([random.randint(0, 3) for _ in rows], dtype=float)
    listed = measures.Ranking(label, score).curve(weight).listed(capacity)
    assert ((listed >= 0) & (listed <= 1)).all()
    assert (weight * listed).sum() == pytest.approx(min(capacity, weight.sum()))
    # Nobody is listed before somebody who scores higher.
    assert score[(listed < 1) & (weight > 0)].max(initial=0) <= score[listed > 0].min(initial=1)


# --- the list -------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 40), st.integers(1, 30)),
        min_size=1,
        max_size=12,
        unique_by=lambda row: row[0] + str(row[2]),
    )
)
def test_a_first_listing_lies_in_the_silence_that_it_warned_of(
    rows: list[tuple[str, bool, int, int]],
) -> None:
    account, on, day, silent = (np.array(column) for column in zip(*rows, strict=True))
    as_of = np.datetime64("2025-01-01", "D") + day
    first = first_listed(account.astype(object), as_of, on, silent.astype(float))
    listed = ~np.isnat(first)
    assert (listed | ~on).all()  # who is on the list has been listed
    assert (first[listed] <= as_of[listed]).all()
    assert (first[listed] >= as_of[listed] - silent[listed]).all()
    gap = np.full(len(rows), 10.0)
    lead = lead_days(as_of, first, silent.astype(float), gap)
    assert (np.isnan(lead) == ~listed).all()
    assert (lead[listed] <= 2 * 10).all()  # no warning lies before the last order


@given(scored, st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 100))
def test_a_call_earns_no_more_than_its_account_is_worth(
    rows: list[tuple[int, float]], accept: float, take: float, incentive: float, cost: float
) -> None:
    label, value = columns(rows)
    profit = call_profit(label, 1000 * value, CallTerms(accept, take, incentive, cost))
    assert (profit <= 1000 * value * label - cost + 1e-9).all()
    assert (profit >= -incentive * 1000 * value - cost - 1e-9).all()


# --- calibration ----------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 999), min_size=2, max_size=50, unique=True),
    st.floats(0.1, 4),
    st.floats(-4, 4),
)
def test_calibration_keeps_the_ranking(raw: list[int], slope: float, intercept: float) -> None:
    calibrator = LogitCalibrator(slope, intercept, "slope and intercept")
    risk = calibrator.apply(np.sort(np.array(raw)) / 1000)
    assert (np.diff(risk) > 0).all()
    # Down to where numbers end, risks stay in order and short of certainty.
    extreme = calibrator.apply(np.array([0, 1e-300, 1e-9, 0.5, 1 - 1e-9, 1]))
    assert (np.diff(extreme) >= 0).all()
    assert ((extreme > 0) & (extreme < 1)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(-3, 3), st.floats(0, 1))
def test_whatever_it_was_fitted_on_a_calibrator_keeps_the_ranking(
    seed: int, snapshots: int, level: float, noise: float
) -> None:
    random = np.random.default_rng(seed)
    score = random.normal(size=100 * snapshots)
    label = (random.normal(level, 0.1 + noise, len(score)) + (1 - noise) * score > 0).astype(int)
    as_of = np.datetime64("2020-01-01") + np.repeat(np.arange(snapshots), 100) * 30
    found = fit_calibrator(label, expit(score), as_of, as_of + 90)
    assert found.slope > 0
    assert (np.diff(found.apply(expit(np.linspace(-4, 4, 50)))) >= 0).all()
    assert LogitCalibrator.from_dict(found.to_dict()) == found


# --- horizons -------------------------------------------------------------------------------


@given(
    st.dictionaries(st.sampled_from([7, 30, 60, 90, 180, 365]), st.integers(0, 10_000), min_size=1),
    st.integers(0, 5),
)
def test_risks_fall_as_the_horizon_grows_and_the_main_one_stands(
    seeds: dict[int, int], place: int
) -> None:
    risks = {days: np.random.default_rng(seed).random(20) for days, seed in seeds.items()}
    main = sorted(risks)[place % len(risks)]
    found = in_order(main, risks)
    assert list(found) == sorted(risks)
    assert found[main].tolist() == risks[main].tolist()
    assert (np.diff(list(found.values()), axis=0) <= 0).all()
    # Who needs no pulling is not pulled.
    sound = (np.diff([risks[days] for days in sorted(risks)], axis=0) <= 0).all(axis=0)
    for days, risk in found.items():
        assert risk[sound].tolist() == risks[days][sound].tolist()


# --- the rolling scheme ---------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=8, max_size=8), st.integers(1, 3))
def test_no_model_is_handed_a_label_before_it_was_complete(lags: list[int], needed: int) -> None:
    dataset = market(1, accounts=12, lags=lags)
    beside: list[tuple[Dataset, date]] = []

    def baseline(training: Dataset, now: Cohort) -> Scorer:
        beside.append((training, now.as_of))
        return lambda cohort: np.full(len(cohort), 0.5)

    few, trees = replace(SETTINGS, minimum_snapshots=needed), Watching()
    found = rolled(dataset, [], few, {"watching": baseline}, trees=trees)
    fits = {split.fitted: split for split in found.splits}
    by_size = sorted(trees.handed, key=len)  # the order in which fits are made is of no account
    assert len(by_size) == len(beside) == len(fits)  # each is fitted once
    for split, training, (rows, as_of) in zip(fits.values(), by_size, beside, strict=True):
        now = np.datetime64(split.fitted)
        assert as_of == split.fitted <= split.snapshot
        assert (training.label_complete <= now).all()
        # Nothing that could be used is left out, and the baseline gets the very same rows.
        assert len(training) == int((dataset.label_complete <= now).sum()) == split.training_rows
        assert training.row.tolist() == rows.row.tolist()
    predicted = {split.snapshot for split in found.splits}
    for snapshot in dataset.snapshots():
        known = dataset.label_complete <= np.datetime64(snapshot)
        enough = len(np.unique(dataset.as_of[known])) >= needed
        assert (snapshot in predicted) == enough


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.integers(5, 8))
def test_labels_that_were_not_complete_cannot_be_felt(seed: int, month: int) -> None:
    dataset = market(seed)
    test = date(2020, month, 1)
    random = np.random.default_rng(seed)
    unknown = dataset.label_complete > np.datetime64(test)
    poisoned = dataset.label.copy()
    poisoned[unknown] = random.integers(0, 2, unknown.sum())
    assume((poisoned != dataset.label).any())
    logistic = rfm_logistic(recency="days_silent", frequency="orders", spend="spend")

    def at_test(label: np.ndarray) -> list[list[float]]:
        changed = replace(dataset, label=label)
        found = rolled(changed, [test], SETTINGS, {"logistic": logistic}).at(test)
        return [v.tolist() for v in (found.raw, found.risk, found.baselines["logistic"])]

    clean = at_test(dataset.label)
    assert np.array_equal(clean, at_test(poisoned), equal_nan=True)
    # The law would hold of anything that ignores labels: those known by then are felt.
    assert clean[0] != at_test(np.where(unknown, dataset.label, 1 - dataset.label))[0]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    dataset = market(seed)
    shuffled = dataset.rows(np.random.default_rng(seed).permutation(len(dataset)))
    one, two = (rolled(d, [date(2020, 8, 1)], SETTINGS, {}) for d in (dataset, shuffled))
    assert (one.account == two.account).all()
    assert np.array_equal(one.risk, two.risk, equal_nan=True)
    models = [risk_model.fit_final(learners(d, SETTINGS), one) for d in (dataset, shuffled)]
    assert models[0].booster_texts == models[1].booster_texts


def test_trees_see_a_row_alone_as_they_see_it_among_others() -> None:
    dataset = market(5)
    text = fitted(dataset, SETTINGS)
    booster = gradient_boosting.Booster(text, threads=1)
    ranks = dataset.panel.ranks
    together = booster.predict(ranks)
    assert [float(booster.predict(row[None])[0]) for row in ranks[:50]] == list(together[:50])


@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_ranks_do_not_depend_on_level_scale_order_or_other_snapshots(
    seed: int, scale: float, level: float
) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, 8, (60, 3)).astype(float)
    values[random.random((60, 3)) < 0.2] = np.nan
    as_of = np.datetime64("2020-01-01") + np.repeat([0, 31, 60], 20)
    found = within_snapshots(values, as_of)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    assert ((found > 0) & (found < 1) | np.isnan(found)).all()
    moved = within_snapshots(values * scale + level, as_of)
    assert np.array_equal(moved, found, equal_nan=True)
    order = random.permutation(60)
    assert np.array_equal(
        within_snapshots(values[order], as_of[order]), found[order], equal_nan=True
    )
    assert np.array_equal(of_one_snapshot(values[:20]), found[:20], equal_nan=True)


EDGES = [0.0, -0.0, 1.0, 1.0 + 2**-52, -1e300, 1e-320, math.inf, -math.inf, math.nan]


@given(st.lists(st.sampled_from(EDGES), max_size=30), st.integers(1, 20), st.integers(1, 2))
def test_ranks_are_those_of_a_slow_reference(
    values: list[float], columns: int, threads: int
) -> None:
    """Of each column its own, more columns than one block has, whatever the memory's order."""
    table = np.array([np.roll(values, place) for place in range(columns)]).T
    reference = pd.DataFrame(table).rank(method="average")
    wanted = ((reference - 0.5) / reference.notna().sum()).to_numpy().astype(np.float32)
    for layout in (np.ascontiguousarray, np.asfortranarray):
        found = of_one_snapshot(layout(table), threads)
        assert np.array_equal(found, wanted, equal_nan=True)


def test_labels_of_shorter_horizons_are_used_from_when_they_are_known() -> None:
    dataset = market(3, accounts=60)
    short = replace(
        dataset, label=1 - dataset.label, label_complete=dataset.as_of + np.timedelta64(30, "D")
    )
    trees = Watching()
    tests = dataset.snapshots()[3:]  # of April on, when the labels of January are known
    four = learners(dataset, SETTINGS, tests, [short], trees)
    found = rolling(four, tests, {})
    assert [split.snapshot for split in found.splits] == tests
    assert len(trees.handed) == 2 * len(tests)
    handed = [one.fit_at(day).training for day in tests for one in four]
    for split, one, main in zip(found.splits, handed[::2], handed[1::2], strict=True):
        now = np.datetime64(split.snapshot)
        assert (one.label_complete <= now).all()
        assert (main.label_complete <= now).all()
        assert len(one) == int((short.label_complete <= now).sum()) > len(main)
        shorter, own = found.at(split.snapshot).learners
        assert shorter == pytest.approx(one.label.mean())
        assert own == pytest.approx(main.label.mean())
        # Each learner says "as many as I have seen": together that is the main one's rate.
        assert found.at(split.snapshot).raw == pytest.approx(main.label.mean())


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(3, 24),
    st.sets(st.integers(0, 23), max_size=3),
    st.integers(0, 10),
)
def test_a_learner_is_refitted_when_half_as_much_again_is_known_and_at_each_test(
    seed: int, snapshots: int, numbers: set[int], few: int
) -> None:
    """So the rows of all fits but those of the tests add up to three times those of the last."""
    dataset = market(seed, accounts=10, snapshots=snapshots)
    growing = dataset.rows(np.arange(len(dataset)) >= few * (np.arange(len(dataset)) % 3))
    days = growing.snapshots()
    tests = [days[number] for number in sorted(numbers) if number < len(days)]
    (learner,) = learners(growing, SETTINGS, tests)
    known = {day: int(learner.known(day).sum()) for day in learner.predictable}
    fitted: date | None = None
    for day in learner.predictable:
        if fitted is None or day in tests or known[day] >= 1.5 * known[fitted]:
            fitted = day
        assert max(refit for refit in learner.refits if refit <= day) == fitted
    assert set(learner.refits) <= set(learner.predictable)
    between = [day for day in learner.refits if day not in tests]
    assert sum(known[day] for day in between) <= 3 * max(known.values(), default=0)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 7))
def test_no_byte_of_an_earlier_model_depends_on_later_rows(seed: int, month: int) -> None:
    """Not on their features, not on their outcomes, and not on whether there are any."""
    dataset = market(seed)
    random = np.random.default_rng(seed)
    first = dataset.snapshots()[month]
    later = dataset.as_of >= np.datetime64(first, "D")
    features = dataset.features.copy()
    features[later] = random.normal(0, 1e6, (later.sum(), features.shape[1]))
    features[later & (random.random(len(dataset)) < 0.5)] = np.nan
    panel = replace(dataset.panel, features=features)
    flipped = np.where(later, 1 - dataset.label, dataset.label)
    other = replace(dataset, panel=panel, label=flipped)
    cut = dataset.rows(~later)
    alone = drawn_dataset(
        cut.features, cut.names, cut.label, cut.account, cut.as_of, cut.label_complete
    )

    def texts(rows: Dataset) -> dict[date, str]:
        (learner,) = learners(rows, SETTINGS, rows.snapshots()[3:])
        return {day: learner.text(day) for day in learner.refits}

    whole, changed, short = texts(dataset), texts(other), texts(alone)
    earlier = [day for day in whole if day < first]
    assert [whole[day] for day in earlier] == [changed[day] for day in earlier]
    assert [whole[day] for day in earlier] == [short[day] for day in earlier]
    # The law would hold of a learner that looks at nothing: a label known by a fit is felt there.
    last = max(whole)
    if (later & (dataset.label_complete <= np.datetime64(last, "D"))).any():
        assert whole[last] != changed[last]


def test_bins_have_fixed_edges() -> None:
    """Whatever ranks there are, trees split at k / 255 and nowhere else."""
    dataset = market(11, accounts=300)
    text = fitted(dataset, replace(SETTINGS, min_leaf_rows=2, trees=60))
    lines = [line[10:].split() for line in text.splitlines() if line.startswith("threshold=")]
    found = 255 * np.array([float(value) for line in lines for value in line])
    assert len(np.unique(np.rint(found))) > 20
    assert found == pytest.approx(np.rint(found), abs=1e-6)


def test_fits_made_at_once_are_those_made_one_after_the_other() -> None:
    """By four threads, whatever the number of cores; each fit is made once."""
    dataset = market(12, accounts=60, snapshots=14)
    tests = dataset.snapshots()[6:]
    short = replace(dataset, label_complete=dataset.as_of + np.timedelta64(30, "D"))
    four = learners(dataset, replace(SETTINGS, threads=4), tests, [short])
    wanted = [pair for one in four for pair in (*one.wanted(one.predictable), (one, None))]
    told: list[tuple[int, int]] = []
    fit_together((*wanted, *wanted), lambda *step: told.append(step))
    assert told == [(number, len(wanted)) for number in range(len(wanted) + 1)]
    assert len(wanted) == sum(len(one.refits) + 1 for one in four) > 20
    for many, alone in zip(four, learners(dataset, SETTINGS, tests, [short]), strict=True):
        assert many.texts == {day: alone.text(day) for day in (*alone.refits, None)}
    fit_together(wanted, lambda *_: pytest.fail("nothing is left to fit"))


def test_nonsense_labels_are_not_predicted() -> None:
    # Shuffled within each snapshot, the labels have nothing to do with the features any more.
    dataset = market(6, accounts=400, snapshots=6)
    areas = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        label = dataset.label.copy()
        for snapshot in np.unique(dataset.as_of):
            here = np.flatnonzero(dataset.as_of == snapshot)
            label[here] = label[random.permutation(here)]
        nonsense = replace(dataset, label=label)
        found = rolled(nonsense, [], SETTINGS, {})
        parts = [found.at(split.snapshot) for split in found.splits]
        areas += [measures.auc(part.label, part.raw) for part in parts]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.01)


def test_rows_that_lie_side_by_side_are_not_copied() -> None:
    dataset = market(3, accounts=60)
    order = dataset.order()
    dataset = drawn_dataset(
        dataset.features[order],
        dataset.names,
        dataset.label[order],
        dataset.account[order],
        dataset.as_of[order],
        dataset.label_complete[order],
    )
    latest = dataset.as_of.max()
    for mask in (dataset.as_of < latest, dataset.as_of == latest, dataset.order()):
        part = dataset.rows(mask)
        assert np.shares_memory(part.features, dataset.panel.features)
        assert np.array_equal(part.features, dataset.features[mask], equal_nan=True)
        assert part.account.tolist() == dataset.account[mask].tolist()
    for mask in (dataset.label == 1, dataset.order()[::-1], dataset.label == 2):
        part = dataset.rows(mask)
        assert np.array_equal(part.features, dataset.features[mask], equal_nan=True)
        assert part.label.tolist() == dataset.label[mask].tolist()
