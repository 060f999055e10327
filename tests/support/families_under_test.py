"""The families that the laws are checked on: ours, the documented example, and a user's own.

DEFECTION_FAMILIES names files of further families, separated as in PATH.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from features.definition import DEFAULT_WINDOWS, Family
from features.families import FAMILIES
from pipeline.config.own_families import load_family

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "order_timing.py"


def _load(*paths: Path) -> dict[str, Family]:
    """By name, the families of files that are named as they are."""
    ours = FAMILIES.values()
    return {path.stem: load_family(path.stem, path, DEFAULT_WINDOWS, ours) for path in paths}


GIVEN = _load(*map(Path, filter(None, os.environ.get("DEFECTION_FAMILIES", "").split(os.pathsep))))
UNDER_TEST = FAMILIES | _load(EXAMPLE) | GIVEN


def moves_nothing(family: str) -> None:
    """Fail, or skip a family of a user's own: our plain events may not be what it looks at."""
    told = f"no feature of {family} moves"
    if family not in GIVEN:
        pytest.fail(told)
    pytest.skip(f"{told}; draw an event that moves one, and the law is checked")
