"""A PostgreSQL server of the tests' own: a fresh cluster behind a socket in a private folder.

Its default collation is not the engine's, as a user's may be: text must not come in its order.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {
    "listen_addresses": "",  # the socket only
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "log_statement": "none",
}
_COLLATION = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
_PATIENCE = 30  # seconds until it must have started


def binaries() -> Path | None:
    """The folder with the newest server's programs; None where there is none."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    found += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in found if (folder / "postgres").exists()), None)


@contextmanager
def cluster(programs: Path) -> Iterator[str]:
    """A running server; the connection string of its database."""
    user = "nobody" if os.geteuid() == 0 else None  # the server refuses to run as root
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        if user:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        subprocess.run(
            [programs / "initdb", "--auth=trust", "--username=tests", *_COLLATION, "-D", data],
            check=True,
            user=user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        settings = {"unix_socket_directories": folder, **SETTINGS}
        with Path(folder, "log").open("w") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data]
                + [f"--{name}={value}" for name, value in settings.items()],
                user=user,
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        try:
            _await(server, Path(folder, "log"))
            yield f"host={folder} user=tests dbname=postgres"
        finally:
            server.terminate()
            server.wait()


def _await(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while "ready to accept connections" not in log.read_text():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL has not started: {log.read_text()}")
        time.sleep(0.05)
