"""What the terminal says of a review."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.review.review import PAGE, Reviewed
from pipeline.training.evaluation import CHAMPION, gain_over
from pipeline.training.keep_list import OF_CHAMPION
from pipeline.training.reporting import said
from pipeline.training.size_comparison import against


def lines(reviewed: Reviewed, *, notes: bool = True) -> Iterator[str]:
    """The comparison with the champion, what the gate found, and what to do next.

    notes: also what the training has printed already.
    """
    version, comparison = reviewed.version, reviewed.comparison
    if comparison.rival == CHAMPION:
        gain = comparison.evaluation.of(gain_over(CHAMPION))
        yield (
            f"Beside the champion, version {reviewed.champion}, on the same rows: AUC "
            f"{comparison.evaluation.value('auc'):.4f} and "
            f"{comparison.evaluation.value('auc', CHAMPION):.4f}, a gain of {said(gain)}"
        )
    keep_list = comparison.keep_list
    if keep_list is not None and OF_CHAMPION in keep_list.rankings:
        yield f"Margin caught, beside the champion's list: {against(keep_list, OF_CHAMPION)}"
    for note in reviewed.notes if notes else ():
        yield f"Note: {note}"
    if reviewed.objections:
        yield f"Version {version} is blocked:"
        yield from (f"  - {objection}" for objection in reviewed.objections)
        yield f"Look at {PAGE} of its run in the MLflow UI (`defection ui`)."
    else:
        yield (
            f"No rule of the gate speaks against version {version}. Look at {PAGE} of its run in "
            "the MLflow UI (`defection ui`), then promote it."
        )
