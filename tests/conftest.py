"""What every test can ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.engine import Engine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One engine per test module; tests replace its tables. One thread is fastest for few rows."""
    with Engine(threads=1) as engine:
        yield engine
