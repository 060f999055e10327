"""Other labels through the command line: what is trained and published, and what cannot be."""

from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pytest
from outcomes import call_in_september
from project import AS_OF


@pytest.mark.long
@pytest.mark.trains
@pytest.mark.parametrize(
    ("label", "horizon", "with_risk", "says"),
    [
        ({"definition": "own_cadence"}, 180, [], "no order within 3 usual gaps, 30 to 180 days"),
        ({"definition": "partial", "partial_share": 0.4}, 90, ["risk_90"], "net sales 40% below"),
    ],
)
def test_a_label_is_trained_and_scored(project, label, horizon, with_risk, says) -> None:
    project.take_few_features()
    project.change(label=label | {"reporting_lag_days": 14})
    call_in_september(project)
    train = project.defection("train")
    assert train.returncode == 0, train.stderr
    assert f"defection is {says}" in train.stdout
    assert "Other horizons" not in train.stdout
    project.done("table", "--only", "order_history", "--out", project.folder / "table.parquet")
    table = pd.read_parquet(project.folder / "table.parquet")
    tests = table[table["as_of"].isin(sorted(table["as_of"].unique())[-2:])]
    treated = f"Left out: {tests['treated'].sum()} of {len(tests)} rows of the test snapshots"
    assert treated in train.stdout and tests["treated"].sum() > 0
    project.use_first_version()
    project.done("score", "--as-of", AS_OF)
    folder = project.scores / f"as_of={AS_OF}" / "model_version=1" / "revision=1"
    scores = pd.read_parquet(folder / "scores.parquet")
    without = json.loads((folder / "manifest.json").read_text())["columns_without_data"]
    assert set(scores["horizon_days"]) == {horizon}
    for name in ("risk_30", "risk_90", "risk_180"):
        assert (name in without) == (name not in with_risk)
        assert name in without or scores[name].equals(scores["risk"].rename(name))
    if label["definition"] == "partial":
        project.change(label={**label, "partial_share": 0.5, "reporting_lag_days": 14})
        other = project.defection("score", "--as-of", AS_OF)
        assert other.returncode == 78
        assert "label.partial_share was 0.4, the config says 0.5" in other.stderr


@pytest.mark.long
@pytest.mark.trains
def test_training_until_a_date_with_too_little_history_for_a_horizon(project) -> None:
    project.take_few_features()
    late = {"first": date(2024, 11, 1), "last": AS_OF, "every": "month"}
    project.change(snapshots=late, backtest={"last": 1, "bootstrap_repetitions": 100})
    said = project.done("train", "--until", "2025-09-10")
    assert "Dropped, because the label is not complete yet: 2025-06-01, 2025-07-01" in said
    assert "Value at stake: last year's margin, without an interval" in said
    why = "snapshots with labels of 180 days are too few to predict one from earlier ones"
    assert f"risk_180 stays empty: 4 {why}" in said
    project.use_first_version()
    project.done("score", "--as-of", AS_OF)
    folder = project.scores / f"as_of={AS_OF}" / "model_version=1" / "revision=1"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["horizons_left_out"] == {"180": f"4 {why}"}
    assert "risk_180" in manifest["columns_without_data"]
    scores = pd.read_parquet(folder / "scores.parquet")
    assert (scores["risk_30"] >= scores["risk_90"]).all()


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({"definition": "own_cadence"}, "`label.definition: own_cadence` finds no cadence"),
        ({"definition": "inactivity"}, "Nothing can be learned: every account defects"),
        (
            {"definition": "own_cadence", "reporting_lag_days": 400},
            "No snapshot has a complete label",
        ),
    ],
)
def test_accounts_that_order_once_are_nothing_to_learn_from(project, market, label, said) -> None:
    orders = pd.read_parquet(market / "orders.parquet").sort_values("occurred_at")
    once = project.folder / "once.parquet"
    orders.groupby("account_id", as_index=False).last().to_parquet(once)
    project.change(
        label=label,
        sources={"orders": {"path": str(once), "complete_until": AS_OF}},
        snapshots={"first": date(2025, 1, 1), "last": date(2026, 1, 1), "every": "month"},
    )
    done = project.defection("train")
    assert done.returncode == 65, done.stderr
    assert said in done.stderr
