"""Figures as JSON has them: six digits of a fraction, and null for what cannot be said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from models.bootstrap import Interval


def figure(value: float) -> float | None:
    """A number; None for NaN."""
    return round(float(value), 6) if math.isfinite(value) else None


def figures(measured: Mapping[str, Interval]) -> dict[str, dict[str, Any]]:
    """Intervals by name, each as value, low and high."""
    return {
        name: {part: figure(value) for part, value in found._asdict().items()}
        for name, found in measured.items()
    }
