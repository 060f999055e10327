"""Training on a feature that knows the future: it stops, and the run keeps the leakage report."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pandas as pd
import pytest

from features.definition import Feature, Selection
from features.populations import Population
from features.values import Count
from pipeline.commands import run_train
from pipeline.config import Config, load_config
from pipeline.endings import guarded
from pipeline.errors import CheckFailed
from pipeline.sources import Sources
from pipeline.tables import training_table

ALL_CASES = Population("all_cases", "complaints", "opened_at", ("opened_at", "known_at"))
SOLVED = replace(ALL_CASES, name="solved", where="resolved_at IS NOT NULL")
LEAKING = Feature("complaints_solved_count", "own", "", "complaints", "", Count(SOLVED))


def test_a_leaking_feature_stops_training_and_leaves_the_report(
    project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.take_few_features()
    honest = training_table.selected_features

    def with_a_leak(config: Config, sources: Sources) -> Selection:
        found = honest(config, sources)
        return replace(found, features=(*found.features, LEAKING))

    monkeypatch.setattr(training_table, "selected_features", with_a_leak)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    config = load_config(project.config)
    assert guarded(lambda: run_train(config, None)) == CheckFailed.exit_code == 1
    said = capsys.readouterr().err
    assert "Training stopped: 1 feature changed at a snapshot" in said
    assert "complaints_solved_count at 2025-" in said and "such as A" in said
    assert "features.families" in said

    with sqlite3.connect(project.folder / "mlflow" / "mlflow.db") as store:
        runs = store.execute("SELECT run_uuid, status FROM runs").fetchall()
        tags = dict(store.execute("SELECT key, value FROM tags"))
        assert store.execute("SELECT COUNT(*) FROM model_versions").fetchone() == (0,)
    ((run, status),) = runs
    assert (status, tags["leakage"]) == ("FAILED", "failed")
    assert run in said
    kept = project.folder / "mlflow" / "artifacts" / run / "artifacts"
    report = json.loads((kept / "leakage_report.json").read_text())
    found = report["point_in_time"]["differences"]
    assert {difference["feature"] for difference in found} == {"complaints_solved_count"}
    text = (kept / "leakage_report.md").read_text() + json.dumps(report)
    assert "# Leakage report: failed" in text
    people = pd.read_parquet(config.sources["accounts"].path)["account_id"]
    assert not [account for account in people if account in text]
