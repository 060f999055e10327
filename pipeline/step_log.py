"""The log that programs read: one JSON object a line for each step of a command, and for errors.

Every line has `time` (UTC, ISO 8601), `level` (info, warning or error), `event` (step begun, step
done, warning or error), `command`, and what is known by then: `as_of`, `version`, `rows`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime


class StepLog:
    """The log of one command; write: takes a line without its end."""

    def __init__(self, command: str, write: Callable[[str], None]) -> None:
        self._command = command
        self._write = write
        self._known: dict[str, object] = {}
        self._step = ""
        self._begun = 0.0

    def know(self, **facts: object) -> None:
        """Say these in every line from now on."""
        self._known |= facts

    def begin(self, step: str) -> None:
        """The step before is done, and this one begins; nothing where it is at hand already."""
        if step == self._step:
            return
        self.end()
        self._step, self._begun = step, time.monotonic()
        self._line("info", "step begun", step=step)

    def end(self) -> None:
        """The step at hand is done, if there is one."""
        if self._step:
            seconds = round(time.monotonic() - self._begun, 3)
            self._line("info", "step done", step=self._step, seconds=seconds)
            self._step = ""

    def warn(self, message: str) -> None:
        """Something is likely a mistake."""
        self._line("warning", "warning", message=message)

    def fail(self, message: str, exit_code: int, traceback: str = "") -> None:
        """The command ends with this exit code, in the step at hand."""
        more: dict[str, object] = {"step": self._step} if self._step else {}
        more |= {"exit_code": exit_code, "message": message}
        if traceback:
            more["traceback"] = traceback
        self._line("error", "error", **more)

    def _line(self, level: str, event: str, **more: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        head = {"time": now, "level": level, "event": event, "command": self._command}
        self._write(json.dumps({**head, **more, **self._known}, default=str))
