"""The rolling scheme: every snapshot is predicted by a model that could have existed then.

At each snapshot s the rows of s are predicted by a model fitted on rows whose label was complete at
s, or at an earlier snapshot where the schedule of `models.learner` gives s no fit of its own. Test
snapshots always have one. The risk at s comes from a calibrator that has seen only such
predictions, and of those only the ones whose label was complete at s; so does the choice among
several ways to calibrate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ages import ages_of
from models.calibration_choice import WAYS, WEIGHED, Calibrator, Known, choose, fit_ways
from models.dataset import BoolArray, Dataset, DateArray, FloatArray, teaching
from models.ensemble import averaged
from models.errors import TooLittleHistory
from models.gradient_boosting import Trees
from models.learner import Fit, Learner, fit_together, require_known_labels
from models.recipe import Recipe, Scorer
from models.settings import ModelSettings

Progress = Callable[[int, int], None]
"""`(fitted, to_fit)`, called before the first fit of trees and after each."""


@dataclass(frozen=True)
class Split:
    """What one snapshot's model had learned from.

    fitted: the snapshot at which the model was fitted. training_rows, training_snapshots,
    latest_label_complete: of the rows it was fitted on; latest_label_complete is never after
    fitted, nor fitted after snapshot. rows: predicted. calibrated_on: out-of-time
    predictions that the calibrator saw; calibrator is None where there were none yet. way: of
    `models.calibration_choice.WAYS`, the one that it follows; empty without a calibrator.
    """

    snapshot: date
    fitted: date
    is_test: bool
    rows: int
    training_rows: int
    training_snapshots: tuple[date, ...]
    latest_label_complete: date
    calibrated_on: int
    calibrator: Calibrator | None
    way: str


@dataclass(frozen=True, eq=False)
class OutOfTime:
    """Out-of-time predictions, one row per (account, as_of), by as_of, then account.

    account, as_of, label_complete, label: as in `Dataset`, (n,). raw: uncalibrated probability.
    risk: calibrated, NaN at snapshots that had no calibrator yet. ways: the same by each way to
    calibrate, risk being that of the way chosen. learners: what each learner says by itself, the
    main one last, NaN where it had only one class to learn from; see `models.ensemble`. baselines:
    each baseline's score (n,), on the very same rows and learned from the very same rows. splits:
    one a snapshot, earliest first. treated, weight, stands_for, learnable: as in `Dataset`.
    """

    account: NDArray[Any]
    as_of: DateArray
    label_complete: DateArray
    label: NDArray[np.int8]
    raw: FloatArray
    risk: FloatArray
    ways: Mapping[str, FloatArray]
    learners: tuple[FloatArray, ...]
    baselines: Mapping[str, FloatArray]
    splits: tuple[Split, ...]
    treated: BoolArray
    weight: FloatArray
    stands_for: FloatArray
    learnable: BoolArray | None = None

    def __len__(self) -> int:
        """Return the number of predicted rows."""
        return len(self.label)

    @property
    def published_risk(self) -> FloatArray:
        """What would have been published: uncalibrated where nothing had been calibrated yet."""
        return np.where(np.isnan(self.risk), self.raw, self.risk)

    def untreated(self) -> OutOfTime:
        """Return the rows whose outcome nobody acted on, with all splits."""
        return self._rows(~self.treated, self.splits)

    def taught(self, from_treated: bool) -> OutOfTime:
        """Return the rows that may be learned from, as `Dataset.teaches`, with all splits."""
        rows = teaching(self.weight, self.treated, self.learnable, from_treated)
        return self._rows(rows, self.splits)

    def known(self, history: Dataset, since: date | None = None) -> Known:
        """Return what calibrators learn from.

        history: all rows whose label is known, also those that were not predicted; since: the first
        snapshot of it that tells the level of others.
        """
        return _known(self, self.raw, history, since)

    def at(self, *snapshots: date) -> OutOfTime:
        """Return the rows and splits of these snapshots."""
        kept = tuple(split for split in self.splits if split.snapshot in snapshots)
        return self._rows(self.rows_at(*snapshots), kept)

    def rows_at(self, *snapshots: date) -> BoolArray:
        """Return which rows are of these snapshots, (n,)."""
        return np.isin(self.as_of, np.array(snapshots, dtype="datetime64[D]"))

    def _rows(self, mask: BoolArray, splits: tuple[Split, ...]) -> OutOfTime:
        return OutOfTime(
            account=self.account[mask],
            as_of=self.as_of[mask],
            label_complete=self.label_complete[mask],
            label=self.label[mask],
            raw=self.raw[mask],
            risk=self.risk[mask],
            ways={name: risks[mask] for name, risks in self.ways.items()},
            learners=tuple(raw[mask] for raw in self.learners),
            baselines={name: scores[mask] for name, scores in self.baselines.items()},
            splits=splits,
            treated=self.treated[mask],
            weight=self.weight[mask],
            stands_for=self.stands_for[mask],
            learnable=None if self.learnable is None else self.learnable[mask],
        )


def learners(
    dataset: Dataset,
    shorter: Sequence[Dataset],
    tests: Collection[date],
    settings: ModelSettings,
) -> list[Learner]:
    """Return what learns each label, the main one last, with trees that share bins."""
    trees = Trees(settings)
    return [Learner(part, tests, settings, trees) for part in (*shorter, dataset)]


def rolling(
    learners: Sequence[Learner],
    tests: Sequence[date],
    baselines: Mapping[str, Recipe],
    comparable_from: date | None = None,
    progress: Progress | None = None,
    only: Collection[date] | None = None,
) -> OutOfTime:
    """Predict every snapshot that has enough history.

    A snapshot has enough when at least `settings.minimum_snapshots` earlier ones had complete
    labels by then, of both classes.

    learners: the main one last; before it, those of outcomes over shorter horizons; see
    `models.ensemble`. baselines: learn whenever the main learner does, from the same rows.
    comparable_from: the first snapshot whose cohort is like those of later years; an earlier one
    lacks those who ordered only before the data begin. only: predict no other snapshots than these;
    calibrators see no others' predictions then.
    Accounts that were acted on are always predicted; by `settings.learn_from_treated` nothing is
    learned or calibrated from them.

    Raises TooLittleHistory when a test snapshot is not in the dataset or has too little history.
    """
    *_, main = learners
    require_tests(main, tests)
    predictions = predict(learners, baselines, progress, only)
    return calibrate(predictions, predictions.raw, tests, comparable_from)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What could have been predicted at each snapshot, not calibrated.

    dataset: of the main learner. raw: of its rows, (n,), NaN at other snapshots than `snapshots`.
    each, scores: see `OutOfTime.learners` and `baselines`, (n,). fits: the main learner's, one a
    snapshot. from_treated: whether treated rows may be learned from.
    """

    dataset: Dataset
    snapshots: tuple[date, ...]
    raw: FloatArray
    each: tuple[FloatArray, ...]
    scores: Mapping[str, FloatArray]
    fits: tuple[Fit, ...]
    from_treated: bool


def predict(
    learners: Sequence[Learner],
    baselines: Mapping[str, Recipe],
    progress: Progress | None = None,
    only: Collection[date] | None = None,
) -> Predictions:
    """Predict every snapshot that has enough history by models that could have existed then.

    learners, baselines, progress, only: see `rolling`.
    """
    *_, main = learners
    dataset = main.dataset
    snapshots = tuple(day for day in main.predictable if only is None or day in only)
    raw = np.full(len(dataset), np.nan)
    each = [np.full(len(dataset), np.nan) for _ in learners]
    scores = {name: np.full(len(dataset), np.nan) for name in baselines}
    rules = _Rules(baselines, main)
    fitted: list[Fit] = []
    fit_together((pair for one in learners for pair in one.wanted(snapshots)), progress)
    for snapshot in snapshots:
        now = np.flatnonzero(_at(dataset, snapshot))
        cohort = dataset.cohort(snapshot)
        fits = [learner.fit_at(snapshot) for learner in learners]
        latest = fits[-1]
        assert latest is not None  # the snapshot is predictable
        fitted.append(latest)
        for fit, own in zip(fits, each, strict=True):
            if fit is not None:
                own[now] = fit.scorer(cohort)
        told = [(own[now], fit.rate) for fit, own in zip(fits, each, strict=True) if fit]
        raw[now] = averaged([own for own, _ in told], [rate for _, rate in told])
        for name, rule in rules.at(latest).items():
            scores[name][now] = rule(cohort)
    return Predictions(
        dataset,
        snapshots,
        raw,
        tuple(each),
        scores,
        tuple(fitted),
        main.settings.learn_from_treated,
    )


def calibrate(
    predictions: Predictions,
    raw: FloatArray,
    tests: Collection[date] = (),
    comparable_from: date | None = None,
    *,
    dataset: Dataset | None = None,
    counts: FloatArray | None = None,
    usual: str = WEIGHED,
) -> OutOfTime:
    """Calibrate each snapshot on what was predicted out of time and known by then.

    Parameters
    ----------
    raw : probabilities to calibrate, (n,); those predicted, or what was made of them.
    dataset : the same rows with the outcomes to calibrate to; those learned by default.
    counts : how many accounts each row stands for where the level of a snapshot is measured, (n,);
        `stands_for` by default.
    usual : the way to calibrate that is taken unless another has proved better.
    """
    dataset = predictions.dataset if dataset is None else dataset
    teaches = dataset.teaches(predictions.from_treated)
    as_of, weight, age = dataset.as_of, dataset.weight, dataset.age
    counts = dataset.stands_for if counts is None else counts
    risk = np.full(len(dataset), np.nan)
    ways = {way: np.full(len(dataset), np.nan) for way in WAYS}
    splits: list[Split] = []
    for snapshot, fitted in zip(predictions.snapshots, predictions.fits, strict=True):
        now = np.flatnonzero(_at(dataset, snapshot))
        known = teaches & (dataset.label_complete <= np.datetime64(snapshot, "D"))
        past = known & ~np.isnan(raw)
        calibrator, way = None, ""
        if past.any():
            seen = dataset.rows(past)
            require_known_labels(seen, snapshot)
            outcomes = _known(seen, raw[past], dataset.rows(known), comparable_from)
            calibrators = fit_ways(outcomes)
            for name, other in calibrators.items():
                ways[name][now] = other.apply(raw[now], snapshot, counts[now], age[now])
            way = choose(outcomes, {name: risks[past] for name, risks in ways.items()}, usual)
            calibrator, risk[now] = calibrators[way], ways[way][now]
        splits.append(
            Split(
                snapshot=snapshot,
                fitted=fitted.snapshot,
                is_test=snapshot in tests,
                rows=len(now),
                training_rows=len(fitted.training),
                training_snapshots=tuple(fitted.training.snapshots()),
                latest_label_complete=require_known_labels(fitted.training, fitted.snapshot),
                calibrated_on=int(past.sum()),
                calibrator=calibrator,
                way=way,
            )
        )

    predicted = np.isin(as_of, np.array(predictions.snapshots, dtype="datetime64[D]"))
    return OutOfTime(
        account=dataset.account[predicted],
        as_of=as_of[predicted],
        label_complete=dataset.label_complete[predicted],
        label=dataset.label[predicted],
        raw=raw[predicted],
        risk=risk[predicted],
        ways={name: risks[predicted] for name, risks in ways.items()},
        learners=tuple(own[predicted] for own in predictions.each),
        baselines={name: values[predicted] for name, values in predictions.scores.items()},
        splits=tuple(splits),
        treated=dataset.treated[predicted],
        weight=weight[predicted],
        stands_for=dataset.stands_for[predicted],
        learnable=None if dataset.learnable is None else dataset.learnable[predicted],
    )


def _known(
    rows: Dataset | OutOfTime, raw: FloatArray, history: Dataset, since: date | None
) -> Known:
    """Predicted rows with their raw probabilities; history, since: see `OutOfTime.known`."""
    return Known(
        rows.label,
        raw,
        rows.as_of,
        rows.label_complete,
        rows.weight,
        history.rates(since),
        ages_of(history, since),
    )


class _Rules:
    """The baselines, learned anew whenever the main learner is, from all rows known by then."""

    def __init__(self, baselines: Mapping[str, Recipe], main: Learner) -> None:
        self._baselines = baselines
        self._main = main
        self._fitted: Fit | None = None
        self._learned: dict[str, Scorer] = {}

    def at(self, fitted: Fit) -> Mapping[str, Scorer]:
        if fitted is not self._fitted:
            history = self._main.history(fitted.snapshot)
            self._learned = {
                name: rule(history, fitted.cohort) for name, rule in self._baselines.items()
            }
            self._fitted = fitted
        return self._learned


def testable(learner: Learner) -> list[date]:
    """Return the predictable snapshots at which some defected and some stayed."""
    dataset = learner.dataset
    return [day for day in learner.predictable if 0 < dataset.label[_at(dataset, day)].mean() < 1]


def _at(dataset: Dataset, snapshot: date) -> BoolArray:
    return np.asarray(dataset.as_of == np.datetime64(snapshot, "D"), dtype=np.bool_)


def require_tests(learner: Learner, tests: Collection[date]) -> None:
    """Raise TooLittleHistory where a test snapshot cannot be predicted."""
    present = learner.dataset.snapshots()
    problems = []
    for test in tests:
        if test not in present:
            problems.append(f"{test}: no rows with a label at this snapshot")
        elif lack := learner.lack(test):
            problems.append(f"{test}: {lack}")
    if problems:
        span = f"{present[0]} to {present[-1]}" if present else "none"
        raise TooLittleHistory(
            f"test snapshots that cannot be used: {'; '.join(problems)}. "
            f"Snapshots with labels: {span}. Choose later test snapshots or give more history."
        )
