"""A simulated market whose features are judged month by month, without training any model."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from project import make_project

from models.drift_judgement import Judgement, judge
from pipeline.config import load_config
from pipeline.market import simulate
from pipeline.monitoring.reference import reference_of
from pipeline.sources import load_sources
from pipeline.tables.cohort import cohort_rule
from pipeline.tables.derived import make_derived_tables
from pipeline.tables.snapshots import snapshot_dates
from pipeline.tables.training_table import TrainingTable, feature_frame, selected_features
from pipeline.training.preparation import open_engine

END = date(2026, 1, 1)
UNTIL_LABELLED = 4  # months that a label of 90 days and its lag keep out of training


def judgements(
    folder: Path, accounts: int, seed: int, first: date, training: int, rate: float
) -> list[Judgement]:
    """What `monitor` would say at the first of each month, from the first that is not labelled on.

    first: of the training snapshots, a month apart; training: how many. The market begins a year
    and a half before.
    """
    market = folder / f"market_{seed}"
    months = (END.year - first.year) * 12 + END.month - first.month + 18
    simulate(market, accounts=accounts, months=months, seed=seed, end=END)
    project = make_project(folder, market)
    project.change(features={})  # all windows, as users have them
    config = load_config(project.config)
    days = snapshot_dates(first, END, "month")
    with open_engine(config) as engine:
        sources = load_sources(config, engine)
        make_derived_tables(engine, sources)
        selection = selected_features(config, sources)
        cohort_rule(engine, config).make(engine, "cohort", days)
        values = {feature.name: feature.value for feature in selection.features}
        frame = feature_frame(engine, values, days, "cohort")
    of_day = {day.date(): rows for day, rows in frame.groupby("as_of")}
    learned = frame[frame["as_of"].dt.date < days[training]]
    reference = reference_of(TrainingTable(learned, selection, learned))
    names = list(reference.names)
    return [
        judge(
            reference,
            reference.count(of_day[day][names].to_numpy(dtype=np.float64), names),
            day,
            rate,
        )
        for day in days[training + UNTIL_LABELLED :]
    ]
