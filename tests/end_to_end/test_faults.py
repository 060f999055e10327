"""Faults that only the real command line can show, each test named after its number."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow_servers import mlflow_server
from project import AS_OF, Project

from models import risk_model
from pipeline.config import load_config
from pipeline.console import Steps
from pipeline.errors import ServiceUnavailable
from pipeline.scoring.score import score
from pipeline.tracking.runs import open_tracking

DAY = "2025-12-27"


@pytest.fixture
def own(trained: Project) -> Project:
    """The world's model over a market of its own, to spoil; nothing is published."""
    shutil.rmtree(trained.folder / "out")
    trained.take_market()
    return trained


def rewritten(project: Project, table: str, frame: pd.DataFrame) -> None:
    frame.to_parquet(project.folder / f"{table}.parquet", index=False)


def market_of(project: Project, table: str) -> pd.DataFrame:
    return pd.read_parquet(project.folder / f"{table}.parquet")


def published(project: Project) -> tuple[dict[str, object], pd.DataFrame]:
    (folder,) = project.scores.glob(f"as_of={DAY}/*/*")
    scores = pq.read_table(folder / "scores.parquet").to_pandas()
    return json.loads((folder / "manifest.json").read_text()), scores


def test_fault_13_rows_set_aside_lie_beside_the_list_with_their_reasons(own: Project) -> None:
    orders = market_of(own, "orders")
    orders.loc[[3, 4], "account_id"] = None
    rewritten(own, "orders", orders)
    own.done("score", "--as-of", DAY)
    assert published(own)[0]["quarantined"]["orders"] == 2
    aside = pd.read_parquet(own.folder / "out/validation/quarantine_orders.parquet")
    assert aside["reason"].tolist() == ["no account_id"] * 2
    assert aside["row"].tolist() == [4, 5]


def test_fault_17_rows_not_yet_known_are_counted_and_change_nothing(own: Project) -> None:
    own.done("score", "--as-of", DAY)
    manifest, before = published(own)
    orders = market_of(own, "orders")
    later = orders["known_at"] >= pd.Timestamp(DAY, tz=orders["known_at"].dt.tz)
    assert manifest["not_yet_known"]["orders"] == later.sum() > 0
    shutil.rmtree(own.scores)
    rewritten(own, "orders", orders[~later])
    own.done("score", "--as-of", DAY)
    manifest, after = published(own)
    assert manifest["not_yet_known"]["orders"] == 0
    pd.testing.assert_frame_equal(before, after)


def test_fault_22_a_source_that_lost_its_rows_is_refused_and_named(own: Project) -> None:
    touches = market_of(own, "touches").sort_values("occurred_at")
    rewritten(own, "touches", touches.iloc[[0, -1]])
    files = own.files()
    end = {"complete_until": f"{AS_OF}T00:00:00"}
    sources = {name: {"path": f"{name}.parquet"} for name in load_config(own.config).sources}
    own.change(sources=sources | {"touches": sources["touches"] | end})
    done = own.defection("score", "--as-of", DAY, "--accept", "a test of what comes after")
    assert done.returncode == 65, done.stderr
    assert "of the model can hardly be told any more: days_since_last_touch (" in done.stderr
    assert "scoring.least_known" in done.stderr
    assert {file for file in own.files() - files if "scores" in file.parts} == {
        own.scores / ".lock",
        own.refused,
    }
    own.change(scoring={"least_known": 0.0})
    own.done("score", "--as-of", DAY, "--accept", "a test of what comes after")


def test_fault_25_a_category_that_was_never_seen_is_only_a_name(own: Project) -> None:
    features = ("features", "--as-of", DAY, "--out", own.folder / "features.parquet")
    own.done(*features)
    before = (own.folder / "features.parquet").read_bytes()
    named = 0
    for table, columns in {
        "orders": ("category", "channel"),
        "touches": ("channel",),
        "complaints": ("category",),
    }.items():
        frame = market_of(own, table)
        for column in set(columns) & set(frame.columns):
            frame[column] = "new " + frame[column]
            named += 1
        rewritten(own, table, frame)
    assert named
    own.done(*features)
    assert (own.folder / "features.parquet").read_bytes() == before


def test_fault_25_an_unknown_severity_is_taken_as_missing_and_too_many_are_refused(
    own: Project,
) -> None:
    complaints = market_of(own, "complaints")
    complaints.loc[complaints.index[:2], "severity"] = "catastrophic"
    rewritten(own, "complaints", complaints)
    assert "2 values: not one of low, medium, high, critical" in own.done("validate")
    complaints["severity"] = "catastrophic"
    rewritten(own, "complaints", complaints)
    done = own.defection("validate")
    assert done.returncode == 65
    assert "hold words that mean nothing here; at most 5.0% may" in done.stdout
    assert "`.sql` mapping which of low, medium, high, critical they are" in done.stdout


@pytest.mark.long
def test_fault_28_the_version_of_the_beginning_is_kept_when_the_alias_moves(own: Project) -> None:
    own.register_again()
    config = load_config(own.config)
    registry = open_tracking(config).registry

    class Moving(Steps):
        """Another version is promoted once the model has been found."""

        def begin(self, what: str, total: int | None = None) -> None:
            if what == "Reading the sources":
                registry.promote(2, "a test", "meanwhile", override=True)

    publication = score(config, Moving(None), date.fromisoformat(DAY))
    assert publication.manifest["model"]["version"] == 1
    assert registry.resolve("champion").version == 2


@pytest.mark.long
@pytest.mark.starts_process
@pytest.mark.trains
def test_fault_30_what_was_trained_is_kept_when_mlflow_goes_away(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes as the results are to be logged, minutes after it was asked first."""
    from pipeline.training.train import train

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    project.take_few_features()
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server") as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)

        class Going(Steps):
            """The server is ended at the last step."""

            def begin(self, what: str, total: int | None = None) -> None:
                if what == "Logging to MLflow":
                    server.stop()

        with pytest.raises(ServiceUnavailable, match=r"kept in .*not_recorded; no version was"):
            train(load_config(project.config), Going(None))
    kept = project.folder / "out" / "not_recorded"
    assert {path.name for path in kept.iterdir()} == {
        "model",
        "model_card.md",
        "evaluation.csv",
        "evaluation.txt",
    }
    assert risk_model.load(kept / "model").names


def test_fault_39_42_45_hostile_names_are_text_in_every_list_and_touch_no_file(
    own: Project,
) -> None:
    hostile = ("=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(1)", "\tx", "\rx", "<script>x</script>")
    accounts = market_of(own, "accounts")
    accounts["name"] = [
        f"{hostile[place % len(hostile)]} {place}" for place in range(len(accounts))
    ]
    for table in ("orders", "touches", "complaints", "accounts"):
        frame = accounts if table == "accounts" else market_of(own, table)
        frame["account_id"] = "../../" + frame["account_id"]
        rewritten(own, table, frame)
    outside = {*own.folder.parent.iterdir()}
    own.done("score", "--as-of", DAY)
    (folder,) = own.scores.glob(f"as_of={DAY}/*/*")
    cells = pd.read_csv(folder / "call_list.csv", dtype=str, encoding="utf-8-sig")
    for column in ("name", "account_id"):
        assert not cells[column].str.match(r"[=+\-@\t\r]").any()
    assert cells["risk"].astype(float).between(0, 1).all()
    page = (folder / "call_list.html").read_text()
    assert "<script>x" not in page and "\\u003cscript\\u003ex" in page
    explained = own.done("explain", "--account", cells["account_id"][0], "--as-of", DAY)
    assert "../../" in explained
    assert {*own.folder.parent.iterdir()} == outside


@pytest.mark.parametrize(
    "sections",
    [
        {"name": "../../x"},
        {"tracking": {"experiment": "../x"}},
        {"tracking": {"model_name": "a/b"}},
        {"scoring": {"bands": {"../x": 0.0}}},
    ],
)
def test_fault_42_a_name_that_is_a_path_is_refused(project: Project, sections: dict) -> None:
    project.change(**sections)
    files = project.files()
    done = project.defection("validate")
    assert done.returncode == 78
    assert "should be a short name of letters" in done.stderr
    assert project.files() == files
