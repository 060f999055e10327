"""A standalone Spark cluster on this machine's loopback: a master, and workers as asked for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

SECONDS = 120  # to come up, on a machine with other work


def has_spark() -> bool:
    """Whether PySpark is installed, and Java with it."""
    return find_spec("pyspark") is not None and shutil.which("java") is not None


@contextmanager
def cluster(folder: Path, workers: int = 2, memory: str = "1g") -> Iterator[str]:
    """The master's address; each worker has one core and a folder of its own."""
    port = _free_port()
    address = f"spark://127.0.0.1:{port}"
    with ExitStack() as running:
        begin(running, folder, "master", "Master", "--port", str(port))
        for number in range(workers):
            own = ("--cores", "1", "--memory", memory, "--work-dir", str(folder / f"work{number}"))
            begin(running, folder, f"worker{number}", "Worker", *own, address)
        logs = [folder / f"worker{number}.log" for number in range(workers)]
        _await(logs, "Successfully registered")
        yield address


def executors(folder: Path) -> list[int]:
    """The processes that run tasks for a cluster, by where they work."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            works = (place / "cwd").readlink().is_relative_to(folder)
        except OSError:  # gone in the meantime, or somebody else's
            continue
        if works and any(word.endswith(b"CoarseGrainedExecutorBackend") for word in words):
            found.append(int(place.name))
    return found


def begin(running: ExitStack, folder: Path, name: str, role: str, *words: str) -> None:
    """Start a part of the cluster, which ends with the stack; its log is `NAME.log`."""
    import pyspark

    home = Path(pyspark.__path__[0])
    log = running.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen(
        [
            *(home / "bin" / "spark-class", f"org.apache.spark.deploy.{role.lower()}.{role}"),
            *("--host", "127.0.0.1", "--webui-port", "0", *words),
        ],
        env=os.environ | {"SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    running.callback(process.wait)
    running.callback(process.terminate)


def _await(logs: list[Path], said: str) -> None:
    until = time.monotonic() + SECONDS
    while not all(said in log.read_text(errors="replace") for log in logs):
        if time.monotonic() > until:
            raise RuntimeError("\n".join(log.read_text(errors="replace") for log in logs))
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
