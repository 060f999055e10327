"""The risks over further horizons, published beside the main one: fitted, calibrated, measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from models import measures
from models.dataset import Dataset, FloatArray
from models.horizons import HorizonModel, fit_each_horizon, in_order
from models.out_of_time import OutOfTime, predictable, rolling
from models.settings import ModelSettings
from pipeline.tables.training_table import TrainingTable
from pipeline.training.evaluation import published_risk
from pipeline.training.leakage.laws import spread
from pipeline.wording import counted

CALIBRATED_ON = 6  # snapshots predicted out of time, at equal distances: enough for a level
MEASURED_ON = 3  # the last of them


@dataclass(frozen=True)
class HorizonReport:
    """One further horizon, out of time, on the last snapshots that the main one predicted too.

    calibrated: how many of them had a calibrator by then; elsewhere the uncalibrated risk is
    measured. The rest are means over them, None without any or where one has a single class: auc
    and calibration_error of the risk as published, pulled to the main one; own_calibration_error
    before that; pulled: the share of rows that were moved.
    """

    days: int
    snapshots: tuple[date, ...]
    calibrated: int
    base_rate: float | None
    mean_risk: float | None
    auc: float | None
    calibration_error: float | None
    own_calibration_error: float | None
    pulled: float | None


@dataclass(frozen=True)
class Horizons:
    """The further horizons that a model gets, and why it does not get the others, by days."""

    models: tuple[HorizonModel, ...]
    reports: tuple[HorizonReport, ...]
    left_out: Mapping[int, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "horizons": [
                {**vars(report), "snapshots": [str(day) for day in report.snapshots]}
                for report in self.reports
            ],
            "left_out": {str(days): why for days, why in self.left_out.items()},
        }

    def lines(self) -> list[str]:
        """What there is to say on the terminal."""
        said = [
            f"{report.days} days: AUC {_figure(report.auc, 4)}, calibration error "
            f"{_figure(report.calibration_error, 3)}"
            for report in self.reports
        ]
        lines = [f"Other horizons, out of time: {'; '.join(said)}"] if said else []
        return lines + [f"risk_{days} stays empty: {why}" for days, why in self.left_out.items()]


def fit_horizons(
    table: TrainingTable,
    main: OutOfTime,
    main_days: int,
    settings: ModelSettings,
    comparable_from: date,
    progress: Callable[[int], None],
) -> Horizons:
    """Fit every further horizon that has history enough; progress is told its days before.

    main: the predictions of the main horizon, which has `main_days`.
    """
    lessons: dict[int, tuple[Dataset, OutOfTime]] = {}
    left_out = {}
    for days in table.published:
        progress(days)
        if not len(table.labels[days]):
            left_out[days] = f"no snapshot is {days} days old, reporting lag included"
            continue
        dataset = table.horizon_dataset(days)
        snapshots = predictable(dataset, settings)
        if not snapshots:
            left_out[days] = _lack(dataset, days)
            continue
        only = spread(snapshots, CALIBRATED_ON)
        lessons[days] = (
            dataset,
            rolling(
                dataset,
                (),
                settings,
                {},
                comparable_from=comparable_from,
                only=only,
                told=said_by(main, table.shorter.index(days)) if days in table.shorter else None,
            ),
        )
    models = fit_each_horizon(lessons, settings, comparable_from)
    reports = [_report(days, found, main_days, main) for days, (_, found) in lessons.items()]
    return Horizons(tuple(models), tuple(reports), left_out)


def said_by(main: OutOfTime, learner: int) -> dict[date, FloatArray]:
    """What a learner of the main model, which learned this very horizon, said at each snapshot."""
    parts = {split.snapshot: main.at(split.snapshot) for split in main.splits}
    said = {day: part.learners[learner] for day, part in parts.items()}
    return {day: raw for day, raw in said.items() if not np.isnan(raw).any()}


def _lack(dataset: Dataset, days: int) -> str:
    if len(np.unique(dataset.label)) < 2:
        return f"all accounts are alike over {days} days"
    mature = counted(len(dataset.snapshots()), "snapshot")
    return f"{mature} with labels of {days} days are too few to predict one from earlier ones"


def _report(days: int, out_of_time: OutOfTime, main_days: int, main: OutOfTime) -> HorizonReport:
    also = {split.snapshot for split in main.splits}
    both = [split.snapshot for split in out_of_time.splits if split.snapshot in also]
    measured = both[-MEASURED_ON:]
    parts = [out_of_time.at(day) for day in measured]
    own = [published_risk(part) for part in parts]
    pulled = [
        in_order(main_days, {main_days: published_risk(main.at(day)), days: risk})[days]
        for day, risk in zip(measured, own, strict=True)
    ]
    kept = [~part.treated for part in parts]
    labels = [part.label[rows] for part, rows in zip(parts, kept, strict=True)]
    own = [risk[rows] for risk, rows in zip(own, kept, strict=True)]
    pulled = [risk[rows] for risk, rows in zip(pulled, kept, strict=True)]
    mixed = all(len(np.unique(label)) == 2 for label in labels)

    def mean(measure: Callable[..., float], *columns: Sequence[Any]) -> float | None:
        found = [measure(*values) for values in zip(*columns, strict=True)]
        return float(np.mean(found)) if found else None

    return HorizonReport(
        days=days,
        snapshots=tuple(measured),
        calibrated=sum(part.splits[0].calibrator is not None for part in parts),
        base_rate=mean(np.mean, labels),
        mean_risk=mean(np.mean, pulled),
        auc=mean(measures.auc, labels, pulled) if mixed else None,
        calibration_error=mean(measures.calibration_error, labels, pulled) if mixed else None,
        own_calibration_error=mean(measures.calibration_error, labels, own) if mixed else None,
        pulled=mean(lambda one, other: float(np.mean(one != other)), own, pulled),
    )


def _figure(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"
