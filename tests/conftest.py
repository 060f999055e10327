"""What every test can ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One engine per test module; tests replace its tables. One thread is fastest for few rows."""
    with DuckDBEngine(threads=1) as engine:
        yield engine
