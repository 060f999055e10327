"""The call list as one page, call_list.html: for a key-account manager, on a desk or on the way.

Everything is in the file: no request leaves it, and its Content-Security-Policy forbids any. The
data are JSON in a script element; the script makes text of them, never markup.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.pages.page import filled
from pipeline.scoring.past_months import PastMonths

_PAGES = Path(__file__).parent / "pages"
_ABOUT_ALL = ("as_of", "horizon_days", "currency", "model_version", "value_basis")
_FAMILIES = {
    "order_history": "Orders",
    "contact_breadth": "Contacts",
    "complaint_latency": "Complaints",
}
_WANTING = {
    "touches": "No touches in this extract: contacts and representatives are not looked at.",
    "complaints": "No complaints in this extract: they are not looked at.",
    "accounts": "No accounts table in this extract: names and owners are not known.",
}


@dataclass(frozen=True)
class About:
    """What a reader needs to know of the list as a whole.

    name: of the config. defection: what it is, in words. bands: the least risk of each, 0-1.
    absent: canonical tables that no source provides. scored: accounts of the cohort. call_value,
    ranked_by: what the value of a call and the call score are, in words. order_again: how many of
    those who stopped ordering come back, in a sentence. win_back: what sorts the list to win back,
    and who orders again without a call, in sentences. note: what to keep in mind about the whole
    list, in a sentence; empty where there is nothing.
    """

    name: str
    as_of: date
    defection: str
    bands: Mapping[str, float]
    absent: Collection[str]
    scored: int
    call_value: str = ""
    ranked_by: str = ""
    order_again: str = ""
    win_back: str = ""
    note: str = ""


def write_page(path: Path, listed: pa.Table, past: PastMonths, about: About) -> None:
    """Write the listed rows of the scores with their past months as one self-contained page."""
    text = filled(
        _PAGES / "call_list.html",
        title=f"Call list {about.as_of}, {about.name}",
        data=_data(listed, past, about),
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def _data(listed: pa.Table, past: PastMonths, about: About) -> dict[str, Any]:
    """What the script draws; nulls are left out."""
    rows = listed.to_pylist()
    return {
        "name": about.name,
        "about": {
            name: _plain(rows[0][name]) for name in _ABOUT_ALL if rows and rows[0][name] is not None
        },
        "as_of": str(about.as_of),
        "defection": about.defection,
        "scored": about.scored,
        "call_value": about.call_value,
        "ranked_by": about.ranked_by,
        "order_again": about.order_again,
        "win_back": about.win_back,
        "note": about.note,
        "bands": [
            {"name": name, "least": least}
            for name, least in sorted(about.bands.items(), key=lambda band: -band[1])
        ],
        "families": [{"name": name, "label": label} for name, label in _FAMILIES.items()],
        "wanting": [text for table, text in _WANTING.items() if table in about.absent],
        "months": past.months,
        "series": past.names,
        "accounts": [
            {
                **{
                    name: _plain(value)
                    for name, value in row.items()
                    if value is not None and name not in _ABOUT_ALL
                },
                "past": past.of.get(row["account_id"], {}),
            }
            for row in rows
        ],
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it: days for times, six digits of a fraction."""
    if isinstance(value, datetime):
        return str(value.date())
    if isinstance(value, date):
        return str(value)
    return round(value, 6) if isinstance(value, float) else value
