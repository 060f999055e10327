"""A recipe is what a version was made by: its features and its learner, whatever the data.

Two versions are compared by what their recipes predict of the same rows out of time; a model that
was refitted on all rows has seen them, and says nothing about how good it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from features.families import FAMILIES
from models.departures import OutOfTimeDepartures
from models.out_of_time import OutOfTime
from models.recipe import Recipe
from pipeline.config import Config
from pipeline.config.form import ModelConfig
from pipeline.console import Steps
from pipeline.errors import ConfigError
from pipeline.training.choices import model_settings, test_snapshots
from pipeline.training.keep_list_measures import KeepListEvaluation
from pipeline.training.learners import learners_of
from pipeline.training.measuring import Measured
from pipeline.training.preparation import Prepared, open_engine, prepare
from pipeline.wording import listed

_OF_THE_MACHINE = ("threads",)


@dataclass(frozen=True)
class Predicted:
    """A training table, and what a recipe predicts of each snapshot in it out of time.

    measured: by the training that predicted it; None where it is still to be measured. plots: the
    PNG drawings of that training, by name. departures: for the label departure. keep_list: of them,
    measured by that training. inactivity: risks over `RISK_DAYS` days, where they were predicted.
    """

    config: Config
    prepared: Prepared
    tests: tuple[date, ...]
    out_of_time: OutOfTime
    measured: Measured | None = None
    plots: Mapping[str, bytes] = field(default_factory=dict)
    departures: OutOfTimeDepartures | None = None
    keep_list: KeepListEvaluation | None = None
    inactivity: OutOfTime | None = None


def with_recipe(config: Config, written: Mapping[str, Any]) -> Config:
    """This config with the features and the learner of another, as that was written.

    ConfigError where the other has a feature family of its own that this one does not register.
    """
    mine = config.as_written()
    features, model = written["features"], written["model"]
    known = {*FAMILIES, *config.features.own_families}
    if absent := [name for name in features["families"] if name not in known]:
        raise ConfigError(
            f"its own feature family {listed(absent)} is not registered in {config.path} "
            "(`features.own_families`)"
        )
    choices = {
        "families": tuple(features["families"]),
        "windows_days": tuple(features["windows_days"]),
        "resolution_days": features["resolution_days"],
    }
    learner = {**model, **{name: mine["model"][name] for name in _OF_THE_MACHINE}}
    return config.model_copy(
        update={
            "features": config.features.model_copy(update=choices),
            "model": ModelConfig.model_validate(learner),
        }
    )


def same_recipe(one: Config, other: Config) -> bool:
    """Whether both configs make a model the same way."""
    return one.features == other.features and one.model == other.model


def predicted(
    config: Config,
    steps: Steps,
    until: date | None,
    rules: Mapping[str, Recipe],
    who: str,
    prepared: Prepared | None = None,
) -> Predicted:
    """Build the training table and predict every snapshot of it, as `train` does.

    until: see `prepare`. rules: the baselines to predict beside. who: for the progress. prepared:
    the training table, where it is there already.
    """
    if prepared is None:
        with open_engine(config) as engine:
            prepared = prepare(engine, config, steps, until)
    config = config.sorted_by_size() if prepared.by_size else config
    tests = test_snapshots(config, prepared.table.dataset)

    learners = learners_of(prepared.table, tests, model_settings(config))
    progress = steps.counted(f"Fitting the models of {who}")
    out_of_time, departures = learners.predict(tests, rules, prepared.comparable_from, progress)
    return Predicted(config, prepared, tuple(tests), out_of_time, departures=departures)
