"""Gradient-boosted trees on ranks within snapshots: the only place that imports LightGBM.

The same rows and settings give the same text, byte for byte, in whatever order the rows come and
with any number of threads. Switches against class imbalance stay off: they would ruin the
probabilities.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from models.dataset import Dataset, FloatArray, Panel, as_stretch
from models.errors import DamagedModel, FeatureMismatch, ModelLibraryMissing, TooLittleHistory
from models.ranks import Ranks
from models.recipe import Scorer
from models.settings import ModelSettings

# Threads that wait by spinning make a fit seven times slower where another process has a core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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

BINS = 255
"""The bins of a rank have the edges k / 255, whatever the rows: so no row, and no snapshot to come,
has a part in how others are learned from."""

_ROWS_AT_ONCE = 65_536

_BINNING = {
    "max_bin": BINS + 1,
    "min_data_in_bin": 1,
    "zero_as_missing": True,  # no rank is 0, and the bin of 0 is there anyway
    "enable_bundle": False,
    "feature_pre_filter": False,
    "verbose": -1,
}


class Trees:
    """Fits trees on rows of panels, whose ranks are put into bins once.

    One thread makes a fit, several fits may be made at once: they are quicker so than one after the
    other by several threads each. While they are, nothing else may use LightGBM: it has crashed
    where one thread trained and another predicted.
    """

    def __init__(self, settings: ModelSettings) -> None:
        """Of these settings."""
        self._settings = settings
        self._binned: dict[Panel, lightgbm.Dataset] = {}

    def scorer(self, text: str) -> Scorer:
        """Return what scores by fitted trees."""
        booster = Booster(text, self._settings.threads)
        return lambda cohort: booster.predict(cohort.ranks)

    def fit(self, training: Dataset) -> str:
        """Return the text of a Booster fitted on all rows of `training`, each by its weight.

        Raises TooLittleHistory when the labels are all the same.
        """
        if len(np.unique(training.label)) < 2:
            raise TooLittleHistory(
                f"all {len(training)} training rows have the same label; a model needs accounts "
                "that stayed and accounts that defected. Add snapshots, or check the label "
                "definition."
            )
        training, settings = training.rows(training.order()), self._settings
        largest_leaf = int(len(training) * settings.row_share * LARGEST_LEAF_SHARE)
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
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            **_BINNING,
        }
        panel = training.panel
        rows = self.bins(panel).subset(panel.place[training.row], params=parameters).construct()
        rows.set_label(training.label)
        if not (training.weight == 1).all():
            rows.set_weight(training.weight)
        booster = lightgbm.train(parameters, rows, num_boost_round=settings.trees)
        return str(booster.model_to_string())

    def bins(self, panel: Panel) -> lightgbm.Dataset:
        """All rows of a panel, in their order, made once: before several fits are made at once."""
        if panel not in self._binned:
            parameters = {**_BINNING, "num_threads": self._settings.threads}
            middles = np.append((np.arange(BINS) + 0.5) / BINS, 0.0)
            edges = lightgbm.Dataset(
                np.repeat(middles[:, None], len(panel.names), axis=1),
                np.zeros(len(middles)),
                feature_name=list(panel.names),
                params=parameters,
            ).construct()
            ordered = np.ascontiguousarray(panel.ranks[as_stretch(panel.order)])
            self._binned[panel] = lightgbm.Dataset(
                ordered, np.zeros(len(ordered)), reference=edges, params=parameters
            ).construct()
        return self._binned[panel]


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

    def predict(self, ranks: Ranks) -> FloatArray:
        """Return the raw, uncalibrated probability of defection, (n,), for ranks (n, p)."""
        return self._predict(ranks)

    def contributions(self, ranks: Ranks) -> FloatArray:
        """Return what each feature adds to the log odds of `predict`, (n, p + 1).

        The last column is where every row begins: the mean log odds of the training rows. A row's
        sum is the log odds that it is given. Some ten times slower than `predict`.

        Source: S. M. Lundberg and others, From local explanations to global understanding with
        explainable AI for trees, 2020 (path-dependent TreeSHAP, LightGBM's `pred_contrib`).
        """
        if len(ranks) == 0:
            return np.empty((0, len(self.names) + 1))
        return self._predict(ranks, pred_contrib=True)

    def _predict(self, ranks: Ranks, *, pred_contrib: bool = False) -> FloatArray:
        if ranks.ndim != 2 or ranks.shape[1] != len(self.names):
            raise FeatureMismatch(
                f"the model was fitted on {len(self.names)} features, but the matrix has shape "
                f"{ranks.shape}"
            )
        if len(ranks) == 0:
            return np.empty(0)
        rows = np.ascontiguousarray(ranks)
        told = self._booster.predict(rows, num_threads=self._threads, pred_contrib=pred_contrib)
        return np.asarray(told, dtype=np.float64)

    def importance(self) -> dict[str, float]:
        """Return the total gain of each feature, largest first."""
        gains = dict(zip(self.names, self._booster.feature_importance("gain"), strict=True))
        return {name: float(gains[name]) for name in sorted(gains, key=lambda n: (-gains[n], n))}


def predictions(boosters: Sequence[Booster], ranks: Ranks) -> list[FloatArray]:
    """Return what each predicts, (n,), for ranks (n, p).

    A block of rows after the other, so that no second whole copy is made of many rows.
    """
    told: list[list[FloatArray]] = [[] for _ in boosters]
    for first in range(0, max(len(ranks), 1), _ROWS_AT_ONCE):
        block = np.ascontiguousarray(ranks[first : first + _ROWS_AT_ONCE])
        for booster, answers in zip(boosters, told, strict=True):
            answers.append(booster.predict(block))
    return [np.concatenate(answers) for answers in told]
