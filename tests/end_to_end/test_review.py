"""A story from the first training to a rollback, and what a reviewer sees of it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("selenium", reason="selenium is not installed: make setup")

from browser import AXE, DESK, PHONE, Browser, chromium, programs
from command_line import DEFECTION
from project import Project, make_project

from pipeline.sources.casts import LONGEST_TEXT

pytestmark = [pytest.mark.browser, pytest.mark.trains, pytest.mark.starts_process]

CANARY = "canary"
KEPT = Path(__file__).resolve().parents[2] / "var" / "pictures-of-tests"
BY = ("--by", "R. Reviewer", "--reason")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, market: Path) -> Project:
    """Two versions of different recipes over sources with bad rows; the first is in use again.

    What each command said is kept beside the config, as its name and place in the story.
    """
    project = make_project(tmp_path_factory.mktemp("story"), market)
    project.change(features={})  # all windows, which the gate is open for
    _with_canaries(project, market)
    steps: list[tuple[str, ...]] = [
        ("train",),
        ("promote", "--version", "1", *BY, "the first"),
        ("score", "--as-of", "2025-12-20"),
        ("train",),
        ("review", "--version", "2", "--reveal", "names.html"),
        ("promote", "--version", "2", *BY, "smaller trees", "--override"),
        ("score", "--as-of", "2025-12-21"),
        ("rollback", *BY, "odd lists"),
        ("score", "--as-of", "2025-12-22"),
    ]
    for number, step in enumerate(steps, start=1):
        done = project.defection(*step)
        assert done.returncode == 0, (step, done.stderr)
        (project.folder / f"{number}_{step[0]}.txt").write_text(done.stdout)
        if step[0] == "score" and number == 3:
            # Bands so narrow that some key account changes its own.
            bands = {f"from_{percent:02}": percent / 100 for percent in range(0, 100, 3)}
            project.change(model={"trees": 40, "leaves": 5}, scoring={"bands": bands})
    return project


def _with_canaries(project: Project, market: Path) -> None:
    """Every account has a name that betrays itself, and some order lines cannot be read."""
    accounts = pd.read_parquet(market / "accounts.parquet")
    accounts["name"] = [f"{CANARY} person {row}" for row in range(len(accounts))]
    accounts.to_parquet(project.folder / "accounts.parquet")
    orders = pd.read_parquet(market / "orders.parquet")
    orders.loc[orders.index[:3], "product_id"] = f"{CANARY} product " + "x" * LONGEST_TEXT
    orders.to_csv(project.folder / "orders.csv", index=False)
    elsewhere = ("touches", "complaints", "reps")
    project.change(
        sources={
            **{name: {"path": str(market / f"{name}.parquet")} for name in elsewhere},
            "accounts": {"path": "accounts.parquet"},
            "orders": {"path": "orders.csv"},
        }
    )


def said(story: Project, step: str) -> str:
    return (story.folder / f"{step}.txt").read_text()


def query(story: Project, text: str) -> list[tuple]:
    with sqlite3.connect(story.folder / "mlflow" / "mlflow.db") as database:
        return database.execute(text).fetchall()


def page_of(story: Project, version: int) -> Path:
    """review.html of the run of a version."""
    ((run,),) = query(story, f"SELECT run_id FROM model_versions WHERE version = {version}")
    return story.folder / "mlflow" / "artifacts" / run / "artifacts" / "review.html"


def test_the_history_tells_the_story(story: Project) -> None:
    told = re.sub(r"\d{4}-\S+", "<when>", story.defection("history").stdout)
    lines = [line for line in told.splitlines() if "set aside: " not in line]
    assert [line.replace(", over objections", "") for line in lines] == HISTORY.splitlines()
    exported = json.loads((story.folder / "mlflow" / "promotion_history-small.json").read_text())
    assert [(p["version"], p["previous"], p["rollback"], p["by"]) for p in exported] == [
        (1, None, False, "R. Reviewer"),
        (2, 1, False, "R. Reviewer"),
        (1, 2, True, "R. Reviewer"),
    ]


HISTORY = """\
  1  <when>  version 1  R. Reviewer: the first
  2  <when>  version 2 after 1  R. Reviewer: smaller trees
  3  <when>  version 1 after 2, rolled back  R. Reviewer: odd lists
"""


def test_each_publication_names_the_version_that_made_it(story: Project) -> None:
    versions = {
        path.parts[-4]: json.loads(path.read_text())["model"]["version"]
        for path in story.scores.rglob("manifest.json")
    }
    assert versions == {"as_of=2025-12-20": 1, "as_of=2025-12-21": 2, "as_of=2025-12-22": 1}


def test_the_challenger_is_compared_on_the_rows_of_the_champion(story: Project) -> None:
    for step in ("4_train", "5_review"):  # the training compared it by itself
        (line,) = [x for x in said(story, step).splitlines() if x.startswith("Beside the champion")]
        assert re.search(r"version 1, on the same rows: AUC 0\.8\d+ and 0\.8\d+, a gain of", line)
    assert said(story, "4_train").splitlines()[-1] == said(story, "5_review").splitlines()[-2]
    text = page_of(story, 2).read_text()
    assert "Champion, version 1" in text
    for other in ("model.leaves", "model.trees"):
        assert f'<th scope="row">{other}</th>' in text
    # Trained and reviewed on the same files, so the figures are those of the training.
    assert re.search(r"mean AUC (0\.\d+) here, \1 when it was trained<", text)
    assert "the files are the same by SHA-256" in text


def test_a_run_reads_like_a_review(story: Project) -> None:
    runs = query(story, "SELECT run_uuid, name FROM runs WHERE name LIKE 'small inactivity%'")
    assert {name for _, name in runs} == {"small inactivity 90d, data until 2025-12-31"}
    run = runs[0][0]
    tags = dict(query(story, f"SELECT key, value FROM tags WHERE run_uuid = '{run}'"))
    for tag in ("config_sha256", "data_sha256", "lock_sha256", "label", "horizon_days", "leakage"):
        assert tags[tag], tag
    assert "| test snapshot | accounts |" in tags["mlflow.note.content"]
    under = query(
        story,
        "SELECT r.name FROM runs r JOIN tags t USING (run_uuid) "
        f"WHERE t.key = 'mlflow.parentRunId' AND t.value = '{run}'",
    )
    assert len(under) == 8 and ("test snapshot 2025-09-01",) in under
    artifacts = page_of(story, 1).parent
    drawn = {path.stem for path in (artifacts / "plots").glob("*.png")}
    assert drawn >= {
        *("roc", "precision_recall", "calibration", "gain", "risk_by_tier"),
        *("family_importance", "dependence", "backtest"),
    }
    for name in ("feature_catalogue.md", "label_audit.md", "leakage_report.md", "model_card.md"):
        assert (artifacts / name).exists(), name


def test_a_version_says_what_a_review_found(story: Project) -> None:
    tags = dict(query(story, "SELECT key, value FROM model_version_tags WHERE version = 2"))
    assert tags["review_state"] == "approved"
    assert tags["compared_with"] == "1"
    assert tags["approved_by"] == "R. Reviewer"
    ((card,),) = query(story, "SELECT description FROM model_versions WHERE version = 2")
    assert card.startswith("# Model card: small")


def test_fault_45_nothing_of_a_person_and_no_row_is_in_what_mlflow_stores(story: Project) -> None:
    orders = pd.read_csv(story.folder / "orders.csv", dtype=str)
    touches = pd.read_parquet(_market(story) / "touches.parquet")
    ids = {
        *orders["account_id"],
        *orders["order_id"].sample(50, random_state=1),
        *touches["contact_id"].unique(),
    }
    assert CANARY in story.defection("validate").stdout  # it is there to be told
    kept = [path for path in (story.folder / "mlflow").rglob("*") if path.is_file()]
    assert len(kept) > 50
    for path in kept:
        content = path.read_bytes()
        assert CANARY.encode() not in content.lower(), path
        words = {*re.findall(r"[\w-]+", content.decode("utf-8", "ignore"))}
        assert not words & ids, path


def _market(story: Project) -> Path:
    import yaml

    return Path(yaml.safe_load(story.config.read_text())["sources"]["touches"]["path"]).parent


def test_names_are_in_the_page_for_the_house_only(story: Project) -> None:
    hidden, shown = page_of(story, 2).read_text(), (story.folder / "names.html").read_text()
    secret = (story.folder / "out" / ".pseudonym_key").stat()
    assert secret.st_mode & 0o777 == 0o600
    moved = re.findall(r'<th scope="row"><bdi>(account [0-9a-f]{10})</bdi></th>', hidden)
    assert moved and len(moved) == shown.count(f"{CANARY} person")
    assert CANARY not in hidden


def test_a_challenger_taught_by_shuffled_outcomes_is_blocked(tmp_path: Path, market: Path) -> None:
    project = make_project(tmp_path, market)
    orders = pd.read_parquet(market / "orders.parquet")
    accounts = np.sort(orders["account_id"].unique())
    month = pd.to_datetime(orders["occurred_at"]).dt.strftime("%Y-%m")
    for number, (_, rows) in enumerate(orders.groupby(month).groups.items()):
        # From month to month an account is somebody else: its past says nothing of its future.
        other = dict(
            zip(accounts, np.random.default_rng(number).permutation(accounts), strict=True)
        )
        orders.loc[rows, "account_id"] = orders.loc[rows, "account_id"].map(other)
    orders.to_parquet(tmp_path / "orders.parquet")
    project.change(sources={"orders": {"path": "orders.parquet"}})
    trained = project.defection("train")
    assert trained.returncode == 0, trained.stderr
    assert "Version 1 is blocked:" in trained.stdout
    assert "is no better than chance" in trained.stdout
    asked = ("promote", "--version", "1", *BY, "it is new")
    refused = project.defection(*asked)
    assert refused.returncode == 1
    assert "is no better than chance" in refused.stderr and "--override" in refused.stderr
    assert project.defection("history").stdout == "Nothing has been promoted yet.\n"
    assert project.defection(*asked, "--override").returncode == 0
    assert "set aside: AUC 0." in project.defection("history").stdout

    page_of(project, 1).with_name("config.json").unlink()  # as of a version of an older program
    again = project.defection("train")
    assert again.returncode == 0, again.stderr
    assert "not comparable with the champion, version 1: Run " in again.stdout
    assert "has no config.json: an older version of this program made it" in again.stdout


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    found = programs()
    if found is None:
        pytest.skip("no Chromium with its driver: apt-get install chromium-driver")
    KEPT.mkdir(parents=True, exist_ok=True)
    with chromium(found) as browser:
        yield browser


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_the_page(window, story, version, size, scheme) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core: make setup-browser")
    window.open(page_of(story, version), size, scheme)
    assert window.barriers() == []
    assert window.run("return document.documentElement.scrollWidth") <= size[0]
    assert window.complaints() == []


def test_the_page_can_be_printed(window: Browser, story: Project) -> None:
    window.open(page_of(story, 2))
    assert len(window.pdf()) > 100_000


@pytest.fixture(scope="module")
def ui(story: Project) -> Iterator[str]:
    """The address that `defection ui` says."""
    process = subprocess.Popen(
        [str(DEFECTION), "ui", "--config", str(story.config)],
        cwd=story.folder,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"MLflow UI: (http://127\.0\.0\.1:\d+/\S+) \(Ctrl-C ends it\)\n", line)
        assert found, line
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_the_reviewer_finds_everything_in_the_ui(window: Browser, story: Project, ui: str) -> None:
    base, run = ui.partition("/#/")[0], page_of(story, 2).parts[-3]
    window.resize((1600, 1100))
    shown = _shower(window)

    text = shown(ui, "experiment", "small inactivity 90d")
    assert text.count("small inactivity 90d") >= 2
    text = shown(f"{base}/#/experiments/1/runs/{run}", "run", "Child runs")
    for part in ("test snapshot 2025-09-01", "data_sha256", "review_state", "model.trees"):
        assert part in text, part
    shown(f"{base}/#/experiments/1/runs/{run}/artifacts/plots/roc.png", "plots", "dependence.png")
    artifact = f"{base}/#/experiments/1/runs/{run}/artifacts/review.html"
    shown(artifact, "review", "review.html")
    _until(lambda: "Review of version 2 of small" in _text_in_frame(window))
    window.picture(KEPT / "ui_review.png")
    text = shown(f"{base}/#/models/small/versions/2", "version", "Model card")
    for part in ("What to watch", "Limits", "review_state", "approved"):
        assert part in text, part


def _shower(window: Browser) -> Callable[[str, str, str], str]:
    def show(address: str, name: str, awaited: str) -> str:
        """The text of a page once it says what is awaited; its picture is kept."""
        window.goto("about:blank")  # else only a part of the page is exchanged
        window.goto(address)
        _until(lambda: awaited in window.one("body").text)
        window.picture(KEPT / f"ui_{name}.png")
        return window.one("body").text

    return show


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "the page does not show what is awaited"
        time.sleep(0.3)


def _text_in_frame(window: Browser) -> str:
    for frame in window.all("iframe"):
        with window.inside(frame):
            return window.one("body").text
    return ""


def test_the_pictures_are_kept(window: Browser, story: Project) -> None:
    window.open(page_of(story, 2))
    window.picture(KEPT / "review.png")
    shutil.copy(page_of(story, 2), KEPT / "review.html")
    assert (KEPT / "review.png").stat().st_size > 10_000
