"""By how much one score ranks better than another, on the same draws of the same accounts."""

from __future__ import annotations

import numpy as np

from models.bootstrap import Interval, bootstrapped, interval
from models.dataset import FloatArray
from models.measures import Ranking
from models.out_of_time import OutOfTime


def auc_gain(rows: OutOfTime, score: FloatArray, other: FloatArray, repetitions: int) -> Interval:
    """Return AUC(score) - AUC(other) of predicted rows with its 95 % interval; (n,) each.

    AUC is taken within each snapshot and averaged over them, because ranking is done within one.
    """
    cells = [
        (here, Ranking(rows.label[here], score[here]), Ranking(rows.label[here], other[here]))
        for here in (np.flatnonzero(rows.as_of == day) for day in np.unique(rows.as_of))
    ]

    def statistics(drawn: FloatArray) -> dict[str, FloatArray]:
        weight = drawn * rows.stands_for
        gains = [
            one.curve(weight[:, here]).auc() - two.curve(weight[:, here]).auc()
            for here, one, two in cells
        ]
        return {"gain": np.mean(gains, axis=0)}

    return interval(bootstrapped(statistics, rows.account, repetitions)["gain"])
