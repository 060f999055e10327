"""The one place that prints: results on standard output, progress and errors on standard error.

A character that nobody sees is printed as its escape, so that no name forges or hides a line.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from pipeline.invisible import escaped_lines
from pipeline.step_log import StepLog

if TYPE_CHECKING:
    from rich.progress import Progress

_log: StepLog | None = None  # where `--log json` was given
_complained: set[str] = set()  # by `complain_once`, in this command


def say(text: str = "") -> None:
    """Print a line of the result."""
    print(escaped_lines(text))


@contextmanager
def json_log(command: str) -> Iterator[None]:
    """Write one JSON object per line to standard error in the block; see `pipeline.step_log`."""
    global _log
    _log = StepLog(command, _print_error)
    try:
        yield
    finally:
        _log = None


def complain(text: str) -> None:
    """Print a warning, never wrapped, so that paths can be copied."""
    if _log is None:
        _print_error(text)
    else:
        _log.warn(text)


def complain_once(text: str) -> None:
    """The same where several parts of a command find it: only the first time."""
    if text not in _complained:
        _complained.add(text)
        complain(text)


def begin_command() -> None:
    """Forget what an earlier command of this process complained of."""
    _complained.clear()


def fail(text: str, exit_code: int, cause: BaseException | None = None) -> None:
    """Print the error that ends the program with `exit_code`, never wrapped.

    cause: what is shown with its traceback before.
    """
    calls = "" if cause is None else "".join(traceback.format_exception(cause))
    if _log is None:
        _print_error(f"{calls}defection: {text}")
    else:
        _log.fail(text, exit_code, calls)


def fail_at_once(text: str, exit_code: int) -> NoReturn:
    """The same where the program cannot come back to say it: the process ends here and now."""
    fail(text, exit_code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _print_error(text: str) -> None:
    print(escaped_lines(text), file=sys.stderr)


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

    def counted(self, what: str) -> Callable[[int, int], None]:
        """A callback `(done, in_all)` that shows a step; call it before the first part, too."""

        def show(done: int, in_all: int) -> None:
            if done == 0:
                self.begin(what, total=in_all)
            else:
                self.advance()

        return show

    def know(self, **facts: object) -> None:
        """What is known by now, such as as_of, version and rows; the JSON log says it."""


class LoggedSteps(Steps):
    """The same as lines of JSON."""

    def __init__(self, log: StepLog) -> None:
        super().__init__(None)
        self._log = log

    def begin(self, what: str, total: int | None = None) -> None:
        """A new step; the one before it is done."""
        self._log.begin(what)

    def know(self, **facts: object) -> None:
        """Say these in every line from now on."""
        self._log.know(**facts)


@contextmanager
def steps() -> Iterator[Steps]:
    """Show progress on standard error while the block runs, if that is a terminal or logged."""
    if _log is not None:
        yield LoggedSteps(_log)
        _log.end()
        return
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
