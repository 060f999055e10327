"""Small models without a calibrator, taught with outcomes that a test chooses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import numpy as np

from models import gradient_boosting
from models.calibration import LogitCalibrator
from models.dataset import Dataset, FloatArray
from models.learner import Learner
from models.out_of_time import OutOfTime, rolling
from models.recipe import Recipe
from models.risk_model import RiskModel
from models.settings import ModelSettings

SETTINGS = ModelSettings(
    trees=30,
    leaves=6,
    learning_rate=0.1,
    min_leaf_rows=20,
    feature_share=0.7,
    row_share=0.8,
    l2=1.0,
    seed=3,
    threads=1,
    minimum_snapshots=1,
    learn_from_treated=True,
)


def learner(features: FloatArray, names: tuple[str, ...], defected: FloatArray) -> str:
    """The text of trees fitted on the ranks of one snapshot; defected: (n,), true or false."""
    day = np.full(len(features), "2020-01-01", dtype="datetime64[D]")
    dataset = Dataset.of(
        features=features,
        names=names,
        label=defected.astype(np.int8),
        account=np.array([f"A{i}" for i in range(len(features))], dtype=object),
        as_of=day,
        label_complete=day + 90,
    )
    return gradient_boosting.fit(dataset, SETTINGS)


def learners(
    dataset: Dataset,
    settings: ModelSettings,
    tests: Collection[date] = (),
    shorter: Sequence[Dataset] = (),
    recipe: Recipe | None = None,
) -> list[Learner]:
    """What learns the labels, the main one last; recipe: in place of trees."""
    trees = gradient_boosting.Trees(settings)
    return [Learner(part, tests, settings, trees, recipe) for part in (*shorter, dataset)]


def rolled(
    dataset: Dataset,
    tests: Sequence[date],
    settings: ModelSettings,
    baselines: Mapping[str, Recipe],
    shorter: Sequence[Dataset] = (),
    recipe: Recipe | None = None,
    only: Collection[date] | None = None,
) -> OutOfTime:
    """Every snapshot predicted, by `learners`."""
    together = learners(dataset, settings, tests, shorter, recipe)
    return rolling(together, tests, baselines, only=only)


def uncalibrated(
    learners: tuple[str, ...], rates: tuple[float, ...], names: tuple[str, ...], cohort: int
) -> RiskModel:
    """The model whose risk is the raw probability; rates: each learner's share of defectors."""
    return RiskModel(
        booster_texts=learners,
        base_rates=rates,
        calibrator=LogitCalibrator(1.0, 0.0, "identity"),
        names=names,
        smallest_cohort=cohort,
        label_end=date(2020, 4, 1),
    )
