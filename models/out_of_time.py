"""The rolling scheme: every snapshot is predicted by a model that could have existed then.

At each snapshot s a model is fitted on the rows whose label was complete at s and predicts the
rows of s. Test snapshots are treated like all others. The risk at s comes from a calibrator
that has seen only such predictions, and of those only the ones whose label was complete at s; so
does the choice among several ways to calibrate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import compress
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from models import gradient_boosting
from models.calibration_choice import WAYS, Calibrator, Known, choose, fit_ways
from models.dataset import NOBODY, BoolArray, Dataset, DateArray, FloatArray, latest_day
from models.ensemble import averaged, base_rate, learnable
from models.errors import LeakageFound, TooLittleHistory
from models.ranks import ranked_together
from models.recipe import Recipe
from models.settings import ModelSettings

Progress = Callable[[int, int, date], None]
"""`(fitted, to_fit, snapshot)`, called after each snapshot's model and baselines are done."""


@dataclass(frozen=True)
class Split:
    """What one snapshot's model had learned from.

    training_rows, training_snapshots, latest_label_complete: of the rows the model was fitted on;
    latest_label_complete is never after snapshot. rows: predicted. calibrated_on: out-of-time
    predictions that the calibrator saw; calibrator is None where there were none yet. way: of
    `models.calibration_choice.WAYS`, the one that it follows; empty without a calibrator.
    """

    snapshot: date
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
    one a snapshot, earliest first. treated: as in `Dataset`.
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
    treated: BoolArray = field(default_factory=lambda: NOBODY)

    def __post_init__(self) -> None:
        """Nobody was treated unless it is said."""
        if self.treated is NOBODY:
            object.__setattr__(self, "treated", np.zeros(len(self.label), dtype=np.bool_))

    def __len__(self) -> int:
        """Return the number of predicted rows."""
        return len(self.label)

    def untreated(self) -> OutOfTime:
        """Return the rows whose outcome nobody acted on, with all splits."""
        return self._rows(~self.treated, self.splits)

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
        )


def rolling(
    dataset: Dataset,
    tests: Sequence[date],
    settings: ModelSettings,
    baselines: Mapping[str, Recipe],
    shorter: Sequence[Dataset] = (),
    comparable_from: date | None = None,
    progress: Progress | None = None,
    model: Recipe | None = None,
    only: Collection[date] | None = None,
    told: Mapping[date, FloatArray] | None = None,
) -> OutOfTime:
    """Predict every snapshot that has enough history, each model being fitted once.

    A snapshot has enough when at least `settings.minimum_snapshots` earlier ones had complete
    labels by then, of both classes. The model learns from ranks within snapshots, the baselines
    from values. `model` is the gradient boosting unless another recipe is given.

    shorter: the same accounts with outcomes over shorter horizons, which the model learns beside
    the main ones; see `models.ensemble`. comparable_from: the first snapshot whose cohort is like
    those of later years; an earlier one lacks those who ordered only before the data begin.
    only: predict no other snapshots than these; calibrators see no others' predictions then.
    told: what the main learner has been found to say at some snapshots, (n,) each, by account:
    it learns from the very same rows wherever it is asked, so it is not fitted again.
    Accounts that were acted on are always predicted; by `settings.learn_from_treated` nothing is
    learned or calibrated from them.

    Raises TooLittleHistory when a test snapshot is not in the dataset or has too little history.
    """
    model = gradient_boosting.recipe(settings) if model is None else model
    dataset = dataset.rows(dataset.order())
    lessons = ranked_together([part.rows(part.order()) for part in (*shorter, dataset)])
    snapshots = [day for day in predictable(dataset, settings) if only is None or day in only]
    _require_tests(dataset, tests, settings)

    raw = np.full(len(dataset), np.nan)
    risk = np.full(len(dataset), np.nan)
    ways = {way: np.full(len(dataset), np.nan) for way in WAYS}
    learners = [np.full(len(dataset), np.nan) for _ in lessons]
    scores = {name: np.full(len(dataset), np.nan) for name in baselines}
    splits: list[Split] = []
    # Processes, because LightGBM crashes when threads use it at once; the answers come in order.
    fits = Parallel(n_jobs=settings.jobs, return_as="generator")(
        delayed(_predicted)(
            dataset, lessons, day, model, baselines, settings, (told or {}).get(day)
        )
        for day in snapshots
    )
    for fitted, (snapshot, (own, each, others)) in enumerate(
        zip(snapshots, fits, strict=True), start=1
    ):
        now = dataset.as_of == np.datetime64(snapshot, "D")
        known = _known(dataset, snapshot, settings)
        training = dataset.rows(known)
        raw[now] = own
        for learner, predictions in zip(learners, each, strict=True):
            learner[now] = predictions
        for name, predictions in others.items():
            scores[name][now] = predictions
        past = known & ~np.isnan(raw)
        calibrator, way = None, ""
        if past.any():
            seen = dataset.rows(past)
            require_known_labels(seen, snapshot)
            rates = training.rates(comparable_from)
            calibrators = fit_ways(
                Known(seen.label, raw[past], seen.as_of, seen.label_complete, rates)
            )
            for name, other in calibrators.items():
                ways[name][now] = other.apply(raw[now], snapshot)
            record = {name: risks[past] for name, risks in ways.items()}
            way = choose(seen.label, seen.as_of, seen.label_complete, record)
            calibrator, risk[now] = calibrators[way], ways[way][now]
        splits.append(
            Split(
                snapshot=snapshot,
                is_test=snapshot in tests,
                rows=int(now.sum()),
                training_rows=len(training),
                training_snapshots=tuple(training.snapshots()),
                latest_label_complete=require_known_labels(training, snapshot),
                calibrated_on=int(past.sum()),
                calibrator=calibrator,
                way=way,
            )
        )
        if progress is not None:
            progress(fitted, len(snapshots), snapshot)

    predicted = np.isin(dataset.as_of, np.array(snapshots, dtype="datetime64[D]"))
    return OutOfTime(
        account=dataset.account[predicted],
        as_of=dataset.as_of[predicted],
        label_complete=dataset.label_complete[predicted],
        label=dataset.label[predicted],
        raw=raw[predicted],
        risk=risk[predicted],
        ways={name: risks[predicted] for name, risks in ways.items()},
        learners=tuple(learner[predicted] for learner in learners),
        baselines={name: values[predicted] for name, values in scores.items()},
        splits=tuple(splits),
        treated=dataset.treated[predicted],
    )


def _predicted(
    dataset: Dataset,
    lessons: Sequence[Dataset],
    snapshot: date,
    model: Recipe,
    baselines: Mapping[str, Recipe],
    settings: ModelSettings,
    told: FloatArray | None,
) -> tuple[FloatArray, list[FloatArray], dict[str, FloatArray]]:
    """The model's, its learners' and the baselines' scores of a snapshot, by labels known then.

    lessons: what the model learns from, ranked, the main horizon last. told: see `rolling`.
    """
    training, *trainings = (
        part.rows(_known(part, snapshot, settings)) for part in (dataset, *lessons)
    )
    for part in (training, *trainings):
        require_known_labels(part, snapshot)
    others = {name: rule(training, dataset.cohort(snapshot)) for name, rule in baselines.items()}
    cohort = lessons[-1].cohort(snapshot)
    taught = learnable(trainings)
    each = [
        model(part, cohort) if learns else np.full(len(cohort), np.nan)
        for part, learns in zip(trainings[:-1], taught, strict=False)
    ]
    each.append(model(trainings[-1], cohort) if told is None else told)
    rates = [base_rate(part) for part in compress(trainings, taught)]
    return averaged(list(compress(each, taught)), rates), each, others


def predictable(dataset: Dataset, settings: ModelSettings) -> list[date]:
    """Return the snapshots that have enough history to be predicted, earliest first."""
    return [day for day in dataset.snapshots() if _lacks(dataset, day, settings) is None]


def testable(dataset: Dataset, settings: ModelSettings) -> list[date]:
    """Return the predictable snapshots at which some defected and some stayed."""
    rates = dataset.rates()
    return [day for day in predictable(dataset, settings) if 0 < rates[day] < 1]


def require_known_labels(rows: Dataset, snapshot: date) -> date:
    """Return the latest date at which a label of `rows` became complete.

    Raises LeakageFound when that is after `snapshot`: nobody could have learned from it then.
    """
    latest = latest_day(rows.label_complete)
    if latest > snapshot:
        late = int((rows.label_complete > np.datetime64(snapshot, "D")).sum())
        raise LeakageFound(
            f"{late} rows to learn from at {snapshot} have labels that were complete only later, "
            f"the last on {latest}. This is an error in the split, not in the data."
        )
    return latest


def _known(dataset: Dataset, snapshot: date, settings: ModelSettings) -> BoolArray:
    """Return which rows had a complete label at `snapshot`, of those that may be learned from."""
    complete = np.asarray(dataset.label_complete <= np.datetime64(snapshot, "D"), dtype=np.bool_)
    return complete if settings.learn_from_treated else complete & ~dataset.treated


def _lacks(dataset: Dataset, snapshot: date, settings: ModelSettings) -> str | None:
    """Return what a model at `snapshot` would lack, or None when there is enough to learn from."""
    known = _known(dataset, snapshot, settings)
    complete = len(np.unique(dataset.as_of[known]))
    if complete < settings.minimum_snapshots:
        needed = settings.minimum_snapshots
        return f"{complete} earlier snapshots with complete labels, {needed} needed"
    if len(np.unique(dataset.label[known])) < 2:
        return "only one class among the labels known by then"
    return None


def _require_tests(dataset: Dataset, tests: Sequence[date], settings: ModelSettings) -> None:
    present = dataset.snapshots()
    problems = []
    for test in tests:
        if test not in present:
            problems.append(f"{test}: no rows with a label at this snapshot")
        elif lack := _lacks(dataset, test, settings):
            problems.append(f"{test}: {lack}")
    if problems:
        span = f"{present[0]} to {present[-1]}" if present else "none"
        raise TooLittleHistory(
            f"test snapshots that cannot be used: {'; '.join(problems)}. "
            f"Snapshots with labels: {span}. Choose later test snapshots or give more history."
        )
