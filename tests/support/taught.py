"""Small models without a calibrator, taught with outcomes that a test chooses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import gradient_boosting
from models.calibration import LogitCalibrator
from models.dataset import Dataset, DateArray, FloatArray, Panel
from models.learner import Learner
from models.out_of_time import OutOfTime, rolling
from models.recipe import Recipe, Scorer
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


def drawn_dataset(
    features: FloatArray,
    names: tuple[str, ...],
    label: NDArray[np.int8],
    account: NDArray[Any],
    as_of: DateArray,
    label_complete: DateArray,
) -> Dataset:
    """Outcomes with a panel of their own; nobody treated, every row for itself."""
    rows = len(features)
    panel = Panel(features, names, account, as_of, np.ones(rows))
    return Dataset(panel, np.arange(rows), label, label_complete, np.zeros(rows, dtype=np.bool_))


def fitted(dataset: Dataset, settings: ModelSettings) -> str:
    """The text of trees fitted on all rows."""
    return gradient_boosting.Trees(settings).fit(dataset)


class Watching(gradient_boosting.Trees):
    """Learns nothing: notes the rows that it is handed, and says the share that defected."""

    def __init__(self) -> None:
        """Nothing handed yet."""
        super().__init__(SETTINGS)
        self.handed: list[Dataset] = []

    def fit(self, training: Dataset) -> str:
        """Note the rows."""
        self.handed.append(training)
        return str(training.label.mean())

    def scorer(self, text: str) -> Scorer:
        """Say the same of everybody."""
        return lambda cohort: np.full(len(cohort), float(text))


def learner(features: FloatArray, names: tuple[str, ...], defected: FloatArray) -> str:
    """The text of trees fitted on the ranks of one snapshot; defected: (n,), true or false."""
    day = np.full(len(features), "2020-01-01", dtype="datetime64[D]")
    dataset = drawn_dataset(
        features=features,
        names=names,
        label=defected.astype(np.int8),
        account=np.array([f"A{i}" for i in range(len(features))], dtype=object),
        as_of=day,
        label_complete=day + 90,
    )
    return fitted(dataset, SETTINGS)


def learners(
    dataset: Dataset,
    settings: ModelSettings,
    tests: Collection[date] = (),
    shorter: Sequence[Dataset] = (),
    trees: gradient_boosting.Trees | None = None,
) -> list[Learner]:
    """What learns the labels, the main one last."""
    trees = trees or gradient_boosting.Trees(settings)
    return [Learner(part, tests, settings, trees) for part in (*shorter, dataset)]


def rolled(
    dataset: Dataset,
    tests: Sequence[date],
    settings: ModelSettings,
    baselines: Mapping[str, Recipe],
    shorter: Sequence[Dataset] = (),
    trees: gradient_boosting.Trees | None = None,
    only: Collection[date] | None = None,
) -> OutOfTime:
    """Every snapshot predicted, by `learners`."""
    together = learners(dataset, settings, tests, shorter, trees)
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
