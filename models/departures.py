"""Departures of active accounts, predicted by two learners.

The onset is the chance that an account becomes due within the horizon, learned without those that
slipped: among them it teaches nothing, because they were gone before. The slip is the chance that
an account whose order is overdue has departed already; an account whose order is not overdue has
not. An account departs within the horizon if it has not slipped and becomes due, so the departure
risk is the calibrated product of the onset and of the chance that it has not slipped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from models.calibration_choice import POOLED
from models.dataset import BoolArray, Dataset, FloatArray, IntArray
from models.gradient_boosting import Trees
from models.learner import Learner
from models.out_of_time import OutOfTime, Progress, calibrate, predict, require_tests
from models.recipe import Recipe
from models.settings import ModelSettings

USUAL_WAY = POOLED
"""To calibrate onset and departure risk. Their labels take so long that a few years hold hardly
three of them that do not overlap, and no record tells which level to trust. Measured in
docs/decisions/0020-what-ranks-and-calibrates-the-keep-list.md."""


@dataclass(frozen=True, eq=False)
class DepartureLearners:
    """What learns the onset, from all rows that did not slip, and the slip, from overdue rows.

    overdue: the numbers of the onset's rows that are the slip's.
    """

    onset: Learner
    slip: Learner
    overdue: IntArray


@dataclass(frozen=True, eq=False)
class OutOfTimeDepartures:
    """Out-of-time predictions of active accounts; rows as in `OutOfTime`.

    departure: label 1 where the account became due; risk is the departure risk. onset: the same
    rows and labels; risk is the chance of becoming due among those that did not slip. slip: the
    overdue rows among them; label 1 where the account had slipped. slip_chance, slipped: of the
    rows of `departure`, (n,). learners: that predicted them.
    """

    learners: DepartureLearners
    departure: OutOfTime
    onset: OutOfTime
    slip: OutOfTime
    slip_chance: FloatArray
    slipped: BoolArray


def departure_learners(
    dataset: Dataset,
    slipped: BoolArray,
    overdue: BoolArray,
    tests: Collection[date],
    settings: ModelSettings,
    trees: Trees,
) -> DepartureLearners:
    """Return the learners of active accounts.

    Parameters
    ----------
    dataset : all active rows; label 1 where the account became due.
    slipped, overdue : (n,), whether the account had slipped; whether its order was overdue. Only
        an account whose order was overdue can have slipped.
    tests, settings, trees : see `Learner`.
    """
    order = dataset.order()
    dataset, slipped, overdue = dataset.rows(order), slipped[order], overdue[order]
    slip = replace(dataset, label=(slipped & overdue).astype(np.int8), learnable=None)
    onset = replace(dataset, learnable=~slipped)
    return DepartureLearners(
        Learner(onset, tests, settings, trees),
        Learner(slip.rows(overdue), tests, settings, trees),
        np.flatnonzero(overdue),
    )


def rolling_departures(
    learners: DepartureLearners,
    tests: Collection[date],
    baselines: Mapping[str, Recipe],
    comparable_from: date | None = None,
    progress: Progress | None = None,
    only: Collection[date] | None = None,
) -> OutOfTimeDepartures:
    """Predict every snapshot that has enough history; see `models.out_of_time.rolling`.

    Where nobody had slipped before a snapshot, nobody is taken to have slipped at it.
    """
    require_tests(learners.onset, tests)
    dataset = learners.onset.dataset
    every = replace(dataset, learnable=None)
    onsets = predict([learners.onset], baselines, progress, only)
    slips = predict([learners.slip], {}, progress, onsets.snapshots)
    slip = calibrate(slips, slips.raw, tests, comparable_from)

    raw_slip, slip_chance = np.zeros(len(dataset)), np.zeros(len(dataset))
    predicted = learners.overdue[~np.isnan(slips.raw)]
    raw_slip[predicted] = slips.raw[~np.isnan(slips.raw)]
    slip_chance[predicted] = slip.published_risk
    onset = calibrate(
        onsets,
        onsets.raw,
        tests,
        comparable_from,
        counts=dataset.stands_for * (1 - slip_chance),
        usual=USUAL_WAY,
    )
    departure = calibrate(
        onsets,
        onsets.raw * (1 - raw_slip),
        tests,
        comparable_from,
        dataset=every,
        usual=USUAL_WAY,
    )
    rows = np.isin(dataset.as_of, np.array(onsets.snapshots, dtype="datetime64[D]"))
    slip_chance = slip_chance[rows]
    departure = replace(departure, risk=np.minimum(departure.risk, 1 - slip_chance))
    assert dataset.learnable is not None
    slipped = ~dataset.learnable[rows]
    return OutOfTimeDepartures(learners, departure, onset, slip, slip_chance, slipped)
