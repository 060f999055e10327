"""The same work against a real MLflow server, and the UI as the user starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow_servers import mlflow_server, status

from pipeline.errors import ConfigError
from pipeline.tracking.runs import Tracking
from pipeline.tracking.ui import serve_ui, ui_command

UI = """
import sys
from pathlib import Path
from pipeline.tracking.ui import serve_ui
sys.exit(serve_ui(Path(sys.argv[1]), lambda line: print(line, flush=True)))
"""


@pytest.fixture(autouse=True)
def no_named_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tracking server that keeps the artifacts itself."""
    with mlflow_server(tmp_path_factory.mktemp("server")) as started:
        yield started.address


@pytest.mark.long
@pytest.mark.starts_process
def test_a_run_and_a_version_on_a_server(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    files = tmp_path / "model"
    files.mkdir()
    (files / "booster.txt").write_text("tree\n")
    (files / "model.json").write_text("{}\n")
    tracking = Tracking(tmp_path / "local", "defection", "defection-risk")
    with pytest.raises(ConfigError, match=f"in {re.escape(server)}. Train one first"):
        tracking.registry.resolve("champion")
    with tracking.run("on a server", {"data": "drawn"}) as run:
        run.text("config.yaml", "name: demo\n")
        run.metrics({"auc": 0.7})
        version = run.register(files, ["days_since_last_order"], "# Card")
    assert tracking.registry.resolve("challenger").version == version == 1
    fetched = tracking.registry.download(1, tmp_path / "fetched")
    assert (fetched / "booster.txt").read_text() == "tree\n"
    assert tracking.registry.judge(version, (), None) == []
    promotion = tracking.registry.promote("challenger", "A. Analyst", "first")
    assert tracking.registry.history() == [promotion]
    assert tracking.registry.resolve("champion").version == 1
    # Nothing of it was kept here but the locks, and the history for those without a browser.
    assert {p.name for p in (tmp_path / "local").iterdir()} <= {
        ".initialise.lock",
        ".open_runs",
        ".promotion.lock",
        "promotion_history-defection-risk.json",
    }


@pytest.mark.long
@pytest.mark.starts_process
def test_fault_46_71_the_ui_serves_the_store_on_loopback_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    folder = tmp_path / "mlflow"
    with Tracking(folder, "defection", "defection-risk").run("shown") as run:
        run.text("config.yaml", "name: demo\n")
    ui = subprocess.Popen(
        [sys.executable, "-c", UI, str(folder)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        # Tests that run in the background ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert ui.stdout is not None
        said = ui.stdout.readline()
        found = re.fullmatch(r"MLflow UI: (http://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)\n", said)
        assert found, said
        address = found[1]
        assert status(address) == 200
        assert status(address, host="evil.example") == 403
        assert status(f"{address}/api/2.0/mlflow/runs/search", origin="http://evil.example") == 403
        shown = f"{address}/get-artifact?path=config.yaml&run_uuid={run.id}"
        with urllib.request.urlopen(shown, timeout=30) as answer:
            assert answer.read() == b"name: demo\n"
        # A run's artifacts are what the run wrote; fault 71.
        for path in ("config.yaml", "new.yaml"):
            upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run.id}&path={path}"
            asked = urllib.request.Request(address + upload, b"name: other\n", method="POST")
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked, timeout=30)
            assert refused.value.code == 403
        with urllib.request.urlopen(shown, timeout=30) as answer:
            assert answer.read() == b"name: demo\n"
        assert [path.name for path in folder.rglob("*.yaml")] == ["config.yaml"]
        ui.send_signal(signal.SIGINT)
        assert ui.wait(30) == 0
    finally:
        ui.kill()
        ui.wait()
    with pytest.raises(urllib.error.URLError):
        status(address)
    assert [p.name for p in tmp_path.iterdir()] == ["mlflow"]


def test_the_ui_of_a_store_that_is_not_there(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(ConfigError, match="Train a model first: defection train"):
        serve_ui(tmp_path / "new", said.append)
    assert said == [] and list(tmp_path.iterdir()) == []


def test_a_server_has_its_own_ui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://reader:hunter2@mlflow.example:5000")
    said: list[str] = []
    assert serve_ui(tmp_path, said.append) == 0
    assert said == ["MLflow UI of the tracking server: http://mlflow.example:5000"]


def test_fault_44_a_password_of_the_store_is_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://reader:hunter2@db/mlflow")
    assert "hunter2" not in " ".join(ui_command(tmp_path, 5000))
