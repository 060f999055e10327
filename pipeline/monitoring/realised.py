"""What came of past publications: their risks beside the labels, once these are complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from models import measures
from models.bootstrap import Interval, bootstrapped, interval
from models.calibration_limit import calibration_limit
from models.dataset import FloatArray
from pipeline.config import Config
from pipeline.engines import Engine
from pipeline.monitoring.past import Past, labels_of
from pipeline.monitoring.plain import figure, figures
from pipeline.tables.label_definitions import label_of

_REPETITIONS = 200


def realised(
    engine: Engine, config: Config, ripe: Sequence[Past]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Measure publications whose label is complete, oldest first; as plain values.

    Also the labels themselves: account_id, as_of, defected, treated. Treated accounts are counted
    and left out, as in the evaluation of a training, unless `backtest.treated` is `keep`.
    """
    if not ripe:
        return [], pd.DataFrame(columns=["account_id", "as_of", "defected", "treated"])
    # Departed accounts are scored for win-back only and have no risk.
    scores = {past.as_of: past.scores("account_id", "risk").dropna() for past in ripe}
    labels = labels_of(
        engine, label_of(config.label), [(day, rows["account_id"]) for day, rows in scores.items()]
    )
    found = []
    for past in ripe:
        at = labels["as_of"] == pd.Timestamp(past.as_of)
        rows = scores[past.as_of].merge(
            labels.loc[at, ["account_id", "defected", "treated"]], on="account_id"
        )
        found.append(_measured(config, past, rows))
    return found, labels


def _measured(config: Config, past: Past, rows: pd.DataFrame) -> dict[str, Any]:
    treated = (rows["treated"] == 1) & (config.backtest.treated != "keep")
    rows = rows[~treated]
    risk = rows["risk"].to_numpy(dtype=np.float64)
    label = rows["defected"].to_numpy(dtype=np.int64)
    error, limit = float(measures.calibration_error(label, risk)), calibration_limit(risk)
    return {
        "as_of": str(past.as_of),
        "model_version": past.version,
        "accounts": len(rows),
        "treated": int(treated.sum()),
        "base_rate": figure(float(measures.mean(label))),
        "mean_risk": figure(float(measures.mean(risk))),
        "calibration_error": figure(error),
        "calibration_limit": figure(limit),
        "within_chance": not error > limit,
        **figures(_with_intervals(rows, label, risk, config.scoring.call_capacity)),
    }


def _with_intervals(
    rows: pd.DataFrame, label: measures.IntArray, risk: FloatArray, capacity: int
) -> dict[str, Interval]:
    """AUC, average precision and precision at capacity, with 95 % intervals over accounts."""
    ranking = measures.Ranking(label, risk)

    def statistics(weight: FloatArray) -> dict[str, FloatArray]:
        curve = ranking.curve(weight)
        return {
            "auc": curve.auc(),
            "average_precision": curve.average_precision(),
            "precision_at_capacity": measures.mean(label, weight * curve.listed(capacity)),
        }

    drawn = bootstrapped(statistics, rows["account_id"].to_numpy(), _REPETITIONS)
    return {name: interval(values) for name, values in drawn.items()}
