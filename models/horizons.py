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
from models.dataset import Dataset, FloatArray, latest_day
from models.gradient_boosting import fit_each
from models.out_of_time import OutOfTime
from models.ranks import ranked
from models.settings import ModelSettings


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


def fit_each_horizon(
    lessons: Mapping[int, tuple[Dataset, OutOfTime]],
    settings: ModelSettings,
    comparable_from: date | None = None,
) -> list[HorizonModel]:
    """Fit each on all rows; its calibrator on all out-of-time predictions of the same labels.

    lessons: by days. comparable_from: see `models.out_of_time.rolling`.
    """
    lessons = {
        days: (ranked(dataset).taught(settings.learn_from_treated), out_of_time)
        for days, (dataset, out_of_time) in lessons.items()
    }
    texts = fit_each((lesson for lesson, _ in lessons.values()), settings)
    models = []
    for text, (days, (lesson, found)) in zip(texts, lessons.items(), strict=True):
        told = found if settings.learn_from_treated else found.untreated()
        rates = lesson.rates(comparable_from)
        models.append(
            HorizonModel(
                days=days,
                booster_text=text,
                calibrator=fit_calibrator(
                    told.label, told.raw, told.as_of, told.label_complete, rates
                ),
                label_end=latest_day(lesson.label_complete),
            )
        )
    return models


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
