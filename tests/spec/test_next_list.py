"""When the list after that of a date is due."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from pipeline.config import load_config
from pipeline.scoring.next_list import next_list


@pytest.mark.parametrize(
    ("every", "as_of", "due", "late"),
    [
        ("day", "2026-02-28", "2026-03-01", "2026-03-02"),
        ("week", "2026-01-01", "2026-01-08", "2026-01-09"),
        ("month", "2026-01-15", "2026-02-15", "2026-02-16"),
        ("month", "2026-01-30", "2026-02-28", "2026-03-01"),
        ("month", "2026-02-28", "2026-03-31", "2026-04-01"),  # the last day, after the last day
        ("month", "2026-04-30", "2026-05-31", "2026-06-01"),
        ("month", "2026-12-31", "2027-01-31", "2027-02-01"),
    ],
)
def test_the_next_list(tmp_path, every: str, as_of: str, due: str, late: str) -> None:
    path = tmp_path / "config.yaml"
    content = {
        "name": "small",
        "timezone": "Europe/Berlin",
        "sources": {"orders": {"path": "orders.csv"}},
        "snapshots": {"first": date(2025, 1, 1), "last": date(2026, 1, 1)},
        "scoring": {"every": every},
    }
    path.write_text(yaml.safe_dump(content))
    said = next_list(load_config(path), date.fromisoformat(as_of)).entries()
    assert (said["next_due"][:10], said["next_late"][:10]) == (due, late)
