"""Versions of a real model in a real SQLite store: served, checked, promoted, remembered."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from taught import drawn_dataset, fitted

from models.calibration import LogitCalibrator
from models.risk_model import RiskModel, load
from models.season import Season
from models.settings import ModelSettings
from pipeline.errors import (
    CheckFailed,
    ConfigError,
    DataError,
    MissingInput,
    TryAgain,
    UsageError,
)
from pipeline.locks import exclusive
from pipeline.tracking.promotions import Promotion
from pipeline.tracking.registry import Registry
from pipeline.tracking.runs import Tracking

NAMES = ("days_since_last_order", "orders_count_90d", "complaints_open")
NAME = "defection-risk"


@pytest.fixture(autouse=True)
def no_named_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def small_model() -> RiskModel:
    """A model of 400 drawn accounts whose risk rises with silence and falls with orders."""
    random = np.random.default_rng(7)
    features = random.normal(size=(400, 3))
    features[random.random((400, 3)) < 0.1] = np.nan
    hidden = np.nan_to_num(features) @ [2.0, -1.0, 0.5] + random.normal(size=400)
    data = drawn_dataset(
        features=features,
        names=NAMES,
        label=(hidden > 0.5).astype(np.int8),
        account=np.array([f"a{i:03}" for i in range(400)]),
        as_of=np.full(400, "2011-07-01", "datetime64[D]"),
        label_complete=np.full(400, "2011-10-01", "datetime64[D]"),
    )
    settings = ModelSettings(
        trees=20,
        leaves=7,
        learning_rate=0.1,
        min_leaf_rows=10,
        feature_share=1.0,
        row_share=1.0,
        l2=0.0,
        seed=7,
        threads=1,
        minimum_snapshots=1,
        learn_from_treated=True,
    )
    text = fitted(data, settings)
    calibrator = LogitCalibrator(0.8, -0.3, "slope and intercept", Season({"2011-07-01": 0.6}, 0.5))
    return RiskModel((text,), (0.4,), calibrator, NAMES, 6, date(2011, 10, 1))


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    small_model().save(folder)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking") / "mlflow"


@pytest.fixture(scope="module")
def tracking(store: Path, model_folder: Path) -> Tracking:
    """A store with version 1 of `defection-risk`; other tests register under names of their own."""
    tracking = Tracking(store, "defection", NAME)
    assert register(tracking, model_folder) == 1
    return tracking


def register(tracking: Tracking, folder: Path, **metrics: float) -> int:
    with tracking.run("train") as run:
        run.metrics({"auc": 0.78, **metrics})
        return run.register(folder, NAMES, "# Card\nDrawn data.", {"label_end": "2011-10-01"})


def home_of(tracking: Tracking, name: str) -> Path:
    """Where the files of version 1 of a model are."""
    client = tracking._store.client()
    return Path(client.get_model_version_download_uri(name, "1").removeprefix("file://"))


def use(registry: Registry, version: int | str, by: str, reason: str) -> Promotion:
    """Promote a version that was compared with the champion of now."""
    try:
        champion = registry.resolve("champion").version
    except ConfigError:
        champion = None
    registry.judge(registry.resolve(version).version, (), champion)
    return registry.promote(version, by, reason)


def model_of(tracking: Tracking, name: str, folder: Path, versions: int) -> Registry:
    """Another registered model of the same store, with that many versions."""
    other = Tracking(tracking._store.folder, "defection", name)
    for _ in range(versions):
        register(other, folder)
    return other.registry


def test_a_registered_version_is_a_challenger_with_its_hashes(
    tracking: Tracking, model_folder: Path
) -> None:
    found = tracking.registry.resolve("challenger")
    assert found == tracking.registry.resolve(1) == tracking.registry.resolve("1")
    assert found.version == 1
    assert found.aliases == ("challenger",)
    assert found.description.startswith("# Card")
    assert found.tags["label_end"] == "2011-10-01"
    assert found.sha256 == {
        name: hashlib.sha256((model_folder / name).read_bytes()).hexdigest()
        for name in ("booster_1.txt", "model.json")
    }
    run = tracking._store.client().get_run(found.run_id)
    assert run.info.status == "FINISHED"
    assert len(run.outputs.model_outputs) == 1


def test_registering_takes_less_than_two_seconds(tracking: Tracking, model_folder: Path) -> None:
    with Tracking(tracking._store.folder, "defection", "quick").run("quick") as run:
        started = time.process_time()
        run.register(model_folder, NAMES, "")
        assert time.process_time() - started < 2


def test_the_downloaded_files_are_the_trained_model(
    tracking: Tracking, model_folder: Path, tmp_path: Path
) -> None:
    folder = tracking.registry.download(1, tmp_path / "files")
    assert sorted(p.name for p in folder.iterdir()) == ["booster_1.txt", "model.json"]
    features = np.random.default_rng(1).normal(size=(50, 3))
    expected = small_model().risk(features, NAMES)
    assert np.array_equal(load(folder).risk(features, NAMES), expected)


SERVE = """
import json, sys
import mlflow.pyfunc, pandas as pd
served = mlflow.pyfunc.load_model(sys.argv[1])
rows = pd.DataFrame(json.loads(sys.argv[2]))
answer = served.predict(rows)
import models
assert models.__file__.startswith(sys.argv[1]), models.__file__
assert "pipeline" not in sys.modules
print(json.dumps(answer["risk"].tolist()))
"""


@pytest.mark.starts_process
def test_another_process_elsewhere_serves_calibrated_probabilities(
    tracking: Tracking, tmp_path: Path
) -> None:
    # Columns in another order, one more than needed, a null.
    rows = {
        "orders_count_90d": [3.0, 0.0, 12.0],
        "as_of": ["2012-07-01"] * 3,
        "owner": ["x", "y", "z"],
        "complaints_open": [0.0, 2.0, None],
        "days_since_last_order": [-1.5, 80.0, 0.25],
    }
    answer = subprocess.run(
        [sys.executable, "-c", SERVE, str(home_of(tracking, NAME)), json.dumps(rows)],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        check=True,
        capture_output=True,
        text=True,
    )
    matrix = np.array([rows[name] for name in NAMES], dtype=float).T
    expected = small_model().risk(matrix, NAMES, date(2012, 7, 1))
    assert json.loads(answer.stdout) == expected.tolist()
    assert expected.tolist() != small_model().risk(matrix, NAMES).tolist()  # the season counts


def test_the_served_model_refuses_a_table_without_one_of_its_features(tracking: Tracking) -> None:
    import mlflow.pyfunc

    served = mlflow.pyfunc.load_model(str(home_of(tracking, NAME)))
    with pytest.raises(Exception, match="complaints_open"):
        served.predict(pd.DataFrame({"days_since_last_order": [1.0], "orders_count_90d": [1.0]}))


def test_the_stored_model_is_text_and_says_what_it_needs(
    tracking: Tracking, model_folder: Path
) -> None:
    from importlib.metadata import version

    # One of its own: Python puts compiled code beside the code of a model that has been served.
    model_of(tracking, "unserved", model_folder, versions=1)
    home = home_of(tracking, "unserved")
    files = {p.relative_to(home).as_posix(): p for p in home.rglob("*") if p.is_file()}
    assert {"model.py", "artifacts/native/booster_1.txt", "code/models/risk_model.py"} <= set(files)
    for name, path in files.items():
        path.read_text(encoding="utf-8")
        assert not name.endswith((".pkl", ".pickle", ".pyc"))
    needs = files["requirements.txt"].read_text().split()
    packages = ["lightgbm", "mlflow", "numpy", "pandas", "scikit-learn"]
    assert needs == [f"{package}=={version(package)}" for package in packages]
    card = files["MLmodel"].read_text()
    assert "/tmp/defection-" not in card  # the folder that it was put together in
    assert "serving/model.py" not in card  # the folder that we are installed in
    assert "saved_input_example_info" not in card
    import mlflow.models

    signature = mlflow.models.Model.load(str(home)).signature
    *features, as_of = signature.inputs.inputs
    assert (as_of.name, as_of.type.name, as_of.required) == ("as_of", "string", False)
    assert [(c.name, c.type.name, c.required) for c in features] == [
        (name, "double", False) for name in NAMES
    ]
    assert [(c.name, c.type.name) for c in signature.outputs.inputs] == [("risk", "double")]


def test_fault_26_damaged_and_lost_files_are_refused_before_they_are_parsed(
    tracking: Tracking, model_folder: Path, tmp_path: Path
) -> None:
    registry = model_of(tracking, "damaged", model_folder, versions=1)
    home = home_of(tracking, "damaged")
    booster = home / "artifacts" / "native" / "booster_1.txt"
    booster.write_text(booster.read_text()[:-100])
    with pytest.raises(DataError, match=r"booster_1\.txt changed") as refused:
        registry.download(1, tmp_path)
    assert refused.value.exit_code == 65
    assert "model.json" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []

    shutil.rmtree(booster.parent)
    with pytest.raises(MissingInput, match="cannot be fetched from file:///") as gone:
        registry.download(1, tmp_path)
    assert gone.value.exit_code == 66


class RunsOnLoading:
    """What a pickle can do: whoever loads it makes a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


def test_fault_27_a_pickled_model_of_another_program_is_not_loaded(
    tracking: Tracking, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    made = tmp_path / "made by the pickle"
    (model / "model.pkl").write_bytes(pickle.dumps(RunsOnLoading(made)))
    (model / "MLmodel").write_text(
        "flavors:\n  sklearn: {pickled_model: model.pkl, serialization_format: pickle}\n"
        "  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}\n"
    )
    client = tracking._store.client()
    client.create_registered_model("foreign")
    client.create_model_version("foreign", source=model.as_uri())
    client.set_registered_model_alias("foreign", "champion", "1")
    registry = Tracking(tracking._store.folder, "defection", "foreign").registry
    with pytest.raises(ConfigError, match=r"does not load it\. Retrain") as refused:
        registry.download(registry.resolve("champion"), tmp_path / "files")
    assert refused.value.exit_code == 78
    assert not made.exists()
    pickle.loads((model / "model.pkl").read_bytes())
    assert made.exists()  # it was armed


def test_without_any_training_there_is_nothing_and_nothing_is_made(tmp_path: Path) -> None:
    registry = Tracking(tmp_path / "new", "defection", NAME).registry
    for use in (
        lambda: registry.resolve("champion"),
        lambda: registry.promote(1, "A. Analyst", "first"),
        lambda: registry.download(1, tmp_path / "files"),
        registry.history,
    ):
        with pytest.raises(ConfigError, match="Train one first: defection train") as refused:
            use()
        assert refused.value.exit_code == 78
    assert list(tmp_path.iterdir()) == []


def test_another_model_of_the_store_is_not_ours(tracking: Tracking) -> None:
    registry = Tracking(tracking._store.folder, "defection", "unheard-of").registry
    with pytest.raises(ConfigError, match="No model unheard-of is registered"):
        registry.resolve("champion")


@pytest.mark.parametrize(
    "asked", ["champion", "chalenger", "99", 99, 0, -1, float("nan"), "", "1e0"]
)
def test_fault_28_an_unknown_version_or_alias_is_refused_with_those_that_exist(
    tracking: Tracking, asked: Any
) -> None:
    with pytest.raises(ConfigError, match=r"Aliases: challenger \(version \d+\)") as refused:
        tracking.registry.resolve(asked)
    told = str(refused.value)
    assert "defection promote --version N --by NAME --reason TEXT" in told
    assert refused.value.exit_code == 78


def test_promotions_move_the_champion_and_are_remembered(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "promoted", model_folder, versions=2)
    assert registry.history() == []
    first = use(registry, "challenger", "A. Analyst", "beats recency")
    second = use(registry, 1, "B. Boss", "2 was trained on half of the data: „vorerst“")
    assert (first.number, first.version, first.previous) == (1, 2, None)
    assert (second.number, second.version, second.previous) == (2, 1, 2)
    assert registry.resolve("champion").version == 1
    assert registry.resolve(2).aliases == ()  # it was promoted: no challenger any more
    assert registry.history() == [first, second]
    assert json.loads(registry.history_file.read_text())[1]["by"] == "B. Boss"
    assert len(registry._store.file.copies()) == 3  # of two promotions, before and after each
    assert registry.resolve(1).tags["review_state"] == "approved"
    assert asdict(first)["by"] == "A. Analyst" and asdict(second)["reason"].startswith("2 was")
    age = datetime.now(UTC) - datetime.fromisoformat(first.at)
    assert 0 <= age.total_seconds() < 120

    with pytest.raises(ConfigError, match="Version 1 of promoted is the champion already"):
        registry.promote("champion", "A. Analyst", "again")
    assert registry.history() == [first, second]


def test_a_rollback_goes_to_the_champion_before_and_once_more_further_back(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "rolled", model_folder, versions=3)
    for version in (1, 2, 3):
        use(registry, version, "A. Analyst", f"{version} is better")
    for expected, before in ((2, 3), (1, 2)):
        back = registry.rollback("B. Boss", "odd lists")
        assert (back.version, back.previous, back.rollback) == (expected, before, True)
        assert registry.resolve("champion").version == expected
    with pytest.raises(ConfigError, match="Version 1 of rolled has no champion before it"):
        registry.rollback("B. Boss", "further")
    use(registry, 3, "A. Analyst", "mended")
    assert registry.rollback("B. Boss", "not mended").version == 1
    assert [(p.version, p.rollback) for p in registry.history()] == [
        (1, False), (2, False), (3, False), (2, True), (1, True), (3, False), (1, True),
    ]  # fmt: skip
    # 1, then 2, then 1 again: back to 2, to 1, and to nothing more.
    use(registry, 2, "A. Analyst", "better")
    use(registry, 1, "A. Analyst", "not better")
    assert [registry.rollback("B. Boss", "odd").version for _ in range(2)] == [2, 1]
    with pytest.raises(ConfigError, match="no champion before it"):
        registry.rollback("B. Boss", "further")


def dying(registry: Registry, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next promotion end as a killed job does, once it has done one of its steps."""
    own = getattr(registry, after)

    def step(*arguments: Any) -> None:
        own(*arguments)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, after, step)


def test_a_promotion_recorded_by_a_job_that_died_before_it_moved_took_no_effect(
    tracking: Tracking, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = model_of(tracking, "died", model_folder, versions=2)
    use(registry, 1, "A. Analyst", "first")
    dying(registry, "_record", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        use(registry, 2, "A. Analyst", "better")
    assert registry.resolve("champion").version == 1
    assert [(p.version, p.took_effect) for p in registry.history()] == [(1, True), (2, False)]
    use(registry, 2, "A. Analyst", "better")
    took = [(p.version, p.took_effect) for p in registry.history()]
    assert took == [(1, True), (2, False), (2, True)]
    assert registry.rollback("A. Analyst", "odd").version == 1


@pytest.mark.parametrize("after", ["_exported", "_tag"])
def test_a_promotion_that_died_half_way_is_finished_by_the_same_command(
    tracking: Tracking, model_folder: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    registry = model_of(tracking, f"half{after}", model_folder, versions=2)
    use(registry, 1, "A. Analyst", "first")
    registry.judge(2, (), 1)
    for act, version, last_step in (
        (lambda: registry.promote("challenger", "A. Analyst", "better"), 2, after),
        (lambda: registry.rollback("A. Analyst", "odd"), 1, "_exported"),
    ):
        dying(registry, last_step, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            act()
        done = act()
        assert done.version == version == registry.resolve("champion").version
        history = registry.history()
        assert history[-1] == done and all(past.took_effect for past in history)
        assert [p["version"] for p in json.loads(registry.history_file.read_text())] == [
            past.version for past in history
        ]
        assert "challenger" not in registry.resolve(2).aliases
    with pytest.raises(ConfigError, match="no champion before it"):
        registry.rollback("A. Analyst", "further")


def test_where_the_champion_was_deleted_another_version_needs_no_comparison_with_it(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "gone", model_folder, versions=2)
    for version in (1, 2):
        use(registry, version, "A. Analyst", f"{version} is better")
    registry.judge(1, [], compared_with=None)
    with pytest.raises(CheckFailed, match=r"with the champion, version 2.*\nReview it and promote"):
        registry.promote(1, "B. Boss", "not better")
    tracking._store.client().delete_model_version("gone", "2")
    assert registry.promote(1, "B. Boss", "2 is gone").previous == 2


def test_a_rollback_needs_a_champion_a_name_and_a_reason(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "unused", model_folder, versions=1)
    with pytest.raises(ConfigError, match="champion"):
        registry.rollback("B. Boss", "nothing is in use")
    with pytest.raises(UsageError, match="who and why"):
        registry.rollback("", "x")


@pytest.mark.parametrize(
    ("by", "reason"), [("", "x"), ("x", "  "), ("x\ny", "x"), ("x", "y" * 2001)]
)
def test_a_promotion_needs_a_name_and_a_reason(tracking: Tracking, by: str, reason: str) -> None:
    with pytest.raises(UsageError, match="who and why") as refused:
        tracking.registry.promote(1, by, reason)
    assert refused.value.exit_code == 64
    assert tracking.registry.history() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_fault_31_a_version_with_a_measure_that_is_not_a_number_stays_out(
    tracking: Tracking, model_folder: Path, value: float
) -> None:
    other = Tracking(tracking._store.folder, "defection", f"measure-{value}")
    version = register(other, model_folder, lift=value)
    other.registry.judge(version, (), None)
    with pytest.raises(CheckFailed, match=r"- lift is not a number\n"):
        other.registry.promote(version, "A. Analyst", "looks fine")
    assert other.registry.history() == []


def test_a_version_that_nobody_has_looked_at_stays_out(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "unseen", model_folder, versions=2)
    with pytest.raises(CheckFailed, match="no review has looked at it: defection review --versi"):
        registry.promote(1, "A. Analyst", "surely fine")
    use(registry, 1, "A. Analyst", "the first")
    registry.judge(2, (), None)  # by a review before version 1 was in use
    with pytest.raises(CheckFailed, match="was not compared with the champion, version 1: defect"):
        registry.promote(2, "A. Analyst", "newer")
    registry.judge(2, (), 1)
    assert registry.promote(2, "A. Analyst", "newer").overridden == ()


def test_a_blocked_version_is_used_only_over_an_objection_that_stays_on_record(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "blocked", model_folder, versions=1)
    objections = ("AUC is .02 below recency", "calibration error .20, at most .04")
    registry.judge(1, objections, None)
    assert registry.resolve(1).tags["review_state"] == "blocked"
    with pytest.raises(CheckFailed) as refused:
        registry.promote(1, "A. Analyst", "we need one")
    assert refused.value.exit_code == 1
    for said in (*objections, "--override"):
        assert said in str(refused.value)
    assert registry.history() == []
    registry.promote(1, "A. Analyst", "we need one", override=True)
    assert registry.history()[0].overridden == objections
    assert json.loads(registry.history_file.read_text())[0]["overridden"] == list(objections)
    registry.judge(1, objections, None)  # somebody looks once more at what is in use
    assert registry.resolve(1).tags["review_state"] == "approved"


def test_a_promotion_waits_for_no_holder_for_ever(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.tracking.registry._LOCK_SECONDS", 0)
    lock = tracking._store.folder / ".promotion.lock"
    with (
        exclusive(lock, "promoting a model"),
        pytest.raises(TryAgain, match=re.escape(f"process {os.getpid()}")),
    ):
        tracking.registry.promote(1, "A. Analyst", "first")


def promote(folder: Path, name: str, version: int, override: bool, start: Any) -> None:
    registry = Tracking(folder, "defection", name).registry
    start.wait()
    try:
        registry.promote(version, f"analyst {version}", "at once", override=override)
    except CheckFailed as refused:
        sys.exit(refused.exit_code)


def promoted_at_once(registry: Registry, name: str, override: bool) -> list[int | None]:
    """The exit codes of three promotions that begin together."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    folder = registry._store.folder
    jobs = [
        context.Process(target=promote, args=(folder, name, version, override, start))
        for version in (1, 2, 3)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    return [job.exitcode for job in jobs]


def test_promotions_at_once_leave_one_consistent_history(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "contested", model_folder, versions=3)
    assert promoted_at_once(registry, "contested", override=True) == [0, 0, 0]
    history = registry.history()
    assert [p.number for p in history] == [1, 2, 3]
    assert sorted(p.version for p in history) == [1, 2, 3]
    assert [p.previous for p in history] == [None, *(p.version for p in history[:2])]
    assert registry.resolve("champion").version == history[-1].version
    assert len(json.loads(registry.history_file.read_text())) == 3


def test_of_promotions_at_once_one_wins_for_the_others_were_not_compared_with_it(
    tracking: Tracking, model_folder: Path
) -> None:
    registry = model_of(tracking, "raced", model_folder, versions=3)
    for version in (1, 2, 3):
        registry.judge(version, (), None)
    assert sorted(map(str, promoted_at_once(registry, "raced", override=False))) == ["0", "1", "1"]
    (only,) = registry.history()
    assert registry.resolve("champion").version == only.version
