"""The search for settings of the model: what is tried, and how well it does out of time.

It sees development rows only: those whose label was complete at the first test snapshot. So what is
reported on the test snapshots has not been chosen on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.model_selection import ParameterSampler

from models import measures
from models.auc_gain import auc_gain
from models.bootstrap import Interval
from models.dataset import Dataset, FloatArray
from models.out_of_time import OutOfTime, learners, rolling
from models.settings import ModelSettings

SPACE = {
    "trees": randint(80, 401),
    "leaves": randint(3, 32),
    "learning_rate": loguniform(0.01, 0.1),
    "min_leaf_rows": loguniform(50, 2000),
    "feature_share": uniform(0.1, 0.6),
    "row_share": uniform(0.3, 0.5),
    "l2": loguniform(0.5, 100),
}
"""What is drawn for each setting; the rest stays as it is."""

_WHOLE = ("trees", "leaves", "min_leaf_rows")


@dataclass(frozen=True)
class Score:
    """How well some settings rank, as means over the development snapshots."""

    auc: float
    average_precision: float
    by_snapshot: dict[str, float]  # AUC


def candidate(settings: ModelSettings, number: int) -> ModelSettings:
    """Return the settings of a trial: those given for number 0, else drawn at random.

    The same number gives the same settings, however many trials there are.
    """
    if number == 0:
        return settings
    state = (settings.seed * 100_003 + number) % 2**32
    (drawn,) = ParameterSampler(SPACE, n_iter=1, random_state=state)
    rounded: dict[str, Any] = {
        name: round(value) if name in _WHOLE else float(f"{value:.3g}")
        for name, value in drawn.items()
    }
    return replace(settings, **rounded)


def development_rows(dataset: Dataset, first_test: date) -> Dataset:
    """Return the rows whose label was complete at the first test snapshot."""
    return dataset.rows(dataset.label_complete <= np.datetime64(first_test, "D"))


def predicted(
    development: Dataset,
    shorter: Sequence[Dataset],
    settings: ModelSettings,
    snapshots: Sequence[date],
) -> OutOfTime:
    """Predict development snapshots, each by a model that could have existed then.

    Accounts that were acted on are left out, as of every measure.
    """
    together = learners(development, shorter, snapshots, settings)
    return rolling(together, snapshots, {}, only=snapshots).untreated()


def score(predictions: OutOfTime) -> Score:
    """Measure what `predicted` gives."""
    auc: dict[str, float] = {}
    precision: list[float] = []
    for split in predictions.splits:
        rows = predictions.at(split.snapshot)
        of = (rows.label, rows.raw, rows.stands_for)
        auc[str(split.snapshot)] = measures.auc(*of)
        precision.append(measures.average_precision(*of))
    return Score(float(np.mean(list(auc.values()))), float(np.mean(precision)), auc)


def gain(better: OutOfTime, base: FloatArray, repetitions: int) -> Interval:
    """Return the gain in AUC over other raw predictions of the same rows, with its interval.

    repetitions: draws of accounts behind the interval.
    """
    return auc_gain(better, better.raw, base, repetitions)
