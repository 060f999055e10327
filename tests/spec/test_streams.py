"""Standard output and standard error: closed, without a reader, and with what nobody sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pipeline import console
from pipeline.endings import guarded

CHILD = """
import sys
from pipeline import console
from pipeline.endings import guarded

def act():
    with console.steps():
        console.complain("a warning")
    with open({place!r}, "w") as file:
        file.write(str(file.fileno()))
    console.say("a result")

sys.exit(guarded(act))
"""


@pytest.mark.starts_process
@pytest.mark.parametrize("closed", ["2>&-", "2>&- >&-", "2>&1 >/dev/null | true"])
def test_fault_75_a_command_whose_standard_error_is_closed_does_its_work(
    tmp_path, closed: str
) -> None:
    script, place = tmp_path / "child.py", tmp_path / "written"
    script.write_text(CHILD.format(place=str(place)))
    line = f"set -o pipefail; {sys.executable} {script} {closed}"
    done = subprocess.run(
        ["bash", "-c", line],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(place.read_text()) > 2  # else all that is said would be written into the file
    assert "a warning" not in done.stdout


@pytest.mark.starts_process
def test_fault_37_an_answer_that_cannot_be_written_is_an_error(tmp_path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(place=str(tmp_path / "written")))
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} {script} >/dev/full"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 73, done.stderr
    assert "the disk is full" in done.stderr and "Traceback" not in done.stderr


HOSTILE = "\x1b]52;c;cm0=\x07\x9b2J\u202eevil\u2066\u200b\r\x7f\u2028\ud8ff"


def test_fault_67_a_terminal_line_shows_what_nobody_sees_as_escapes(capfd) -> None:
    def act() -> None:
        console.say(f"Account {HOSTILE}, Müller-Łódź 株式会社")
        console.complain(HOSTILE)
        raise ValueError(HOSTILE)

    assert guarded(act) == 70
    out, error = capfd.readouterr()
    shown = r"\u001b]52;c;cm0=\u0007\u009b2J\u202eevil\u2066\u200b\u000d\u007f\u2028\ud8ff"
    assert out == f"Account {shown}, Müller-Łódź 株式会社\n"
    assert error.count(shown) == 2
    assert (out + error).replace("\n", "").isprintable()


def test_fault_67_so_does_a_line_of_the_log_for_programs(capfd) -> None:
    def act() -> None:
        with console.json_log("score"):
            console.complain(HOSTILE)

    assert guarded(act) == 0
    error = capfd.readouterr().err
    assert error.removesuffix("\n").isprintable()
    assert json.loads(error)["message"] == HOSTILE


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("libx.so: failed to map segment from shared object"),
        ValueError("lightgbm: std::bad_alloc"),
    ],
)
def test_fault_75_memory_that_is_used_up_is_said_with_its_limit(capfd, error) -> None:
    def act() -> None:
        raise error

    assert guarded(act) == 69
    assert " MiB, " in capfd.readouterr().err


@pytest.mark.starts_process
def test_fault_75_a_limit_of_the_shell_is_named(tmp_path) -> None:
    script = tmp_path / "child.py"
    script.write_text(
        "import sys\nfrom pipeline.endings import guarded\n"
        "sys.exit(guarded(lambda: bytearray(2**30)))\n"
    )
    done = subprocess.run(
        ["bash", "-c", f"ulimit -v 786432; {sys.executable} {script}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 69, done.stderr
    assert done.stderr.startswith("defection: Out of memory (limit: 768 MiB, ulimit -v). Raise")
