"""A folder with a config, in which the real command line runs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

AS_OF = date(2026, 1, 1)
FIRST_LIST = "2025-12-19"  # scored first in the shared project, so no list lies before it
STEPS_OF_SCORE = (
    "Finding the model",
    "Reading the sources",
    "Looking at what is published",
    "Building the features",
    "Scoring the cohort",
    "Explaining the accounts to call",
    "Comparing with the list before",
    "Writing the publication",
)
DEFECTION = Path(sys.executable).with_name("defection")


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

    def defection(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user does; variables: further ones of the environment."""
        command = [str(DEFECTION), *map(str, arguments), "--config", str(self.config)]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *arguments: object) -> str:
        """What a command says that has to end well; AssertionError if it does not."""
        ended = self.defection(*arguments)
        assert ended.returncode == 0, (arguments, ended.stderr)
        return ended.stdout

    def use_first_version(self) -> None:
        """Promote version 1 to score with, whatever the gate says of so small a model."""
        self.done("promote", "--version", 1, "--by", "a test", "--reason", "to score", "--override")


def environment(**variables: str) -> dict[str, str]:
    """That of the tests, without what would lead to another MLflow; variables: further ones."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | variables


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
