"""SIGTERM ends the program in order: what is open is closed, and what is temporary removed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_CODE = 128 + signal.SIGTERM
_AGAIN_SECONDS = 0.01


class Terminated(SystemExit):
    """The program was asked to end; not an Exception, so that nothing goes on after it."""


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """In the block SIGTERM raises Terminated(143), unless the caller has a handler of its own.

    So does whatever error a library makes of that, and the end of the block where it made nothing.
    """
    ours = (
        threading.current_thread() is threading.main_thread()  # signals reach no other
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not ours:
        yield
        return
    signal.signal(signal.SIGTERM, _leave)
    try:
        with _raised_again():
            yield
    except Exception as error:
        if asked_to_end():
            raise Terminated(_CODE) from error
        raise
    else:
        if asked_to_end():
            raise Terminated(_CODE)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _raised_again() -> Iterator[None]:
    """In the block, Terminated is raised again where Python dropped it.

    It does so in a finalizer and in the callback of a weak reference, and a library can have many
    of those in a row; the alarm then comes when they are over.
    """
    hook, alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)

    def dropped(what: sys.UnraisableHookArgs) -> None:
        if what.exc_type is not Terminated:
            hook(what)
            return
        signal.signal(signal.SIGALRM, _leave)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)

    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if signal.getsignal(signal.SIGALRM) is _leave:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm)


def asked_to_end() -> bool:
    """Whether SIGTERM came, while `sigterm_as_exit` is in force."""
    return signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def interruption() -> BaseException:
    """What was raised by a signal: for a library that says in its own way that one came."""
    return Terminated(_CODE) if asked_to_end() else KeyboardInterrupt()


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not break off the closing
    raise Terminated(_CODE)
