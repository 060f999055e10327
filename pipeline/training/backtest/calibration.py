"""How each way to calibrate has done out of time, and which the rule took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from models import measures
from models.calibration_choice import WAYS
from models.out_of_time import OutOfTime

CHOSEN = "chosen"


@dataclass(frozen=True)
class WayRecord:
    """Means over some snapshots.

    off: |mean risk - share of defectors|. taken: at how many of the snapshots the rule took it.
    """

    way: str
    snapshots: int
    brier: float
    calibration_error: float
    off: float
    auc: float
    taken: int


def way_records(out_of_time: OutOfTime, snapshots: Sequence[date]) -> list[WayRecord]:
    """Measure every way, and the risk that the rule's choice gave, at snapshots that had them."""
    splits = [s for s in out_of_time.splits if s.way and s.snapshot in snapshots]
    return [
        _record(way, out_of_time, [s.snapshot for s in splits], [s.way for s in splits])
        for way in (*WAYS, CHOSEN)
    ]


def _record(
    way: str, out_of_time: OutOfTime, snapshots: Sequence[date], taken: Sequence[str]
) -> WayRecord:
    found = []
    for snapshot in snapshots:
        rows = out_of_time.at(snapshot)
        risk = rows.risk if way == CHOSEN else rows.ways[way]
        of = (rows.label, risk, rows.stands_for)
        found.append(
            (
                measures.brier(*of),
                measures.calibration_error(*of),
                measures.calibration_in_the_large(*of),
                measures.auc(*of),
            )
        )
    brier, error, off, auc = map(float, np.mean(found, axis=0) if found else [np.nan] * 4)
    return WayRecord(way, len(snapshots), brier, error, off, auc, list(taken).count(way))


def lines(records: Sequence[WayRecord]) -> list[str]:
    """The table as Markdown."""
    table = [
        "| way | Brier | calibration error | off by | AUC | taken | what it is |",
        "|---|---|---|---|---|---|---|",
    ]
    table += [
        f"| {r.way} | {r.brier:.4f} | {r.calibration_error:.3f} | {r.off:.3f} | {r.auc:.4f} "
        f"| {'' if r.way == CHOSEN else r.taken} | {WAYS.get(r.way, 'by the rule')} |"
        for r in records
    ]
    return table
