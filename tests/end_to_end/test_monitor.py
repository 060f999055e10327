"""`monitor`: drift with the right features named, and what came of earlier lists."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from project import Project, copy_project, make_project, once_per_run

from pipeline.market import simulate

UNTIL = "2025-07-01"  # what the model knows; lists from here on are no replay
RIPE = "2025-07-14"
UNRIPE = "2025-11-17"
AS_OF = "2026-01-01"
TABLES = ("orders", "touches", "complaints", "accounts", "reps")


def report(project: Project, as_of: str = AS_OF, revision: int = 1) -> dict[str, Any]:
    place = project.folder / "out" / "monitor" / f"as_of={as_of}" / "model_version=1"
    folder = place / f"revision={revision}"
    assert {path.name for path in folder.iterdir()} == {
        "monitor.json",
        "monitor.html",
        "manifest.json",
    }
    found: dict[str, Any] = json.loads((folder / "monitor.json").read_text())
    return found


def looked(project: Project) -> subprocess.CompletedProcess[str]:
    return project.defection("monitor", "--as-of", AS_OF)


def runs(project: Project) -> list[Any]:
    client = project.client()
    (experiment,) = client.search_experiments(filter_string="name = 'small'")
    return list(client.search_runs([experiment.experiment_id], "tags.kind = 'monitor'"))


def changed(project: Project, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Let the config read a changed copy of a table, complete until the end."""
    config = yaml.safe_load(project.config.read_text())
    source = config["sources"][table]["path"]
    schema = pq.read_schema(source)
    frame = change(pd.read_parquet(source))
    path = project.folder / f"changed_{table}.parquet"
    pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)
    sources = config["sources"] | {table: {"path": str(path), "complete_until": AS_OF}}
    project.change(sources=sources)


@pytest.fixture(scope="session")
def shared_watched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A model of July 2025, two lists of its own since, and half of those listed called."""
    return Project(once_per_run(tmp_path_factory, "watched", build_watched))


@pytest.fixture
def watched(tmp_path: Path, shared_watched: Project) -> Project:
    """A copy of it, to change."""
    return copy_project(shared_watched, tmp_path)


def build_watched(folder: Path) -> None:
    market = folder / "market"
    simulate(market, accounts=400, months=44, seed=11, end=date.fromisoformat(AS_OF))
    project = make_project(folder, market)
    (project.folder / "outcomes.csv").write_text("account_id,as_of,action,date,result,by,cause\n")
    project.change(
        sources={name: {"path": str(market / f"{name}.parquet")} for name in TABLES}
        | {"outcomes": {"path": "outcomes.csv"}},
        snapshots={"first": date(2023, 6, 1), "last": date(2026, 1, 1), "every": "month"},
        features={"windows_days": [30]},
        backtest={"last": 1, "bootstrap_repetitions": 100},
        model={"trees": 20, "threads": 1},
        scoring={"call_capacity": 60, "hold_out": {"share": 0.4, "tier_a": True}},
    )
    project.done("train", "--until", UNTIL)
    project.use_first_version()
    for as_of in (RIPE, UNRIPE):
        project.done("score", "--as-of", as_of)
    rows = []
    for as_of, first in ((RIPE, "2025-07-20"), (UNRIPE, "2025-11-20")):
        listed = scores(project, as_of).query("list_status == 'listed'")["account_id"]
        rows += [f"{each},{as_of},call,{first},reached,R1," for each in sorted(listed)[::2]]
    with (project.folder / "outcomes.csv").open("a") as file:
        file.write("".join(f"{row}\n" for row in rows))
    looked(project)


def scores(project: Project, as_of: str) -> pd.DataFrame:
    folder = project.scores / f"as_of={as_of}" / "model_version=1" / "revision=1"
    return pd.read_parquet(folder / "scores.parquet").query("rank.notna()")


PARTS = ("acted_ripe", "not_acted_ripe")


@pytest.mark.long
def test_without_drift_it_says_so_and_what_came_of_earlier_lists(watched) -> None:
    done = looked(watched)
    assert done.returncode == 0, done.stderr
    found = report(watched)
    drift = found["drift"]
    assert drift["judged"] and drift["alarms"] == [] and drift["false_alarm_rate"] == 0.01
    assert len(drift["features"]) > 70
    assert all(0 <= each["null_share"] <= 1 and each["psi"] >= 0 for each in drift["features"])
    assert "0 alarms" in done.stdout

    # Realised: the label as training has it, of the accounts that nobody acted on.
    (ripe,) = found["realised"]
    assert ripe["as_of"] == RIPE
    listed = scores(watched, RIPE)
    called = set(listed.query("list_status == 'listed'")["account_id"].sort_values()[::2])
    assert ripe["treated"] == len(called)
    rest = listed[~listed["account_id"].isin(called)]
    assert ripe["accounts"] == len(rest)
    assert ripe["mean_risk"] == pytest.approx(rest["risk"].mean(), abs=1e-6)
    silent = ~rest["account_id"].isin(ordered(watched, RIPE, 90))
    assert ripe["base_rate"] == pytest.approx(silent.mean(), abs=1e-6)
    assert ripe["auc"]["low"] < ripe["auc"]["value"] < ripe["auc"]["high"]

    # Early: the orders reach to the last day of December, 14 days of them open to late reports.
    (early,) = found["early"]["publications"]
    assert (early["as_of"], early["days"]) == (UNRIPE, 30)
    listed = scores(watched, UNRIPE)
    called = set(listed.query("list_status == 'listed'")["account_id"].sort_values()[::2])
    rest = listed[~listed["account_id"].isin(called)]
    assert early["observed"] == pytest.approx(
        rest["account_id"].isin(ordered(watched, UNRIPE, 30)).mean(), abs=1e-6
    )
    assert early["low"] < early["expected"] < early["high"]

    # Plays: whoever was named counts once a play; a coin held others out.
    plays = found["plays"]
    assert sum(play["acted"] for play in plays["plays"]) <= 60
    for play in plays["plays"]:
        assert sum(play["results"].values()) == play["acted"]
        assert set(play["results"]) <= ({"reached"} if play["acted"] >= 5 else {"others"})
    ripe_ones = [play[part]["accounts"] for play in plays["plays"] for part in PARTS]
    assert sum(ripe_ones) == (scores(watched, RIPE)["list_status"] == "listed").sum()
    (held,) = plays["coins"]
    assert held["tiers"] == ["A", "B", "C"] and held["apart"]["accounts"] > 0
    assert held["low"] < held["difference"] < held["high"]


def ordered(project: Project, as_of: str, days: int) -> set[str]:
    """Who ordered in so many days from a date, by a plain look into the orders."""
    path = yaml.safe_load(project.config.read_text())["sources"]["orders"]["path"]
    orders = pd.read_parquet(path)
    begin = pd.Timestamp(as_of, tz="UTC")
    end = begin + pd.Timedelta(days=days)
    known = end + pd.Timedelta(days=14)
    there = (orders["occurred_at"] >= begin) & (orders["occurred_at"] < end)
    there &= (orders["amount"] > 0) & (orders["known_at"] < known)
    return set(orders.loc[there, "account_id"])


@pytest.mark.long
def test_the_page_and_the_run_name_no_account_and_act_on_nothing(watched) -> None:
    place = next((watched.folder / "out" / "monitor").glob(f"as_of={AS_OF}/*/revision=1"))
    page, plain = ((place / f"monitor.{kind}").read_text() for kind in ("html", "json"))
    accounts = set(scores(watched, RIPE)["account_id"])
    assert not [account for account in accounts if account in page or account in plain]
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert "default-src &#39;none&#39;" in page and "No alarm" in page
    (run, *_) = runs(watched)
    assert run.data.tags["model_version"] == "1" and run.data.tags["as_of"] == AS_OF
    assert run.data.tags["publication"].startswith(f"as_of={UNRIPE}/")
    assert run.data.metrics["drift/alarms"] == 0
    assert 0.5 < run.data.metrics["realised/auc"] <= 1
    assert not [account for account in accounts if account in str(run.data)]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_asks_nobody_for_anything_and_fits(watched, scheme) -> None:
    pytest.importorskip("selenium", reason="selenium is not installed: make setup")
    from browser import AXE, PHONE, chromium, programs

    found = programs()
    if found is None:
        pytest.skip("no Chromium with its driver: apt-get install chromium-driver")
    page = next((watched.folder / "out" / "monitor").glob(f"as_of={AS_OF}/*/*/monitor.html"))
    with chromium(found) as browser:
        browser.complaints(), browser.asked_for()
        browser.open(page, PHONE, scheme)
        assert browser.texts("h1") == ["Monitor"]
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        assert not AXE.exists() or browser.barriers() == []
        assert browser.complaints() == []
        assert {address.partition(":")[0] for address in browser.asked_for()} <= {"file"}


def test_it_looks_once_and_the_same_again_is_published_already(trained) -> None:
    done = looked(trained)
    assert done.returncode == 0, done.stderr
    assert report(trained)["drift"]["judged"] and "0 alarms" in done.stdout
    (run,) = runs(trained)
    assert run.data.metrics["drift/alarms"] == 0
    again = looked(trained)
    assert again.returncode == 0 and "Already published" in again.stdout
    assert len(runs(trained)) == 1


@pytest.mark.long
def test_a_lost_source_is_an_alarm_that_names_its_features(watched) -> None:
    cut = pd.Timestamp("2025-11-01", tz="UTC")
    changed(watched, "touches", lambda touches: touches[touches["occurred_at"] < cut])
    done = looked(watched)
    again = looked(watched)
    assert done.returncode == again.returncode == 1, done.stdout
    assert "contact_breadth: " in done.stderr and "Look at touches" in done.stderr
    assert "monitor.html" in done.stderr and "train" in done.stderr
    newest = sorted((watched.folder / "out" / "monitor" / f"as_of={AS_OF}").rglob("monitor.json"))
    found = json.loads(newest[-1].read_text())
    features = {each["name"]: each for each in found["drift"]["features"]}
    alarms = found["drift"]["alarms"]
    assert "touches_count_30d" in alarms and "contacts_count_30d" in alarms
    assert all("touches" in features[name]["reads"] for name in alarms)
    assert "Alarm" in newest[-1].with_name("monitor.html").read_text()
    (run, *_) = [run for run in runs(watched) if run.data.tags["alarm"] == "yes"]
    assert run.data.metrics["drift/alarms"] == len(alarms)


@pytest.mark.long
@pytest.mark.trains
@pytest.mark.starts_process  # which simulate
def test_a_doubled_complaint_latency_is_an_alarm_that_names_its_features(tmp_path) -> None:
    """Complaints opened since a year take twice as long to be answered and resolved."""
    market = tmp_path / "market"
    simulate(market, accounts=2000, months=54, seed=1, end=date.fromisoformat(AS_OF))
    project = make_project(tmp_path, market)
    project.change(
        snapshots={"first": date(2022, 8, 1), "last": date(2026, 1, 1), "every": "month"},
        features={"families": ["order_history", "complaint_latency"], "windows_days": [90, 365]},
        backtest={"last": 1},
        model={"trees": 5, "threads": 1},
    )
    trained = project.defection("train", "--until", "2025-01-01")
    assert trained.returncode == 0, trained.stderr
    project.use_first_version()
    undrifted = looked(project)
    assert undrifted.returncode == 0, undrifted.stderr
    changed(project, "complaints", doubled)
    done = looked(project)
    assert done.returncode == 1, done.stdout
    assert "complaint_latency: " in done.stderr and "Look at complaints" in done.stderr
    alarms = report(project, revision=2)["drift"]["alarms"]
    assert {"resolution_days_365d", "first_response_days_365d"} & set(alarms)
    families = {each["name"]: each["family"] for each in report(project)["drift"]["features"]}
    assert {families[name] for name in alarms} == {"complaint_latency"}


def doubled(complaints: pd.DataFrame) -> pd.DataFrame:
    """Every stage of a complaint opened since 2025 twice as long after the opening."""
    later = complaints["opened_at"] >= pd.Timestamp("2025-01-01", tz="UTC")
    end = pd.Timestamp(AS_OF, tz="UTC")
    for stage in ("first_response", "resolved", "reopened"):
        at, known = f"{stage}_at", f"{stage}_known_at"
        reported = complaints[known] - complaints[at]
        stretched = complaints["opened_at"] + 2 * (complaints[at] - complaints["opened_at"])
        happened = stretched.where(later, complaints[at])
        complaints[known] = (happened + reported).where(happened + reported < end)
        complaints[at] = happened.where(complaints[known].notna())
    return complaints


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--as-of", "2026-03-01", "--model", "1"), 65, "orders is complete until 2025-12-3"),
        (("--as-of", "2025-01-01", "--model", "1"), 78, "would use the future"),
        (("--as-of", AS_OF, "--model", "7"), 78, "no version 7"),
        (("--as-of", "today"), 64, "not a date"),
    ],
)
def test_what_it_cannot_look_at_is_said(trained, arguments, code, said) -> None:
    done = trained.defection("monitor", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_a_version_without_a_reference_asks_for_a_training(trained) -> None:
    """As if it had been registered before there were references: neither file nor hash."""
    client = trained.client()
    (file,) = trained.folder.glob("mlflow/**/drift_reference.json")
    file.unlink()
    client.delete_model_version_tag("small", "1", "sha256.drift_reference.json")
    done = looked(trained)
    assert done.returncode == 78
    assert "registered without drift_reference.json" in done.stderr
    assert "defection train" in done.stderr
