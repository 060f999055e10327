"""The usual way in pandas: for each snapshot and window, filter what was visible and group it.

The features are those of ours that this way can express; the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

WINDOWS = (30, 90, 180, 365)
FEATURES = (
    *(
        f"{stem}_{window}d"
        for stem in (
            "orders_count",
            "order_days_count",
            "order_lines_count",
            "spend",
            "products_count",
            "return_lines_count",
            "touches_count",
            "contacts_count",
            "reps_count",
            "complaints_count",
        )
        for window in WINDOWS
    ),
    "days_since_last_order",
    "days_since_first_order",
    "days_since_last_touch",
    "days_since_last_complaint",
)


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The event tables, with the columns that are needed."""
    columns = {
        "orders": ["account_id", "order_id", "product_id", "occurred_at", "known_at"],
        "touches": ["account_id", "contact_id", "rep_id", "occurred_at", "known_at"],
        "complaints": ["account_id", "opened_at", "known_at"],
    }
    columns["orders"].append("amount_cents")
    return {
        table: pd.read_parquet(folder / f"{table}.parquet", columns=names)
        for table, names in columns.items()
    }


def feature_table(
    events: dict[str, pd.DataFrame], as_ofs: Sequence[date], accounts: pd.DataFrame
) -> pd.DataFrame:
    """The features for `accounts` (account_id, as_of), indexed by them."""
    parts = [
        _snapshot(events, pd.Timestamp(as_of), accounts.loc[accounts["as_of"] == as_of])
        for as_of in as_ofs
    ]
    return pd.concat(parts)


def _snapshot(
    events: dict[str, pd.DataFrame], as_of: pd.Timestamp, accounts: pd.DataFrame
) -> pd.DataFrame:
    def visible(table: str, occurred: str = "occurred_at") -> pd.DataFrame:
        rows = events[table]
        return rows[(rows[occurred] < as_of) & (rows["known_at"] < as_of)]

    orders, touches = visible("orders"), visible("touches")
    complaints = visible("complaints", "opened_at")
    lines, returns = orders[orders["amount_cents"] > 0], orders[orders["amount_cents"] < 0]
    answer: dict[str, pd.Series] = {}
    for window in WINDOWS:
        begin = as_of - timedelta(days=window)
        recent = lines[lines["occurred_at"] >= begin]
        by_account = recent.groupby("account_id")
        answer[f"orders_count_{window}d"] = by_account["order_id"].nunique()
        days = recent.assign(day=recent["occurred_at"].dt.normalize())
        answer[f"order_days_count_{window}d"] = days.groupby("account_id")["day"].nunique()
        answer[f"order_lines_count_{window}d"] = by_account.size()
        answer[f"spend_{window}d"] = by_account["amount_cents"].sum() / 100
        answer[f"products_count_{window}d"] = by_account["product_id"].nunique()
        returned = returns[returns["occurred_at"] >= begin]
        answer[f"return_lines_count_{window}d"] = returned.groupby("account_id").size()
        met = touches[touches["occurred_at"] >= begin].groupby("account_id")
        answer[f"touches_count_{window}d"] = met.size()
        answer[f"contacts_count_{window}d"] = met["contact_id"].nunique()
        answer[f"reps_count_{window}d"] = met["rep_id"].nunique()
        opened = complaints[complaints["opened_at"] >= begin]
        answer[f"complaints_count_{window}d"] = opened.groupby("account_id").size()
    last = {
        "days_since_last_order": lines.groupby("account_id")["occurred_at"].max(),
        "days_since_first_order": lines.groupby("account_id")["occurred_at"].min(),
        "days_since_last_touch": touches.groupby("account_id")["occurred_at"].max(),
        "days_since_last_complaint": complaints.groupby("account_id")["opened_at"].max(),
    }
    table = pd.DataFrame(answer).reindex(accounts["account_id"]).fillna(0)
    for name, moment in last.items():
        seconds = (as_of - moment).dt.total_seconds() // 1
        table[name] = (seconds / 86_400).reindex(table.index)
    table["as_of"] = as_of.date()
    return table.set_index("as_of", append=True)[list(FEATURES)]
