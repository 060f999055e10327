"""One label, learned again and again as history grows.

A learner is fitted on the rows whose label was known by then: at the first snapshot that has enough
of them, when they have grown by half since the last fit, and at each test snapshot. In between the
latest fit predicts, as it would have done then. So a training costs in proportion to its rows, not
to the square of its snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
from joblib import Parallel, delayed

from models.dataset import BoolArray, Cohort, Dataset, latest_day
from models.errors import LeakageFound
from models.gradient_boosting import Trees
from models.recipe import Scorer
from models.settings import ModelSettings

GROWTH = 1.5
"""Rows to learn from, over those of the last fit, from which on it is worth another."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A learner as fitted at a snapshot.

    training: the rows it learned from. cohort: the accounts of the snapshot.
    """

    snapshot: date
    training: Dataset
    cohort: Cohort
    scorer: Scorer

    @property
    def rate(self) -> float:
        """The share of defectors, 0-1, that it learned from."""
        return base_rate(self.training)


class Learner:
    """What learns one label, each fit being made once.

    dataset: its rows, in the order that models are fitted in. tests: snapshots with fits of their
    own. trees: shared by learners of the same panel, whose rows they put into bins once. texts:
    fitted so far, by the snapshot of the refit, None for the final fit.
    """

    def __init__(
        self,
        dataset: Dataset,
        tests: Collection[date],
        settings: ModelSettings,
        trees: Trees,
    ) -> None:
        """Fits nothing yet."""
        self.dataset = dataset.rows(dataset.order())
        self.settings = settings
        self.trees = trees
        self.texts: dict[date | None, str] = {}
        self._tests = tests
        self._fits: dict[date, Fit] = {}

    @cached_property
    def predictable(self) -> list[date]:
        """The snapshots that have enough history to be predicted, earliest first."""
        return [day for day in self.dataset.snapshots() if self.lack(day) is None]

    @cached_property
    def refits(self) -> list[date]:
        """The snapshots at which the model is fitted, earliest first."""
        days: list[date] = []
        rows = 0
        for day in self.predictable:
            now = int(self.known(day).sum())
            if not days or now >= GROWTH * rows or day in self._tests:
                days.append(day)
                rows = now
        return days

    def known(self, snapshot: date) -> BoolArray:
        """Return which rows had a complete label at `snapshot`, of those that may be learned."""
        complete = self.dataset.label_complete <= np.datetime64(snapshot, "D")
        return np.asarray(complete & self._teaches, dtype=np.bool_)

    @cached_property
    def _teaches(self) -> BoolArray:
        return self.dataset.teaches(self.settings.learn_from_treated)

    @property
    def both_classes(self) -> bool:
        """Whether some of them defected and some stayed."""
        return len(np.unique(self.taught.label)) == 2

    @cached_property
    def taught(self) -> Dataset:
        """All rows that may be learned from."""
        return self.training(None)

    def lack(self, snapshot: date) -> str | None:
        """Return what a model at `snapshot` would lack, None when there is enough to learn from."""
        known = self.known(snapshot)
        complete = len(np.unique(self.dataset.as_of[known]))
        if complete < self.settings.minimum_snapshots:
            needed = self.settings.minimum_snapshots
            return f"{complete} earlier snapshots with complete labels, {needed} needed"
        if len(np.unique(self.dataset.label[known])) < 2:
            return "only one class among the labels known by then"
        return None

    def refit_at(self, snapshot: date) -> date | None:
        """Return the last refit up to `snapshot`; None before the first."""
        return max((day for day in self.refits if day <= snapshot), default=None)

    def fit_at(self, snapshot: date) -> Fit | None:
        """Return the latest fit that there could have been at `snapshot`; None before the first."""
        day = self.refit_at(snapshot)
        if day is None:
            return None
        if day not in self._fits:
            training, cohort = self.training(day), self.dataset.cohort(day)
            self._fits[day] = Fit(day, training, cohort, self.trees.scorer(self.text(day)))
        return self._fits[day]

    def wanted(self, snapshots: Iterable[date]) -> list[tuple[Learner, date | None]]:
        """Return what `fit_together` should fit before these are predicted."""
        days = {self.refit_at(day) for day in snapshots} - {None}
        return [(self, day) for day in days]

    def training(self, day: date | None) -> Dataset:
        """Return the rows to learn from at a snapshot; None: all that may be learned from."""
        if day is None:
            return self.dataset.rows(self._teaches)
        rows = self.dataset.rows(self.known(day))
        require_known_labels(rows, day)
        return rows

    def every(self, from_treated: bool) -> Dataset:
        """Return all rows, also those that only others learn from; treated ones as told."""
        every = replace(self.dataset, learnable=None)
        return every.rows(every.teaches(from_treated))

    def history(self, day: date) -> Dataset:
        """Return the rows known at a snapshot, also those that only others learn from."""
        every = self.every(self.settings.learn_from_treated)
        return every.rows(every.label_complete <= np.datetime64(day, "D"))

    def text(self, day: date | None) -> str:
        """Return the trees fitted on them."""
        if day not in self.texts:
            self.texts[day] = self.trees.fit(self.training(day))
        return self.texts[day]


def fit_together(
    wanted: Iterable[tuple[Learner, date | None]], progress: Callable[[int, int], None] | None
) -> None:
    """Fit what `Learner.text` will be asked for, on all cores, the largest first.

    wanted: learners that share their trees, each with the snapshot of a refit, or None for the
    final fit. progress: `(fitted, to_fit)`, called before the first and after each.
    """
    todo = [pair for pair in dict.fromkeys(wanted) if pair[1] not in pair[0].texts]
    lessons = [(*pair, pair[0].training(pair[1])) for pair in todo]
    if not lessons:
        return
    tell = progress or (lambda fitted, to_fit: None)
    tell(0, len(lessons))
    lessons.sort(key=lambda lesson: -len(lesson[2]))
    for learner, _, training in lessons:
        learner.trees.bins(training.panel)
    threads = lessons[0][0].settings.threads
    texts = Parallel(n_jobs=threads, prefer="threads", return_as="generator")(
        delayed(learner.trees.fit)(training) for learner, _, training in lessons
    )
    for number, ((learner, day, _), text) in enumerate(zip(lessons, texts, strict=True), start=1):
        learner.texts[day] = text
        tell(number, len(lessons))


def base_rate(training: Dataset) -> float:
    """Return the share of defectors, 0-1."""
    return float(np.average(training.label, weights=training.weight))


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
