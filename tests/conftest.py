"""What every test can ask for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import binaries, cluster
from command_line import run_here
from hypothesis import settings
from project import AS_OF, FIRST_LIST, Project, copy_project, make_project, once_per_run

from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.market import simulate

pytest_plugins = ("budget", "fault_table")

# The same examples everywhere, so that a law fails for a change and not by chance; to search for
# others: pytest --hypothesis-profile=default. No example has to be quick: the machine may be busy.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


@pytest.hookimpl(tryfirst=True)  # before tests are deselected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the database."""
    for item in items:
        if "database" in getattr(item, "fixturenames", ()):
            item.add_marker("postgresql")


URL = "DEFECTION_TEST_DATABASE_URL"


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The environment variable with the connection string of a fresh PostgreSQL database."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: make setup")
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    with cluster(programs) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL, url)
        yield URL


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One engine per test module; tests replace its tables. One thread is fastest for few rows."""
    with DuckDBEngine(threads=1) as engine:
        yield engine


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 accounts over 28 months; to read only."""

    def build(folder: Path) -> None:
        simulate(folder, accounts=400, months=28, seed=11, end=AS_OF)

    return once_per_run(tmp_path_factory, "market", build)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, market: Path) -> Project:
    """A project with a champion and two lists; to read only.

    `train.txt` is what the training printed, `events.jsonl` its OpenLineage events; `score.txt` is
    what the second list printed, `score.jsonl` its log.
    """

    def build(folder: Path) -> None:
        project = make_project(folder, market)
        said = project.done("train", OPENLINEAGE_FILE=str(folder / "events.jsonl"))
        (folder / "train.txt").write_text(said)
        project.use_first_version()
        project.done("score", "--as-of", FIRST_LIST)
        second = project.command("--log", "json", "score", "--as-of", AS_OF)
        listed = run_here(second, folder)
        assert listed.returncode == 0, listed.stderr
        (folder / "score.txt").write_text(listed.stdout)
        (folder / "score.jsonl").write_text(listed.stderr)

    return Project(once_per_run(tmp_path_factory, "world", build))


@pytest.fixture
def project(tmp_path: Path, market: Path) -> Project:
    """A fresh project: nothing trained, nothing published."""
    return make_project(tmp_path, market)


@pytest.fixture
def trained(tmp_path: Path, world: Project) -> Project:
    """A copy of the world, to change."""
    return copy_project(world, tmp_path)
