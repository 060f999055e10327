"""Counts what tests cost: CPU seconds, trainings, and processes of the product.

CPU seconds are printed. Trainings and processes are limited: a test that trains or starts a process
has to be marked (`trains`, `starts_process`), and with `--budget` the run as a whole has at most
`MOST_TRAININGS` and `MOST_PROCESSES`. What `once_per_run` builds counts for the run alone.
"""

from __future__ import annotations

import _posixsubprocess
import functools
import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MOST_TRAININGS = 5
MOST_PROCESSES = 15
SHOWN = 20  # of the tests that take most CPU time

_MARKS = {"trainings": "trains", "processes": "starts_process"}
_PROGRAM = re.compile(r"python[\d.]*|defection|make")


@dataclass
class Cost:
    """Running totals of a process."""

    trainings: int = 0
    processes: int = 0


_total = Cost()
_shared = Cost()  # the part of it that `once_per_run` has built


@contextmanager
def shared_cost() -> Iterator[None]:
    """Charge the block to the run instead of the test that happens to come first."""
    before = Cost(**vars(_total))
    try:
        yield
    finally:
        for name in _MARKS:
            added = getattr(_total, name) - getattr(before, name)
            setattr(_shared, name, getattr(_shared, name) + added)


def _counted(function: Callable[..., Any], count: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        count(*arguments)
        return function(*arguments, **named)

    return call


def _count_training(*_: Any) -> None:
    _total.trainings += 1


def _count_process(words: Sequence[bytes | str], *_: Any) -> None:
    """Count a start of the product; a database server or a browser is none."""
    named = [Path(os.fsdecode(word)).name for word in words]
    _total.processes += any(map(_PROGRAM.fullmatch, named))
    _total.trainings += "train" in named or "demo" in named


def pytest_configure(config: pytest.Config) -> None:
    """Count every training that fits a model, and every process, where tests run."""
    if config.getoption("numprocesses", None):
        return  # they run in other processes
    from pipeline.training import train

    train.fit_final = _counted(train.fit_final, _count_training)
    # `subprocess` has a name of its own for the function; joblib takes it from the module.
    start = _counted(_posixsubprocess.fork_exec, _count_process)
    _posixsubprocess.fork_exec = subprocess._fork_exec = start


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--budget`."""
    parser.addoption("--budget", action="store_true", help="fail above the limits of `make test`")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note where the counters stand before a test."""
    item.stash[_BEFORE] = _counters()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test without the mark for what it does."""
    result = yield
    spent = _spent(item)
    for name, mark in _MARKS.items():
        if spent[name] > spent[f"shared {name}"] and item.get_closest_marker(mark) is None:
            pytest.fail(f"{name}: {spent[name]}. Use a shared fixture, or mark the test `{mark}`.")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """Put the cost of a test into its last report."""
    report = yield
    if report.when == "teardown":
        report.cost = _spent(item)
    return report


_BEFORE = pytest.StashKey[dict[str, float]]()


def _spent(item: pytest.Item) -> dict[str, float]:
    return {name: now - item.stash[_BEFORE][name] for name, now in _counters().items()}


def _counters() -> dict[str, float]:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu": time.process_time() + children.ru_utime + children.ru_stime,
        **vars(_total),
        **{f"shared {name}": count for name, count in vars(_shared).items()},
    }


def _costs(terminalreporter: Any) -> dict[str, dict[str, float]]:
    reports = [r for of_kind in terminalreporter.stats.values() for r in of_kind]
    return {r.nodeid: r.cost for r in reports if hasattr(r, "cost")}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the totals and the tests that took most CPU time."""
    costs = _costs(terminalreporter)
    slowest = sorted(costs.items(), key=lambda entry: -entry[1]["cpu"])[:SHOWN]
    terminalreporter.section(f"CPU seconds, the slowest {len(slowest)}")
    for test, cost in slowest:
        terminalreporter.line(f"{cost['cpu']:7.1f}  {test}")
    total = {name: sum(cost[name] for cost in costs.values()) for name in ("cpu", *_MARKS)}
    terminalreporter.line(
        f"{total['cpu']:7.1f}  in all; {total['trainings']:.0f} trainings (at most "
        f"{MOST_TRAININGS} in `make test`), {total['processes']:.0f} processes (at most "
        f"{MOST_PROCESSES})"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the whole run above the limits."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("--budget"):
        return
    costs = _costs(reporter).values()
    most = {"trainings": MOST_TRAININGS, "processes": MOST_PROCESSES}
    if any(sum(cost[name] for cost in costs) > limit for name, limit in most.items()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
