"""The list for people: the accounts that can be called, as a CSV that spreadsheets show rightly."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

_SIGNS = "=+@\uff1d\uff0b\uff0d\uff20\u2212-"  # also those of full width, which Excel converts
_FORMULA = re.compile(rf"^(?=[\t\r\n])|(^|[;\t\r\n])(?=[^\S\t\r\n]*[{_SIGNS}])")
"""Before what a spreadsheet takes for a formula: at the beginning, blanks aside, and where another
program begins a cell, as one does that separates by ; or at every end of a line."""
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


def neutral(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would run as a formula."""
    return _FORMULA.sub(r"\1'", text)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _DECIMALS:
        return f"{value:z.{_DECIMALS[name]}f}"
    return str(value)
