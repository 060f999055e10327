"""One job at a time: an advisory lock on a file, released by the kernel however its holder ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from pipeline.errors import CannotWrite, TryAgain
from pipeline.refusals import writing

_POLL_SECONDS = 0.05


@contextmanager
def exclusive(path: Path, purpose: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock at `path` for the length of the block.

    purpose: what the holder is doing ("scoring 2025-01-01"); whoever comes second reads "Another
    job is still scoring 2025-01-01". wait_seconds: how long to try; 0 gives up at once.

    The file stays behind when the lock is released: to remove it would let a third process lock
    the old file while a fourth locks a new one of the same name.

    Raises TryAgain naming the holder and its start, CannotWrite when the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise CannotWrite(
            f"The lock file {path} cannot be written ({error.strerror}). Make the folder writable, "
            "or choose another one in the configuration."
        ) from error
    try:
        _acquire(descriptor, path, time.monotonic() + wait_seconds)
        with writing(path):
            _describe(descriptor, purpose)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process of ours renames files in `folder`; for moments only."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TryAgain(
                    f"{_holder(path)} (lock {path}). Try again when it has ended."
                ) from None
        time.sleep(_POLL_SECONDS)


def _describe(descriptor: int, purpose: str) -> None:
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    holder = json.dumps({"pid": os.getpid(), "started": started, "purpose": purpose})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, holder.encode(), 0)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        purpose, pid, started = holder["purpose"], holder["pid"], holder["started"]
    except (ValueError, KeyError, OSError):
        # The holder has the lock and has not yet written its name, or has just cleared it.
        return "Another job holds the lock"
    return f"Another job is still {purpose}: process {pid}, started {started}"
