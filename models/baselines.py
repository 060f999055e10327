"""The rules that a model must beat: what a sales manager does with a spreadsheet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from models.dataset import Dataset, FloatArray
from models.errors import TooLittleHistory
from models.recipe import Recipe


def recency_score(days_silent: FloatArray) -> FloatArray:
    """Return the recency rule's score, (n,): the longer silent, the likelier to defect.

    A score that ranks, not a probability. Without any order known (NaN) nothing is longer: such
    rows score one day above the longest silence, or 0 when no row has an order.
    """
    days = np.asarray(days_silent, dtype=np.float64)
    known = days[~np.isnan(days)]
    return np.where(np.isnan(days), known.max() + 1 if len(known) else 0.0, days)


class RfmLogistic:
    """Logistic regression on recency, frequency and spend (RFM): gives probabilities.

    Inputs (n,) each: days since the last order, number of orders and net spend over the same
    period. Spend below 0 (returns beyond orders) counts as 0. All three enter as log(1 + x),
    standardised on the training rows. Missing values: recency becomes the longest of the training
    rows, frequency and spend become 0, as for an account without orders.
    """

    def fit(
        self,
        recency: FloatArray,
        frequency: FloatArray,
        spend: FloatArray,
        label: NDArray[np.integer[Any]],
    ) -> RfmLogistic:
        """Fit on training rows; TooLittleHistory when all labels are the same."""
        if len(np.unique(label)) < 2:
            raise TooLittleHistory(
                f"all {len(label)} training rows have the same label; the logistic baseline needs "
                "accounts that stayed and accounts that defected."
            )
        known = recency[~np.isnan(recency)]
        self._longest = float(known.max()) if len(known) else 0.0
        inputs = self._inputs(recency, frequency, spend)
        self._scaler = StandardScaler().fit(inputs)
        self._model = LogisticRegression(C=1.0).fit(self._scaler.transform(inputs), label)
        return self

    def predict(self, recency: FloatArray, frequency: FloatArray, spend: FloatArray) -> FloatArray:
        """Return the probability of defection, (n,)."""
        if len(recency) == 0:
            return np.empty(0)
        inputs = self._scaler.transform(self._inputs(recency, frequency, spend))
        return np.asarray(self._model.predict_proba(inputs)[:, 1], dtype=np.float64)

    def _inputs(self, recency: FloatArray, frequency: FloatArray, spend: FloatArray) -> FloatArray:
        """Return the three inputs as an (n, 3) matrix on the log scale."""
        columns = (
            np.where(np.isnan(recency), self._longest, recency),
            np.nan_to_num(frequency, nan=0.0),
            np.nan_to_num(spend, nan=0.0),
        )
        return np.asarray(np.log1p(np.clip(np.column_stack(columns), 0.0, None)), dtype=np.float64)


def recency_rule(column: str) -> Recipe:
    """Return the recency rule over the feature `column` (days since the last order)."""

    def fit_predict(training: Dataset, features: FloatArray) -> FloatArray:
        return recency_score(_pick(training, features, column))

    return fit_predict


def rfm_logistic(*, recency: str, frequency: str, spend: str) -> Recipe:
    """Return `RfmLogistic` over these three features, fitted on the training rows given."""

    def fit_predict(training: Dataset, features: FloatArray) -> FloatArray:
        model = RfmLogistic().fit(
            training.column(recency),
            training.column(frequency),
            training.column(spend),
            training.label,
        )
        return model.predict(
            _pick(training, features, recency),
            _pick(training, features, frequency),
            _pick(training, features, spend),
        )

    return fit_predict


def _pick(training: Dataset, features: FloatArray, name: str) -> FloatArray:
    training.column(name)  # raises when it is not there
    return features[:, training.names.index(name)]
