"""Out-of-time measures of the model beside its baselines, on the same rows, per test snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from models import measures
from models.measures import AucDifference, Interval
from models.out_of_time import OutOfTime

MODEL = "model"
RIVAL = "logistic"  # the baseline that the model has to beat on each test snapshot
BG_NBD = "bg_nbd"
PROBABILISTIC = (MODEL, RIVAL, BG_NBD)  # scorers that give probabilities, not only a ranking

Floats = npt.NDArray[np.float64]

_PROBABILITY_MEASURES = {
    "brier": measures.brier,
    "log_loss": measures.log_loss,
    "calibration_error": measures.calibration_error,
}


@dataclass(frozen=True)
class SnapshotReport:
    """One test snapshot: measures by name and scorer, and the paired gain in AUC over the rival.

    measures: `auc`, `average_precision`, `precision_at_capacity`, `lift_at_capacity` of every
    scorer; `brier`, `log_loss` and `calibration_error` of those that give probabilities.
    """

    as_of: date
    rows: int
    base_rate: float
    training_rows: int
    training_snapshots: int
    mean_risk: float
    measures: Mapping[str, Mapping[str, float]]
    auc_interval: Interval
    gain: AucDifference


@dataclass(frozen=True)
class Evaluation:
    """All test snapshots, and the mean gain in AUC over them, with accounts as clusters."""

    snapshots: tuple[SnapshotReport, ...]
    mean_gain: AucDifference

    def mean(self, measure: str, scorer: str) -> float:
        """The mean of a measure over the test snapshots."""
        return float(np.mean([report.measures[measure][scorer] for report in self.snapshots]))


def evaluate(
    out_of_time: OutOfTime, tests: Sequence[date], capacity: int, repetitions: int = 1000
) -> Evaluation:
    """Measure the model and the baselines on each test snapshot.

    capacity: accounts that can be called per snapshot. Intervals are 95 % percentile intervals
    of a bootstrap over accounts.
    """
    reports = [_report(out_of_time, test, capacity, repetitions) for test in tests]
    return Evaluation(tuple(reports), _gain(out_of_time.at(*tests), repetitions))


def _gain(rows: OutOfTime, repetitions: int) -> AucDifference:
    """The model's AUC minus the rival's, within each snapshot and averaged over them."""
    return measures.paired_auc_difference(
        rows.label,
        published_risk(rows),
        rows.baselines[RIVAL],
        rows.account,
        repetitions=repetitions,
        snapshot=rows.as_of,
    )


def published_risk(rows: OutOfTime) -> Floats:
    """What would have been published: uncalibrated where there was nothing to calibrate on yet."""
    return np.where(np.isnan(rows.risk), rows.raw, rows.risk)


def _report(out_of_time: OutOfTime, test: date, capacity: int, repetitions: int) -> SnapshotReport:
    rows = out_of_time.at(test)
    split = next(split for split in out_of_time.splits if split.snapshot == test)
    risk = published_risk(rows)
    scorers: dict[str, Floats] = {MODEL: risk, **rows.baselines}
    found: dict[str, dict[str, float]] = {
        "auc": {name: measures.auc(rows.label, score) for name, score in scorers.items()},
        "average_precision": {
            name: measures.average_precision(rows.label, score) for name, score in scorers.items()
        },
        "precision_at_capacity": {
            name: measures.precision_at(rows.label, score, capacity)
            for name, score in scorers.items()
        },
        "lift_at_capacity": {
            name: measures.lift_at(rows.label, score, capacity) for name, score in scorers.items()
        },
    }
    for name, measure in _PROBABILITY_MEASURES.items():
        found[name] = {
            scorer: measure(rows.label, score)
            for scorer, score in scorers.items()
            if scorer in PROBABILISTIC
        }
    return SnapshotReport(
        as_of=test,
        rows=len(rows.label),
        base_rate=float(rows.label.mean()),
        training_rows=split.training_rows,
        training_snapshots=len(split.training_snapshots),
        mean_risk=float(risk.mean()),
        measures=found,
        auc_interval=measures.clustered_interval(
            measures.auc, rows.label, risk, rows.account, repetitions=repetitions
        ),
        gain=_gain(rows, repetitions),
    )


def table(evaluation: Evaluation) -> list[str]:
    """The evaluation as lines of text: AUC of every scorer, calibration, and the paired gain."""
    scorers = list(evaluation.snapshots[0].measures["auc"])
    baselines = [name for name in scorers if name != MODEL]
    head = (
        f"{'test snapshot':<14}{'accounts':>9}{'defected':>10}"
        + "".join(f"{name:>10}" for name in [*baselines, MODEL])
        + f"{'gain over ' + RIVAL + ' (95 %)':>31}{RIVAL:>12}{MODEL:>8}"
    )
    lines = [f"{'':<33}{'AUC':>10}{'':>{21 + 10 * len(scorers)}}{'calibration error':>20}", head]
    for report in evaluation.snapshots:
        lines.append(
            f"{report.as_of!s:<14}{report.rows:>9,}{report.base_rate:>10.1%}"
            + "".join(f"{report.measures['auc'][name]:>10.4f}" for name in [*baselines, MODEL])
            + f"{_said(report.gain):>31}"
            + f"{report.measures['calibration_error'][RIVAL]:>12.3f}"
            + f"{report.measures['calibration_error'][MODEL]:>8.3f}"
        )
    lines.append(
        f"{'mean':<33}"
        + "".join(f"{evaluation.mean('auc', name):>10.4f}" for name in [*baselines, MODEL])
        + f"{_said(evaluation.mean_gain):>31}"
        + f"{evaluation.mean('calibration_error', RIVAL):>12.3f}"
        + f"{evaluation.mean('calibration_error', MODEL):>8.3f}"
    )
    return lines


def _said(gain: AucDifference) -> str:
    return f"{gain.difference:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
