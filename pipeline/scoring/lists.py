"""The call list in the forms that people open: call_list.csv, call_list.xlsx, call_list.html."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipeline.engines import Engine
from pipeline.scoring.call_list import write_call_list
from pipeline.scoring.page import About, write_page
from pipeline.scoring.past_months import past_months
from pipeline.scoring.spreadsheet import write_spreadsheet
from pipeline.sources import Sources

LISTS = ("call_list.csv", "call_list.xlsx", "call_list.html")
"""The files that `write_lists` writes."""


def write_lists(
    folder: Path, listed: pa.Table, left: pa.Table, engine: Engine, sources: Sources, about: About
) -> None:
    """Write the listed rows of the scores in all three forms, the accounts that left below them."""
    rows = pa.concat_tables([listed, left])
    for_spreadsheets, workbook, page = (folder / name for name in LISTS)
    write_call_list(for_spreadsheets, rows)
    write_spreadsheet(workbook, rows, about.as_of, about.note)
    accounts = rows["account_id"].to_pylist()
    resolutions = "resolved_at" in sources.provided().get("complaints", ())
    past = past_months(engine, accounts, about.as_of, resolutions=resolutions)
    write_page(page, rows, past, about)
