"""A tracking server of the tests' own, on loopback, that keeps the artifacts itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@dataclass(frozen=True)
class MlflowServer:
    """A server that runs, in a process group of its own."""

    address: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it at once, with all that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def mlflow_server(home: Path) -> Iterator[MlflowServer]:
    """A server that answers; its database and artifacts are in `home`."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{home}/server.db", "--workers", "1"),
        *("--artifacts-destination", str(home / "kept")),
    ]
    process = subprocess.Popen(
        command,
        cwd=home,
        env={**os.environ, **_QUIET},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    server = MlflowServer(f"http://127.0.0.1:{port}", process)
    try:
        for _ in range(300):
            try:
                if status(f"{server.address}/health") == 200:
                    break
            except urllib.error.URLError:
                time.sleep(0.3)
        yield server
    finally:
        server.stop()


def status(address: str, host: str | None = None, origin: str | None = None) -> int:
    """The status with which `address` answers a request with these headers."""
    given = {"Host": host, "Origin": origin}
    request = urllib.request.Request(
        address,
        headers={name: value for name, value in given.items() if value},
        method="POST" if origin else "GET",
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
