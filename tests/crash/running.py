"""A command of ours that runs as a process of its own, watched from outside and ended at will."""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

_LOOK_SECONDS = 0.0005  # between two looks; what is awaited may last no longer than a few of them
_PATIENCE = 300  # seconds until a command must have ended


@dataclass(frozen=True)
class Sign:
    """Something that shows how far a command has come; seen: asked of what it has logged so far."""

    name: str
    seen: Callable[[Sequence[str]], bool]


def step(name: str) -> Sign:
    """That a step has begun, by the log that `--log json` writes."""
    said = ('"event": "step begun"', f'"step": "{name}"')
    return Sign(name, lambda log: any(all(part in line for part in said) for line in log))


def file(root: Path, pattern: str, name: str = "") -> Sign:
    """That a file is there; name: of the sign, the file's if empty.

    Looked for by `glob`, since a folder that the command removes meanwhile ends `Path.glob`.
    """
    found = partial(glob.iglob, pattern, root_dir=root, recursive=True, include_hidden=True)
    return Sign(name or pattern.rpartition("/")[2], lambda _: any(found()))


def filled(path: Path) -> Sign:
    """That something has been written into a file, such as who holds a lock."""
    return Sign(path.name, lambda _: path.exists() and path.stat().st_size > 0)


START = Sign("start", lambda _: True)


class Running:
    """One command, in a process group of its own; use as a context manager, which ends it.

    at: when each sign was first seen, in seconds from the start, in their order. Each sign is
    looked for once the one before has been seen. steps: when each step was logged to begin.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        signs: Sequence[Sign] = (START,),
    ) -> None:
        self.at: dict[str, float] = {}
        self.log: list[str] = []
        self.steps: dict[str, float] = {}
        self._awaited = list(signs)
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def until(self, sign: str, delay: float = 0.0) -> bool:
        """Wait until so many seconds after a sign; False where the command ended before."""
        while self._process.poll() is None:
            self._look()
            if sign in self.at and self.seconds >= self.at[sign] + delay:
                return True
            if self.seconds > _PATIENCE:
                raise TimeoutError(f"no {sign!r} after {_PATIENCE} s; the log:\n{self._told()}")
            time.sleep(_LOOK_SECONDS)
        return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command and everything that it started."""
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL, if it still runs."""
        if self._process.poll() is None:
            self.send(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def end(self) -> int:
        """Let it run to its end; its exit code."""
        while self._process.poll() is None:
            self._look()
            if self.seconds > _PATIENCE:
                raise TimeoutError(f"not done after {_PATIENCE} s; the log:\n{self._told()}")
            time.sleep(_LOOK_SECONDS)
        self._look()
        self._reader.join()
        return self._process.returncode

    def _told(self) -> str:
        return "".join(self.log)

    def _look(self) -> None:
        while self._awaited and self._awaited[0].seen(self.log):
            self.at[self._awaited.pop(0).name] = self.seconds

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in iter(self._process.stderr.readline, ""):
            self.log.append(line)
            if '"event": "step begun"' in line:
                self.steps.setdefault(json.loads(line)["step"], self.seconds)
