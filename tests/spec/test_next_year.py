"""What accounts trade in the year after a snapshot at 2025-01-01, in drawn order lines."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from drawn import grid_of
from feature_tables import load
from worlds import complete

from pipeline.engines import Engine
from pipeline.tables.labels import make_next_year, next_year
from pipeline.tables.snapshots import snapshot_dates

T = date(2025, 1, 1)
LAG = 14  # so the year that ends before 2026-01-01 is complete on 2026-01-15


def cents(cell: str) -> int | None:
    return int(Decimal(cell) * 100) if cell else None


def traded(
    engine: Engine, accounts: str, *, orders: str, merges: str = ""
) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Per account: recorded margin, amount with margin, amount without margin."""
    lines = [
        {
            "account_id": row["account"],
            "order_id": f"o{number}",
            "line_id": str(number),
            "occurred_at": datetime.fromisoformat(row["day"]),
            "known_at": datetime.fromisoformat(row.get("known") or row["day"]),
            "amount_cents": cents(row["amount"]),
            "margin_cents": cents(row["margin"]),
        }
        for number, row in enumerate(grid_of(orders))
    ]
    merged = [
        {
            "from_id": row["from"],
            "into_id": row["into"],
            "known_at": datetime.fromisoformat(row["known"]),
        }
        for row in grid_of(merges)
    ]
    load(engine, complete({"orders": lines, "account_merges": merged}))
    rows = {"account_id": list(accounts), "as_of": pa.array([T] * len(accounts))}
    engine.register("asked", pa.table(rows))
    make_next_year(engine, "answered", "asked", [T], next_year(LAG))
    found = engine.rows(
        "SELECT account_id, recorded_margin, amount_with_margin, amount_without_margin, "
        "year_complete FROM answered ORDER BY account_id"
    )
    assert {complete for *_, complete in found} == {date(2026, 1, 15)}
    return {account: tuple(amounts) for account, *amounts, _ in found}


def test_returns_are_deducted_and_the_ends_of_the_year_are_half_open(engine) -> None:
    orders = """
        account | day                 | amount | margin
        A       | 2024-12-31 23:59:59 | 900    | 300
        A       | 2025-01-01          | 100    | 30.50
        A       | 2025-06-01          | -40    | -10
        A       | 2025-12-31 23:59:59 | 50     | 5
        A       | 2026-01-01          | 900    | 300
        B       | 2025-02-01          | -20    | -8
    """
    assert traded(engine, "ABC", orders=orders) == {
        "A": (25.5, 110, 0),
        "B": (-8, -20, 0),
        "C": (0, 0, 0),
    }


def test_lines_that_record_no_margin_are_told_apart_from_lines_without_any(engine) -> None:
    orders = """
        account | day        | amount | margin
        A       | 2025-03-01 | 100    | 30
        A       | 2025-03-01 | 70     |
        A       | 2025-04-01 | 10     | 0
        B       | 2025-03-01 | 70     |
    """
    assert traded(engine, "AB", orders=orders) == {"A": (30, 110, 70), "B": (0, 0, 70)}


def test_what_is_reported_after_the_lag_does_not_count(engine) -> None:
    orders = """
        account | day        | known               | amount | margin
        A       | 2025-12-20 | 2026-01-14 23:59:59 | 100    | 30
        A       | 2025-12-20 | 2026-01-15          | 50     | 20
    """
    assert traded(engine, "A", orders=orders) == {"A": (30, 100, 0)}


def test_a_merged_account_has_what_the_other_trades_unless_both_are_asked_for(engine) -> None:
    drawn = {
        "orders": """
            account | day        | amount | margin
            A       | 2025-02-01 | 100    | 30
            B       | 2025-09-01 | 200    | 60
            C       | 2025-09-01 | 50     | 20
        """,
        "merges": """
            from | into | known
            A    | B    | 2025-05-01
        """,
    }
    assert traded(engine, "AC", **drawn) == {"A": (90, 300, 0), "C": (20, 50, 0)}
    assert traded(engine, "ABC", **drawn) == {
        "A": (None, None, None),
        "B": (None, None, None),
        "C": (20, 50, 0),
    }


@pytest.mark.parametrize(
    ("complete_until", "mature"), [(datetime(2026, 1, 14), 0), (datetime(2026, 1, 15), 1)]
)
def test_a_year_is_known_once_it_and_the_lag_are_over(complete_until, mature) -> None:
    known, _ = next_year(LAG).split(snapshot_dates(T, T, "month"), complete_until)
    assert len(known) == mature
