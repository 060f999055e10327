"""The frame of features: in order whatever the order of the engine, and taken in parts."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from feature_tables import load
from worlds import complete

from features.order_history import order_lines
from features.values import Count, Last
from pipeline.engines import Engine, duckdb
from pipeline.scoring import score
from pipeline.tables.cohort import make_active_cohort
from pipeline.tables.training_table import feature_frame, float_columns

AS_OFS = [date(2025, 2, 1), date(2025, 3, 1)]
VALUES = {"orders": Count(order_lines), "last_s": Last(order_lines)}
ACCOUNTS = 3_000


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    """What each account has, in the order that is asked for."""
    names = sorted(f"a{number}" for number in range(ACCOUNTS))
    rows = [(name, day, 1.0 + int(name[1:]) % 3) for day in AS_OFS for name in names]
    return pd.DataFrame(rows, columns=["account_id", "as_of", "orders"])


@pytest.fixture
def orders(engine: Engine) -> Engine:
    first = datetime(2025, 1, 10)
    lines = [
        {"account_id": f"a{number}", "order_id": f"{number}-{place}", "occurred_at": at}
        for number in range(ACCOUNTS)
        for place, at in enumerate(first + timedelta(days=n) for n in range(1 + number % 3))
    ]
    also = {"line_id": "1", "amount_cents": 1_000}
    rows = [line | also | {"known_at": line["occurred_at"]} for line in lines]
    load(engine, complete({"orders": rows}))
    make_active_cohort(engine, "cohort", AS_OFS, 180)
    return engine


@pytest.mark.parametrize("at_once", [2_048, 2**16])
def test_rows_are_by_snapshot_then_account_however_many_come_at_once(
    orders: Engine, expected: pd.DataFrame, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb, "_ROWS_AT_ONCE", at_once)
    batches = [len(batch) for batch in orders.batches("SELECT * FROM cohort")]
    assert sum(batches) == 2 * ACCOUNTS
    assert (len(batches) > 1) == (at_once < ACCOUNTS)
    frame = feature_frame(orders, VALUES, AS_OFS, "cohort")
    assert frame["account_id"].tolist() == expected["account_id"].tolist()
    assert frame["as_of"].dt.date.tolist() == expected["as_of"].tolist()
    assert frame["orders"].tolist() == expected["orders"].tolist()
    assert not orders.has_table("feature_table")
    assert not orders.has_table("feature_place")


def test_what_the_rule_knows_stands_beside_in_the_same_block(
    orders: Engine, expected: pd.DataFrame
) -> None:
    make_active_cohort(orders, "cohort", AS_OFS[:1], 180)
    state = expected[:ACCOUNTS][["account_id", "as_of"]].assign(
        overdue=np.arange(ACCOUNTS, dtype=np.float64), due_on=pd.Timestamp("2025-02-03")
    )
    frame = feature_frame(orders, VALUES, AS_OFS[:1], "cohort", state=state)
    assert list(frame) == ["account_id", "as_of", "orders", "last_s", "overdue", "due_on"]
    assert frame["overdue"].tolist() == state["overdue"].tolist()
    cells, names = float_columns(frame)
    assert names == ["orders", "last_s", "overdue"]
    assert np.shares_memory(cells, float_columns(frame)[0])


def test_features_are_written_some_rows_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "_ROWS_AT_ONCE", 4)
    frame = pd.DataFrame({"account_id": list("abcdefghi"), "x": np.arange(9.0), "y": np.nan})
    score._write_features(tmp_path / "some.parquet", frame, ["account_id", "x"])
    written = pq.ParquetFile(tmp_path / "some.parquet")
    rows = [written.metadata.row_group(n).num_rows for n in range(written.num_row_groups)]
    assert rows == [4, 4, 1]
    pd.testing.assert_frame_equal(written.read().to_pandas(), frame[["account_id", "x"]])
