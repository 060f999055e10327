"""By how much one score ranks better than another, on the same draws of the same accounts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bootstrap import Interval, bootstrapped, interval
from models.dataset import DateArray, FloatArray
from models.measures import Ranking


def auc_gain(
    label: NDArray[Any],
    score: FloatArray,
    other: FloatArray,
    account: NDArray[Any],
    as_of: DateArray,
    repetitions: int,
) -> Interval:
    """Return AUC(score) - AUC(other) with its 95 % interval; (n,) each.

    AUC is taken within each snapshot and averaged over them, because ranking is done within one.
    """
    cells = [
        (here, Ranking(label[here], score[here]), Ranking(label[here], other[here]))
        for here in (np.flatnonzero(as_of == day) for day in np.unique(as_of))
    ]

    def statistics(weight: FloatArray) -> dict[str, FloatArray]:
        gains = [
            one.curve(weight[:, here]).auc() - two.curve(weight[:, here]).auc()
            for here, one, two in cells
        ]
        return {"gain": np.mean(gains, axis=0)}

    return interval(bootstrapped(statistics, account, repetitions)["gain"])
