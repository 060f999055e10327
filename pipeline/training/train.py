"""From sources to a registered challenger: table, baselines, back-test, final fit."""

from __future__ import annotations

from datetime import date

import numpy as np

from models.baselines import bg_nbd_silence, recency_rule, rfm_logistic, silence_rule
from models.dataset import Dataset
from models.out_of_time import OutOfTime, rolling
from models.profit import CallTerms
from models.recipe import Recipe
from models.risk_model import fit_final
from models.settings import ModelSettings
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.errors import ConfigError, DataError
from pipeline.tables.label_definitions import fixed_horizon
from pipeline.tables.snapshots import snapshot_dates
from pipeline.tracking.runs import open_tracking
from pipeline.training.evaluation import BG_NBD, RIVAL, Evaluation, Facts, evaluate
from pipeline.training.horizons import fit_horizons
from pipeline.training.label_audit import audit_labels
from pipeline.training.leakage import examine
from pipeline.training.preparation import open_engine, prepare
from pipeline.training.record import Registered, Trained, record, refuse


def train(config: Config, steps: Steps, until: date | None = None) -> Registered:
    """Train, back-test, log and register; never promotes.

    CheckFailed, before anything is fitted, where a feature is seen to know the future.
    """
    if "order_history" not in config.features.families:
        raise ConfigError(
            f"{config.path}: `features.families` leaves out order_history; the baselines that "
            "every model is compared with are computed from it."
        )
    with open_engine(config) as engine:
        prepared = prepare(engine, config, steps, until)
        dataset = prepared.table.dataset()
        _refuse_one_class(dataset)
        tests = test_snapshots(config, dataset)
        steps.begin("Auditing the labels")
        complete_until = prepared.sources.tables["orders"].complete_until
        audit = audit_labels(engine, config.label, prepared.table.frame, complete_until)
        leakage = examine(engine, config, prepared.sources, prepared.table, dataset, steps)
    tracking = open_tracking(config)
    tracking.connect()  # a store that cannot be used is said before the long work, not after it
    if not leakage.passed:
        refuse(tracking, config, prepared, leakage)
    settings = model_settings(config)
    steps.begin("Fitting the models of the back-test")

    def fitted(done: int, total: int, snapshot: date) -> None:
        steps.begin(f"Fitting: as of {snapshot}", total=total)
        for _ in range(done):
            steps.advance()

    shorter = prepared.table.shorter_datasets()
    comparable = prepared.comparable_from
    out_of_time = rolling(
        dataset, tests, settings, _baselines(config), shorter, comparable, progress=fitted
    )
    steps.begin("Measuring")
    evaluation = _evaluated(config, dataset, out_of_time, tests)
    horizons = fit_horizons(
        prepared.table,
        settings,
        comparable,
        lambda days: steps.begin(f"Fitting: the horizon of {days} days"),
    )
    steps.begin("Fitting the final model")
    metadata = {
        **config.meaning_of_risk(),
        "definitions": prepared.table.selection.definitions(),
        "horizons_left_out": {str(days): why for days, why in horizons.left_out.items()},
    }
    model = fit_final(
        dataset,
        out_of_time,
        settings,
        shorter,
        comparable,
        metadata,
        fixed_horizon(config.label),
        horizons.models,
    )
    steps.begin("Logging to MLflow")
    trained = Trained(
        prepared, leakage, audit, tuple(tests), out_of_time, evaluation, horizons, model
    )
    return record(tracking, config, trained)


def model_settings(config: Config) -> ModelSettings:
    """The config's choices about the model."""
    return ModelSettings(**config.model.model_dump())


def _evaluated(
    config: Config, dataset: Dataset, out_of_time: OutOfTime, tests: list[date]
) -> Evaluation:
    """Measure the back-test, with the assumptions of the config."""
    terms = config.scoring.profit.model_dump()
    window, value_days = max(config.features.windows_days), terms.pop("value_days")
    facts = Facts.of(dataset, out_of_time, window, value_days)
    return evaluate(out_of_time, facts, tests, config.scoring.call_capacity, CallTerms(**terms))


def _baselines(config: Config) -> dict[str, Recipe]:
    """The rules that a sales manager has anyway, on the same rows."""
    window = max(config.features.windows_days)
    return {
        "recency": recency_rule("days_since_last_order"),
        "silence": silence_rule(recency="days_since_last_order", usual_gap="usual_order_gap"),
        RIVAL: rfm_logistic(
            recency="days_since_last_order",
            frequency=f"orders_count_{window}d",
            spend=f"spend_{window}d",
        ),
        BG_NBD: bg_nbd_silence(
            order_days="order_days_ever",
            tenure="days_since_first_order",
            recency="days_since_last_order",
            horizon_days=config.label.horizon_days,
        ),
    }


def _refuse_one_class(dataset: Dataset) -> None:
    if len(set(dataset.label.tolist())) < 2:
        share = "every" if dataset.label[0] else "no"
        raise DataError(
            f"Nothing can be learned: {share} account defects in all {len(dataset.label):,} rows. "
            "Check the mapping of `orders` and the choices under `label`."
        )


def test_snapshots(config: Config, dataset: Dataset) -> list[date]:
    """The configured test snapshots for which there are rows."""
    present = dataset.snapshots()
    if config.backtest.test_snapshots:
        settings = config.snapshots
        taken = snapshot_dates(settings.first, settings.last, settings.every)
        if between := [str(day) for day in config.backtest.test_snapshots if day not in taken]:
            raise ConfigError(
                f"{config.path}: no snapshot is taken on backtest.test_snapshots "
                f"{', '.join(between)}; they are a {settings.every} apart from {settings.first}."
            )
        tests = [day for day in config.backtest.test_snapshots if day in present]
    else:
        tests = present[-(config.backtest.last or 0) :]
    if not tests:
        raise DataError(
            "None of the test snapshots has a complete label: "
            f"the mature snapshots reach from {present[0]} to {present[-1]}. "
            "Choose `backtest.test_snapshots` among them."
        )
    for day in tests:
        labels = dataset.label[dataset.as_of == np.datetime64(day, "D")]
        if len(np.unique(labels)) < 2:
            raise DataError(
                f"The test snapshot {day} cannot measure a model: of its {len(labels):,} accounts "
                f"{int(labels.sum()):,} defected. Choose other test snapshots, a longer cohort or "
                "another horizon."
            )
    return tests
