"""The same accounts under other definitions of defection and over other horizons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.expressions import DAYS_PER_YEAR
from models import measures
from models.auc_gain import auc_gain
from models.bootstrap import Interval
from models.dataset import Dataset
from models.gradient_boosting import Trees
from models.learner import Learner
from models.out_of_time import OutOfTime, learners, rolling, testable
from models.settings import ModelSettings
from pipeline.config import Config
from pipeline.config.form import OWN_CADENCE_DAYS
from pipeline.console import Steps
from pipeline.engines import Engine
from pipeline.errors import DataError
from pipeline.tables.label_definitions import (
    Label,
    fixed_horizon,
    inactivity,
    label_of,
    own_cadence,
    partial,
)
from pipeline.tables.training_table import TrainingTable, label_frame
from pipeline.training.choices import baselines
from pipeline.training.evaluation import RIVAL

HORIZONS = (30, 90, 180)
USUAL_DAYS = 90  # of fallen sales, where the config's label has no horizon of its own


@dataclass(frozen=True)
class LabelRecord:
    """A label, predicted out of time; measures are means over the tests.

    gain: of the model over the logistic regression, in AUC.
    """

    says: str
    tests: tuple[date, ...]
    rows: int
    base_rate: float
    auc: float
    average_precision: float
    brier: float
    calibration_error: float
    gain: Interval


Found = tuple[Label, Dataset | str]
"""A label with its rows, or with why there are none."""


def labelled(
    engine: Engine, config: Config, table: TrainingTable, complete_until: date
) -> list[Found]:
    """The rows under every definition, and under inactivity over every horizon.

    The engine still holds the cohort from which the table was made. complete_until: of the orders.
    """
    chosen = config.label
    lag = chosen.reporting_lag_days
    sales_days = fixed_horizon(chosen) or USUAL_DAYS
    labels = {
        label.says: label
        for label in (
            label_of(chosen),
            *(inactivity(days, lag) for days in HORIZONS),
            own_cadence(OWN_CADENCE_DAYS, lag),
            partial(min(sales_days, DAYS_PER_YEAR), lag, chosen.partial_share),
        )
    }
    as_ofs = sorted({day.date() for day in table.features["as_of"]})
    return [
        (label, _rows(engine, table, label, as_ofs, complete_until)) for label in labels.values()
    ]


def _rows(
    engine: Engine,
    table: TrainingTable,
    label: Label,
    as_ofs: Sequence[date],
    complete_until: date,
) -> Dataset | str:
    mature = [day for day in as_ofs if label.maturity.label_complete(day) <= complete_until]
    if not mature:
        return "no snapshot is old enough"
    try:
        return table.labelled(label_frame(engine, label, mature))
    except DataError as error:
        return str(error)


def label_records(
    found: Sequence[Found],
    config: Config,
    settings: ModelSettings,
    tests: int,
    comparable_from: date,
    steps: Steps,
) -> tuple[list[LabelRecord], dict[str, str]]:
    """Predict the latest snapshots of each label; and, by label, why one has no record.

    tests: how many snapshots are measured. Each label has one learner, without shorter horizons
    beside it, so that labels are compared with each other.
    """
    records: list[LabelRecord] = []
    without: dict[str, str] = {}
    steps.begin("Predicting other labels", total=len(found))
    for label, rows in found:
        if isinstance(rows, str):
            without[label.says] = rows
        else:
            snapshots = testable(Learner(rows, (), settings, Trees(settings)))
            if not snapshots:
                without[label.says] = "no snapshot has history enough and both outcomes"
            else:
                rules = baselines(config, label.maturity.horizon_days)
                last = snapshots[-tests:]
                predictions = rolling(
                    learners(rows, (), last, settings),
                    last,
                    {RIVAL: rules[RIVAL]},
                    comparable_from,
                ).untreated()
                draws = config.backtest.bootstrap_repetitions
                records.append(_record(label, predictions, last, draws))
        steps.advance()
    return records, without


def _record(
    label: Label, predictions: OutOfTime, tests: Sequence[date], repetitions: int
) -> LabelRecord:
    tested = predictions.at(*tests)
    risk = tested.published_risk
    found = []
    for day in tests:
        here = tested.as_of == np.datetime64(day, "D")
        known, own, weight = tested.label[here], risk[here], tested.stands_for[here]
        found.append(
            [
                measures.mean(known, weight),
                measures.auc(known, own, weight),
                measures.average_precision(known, own, weight),
                measures.brier(known, own, weight),
                measures.calibration_error(known, own, weight),
            ]
        )
    rival = tested.baselines[RIVAL]
    gain = auc_gain(tested, risk, rival, repetitions)
    base_rate, auc, precision, brier, error = map(float, np.mean(found, axis=0))
    return LabelRecord(
        label.says, tuple(tests), len(tested), base_rate, auc, precision, brier, error, gain
    )


def lines(records: Sequence[LabelRecord], without: dict[str, str]) -> list[str]:
    """The table as Markdown."""
    table = [
        "| defection is | snapshots | rows | defected | AUC | gain over logistic (95 %) "
        "| average precision | Brier | calibration error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    table += [
        f"| {r.says} | {r.tests[0]} to {r.tests[-1]} | {r.rows:,} | {r.base_rate:.1%} "
        f"| {r.auc:.4f} | {r.gain.value:+.4f} ({r.gain.low:+.4f} to {r.gain.high:+.4f}) "
        f"| {r.average_precision:.4f} | {r.brier:.4f} | {r.calibration_error:.3f} |"
        for r in records
    ]
    table += [f"| {says} | none: {why} | | | | | | | |" for says, why in without.items()]
    return table
