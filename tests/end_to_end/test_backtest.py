"""The long comparison, by the real command line."""

from __future__ import annotations

import json
import re

import pytest
from project import Project

from models.calibration_choice import WAYS


@pytest.mark.long
def test_families_calibrations_and_labels_are_compared(project: Project) -> None:
    done = project.defection("backtest")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    first = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert "order_history + contact_breadth + complaint_latency" in first
    assert {"order_history", "contact_breadth", "complaint_latency"} <= set(first)
    for way in ("raw", "isotonic", "lasting", "latest", "last year", "season weighed", "chosen"):
        assert first.count(way) == 2, way  # before the tests, and at them
    for label in (
        "no order within 90 days",
        "no order within 30 days",
        "no order within 180 days",
        "no order within 3 usual gaps, 30 to 180 days",
    ):
        assert first.count(label) == 1, label
    assert any(re.match("net sales 50% below", each) for each in first)

    (run,) = re.findall(r"Logged as run (\w+)", done.stdout)
    (found,) = project.folder.glob(f"mlflow/**/{run}/artifacts/backtest.json")
    lineage = json.loads(found.with_name("lineage.json").read_text())
    assert all(len(file["sha256"]) == 64 for file in lineage["orders"])
    content = json.loads(found.read_text())
    assert [len(content["earlier"]), len(content["tested"])] == [len(WAYS) + 1] * 2
    assert all(0.5 < label["auc"] < 1 for label in content["labels"])
    whole = max(content["ablation"]["subsets"], key=lambda subset: subset["features"])
    assert len(whole["families"]) == 3
    assert all(worth["gain"] for worth in content["ablation"]["left_out"])
