"""What the terminal says of a review."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.review.review import PAGE, Reviewed
from pipeline.training.evaluation import CHAMPION, gain_over
from pipeline.training.reporting import said


def lines(reviewed: Reviewed) -> Iterator[str]:
    """The comparison with the champion, what the gate found, and what to do next."""
    version, comparison = reviewed.version, reviewed.comparison
    if comparison.rival == CHAMPION:
        gain = comparison.evaluation.of(gain_over(CHAMPION))
        yield (
            f"Beside the champion, version {reviewed.champion}, on the same rows: AUC "
            f"{comparison.evaluation.value('auc'):.4f} and "
            f"{comparison.evaluation.value('auc', CHAMPION):.4f}, a gain of {said(gain)}"
        )
    if reviewed.objections:
        yield f"Version {version} is blocked:"
        yield from (f"  - {objection}" for objection in reviewed.objections)
        yield f"Look at {PAGE} of its run in the MLflow UI (`defection ui`)."
    else:
        yield (
            f"No rule of the gate speaks against version {version}. Look at {PAGE} of its run in "
            "the MLflow UI (`defection ui`), then promote it."
        )
