"""Standard output and standard error as a command may use them, whatever they lead to.

Everything passes through them: results, messages, tracebacks, what libraries log. No secret goes
out, and a stream that was closed, or whose reader has gone, ends no command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from pipeline.redaction import redaction


class _Outlet:
    """A text stream behind a redaction. lost: the errors after which nothing is written any more.

    The rest is that of the stream.
    """

    def __init__(
        self, stream: TextIO | None, redact: Callable[[str], str], lost: tuple[type[Exception], ...]
    ) -> None:
        self._stream = stream if stream is not None else _nowhere()
        self._redact = redact
        self._lost = lost
        if hasattr(self._stream, "reconfigure"):  # an encoding may lack a sign of a name
            self._stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        try:
            self._stream.write(self._redact(text))
        except self._lost:
            self._lose()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except self._lost:
            self._lose()

    def let_go(self) -> None:
        """Write what is held, or give it up: it must not fail again when the program ends."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._lose()

    def _lose(self) -> None:
        nowhere = _nowhere()
        with suppress(OSError, ValueError):  # where it is closed
            # Python writes what the stream still holds when it ends, and would fail then.
            os.dup2(nowhere.fileno(), self._stream.fileno())
        self._stream = nowhere

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def standard_streams() -> Iterator[None]:
    """In the block, sys.stdout and sys.stderr are such streams."""
    _open_descriptors()
    redact = redaction(os.environ)
    before = sys.stdout, sys.stderr
    # What a result cannot be written to has to be said; a warning that nobody gets cannot be.
    out = _Outlet(sys.stdout, redact, (BrokenPipeError,))
    error = _Outlet(sys.stderr, redact, (OSError, ValueError))
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, error)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        error.let_go()
        out.let_go()


def _open_descriptors() -> None:
    """Let none of the three descriptors be free: the next file would get it, and all that is said.

    What the caller closed leads nowhere.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free one


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
