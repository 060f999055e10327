"""docs/benchmarks-market.md from the figures of a run."""

from __future__ import annotations

from typing import Any


def page(result: dict[str, Any]) -> str:
    return "\n".join(result) + "\n"
