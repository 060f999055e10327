"""Which earlier lists are read: the last of each week, of the same meaning, before the date."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Config, load_config
from pipeline.monitoring.past import newest_publication, one_a_week, past_publications
from pipeline.scoring.publication import MEANING, publish


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(
        "name: drawn\nsources: {orders: {path: orders.csv}}\n"
        "snapshots: {first: 2024-01-01, last: 2025-06-01, every: month}\n"
        "label: {definition: inactivity}\n"
    )
    return load_config(path)


def published(root: Path, as_of: date, meaning: dict[str, object], version: int = 1) -> None:
    def write(folder: Path) -> dict[str, object]:
        ranks = pa.array([1, 2, None], pa.int32())  # the last is published as lost
        scores = pa.table({"rank": ranks, "account_id": ["A", "B", "L"], "risk": [0.7, 0.2, None]})
        pq.write_table(scores, folder / "scores.parquet")
        return {"as_of": str(as_of), "model": {"version": version}, MEANING: meaning}

    publish(root, as_of, version, {"as_of": str(as_of), "meaning": str(meaning)}, write)


def test_the_last_list_of_each_week_is_read_and_the_lost_are_left_out(tmp_path, config) -> None:
    root, meaning = tmp_path / "scores", config.meaning_of_risk()
    monday, tuesday, sunday = date(2025, 3, 3), date(2025, 3, 4), date(2025, 3, 9)
    next_monday, now = date(2025, 3, 10), date(2025, 3, 17)
    for day in (monday, tuesday, sunday, next_monday, now):
        published(root, day, meaning)
    published(root, date(2025, 3, 11), meaning | {"label.horizon_days": 30})  # another risk
    every = past_publications(root, now, config)
    assert [past.as_of for past in every] == [monday, tuesday, sunday, next_monday]
    found = one_a_week(every)
    assert [past.as_of for past in found] == [sunday, next_monday]
    assert found[0].scores("account_id", "risk").to_dict("list") == {
        "account_id": ["A", "B"],
        "risk": [0.7, 0.2],
    }
    newest = newest_publication(root, now, config)
    assert newest is not None and newest.as_of == now


def test_where_nothing_is_published_there_is_nothing(tmp_path, config) -> None:
    assert past_publications(tmp_path / "scores", date(2025, 3, 17), config) == []
    assert newest_publication(tmp_path / "scores", date(2025, 3, 17), config) is None
