"""The rules that a model must beat: a sales manager's with a spreadsheet, and the textbook's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from models import bg_nbd
from models.dataset import Cohort, Dataset, FloatArray
from models.errors import TooLittleHistory
from models.recipe import Recipe, Scorer


def recency_score(days_silent: FloatArray) -> FloatArray:
    """Return the recency rule's score, (n,): the longer silent, the likelier to defect.

    A score that ranks, not a probability. Without any order known (NaN) nothing is longer: such
    rows score one day above the longest silence, or 0 when no row has an order.
    """
    days = np.asarray(days_silent, dtype=np.float64)
    known = days[~np.isnan(days)]
    return np.where(np.isnan(days), known.max() + 1 if len(known) else 0.0, days)


def silence_score(days_silent: FloatArray, usual_gap: FloatArray) -> FloatArray:
    """Return silence over own rhythm, (n,): days since the last order over twice the usual gap.

    A score that ranks, not a probability; the rule of thumb takes an account for lost from 1 on.
    usual_gap (n,): the account's median days between order days. One without (NaN), for want of
    two order days, takes the median of the others' usual gaps; where nobody has one, all take 1
    day, and the ranking is recency's. Without any order known: as in `recency_score`.
    """
    gap = np.asarray(usual_gap, dtype=np.float64)
    known = gap[~np.isnan(gap)]
    gap = np.where(np.isnan(gap), np.median(known) if len(known) else 1.0, gap)
    return recency_score(np.asarray(days_silent, dtype=np.float64) / (2 * gap))


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
        weight: FloatArray | None = None,
    ) -> RfmLogistic:
        """Fit on training rows; TooLittleHistory when all labels are the same.

        weight: (n,), what each row counts; 1 each by default.
        """
        if len(np.unique(label)) < 2:
            raise TooLittleHistory(
                f"all {len(label)} training rows have the same label; the logistic baseline needs "
                "accounts that stayed and accounts that defected."
            )
        known = recency[~np.isnan(recency)]
        self._longest = float(known.max()) if len(known) else 0.0
        inputs = self._inputs(recency, frequency, spend)
        self._scaler = StandardScaler().fit(inputs, sample_weight=weight)
        self._model = LogisticRegression(C=1.0)
        self._model.fit(self._scaler.transform(inputs), label, weight)
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
    return lambda _training, _now: lambda cohort: recency_score(cohort.column(column))


def silence_rule(*, recency: str, usual_gap: str) -> Recipe:
    """Return `silence_score` over these features: days since the last order, median gap."""
    return lambda _training, _now: (
        lambda cohort: silence_score(cohort.column(recency), cohort.column(usual_gap))
    )


def rfm_logistic(*, recency: str, frequency: str, spend: str) -> Recipe:
    """Return `RfmLogistic` over these three features, fitted on the training rows given."""

    def inputs(rows: Dataset | Cohort) -> tuple[FloatArray, FloatArray, FloatArray]:
        return rows.column(recency), rows.column(frequency), rows.column(spend)

    def learn(training: Dataset, _: Cohort) -> Scorer:
        model = RfmLogistic().fit(*inputs(training), training.label, training.weight)
        return lambda cohort: model.predict(*inputs(cohort))

    return learn


def bg_nbd_silence(*, order_days: str, tenure: str, recency: str, horizon_days: float) -> Recipe:
    """Return BG/NBD's probability of no order within the horizon; see `models.bg_nbd`.

    Over these features: order days and days since the first order, over all history, and days
    since the last order. Fitted, without labels, on all accounts that the training rows and the
    snapshot know, each as last seen. One that has left the cohort has been silent since, and
    without those the model would find that nobody ever drops out; what it ordered after its last
    training row and before it left is missed. Rows without an order known
    are not fitted on, and score NaN.
    """

    def histories(rows: Dataset | Cohort) -> FloatArray:
        repeats, tenures = rows.column(order_days) - 1, rows.column(tenure)
        # Two orders of one day are one order day, some hours long.
        last = np.where(repeats == 0, 0.0, tenures - rows.column(recency))
        return np.column_stack([repeats, last, tenures])

    def learn(training: Dataset, now: Cohort) -> Scorer:
        training = training.rows(training.order())
        seen = np.concatenate([histories(training), histories(now)])
        seen[: len(training), 2] += (np.datetime64(now.as_of, "D") - training.as_of).astype(int)
        accounts = pd.Series(np.concatenate([training.account, now.account]))
        latest = ~accounts.duplicated(keep="last").to_numpy()
        known = latest & ~np.isnan(seen).any(axis=1)
        stands_for = np.ones(len(now)) if now.stands_for is None else now.stands_for
        weight = np.concatenate([training.weight, stands_for])[known]
        repeats, last, tenures = seen[known].T
        model = bg_nbd.fit(repeats, last, tenures, weight)

        def silent(cohort: Cohort) -> FloatArray:
            repeats, last, tenures = histories(cohort).T
            return model.silent(repeats, last, tenures, horizon_days)

        return silent

    return learn
