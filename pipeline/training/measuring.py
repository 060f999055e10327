"""Measures a back-test by what a config assumes: capacity, terms of a call, value of an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from models.departures import OutOfTimeDepartures
from models.out_of_time import OutOfTime
from models.profit import CallTerms
from pipeline.config import Config
from pipeline.tables.training_table import TrainingTable
from pipeline.training.evaluation import Evaluation, Facts, evaluate
from pipeline.training.keep_list import keep_list_rows
from pipeline.training.keep_list_measures import KeepListEvaluation, evaluate_keep_list


class Measured(NamedTuple):
    """What is known of each predicted account, and how well the predictions did."""

    facts: Facts
    evaluation: Evaluation


def measure(
    config: Config, table: TrainingTable, out_of_time: OutOfTime, tests: Sequence[date]
) -> Measured:
    """Measure the predictions of a training table."""
    facts = Facts.of(table, out_of_time, config.scoring.profit.value_days)
    return Measured(facts, evaluated(config, out_of_time, tests, facts))


def evaluated(
    config: Config, out_of_time: OutOfTime, tests: Sequence[date], facts: Facts
) -> Evaluation:
    """Measure every scorer at the test snapshots."""
    terms = config.scoring.profit.model_dump(exclude={"value_days"})
    return evaluate(
        out_of_time,
        facts,
        tests,
        config.scoring.call_capacity,
        CallTerms(**terms),
        config.backtest.bootstrap_repetitions,
        jobs=config.model.all_threads,
    )


def measure_keep_list(
    config: Config,
    table: TrainingTable,
    departures: OutOfTimeDepartures,
    tests: Sequence[date],
    inactivity: OutOfTime | None = None,
    champion: OutOfTimeDepartures | None = None,
) -> KeepListEvaluation:
    """Measure what the keep list and others would have caught; see `keep_list_rows`."""
    return evaluate_keep_list(
        keep_list_rows(table, departures, inactivity, champion),
        tests,
        config.scoring.call_capacity,
        config.backtest.bootstrap_repetitions,
        jobs=config.model.all_threads,
    )
