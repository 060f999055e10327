"""Jobs side by side in processes: the same results in the same order, and no process left over."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import ServiceUnavailable
from pipeline.processes import in_processes

ROOT = Path(__file__).parents[2]
_KILLED = """
import os, sys, time
from pipeline.processes import in_processes

def say(number):
    print(os.getpid(), flush=True)
    time.sleep(60)

for _ in in_processes(say, [(1,), (2,)]):
    pass
"""


def _place_and_process(wait: float, place: int) -> tuple[int, int]:
    time.sleep(wait)
    return place, os.getpid()


def _end(how: signal.Signals) -> None:
    os.kill(os.getpid(), how)


def test_one_job_is_done_here() -> None:
    assert list(in_processes(_place_and_process, [(0, 1)])) == [(1, os.getpid())]
    assert list(in_processes(_place_and_process, [])) == []


@pytest.mark.long
@pytest.mark.starts_process
def test_results_come_in_the_order_of_the_jobs_from_other_processes() -> None:
    found = list(in_processes(_place_and_process, [(0.3, 1), (0, 2), (0, 3)]))
    assert [place for place, _ in found] == [1, 2, 3]
    assert os.getpid() not in {process for _, process in found}


@pytest.mark.long
@pytest.mark.starts_process
def test_a_process_that_is_killed_is_said_and_not_called_a_bug() -> None:
    with pytest.raises(ServiceUnavailable, match="was killed, most often for want of memory"):
        list(in_processes(_end, [(signal.SIGKILL,), (signal.SIGKILL,)]))


@pytest.mark.long
@pytest.mark.starts_process
def test_processes_end_soon_after_the_one_that_began_them_was_killed() -> None:
    begun = subprocess.Popen(
        [sys.executable, "-c", _KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert begun.stdout is not None
    processes = [int(begun.stdout.readline()) for _ in range(2)]
    begun.kill()
    begun.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < deadline, "they go on"
        time.sleep(0.1)
