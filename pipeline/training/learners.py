"""What learns the labels of a training table; all of them share its bins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from models.departures import (
    DepartureLearners,
    OutOfTimeDepartures,
    departure_learners,
    rolling_departures,
)
from models.gradient_boosting import Trees
from models.learner import Learner
from models.out_of_time import OutOfTime, Progress, rolling
from models.recipe import Recipe
from models.settings import ModelSettings
from pipeline.tables.training_table import TrainingTable

FITTING = "Fitting the models"  # the step's name


@dataclass(frozen=True)
class Learners:
    """Of the configured label and of other horizons, by days.

    shorter: those horizons that the model learns beside the main one. published: those whose risks
    are published beside its own. departures: where the label is departure; the main learner is
    then their onset.
    """

    main: Learner
    further: Mapping[int, Learner]
    shorter: tuple[int, ...]
    published: tuple[int, ...]
    departures: DepartureLearners | None = None

    @property
    def together(self) -> list[Learner]:
        """Those of the model, the main one last; see `models.ensemble`."""
        return [*(self.further[days] for days in self.shorter), self.main]

    @property
    def wanted(self) -> list[tuple[Learner, date | None]]:
        """All fits of a training; see `models.learner.fit_together`."""
        alone = [self.further[days] for days in self.published if days in self.further]
        found = [pair for one in self.together for pair in one.wanted(self.main.predictable)]
        found += [pair for one in alone for pair in one.wanted(one.predictable)]
        able = [one for one in alone if one.predictable]
        if self.departures is not None:
            able.append(self.departures.slip)
            found += self.departures.slip.wanted(self.main.predictable)
        return [*found, *((one, None) for one in (*self.together, *able) if one.both_classes)]

    def predict(
        self,
        tests: Sequence[date],
        baselines: Mapping[str, Recipe],
        comparable_from: date,
        progress: Progress | None = None,
    ) -> tuple[OutOfTime, OutOfTimeDepartures | None]:
        """Predict every snapshot out of time; see `rolling` and `rolling_departures`.

        Returns the predictions of the label, and beside them, for departure, its parts.
        """
        if self.departures is None:
            return rolling(self.together, tests, baselines, comparable_from, progress), None
        parts = rolling_departures(self.departures, tests, baselines, comparable_from, progress)
        return parts.departure, parts


def learners_of(table: TrainingTable, tests: Collection[date], settings: ModelSettings) -> Learners:
    """What learns each label that any snapshot is old enough for."""
    trees = Trees(settings)
    further = {
        days: Learner(table.horizon_dataset(days), tests, settings, trees)
        for days, labels in table.labels.items()
        if len(labels)
    }
    shorter = tuple(days for days in table.shorter if days in further)
    if table.of_departures:
        parts = departure_learners(
            table.dataset, table.slipped, table.overdue, tests, settings, trees
        )
        return Learners(parts.onset, further, shorter, table.published, parts)
    main = Learner(table.dataset, tests, settings, trees)
    return Learners(main, further, shorter, table.published)
