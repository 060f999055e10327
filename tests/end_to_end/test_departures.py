"""Departures from the first command to the last: trained, published, explained, watched."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from project import AS_OF, Project, copy_project, make_project

from models.risk_model import load
from pipeline.market import simulate
from pipeline.scoring.columns import SCHEMA_VERSION
from pipeline.tracking.runs import open_tracking

pytestmark = [pytest.mark.long, pytest.mark.trains]

FIRST, SECOND = "2025-12-29", str(AS_OF)  # from the 28th on, nothing learned lies ahead


@pytest.fixture(scope="module")
def departures(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """400 accounts over 38 months; a config that does not say which label counts; two lists."""
    market = tmp_path_factory.mktemp("market")
    simulate(market, accounts=400, months=38, seed=5, end=AS_OF)
    project = make_project(tmp_path_factory.mktemp("project"), market)
    content = yaml.safe_load(project.config.read_text())
    content["label"] = {"reporting_lag_days": 14}
    content["snapshots"]["first"] = "2023-05-01"
    content["scoring"] = {"call_capacity": 20}
    project.config.write_text(yaml.safe_dump(content))
    (project.folder / "train.txt").write_text(said(project, "train"))
    project.use_first_version()
    for as_of in (FIRST, SECOND):
        (project.folder / f"{as_of}.txt").write_text(said(project, "score", "--as-of", as_of))
    return project


def said(project: Project, *command: object) -> str:
    """What a command that succeeds prints, warnings included."""
    done = project.defection(*command)
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout


def published(project: Project, as_of: str) -> tuple[pd.DataFrame, dict]:
    (folder,) = (project.scores / f"as_of={as_of}").glob("*/*")
    return pd.read_parquet(folder / "scores.parquet"), json.loads(
        (folder / "manifest.json").read_text()
    )


def test_the_training_says_which_label_counts_and_what_the_list_catches(departures) -> None:
    text = (departures.folder / "train.txt").read_text()
    assert "`label.definition` is not set: using departure" in text
    assert "defection is no order in time when the next one falls due within 90 days" in text
    assert "Margin of due departures caught by the list" in text
    assert "Compared with size: " in text
    assert "Win-back, out of time: order again within 180 days AUC 0." in text
    assert "Without a call, " in text and "order again within 30 days where" in text


def test_active_accounts_are_ranked_by_call_score_and_departed_ones_follow(departures) -> None:
    scores, manifest = published(departures, SECOND)
    scores = scores[scores["rank"].notna()]
    assert manifest["schema_version"] == SCHEMA_VERSION
    active = scores["crossed_on"].isna()
    assert active.sum() > 100 and (~active).sum() > 0
    assert not scores["rank"].diff().dropna().ne(1).any()
    assert active.is_monotonic_decreasing  # active first
    assert scores.loc[active, "call_score"].is_monotonic_decreasing
    risks = scores.loc[active, ["departure_risk", "slip_chance"]]
    assert risks.notna().all(axis=None) and (risks.sum(axis=1) <= 1 + 1e-12).all()
    overdue = scores.loc[active, "days_past_due"] > 0
    assert (risks.loc[~overdue, "slip_chance"] == 0).all() and risks["slip_chance"].max() > 0
    silent = ["risk", "departure_risk", "slip_chance", "risk_30", "risk_90", "risk_180"]
    assert scores.loc[~active, [*silent, "call_score"]].isna().all(axis=None)
    assert (pd.to_datetime(scores.loc[~active, "crossed_on"]) <= SECOND).all()
    again = scores[["reorder_90", "reorder_180"]]
    assert again[active].isna().all(axis=None) and again[~active].notna().all(axis=None)
    assert (again["reorder_90"] <= again["reorder_180"])[~active].all()
    past = (pd.Timestamp(SECOND) - pd.to_datetime(scores.loc[~active, "crossed_on"])).dt.days
    value = (scores["call_value"] * scores["reorder_180"])[~active]
    for _, of_band in value.groupby(pd.cut(past, [-1, 30, 60, 120])):
        assert of_band.is_monotonic_decreasing
    assert manifest["win_back"].startswith("The list to win back is sorted by value times")
    listed = scores[scores["list_status"] == "listed"]
    assert len(listed) == 20 and set(listed["list"]) == {"keep", "win_back"}
    for _, rows in listed.groupby("list"):
        assert rows["rank_in_list"].tolist() == list(range(1, len(rows) + 1))
    assert listed.loc[listed["list"] == "keep", "reason_1"].notna().any()


def test_the_registered_model_gives_the_published_risks_again(departures, tmp_path: Path) -> None:
    """From the published features, by the native files alone."""
    from pipeline.config import load_config

    scores, manifest = published(departures, SECOND)
    registry = open_tracking(load_config(departures.config)).registry
    model = load(registry.download(manifest["model"]["version"], tmp_path))
    (folder,) = (departures.scores / f"as_of={SECOND}").glob("*/*")
    known = pd.read_parquet(folder / "features.parquet").set_index("account_id")
    features = known[list(model.columns)].to_numpy(dtype="float64")
    found = model.departure_risks(features, model.columns, AS_OF)
    again = pd.DataFrame(found._asdict(), index=known.index)
    reorders = pd.DataFrame(model.reorder_chances(features, model.columns, AS_OF), known.index)
    told = scores[scores["rank"].notna()].set_index("account_id").loc[again.index]
    assert again["departure"].fillna(-1).tolist() == told["departure_risk"].fillna(-1).tolist()
    assert again["slip"].fillna(-1).tolist() == told["slip_chance"].fillna(-1).tolist()
    assert reorders[180].fillna(-1).tolist() == told["reorder_180"].fillna(-1).tolist()


def test_an_active_and_a_departed_account_are_explained(departures) -> None:
    scores, _ = published(departures, SECOND)
    for name in ("keep", "win_back"):
        account = scores.loc[scores["list"] == name, "account_id"].iloc[0]
        text = said(departures, "explain", "--account", account, "--as-of", SECOND)
        assert f"Account {account}" in text
        assert ("stopped ordering" in text) == (name == "win_back")
        assert ("without a call" in text) == (name == "win_back")
        assert ("What moved the model" in text) == (name == "keep")


def test_monitoring_and_the_label_of_the_champion(departures, tmp_path: Path) -> None:
    copied = copy_project(departures, tmp_path)
    done = copied.defection("monitor", "--as-of", SECOND)
    assert done.returncode in (0, 1), done.stderr
    assert "using departure, as the champion, version 1" in done.stderr
    copied.change(label={"definition": "inactivity", "reporting_lag_days": 14})
    other = copied.defection("score", "--as-of", SECOND)
    assert other.returncode == 78 and "train with" in other.stderr


def test_too_little_history_is_sorted_by_size_and_says_from_when_on_it_is_not(
    departures, tmp_path: Path
) -> None:
    copied = copy_project(departures, tmp_path)
    done = copied.defection("train", "--until", "2024-12-01")
    assert done.returncode == 0, done.stderr
    assert "Sorted by size; early warning is not proven here yet." in done.stdout
    assert "Departures can be trained from 2025-" in done.stdout
    assert "to win back is sorted by value alone: departures cannot be learned yet." in done.stdout
    promote = ("promote", "--version", 2, "--by", "a test", "--reason", "to score", "--override")
    copied.done(*promote)
    copied.done("score", "--as-of", "2025-12-30")
    scores, manifest = published(copied, "2025-12-30")
    assert manifest["note"].startswith("Sorted by size")
    keep = scores[scores["list"] == "keep"]
    assert (keep["call_score"] == keep["call_value"]).all() and keep["risk"].notna().all()
    assert scores["reorder_180"].isna().all()
    assert manifest["win_back"].startswith("The list to win back is sorted by value alone: ")
    assert "Without a call, " in manifest["win_back"]
