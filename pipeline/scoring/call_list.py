"""The list for people: the accounts that can be called, as a CSV that spreadsheets show rightly."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula's beginning
_DECIMALS = {
    **dict.fromkeys(("risk", "departure_risk", "slip_chance", "previous_risk", "change"), 3),
    **dict.fromkeys(("risk_30", "risk_90", "risk_180"), 3),
    **dict.fromkeys(("reorder_90", "reorder_180"), 3),
    **dict.fromkeys(("change_by_model", "change_by_time", "change_by_data"), 3),
    **dict.fromkeys(("days_silent", "usual_gap", "days_past_due"), 0),
    **dict.fromkeys(("value_at_stake", "next_year_low", "next_year_high"), 0),
    **dict.fromkeys(("expected_loss", "call_value", "call_score"), 0),
}


def write_call_list(path: Path, listed: pa.Table) -> None:
    """Write the listed rows of the scores.

    UTF-8 with a byte-order mark, so that Excel shows every name; text that a spreadsheet would
    run as a formula is neutralised by an apostrophe.
    """
    rows = listed.to_pylist()
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(listed.column_names)
        writer.writerows([_cell(name, value) for name, value in row.items()] for row in rows)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return "'" + value if value.startswith(FORMULA) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _DECIMALS:
        return f"{value:z.{_DECIMALS[name]}f}"
    return str(value)
