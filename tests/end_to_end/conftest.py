"""A small simulated market and the projects over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import AS_OF, FIRST_LIST, Project, make_project

from pipeline.market import simulate


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
