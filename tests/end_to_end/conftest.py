"""A small simulated market with its own config, store and output, made once for all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import yaml

from pipeline.market import simulate

AS_OF = date(2026, 1, 1)
FIRST_LIST = "2025-12-19"  # scored first in the shared project, so no list lies before it
DEFECTION = Path(sys.executable).with_name("defection")

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Project:
    """A folder with a market, a config, and where the config lets everything be written."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def scores(self) -> Path:
        return self.folder / "out" / "scores"

    def files(self) -> set[Path]:
        """Everything written so far."""
        return {path for path in self.folder.rglob("*") if path.is_file()}

    def change(self, **sections: object) -> None:
        """Replace whole sections of the config."""
        content = yaml.safe_load(self.config.read_text()) | sections
        self.config.write_text(yaml.safe_dump(content))

    def defection(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user does."""
        command = [str(DEFECTION), *map(str, arguments), "--config", str(self.config)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )


def make_project(folder: Path, market: Path) -> Project:
    """A project over a market that lies elsewhere."""
    project = Project(folder)
    tables = ("orders", "touches", "complaints", "accounts", "reps")
    content = {
        "name": "small",
        "currency": "EUR",
        "sources": {name: {"path": str(market / f"{name}.parquet")} for name in tables},
        "snapshots": {"first": date(2024, 9, 1), "last": AS_OF, "every": "month"},
        "label": {"definition": "inactivity", "horizon_days": 90, "reporting_lag_days": 14},
        "backtest": {"last": 2},
        "model": {"trees": 60},
        "tracking": {"folder": "mlflow", "experiment": "small", "model_name": "small"},
        "output": "out",
    }
    project.config.write_text(yaml.safe_dump(content))
    return project


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 accounts over 28 months."""
    folder = tmp_path_factory.mktemp("market")
    simulate(folder, accounts=400, months=28, seed=11, end=AS_OF)
    return folder


@pytest.fixture
def project(tmp_path: Path, market: Path) -> Project:
    """A fresh project: nothing trained, nothing published."""
    return make_project(tmp_path, market)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, market: Path) -> Project:
    """A project with a champion and a first list; tests may score in it, dates of their own."""
    project = make_project(tmp_path_factory.mktemp("trained"), market)
    for arguments in (
        ("train",),
        ("promote", "--version", "1", "--by", "a test", "--reason", "the first version"),
        ("score", "--as-of", FIRST_LIST),
    ):
        done = project.defection(*arguments)
        assert done.returncode == 0, done.stderr
    return project
