"""SIGTERM ends the program in order: what is open is closed, and what is temporary removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(SystemExit):
    """The program was asked to end; not an Exception, so that nothing goes on after it."""


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """In the block SIGTERM raises Terminated(143), unless the caller has a handler of its own.

    So does whatever error a library makes of that.
    """
    ours = (
        threading.current_thread() is threading.main_thread()  # signals reach no other
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    except Exception as error:
        if ours and asked_to_end():
            raise Terminated(128 + signal.SIGTERM) from error
        raise
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def asked_to_end() -> bool:
    """Whether SIGTERM came, while `sigterm_as_exit` is in force."""
    return signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def interruption() -> BaseException:
    """What was raised by a signal: for a library that says in its own way that one came."""
    return Terminated(128 + signal.SIGTERM) if asked_to_end() else KeyboardInterrupt()


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not break off the closing
    raise Terminated(128 + number)
