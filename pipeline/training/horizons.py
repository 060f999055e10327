"""The risks over further horizons, published beside the main one: fitted, calibrated, measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from models import measures
from models.dataset import Dataset
from models.horizons import HorizonModel, fit_horizon, in_order
from models.learner import Learner
from models.out_of_time import OutOfTime, rolling
from pipeline.tables.training_table import TrainingTable
from pipeline.wording import counted

MEASURED_ON = 3  # snapshots, the last that the main horizon is predicted at too


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
    """The further horizons that a model gets, and why it does not get the others, by days.

    predictions: out of time, by days.
    """

    models: tuple[HorizonModel, ...]
    reports: tuple[HorizonReport, ...]
    left_out: Mapping[int, str]
    predictions: Mapping[int, OutOfTime] = field(default_factory=dict)

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
    main_days: int | None,
    learners: Mapping[int, Learner],
    comparable_from: date,
    progress: Callable[[int], None],
) -> Horizons:
    """Fit every further horizon that has history enough; progress is told its days before.

    main: the predictions of the label, and the days of its horizon, None where it has none to which
    others could be pulled. learners: by days, of every
    horizon that any snapshot is old enough for.
    """
    found: dict[int, OutOfTime] = {}
    left_out = {}
    for days in table.published:
        progress(days)
        if days not in learners:
            left_out[days] = f"no snapshot is {days} days old, reporting lag included"
        elif not learners[days].predictable:
            left_out[days] = _lack(learners[days].dataset, days)
        else:
            found[days] = rolling([learners[days]], (), {}, comparable_from)
    models = [
        fit_horizon(days, learners[days], predictions, comparable_from)
        for days, predictions in found.items()
    ]
    reports = [_report(days, predictions, main_days, main) for days, predictions in found.items()]
    return Horizons(tuple(models), tuple(reports), left_out, found)


def _lack(dataset: Dataset, days: int) -> str:
    if len(np.unique(dataset.label)) < 2:
        return f"all accounts are alike over {days} days"
    mature = counted(len(dataset.snapshots()), "snapshot")
    return f"{mature} with labels of {days} days are too few to predict one from earlier ones"


def _report(
    days: int, out_of_time: OutOfTime, main_days: int | None, main: OutOfTime
) -> HorizonReport:
    also = {split.snapshot for split in main.splits}
    both = [split.snapshot for split in out_of_time.splits if split.snapshot in also]
    measured = both[-MEASURED_ON:]
    parts = [out_of_time.at(day) for day in measured]
    own = [part.published_risk for part in parts]
    pulled = [
        risk
        if main_days is None
        else in_order(main_days, {main_days: main.at(day).published_risk, days: risk})[days]
        for day, risk in zip(measured, own, strict=True)
    ]
    kept = [~part.treated for part in parts]
    labels = [part.label[rows] for part, rows in zip(parts, kept, strict=True)]
    weights = [part.stands_for[rows] for part, rows in zip(parts, kept, strict=True)]
    own = [risk[rows] for risk, rows in zip(own, kept, strict=True)]
    pulled = [risk[rows] for risk, rows in zip(pulled, kept, strict=True)]
    mixed = all(len(np.unique(label)) == 2 for label in labels)

    def mean(measure: Callable[..., float], *columns: Sequence[Any]) -> float | None:
        found = [measure(*values) for values in zip(*columns, weights, strict=True)]
        return float(np.mean(found)) if found else None

    return HorizonReport(
        days=days,
        snapshots=tuple(measured),
        calibrated=sum(part.splits[0].calibrator is not None for part in parts),
        base_rate=mean(measures.mean, labels),
        mean_risk=mean(measures.mean, pulled),
        auc=mean(measures.auc, labels, pulled) if mixed else None,
        calibration_error=mean(measures.calibration_error, labels, pulled) if mixed else None,
        own_calibration_error=mean(measures.calibration_error, labels, own) if mixed else None,
        pulled=mean(lambda one, other, rows: measures.mean(one != other, rows), own, pulled),
    )


def _figure(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"
