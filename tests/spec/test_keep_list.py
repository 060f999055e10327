"""Predictions and outcomes of the keep list side by side, each with its own account."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from features.definition import Feature, Selection
from features.order_history import days_silent
from models.departures import OutOfTimeDepartures
from models.out_of_time import OutOfTime
from pipeline.review.comparison import compared_keep_list
from pipeline.review.recipe import Predicted
from pipeline.tables.training_table import TrainingTable
from pipeline.training.keep_list import (
    CALL_SCORE,
    OF_CHAMPION,
    RISK_90_X_SIZE,
    SILENCE_X_SIZE,
    SIZE,
    KeepListRows,
    keep_list_rows,
)
from pipeline.training.keep_list_measures import CAPPED, DUE
from pipeline.training.measuring import measure_keep_list

DAYS = np.array(["2025-01-01", "2025-02-01"], dtype="datetime64[s]")
KEYS = {"account_id": np.array(["ada", "bo", "cy"] * 2, dtype=object), "as_of": DAYS.repeat(3)}
SILENT = np.array([10.0, 20, 30, 40, 50, 60])
MARGIN = np.array([100.0, 200, -100, 400, 500, 600])  # cy's returns outweigh its orders
NEXT_YEAR = np.array([90.0, 0, 50, np.nan, np.nan, np.nan])
OUTCOME = ["due", "neither", "slip", "due", "due", "neither"]
ONSET = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
TREATED = np.array([False, False, False, False, True, False])


def drawn_table() -> TrainingTable:
    features = pd.DataFrame({**KEYS, "days_since_last_order": SILENT})
    days = pd.Series(KEYS["as_of"])
    frame = features.assign(
        label_complete=days + pd.Timedelta(days=90),
        defected=[int(one == "due") for one in OUTCOME],
        treated=TREATED.astype(int),
        outcome=OUTCOME,
        departed_on=days + pd.to_timedelta([5, 0, -5, 50, 60, 0], unit="D"),
        ordered_on=days - pd.to_timedelta([9, 0, 20, 8, 7, 0], unit="D"),
        lasting=[1.0, 0, 1, np.nan, np.nan, np.nan],
    )
    zeros = np.zeros(6)
    trade = pd.DataFrame(KEYS).assign(
        recorded_margin=NEXT_YEAR, amount_with_margin=NEXT_YEAR, amount_without_margin=NEXT_YEAR * 0
    )
    for window, margin in (("last_year", MARGIN), ("year_before", zeros)):
        trade[f"traded_{window}_recorded_margin"] = margin
        trade[f"traded_{window}_amount_with_margin"] = np.abs(margin)
        trade[f"traded_{window}_amount_without_margin"] = zeros
    trade["traded_since_days"] = 1000.0
    trade["traded_order_days"] = 10.0
    standing = pd.DataFrame(KEYS).assign(
        weight=1.0, followed=True, tier=list("ABCABC"), last_year=MARGIN
    )
    feature = Feature("days_since_last_order", "drawn", "", "", "", days_silent)
    return TrainingTable(frame, Selection((feature,), {}), features, trade=trade, standing=standing)


def predicted(risk: np.ndarray) -> OutOfTime:
    return OutOfTime(
        account=KEYS["account_id"],
        as_of=KEYS["as_of"].astype("datetime64[D]"),
        label_complete=KEYS["as_of"].astype("datetime64[D]") + 90,
        label=np.array([one == "due" for one in OUTCOME], dtype=np.int8),
        raw=risk,
        risk=risk,
        ways={},
        learners=(),
        baselines={},
        splits=(),
        treated=TREATED,
        weight=np.ones(6),
        stands_for=np.ones(6),
    )


def departures(onset: np.ndarray = ONSET) -> OutOfTimeDepartures:
    slipped = np.array([one == "slip" for one in OUTCOME])
    return OutOfTimeDepartures(
        None,  # type: ignore[arg-type]
        predicted(onset / 2),
        predicted(onset),
        predicted(onset),
        np.where(slipped, 0.3, 0.0),
        slipped,
    )


@pytest.fixture(scope="module")
def rows() -> KeepListRows:
    inactivity = predicted(ONSET / 10)
    other_rows = np.array([5, 3, 2, 1, 0])  # ada in February is not predicted; another order
    some = replace(inactivity, splits=())._rows(other_rows, ())  # type: ignore[arg-type]
    return keep_list_rows(drawn_table(), departures(), some, departures(1 - ONSET))


def test_those_acted_on_are_left_out(rows: KeepListRows) -> None:
    assert rows.account.tolist() == ["ada", "bo", "cy", "ada", "cy"]
    assert rows.as_of.tolist() == [day.item().date() for day in DAYS[[0, 0, 0, 1, 1]]]


def test_each_ranking_is_of_its_account(rows: KeepListRows) -> None:
    size = np.array([100.0, 200, 0, 400, 600])
    onset = np.array([0.1, 0.2, 0.3, 0.4, 0.6])
    assert rows.size.tolist() == size.tolist()
    expected = {
        CALL_SCORE: onset * size,
        SIZE: size,
        SILENCE_X_SIZE: np.array([10, 20, 30, 40, 60]) * size,
        RISK_90_X_SIZE: onset / 10 * size,
        OF_CHAMPION: (1 - onset) * size,
    }
    assert rows.rankings.keys() == expected.keys()
    for name, score in expected.items():
        assert rows.rankings[name] == pytest.approx(score), name


def test_what_came_is_of_its_account(rows: KeepListRows) -> None:
    assert rows.due.tolist() == [True, False, False, True, False]
    assert rows.slipped.tolist() == [False, False, True, False, False]
    lead = (rows.departed_on - rows.as_of).astype(int)
    assert lead[rows.due].tolist() == [5, 50]
    assert (rows.as_of - rows.ordered_on).astype(int)[rows.due].tolist() == [9, 8]
    assert rows.lasting.tolist()[:3] == [1, 0, 1]
    # Ada brings 90 of 100, bo nothing of 200, cy more than before; of February nothing is known.
    assert rows.lost.tolist()[:3] == [10, 200, 0]
    assert np.isnan(rows.lost[3:]).all() and np.isnan(rows.lasting[3:]).all()
    assert rows.slip_chance.tolist() == [0, 0, 0.3, 0, 0]


def test_without_other_predictions_there_are_fewer_lists() -> None:
    found = keep_list_rows(drawn_table(), departures())
    assert list(found.rankings) == [CALL_SCORE, SIZE, SILENCE_X_SIZE]


def test_a_review_measures_the_list_again_only_beside_a_champion() -> None:
    tests = (date(2025, 1, 1), date(2025, 2, 1))
    config = SimpleNamespace(
        scoring=SimpleNamespace(call_capacity=1),
        backtest=SimpleNamespace(bootstrap_repetitions=5),
        model=SimpleNamespace(all_threads=1),
    )
    table = drawn_table()
    measured = measure_keep_list(config, table, departures(), tests)  # type: ignore[arg-type]
    challenger = Predicted(
        config,  # type: ignore[arg-type]
        SimpleNamespace(table=table),  # type: ignore[arg-type]
        tests,
        predicted(ONSET),
        departures=departures(),
        keep_list=measured,
    )
    assert compared_keep_list(challenger, None) is measured
    beside = compared_keep_list(challenger, departures(1 - ONSET))
    assert beside is not None and OF_CHAMPION in beside.rankings
    for kind in (DUE, CAPPED):
        assert beside.of(kind) == measured.of(kind)
    # In February cy is listed, which stays; the champion lists ada or cy, tied, and ada departs.
    assert beside.of(DUE, snapshot=tests[1]).value == 0
    assert beside.of(DUE, OF_CHAMPION, snapshot=tests[1]).value == pytest.approx(0.5)
    assert compared_keep_list(replace(challenger, departures=None, keep_list=None), None) is None
