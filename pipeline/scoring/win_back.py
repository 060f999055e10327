"""What departed accounts brought while they still ordered."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from features.expressions import DAYS_PER_YEAR
from features.order_history import traded_lines
from features.visibility import Calendar, dated
from models.value_at_stake import Traded
from pipeline.engines import Engine
from pipeline.tables.values_table import IDENTITY

BEFORE_LAST_ORDER = "margin_before_last_order"


def margin_before_last_order(
    engine: Engine, state: pd.DataFrame, as_of: date, margin_share: float | None
) -> pd.Series:
    """Return what each account brought in the year up to its last order, not below 0.

    Parameters
    ----------
    state : account_id and last_order_on, as a snapshot knows them.
    margin_share : see `models.value_at_stake.Traded.worth`; without one, revenue is returned.

    Returns
    -------
    Currency, in the order of state and with its index.
    """
    engine.register(
        "last_orders",
        pd.DataFrame(
            {
                "account_id": state["account_id"].to_numpy(dtype=object),
                "last_day": state["last_order_on"].to_numpy("datetime64[D]").astype(np.int64),
            }
        ),
    )
    seen = dated(
        traded_lines,
        {"amount_cents": "amount_cents", "margin_cents": "margin_cents"},
        Calendar((as_of,), ()),
        reach=None,
        merged=engine.has_table(IDENTITY),
    )
    known = "margin_cents IS NOT NULL"
    found = engine.frame(
        "SELECT account_id, "
        "CAST(SUM(margin_cents) AS DOUBLE) / 100 AS recorded_margin, "
        f"CAST(SUM(CASE WHEN {known} THEN amount_cents END) AS DOUBLE) / 100 AS with_margin, "
        f"CAST(SUM(CASE WHEN {known} THEN 0 ELSE amount_cents END) AS DOUBLE) / 100 AS without "
        f"FROM ({seen}) AS line JOIN last_orders USING (account_id) "
        f"WHERE occurred_day <= last_day AND occurred_day > last_day - {DAYS_PER_YEAR} "
        "GROUP BY account_id"
    ).set_index("account_id")
    engine.drop("last_orders")
    parts = found.reindex(state["account_id"]).fillna(0.0).astype(np.float64)
    traded = Traded(*(parts[name].to_numpy() for name in parts.columns))
    return pd.Series(np.maximum(traded.worth(margin_share), 0), index=state.index)
