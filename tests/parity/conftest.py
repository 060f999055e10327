"""The other engines, each on a server or in a session of its own; skipped where one is missing."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

import pytest
from clusters import binaries, cluster

from pipeline.engines import Engine

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
def postgresql(database: str) -> Iterator[Engine]:
    """PostgreSQL."""
    from pipeline.engines.postgresql import PostgresEngine

    with PostgresEngine(database) as engine:
        yield engine


@pytest.fixture(scope="module")
def spark() -> Iterator[Engine]:
    """Spark, in this process."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: make setup-spark")
    if shutil.which("java") is None:
        pytest.skip("no Java, which Spark runs on: apt-get install default-jre-headless")
    from pipeline.engines.spark import SparkEngine

    with SparkEngine(memory_share=0.1) as engine:
        yield engine


@pytest.fixture(
    scope="module", params=["postgresql", pytest.param("spark", marks=pytest.mark.slow)]
)
def other(request: pytest.FixtureRequest) -> Engine:
    """Each engine that DuckDB is compared with."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine
