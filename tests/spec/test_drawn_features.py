"""The golden tables leave no feature out."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import undrawn

from features.families import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_every_definition_is_drawn_with_a_number_and_with_its_null(family: str) -> None:
    assert undrawn(FAMILIES[family], Path(__file__).with_name(f"test_{family}.py")) == []
