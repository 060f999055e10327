"""The command line as a user meets it: exit code, standard output and standard error.

In this process, which costs nothing to start, or in one of its own where the process itself is what
a test shows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.cli import main

DEFECTION = Path(sys.executable).with_name("defection")


def environment(**variables: str) -> dict[str, str]:
    """The tests' environment without settings that name another MLflow store, and `variables`."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | variables


def run_process(
    arguments: Sequence[object], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed console script in `folder`."""
    return subprocess.run(
        [str(DEFECTION), *map(str, arguments)],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def run_here(
    arguments: Sequence[object], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the same in this process, with the same result."""
    words = [*map(str, arguments)]
    with _surroundings(folder, environment(**variables)), _streams() as (out, error):
        try:
            code = main(words)
        except Exception:  # only with --debug; Python itself would print it and exit with 1
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        for stream in (out, error):
            stream.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), error.read())


@contextmanager
def _surroundings(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    """Work in `folder` with this environment; restore both."""
    before, place = dict(os.environ), Path.cwd()
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _streams() -> Iterator[tuple[TextIO, TextIO]]:
    """Send the descriptors of standard input, output and error to files, native libraries' too."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as error,
        Path(os.devnull).open() as nothing,
    ):
        kept = [os.dup(descriptor) for descriptor in range(3)]
        streams = sys.stdin, sys.stdout, sys.stderr
        for descriptor, file in enumerate((nothing, out, error)):
            os.dup2(file.fileno(), descriptor)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout, sys.stderr = (
            open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            for descriptor in (1, 2)
        )
        try:
            yield out, error
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            for descriptor, file in enumerate(kept):
                os.dup2(file, descriptor)
                os.close(file)
