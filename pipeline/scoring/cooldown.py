"""Who rests: accounts that were acted on lately, unless their risk has risen by a band since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.values import Last, Value
from pipeline.config.form import ScoringConfig
from pipeline.engines import Engine
from pipeline.scoring.earlier import earlier_risk
from pipeline.scoring.publication import newest_before
from pipeline.tables.actions import ACTIONS

LAST_ACTION = "shown_last_action_s"


def last_action(engine: Engine, cooldown_days: int) -> dict[str, Value]:
    """The last action within the cooldown, to be computed with the features; none without any."""
    asked = engine.has_table(ACTIONS.table) and cooldown_days > 0
    return {LAST_ACTION: Last(ACTIONS, cooldown_days)} if asked else {}


def lists_acted_on(
    engine: Engine, root: Path, as_of: date, cooldown_days: int, meaning: Mapping[str, Any]
) -> dict[date, Path | None]:
    """For each day with an action within the cooldown, the newest publication until then.

    meaning: see `pipeline.scoring.publication.newest_before`.
    """
    if not last_action(engine, cooldown_days):
        return {}
    found = engine.rows(f"SELECT DISTINCT CAST({ACTIONS.occurred} AS DATE) FROM {ACTIONS.table}")
    days = sorted(day for (day,) in found)
    first = as_of - timedelta(days=cooldown_days)
    return {
        day: newest_before(root, day + timedelta(days=1), meaning)
        for day in days
        if first <= day < as_of
    }


def resting(
    frame: pd.DataFrame,
    risk: pd.Series,
    lists: Mapping[date, Path | None],
    scoring: ScoringConfig,
) -> set[str]:
    """The ids of the accounts that rest.

    frame: account_id and, where anything may have been done, `last_action`. risk: now, by
    account_id. lists: see `lists_acted_on`. Where no list had scored an account before the action,
    nobody can say that its risk has risen: it rests.
    """
    if LAST_ACTION not in frame:
        return set()
    acted = frame[frame[LAST_ACTION].notna()]
    acted = acted[["account_id", LAST_ACTION]].assign(risk=acted["account_id"].map(risk))
    lowest = np.sort([*scoring.bands.values()])
    found: set[str] = set()
    for day, accounts in acted.groupby(pd.to_datetime(acted[LAST_ACTION], unit="s").dt.date):
        then = accounts["account_id"].map(earlier_risk(lists[day])).fillna(np.inf)
        band, band_then = (np.searchsorted(lowest, of, "right") for of in (accounts["risk"], then))
        found |= {*accounts.loc[band <= band_then, "account_id"]}
    return found
