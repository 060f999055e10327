"""The win-back model: which departed accounts order again by themselves, fitted and measured.

Every row is a departed account at a snapshot; accounts that were acted on within the horizon are
predicted, but neither learned from nor measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from models import measures
from models.baselines import bg_nbd_silence, silence_rule
from models.bootstrap import Interval, bootstrapped, interval
from models.dataset import Cohort, Dataset
from models.learner import Learner
from models.out_of_time import OutOfTime, Progress, rolling
from models.recipe import Recipe, Scorer
from models.reorders import lack_of_reorders, reorder_learners
from models.risk_model import DAYS_PAST_PATIENCE
from models.settings import ModelSettings
from models.shares import wilson
from pipeline.scoring.score_table import WIN_BACK_BANDS
from pipeline.tables.future.reorders import REORDER_DAYS
from pipeline.tables.training_table import TrainingTable
from pipeline.training.evaluation import BG_NBD, MODEL

BY_THEMSELVES_DAYS, *LEARNED_DAYS = REORDER_DAYS
SILENCE = "silence"
TOO_SHORT = "departures cannot be learned yet"
FIFTHS = 5
HAZARD_STEP_DAYS = 15  # of days since patience ended, in which the hazard of return is one

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What a part of the rows was told and did: the mean chance, 0-1, and the share that reordered.

    rows: accounts at snapshots.
    """

    said: float
    did: float
    rows: float


@dataclass(frozen=True)
class ReorderReport:
    """One horizon, out of time, at all snapshots that had a calibrator by then.

    Where none had, uncalibrated at all that were predicted. snapshots: those at which some accounts
    order again later and some do not. auc: by scorer, the mean over them. gain: the model's, over
    each baseline, in the same draws. whole, fifths: of all rows, and of fifths by rising chance.
    """

    days: int
    snapshots: tuple[date, ...]
    auc: Mapping[str, Interval]
    gain: Mapping[str, Interval]
    whole: Said
    fifths: tuple[Said, ...]


@dataclass(frozen=True)
class ReorderShare:
    """Of untreated accounts departed for `first` to `last` days, the share that ordered again.

    Within BY_THEMSELVES_DAYS days. rows: accounts at snapshots, which the interval takes as
    independent; it is NaN without rows.
    """

    first: int
    last: int
    rows: int
    share: Interval


@dataclass(frozen=True)
class WinBack:
    """What is known of who orders again among departed accounts.

    learned: learners with their out-of-time predictions, by days. left_out: by days, why a horizon
    is not learned. bands, hazard: who orders again without a call, by days since patience ended, in
    the bands of the list and in finer steps.
    """

    learned: Mapping[int, tuple[Learner, OutOfTime]] = field(default_factory=dict)
    reports: tuple[ReorderReport, ...] = ()
    left_out: Mapping[int, str] = field(default_factory=dict)
    bands: tuple[ReorderShare, ...] = ()
    hazard: tuple[ReorderShare, ...] = ()


def win_back_learners(
    table: TrainingTable, tests: Sequence[date], settings: ModelSettings
) -> dict[int, Learner]:
    """Return what learns who orders again, by days; empty where nobody can have departed."""
    if not table.reorders:
        return {}
    datasets = {days: table.reorder_dataset(days) for days in LEARNED_DAYS}
    return reorder_learners(datasets, tests, settings)


def wanted(learners: Mapping[int, Learner]) -> list[tuple[Learner, date | None]]:
    """Return the fits of those that have enough to learn from; see `models.learner`."""
    able = [one for one in learners.values() if lack_of_reorders(one) is None]
    return [pair for one in able for pair in (*one.wanted(one.predictable), (one, None))]


def fit_win_back(
    table: TrainingTable,
    learners: Mapping[int, Learner],
    comparable_from: date,
    departed_days: int,
    repetitions: int,
    jobs: int = 1,
    progress: Progress | None = None,
) -> WinBack:
    """Predict who orders again out of time and measure them beside BG/NBD and silence.

    learners: none where there is too little history for departures. departed_days: up to which the
    universe reaches, from the end of patience. repetitions: draws behind each interval; jobs: draws
    taken at once.
    """
    if not table.reorders:
        return WinBack()
    left_out = {days: TOO_SHORT for days in LEARNED_DAYS if days not in learners}
    left_out |= {days: lack for days, one in learners.items() if (lack := lack_of_reorders(one))}
    learned = {}
    for days, learner in learners.items():
        if days not in left_out:
            rules = reorder_baselines(table, days)
            learned[days] = learner, rolling([learner], (), rules, comparable_from, progress)
    bands = [first for first in (0, *(end + 1 for end in WIN_BACK_BANDS)) if first <= departed_days]
    return WinBack(
        learned,
        tuple(_report(days, said, repetitions, jobs) for days, (_, said) in learned.items()),
        left_out,
        tuple(_shares(table, [*bands, departed_days + 1])),
        tuple(_shares(table, [*range(0, departed_days, HAZARD_STEP_DAYS), departed_days + 1])),
    )


def reorder_baselines(table: TrainingTable, days: int) -> dict[str, Recipe]:
    """Return BG/NBD's chance of an order within the horizon, and silence, the least first.

    BG/NBD is fitted on all accounts, not only on departed ones: it needs no outcomes.
    """
    panel = table.panel
    nobody = np.zeros(len(panel.account), dtype=np.int8)
    everybody = Dataset(
        panel, np.arange(len(nobody)), nobody, panel.as_of + 1, nobody.astype(np.bool_)
    )
    silent = bg_nbd_silence(
        order_days="order_days_ever",
        tenure="days_since_first_order",
        recency="days_since_last_order",
        horizon_days=days,
    )

    def bg_nbd(_: Dataset, now: Cohort) -> Scorer:
        before = everybody.rows(everybody.as_of < np.datetime64(now.as_of, "D"))
        says_silent = silent(before, everybody.cohort(now.as_of))
        return lambda cohort: 1 - says_silent(cohort)

    long_silent = silence_rule(recency="days_since_last_order", usual_gap="usual_order_gap")

    def silence(training: Dataset, now: Cohort) -> Scorer:
        rule = long_silent(training, now)
        return lambda cohort: -rule(cohort)

    return {BG_NBD: bg_nbd, SILENCE: silence}


def _report(days: int, predicted: OutOfTime, repetitions: int, jobs: int) -> ReorderReport:
    calibrated = [split.snapshot for split in predicted.splits if split.calibrator is not None]
    rows = predicted.untreated()
    rows = rows.at(*calibrated) if calibrated else rows
    auc, gain = compare_auc(rows, rows.published_risk, repetitions, jobs)
    return ReorderReport(
        days,
        tuple(_both_classes(rows)),
        auc,
        gain,
        said_and_did(rows.published_risk, rows.label, rows.stands_for),
        fifths(rows.published_risk, rows.label, rows.stands_for),
    )


def compare_auc(
    rows: OutOfTime, chance: Floats, repetitions: int, jobs: int = 1
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Return each scorer's AUC, the mean over the snapshots, and the model's gain over the others.

    Intervals by a bootstrap over accounts. Both are NaN where no snapshot has both outcomes.
    """
    scorers = {MODEL: chance, **rows.baselines}
    places = [np.flatnonzero(rows.rows_at(day)) for day in _both_classes(rows)]
    rankings = {
        name: [measures.Ranking(rows.label[here], score[here]) for here in places]
        for name, score in scorers.items()
    }

    def statistics(weight: Floats) -> dict[str, Floats]:
        weight = weight * rows.stands_for
        return {
            name: np.mean(
                [each[n].curve(weight.take(here, axis=1)).auc() for n, here in enumerate(places)],
                axis=0,
            )
            for name, each in rankings.items()
        }

    if not places:
        nothing = dict.fromkeys(scorers, Interval(np.nan, np.nan, np.nan))
        return nothing, {name: nothing[name] for name in rows.baselines}
    drawn = bootstrapped(statistics, rows.account, repetitions, jobs=jobs)
    gain = {name: interval(drawn[MODEL] - drawn[name]) for name in rows.baselines}
    return {name: interval(values) for name, values in drawn.items()}, gain


def _both_classes(rows: OutOfTime) -> list[date]:
    days = [split.snapshot for split in rows.splits]
    return [day for day in days if len(np.unique(rows.label[rows.rows_at(day)])) == 2]


def said_and_did(chance: Floats, label: npt.NDArray[Any], stands_for: Floats) -> Said:
    """Return what some rows were told and did; NaN without rows."""
    return Said(
        float(measures.mean(chance, stands_for)),
        float(measures.mean(label, stands_for)),
        float(stands_for.sum()),
    )


def fifths(chance: Floats, label: npt.NDArray[Any], stands_for: Floats) -> tuple[Said, ...]:
    """Return the same of five parts of as many rows each, by rising chance."""
    order = np.argsort(chance, kind="stable")
    parts = np.array_split(order, FIFTHS)
    return tuple(said_and_did(chance[p], label[p], stands_for[p]) for p in parts if len(p))


def _shares(table: TrainingTable, begins: Sequence[int]) -> list[ReorderShare]:
    """Who orders again without a call, between two begins each; the last one ends the last part."""
    rows = table.reorder_dataset(BY_THEMSELVES_DAYS)
    rows = rows.rows(~rows.treated)
    since, count = rows.column(DAYS_PAST_PATIENCE), rows.stands_for
    found = []
    for first, end in pairwise(begins):
        here = (since >= first) & (since < end)
        accounts = float(count[here].sum())
        share = Interval(np.nan, np.nan, np.nan)
        if accounts > 0:
            share = Interval(*map(float, wilson((count * rows.label)[here].sum(), accounts)))
        found.append(ReorderShare(first, end - 1, round(accounts), share))
    return found
