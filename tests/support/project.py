"""A folder with a config, in which the real command line runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest
import yaml
from command_line import run_here, run_process

from pipeline.locks import exclusive
from pipeline.tracking.store_file import StoreFile

if TYPE_CHECKING:
    from mlflow import MlflowClient

AS_OF = date(2026, 1, 1)
FIRST_LIST = "2025-12-19"  # of the shared world, which has a second one as of AS_OF
STEPS_OF_SCORE = (
    "Finding the model",
    "Reading the sources",
    "Looking at what is published",
    "Comparing the sources with those before",
    "Building the features",
    "Scoring the cohort",
    "Explaining the accounts to call",
    "Comparing with the list before",
    "Writing the publication",
)


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

    @property
    def refused(self) -> Path:
        """What `status` is told of an attempt at a list that failed."""
        return self.scores / "refused.json"

    def files(self) -> set[Path]:
        """Everything written so far."""
        return {path for path in self.folder.rglob("*") if path.is_file()}

    def change(self, **sections: object) -> None:
        """Replace whole sections of the config."""
        content = yaml.safe_load(self.config.read_text()) | sections
        self.config.write_text(yaml.safe_dump(content))

    def take_few_features(self) -> None:
        """Train on the orders of one window, for tests of something else than the features."""
        self.change(features={"families": ["order_history"], "windows_days": [90]})

    def take_market(self) -> None:
        """Copy the market into the folder, to change it."""
        sources = yaml.safe_load(self.config.read_text())["sources"]
        for name, source in sources.items():
            shutil.copy(source["path"], self.folder / f"{name}.parquet")
        self.change(sources={name: {"path": f"{name}.parquet"} for name in sources})

    def defection(self, *arguments: object, **variables: str) -> CompletedProcess[str]:
        """Run the command line as a user does; variables: further ones of the environment."""
        return run_here(self.command(*arguments), self.folder, **variables)

    def process(self, *arguments: object, **variables: str) -> CompletedProcess[str]:
        """Run the same in a process of its own; for tests of what only a process shows."""
        return run_process(self.command(*arguments), self.folder, **variables)

    def command(self, *arguments: object) -> list[object]:
        """The arguments with the project's config."""
        return [*arguments, "--config", self.config]

    def done(self, *arguments: object, **variables: str) -> str:
        """Run a command that has to succeed and return its standard output."""
        ended = self.defection(*arguments, **variables)
        assert ended.returncode == 0, (arguments, ended.stderr)
        return ended.stdout

    def client(self) -> MlflowClient:
        """A client of the project's store, to change by hand what is in it."""
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{self.folder / 'mlflow' / 'mlflow.db'}")

    def register_again(self) -> MlflowClient:
        """Register version 1 once more, as version 2; returns the client."""
        client = self.client()
        one = client.get_model_version("small", "1")
        source = client.get_model_version_download_uri("small", "1")
        client.create_model_version("small", source, one.run_id, tags=one.tags)
        return client

    def use_first_version(self) -> None:
        """Promote version 1 to score with, whatever the gate says of so small a model."""
        self.done("promote", "--version", 1, "--by", "a test", "--reason", "to score", "--override")


def copy_project(original: Project, folder: Path) -> Project:
    """Copy a project into an existing folder; its MLflow store names the new place."""
    shutil.copytree(original.folder, folder, dirs_exist_ok=True)
    file = StoreFile((folder / "mlflow").resolve(), str)
    if file.exists():
        file.take_over()
    return Project(folder)


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
        "features": {"windows_days": [365]},
        "backtest": {"last": 2, "bootstrap_repetitions": 100},
        "model": {"trees": 60, "threads": 1},
        "engine": {"threads": 1},
        "tracking": {"folder": "mlflow", "experiment": "small", "model_name": "small"},
        "output": "out",
    }
    project.config.write_text(yaml.safe_dump(content))
    return project


def once_per_run(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that all workers of a test run share; the first that asks builds it."""
    from budget import shared_cost  # a plugin, which pytest has to import first

    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, complete = root / name, root / f"{name}.complete"
    with exclusive(root / f"{name}.lock", f"building {name}", wait_seconds=600):
        if not complete.exists():
            folder.mkdir(exist_ok=True)
            with shared_cost():
                build(folder)
            complete.touch()
    return folder
