"""A call list drawn by hand: a few rows with the columns that a test speaks of, the rest empty."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa

from pipeline.scoring.score_table import SCHEMA

D = date(2025, 1, 1)
ROW: dict[str, Any] = {
    "as_of": D,
    "horizon_days": 90,
    "risk": 0.25,
    "risk_90": 0.25,
    "risk_band": "medium",
    "value_at_stake": 4000.0,
    "next_year_low": 3000.0,
    "next_year_high": 5500.0,
    "value_basis": "margin",
    "currency": "EUR",
    "expected_loss": 1000.0,
    "call_value": 4000.0,
    "call_score": 1000.0,
    "list": "keep",
    "list_status": "listed",
    "tier": "B",
    "days_silent": 12.0,
    "usual_gap": 7.0,
    "last_order_at": datetime(2024, 12, 20, 9, 30),
    "thin_history": False,
    "model_version": 1,
}


def drawn_list(*rows: dict[str, Any]) -> pa.Table:
    """A published table; accounts are A1, A2, ... where a row does not say otherwise."""
    filled = [
        {**ROW, "rank": place, "account_id": f"A{place}", **row}
        for place, row in enumerate(rows, 1)
    ]
    further = {name: value for row in filled for name, value in row.items()}
    schema = SCHEMA
    for name, value in further.items():
        if name not in SCHEMA.names:
            schema = schema.append(pa.field(name, pa.scalar(value).type))
    return pa.Table.from_pylist(filled, schema=schema)
