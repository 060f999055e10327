"""The real command line on a small simulated market."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer.main
from command_line import DEFECTION
from project import AS_OF, FIRST_LIST

from pipeline.cli import app
from pipeline.config import load_config

ROOT = Path(__file__).resolve().parents[2]


def test_train_prints_the_model_beside_its_baselines(world) -> None:
    events, stdout = ((world.folder / name).read_text() for name in ("events.jsonl", "train.txt"))
    start, complete = (json.loads(line) for line in events.splitlines())
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    read = {Path(data["name"]).name for data in complete["inputs"]}
    assert read == {f"{name}.parquet" for name in load_config(world.config).sources}
    (made,) = complete["outputs"]
    assert (made["name"], made["facets"]["version"]["datasetVersion"]) == ("models:/small", "1")
    assert "gain over logistic (95 %)" in stdout
    assert "Leakage report: passed" in stdout
    assert "Value at stake: next year's margin if an account stays less if it def" in stdout
    assert "Other horizons, out of time: 30 days: AUC 0." in stdout
    assert "Label audit: " in stdout and "order again" in stdout
    assert "Registered as version 1 of small, alias challenger" in stdout
    assert "Dropped, because the label is not complete yet: 2025-10-01" in stdout


def test_score_publishes_a_ranked_list(trained) -> None:
    folder = trained.scores / "as_of=2026-01-01" / "model_version=1" / "revision=1"
    names = {"scores.parquet", "features.parquet", "source_profile.json", "manifest.json"}
    names |= {"call_list.csv", "call_list.xlsx", "call_list.html"}
    assert {file.name for file in folder.iterdir()} == names
    published = pq.read_table(folder / "scores.parquet").to_pandas()
    scores = published[published["change_kind"] != "left"]
    assert scores["rank"].tolist() == list(range(1, len(scores) + 1))
    assert published["rank"].isna().sum() == len(published) - len(scores)
    assert scores["expected_loss"].is_monotonic_decreasing
    assert (scores["expected_loss"] == scores["risk"] * scores["value_at_stake"]).all()
    assert set(scores["value_basis"]) == {"margin"}
    known = scores.dropna(subset=["next_year_low"])
    assert len(known) and (known["next_year_low"] <= known["next_year_high"]).all()
    assert scores["risk"].between(0, 1).all()
    assert scores["account_id"].is_unique
    assert (scores["days_silent"] <= 180).all()
    assert scores["risk_90"].tolist() == scores["risk"].tolist()
    assert (scores["risk_30"] >= scores["risk_90"]).all()
    assert (scores["risk_90"] >= scores["risk_180"]).all()
    assert scores["risk_30"].mean() > scores["risk_90"].mean() > scores["risk_180"].mean()
    listed = (folder / "call_list.csv").read_bytes()
    assert listed.startswith(b"\xef\xbb\xbfrank,account_id")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["value_at_stake"]["basis"] == "margin"
    assert manifest["value_at_stake"]["outcome_end"] <= "2026-01-01"
    assert manifest["horizons_left_out"] == {}
    assert not {"risk_30", "risk_90", "risk_180"} & {*manifest["columns_without_data"]}
    for files in manifest["inputs"]["sources"].values():
        for file in files:
            content = Path(file["path"]).read_bytes()
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
    latest = json.loads((trained.scores / "latest.json").read_text())
    assert trained.scores / latest["path"] == folder

    before = trained.files()
    again = trained.defection("score", "--as-of", "2026-01-01")
    assert again.returncode == 0
    assert "Already published" in again.stdout
    assert trained.files() == before


def test_a_later_list_shows_the_risk_published_before(world) -> None:
    root = world.scores
    first, second = (
        pd.read_parquet(root / f"as_of={as_of}/model_version=1/revision=1/scores.parquet")
        for as_of in (FIRST_LIST, AS_OF)
    )
    assert first["previous_risk"].isna().all()
    both = second.merge(first[["account_id", "risk"]], on="account_id", suffixes=("", "_first"))
    assert len(both) > 100
    assert both["previous_risk"].equals(both["risk_first"].rename("previous_risk"))


@pytest.mark.long
@pytest.mark.trains
def test_fault_36_the_same_config_data_and_seed_give_the_same_bytes(world, project) -> None:
    project.done("train")
    project.use_first_version()
    project.done("score", "--as-of", FIRST_LIST)
    place = Path(f"as_of={FIRST_LIST}/model_version=1/revision=1")
    lists = ("call_list.csv", "call_list.xlsx", "call_list.html")
    for name in ("scores.parquet", "features.parquet", *lists):
        assert (project.scores / place / name).read_bytes() == (
            world.scores / place / name
        ).read_bytes(), name


@pytest.mark.long
@pytest.mark.starts_process
def test_a_promotion_asks_who_and_why_where_a_person_sits(trained) -> None:
    alone = trained.defection("promote", "--version", "1")
    assert alone.returncode == 64 and "who and why: give --by TEXT" in alone.stderr
    command = [str(DEFECTION), *map(str, trained.command("promote", "--version", "1"))]
    person, terminal = pty.openpty()
    asked = subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(terminal)
    os.write(person, b"A. Person\nit is fine\n")
    said, refused = (text.decode() for text in asked.communicate(timeout=120))
    os.close(person)
    assert "Who decides?" in said and "Why?" in said
    assert asked.returncode == 78 and "is the champion already" in refused


def test_a_review_refuses_a_version_that_was_trained_for_something_else(trained) -> None:
    trained.change(label={"definition": "inactivity", "horizon_days": 60})
    done = trained.defection("review", "--version", "1")
    assert done.returncode == 78
    assert (
        "Model version 1 was trained for something else: label.horizon_days was 90" in done.stderr
    )


def test_there_is_nothing_before_the_first_champion(trained) -> None:
    done = trained.defection("rollback", "--by", "a test", "--reason", "odd lists")
    assert done.returncode == 78
    assert "Version 1 of small has no champion before it in the history" in done.stderr


def test_scores_go_to_postgresql_too_once_it_answers(trained, database, monkeypatch) -> None:
    """While it is away the files are published all the same, and the same command goes on."""
    import psycopg

    config, url = trained.config.read_text(), os.environ[database]
    score = ("score", "--as-of", "2025-12-28")
    folder = trained.scores / "as_of=2025-12-28" / "model_version=1" / "revision=1"
    try:
        trained.change(scoring={"postgresql": {"url_variable": "SCORES_URL"}})
        unset = trained.defection(*score)
        assert unset.returncode == 78 and "SCORES_URL" in unset.stderr
        assert not folder.exists()
        monkeypatch.setenv("SCORES_URL", "host=/nowhere password=secret")
        away = trained.defection(*score)
        assert away.returncode == 69, away.stderr
        assert "published whole" in away.stderr and "secret" not in away.stderr
        assert (folder / "manifest.json").exists()
        monkeypatch.setenv("SCORES_URL", url)
        for _ in range(2):
            done = trained.defection(*score)
            assert done.returncode == 0, done.stderr
            assert "Already published" in done.stdout
            assert "The scores (revision 1) are in the table defection_scores" in done.stdout
    finally:
        trained.config.write_text(config)
    published = pq.read_table(folder / "scores.parquet")
    named = ", ".join(published.column_names)
    with psycopg.connect(url) as connection:
        query = f"SELECT {named} FROM defection_scores WHERE as_of = '2025-12-28'"
        rows = connection.execute(query.encode()).fetchall()
        revisions = connection.execute("SELECT DISTINCT revision FROM defection_scores").fetchall()
    assert revisions == [(1,)]
    place = published.column_names.index("account_id")
    both = rows, [tuple(row.values()) for row in published.to_pylist()]
    found, wanted = (sorted(each, key=lambda row: row[place]) for each in both)
    assert found == wanted


def test_fault_36_changed_sources_give_a_new_revision(trained, market, tmp_path) -> None:
    orders = market / "orders.parquet"
    pq.write_table(pq.read_table(orders).slice(100), tmp_path / "orders.parquet")
    config = trained.config.read_text()
    trained.config.write_text(config.replace(str(orders), str(tmp_path / "orders.parquet")))
    trained.done("score", "--as-of", AS_OF)
    place = trained.scores / f"as_of={AS_OF}" / "model_version=1"
    assert sorted(folder.name for folder in place.iterdir()) == ["revision=1", "revision=2"]


@pytest.mark.starts_process
def test_scoring_begins_without_what_only_training_needs() -> None:
    script = "import sys, pipeline.scoring.score; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"sklearn.linear_model", "sklearn.isotonic", "matplotlib"})


def test_scoring_a_date_that_the_labels_reach_beyond_is_refused(trained) -> None:
    before = trained.files()
    done = trained.defection("score", "--as-of", "2025-06-01")
    assert done.returncode == 78
    assert "would use the future" in done.stderr and "--replay" in done.stderr
    assert trained.files() - {trained.refused} == before


def test_fault_17_a_stale_extract_is_refused(trained) -> None:
    before = trained.files()
    done = trained.defection("score", "--as-of", "2026-03-01")
    assert done.returncode == 65
    assert "orders is complete until 2025-12-3" in done.stderr
    assert "max_staleness_days" in done.stderr
    assert trained.files() - {trained.refused} == before


def test_an_unknown_alias_names_those_there_are(trained) -> None:
    before = trained.files()
    done = trained.defection("score", "--as-of", "2026-01-01", "--model", "chempion")
    assert done.returncode == 78
    assert "champion" in done.stderr
    assert trained.files() == before


def test_scoring_before_training_says_so(project) -> None:
    before = project.files()
    done = project.defection("score", "--as-of", "2026-01-01")
    assert done.returncode == 78
    assert "train" in done.stderr
    assert project.files() == before


def test_the_whole_cohort_has_more_accounts(project) -> None:
    for cohort in ("active", "all"):
        done = project.defection(
            *("features", "--as-of", "2026-01-01", "--only", "order_history"),
            *("--cohort", cohort, "--out", f"{cohort}.parquet"),
        )
        assert done.returncode == 0, done.stderr
    active, everybody = (
        pd.read_parquet(project.folder / f"{cohort}.parquet") for cohort in ("active", "all")
    )
    assert set(active["account_id"]) < set(everybody["account_id"])
    rows = everybody[everybody["account_id"].isin(active["account_id"])]
    pd.testing.assert_frame_equal(rows.reset_index(drop=True), active)


@pytest.mark.parametrize(
    ("section", "value", "code", "said"),
    [
        ("lable", {}, 78, "label"),
        ("sources", {"orders": {"path": "nowhere.parquet"}}, 66, "nowhere.parquet"),
    ],
)
def test_a_mistake_in_the_config_is_told(project, section, value, code, said) -> None:
    project.change(**{section: value})
    before = project.files()
    done = project.defection("train")
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert project.files() == before


@pytest.mark.starts_process
def test_fault_41_a_date_through_make_is_never_a_command(project) -> None:
    if not (ROOT / ".venv").exists():
        pytest.skip("needs the environment that `make setup` makes")
    made = [ROOT / name for name in ("x", "y", "z")]
    assert not any(path.exists() for path in made)
    as_of = "2025-01-01; touch x; $(touch y) `touch z`"
    done = subprocess.run(
        ["make", "-C", str(ROOT), "score", f"AS_OF={as_of}", f"CONFIG={project.config}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MAKEFLAGS": ""},
    )
    assert done.returncode != 0
    assert f"{as_of!r} is not a date" in done.stderr
    assert not any(path.exists() for path in made)


def test_every_command_has_help_with_an_example() -> None:
    for name, command in typer.main.get_command(app).commands.items():
        assert f"defection {name}" in command.epilog, name
        assert command.help, name


def test_usage_errors_exit_with_64(project) -> None:
    for arguments in (("score",), ("score", "--as-of", "01.02.2025"), ("scroe",)):
        assert project.defection(*arguments).returncode == 64, arguments


ORDERS = "customer,order_id,occurred_at,amount,line_id,known_at\n"
GOOD = "A1,O1,2025-01-05,10.50,1,2025-01-05\n"


@pytest.mark.parametrize(
    ("columns", "content", "said"),
    [
        ({}, ORDERS + GOOD, ["orders", "account_id"]),
        ({"acount_id": "customer"}, ORDERS + GOOD, ["acount_id", "account_id"]),
        ({"account_id": "custommer"}, ORDERS + GOOD, ["custommer", "customer"]),
        (
            {"account_id": "customer"},
            ORDERS + GOOD + "A1,O2,05/01/2025,1,1,2025-01-05\n",
            ["occurred_at", "05/01/2025", "row 3", "datetime_format"],
        ),
        (
            {"account_id": "customer"},
            ORDERS + GOOD + GOOD.replace("10.50", "99.00"),
            ["O1", "known_at"],
        ),
        ({"account_id": "customer"}, "", ["0 rows"]),
        ({"account_id": "customer"}, ORDERS, ["0 rows"]),
    ],
    ids=[
        "missing column",
        "unknown column of ours",
        "nearest column",
        "date without a format",
        "conflicting versions",
        "empty file",
        "header only",
    ],
)
def test_bad_input_is_refused_before_anything_is_written(project, columns, content, said) -> None:
    file = project.folder / "orders.csv"
    file.write_text(content)
    project.change(sources={"orders": {"path": "orders.csv", "columns": columns}})
    before = project.files()
    done = project.defection("train")
    assert done.returncode in (65, 78), done.stderr
    for words in said:
        assert words in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert project.files() == before


def test_validate_reports_every_violation_at_once(project) -> None:
    bad = ORDERS + "A1,O1,soon,10.50,1,\nA2,O2,2025-01-05,ten,1,\n"
    (project.folder / "orders.csv").write_text(bad)
    (project.folder / "touches.csv").write_text("account_id,contact,rep_id,occurred_at\n")
    project.change(
        sources={
            "orders": {"path": "orders.csv", "columns": {"account_id": "customer"}},
            "touches": {"path": "touches.csv"},
        }
    )
    done = project.defection("validate")
    assert done.returncode == 65
    for words in ("soon", "ten", "contact_id"):
        assert words in done.stdout, done.stdout
    report = json.loads((project.folder / "out/validation/validation.json").read_text())
    assert report["errors"] >= 3


def test_fault_45_the_run_holds_what_a_reviewer_needs_and_no_account(trained) -> None:
    with sqlite3.connect(trained.folder / "mlflow" / "mlflow.db") as store:
        metrics = {name for (name,) in store.execute("SELECT key FROM metrics")}
        params = {name for (name,) in store.execute("SELECT key FROM params")}
        digests = {text for (text,) in store.execute("SELECT value FROM input_tags")}
        tags = dict(store.execute("SELECT key, value FROM tags"))
        rows = [*store.execute("SELECT * FROM params"), *store.execute("SELECT * FROM tags")]
    texts = "\n".join(map(str, rows))
    measured = (
        *(
            "auc",
            "auc_logistic",
            "auc_silence",
            "brier",
            "brier_bg_nbd",
            "lift_at_capacity",
            "lead_median",
            "list_kept",
        ),
        *("auc_gain_over_recency_low", "profit", "profit_expected_loss", "tier_A/auc"),
    )
    assert {f"2025-09-01/{name}" for name in measured} <= metrics
    assert {"label.horizon_days", "model.trees", "data.label_end"} <= params
    assert {"value_at_stake.basis", "value_at_stake.outcome_end"} <= params
    artifacts = {path.name for path in (trained.folder / "mlflow" / "artifacts").rglob("*.*")}
    plots = {"roc", "precision_recall", "calibration", "gain", "importance", "backtest"}
    assert {f"{plot}.png" for plot in plots} <= artifacts
    assert {"config.yaml", "feature_catalogue.md", "lineage.json", "booster_1.txt"} <= artifacts
    assert {"leakage_report.json", "leakage_report.md", "value_at_stake.json"} <= artifacts
    assert {"evaluation.csv", "model_card.md"} <= artifacts
    assert {"label_audit.json", "label_audit.md", "horizons.json"} <= artifacts
    assert {"horizon_30.txt", "horizon_180.txt"} <= artifacts
    assert tags["leakage"] == "passed"
    assert "Leakage report: passed" in tags["mlflow.note.content"]
    orders = Path(load_config(trained.config).sources["orders"].path).read_bytes()
    assert hashlib.sha256(orders).hexdigest() in digests
    people = pd.read_parquet(Path(load_config(trained.config).sources["accounts"].path))
    for path in (trained.folder / "mlflow" / "artifacts").rglob("*"):
        if path.is_file() and path.suffix != ".png":
            texts += path.read_text(errors="replace")
    for column in ("account_id", "name"):
        assert not [value for value in people[column].unique() if f"{value}" in texts]


def test_a_risk_is_not_passed_off_as_one_of_another_horizon(trained) -> None:
    trained.change(label={"definition": "inactivity", "horizon_days": 30})
    before = trained.files()
    done = trained.defection("score", "--as-of", "2026-01-01")
    assert done.returncode == 78
    assert "label.horizon_days was 90, the config says 30" in done.stderr
    assert trained.files() - {trained.refused} == before


def test_fault_29_a_model_is_not_given_features_of_another_definition(trained) -> None:
    trained.change(features={"windows_days": [365], "resolution_days": 30})
    before = trained.files()
    done = trained.defection("score", "--as-of", "2026-01-01")
    assert done.returncode == 78
    assert "learned from other definitions of 1 feature: resolved_slowly_share_365d" in done.stderr
    assert trained.files() - {trained.refused} == before


def test_a_replay_is_no_publication(trained) -> None:
    before = {file for file in trained.files() if "scores" in file.parts}
    done = trained.defection("score", "--as-of", "2025-08-01", "--replay")
    assert done.returncode == 0, done.stderr
    folder = trained.folder / "out/replays/as_of=2025-08-01/model_version=1/revision=1"
    assert json.loads((folder / "manifest.json").read_text())["replay"] is True
    assert {file for file in trained.files() if "scores" in file.parts} == before


def test_an_empty_date_is_no_date(project) -> None:
    assert project.defection("train", "--until", "").returncode == 64
