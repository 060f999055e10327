"""A list that is acted on: what was done comes back in, and the next list and training know it."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date

import numpy as np
import pandas as pd
from outcomes import add_outcomes, call_in_september
from project import Project


def test_treated_rows_are_marked_in_the_training_table(project) -> None:
    call_in_september(project)
    project.take_few_features()
    project.done("table", "--out", project.folder / "table.parquet")
    table = pd.read_parquet(project.folder / "table.parquet")
    marked = table[table["treated"] == 1]
    assert set(marked["as_of"].astype(str)) == {"2025-07-01", "2025-08-01", "2025-09-01"}


def test_a_back_test_leaves_them_out_of_every_comparison(project, market) -> None:
    call_in_september(project)
    project.change(
        sources={
            "orders": {"path": str(market / "orders.parquet")},
            "outcomes": {"path": "outcomes.csv"},
        },
        features={"families": ["order_history"], "windows_days": [90]},
        snapshots={"first": date(2024, 10, 1), "last": date(2026, 1, 1)},
        model={"trees": 10, "threads": 1},
        backtest={"last": 1, "bootstrap_repetitions": 100, "treated": "leave_out_everywhere"},
    )
    done = project.defection("backtest")
    assert done.returncode == 0, done.stderr
    found = re.search(r"Left out: (\d+) of (\d+) rows of the test snapshots", done.stdout)
    assert found is not None
    left_out, rows = map(int, found.groups())
    assert 0 < left_out < rows
    assert f"| 2025-09-01 to 2025-09-01 | {rows - left_out} |" in done.stdout


def scored(project: Project, as_of: str, revision: int = 1) -> pd.DataFrame:
    done = project.defection("score", "--as-of", as_of)
    assert done.returncode == 0, done.stderr
    folder = project.scores / f"as_of={as_of}" / "model_version=1" / f"revision={revision}"
    scores = pd.read_parquet(folder / "scores.parquet").set_index("account_id")
    called = pd.read_csv(folder / "call_list.csv", encoding="utf-8-sig")["account_id"]
    on_list = scores.index[scores["list_status"].isin(["listed", "left"])]
    assert called.tolist() == on_list.tolist()
    manifest = json.loads((folder / "manifest.json").read_text())
    counts = scores["list_status"].value_counts().to_dict()
    assert manifest["list_status"] | {"left": manifest["rows"]["left"]} == {"left": 0} | counts
    return scores


def test_the_next_list_knows_who_was_called(trained) -> None:
    shutil.rmtree(trained.folder / "out")  # no list lies before
    add_outcomes(trained, [])
    trained.change(scoring={"call_capacity": 60, "hold_out": {"share": 0.3}})
    first = scored(trained, "2025-12-16")
    found = set(first["list_status"]) - {"without_profit"}
    assert found == {"listed", "held_out", "beyond_capacity"}
    owners = first.loc[first["list_status"] == "listed", "owner_id"].value_counts()
    assert owners.max() == -(-60 // first["owner_id"].nunique())
    held = first[first["list_status"] == "held_out"]
    assert not held["key_account"].any() and "A" not in set(held["tier"])

    called = first.index[first["list_status"] == "listed"][:20]
    rows = [f"{account},2025-12-16,call,2025-12-17,no answer,R1," for account in called]
    add_outcomes(trained, rows)
    then = scored(trained, "2025-12-23")
    bands = ["low", "medium", "high"]
    ranked = then[then["rank"].notna()]
    again = ranked.loc[[account for account in called if account in ranked.index]]
    before = first.loc[again.index, "risk_band"].map(bands.index)
    risen = again["risk_band"].map(bands.index) > before
    assert set(again.loc[~risen, "list_status"]) == {"resting"}
    assert "resting" not in set(again.loc[risen, "list_status"])
    assert set(then.index[then["list_status"] == "resting"]) <= set(called)
    assert set(again.loc[~risen, "change_kind"]) == {"unlisted"}

    # What moved the risks: one model, so the time and the data alone.
    scored_twice = then[then["change"].notna()]
    assert len(scored_twice) > 0.9 * len(ranked)
    parts = scored_twice[["change_by_model", "change_by_time", "change_by_data"]]
    np.testing.assert_allclose(parts.sum(axis=1), scored_twice["change"], atol=1e-12)
    assert (parts["change_by_model"] == 0).all()
    assert (parts["change_by_time"] != 0).any() and (parts["change_by_data"] != 0).any()
    left = then[then["change_kind"] == "left"]
    assert set(left.index) == set(first.index) - set(ranked.index)

    # What is written down later changes the list: a new revision; the same again changes nothing.
    add_outcomes(trained, [*rows, f"{then.index[0]},2025-12-16,call,2025-12-18,,R1,price"])
    scored(trained, "2025-12-23", revision=2)
    assert "Already published" in trained.defection("score", "--as-of", "2025-12-23").stdout
