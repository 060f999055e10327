"""What benchmarks of whole commands measure by: a clock for their steps, and the machine."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from itertools import pairwise

from pipeline.console import Steps


class Clock(Steps):
    """Notes when each step begins: seconds of the clock, and of all the process's threads."""

    def __init__(self) -> None:
        super().__init__(None)
        self.marks: list[tuple[str, float, float]] = []

    def begin(self, what: str, total: int | None = None) -> None:
        self.marks.append((what, time.perf_counter(), time.process_time()))

    def each(self) -> Iterator[tuple[str, dict[str, float]]]:
        """What each step took, in the order in which they began."""
        self.begin("end")
        for (what, began, spent), (_, wall, cpu) in pairwise(self.marks):
            yield what, {"seconds": wall - began, "cpu": cpu - spent}

    def lasted(self) -> dict[str, dict[str, float]]:
        """What each step took; no two of the same name."""
        return dict(self.each())


def machine() -> str:
    """Cores, memory, system and Python in a line."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )
