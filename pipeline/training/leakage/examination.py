"""Puts the leakage report of a training together."""

from __future__ import annotations

from models.dataset import Dataset
from models.screening import single_feature_auc, too_good
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.memory import limit_bytes
from pipeline.sources import Sources
from pipeline.tables.cohort import cohort_rule
from pipeline.tables.training_table import TrainingTable
from pipeline.training.leakage.lateness import lateness
from pipeline.training.leakage.laws import Laws
from pipeline.training.leakage.report import LeakageReport

MEMORY_PART = 0.25  # of the engine's share, for the engine that holds the sample


def examine(
    engine: DuckDBEngine,
    config: Config,
    sources: Sources,
    table: TrainingTable,
    dataset: Dataset,
    steps: Steps,
) -> LeakageReport:
    """Check the training table for leakage.

    engine: still holds the sources. dataset: the table's, with defectors and others.
    """
    steps.begin("Checking for leakage")
    check = DuckDBEngine(
        threads=config.engine.all_threads,
        memory_bytes=int(
            limit_bytes(config.engine.memory_share, config.engine.memory_mib) * MEMORY_PART
        ),
        spill_folder=config.engine.spill_folder,
    )
    with check:
        laws = Laws(
            engine,
            check,
            table,
            cohort_rule(engine, config),
            sources.departures_inferred,
            steps.detail("Checking for leakage: truncation and poison"),
        )
        point_in_time = laws.hold()
    steps.begin("Checking for leakage: features alone, late knowledge")
    alone = single_feature_auc(dataset)
    lag = config.label.reporting_lag_days
    return LeakageReport(
        point_in_time=point_in_time,
        alone=alone,
        too_good=too_good(alone),
        lateness=lateness(engine, sources.tables, lag),
        reporting_lag_days=lag,
    )
