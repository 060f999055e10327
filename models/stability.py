"""How much a ranking changes from one snapshot to the next."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from models.dataset import BoolArray, account_codes
from models.measures import FloatArray


class Stability(NamedTuple):
    """kept: share of the earlier list that the next one holds, of those still in the cohort.

    rank_correlation: of the scores of the accounts in both cohorts (Spearman 1904), -1 to 1.
    """

    kept: float
    rank_correlation: float


def on_list(
    account: NDArray[Any], score: FloatArray, capacity: int, stands_for: FloatArray | None = None
) -> BoolArray:
    """Return who is called at one snapshot, (n,): the highest scores, ties by account id.

    stands_for: (n,), how many accounts each row stands for, and takes up; 1 each by default.
    """
    order = np.lexsort((account_codes(account), -np.asarray(score, dtype=np.float64)))
    weight = np.ones(len(order)) if stands_for is None else stands_for
    called = np.zeros(len(order), dtype=np.bool_)
    called[order] = np.cumsum(weight[order]) - weight[order] < capacity
    return called


def stability(
    account: NDArray[Any],
    score: FloatArray,
    earlier_account: NDArray[Any],
    earlier_score: FloatArray,
    capacity: int,
) -> Stability:
    """Compare one snapshot with an earlier one, one row per account in each; NaN without common."""
    _, now, before = np.intersect1d(account, earlier_account, return_indices=True)
    listed_now = on_list(account, score, capacity)[now]
    listed_before = on_list(earlier_account, earlier_score, capacity)[before]
    one, two = np.asarray(score)[now], np.asarray(earlier_score)[before]
    ranked = len(one) > 1 and np.ptp(one) > 0 and np.ptp(two) > 0
    return Stability(
        float(listed_now[listed_before].mean()) if listed_before.any() else float("nan"),
        float(spearmanr(one, two).statistic) if ranked else float("nan"),
    )
