"""From sources to a registered challenger: table, baselines, back-test, final fit."""

from __future__ import annotations

from datetime import date

from models.learner import fit_together
from models.risk_model import fit_final
from models.value_at_stake import fit as fit_value_at_stake
from models.value_coverage import coverage
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.guards.measure import measure as measure_sources
from pipeline.pseudonyms import pseudonym_key
from pipeline.scoring.about_list import (
    BY_THEMSELVES,
    BY_VALUE_ALONE,
    NOTE,
    ORDER_AGAIN,
    SORTED_BY_SIZE,
)
from pipeline.tables.label_definitions import fixed_horizon
from pipeline.tracking.runs import open_tracking
from pipeline.training.choices import (
    baselines,
    model_settings,
    refuse_one_class,
    require_order_history,
    test_snapshots,
)
from pipeline.training.horizons import fit_horizons
from pipeline.training.keep_list import RISK_DAYS
from pipeline.training.label_audit import audit_labels
from pipeline.training.leakage import examine
from pipeline.training.learners import FITTING, learners_of
from pipeline.training.measuring import measure, measure_keep_list
from pipeline.training.preparation import open_engine, prepare
from pipeline.training.record import Registered, record, refuse
from pipeline.training.size_comparison import compare_with_size
from pipeline.training.trained import Trained
from pipeline.training.win_back import fit_win_back, wanted, win_back_learners
from pipeline.training.win_back_report import by_themselves, by_value_alone


def train(config: Config, steps: Steps, until: date | None = None) -> Registered:
    """Train, back-test, log and register; never promotes.

    CheckFailed, before anything is fitted, where a feature is seen to know the future.
    """
    require_order_history(config)
    with open_engine(config) as engine:
        prepared = prepare(engine, config, steps, until)
        config = prepared.config
        steps.know(rows=len(prepared.table.frame))
        dataset = prepared.table.dataset
        refuse_one_class(dataset)
        tests = test_snapshots(config, dataset)
        steps.begin("Auditing the labels")
        complete_until = prepared.sources.tables["orders"].complete_until
        audit = audit_labels(engine, config.label, prepared.table.accounts(), complete_until)
        tables = prepared.sources.tables.values()
        held = measure_sources(engine, tables, until, key=pseudonym_key(config.output))
        leakage = examine(engine, config, prepared.sources, prepared.table, dataset, steps)
    tracking = open_tracking(config)
    tracking.connect()  # a store that cannot be used is said before the long work, not after it
    if not leakage.passed:
        refuse(tracking, config, prepared, leakage)
    settings = model_settings(config)
    comparable = prepared.comparable_from
    learners = learners_of(prepared.table, tests, settings)
    returning = {}
    if not prepared.by_size:
        returning = win_back_learners(prepared.table, tests, settings)

    fit_together([*learners.wanted, *wanted(returning)], steps.counted(FITTING))
    steps.begin("Predicting every snapshot as it could have been")
    rules = baselines(config, config.label.horizon_days)
    out_of_time, departures = learners.predict(tests, rules, comparable)
    steps.begin("Measuring")
    measured = measure(config, prepared.table, out_of_time, tests)
    horizons = fit_horizons(
        prepared.table,
        out_of_time,
        fixed_horizon(config.label),
        learners.further,
        comparable,
        lambda days: steps.begin(f"Calibrating the horizon of {days} days"),
    )
    keep_list = None
    if departures is not None:
        steps.begin("Measuring the keep list")
        inactivity = horizons.predictions.get(RISK_DAYS)
        keep_list = measure_keep_list(config, prepared.table, departures, tests, inactivity)
    if prepared.table.reorders:
        steps.begin("Measuring the win-back model")
    win_back = fit_win_back(
        prepared.table,
        returning,
        comparable,
        config.win_back.days,
        config.backtest.bootstrap_repetitions,
        config.model.all_threads,
    )
    steps.begin("Calibrating the final model")
    metadata = {
        **config.meaning_of_risk(),
        "definitions": prepared.table.selection.definitions(),
        "horizons_left_out": {str(days): why for days, why in horizons.left_out.items()},
    }
    if prepared.table.reorders:
        metadata |= {BY_THEMSELVES: by_themselves(win_back)}
        metadata |= {BY_VALUE_ALONE: by_value_alone(win_back)}
    if prepared.by_size:
        metadata |= {SORTED_BY_SIZE: True, NOTE: prepared.by_size}
    if departures is not None:
        again = {str(found.days): found.share for found in audit.returns if found.defectors}
        metadata[ORDER_AGAIN] = again
    if keep_list is not None:
        compared = compare_with_size(keep_list)
        metadata |= {"compared_with_size": compared._asdict(), NOTE: compared.sentence}
    model = fit_final(
        learners.together,
        out_of_time,
        comparable,
        metadata,
        fixed_horizon(config.label),
        horizons.models,
        departures,
        win_back.learned,
    )
    years = prepared.table.years()
    value = fit_value_at_stake(years)
    value_coverage = coverage(years, prepared.table.of_frame("tier"))
    steps.begin("Logging to MLflow")
    trained = Trained(
        prepared,
        leakage,
        audit,
        tuple(tests),
        out_of_time,
        *measured,
        horizons,
        model,
        value,
        value_coverage,
        held,
        departures,
        keep_list,
        win_back,
    )
    return record(tracking, config, trained)
