"""The report as one page, monitor.html: for whoever runs the job or answers for the model.

Everything is in the file, and nothing in it acts: no script, no request.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.monitoring.lines import of_coin, of_list
from pipeline.pages.page import filled

_PAGES = Path(__file__).parent / "pages"
SHOWN = 25  # features that the page shows at once; all others are folded away


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report as one self-contained page."""
    features = sorted(report["drift"]["features"], key=lambda each: -(each["distance"] or 0))
    text = filled(
        _PAGES / "monitor.html",
        title=f"Monitor {report['as_of']}, {report['config']}",
        filters={"share": _share, "number": _number, "of_list": of_list, "of_coin": of_coin},
        report=report,
        first=features[:SHOWN],
        others=features[SHOWN:],
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
