"""What can be seen before a horizon is over: an order clears an account at once.

Of a publication that is some days old, the share that has ordered by now is compared with the
share that its risks expect by now. Orders of the last days may not have been reported yet: the
read ends as many days before as the reporting lag has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from models.dataset import FloatArray
from models.early_read import LONGEST_FIRST, cleared_by, expected_silent
from pipeline.config import Config
from pipeline.engines import Engine
from pipeline.monitoring.past import Past, labels_of
from pipeline.monitoring.plain import figure
from pipeline.tables.label_definitions import inactivity

ASSUMPTION = (
    "Holds if the risks are calibrated, and as far as orders come at an even rate before the first "
    "published horizon, and between two at a rate that falls as time passes."
)
_NO_SHORT_RISK = (
    f"Not available without a published risk over {LONGEST_FIRST} days or fewer "
    "(`label.horizons_days`): a longer one does not say who should have ordered by now."
)
FIRST_DAY = 7  # before it hardly anybody has had the time to order
_PUBLISHED = (30, 90, 180)


def early_read(
    engine: Engine, config: Config, pasts: Sequence[Past], known_until: date
) -> dict[str, Any]:
    """Read each publication whose horizon is not over at `known_until`; as plain values."""
    if config.label.definition != "inactivity":
        return {
            "why_not": f"Not available for the label {config.label.definition}: only an order "
            "that ends a silence can be seen before the horizon is over.",
            "publications": [],
        }
    lag = config.label.reporting_lag_days
    read = []
    why_not = "No publication is old enough, with a horizon that is not over."
    for past in pasts:
        days = (known_until - past.as_of).days - lag
        if not FIRST_DAY <= days < config.label.horizon_days:
            continue
        found = _read(engine, config, past, days)
        if found is None:
            why_not = _NO_SHORT_RISK
        else:
            read.append(found)
    return {
        "why_not": None if read else why_not,
        "assumption": ASSUMPTION,
        "publications": read,
    }


def _read(engine: Engine, config: Config, past: Past, days: int) -> dict[str, Any] | None:
    """One publication; None where it has no risk over a horizon that is short enough."""
    scores = past.scores("account_id", "risk", *(f"risk_{each}" for each in _PUBLISHED))
    if min(_by_horizon(scores, config.label.horizon_days)) > LONGEST_FIRST:
        return None
    label = inactivity(days, config.label.reporting_lag_days)
    found = labels_of(engine, label, [(past.as_of, scores["account_id"])])
    scores = scores.merge(found[["account_id", "defected", "treated"]], on="account_id")
    treated = (scores["treated"] == 1) & (config.backtest.treated != "keep")
    kept = scores[~treated]
    silent = expected_silent(_by_horizon(kept, config.label.horizon_days), days)
    expected = cleared_by(silent)
    cleared = float((kept["defected"] == 0).mean()) if len(kept) else float("nan")
    return {
        "as_of": str(past.as_of),
        "model_version": past.version,
        "days": days,
        "accounts": len(kept),
        "treated": int(treated.sum()),
        "expected": figure(expected.value),
        "low": figure(expected.low),
        "high": figure(expected.high),
        "observed": figure(cleared),
        "within_chance": not (cleared < expected.low or cleared > expected.high),
    }


def _by_horizon(scores: pd.DataFrame, horizon_days: int) -> Mapping[int, FloatArray]:
    """The published risks by days; a horizon that was not published is left out."""
    columns = {days: scores[f"risk_{days}"] for days in _PUBLISHED}
    columns[horizon_days] = scores["risk"]
    return {
        days: risks.to_numpy(dtype=np.float64)
        for days, risks in sorted(columns.items())
        if risks.notna().all()
    }
