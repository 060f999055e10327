"""The call list in the forms that people open: call_list.csv, call_list.xlsx, call_list.html."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa

from pipeline.config import Config
from pipeline.engines import Engine
from pipeline.scoring.call_list import write_call_list
from pipeline.scoring.page import About, write_page
from pipeline.scoring.past_months import past_months
from pipeline.scoring.spreadsheet import write_spreadsheet
from pipeline.sources import Sources
from pipeline.tables.label_definitions import label_of

LISTS = ("call_list.csv", "call_list.xlsx", "call_list.html")
"""The files that `write_lists` writes."""


def write_lists(
    folder: Path,
    listed: pa.Table,
    lost: pa.Table,
    engine: Engine,
    sources: Sources,
    config: Config,
    as_of: date,
    scored: int,
) -> None:
    """Write the listed rows of the scores in all three forms, the lost accounts below them.

    scored: accounts of the cohort.
    """
    rows = pa.concat_tables([listed, lost])
    for_spreadsheets, workbook, page = (folder / name for name in LISTS)
    write_call_list(for_spreadsheets, rows)
    write_spreadsheet(workbook, rows, as_of)
    accounts = rows["account_id"].to_pylist()
    resolutions = "resolved_at" in sources.provided().get("complaints", ())
    about = About(
        name=config.name,
        as_of=as_of,
        defection=label_of(config.label).says,
        bands=config.scoring.bands,
        absent=sources.absent,
        scored=scored,
    )
    past = past_months(engine, accounts, as_of, resolutions=resolutions)
    write_page(page, rows, past, about)
