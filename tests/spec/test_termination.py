"""SIGTERM ends the program in order, whatever a library makes of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import guarded
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.termination import Terminated, sigterm_as_exit

SLOW = "SELECT SUM(a.range * b.range % 7) FROM range(20000) a, range(20000) b"


def end_soon() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.2)


@pytest.fixture(autouse=True)
def alarm_as_sigterm() -> Iterator[None]:
    before = signal.signal(
        signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM)
    )
    yield
    signal.signal(signal.SIGALRM, before)


def test_a_query_is_broken_off(tmp_path: Path) -> None:
    with pytest.raises(Terminated) as ended, sigterm_as_exit(), DuckDBEngine(threads=1) as engine:
        end_soon()
        engine.make("product", SLOW)
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_error_that_a_library_makes_of_it_is_no_bug_of_ours(capsys) -> None:
    def act() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.sigtimedwait([], 5)  # the handler runs at the latest here
        except SystemExit:
            raise RuntimeError("interrupted within a callback") from None

    assert guarded(act) == 143
    assert "ended by SIGTERM" in capsys.readouterr().err


def test_an_error_without_a_signal_stays_what_it_is(capsys) -> None:
    def act() -> None:
        raise RuntimeError("interrupted within a callback")

    assert guarded(act) == 70
