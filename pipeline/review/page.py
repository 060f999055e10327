"""review.html: what a reviewer needs on one page, for a screen, the keyboard and paper.

Everything is in the file, drawings included; it has no script, asks for nothing, and its
Content-Security-Policy forbids both. It opens in the artifact viewer of the MLflow UI.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from models.bootstrap import Interval
from pipeline.pages.page import filled
from pipeline.review.checklist import Item
from pipeline.review.comparison import Comparison
from pipeline.review.differences import Difference
from pipeline.review.key_accounts import Bands
from pipeline.review.slices import Slice
from pipeline.training.evaluation import COHORT, MEAN, MODEL, gain_over
from pipeline.training.keep_list import CALL_SCORE, OF_CHAMPION, SIZE
from pipeline.training.keep_list_measures import (
    CAPACITY,
    CAPPED,
    DEPARTURES,
    DUE,
    LENGTHS,
    POOLED,
    KeepListEvaluation,
)
from pipeline.training.keep_list_report import lines, spelled, table
from pipeline.training.size_comparison import points

_PAGES = Path(__file__).parent / "pages"
_SAYS = {
    "auc": ("AUC", 4, "chance that a defector has the higher risk of two accounts"),
    "average_precision": ("Average precision", 4, "mean share of defectors down the list"),
    "brier": ("Brier score", 4, "mean squared error of the risk; less is better"),
    "calibration_error": ("Calibration error", 4, "risk beside what came; less is better"),
    "precision_at_capacity": ("Precision at capacity", 3, "share of defectors among those called"),
    "profit": ("Profit of the calls", 0, "by the assumptions in scoring.profit"),
}


@dataclass(frozen=True)
class About:
    """What is reviewed. champion: the version in use; None without one.

    not_compared: why there is a champion, and yet no comparison; empty otherwise.
    """

    name: str
    model: str
    version: int
    champion: int | None
    in_use: bool
    not_compared: str
    defection: str
    learned_until: date
    code_version: str
    run_id: str
    on: date


@dataclass(frozen=True)
class Picture:
    """A drawing as PNG with the text for those who do not see it."""

    png: bytes
    says: str


@dataclass(frozen=True)
class _Row:
    name: str
    says: str
    own: str
    rival: str
    gain: str
    verdict: str


def review_page(
    about: About,
    objections: Sequence[str],
    comparison: Comparison,
    bands: Bands | None,
    names: Mapping[str, str],
    differences: Sequence[Difference],
    items: Sequence[Item],
    pictures: Sequence[Picture],
    notes: Sequence[str] = (),
) -> str:
    """The page as HTML. names: what to call each key account, by account_id.

    notes: what does not block the version, but has to be known.
    """
    return filled(
        _PAGES / "review.html",
        title=f"Review of version {about.version} of {about.model}",
        about=about,
        objections=objections,
        notes=notes,
        keep_list=keep_list_section(comparison.keep_list),
        rival=comparison.rival,
        tests=comparison.evaluation.tests,
        accounts=comparison.evaluation.value("accounts", COHORT),
        rows=_rows(comparison, MEAN),
        by_snapshot=[(day, _rows(comparison, day)[0]) for day in comparison.evaluation.tests],
        slices=[
            (one, _between(one.auc, 3), _between(one.gain, 3, "+"), *_said(one))
            for one in comparison.slices
        ],
        error=lambda one: _between(one.calibration_error, 3),
        bands=bands,
        names=names,
        differences=differences,
        items=items,
        pictures=[(_embedded(picture.png), picture.says) for picture in pictures],
    )


def _rows(comparison: Comparison, snapshot: object) -> list[_Row]:
    """Every measure of both with the paired difference, in words too."""
    evaluation, rival = comparison.evaluation, comparison.rival
    rows = []
    for measure, (name, digits, says) in _SAYS.items():
        own = evaluation.of(measure, MODEL, snapshot)
        other = evaluation.of(measure, rival, snapshot)
        gain = evaluation.of(gain_over(rival, measure), snapshot=snapshot)
        rows.append(
            _Row(
                name,
                says,
                _between(own, digits),
                _between(other, digits),
                _between(gain, digits, "+"),
                _verdict(gain),
            )
        )
    return rows


@dataclass(frozen=True)
class ListRow:
    """The margin caught at one length: by each ranking, and the differences to the rivals."""

    name: str
    says: str
    shares: tuple[str, ...]
    differences: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class KeepListSection:
    """What the page shows of a keep list. rivals: with which it is compared; lines: beside it."""

    rankings: tuple[str, ...]
    rivals: tuple[str, ...]
    rows: tuple[ListRow, ...]
    lines: tuple[str, ...]


def keep_list_section(found: KeepListEvaluation | None) -> KeepListSection | None:
    """The margin that each list catches, in words; None for a label without such a list."""
    if found is None:
        return None
    rivals = tuple(name for name in (SIZE, OF_CHAMPION) if name in found.rankings)
    once = f"each departure once, last {len(found.recent)} test snapshots"
    rows = [
        (DUE, calls, f"{found.capacity:,} calls" if calls == CAPACITY else f"{calls} of active", "")
        for calls in LENGTHS
    ]
    rows += [
        (CAPPED, CAPACITY, "The deciding measure", f"{once}, large accounts limited"),
        (DEPARTURES, CAPACITY, "The same without a limit", once),
    ]
    return KeepListSection(
        tuple(map(spelled, found.rankings)),
        rivals,
        tuple(
            ListRow(
                name,
                says,
                tuple(_percent(found.of(kind, ranking, calls)) for ranking in found.rankings),
                tuple(
                    (points(gain), _verdict(gain))
                    for gain in (found.of(kind, CALL_SCORE, calls, POOLED, one) for one in rivals)
                ),
            )
            for kind, calls, name, says in rows
        ),
        tuple(lines(found)[len(table(found)) :]),
    )


def _percent(found: Interval) -> str:
    return "cannot be said" if math.isnan(found.value) else f"{found.value:.1%}"


def _verdict(gain: Interval) -> str:
    """In words whether a gain, positive where the challenger is better, shows anything."""
    if math.isnan(gain.value):
        return "cannot be said"
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "no difference shown"


def _said(one: Slice) -> tuple[str]:
    return (_verdict(one.gain),)


def _between(found: Interval, digits: int, sign: str = "") -> str:
    if math.isnan(found.value):
        return "cannot be said"
    value = f"{found.value:{sign},.{digits}f}"
    if math.isnan(found.low):
        return value
    return f"{value} ({found.low:{sign},.{digits}f} to {found.high:{sign},.{digits}f})"


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
