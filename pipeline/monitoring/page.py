"""The report as one page, monitor.html: for whoever runs the job or answers for the model.

Everything is in the file, and nothing in it acts: no script, no request.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from pipeline.page_policy import policy

_PAGES = Path(__file__).parent / "pages"
SHOWN = 25  # features that the page shows at once; all others are folded away


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report as one self-contained page."""
    style = (_PAGES / "monitor.css").read_text(encoding="utf-8")
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {"share": _share, "number": _number}
    features = sorted(report["drift"]["features"], key=lambda each: -(each["distance"] or 0))
    text = pages.get_template("monitor.html").render(
        report=report,
        first=features[:SHOWN],
        others=features[SHOWN:],
        policy=policy(style),
        style=style,
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
