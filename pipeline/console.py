"""The one place that prints: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def say(text: str = "") -> None:
    """Print a line of the result."""
    print(text)


def complain(text: str) -> None:
    """Print an error or a warning, never wrapped, so that paths can be copied."""
    print(text, file=sys.stderr)


class Steps:
    """Progress of one command: a line for the step at hand, a bar where its length is known."""

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars
        self._task = None if bars is None else bars.add_task("", total=None)

    def begin(self, what: str, total: int | None = None) -> None:
        """A new step; total is its number of equal parts, if known."""
        if self._bars is not None and self._task is not None:
            self._bars.reset(self._task, description=what, total=total)

    def advance(self) -> None:
        """One part of the step is done."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task)

    def detail(self, what: str) -> Callable[[str], None]:
        """A callback that shows a detail behind `what`."""

        def show(detail: str) -> None:
            if self._bars is not None and self._task is not None:
                self._bars.update(self._task, description=f"{what}: {detail}")

        return show


@contextmanager
def steps() -> Iterator[Steps]:
    """Show progress on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield Steps(None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Steps(bars)
