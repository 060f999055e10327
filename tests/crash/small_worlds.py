"""From what the commands start: projects made once, and put back before every kill."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from command_line import DEFECTION, environment
from commands import CHALLENGED, DATABASE_VARIABLE, EMPTY, REPLACED, Command
from project import AS_OF, FIRST_LIST, Project, make_project
from running import Running, Sign

from pipeline.market import simulate

TABLE = "defection_scores"
_AS_IT_WAS = (
    "out/training_table.parquet",
    f"out/features_{AS_OF}.parquet",
    "out/validation/validation.json",
    "out/validation/quarantine_orders.parquet",
    "out/review.html",
)


@dataclass(frozen=True)
class World:
    """A project in one of three states, and copies of it in all of them.

    empty: nothing trained; older outputs lie about, and must stay until they are replaced.
    challenged: version 1 is in use and has published a list, version 2 is proposed. replaced:
    version 2 is in use after version 1. variables: of the environment of what runs in it; temporary
    files have a folder of their own.
    """

    project: Project
    keep: Path
    temporary: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Of the project."""
        return self.project.folder

    def before(self, command: Command) -> Path:
        """As it was before a command."""
        return self.keep / command.world

    def put_back(self, world: str) -> None:
        """Let everything be as it was."""
        copied(self.keep / world, self.folder)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()

    def start(self, command: Command, signs: list[Sign]) -> Running:
        """Begin a command; it logs its steps."""
        words = [str(DEFECTION), "--log", "json", *self.words(command)]
        return Running(words, self.folder, environment(**self.environment()), signs)

    def environment(self) -> dict[str, str]:
        """Its own variables."""
        return {"TMPDIR": str(self.temporary), **self.variables}

    def words(self, command: Command) -> list[str]:
        """What is typed."""
        config = ["--config", command.config] if command.configured else []
        return [command.name, *map(str, command.arguments), *config]


def copied(source: Path, target: Path) -> None:
    """Make the second folder a copy of the first."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


@contextmanager
def small_world(*, trained: bool = True) -> Iterator[World]:
    """A small market's project, in all states; trained: those with models, too."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder, market, keep, temporary = (
            Path(name) / part for part in ("project", "market", "keep", "temporary")
        )
        for part in (folder, market, keep, temporary):
            part.mkdir()
        simulate(market, accounts=200, months=28, seed=11, end=AS_OF)
        project = make_project(folder, market)
        project.change(
            label={
                "definition": "inactivity",
                "horizon_days": 90,
                "horizons_days": [90],
                "reporting_lag_days": 14,
            },
            features={"windows_days": [90]},
            model={"trees": 20, "threads": 1},
            backtest={"last": 1},
        )
        _with_database(project)
        for path in _AS_IT_WAS:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("as it was")
        simulate(folder / "simulated", accounts=40, months=12, seed=1, end=AS_OF)
        copied(folder, keep / EMPTY)
        if trained:
            project.done("train")
            project.use_first_version()
            project.done("score", "--as-of", FIRST_LIST)
            project.done("train")
            copied(folder, keep / CHALLENGED)
            promoted = ("--by", "a test", "--reason", "to go back from", "--override")
            project.done("promote", "--version", 2, *promoted)
            copied(folder, keep / REPLACED)
        yield World(project, keep, temporary)


def _with_database(project: Project) -> None:
    """A second config, whose scores also go to a server."""
    content = yaml.safe_load(project.config.read_text())
    content["scoring"] = {"postgresql": {"url_variable": DATABASE_VARIABLE}}
    (project.folder / "config_database.yaml").write_text(yaml.safe_dump(content))
