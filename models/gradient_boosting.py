"""Gradient-boosted trees: the only place that imports LightGBM.

The same rows and settings give the same text, byte for byte, in whatever order the rows come.
Switches against class imbalance stay off: they would ruin the probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from joblib import Parallel, delayed

from models.dataset import Cohort, Dataset, FloatArray
from models.errors import DamagedModel, FeatureMismatch, ModelLibraryMissing, TooLittleHistory
from models.recipe import Recipe
from models.settings import ModelSettings

try:
    import lightgbm
except ImportError as error:
    raise ModelLibraryMissing(
        f"LightGBM cannot be imported ({error}). Install it: run `make setup`, "
        "or `pip install lightgbm`."
    ) from error
except OSError as error:
    raise ModelLibraryMissing(
        f"LightGBM is installed but its OpenMP runtime cannot be loaded ({error}). "
        "Install it: `apt-get install libgomp1` (Debian, Ubuntu), `dnf install libgomp` "
        "(Fedora, RHEL) or `brew install libomp` (macOS)."
    ) from error

LARGEST_LEAF_SHARE = 0.1
"""A leaf need never hold more than this share of the rows that a tree sees. Without it no tree
could split on a small history: with 400 accounts AUC fell to 0.5."""

_ROWS_AT_ONCE = 65_536


def fit(dataset: Dataset, settings: ModelSettings) -> str:
    """Return the text of a Booster fitted on all rows of `dataset`.

    Raises TooLittleHistory when the labels are all the same.
    """
    if len(np.unique(dataset.label)) < 2:
        raise TooLittleHistory(
            f"all {len(dataset)} training rows have the same label; a model needs accounts that "
            "stayed and accounts that defected. Add snapshots, or check the label definition."
        )
    ordered = dataset.rows(dataset.order())
    largest_leaf = int(len(dataset) * settings.row_share * LARGEST_LEAF_SHARE)
    parameters = {
        "objective": "binary",
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": max(1, min(settings.min_leaf_rows, largest_leaf)),
        "feature_fraction": settings.feature_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
        "lambda_l2": settings.l2,
        "seed": settings.seed,
        "num_threads": settings.threads,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
    }
    rows = lightgbm.Dataset(
        np.ascontiguousarray(ordered.features),
        ordered.label,
        feature_name=list(dataset.names),
        params=parameters,
    )
    booster = lightgbm.train(parameters, rows, num_boost_round=settings.trees)
    return str(booster.model_to_string())


def fit_each(datasets: Iterable[Dataset], settings: ModelSettings) -> tuple[str, ...]:
    """Return `fit` of each, `settings.jobs` at once, in processes: threads make LightGBM crash."""
    return tuple(Parallel(n_jobs=settings.jobs)(delayed(fit)(part, settings) for part in datasets))


class Booster:
    """A fitted model, read from its text.

    A damaged text can abort the process, so check the hash of a stored text before it comes here.
    """

    def __init__(self, text: str, threads: int) -> None:
        """Parse `text`; DamagedModel when LightGBM notices that it is none."""
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise DamagedModel(f"the model text cannot be read: {error}") from error
        self._threads = threads

    @property
    def names(self) -> tuple[str, ...]:
        """The feature names, in the order of the columns that `predict` expects."""
        return tuple(self._booster.feature_name())

    def predict(self, features: FloatArray) -> FloatArray:
        """Return the raw, uncalibrated probability of defection, (n,), for features (n, p)."""
        return self._predict(features)

    def contributions(self, features: FloatArray) -> FloatArray:
        """Return what each feature adds to the log odds of `predict`, (n, p + 1).

        The last column is where every row begins: the mean log odds of the training rows. A row's
        sum is the log odds that it is given. Some ten times slower than `predict`.

        Source: S. M. Lundberg and others, From local explanations to global understanding with
        explainable AI for trees, 2020 (path-dependent TreeSHAP, LightGBM's `pred_contrib`).
        """
        if len(features) == 0:
            return np.empty((0, len(self.names) + 1))
        return self._predict(features, pred_contrib=True)

    def _predict(self, features: FloatArray, *, pred_contrib: bool = False) -> FloatArray:
        if features.ndim != 2 or features.shape[1] != len(self.names):
            raise FeatureMismatch(
                f"the model was fitted on {len(self.names)} features, but the matrix has shape "
                f"{features.shape}"
            )
        if len(features) == 0:
            return np.empty(0)
        rows = np.ascontiguousarray(features, dtype=np.float64)
        told = self._booster.predict(rows, num_threads=self._threads, pred_contrib=pred_contrib)
        return np.asarray(told, dtype=np.float64)

    def importance(self) -> dict[str, float]:
        """Return the total gain of each feature, largest first."""
        gains = dict(zip(self.names, self._booster.feature_importance("gain"), strict=True))
        return {name: float(gains[name]) for name in sorted(gains, key=lambda n: (-gains[n], n))}


def predictions(boosters: Sequence[Booster], features: FloatArray) -> list[FloatArray]:
    """Return what each predicts, (n,), for features (n, p).

    A block of rows after the other, so that no second whole copy is made of many rows.
    """
    told: list[list[FloatArray]] = [[] for _ in boosters]
    for first in range(0, max(len(features), 1), _ROWS_AT_ONCE):
        block = np.ascontiguousarray(features[first : first + _ROWS_AT_ONCE])
        for booster, answers in zip(boosters, told, strict=True):
            answers.append(booster.predict(block))
    return [np.concatenate(answers) for answers in told]


def recipe(settings: ModelSettings) -> Recipe:
    """Return the recipe that fits these trees and predicts raw probabilities."""

    def fit_predict(training: Dataset, cohort: Cohort) -> FloatArray:
        return Booster(fit(training, settings), settings.threads).predict(cohort.features)

    return fit_predict
