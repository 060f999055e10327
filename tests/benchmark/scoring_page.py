"""docs/benchmarks-scoring.md from the figures of the runs."""

from __future__ import annotations

from typing import Any

HEAD = """"""


def page(result: dict[str, Any]) -> str:
    return ""
