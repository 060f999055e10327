"""Risks over other horizons than the main one: a learner and a calibrator for each.

Whoever is silent for long was silent for short, so a risk falls as its horizon grows. Each horizon
is learned by itself; where two contradict each other, the main one is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from models.calibration import LogitCalibrator, fit_calibrator
from models.dataset import FloatArray, latest_day
from models.learner import Learner
from models.out_of_time import OutOfTime


@dataclass(frozen=True, eq=False)
class HorizonModel:
    """What a `RiskModel` knows of one further horizon.

    days: its length. booster_text: the trees, over the features of the main learners. label_end:
    the date at which the last label that it learned from was complete.
    """

    days: int
    booster_text: str
    calibrator: LogitCalibrator
    label_end: date


def fit_horizon(
    days: int, learner: Learner, out_of_time: OutOfTime, comparable_from: date | None = None
) -> HorizonModel:
    """Fit one on all rows; its calibrator on all out-of-time predictions of the same labels.

    comparable_from: see `models.out_of_time.rolling`.
    """
    told = out_of_time.taught(learner.settings.learn_from_treated)
    known = told.known(learner.taught, comparable_from)
    calibrator = fit_calibrator(
        known.label, known.raw, known.as_of, known.label_complete, known.rates, known.weight
    )
    return HorizonModel(
        days, learner.text(None), calibrator, latest_day(learner.taught.label_complete)
    )


def in_order(main_days: int, risks: Mapping[int, FloatArray]) -> dict[int, FloatArray]:
    """Return risks (n,) by days, shortest first, that fall as the horizon grows, row by row.

    The main horizon's stay as they are; others are pulled to the next one towards it.

    >>> in_order(90, {30: np.array([0.2]), 90: np.array([0.3]), 180: np.array([0.4])})
    {30: array([0.3]), 90: array([0.3]), 180: array([0.3])}
    """
    pulled = {main_days: risks[main_days]}
    longer = sorted(days for days in risks if days > main_days)
    shorter = sorted((days for days in risks if days < main_days), reverse=True)
    for nearest, days in zip((main_days, *longer), longer, strict=False):
        pulled[days] = np.minimum(risks[days], pulled[nearest])
    for nearest, days in zip((main_days, *shorter), shorter, strict=False):
        pulled[days] = np.maximum(risks[days], pulled[nearest])
    return {days: pulled[days] for days in sorted(pulled)}
