"""What every test can ask for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from clusters import binaries, cluster
from hypothesis import settings

from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine

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
