"""Whether departed accounts order again: a learner for each horizon, taught by untreated ones.

Departed accounts are compared with each other: their ranks are among the departed accounts of the
snapshot. Whoever orders again within a short horizon does so within a longer one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from models.calibration_choice import Calibrator
from models.dataset import Dataset, FloatArray
from models.gradient_boosting import Trees
from models.learner import Learner
from models.settings import ModelSettings

FEWEST_ACCOUNTS = 20
"""Of those that ordered again, and of those that did not, below which nothing is learned."""


@dataclass(frozen=True, eq=False)
class ReorderModel:
    """What a `RiskModel` knows of one horizon.

    days: its length. booster_text: the trees, over the features and `STATE` of departed accounts.
    label_end: the date at which the last label that it learned from was complete.
    """

    days: int
    booster_text: str
    calibrator: Calibrator
    label_end: date


def reorder_learners(
    datasets: Mapping[int, Dataset], tests: Collection[date], settings: ModelSettings
) -> dict[int, Learner]:
    """Return what learns each horizon, by days, with trees that share bins.

    datasets: of departed accounts, of one panel; label 1 where the account ordered again. tests:
    see `Learner`. Whatever `settings` say, treated accounts teach nothing: an action may be why
    they came back.
    """
    untreated = replace(settings, learn_from_treated=False)
    trees = Trees(untreated)
    return {days: Learner(rows, tests, untreated, trees) for days, rows in datasets.items()}


def lack_of_reorders(learner: Learner) -> str | None:
    """Return what there is too little of to learn from, in words; None where there is enough."""
    rows = learner.taught
    reordered = len(np.unique(rows.account[rows.label == 1]))
    stayed_away = len(np.unique(rows.account[rows.label == 0]))
    if min(reordered, stayed_away) < FEWEST_ACCOUNTS:
        return (
            f"{reordered} untreated accounts ordered again and {stayed_away} did not; "
            f"{FEWEST_ACCOUNTS} of each are needed"
        )
    if not learner.predictable:
        return "no snapshot can be predicted from earlier ones"
    return None


def rising(chances: Mapping[int, FloatArray]) -> dict[int, FloatArray]:
    """Return the chances by days, none above that of a longer horizon.

    >>> rising({90: np.array([0.2, 0.4]), 180: np.array([0.3, 0.3])})
    {90: array([0.2, 0.3]), 180: array([0.3, 0.3])}
    """
    found: dict[int, FloatArray] = {}
    for days in sorted(chances, reverse=True):
        longer = min(found, default=None)
        found[days] = chances[days] if longer is None else np.minimum(chances[days], found[longer])
    return {days: found[days] for days in sorted(found)}
