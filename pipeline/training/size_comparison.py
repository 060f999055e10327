"""Whether the keep list catches more of the departing margin than a list sorted by size.

Judged at the configured capacity over the recent tests, each departure counted once, no account
counting with more than the 99th percentile of the active accounts' margin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from models.bootstrap import Interval
from pipeline.training.keep_list import SIZE
from pipeline.training.keep_list_measures import (
    CAPPED,
    DEPARTURES,
    DUE,
    LASTING,
    LOST,
    SETTLED,
    KeepListEvaluation,
)
from pipeline.wording import counted

BETTER, NO_DIFFERENCE, WORSE = "better", "no difference shown", "worse"
NOT_ENOUGH = "not enough to judge"
FEWEST_DEPARTURES = 15  # of equal margin; see `models.margin_caught.effective_number`

_SAYS = {
    NO_DIFFERENCE: "This list is not shown to catch more of the departing margin than one sorted "
    "by size",
    WORSE: "This list caught less of the departing margin than one sorted by size",
}
_NAMES = {DUE: "due departures", LASTING: "lasting departures", LOST: "margin lost"}


class SizeComparison(NamedTuple):
    """The answer and what readers of the list have to be told; empty where the list is better."""

    answer: str
    sentence: str


def compare_with_size(found: KeepListEvaluation) -> SizeComparison:
    """Return which of the four answers the back-test gives."""
    gain = found.of(CAPPED, less=SIZE)
    if found.effective_number < FEWEST_DEPARTURES or np.isnan(gain.value):
        return SizeComparison(
            NOT_ENOUGH,
            "There are too few departures to compare this list with one sorted by size: "
            f"{counted(found.departures, 'departure')} with the weight of "
            f"{found.effective_number:.1f} of equal margin; {FEWEST_DEPARTURES} are needed.",
        )
    if gain.low > 0:
        return SizeComparison(BETTER, "")
    answer = WORSE if gain.high < 0 else NO_DIFFERENCE
    return SizeComparison(answer, f"{_SAYS[answer]}: {against(found, SIZE)}.")


def against(found: KeepListEvaluation, other: str) -> str:
    """The deciding measure of the list and of another ranking, in words."""
    own, theirs = found.of(CAPPED), found.of(CAPPED, other)
    return (
        f"{own.value:.1%} against {theirs.value:.1%} with {counted(found.capacity, 'call')} at "
        f"{counted(len(found.recent), 'test snapshot')}, {points(found.of(CAPPED, less=other))}; "
        f"without a limit on large accounts {points(found.of(DEPARTURES, less=other))}"
    )


def disagreements(found: KeepListEvaluation) -> Iterator[str]:
    """A sentence where the three outcomes disagree whether the list is better than size."""
    gains = {kind: found.of(kind, less=SIZE, snapshot=SETTLED) for kind in _NAMES if found.settled}
    signs = {np.sign(gain.value) for gain in gains.values()}
    if {-1.0, 1.0} <= signs:
        said = ", ".join(f"{_NAMES[kind]} {points(gain)}" for kind, gain in gains.items())
        yield (
            "The outcomes disagree whether the list is better than size at the snapshots at which "
            f"all are known ({found.settled[0]} to {found.settled[-1]}): {said}."
        )


def points(gain: Interval) -> str:
    """A difference of two shares with its interval."""
    if np.isnan(gain.value):
        return "unknown"
    value, low, high = (100 * number for number in gain)
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"
