"""Measures a back-test by what a config assumes: capacity, terms of a call, value of an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from models.dataset import Dataset, FloatArray
from models.out_of_time import OutOfTime
from models.profit import CallTerms
from pipeline.config import Config
from pipeline.training.choices import model_settings
from pipeline.training.evaluation import Evaluation, Facts, evaluate


def facts_of(
    config: Config, dataset: Dataset, out_of_time: OutOfTime, last_year: FloatArray
) -> Facts:
    """What is known of each predicted account; last_year: what each row of the dataset brought."""
    return Facts.of(dataset, out_of_time, last_year, config.scoring.profit.value_days)


def evaluated(
    config: Config,
    out_of_time: OutOfTime,
    tests: Sequence[date],
    facts: Facts,
    repetitions: int = 1000,
) -> Evaluation:
    """Measure every scorer at the test snapshots; repetitions: draws behind each interval."""
    terms = config.scoring.profit.model_dump(exclude={"value_days"})
    return evaluate(
        out_of_time,
        facts,
        tests,
        config.scoring.call_capacity,
        CallTerms(**terms),
        repetitions,
        jobs=model_settings(config).jobs,
    )
