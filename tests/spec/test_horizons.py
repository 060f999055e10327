"""Risks over further horizons: their order, their files, and what a training says without them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from taught import Watching, drawn_dataset, learners

from features.definition import Feature, Selection
from features.order_history import days_silent
from models import risk_model
from models.dataset import Dataset
from models.errors import DamagedModel
from models.horizons import fit_horizon, in_order
from models.learner import Learner
from models.out_of_time import rolling
from models.settings import ModelSettings
from pipeline.tables.training_table import TrainingTable
from pipeline.training.horizons import fit_horizons
from pipeline.training.learners import learners_of

SETTINGS = ModelSettings(
    trees=20,
    leaves=8,
    learning_rate=0.1,
    min_leaf_rows=50,
    feature_share=1.0,
    row_share=0.8,
    l2=1.0,
    seed=7,
    threads=1,
    minimum_snapshots=2,
    learn_from_treated=True,
)
NAMES = ("days_silent", "noise")
ACCOUNTS, SNAPSHOTS = 150, 10


def market(days: int, snapshots: int = SNAPSHOTS) -> Dataset:
    """Accounts x monthly snapshots from 2020-01; silent over `days`: fewer, the longer it lasts."""
    random = np.random.default_rng(3)
    rows = ACCOUNTS * SNAPSHOTS
    silent, until = random.exponential(40, rows), random.exponential(90, rows)
    as_of = np.repeat(np.datetime64("2020-01") + np.arange(SNAPSHOTS), ACCOUNTS)
    as_of = as_of.astype("datetime64[D]")
    every = drawn_dataset(
        features=np.column_stack([silent, random.normal(size=rows)]),
        names=NAMES,
        label=(until * silent / 40 > days / 2).astype(np.int8),
        account=np.tile([f"A{i}" for i in range(ACCOUNTS)], SNAPSHOTS).astype(object),
        as_of=as_of,
        label_complete=as_of + np.timedelta64(days, "D"),
    )
    return every.rows(np.isin(as_of, np.unique(as_of)[:snapshots]))


def test_what_a_learner_has_said_is_not_learned_again() -> None:
    """Beside the main horizon and for one of its own it is the same learner."""
    trees = Watching()
    main = Learner(market(90), (), SETTINGS, trees)
    over_30 = Learner(market(30), (), SETTINGS, trees)
    rolling([over_30, main], (), {})
    together = len(trees.handed)
    assert together > len(main.refits)
    found = rolling([over_30], (), {})
    assert len(trees.handed) == len(main.refits) + len(over_30.refits) >= together
    again = rolling([Learner(market(30), (), SETTINGS, Watching())], (), {})
    assert found.raw.tolist() == again.raw.tolist()


@pytest.fixture(scope="module")
def model() -> risk_model.RiskModel:
    """Of 90 days, with 30 and 180 beside."""
    main = market(90)
    parts = {30: market(30), 180: market(180, snapshots=9)}
    further = [
        fit_horizon(days, learner, rolling([learner], (), {}))
        for days, part in parts.items()
        for learner in learners(part, SETTINGS)
    ]
    own = learners(main, SETTINGS)
    found = rolling(own, (), {})
    return risk_model.fit_final(own, found, horizon_days=90, horizons=further)


def test_the_main_risk_stands_and_the_others_are_pulled_to_it() -> None:
    risks = {
        30: np.array([0.9, 0.2, 0.1]),
        60: np.array([0.8, 0.1, 0.6]),
        90: np.array([0.5, 0.3, 0.3]),
        180: np.array([0.4, 0.4, 0.1]),
        365: np.array([0.1, 0.1, 0.2]),
    }
    assert {days: found.tolist() for days, found in in_order(90, risks).items()} == {
        30: [0.9, 0.3, 0.6],
        60: [0.8, 0.3, 0.6],
        90: [0.5, 0.3, 0.3],
        180: [0.4, 0.3, 0.1],
        365: [0.1, 0.1, 0.1],
    }
    assert in_order(90, {90: risks[90]}) == {90: risks[90]}


def test_the_main_risk_is_the_same_with_other_horizons_beside(model: risk_model.RiskModel) -> None:
    now = market(90).features[:ACCOUNTS]
    found = model.risk_by_horizon(now, NAMES)
    assert list(found) == [30, 90, 180]
    assert found[90].tolist() == model.risk(now, NAMES).tolist()
    assert (found[30] >= found[90]).all() and (found[90] >= found[180]).all()
    assert found[30].mean() > found[90].mean() + 0.1 > found[180].mean() + 0.2


def test_the_last_label_of_any_horizon_ends_what_the_model_knows(
    model: risk_model.RiskModel,
) -> None:
    # The 180 days of 2020-09-01, not the 90 of 2020-10-01.
    assert model.label_end == date(2020, 9, 1) + timedelta(180) == date(2021, 2, 28)


def test_horizons_are_files_like_the_learners(model: risk_model.RiskModel, tmp_path: Path) -> None:
    hashes = model.save(tmp_path)
    assert sorted(hashes) == ["booster_1.txt", "horizon_180.txt", "horizon_30.txt", "model.json"]
    loaded = risk_model.load(tmp_path, hashes)
    now = market(90).features[:ACCOUNTS]
    for days, risk in model.risk_by_horizon(now, NAMES, date(2021, 3, 1)).items():
        again = loaded.risk_by_horizon(now, NAMES, date(2021, 3, 1))[days]
        assert again.tolist() == risk.tolist()
    (tmp_path / "again").mkdir()
    assert loaded.save(tmp_path / "again") == hashes
    (tmp_path / "horizon_30.txt").write_text("other trees")
    with pytest.raises(DamagedModel, match=r"horizon_30\.txt has SHA-256"):
        risk_model.load(tmp_path)
    content = json.loads((tmp_path / "model.json").read_text())
    content["horizons"][0]["days"] = "../30"
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(DamagedModel, match="files called"):
        risk_model.load(tmp_path)


def test_without_a_horizon_of_its_own_a_model_has_no_risks_by_horizon() -> None:
    main = market(90)
    own = learners(main, SETTINGS)
    alone = risk_model.fit_final(own, rolling(own, (), {}))
    assert alone.risk_by_horizon(main.features[:ACCOUNTS], NAMES) == {}


def test_only_some_snapshots_are_predicted_each_as_ever() -> None:
    dataset = market(30)
    (learner,) = learners(dataset, SETTINGS)
    every, days = rolling([learner], (), {}), learner.predictable
    assert [split.snapshot for split in every.splits] == days
    some = rolling([learner], (), {}, only=days[1::3])
    assert [split.snapshot for split in some.splits] == days[1::3]
    assert some.raw.tolist() == every.at(*days[1::3]).raw.tolist()


# --- in a training ----------------------------------------------------------------------------


def table(**labels: Dataset) -> TrainingTable:
    """A training table over the drawn accounts; labels by horizon: `over_30`."""
    main = market(90)
    keys = {"account_id": main.account, "as_of": main.as_of}
    features = pd.DataFrame(keys | dict(zip(NAMES, main.features.T, strict=True)))
    frames = {int(name.removeprefix("over_")): part for name, part in labels.items()}
    labelled = features.assign(
        label_complete=main.label_complete, defected=main.label, treated=main.treated
    )
    return TrainingTable(
        labelled,
        Selection(tuple(Feature(n, "drawn", "", "", "", days_silent) for n in NAMES), {}),
        features,
        {
            days: pd.DataFrame(
                {
                    "account_id": part.account,
                    "as_of": part.as_of,
                    "label_complete": part.label_complete,
                    "treated": part.treated,
                    "defected": part.label,
                }
            )
            for days, part in frames.items()
        },
        published=tuple(frames),
    )


def test_labels_of_every_horizon_share_the_features_of_their_rows() -> None:
    """The features are by far the largest part of the memory; they are there once."""
    drawn = table(over_30=market(30), over_180=market(180, 3))
    every, first = drawn.horizon_dataset(30), drawn.horizon_dataset(180)
    assert len(first) == 3 * ACCOUNTS
    assert first.features.tolist() == every.features[: len(first)].tolist()
    assert first.label.tolist() == market(180, 3).label.tolist()
    assert np.shares_memory(first.features, every.panel.features)
    assert first.panel is every.panel


def test_a_training_says_which_horizons_it_could_not_learn_and_why() -> None:
    alike = market(30)
    alike = alike.rows(alike.label == 1)
    main = market(40)  # nearly the same, so that the two contradict each other at times
    given = table(
        over_30=market(30), over_60=alike, over_180=market(180, 3), over_365=market(365, 0)
    )
    found = fit_horizons(
        given,
        rolling(learners(main, SETTINGS, main.snapshots()[-3:]), main.snapshots()[-3:], {}),
        90,
        learners_of(given, (), SETTINGS).further,
        date(2020, 1, 1),
        lambda days: None,
    )
    assert [made.days for made in found.models] == [30]
    assert found.left_out == {
        60: "all accounts are alike over 60 days",
        180: "3 snapshots with labels of 180 days are too few to predict one from earlier ones",
        365: "no snapshot is 365 days old, reporting lag included",
    }
    (report,) = found.reports
    assert report.snapshots[-1] == date(2020, 10, 1)
    assert report.calibrated == len(report.snapshots) == 3
    assert report.auc is not None and report.auc > 0.7
    # Measured as published: what the main risk pulls up is counted, and the rest is as it was.
    assert report.pulled is not None and 0 < report.pulled < 0.5
    assert report.calibration_error != report.own_calibration_error
    assert json.loads(json.dumps(found.to_json()))["left_out"]["60"].startswith("all accounts")
    assert found.lines()[0].startswith("Other horizons, out of time: 30 days: AUC 0.")
    assert found.lines()[1] == "risk_60 stays empty: all accounts are alike over 60 days"
