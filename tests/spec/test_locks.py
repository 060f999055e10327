"""Two jobs for the same thing: the second is told who holds it; a dead holder holds nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.errors import CannotWrite, TryAgain
from pipeline.locks import exclusive

HOLD = """
import sys, time
from pathlib import Path
from pipeline.locks import exclusive
with exclusive(Path(sys.argv[1]), "scoring 2025-01-01"):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock at `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.starts_process
def test_fault_35_the_second_job_is_told_who_holds_the_lock_until_the_first_is_killed(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "out" / ".lock"
    with holder(lock) as other:
        try:
            with pytest.raises(TryAgain) as refused, exclusive(lock, "scoring 2025-01-02"):
                pytest.fail("both hold it")
        finally:
            other.send_signal(signal.SIGKILL)
            other.wait()
    assert refused.value.exit_code == 75
    told = str(refused.value)
    assert f"Another job is still scoring 2025-01-01: process {other.pid}, started 20" in told
    assert re.search(r"started \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d \(lock ", told)
    assert str(lock) in told
    assert f'"pid": {other.pid}' in lock.read_text()  # what it left behind stops nobody
    with exclusive(lock, "scoring"):
        assert f'"pid": {os.getpid()}' in lock.read_text()


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with pytest.raises(ZeroDivisionError), exclusive(lock, "dividing"):
        _ = 1 / 0
    with exclusive(lock, "dividing"):
        pass


def test_it_waits_as_long_as_it_was_told(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(lock, "holding"):
            held.set()
            over.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    started = time.monotonic()
    with pytest.raises(TryAgain), exclusive(lock, "waiting", wait_seconds=0.3):
        pytest.fail("both hold it")
    assert time.monotonic() - started >= 0.3
    threading.Timer(0.2, over.set).start()
    with exclusive(lock, "waiting", wait_seconds=30):
        assert over.is_set()
    thread.join()


def test_a_lock_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    file = tmp_path / "a_file"
    file.touch()
    says = re.escape(str(file / ".lock"))
    with pytest.raises(CannotWrite, match=says) as refused, exclusive(file / ".lock", "scoring"):
        pytest.fail("there is no such folder")
    assert refused.value.exit_code == 73
