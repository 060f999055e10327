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
from pipeline.scoring.list_status import KEEP
from pipeline.tables.label_definitions import label_of

DEFECTED, STAYED = "defected", "stayed"
_REPETITIONS = 200
_COLUMNS = ("account_id", "risk", "list", "call_value")


def realised(engine: Engine, config: Config, ripe: Sequence[Past]) -> list[dict[str, Any]]:
    """Measure publications whose label is complete, oldest first; as plain values.

    Treated accounts are counted and left out, as in the evaluation of a training, unless
    `backtest.treated` is `keep`; `list` says what became of those that were listed to be kept, of
    the treated ones apart.
    """
    # Departed accounts are scored for win-back only and have no risk.
    scores = {past.as_of: past.scores(*_COLUMNS).dropna(subset="risk") for past in ripe}
    labels = labels_of(
        engine, label_of(config.label), [(day, rows["account_id"]) for day, rows in scores.items()]
    )
    found = []
    for past in ripe:
        at = labels["as_of"] == pd.Timestamp(past.as_of)
        of_day = labels[at].assign(outcome=_outcomes(labels[at]))
        kept = of_day[["account_id", "defected", "treated", "outcome"]]
        rows = scores[past.as_of].merge(kept, on="account_id")
        found.append(_measured(config, past, rows) | {"list": _of_list(rows)})
    return found


def _outcomes(labels: pd.DataFrame) -> pd.Series:
    """What became of each account, in a word."""
    if "outcome" in labels:
        return labels["outcome"]
    return labels["defected"].map({1: DEFECTED, 0: STAYED})


def _of_list(rows: pd.DataFrame) -> dict[str, Any]:
    """What became of the accounts that were listed to be kept, and what else a list had caught.

    margin: of the untreated accounts that defected, as far as it was known then, the share that the
    list held and the share that as many accounts with the largest value would have held.
    """
    treated = rows["treated"] == 1
    listed = rows["list"] == KEEP
    left_alone = rows[~treated]
    worth = left_alone["call_value"].clip(lower=0).to_numpy(dtype=np.float64)
    left = worth * (left_alone["defected"] == 1).to_numpy(dtype=np.float64)
    on_list = (left_alone["list"] == KEEP).to_numpy()
    by_value = np.zeros(len(worth), dtype=np.bool_)
    by_value[np.argsort(-worth, kind="stable")[: on_list.sum()]] = True
    total = float(left.sum())
    shares = (
        float(left[chosen].sum()) / total if total else np.nan for chosen in (on_list, by_value)
    )
    caught, by_size = (figure(share) for share in shares)
    return {
        "untreated": _counts(rows.loc[listed & ~treated, "outcome"]),
        "treated": _counts(rows.loc[listed & treated, "outcome"]),
        "margin_caught": caught,
        "margin_caught_by_value": by_size,
    }


def _counts(outcomes: pd.Series) -> dict[str, int]:
    return {str(outcome): int(count) for outcome, count in outcomes.value_counts().items()}


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
