"""Independent jobs side by side, each in a process of its own.

For work that holds the interpreter's lock; whatever releases it does better with threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from threading import Thread
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from pipeline.errors import ServiceUnavailable

Result = TypeVar("Result")


def in_processes(act: Callable[..., Result], calls: Sequence[tuple[Any, ...]]) -> Iterator[Result]:
    """The results of `act`, called with each of the arguments, in their order.

    A single call, or a single core, begins no process. What is called, and with what, must be
    picklable.

    Raises
    ------
    ServiceUnavailable
        If one of the processes is killed.
    """
    processes = min(cpu_count(), len(calls))
    if processes <= 1:
        yield from (act(*arguments) for arguments in calls)
        return
    run = Parallel(n_jobs=processes, return_as="generator", max_nbytes=None)  # copies, no files
    try:
        yield from run(delayed(_beside)(os.getpid(), act, *arguments) for arguments in calls)
    except TerminatedWorkerError as error:
        raise ServiceUnavailable(
            "A process that did a part of the work was killed, most often for want of memory. "
            "End other jobs, or ask for less, and run again."
        ) from error
    finally:  # they would stay, and keep their memory
        get_reusable_executor().shutdown(wait=True)


def _beside(parent: int, act: Callable[..., Result], *arguments: Any) -> Result:
    _end_with(parent)
    return act(*arguments)


@cache
def _end_with(parent: int) -> None:
    """Has this process end within a second of the one that began it, which may be killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
