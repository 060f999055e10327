"""Who was treated: an action of ours, whatever came of it, may have changed the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.values import Count
from pipeline.engines import Engine
from pipeline.tables.actions import ACTIONS
from pipeline.tables.labels import make_later_values


def treated_rows(
    engine: Engine, found: pd.DataFrame, rows: str, as_ofs: Sequence[date], days: int, watched: int
) -> npt.NDArray[np.bool_]:
    """Return which rows had an action in the days watched from the snapshot, as known `days` later.

    found: account_id, as_of; the answer is in their order. rows: a table that holds them.
    """
    if not engine.has_table(ACTIONS.table):
        return np.zeros(len(found), dtype=np.bool_)
    acted = {"action_count": Count(ACTIONS, days, days - watched)}
    make_later_values(engine, "acted_on", rows, as_ofs, days, acted)
    known = engine.frame("SELECT * FROM acted_on")
    engine.drop("acted_on")
    actions = found[["account_id", "as_of"]].merge(known, on=["account_id", "as_of"], how="left")
    return (actions["action_count"].fillna(0) > 0).to_numpy(dtype=np.bool_)
