"""What every test can ask for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import binaries, cluster
from fault_table import pytest_addoption, pytest_sessionfinish, pytest_terminal_summary
from hypothesis import settings
from project import AS_OF, FIRST_LIST, Project, make_project

from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.market import simulate

__all__ = ["pytest_addoption", "pytest_sessionfinish", "pytest_terminal_summary"]  # hooks

# The same examples everywhere, so that a law fails for a change and not by chance; to search for
# others: pytest --hypothesis-profile=default
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")

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
    project.done("train")
    project.use_first_version()
    project.done("score", "--as-of", FIRST_LIST)
    return project
