"""A keep list drawn by hand: four accounts at two test snapshots and one that is settled."""

from __future__ import annotations

from datetime import date

import numpy as np

from pipeline.training.keep_list import CALL_SCORE, SIZE, KeepListRows

EARLIER, FIRST, SECOND = date(2023, 6, 1), date(2025, 1, 1), date(2025, 2, 1)
NEVER = "NaT"

# Account, snapshot, size, call score, outcome, date of the departure, its order.
DRAWN = [
    # A year later all is known: bo stayed away, cy came back, di shrank to 30.
    ("ada", EARLIER, 500, 10, "neither", NEVER, NEVER),
    ("bo", EARLIER, 300, 90, "due", "2023-07-15", "2023-05-20"),
    ("cy", EARLIER, 200, 80, "due", "2023-08-20", "2023-06-25"),
    ("di", EARLIER, 100, 20, "neither", NEVER, NEVER),
    # Due in January: bo, who has placed the last order, in 30 days, and cy, who has not, in 31.
    ("ada", FIRST, 500, 10, "neither", NEVER, NEVER),
    ("bo", FIRST, 300, 90, "due", "2025-01-31", "2024-12-30"),
    ("cy", FIRST, 200, 20, "due", "2025-02-01", "2025-01-03"),
    ("di", FIRST, 100, 80, "slip", "2024-12-20", "2024-11-20"),
    # In February both departures are seen again, and ada's is new.
    ("ada", SECOND, 500, 80, "due", "2025-04-30", "2025-03-31"),
    ("bo", SECOND, 300, 10, "slip", "2025-01-31", "2024-12-30"),
    ("cy", SECOND, 200, 90, "due", "2025-02-01", "2025-01-03"),
    ("di", SECOND, 100, 20, "neither", NEVER, NEVER),
]


def drawn_keep_list() -> KeepListRows:
    """The rows, with the rankings by call score and by size."""
    account, as_of, size, score, outcome, departed, ordered = zip(*DRAWN, strict=True)
    sizes = np.array(size, dtype=np.float64)
    due, slipped = (np.array([one == name for one in outcome]) for name in ("due", "slip"))
    unknown = np.full(8, np.nan)
    risk = np.where(due, 0.6, 0.2)
    return KeepListRows(
        account=np.array(account, dtype=object),
        as_of=np.array(as_of, dtype="datetime64[D]"),
        stands_for=np.ones(12),
        tier=np.array(["A", "B", "B", "C"] * 3, dtype=object),
        size=sizes,
        due=due,
        slipped=slipped,
        departed_on=np.array(departed, dtype="datetime64[D]"),
        ordered_on=np.array(ordered, dtype="datetime64[D]"),
        lasting=np.concatenate([[0.0, 1, 0, 0], unknown]),
        lost=np.concatenate([[0.0, 300, 50, 70], unknown]),
        departure_risk=risk,
        slip_chance=np.where(slipped, 0.5, 0.0),
        onset=risk,
        rankings={CALL_SCORE: np.array(score, dtype=np.float64), SIZE: sizes},
    )
