"""The gate's rules for departure: the keep list beside the champion's and size, and calibration."""

from __future__ import annotations

from collections.abc import Iterator

from models.bootstrap import Interval
from pipeline.training.keep_list import OF_CHAMPION
from pipeline.training.keep_list_measures import ALL, CAPPED, SLIP_CHANCE, KeepListEvaluation
from pipeline.training.keep_list_report import ratio
from pipeline.training.size_comparison import (
    WORSE,
    against,
    compare_with_size,
    disagreements,
)

POOLED_BOUNDS = (0.9, 1.1)  # of predicted over actual departures, all accounts
PART_BOUNDS = (0.85, 1.15)  # of the accounts with the highest risks, and of a tier


def keep_list_objections(found: KeepListEvaluation) -> list[str]:
    """Return what stands against the list of a version, a sentence each."""
    return [*_champion(found), *_size(found), *_calibration(found)]


def keep_list_notes(found: KeepListEvaluation) -> list[str]:
    """Return what does not block a version, but whoever uses its list has to know."""
    compared = compare_with_size(found)
    notes = [compared.sentence] if compared.sentence and compared.answer != WORSE else []
    return [*notes, *disagreements(found)]


def outside(group: str, found: Interval) -> tuple[float, float] | None:
    """Return the bounds that a ratio exceeds by more than chance allows; None within them.

    A ratio that cannot be computed exceeds nothing.
    """
    low, high = POOLED_BOUNDS if group == ALL else PART_BOUNDS
    beyond = found.value < low or found.value > high
    by_chance = found.low <= 1 <= found.high
    return (low, high) if beyond and not by_chance else None


def _champion(found: KeepListEvaluation) -> Iterator[str]:
    if OF_CHAMPION in found.rankings and found.of(CAPPED, less=OF_CHAMPION).high < 0:
        yield f"its list catches less margin than the champion's: {against(found, OF_CHAMPION)}"


def _size(found: KeepListEvaluation) -> Iterator[str]:
    compared = compare_with_size(found)
    if compared.answer == WORSE:
        yield compared.sentence.rstrip(".")


def _calibration(found: KeepListEvaluation) -> Iterator[str]:
    for group, one in found.calibration.items():
        bounds = None if group == SLIP_CHANCE else outside(group, one)
        if bounds is not None:
            yield (
                f"predicted over actual departures, {group}: {ratio(one)}; allowed is "
                f"{bounds[0]:.2f} to {bounds[1]:.2f}, or what chance explains"
            )
