"""Code of the user's own that a command runs: what it may not do, and how its errors name it."""

from __future__ import annotations

import ast
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.errors import ConfigError
from pipeline.termination import Terminated
from pipeline.wording import shortened

PREFIX = "_own_family_"
"""Before the name of a family, the name of the module that its file becomes."""

_MEND = "Mend the file, or take {family} out of `features.families`"


class NotAllowed(Exception):
    """What a file of the user's own may not do."""


def module_name(family: str) -> str:
    """The name of the module that a family's file becomes."""
    return PREFIX + family


@contextmanager
def own_code(family: str, path: Path) -> Iterator[None]:
    """Run code of a family's file; whatever it raises is a ConfigError that names file and line.

    So is a change of what SIGTERM does, and of a variable of the environment that is there.
    """
    _guard_environment()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except (ConfigError, KeyboardInterrupt, Terminated):
        raise
    except BaseException as error:
        _restore(handler)
        line = error.lineno if isinstance(error, SyntaxError) else own_line(error)
        place = f"{path}, line {line}" if line else f"{path}"
        raise ConfigError(
            f"{place}: does not load: {said(error)}. {_MEND.format(family=family)}"
        ) from error
    if _restore(handler):
        line = _line_of_signal(path)
        place = f"{path}, line {line}" if line else f"{path}"
        raise ConfigError(
            f"{place}: changes what SIGTERM does, by which schedulers end a command. "
            + _MEND.format(family=family)
        )


def blamed(error: BaseException) -> ConfigError | None:
    """A ConfigError that names the user's own file, where an error came out of one."""
    seen: BaseException | None = error
    while seen is not None:
        if own := _own_frames(seen):
            frame, line = own[-1]
            return ConfigError(
                f"{frame.f_code.co_filename}, line {line}: {said(seen)}. "
                + _MEND.format(family=_family_of(frame))
            )
        seen = seen.__cause__ or seen.__context__
    return None


def said(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    first, _, _ = message.partition("\n")
    return f"{type(error).__name__}: {shortened(first, 200)}".removesuffix(": ")


def own_line(error: BaseException) -> int | None:
    """The last line of the user's own files that took part in an error."""
    own = _own_frames(error)
    return own[-1][1] if own else None


def _own_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    calls = traceback.walk_tb(error.__traceback__)
    return [(frame, line) for frame, line in calls if _family_of(frame)]


def _family_of(frame: FrameType) -> str:
    """The family whose file the frame runs; empty where it runs another."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""


def _restore(handler: Any) -> bool:
    """Let SIGTERM do again what it did; whether it did something else."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is handler:
        return False
    signal.signal(signal.SIGTERM, handler)
    return True


def _line_of_signal(path: Path) -> int | None:
    """The first line of a file that calls something named signal."""
    calls = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call))
    named = (
        call.lineno
        for call in calls
        if getattr(call.func, "attr", getattr(call.func, "id", "")) == "signal"
    )
    return min(named, default=None)


@cache
def _guard_environment() -> None:
    """From now on a file of the user's own cannot change or remove a variable that is there.

    Libraries that it imports may add some. Python tells of every change before it is made.
    """

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("os.putenv", "os.unsetenv"):
            return
        name = os.fsdecode(arguments[0])
        there = os.environ.get(name)
        if there is None or (event == "os.putenv" and os.fsdecode(arguments[1]) == there):
            return
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if _family_of(frame):
                raise NotAllowed(f"the environment variable {name} would be lost or changed")
            frame = frame.f_back

    sys.addaudithook(look)
