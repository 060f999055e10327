"""What can be seen before a label is complete: an order clears an account at once.

Of a publication that is some days old, the share of its active accounts that has ordered by now is
compared with the share that its risks of inactivity expect by now. Orders of the last days may not
have been reported yet: the read ends as many days before as the reporting lag has.
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
_READ = ("departure", "inactivity")  # labels beside which risks of inactivity are published


def early_read(
    engine: Engine, config: Config, pasts: Sequence[Past], known_until: date
) -> dict[str, Any]:
    """Read each publication whose horizons are not over at `known_until`; as plain values."""
    if config.label.definition not in _READ:
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
        if days < FIRST_DAY:
            continue
        scores = past.scores("account_id", "risk", *(f"risk_{each}" for each in _PUBLISHED))
        horizons = _by_horizon(scores.dropna(subset="risk"), config)
        if min(horizons, default=LONGEST_FIRST + 1) > LONGEST_FIRST:
            why_not = _NO_SHORT_RISK
        elif days < _longest(config, horizons):
            read.append(_read(engine, config, past, scores.dropna(subset="risk"), days))
    return {
        "why_not": None if read else why_not,
        "assumption": ASSUMPTION,
        "publications": read,
    }


def _longest(config: Config, horizons: Mapping[int, FloatArray]) -> int:
    """The days up to which a list is read; later its label is complete, or nothing is said."""
    if config.label.definition == "inactivity":
        return config.label.horizon_days
    return max(horizons)


def _read(
    engine: Engine, config: Config, past: Past, scores: pd.DataFrame, days: int
) -> dict[str, Any]:
    """One publication after so many days. scores: of its active accounts."""
    label = inactivity(days, config.label.reporting_lag_days)
    found = labels_of(engine, label, [(past.as_of, scores["account_id"])])
    scores = scores.merge(found[["account_id", "defected", "treated"]], on="account_id")
    treated = (scores["treated"] == 1) & (config.backtest.treated != "keep")
    kept = scores[~treated]
    silent = expected_silent(_by_horizon(kept, config), days)
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


def _by_horizon(scores: pd.DataFrame, config: Config) -> Mapping[int, FloatArray]:
    """The published risks of inactivity by days; a horizon that was not published is left out."""
    columns = {days: scores[f"risk_{days}"] for days in _PUBLISHED}
    if config.label.definition == "inactivity":
        columns[config.label.horizon_days] = scores["risk"]
    return {
        days: risks.to_numpy(dtype=np.float64)
        for days, risks in sorted(columns.items())
        if risks.notna().all()
    }
