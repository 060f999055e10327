"""The other engines, each on a server or in a session of its own; skipped where one is missing."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

import pytest

from features.definition import DEFAULT_WINDOWS
from pipeline.engines import Engine


@pytest.fixture(scope="module")
def postgresql(database: str) -> Iterator[Engine]:
    """PostgreSQL."""
    from pipeline.engines.postgresql import PostgresEngine

    with PostgresEngine(database) as engine:
        yield engine


# For few rows, compiling a query takes longer than running it without.
QUICKLY = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
}


@pytest.fixture(scope="module")
def spark() -> Iterator[Engine]:
    """Spark, in this process."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed: make setup-spark")
    if shutil.which("java") is None:
        pytest.skip("no Java, which Spark runs on: apt-get install default-jre-headless")
    from pipeline.engines.spark import SparkEngine

    with SparkEngine(memory_bytes=2**31, settings=QUICKLY) as engine:
        yield engine


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("postgresql", "spark")
    ],
)
def other(request: pytest.FixtureRequest) -> Engine:
    """Each engine that DuckDB is compared with."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture
def windows(other: Engine) -> tuple[int, ...]:
    """Windows in days; one for Spark, which takes about a second for a step of any size."""
    return (90,) if type(other).__name__ == "SparkEngine" else DEFAULT_WINDOWS
