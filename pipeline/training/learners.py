"""What learns the labels of a training table; all of them share its bins."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from models.gradient_boosting import Trees
from models.learner import Learner
from models.settings import ModelSettings
from pipeline.tables.training_table import TrainingTable


@dataclass(frozen=True)
class Learners:
    """main: of the configured label. further: of other horizons, by days. shorter: those of them
    that the model learns beside the main one."""

    main: Learner
    further: Mapping[int, Learner]
    shorter: tuple[int, ...]

    @property
    def together(self) -> list[Learner]:
        """Those of the model, the main one last; see `models.ensemble`."""
        return [*(self.further[days] for days in self.shorter), self.main]


def learners_of(table: TrainingTable, tests: Collection[date], settings: ModelSettings) -> Learners:
    """What learns each label that any snapshot is old enough for."""
    trees = Trees(settings)
    further = {
        days: Learner(table.horizon_dataset(days), tests, settings, trees)
        for days, labels in table.labels.items()
        if len(labels)
    }
    main = Learner(table.dataset, tests, settings, trees)
    return Learners(main, further, tuple(days for days in table.shorter if days in further))
