"""What golden tests can ask for."""

from __future__ import annotations

import pytest
from drawn import Spec

from pipeline.engines import Engine


@pytest.fixture
def spec(engine: Engine) -> Spec:
    """Checks drawn events against drawn features."""
    return Spec(engine)
