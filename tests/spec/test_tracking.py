"""Runs in a real SQLite store: what is kept, how a run ends, and what never enters MLflow."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import CannotWrite, ConfigError, ServiceUnavailable
from pipeline.locks import exclusive
from pipeline.redaction import without_credentials
from pipeline.tracking.open_runs import closing
from pipeline.tracking.runs import Run, Tracking
from pipeline.tracking.store_file import StoreFile

CANARY = "canary-person"


@pytest.fixture(autouse=True)
def no_named_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a folder") / "mlflow"


@pytest.fixture(scope="module")
def tracking(folder: Path) -> Tracking:
    return Tracking(folder, "defection", "defection-risk")


def stored(tracking: Tracking, run_id: str) -> Any:
    """The run as MLflow holds it."""
    return tracking._store.client().get_run(run_id)


@pytest.mark.starts_process
def test_importing_and_opening_neither_imports_mlflow_nor_writes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.tracking.runs import Tracking;"
        "import pipeline.tracking.ui;"
        "Tracking(Path(sys.argv[1]), 'defection', 'defection-risk');"
        "assert not {'mlflow', 'matplotlib', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "new")], check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_keeps_what_it_was_given(tracking: Tracking) -> None:
    with tracking.run("orders, 90 days", {"label": "inactivity"}, "# Headline") as run:
        run.params({"model.trees": 300, "features.windows_days": [30, 90], "engine.spill": None})
        run.metrics({"2011-07-01/auc": 0.78, "tier_a/auc": None})
        run.metrics({"loss": 0.5}, step=1)
        run.metrics({"loss": 0.4}, step=2)
        run.tags({"data": "drawn"})
    kept = stored(tracking, run.id)
    assert kept.info.status == "FINISHED"
    assert kept.info.run_name == "orders, 90 days"
    assert kept.data.params == {
        "model.trees": "300",
        "features.windows_days": "[30, 90]",
        "engine.spill": "None",
    }
    assert kept.data.metrics == {"2011-07-01/auc": 0.78, "loss": 0.4}
    assert kept.data.tags["label"] == "inactivity"
    assert kept.data.tags["data"] == "drawn"
    assert kept.data.tags["mlflow.note.content"] == "# Headline"


def test_more_values_than_fit_into_one_request(tracking: Tracking) -> None:
    with tracking.run("many") as run:
        run.params({f"p{i}": i for i in range(250)})
        run.metrics({f"m{i}": float(i) for i in range(1050)})
    kept = stored(tracking, run.id).data
    assert len(kept.params) == 250
    assert len(kept.metrics) == 1050


def test_a_measure_that_is_not_a_number_is_kept_and_named(tracking: Tracking) -> None:
    with tracking.run("broken") as run:
        run.metrics({"auc": float("nan")}, step=1)
        run.metrics({"auc": 0.7, "lift": float("inf")}, step=2)
    assert stored(tracking, run.id).data.tags["metrics_not_finite"] == "auc, lift"


def test_files_of_a_run(tracking: Tracking, folder: Path, tmp_path: Path) -> None:
    local = tmp_path / "catalogue.md"
    local.write_text("`days_silent`")
    with tracking.run("files") as run:
        run.text("config.yaml", "name: demo\n")
        run.json(
            "measures/all.json",
            {"b": float("nan"), "a": np.arange(2), "day": date(2011, 7, 1), "n": np.float64(0.5)},
        )
        run.plots({"roc": b"\x89PNG"})
        run.file(local, "features")
    home = folder / "artifacts" / run.id / "artifacts"
    assert (home / "config.yaml").read_text() == "name: demo\n"
    measures = (home / "measures" / "all.json").read_text()
    assert json.loads(measures) == {"a": [0, 1], "b": None, "day": "2011-07-01", "n": 0.5}
    assert measures.index('"a"') < measures.index('"b"') < measures.index('"day"')
    assert (home / "plots" / "roc.png").read_bytes() == b"\x89PNG"
    assert (home / "features" / "catalogue.md").read_text() == "`days_silent`"


@pytest.mark.parametrize("path", ["../escaped.txt", "/etc/escaped", "a/../../b", "..\\b"])
def test_fault_42_an_artifact_cannot_leave_its_run(
    tracking: Tracking, folder: Path, path: str
) -> None:
    tracking.connect()
    run = Run(tracking._store, "defection-risk", "1", "0" * 32)
    before = sorted(folder.rglob("*"))
    with pytest.raises(ValueError, match="lies inside its run"):
        run.text(path, "")
    assert sorted(folder.rglob("*")) == before


def test_a_data_set_is_known_by_its_whole_digest(tracking: Tracking) -> None:
    first = "a" * 36 + "b" * 28
    with tracking.run("data") as run:
        run.dataset("orders", "postgresql://reader:hunter2@db/sales", first, 150_001)
        run.dataset("orders", "orders.parquet", "c" * 64, 10, context="scoring")
    inputs = {i.dataset.digest: i for i in stored(tracking, run.id).inputs.dataset_inputs}
    assert set(inputs) == {"a" * 36, "c" * 36}
    whole = inputs["a" * 36]
    assert json.loads(whole.dataset.profile) == {"num_rows": 150_001, "sha256": first}
    assert {tag.key: tag.value for tag in whole.tags} == {
        "mlflow.data.context": "training",
        "sha256": first,
    }
    assert whole.dataset.source == '{"uri": "postgresql://db/sales"}'


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ZeroDivisionError, "FAILED"),
        (ConfigError, "FAILED"),
        (KeyboardInterrupt, "KILLED"),
        (SystemExit, "KILLED"),
    ],
)
def test_how_a_run_ends_that_does_not_finish(
    tracking: Tracking, failure: type[BaseException], status: str
) -> None:
    with pytest.raises(failure), tracking.run("ends early") as run:
        raise failure
    assert stored(tracking, run.id).info.status == status


def test_fault_33_a_terminated_job_marks_its_run_killed(tracking: Tracking) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with pytest.raises(SystemExit) as ended, tracking.run("terminated") as run:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 5)  # the handler runs at the latest here
    assert ended.value.code == 143
    assert stored(tracking, run.id).info.status == "KILLED"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def by_name(tracking: Tracking) -> dict[str, str]:
    """How each run of the store ended."""
    client = tracking._store.client()
    found = client.search_runs([client.get_experiment_by_name("defection").experiment_id])
    return {run.info.run_name: run.info.status for run in found}


class Breaks:
    """A value of a parameter that breaks off the logging of a run when it is written as text."""

    def __init__(self, failure: type[BaseException]) -> None:
        self.failure = failure

    def __str__(self) -> str:
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "status"), [(ZeroDivisionError, "FAILED"), (SystemExit, "KILLED")]
)
def test_a_run_under_another_ends_with_it(
    tracking: Tracking, failure: type[BaseException], status: str
) -> None:
    with pytest.raises(failure), tracking.run(f"above, {status}") as run:
        run.child(f"under, {status}", {"split": Breaks(failure)}, {})
    ends = {name: how for name, how in by_name(tracking).items() if name.endswith(status)}
    assert ends == {f"above, {status}": status, f"under, {status}": status}


def test_fault_33_a_run_that_was_just_made_is_closed(
    tracking: Tracking, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tracking._store.client()
    create = client.create_run

    def create_and_end(*given: Any, **named: Any) -> None:
        create(*given, **named)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 5)

    monkeypatch.setattr(client, "create_run", create_and_end)
    with pytest.raises(SystemExit), tracking.run("just made"):
        pytest.fail("it goes on")
    assert by_name(tracking)["just made"] == "KILLED"
    assert [*(folder / ".open_runs").iterdir()] == []


def test_a_file_that_was_taken_for_an_abandoned_one_is_made_anew(
    tracking: Tracking, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another job may find it between its making and its locking."""
    first, second = uuid.uuid4(), uuid.uuid4()
    names = iter((first, second))
    place = folder / ".open_runs" / first.hex
    found, over = threading.Event(), threading.Event()

    def another_job() -> None:
        with exclusive(place, "closing a run that was killed"):
            found.set()
            over.wait(30)
            place.unlink()

    def name() -> uuid.UUID:
        threading.Timer(1, over.set).start()  # it waits for the lock by then
        return next(names)

    thread = threading.Thread(target=another_job)
    thread.start()
    found.wait(30)
    monkeypatch.setattr("pipeline.tracking.open_runs.uuid.uuid4", name)
    experiment = tracking._experiment_id(tracking._store.client())
    with closing(tracking._store.client(), folder, experiment) as opened:
        assert opened == second.hex
        assert (folder / ".open_runs" / second.hex).is_file()
    thread.join()
    assert [*(folder / ".open_runs").iterdir()] == []


KILLED_IN_A_RUN = """
import os, signal, sys
from pathlib import Path
from pipeline.tracking.runs import Tracking
with Tracking(Path(sys.argv[1]), "defection", "defection-risk").run("killed") as run:
    client = run._store.client()
    client.create_logged_model(run._experiment_id, source_run_id=run.id)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.starts_process
def test_the_run_of_a_killed_job_is_closed_by_the_next_and_that_of_a_living_one_is_not(
    tracking: Tracking, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_A_RUN, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    tracking = Tracking(folder, "defection", "defection-risk")
    with tracking.run("living"), tracking.run("next"):
        client = tracking._store.client()
        experiment = client.get_experiment_by_name("defection").experiment_id
        assert by_name(tracking) == {"killed": "KILLED", "living": "RUNNING", "next": "RUNNING"}
        (model,) = client.search_logged_models([experiment])
        assert model.status == "FAILED"
    assert [*(folder / ".open_runs").iterdir()] == []


def test_a_handler_of_the_caller_stays(tracking: Tracking) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with tracking.run("handled") as run:
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]
    assert stored(tracking, run.id).info.status == "FINISHED"


def first_use(folder: Path, start: Any, name: str) -> None:
    start.wait()
    with Tracking(folder, "defection", "defection-risk").run(name) as run:
        run.metrics({"auc": 0.5})


def test_fault_34_two_first_uses_at_once_both_succeed(tracking: Tracking, tmp_path: Path) -> None:
    tracking.connect()  # MLflow is imported once, here, and not by each of the two
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    jobs = [
        context.Process(target=first_use, args=(tmp_path / "new", start, name))
        for name in ("one", "other")
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    assert [job.exitcode for job in jobs] == [0, 0]
    client = Tracking(tmp_path / "new", "defection", "defection-risk")._store.client()
    experiment = client.get_experiment_by_name("defection")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name: run.info.status for run in runs} == {
        "one": "FINISHED",
        "other": "FINISHED",
    }


def test_artifacts_lie_in_the_tracking_folder(tracking: Tracking, folder: Path) -> None:
    with tracking.run("somewhere") as run:
        run.text("config.yaml", "name: demo\n")
    experiment = tracking._store.client().get_experiment_by_name("defection")
    assert experiment.artifact_location == (folder / "artifacts").as_uri()
    assert sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) == [
        "artifacts",
        "mlflow.db",
    ]
    assert not Path("mlruns").exists()


def test_the_environment_is_as_it_was(tracking: Tracking) -> None:
    tracking.connect()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["DO_NOT_TRACK"] == "true"


def test_no_user_of_this_machine_enters(
    tracking: Tracking, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, CANARY)
    with tracking.run("anonymous") as run:
        run.text("config.yaml", "name: demo\n")
    holding = [p for p in folder.rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]
    assert holding == []


def test_a_deleted_experiment_is_named(tracking: Tracking, folder: Path) -> None:
    other = Tracking(folder, "abandoned", "defection-risk")
    with other.run("first"):
        pass
    client = tracking._store.client()
    client.delete_experiment(client.get_experiment_by_name("abandoned").experiment_id)
    with pytest.raises(ConfigError, match="was deleted") as refused, other.run("second"):
        pytest.fail("it runs")
    assert "mlflow experiments restore --experiment-id" in str(refused.value)


def test_fault_59_a_store_that_was_moved_is_refused_and_repaired(
    tracking: Tracking, folder: Path, tmp_path: Path
) -> None:
    with tracking.run("before the move"):
        pass
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "mlflow.db").write_bytes((folder / "mlflow.db").read_bytes())
    for use in ("connect", "run"):
        there = Tracking(moved, "defection", "defection-risk")
        with pytest.raises(ConfigError, match="was moved or copied") as refused:
            there.connect() if use == "connect" else there.run("after").__enter__()
        for said in (folder.as_uri(), moved.as_uri(), "defection restore --config FILE"):
            assert said in str(refused.value)
    there = Tracking(moved, "defection", "defection-risk")
    assert there.restore() == [
        f"{moved / 'mlflow.db'} names the files of {(moved / 'artifacts').as_uri()} again."
    ]
    with there.run("after") as run:
        run.text("note.txt", "here")
    (note,) = moved.rglob("note.txt")
    assert note.read_text() == "here"
    assert there.restore() == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="file"):
        Tracking(tmp_path / "file" / "mlflow", "defection", "defection-risk").connect()


def test_fault_30_a_server_that_does_not_answer(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://reader:hunter2@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    away = Tracking(tmp_path, "defection", "defection-risk")
    assert away.uri == f"http://127.0.0.1:{port}"
    for use in (away.connect, away.registry.history):
        assert_unavailable(use, f"{away.uri} does not answer (Connection refused)")
    assert not (tmp_path / "mlflow.db").exists()


def test_fault_30_a_database_that_does_not_answer(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:////{tmp_path}/a_folder/mlflow.db")
    (tmp_path / "a_folder" / "mlflow.db").mkdir(parents=True)
    away = Tracking(tmp_path / "locks", "defection", "defection-risk")
    assert_unavailable(away.connect, "a_folder/mlflow.db")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mlruns", "maintenance mode"),
        ("gopher://u:hunter2@store", r"cannot be used, gopher://store \(.*unsupported URI"),
    ],
)
def test_a_store_of_a_kind_that_cannot_be_used(
    tracking: Tracking,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    says: str,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(ConfigError, match=says) as refused:
        Tracking(tmp_path, "defection", "defection-risk").connect()
    assert "hunter2" not in str(refused.value)
    assert "unset it to use the local store" in str(refused.value)


def assert_unavailable(use: Callable[[], object], names: str) -> None:
    with pytest.raises(ServiceUnavailable, match=re.escape(names)) as refused:
        use()
    assert refused.value.exit_code == 69
    assert "hunter2" not in str(refused.value)
    assert "MLFLOW_TRACKING_URI" in str(refused.value)


def test_a_named_store_is_used_with_artifacts_in_the_folder(
    tracking: Tracking, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking.connect()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    named = Tracking(tmp_path, "elsewhere", "defection-risk")
    with named.run("named") as run:
        run.text("config.yaml", "name: demo\n")
    assert (tmp_path / "artifacts" / run.id / "artifacts" / "config.yaml").exists()
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p@host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://u:p@ss@host/db", "postgresql://host/db"),
        ("postgresql://h/db?user=u&password=p&x=1", "postgresql://h/db?user=u&password=...&x=1"),
        ("API request to http://token@h/api failed", "API request to http://h/api failed"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_fault_44_credentials_are_cut_out_of_addresses(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_fault_58_a_store_of_an_older_mlflow_is_copied_and_brought_up_to_date(
    tracking: Tracking, folder: Path, tmp_path: Path
) -> None:
    import mlflow.store.db.utils as database
    from alembic import command
    from alembic.script import ScriptDirectory

    tracking.connect()
    older = tmp_path / "mlflow"
    older.mkdir()
    (older / "mlflow.db").write_bytes((folder / "mlflow.db").read_bytes())
    settings = database._get_alembic_config(f"sqlite:///{older / 'mlflow.db'}")
    head = ScriptDirectory.from_config(settings).get_current_head()
    command.downgrade(settings, "-1")
    StoreFile(older, str).take_over()
    (older / "artifacts" / "of a run").mkdir(parents=True)
    there = Tracking(older, "defection", "defection-risk")
    with pytest.raises(ConfigError, match=r"made by another version of MLflow.*restore"):
        there.connect()
    said = there.restore()
    assert any("has the schema of the MLflow that is installed" in each for each in said)
    there.connect()
    (copy,) = (older / "copies").glob("mlflow-*.db")
    with (
        contextlib.closing(sqlite3.connect(copy)) as kept,
        contextlib.closing(sqlite3.connect(older / "mlflow.db")) as now,
    ):
        asked = "SELECT version_num FROM alembic_version"
        assert now.execute(asked).fetchall() == [(head,)] != kept.execute(asked).fetchall()


def test_fault_58_a_store_of_a_newer_mlflow_says_so(
    tracking: Tracking, folder: Path, tmp_path: Path
) -> None:
    tracking.connect()
    (tmp_path / "mlflow.db").write_bytes((folder / "mlflow.db").read_bytes())
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
        store.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    there = Tracking(tmp_path, "defection", "defection-risk")
    with pytest.raises(ConfigError, match=r"written by a newer MLflow.*Install"):
        there.restore()
