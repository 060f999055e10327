"""A list beside the one before: drawn lists, and what is said of each account."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.scoring.change import accounts_that_left, with_changes
from pipeline.scoring.effects import EFFECTS
from pipeline.scoring.score_table import SCHEMA

THEN, NOW = date(2025, 2, 1), date(2025, 3, 1)


def scores(as_of: date, rows: dict[str, tuple[str, float | None]], **columns: list) -> pa.Table:
    """Accounts with their list status and risk."""
    given = {
        "account_id": list(rows),
        "as_of": [as_of] * len(rows),
        "list_status": [status for status, _ in rows.values()],
        "risk": [risk for _, risk in rows.values()],
        "rank": [
            None if status == "left" else place
            for place, (status, _) in enumerate(rows.values(), start=1)
        ],
    } | columns
    empty = {name: [None] * len(rows) for name in SCHEMA.names}
    return pa.table(empty | given, schema=SCHEMA)


def published(folder: Path, table: pa.Table) -> Path:
    folder.mkdir(exist_ok=True)
    pq.write_table(table, folder / "scores.parquet")
    return folder


@pytest.fixture
def then(tmp_path: Path) -> Path:
    """The list before."""
    return published(
        tmp_path / "then",
        scores(
            THEN,
            {
                "stays": ("listed", 0.50),
                "rises": ("listed", 0.50),
                "falls": ("listed", 0.50),
                "called": ("listed", 0.50),
                "enters": ("beyond_capacity", 0.20),
                "below": ("beyond_capacity", 0.20),
                "rests": ("resting", 0.50),
                "silent too": ("beyond_capacity", 0.80),
                "silent": ("listed", 0.90),
                "merged": ("listed", 0.70),
                "long gone": ("left", None),
            },
            tier=["B"] * 7 + ["C", "A", "B", "B"],
            name=[None] * 8 + ["Silent Ltd", None, None],
            last_order_at=[None] * 8 + [datetime(2024, 8, 10)] + [None] * 2,
        ),
    )


def now() -> pa.Table:
    """This list; the change of the risk is by hand."""
    rows = {
        "stays": ("listed", 0.549),
        "rises": ("listed", 0.55),
        "falls": ("listed", 0.45),
        "called": ("resting", 0.60),
        "enters": ("listed", 0.20),
        "below": ("beyond_capacity", 0.30),
        "rests": ("listed", 0.50),
        "returns": ("beyond_capacity", 0.10),
        "long gone": ("beyond_capacity", 0.10),
    }
    change = [0.049, 0.05, -0.05, 0.1, 0.0, 0.1, 0.0, None, None]
    return scores(NOW, rows, change=change)


def kinds(table: pa.Table) -> dict[str, str]:
    pairs = zip(table["account_id"].to_pylist(), table["change_kind"].to_pylist(), strict=True)
    return dict(pairs)


def test_each_account_is_new_up_down_the_same_or_unlisted(then) -> None:
    assert kinds(with_changes(now(), then, None, 0.05)) == {
        "stays": "same",
        "rises": "up",
        "falls": "down",
        "called": "unlisted",  # though its risk is up: it is on the list no more
        "enters": "new",
        "below": "up",
        "rests": "new",  # it was scored, and not on the list
        "returns": "new",
        "long gone": "new",
    }
    assert kinds(with_changes(now(), then, None, 0.01))["stays"] == "up"


def test_an_account_that_moved_to_the_other_list_is_new_there(tmp_path) -> None:
    rows = {"stopped": ("listed", None), "stays": ("listed", 0.5), "waits": ("resting", 0.5)}
    then = scores(THEN, rows, list=["keep", "keep", "none"])
    now = scores(NOW, rows, list=["win_back", "keep", "none"], change=[None, 0.0, 0.0])
    found = kinds(with_changes(now, published(tmp_path / "then", then), None, 0.05))
    assert found == {"stopped": "new", "stays": "same", "waits": "same"}


def test_where_nobody_has_left_nobody_is_told(tmp_path) -> None:
    both = {"stays": ("listed", 0.5)}
    before = published(tmp_path / "before", scores(THEN, both))
    left = accounts_that_left(scores(NOW, both), before, {}, 1)
    assert left.num_rows == 0 and left.schema == SCHEMA


def test_without_a_list_before_nothing_is_said() -> None:
    assert set(kinds(with_changes(now(), None, None, 0.05)).values()) == {None}
    assert accounts_that_left(now(), None, {}, 1).num_rows == 0


def test_a_list_by_a_program_that_did_not_know_of_its_status(then, tmp_path) -> None:
    old = pq.read_table(then / "scores.parquet").drop_columns("list_status")
    found = kinds(with_changes(now(), published(tmp_path / "old", old), None, 0.05))
    assert (found["below"], found["called"], found["rises"]) == ("up", "up", "up")


def test_the_effects_stand_beside_the_change_where_they_are_known(then) -> None:
    effects = pd.DataFrame(
        {name: [0.01, 0.02] for name in EFFECTS}, index=["falls", "stays"], dtype="float64"
    )
    made = with_changes(now(), then, effects, 0.05).select(["account_id", *EFFECTS]).to_pylist()
    assert made[0] == {"account_id": "stays"} | dict.fromkeys(EFFECTS, 0.02)
    assert made[1] == {"account_id": "rises"} | dict.fromkeys(EFFECTS)
    assert made[2] == {"account_id": "falls"} | dict.fromkeys(EFFECTS, 0.01)


def test_who_left_the_cohort_is_told_once_by_rank(then, tmp_path) -> None:
    left = accounts_that_left(now(), then, {"merged": "stays"}, model_version=4)
    assert left.schema == SCHEMA
    first, second = (
        {name: value for name, value in row.items() if value is not None}
        for row in left.to_pylist()
    )
    assert second["account_id"] == "silent" and second["name"] == "Silent Ltd"
    assert second["last_order_at"] == datetime(2024, 8, 10)
    assert first == {
        "account_id": "silent too",
        "as_of": NOW,
        "list": "none",
        "list_status": "left",
        "change_kind": "left",
        "previous_risk": 0.80,
        "tier": "C",
        "model_version": 4,
    }
    # On the next list they are not said again.
    both = published(tmp_path / "now", pa.concat_tables([now(), left]))
    later = scores(date(2025, 4, 1), {"stays": ("listed", 0.5)})
    gone = accounts_that_left(later, both, {}, 4)["account_id"].to_pylist()
    assert "silent" not in gone and "rises" in gone


def test_a_merged_account_has_left_unless_the_one_that_it_became_part_of_tells_of_it(
    tmp_path,
) -> None:
    before = dict.fromkeys(("into scored", "into lost", "into none", "lost"), ("listed", 0.5))
    then = published(tmp_path / "before", scores(THEN, before))
    now = scores(NOW, {"stays": ("listed", 0.5)})
    merged = {"into scored": "stays", "into lost": "lost", "into none": "outside the cohort"}
    left = accounts_that_left(now, then, merged, 1)["account_id"].to_pylist()
    assert left == ["into none", "lost"]
