"""The MLflow UI for this machine only: on loopback, with the store that training uses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from pipeline.errors import ConfigError, ServiceUnavailable
from pipeline.tracking.store import QUIET_ENVIRONMENT, Store
from pipeline.tracking.ui_server import ADDRESS_VARIABLE, HOST

_USUAL_PORT = 5000
_STOP_SECONDS = 10

# The UI shows and compares; it runs no jobs, reports to nobody and fetches no catalogue of models.
_UI_ENVIRONMENT = {
    **QUIET_ENVIRONMENT,
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore",  # deprecations inside the server
}


def ui_command(folder: Path, port: int) -> list[str]:
    """The command that serves the store under `folder` on loopback at `port`.

    The store's address is not in it but in the environment (`serve_ui`): it may hold a password,
    and everybody on a machine can read everybody's command lines.
    """
    artifacts = (folder.resolve() / "artifacts").as_uri()
    return [sys.executable, "-P", "-m", "pipeline.tracking.ui_server", artifacts, str(port)]


def serve_ui(
    folder: Path,
    say: Callable[[str], None],
    experiment: str = "",
    port: int = 0,
    wait_seconds: float = 60,
    config: Path | None = None,
) -> int:
    """Serve the UI until Ctrl-C or SIGTERM; returns the exit code, 0.

    say: called with the address once the UI answers, that of the experiment's runs where one is
    named. port: 0 takes 5000, or any free port when 5000 is taken. config: the file that messages
    name. With a tracking server there is nothing to start: says its address and returns.
    Raises ConfigError when there is no store yet, ServiceUnavailable when the UI does not start
    within `wait_seconds`.
    """
    store = Store(folder, config)
    if store.is_server:
        say(f"MLflow UI of the tracking server: {store.shown}")
        return 0
    if not store.exists():
        raise ConfigError(
            f"There is no MLflow store in {store.folder} yet. "
            f"Train a model first: {store.command('train')}"
        )
    port = port or _free_port()
    server = subprocess.Popen(
        ui_command(folder, port),
        env={
            **os.environ,
            **_UI_ENVIRONMENT,
            ADDRESS_VARIABLE: store.address,
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST}:{port},localhost:{port}",
        },
        start_new_session=True,  # Ctrl-C reaches us alone, and we end the whole group
    )
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _await_answer(server, port, wait_seconds)
        say(f"MLflow UI: http://{HOST}:{port}{_page_of(experiment, port)} (Ctrl-C ends it)")
        server.wait()
        raise ServiceUnavailable(f"The MLflow UI ended by itself (exit code {server.returncode}).")
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
        _end(server)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _free_port() -> int:
    for port in (_USUAL_PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceUnavailable(f"No port is free on {HOST}.")


def _await_answer(server: subprocess.Popen[bytes], port: int, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise ServiceUnavailable(
        f"The MLflow UI did not start on port {port}"
        + (f" within {wait_seconds:.0f} seconds" if server.poll() is None else "")
        + ". Its messages stand above; try another port."
    )


def _page_of(experiment: str, port: int) -> str:
    """The page with the experiment's runs: MLflow's own front page is for chats."""
    name = urllib.parse.quote(experiment)
    asked = f"http://{HOST}:{port}/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}"
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            number = json.load(answer)["experiment"]["experiment_id"]
    except (urllib.error.URLError, OSError, KeyError, ValueError):
        return ""  # none of that name; the front page lists all
    return f"/#/experiments/{number}/runs?workflowType=machine_learning"


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            return
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
