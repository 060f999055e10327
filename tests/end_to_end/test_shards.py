"""Published scores and feature tables have the same bytes for any number of shards."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
import yaml
from project import AS_OF, Project

FILES = ("scores.parquet", "features.parquet", "call_list.csv")


def add_merges(project: Project, market: Path) -> None:
    """A source of merges, a third of them undone later; each joins two accounts."""
    ids = sorted(set(pd.read_parquet(market / "accounts.parquet")["account_id"]))
    place = project.folder / "merges.csv"
    with place.open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["from_id", "into_id", "known_at", "deleted"])
        for number, (one, other) in enumerate(zip(ids[0:60:2], ids[1:60:2], strict=True)):
            rows.writerow([one, other, f"2025-0{1 + number % 9}-01 10:00:00", False])
            if number % 3 == 0:
                rows.writerow([one, other, "2025-10-15 10:00:00", True])
    sources = yaml.safe_load(project.config.read_text())["sources"]
    project.change(sources=sources | {"account_merges": {"path": str(place)}})


@pytest.mark.long
def test_scores_are_the_same_for_any_number_of_shards(trained: Project, market: Path) -> None:
    add_merges(trained, market)
    found = {}
    for shards in (1, 3, 8):
        trained.change(engine={"threads": 1 + shards % 2, "shards": shards})
        trained.done("score", "--as-of", AS_OF)
        newest = max(trained.scores.glob(f"as_of={AS_OF}/*/*"), key=lambda f: f.stat().st_mtime_ns)
        found[newest] = [(newest / name).read_bytes() for name in FILES]
    assert len(found) == 3
    one, *others = found.values()
    assert all(other == one for other in others)
