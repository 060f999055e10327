"""SIGTERM ends the program in order, whatever a library makes of it."""

from __future__ import annotations

import os
import signal
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.endings import guarded
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.output_files import short
from pipeline.termination import Terminated, sigterm_as_exit
from pipeline.tracking.runs import open_tracking
from pipeline.training.record import telling_of_version

CONFIG = """
name: small
snapshots: {first: 2024-02-01, last: 2024-06-01}
sources: {orders: {path: orders.csv}}
tracking: {folder: mlflow}
"""
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


class Dropped:
    """Something whose end is watched."""


def test_fault_33_a_signal_that_comes_where_python_drops_errors_ends_it_too(capfd) -> None:
    """Such as in the callback of a weak reference; nothing is said of that."""
    steps = 0

    def act() -> None:
        nonlocal steps
        watched = [Dropped() for _ in range(50)]
        refs = [weakref.ref(one, lambda _: signal.raise_signal(signal.SIGTERM)) for one in watched]
        watched.clear()
        for _ in refs:
            steps += 1
            time.sleep(0.1)

    assert guarded(act) == 143
    assert 0 < steps < 5
    assert (
        capfd.readouterr().err == "defection: ended by SIGTERM; nothing half-made was published.\n"
    )
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_fault_33_a_signal_that_a_library_keeps_to_itself_ends_it_at_the_latest_in_the_end() -> (
    None
):
    def act() -> None:
        with suppress(BaseException):
            signal.raise_signal(signal.SIGTERM)

    assert guarded(act) == 143


def test_what_else_python_drops_is_said_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: said.append(what.exc_type))

    def act() -> None:
        watched = Dropped()
        kept = weakref.ref(watched, lambda _: [][0])
        del watched
        assert kept() is None

    assert guarded(act) == 0
    assert said == [IndexError]


def test_an_error_without_a_signal_stays_what_it_is(capsys) -> None:
    def act() -> None:
        raise RuntimeError("interrupted within a callback")

    assert guarded(act) == 70


def test_fault_83_a_version_that_nobody_has_reviewed_is_told_of(tmp_path: Path, capfd) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.txt").write_text("a model")
    config = load_config(tmp_path / "config.yaml")
    tracking = open_tracking(config)

    def train(register: bool) -> None:
        with telling_of_version(tracking, config) as begun, tracking.run("a training") as run:
            begun.append(run.id)
            if register:
                run.register(tmp_path / "model", ["feature"], "a version")
            os.kill(os.getpid(), signal.SIGTERM)

    assert guarded(lambda: train(False)) == 143
    ended = "defection: ended by SIGTERM; nothing half-made was published."
    assert capfd.readouterr().err == f"{ended}\n"
    assert guarded(lambda: train(True)) == 143
    review = f"defection review --version 1 --config {short(config.path)}"
    assert capfd.readouterr().err == (
        f"{ended} Version 1 of small is registered, and no review has looked at it: {review}\n"
    )
