"""The win-back model: what it learns from, what it says, how it ranks, what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from taught import SETTINGS, learners

from features.definition import Feature, Selection
from features.order_history import days_silent
from models.bootstrap import Interval
from models.dataset import Dataset
from models.learner import fit_together
from models.out_of_time import rolling
from models.reorders import lack_of_reorders
from models.risk_model import (
    DAYS_PAST_DUE,
    DAYS_PAST_PATIENCE,
    STATE,
    RiskModel,
    fit_final,
    load,
)
from models.value_at_stake import ValueAtStake
from pipeline.config.form import ScoringConfig
from pipeline.scoring.key_accounts import key_account_values
from pipeline.scoring.score_table import Predicted, score_table
from pipeline.scoring.win_back import BEFORE_LAST_ORDER
from pipeline.tables.trade import past_trade
from pipeline.tables.training_table import TrainingTable
from pipeline.training import win_back_report as report
from pipeline.training.evaluation import BG_NBD, MODEL
from pipeline.training.win_back import (
    SILENCE,
    Said,
    WinBack,
    compare_auc,
    fifths,
    fit_win_back,
    wanted,
    win_back_learners,
)

NAMES = ("days_since_last_order", "usual_order_gap", "order_days_ever", "days_since_first_order")
ACCOUNTS, MONTHS = 150, 20
DEPARTED = 60  # at each snapshot, the first of the accounts; the others are active
START = date(2020, 1, 1)


def drawn_table(treated: bool = True) -> TrainingTable:
    """Accounts at monthly snapshots; who departed lately or buys often is likelier to order again.

    treated: whether every fifth of the departed accounts is treated, and orders again then.
    """
    random = np.random.default_rng(7)
    rows = ACCOUNTS * MONTHS
    as_of = np.repeat(pd.date_range(START, periods=MONTHS, freq="MS").as_unit("s"), ACCOUNTS)
    number = np.tile(np.arange(ACCOUNTS), MONTHS)
    departed = number < DEPARTED
    past = np.where(departed, random.integers(0, 121, rows), -random.integers(1, 60, rows))
    gap = random.choice([10.0, 20, 40], ACCOUNTS)[number]
    silent = past + 4 * gap
    count = 5.0 + number % 7 + np.repeat(np.arange(MONTHS), ACCOUNTS)
    features = pd.DataFrame(
        {
            "account_id": np.char.add("A", np.char.zfill(number.astype(str), 3)).astype(object),
            "as_of": as_of,
            NAMES[0]: np.maximum(silent, 1.0),
            NAMES[1]: gap,
            NAMES[2]: count,
            NAMES[3]: np.maximum(silent, 1.0) + count * gap,
            DAYS_PAST_DUE: past + 3 * gap,
            DAYS_PAST_PATIENCE: past.astype(np.float64),
        }
    )
    likely = 1.6 - past / 40 + (gap == 10)
    after = random.exponential(100 * np.exp(-likely) + 5)
    acted = departed & (number % 5 == 0) & treated
    reorders = {
        days: features.loc[departed, ["account_id", "as_of"]].assign(
            label_complete=lambda found, days=days: found["as_of"] + timedelta(days=days + 14),
            reordered=((after < days) | acted)[departed].astype(np.int8),
            treated=acted[departed].astype(np.int8),
        )
        for days in (30, 90, 180)
    }
    frame = features[~departed].reset_index(drop=True)
    left = random.random(len(frame)) < frame[NAMES[0]] / 400
    labels = {
        "label_complete": frame["as_of"] + timedelta(days=90),
        "defected": left.astype(np.int8),
        "treated": np.int8(0),
    }
    selection = Selection(tuple(Feature(n, "drawn", "", "", "", days_silent) for n in NAMES), {})
    return TrainingTable(frame.assign(**labels), selection, features, reorders=reorders)


@pytest.fixture(scope="module")
def table() -> TrainingTable:
    return drawn_table()


@pytest.fixture(scope="module")
def win_back(table: TrainingTable) -> WinBack:
    learning = win_back_learners(table, (), SETTINGS)
    fit_together(wanted(learning), None)
    return fit_win_back(table, learning, START, 120, repetitions=50)


@pytest.fixture(scope="module")
def model(table: TrainingTable, win_back: WinBack) -> RiskModel:
    own = learners(table.dataset, SETTINGS)
    return fit_final(own, rolling(own, (), {}), reorders=win_back.learned)


def last_cohort(table: TrainingTable) -> pd.DataFrame:
    rows = table.features
    return rows[rows["as_of"] == rows["as_of"].max()].reset_index(drop=True)


def chances(model: RiskModel, rows: pd.DataFrame) -> dict[int, np.ndarray]:
    columns = [*NAMES, *STATE]
    return model.reorder_chances(rows[columns].to_numpy(np.float64), columns)


# --- what is learned --------------------------------------------------------------------------


def test_departed_accounts_are_learned_from_with_how_long_ago_they_departed(table) -> None:
    dataset = table.reorder_dataset(180)
    assert dataset.names == (*NAMES, *STATE)
    assert len(dataset) == DEPARTED * MONTHS
    assert dataset.column(DAYS_PAST_PATIENCE).min() >= 0
    expected = table.reorders[180]
    assert dataset.account.tolist() == expected["account_id"].tolist()
    assert dataset.label.tolist() == expected["reordered"].tolist()
    assert dataset.panel is table.reorder_dataset(90).panel


def test_a_row_that_is_left_out_of_a_label_keeps_the_others_in_place(table) -> None:
    kept = table.reorders[90].iloc[::3]
    dataset = replace(table, reorders={90: kept}).reorder_dataset(90)
    assert dataset.account.tolist() == kept["account_id"].tolist()
    assert dataset.label.tolist() == kept["reordered"].tolist()
    rows = table.features.merge(kept[["account_id", "as_of"]])
    assert dataset.column(NAMES[0]).tolist() == rows[NAMES[0]].tolist()


def test_treated_accounts_teach_nothing_even_where_risks_learn_from_them(table) -> None:
    assert SETTINGS.learn_from_treated
    learning = win_back_learners(table, (), SETTINGS)
    other = replace(table, reorders={days: flipped(rows) for days, rows in table.reorders.items()})
    others = win_back_learners(other, (), SETTINGS)
    for days in (90, 180):
        assert not learning[days].taught.treated.any()
        assert learning[days].text(None) == others[days].text(None)
    # whatever `backtest.treated` says
    assert replace(table, mark_treated=False).reorder_dataset(90).treated.any()


def flipped(rows: pd.DataFrame) -> pd.DataFrame:
    """Treated accounts with the other outcome."""
    return rows.assign(
        reordered=np.where(rows["treated"] == 1, 1 - rows["reordered"], rows["reordered"])
    )


def first_accounts(dataset: Dataset, reordered: int, stayed: int) -> Dataset:
    """So many accounts that order again at every snapshot, and that never do."""
    number = np.array([int(name[1:]) for name in dataset.account])
    label = (number < reordered).astype(np.int8)
    nobody = np.zeros(len(label), dtype=np.bool_)
    return replace(dataset, label=label, treated=nobody).rows(number < reordered + stayed)


@pytest.mark.parametrize(
    ("reordered", "stayed", "lack"),
    [
        (20, 20, None),
        (19, 41, "19 untreated accounts ordered again and 41 did not; 20 of each are needed"),
        (41, 19, "41 untreated accounts ordered again and 19 did not; 20 of each are needed"),
    ],
)
def test_twenty_accounts_of_each_outcome_are_needed(table, reordered, stayed, lack) -> None:
    learner = win_back_learners(table, (), SETTINGS)[180]
    learner.dataset = first_accounts(learner.dataset, reordered, stayed)
    assert lack_of_reorders(learner) == lack


def test_a_short_history_is_too_little(table) -> None:
    rows = table.reorders[180]
    early = rows[rows["as_of"] < pd.Timestamp("2020-05-01")]
    found = fit_win_back(
        short := replace(table, reorders={30: early, 90: early, 180: early}),
        win_back_learners(short, (), SETTINGS),
        START,
        120,
        repetitions=10,
    )
    assert not found.learned and set(found.left_out) == {90, 180}
    assert report.by_value_alone(found) == (
        "The list to win back is sorted by value alone: no snapshot can be predicted from earlier "
        "ones."
    )
    assert report.lines(found)[0].startswith("reorder_90 stays empty: no snapshot")


# --- what is said -----------------------------------------------------------------------------


def test_chances_are_of_departed_accounts_and_grow_with_the_horizon(table, model) -> None:
    rows = last_cohort(table)
    found = chances(model, rows)
    departed = (rows[DAYS_PAST_PATIENCE] >= 0).to_numpy()
    assert list(found) == [90, 180]
    for said in found.values():
        assert np.isnan(said[~departed]).all() and ((said > 0) & (said < 1))[departed].all()
    assert (found[90] <= found[180])[departed].all()
    late = rows[DAYS_PAST_PATIENCE].to_numpy() > 80
    assert found[180][departed & late].mean() < found[180][departed & ~late].mean() - 0.1


def test_departed_accounts_are_compared_with_each_other_only(table, model) -> None:
    rows = last_cohort(table)
    other = rows.copy()
    active = other[DAYS_PAST_PATIENCE] < 0
    other.loc[active, list(NAMES)] *= 3
    for days, said in chances(model, rows).items():
        assert said[~active].tolist() == chances(model, other)[days][~active].tolist()


def test_nobody_departed_and_nothing_learned(table, model) -> None:
    rows = last_cohort(table)
    active = pd.concat([rows[rows[DAYS_PAST_PATIENCE] < 0]] * 2, ignore_index=True)
    assert all(np.isnan(said).all() for said in chances(model, active).values())
    without = replace(model, reorders=())
    assert chances(without, rows) == {} and without.columns == NAMES


def test_saved_and_loaded_it_says_the_same(table, model, tmp_path: Path) -> None:
    hashes = model.save(tmp_path)
    assert {"reorder_90.txt", "reorder_180.txt"} < set(hashes)
    loaded = load(tmp_path, hashes)
    assert loaded.columns == (*NAMES, *STATE)
    assert loaded.label_end == model.label_end == date(2021, 8, 1) + timedelta(days=194)
    rows = last_cohort(table)
    for days, said in chances(loaded, rows).items():
        np.testing.assert_array_equal(said, chances(model, rows)[days])


# --- how the list is ranked -------------------------------------------------------------------


def ranked(reorder: dict[int, list[float]]) -> list[dict]:
    """Five accounts, a to e; e is active. Days since patience ended and margins as given."""
    names = list("abcde")
    frame = pd.DataFrame(
        {
            "account_id": names,
            "shown_days_silent": 100.0,
            "shown_usual_gap": 20.0,
            "shown_last_order_s": datetime(2024, 12, 20).timestamp(),
            **dict.fromkeys(key_account_values(), 0.0),
            **dict(zip(past_trade(), [50.0, 50.0, 0.0, 0.0, 0.0, 0.0, 365.0, 5.0], strict=True)),
            DAYS_PAST_PATIENCE: [0.0, 30.0, 31.0, 60.0, -5.0],
            DAYS_PAST_DUE: [60.0, 90.0, 91.0, 120.0, 5.0],
            BEFORE_LAST_ORDER: [100.0, 300.0, 400.0, 500.0, 50.0],
            "due_on": pd.Timestamp("2024-11-01"),
            "crossing_on": pd.Timestamp("2025-01-01"),
        }
    )
    risk = np.array([np.nan] * 4 + [0.2])
    made = score_table(
        frame,
        Predicted(risk, {}, reorder={days: np.array(said) for days, said in reorder.items()}),
        ValueAtStake(margin_share=1.0),
        as_of=date(2025, 1, 1),
        ranking="size",
        horizon_days=90,
        scoring=ScoringConfig(),
        model_version=1,
        previous=pd.Series(dtype=float),
        currency=None,
        people=pd.DataFrame({"name": names, "owner_id": None}, index=names),
    )
    return made.to_pylist()


def test_within_a_band_departed_accounts_are_ranked_by_value_times_reorder_180() -> None:
    rows = ranked({90: [0.5, 0.1, 0.2, 0.1, np.nan], 180: [0.7, 0.2, 0.3, 0.2, np.nan]})
    assert [row["account_id"] for row in rows] == list("eabcd")  # 70, 60; 120, 100
    told = {row["account_id"]: (row["reorder_90"], row["reorder_180"]) for row in rows}
    assert told == {
        "e": (None, None),
        "a": (0.5, 0.7),
        "b": (0.1, 0.2),
        "c": (0.2, 0.3),
        "d": (0.1, 0.2),
    }
    assert {row["call_score"] for row in rows if row["crossed_on"]} == {None}


def test_where_reorder_180_is_not_learned_they_are_ranked_by_value() -> None:
    for reorder in ({}, {90: [0.5, 0.1, 0.2, 0.1, np.nan]}):
        rows = ranked(reorder)
        assert [row["account_id"] for row in rows] == list("ebadc")
        assert {row["reorder_180"] for row in rows} == {None}


# --- how it is measured -----------------------------------------------------------------------


def test_who_orders_again_without_a_call_is_counted_of_untreated_accounts_by_band(table) -> None:
    rows = table.features.merge(table.reorders[30], on=["account_id", "as_of"])
    rows = rows[rows["treated"] == 0]
    found = fit_win_back(table, win_back_learners(table, (), SETTINGS), START, 120, 10)
    assert [(one.first, one.last) for one in found.bands] == [(0, 30), (31, 60), (61, 120)]
    assert [one.first for one in found.hazard] == [0, 15, 30, 45, 60, 75, 90, 105]
    assert found.hazard[-1].last == 120
    for one in (*found.bands, *found.hazard):
        here = rows[rows[DAYS_PAST_PATIENCE].between(one.first, one.last)]
        assert one.rows == len(here)
        assert one.share.value == pytest.approx(here["reordered"].mean())
        assert one.share.low < one.share.value < one.share.high
    assert sum(one.rows for one in found.bands) == len(rows)
    first, second, third = (f"{one.share.value:.0%}" for one in found.bands)
    assert report.by_themselves(found) == (
        f"Without a call, {first} order again within 30 days where patience ended 0 to 30 days "
        f"before, {second} where 31 to 60 days before, {third} where 61 to 120 days before."
    )


def test_the_model_is_measured_beside_bg_nbd_and_silence_on_the_same_rows(win_back) -> None:
    assert [one.days for one in win_back.reports] == [90, 180]
    for one in win_back.reports:
        learner, predicted = win_back.learned[one.days]
        assert set(one.auc) == {MODEL, BG_NBD, SILENCE} and set(one.gain) == {BG_NBD, SILENCE}
        assert all(found.low <= found.value <= found.high for found in one.auc.values())
        assert one.auc[MODEL].value > 0.6 and one.auc[SILENCE].value > 0.5
        gain = one.auc[MODEL].value - one.auc[SILENCE].value
        assert one.gain[SILENCE].value == pytest.approx(gain)
        chance = predicted.baselines[BG_NBD]
        assert ((chance > 0) & (chance < 1)).all()
        assert one.whole.rows == sum(part.rows for part in one.fifths)
        said = [part.said for part in one.fifths]
        assert said == sorted(said)
        assert learner.dataset.treated.any()
    text = report.lines(win_back)
    assert text[0].startswith("Win-back, out of time: order again within 90 days AUC 0.")
    assert len(text) == 3 and text[-1] == report.by_themselves(win_back)
    assert json.loads(json.dumps(report.to_json(win_back)))["left_out"] == {}
    assert (
        report.metrics(win_back)["win_back/reorder_180/auc"] == win_back.reports[1].auc[MODEL].value
    )
    card = list(report.markdown(win_back))
    assert "| fifth by reorder_180 | rows | said | did |" in card


def test_treated_accounts_are_not_measured(table, win_back) -> None:
    """All those drawn here order again: they would raise every share."""
    _, predicted = win_back.learned[180]
    changed = replace(predicted, label=np.where(predicted.treated, 0, predicted.label))
    assert predicted.treated.any()
    kept = [one.untreated() for one in (predicted, changed)]
    auc, other = (compare_auc(rows, rows.published_risk, 5)[0] for rows in kept)
    assert auc == other
    (whole,) = (one.whole for one in win_back.reports if one.days == 180)
    assert whole.did < predicted.label.mean() - 0.05


def test_fifths_have_as_many_rows_each_by_rising_chance() -> None:
    chance = np.array([0.9, 0.1, 0.3, 0.5, 0.7, 0.2, 0.4, 0.6, 0.8, 1.0])
    label = np.array([1, 0, 0, 1, 0, 0, 1, 1, 1, 1])
    found = fifths(chance, label, np.ones(10))
    assert [part.rows for part in found] == [2] * 5
    assert [part.said for part in found] == pytest.approx([0.15, 0.35, 0.55, 0.75, 0.95])
    assert [part.did for part in found] == [0, 0.5, 1, 0.5, 1]


def test_where_departures_cannot_be_learned_who_orders_again_is_only_counted(table) -> None:
    found = fit_win_back(table, {}, START, 120, 10)
    assert not found.learned and not found.reports and len(found.bands) == 3
    assert report.lines(found)[-2:] == [
        "The list to win back is sorted by value alone: departures cannot be learned yet.",
        report.by_themselves(found),
    ]


def test_without_departed_accounts_nothing_is_said(table) -> None:
    nobody = replace(table, reorders={})
    found = fit_win_back(nobody, win_back_learners(nobody, (), SETTINGS), START, 120, 10)
    assert found == WinBack() and report.lines(found) == []


def test_a_figure_that_cannot_be_said_is_unknown() -> None:
    nothing = Interval(np.nan, np.nan, np.nan)
    auc = dict.fromkeys((MODEL, BG_NBD, SILENCE), nothing)
    one = report.ReorderReport(90, (), auc, {BG_NBD: nothing}, Said(0.2, 0.3, 5), ())
    found = WinBack({}, (one,), {180: "a reason"})
    assert report.lines(found) == [
        "Win-back, out of time: order again within 90 days AUC unknown; bg_nbd unknown, "
        "silence unknown; said 20.0%, did 30.0%",
        "reorder_180 stays empty: a reason",
        "The list to win back is sorted by value alone: a reason.",
    ]
    assert report.metrics(found)["win_back/reorder_90/auc"] is None
