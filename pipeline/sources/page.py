"""The report of `validate` as one page, validation.html: for whoever prepares the exports.

Everything is in the file, and nothing in it acts: no script, no request. It shows values of the
sources, as validation.json does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.guards.compare import Level
from pipeline.guards.lines import HEADINGS, cells
from pipeline.output_files import write_text
from pipeline.pages.page import filled
from pipeline.sources.figures import Figures
from pipeline.sources.findings import Report, Severity

if TYPE_CHECKING:
    from pipeline.scoring.guard import Guard

_PAGES = Path(__file__).parent / "pages"


def write_page(
    path: Path, name: str, report: Report, figures: Figures, guard: Guard | None = None
) -> None:
    """Write the report as one self-contained page.

    name: of the config. guard: the sources beside those before, where they were compared.
    """
    text = filled(
        _PAGES / "validation.html",
        title=f"Validation, {name}",
        filters={"share": _share, "cells": cells},
        name=name,
        findings={severity.value: report.of(severity) for severity in Severity},
        tables=[
            (table, next(each for each in figures.tables if each.name == table.name))
            for table in report.tables
        ],
        amounts=figures.amounts,
        guard=guard,
        total="" if guard is None else guard.total(),
        refused=guard is not None and bool(guard.of(Level.REFUSED)),
        headings=HEADINGS,
    )
    write_text(path, text)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
