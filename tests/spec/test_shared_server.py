"""The shared server of docs/shared-server.md, as it stands there, on a real PostgreSQL."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from clusters import binaries, cluster

from pipeline.errors import ConfigError, DefectionError
from pipeline.tracking.runs import Tracking

pytestmark = [pytest.mark.postgresql, pytest.mark.starts_process]

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "shared-server" / "serve.sh"
NAME = "mlflow.example.com"
ADMIN, READER = ("admin", "a-long-password-1"), ("reader", "a-long-password-2")


def answer(
    address: str, user: tuple[str, str] | None, host: str = NAME, **more: object
) -> tuple[int, bytes]:
    """Status and body; more: `origin` of a page, `json` to post."""
    headers = {"Host": host}
    if user is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
    if "origin" in more:
        headers["Origin"] = str(more["origin"])
    body = json.dumps(more["json"]).encode() if "json" in more else None
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(address, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as found:
            return int(found.status), found.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The documented script over a fresh cluster; its address on loopback."""
    pytest.importorskip("flask_wtf", reason="mlflow[auth] is not installed: make setup")
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server's programs: apt-get install postgresql")
    home = tmp_path_factory.mktemp("shared")
    shutil.copytree(SCRIPT.parent, home / "server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with cluster(programs) as dsn:
        host = dict(part.split("=") for part in dsn.split())["host"]
        with psycopg.connect(dsn, autocommit=True) as connection:
            for database in ("mlflow", "mlflow_auth"):
                connection.execute(f"CREATE DATABASE {database}")
        # Requests of this test come from loopback without TLS, so its name has the port.
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NAME": f"{NAME},127.0.0.1:{port}",
            "ARTIFACTS": str(home / "artifacts"),
            "PGHOST": host,
            "PGUSER": "tests",
            "PORT": str(port),
            "WORKERS": "1",
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "drawn for this test alone",
            "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN[1],
        }
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                ["sh", str(home / "server" / "serve.sh")],
                cwd=home,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        address = f"http://127.0.0.1:{port}"
        try:
            _await(address, process, home / "log")
            created = answer(
                f"{address}/api/2.0/mlflow/users/create",
                ADMIN,
                json={"username": READER[0], "password": READER[1]},
            )
            assert created[0] == 200, created
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(400):
        assert process.poll() is None, log.read_text()
        try:
            if answer(f"{address}/health", None)[0] == 200:
                return
        except urllib.error.URLError:
            pass
        time.sleep(0.3)
    raise AssertionError(log.read_text())


@pytest.fixture
def tracking(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracking:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    _as(ADMIN, monkeypatch)
    return Tracking(tmp_path / "local", "shared", "shared")


def _as(user: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", user[1])


def test_fault_46_who_is_not_known_or_comes_another_way_is_refused(server: str) -> None:
    search = f"{server}/api/2.0/mlflow/experiments/search?max_results=1"
    assert answer(search, None)[0] == 401
    assert answer(search, ("admin", "guessed"))[0] == 401
    assert answer(search, ADMIN)[0] == 200
    assert answer(search, ADMIN, host="evil.example")[0] == 403
    made = {"name": "from elsewhere"}
    create = f"{server}/api/2.0/mlflow/experiments/create"
    assert answer(create, ADMIN, origin="https://evil.example", json=made)[0] == 403
    assert answer(f"{server}/", None)[0] == 401  # the page, too


def test_a_run_and_a_version_are_reviewed_and_promoted_there(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "model"
    files.mkdir()
    (files / "booster.txt").write_text("tree\n")
    with tracking.run("on a shared server") as run:
        run.metrics({"mean/auc": 0.7})
        run.json("config.json", {"model": {"trees": 3}})
        run.child("test snapshot 2025-01-01", {"split.rows": 3}, {"auc": 0.7})
        version = run.register(files, ["days_since_last_order"], "# Card")
    registry = tracking.registry
    assert tracking.stored_json(run.id, "config.json") == {"model": {"trees": 3}}
    assert registry.judge(version, (), None) == []
    promotion = registry.promote("challenger", "A. Analyst", "first")
    assert registry.history() == [promotion]
    assert json.loads(registry.history_file.read_text())[0]["by"] == "A. Analyst"
    fetched = registry.download(version, tmp_path / "fetched")
    assert (fetched / "booster.txt").read_text() == "tree\n"

    _as(READER, monkeypatch)  # whoever may only look, scores; and promotes nothing
    reader = Tracking(tmp_path / "elsewhere", "shared", "shared")
    assert reader.registry.resolve("champion").version == version
    with pytest.raises(DefectionError):
        reader.registry.judge(version, ("mine",), None)

    _as(("reader", "guessed"), monkeypatch)
    with pytest.raises(ConfigError, match=re.escape("refuses us")):
        Tracking(tmp_path / "nowhere", "shared", "shared").registry.resolve("champion")
