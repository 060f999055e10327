"""What accounts are called by today: their segment and region, for slices as for display.

An undated fact that can change is no feature: today's segment may know what happened since.
"""

from __future__ import annotations

import pandas as pd

from pipeline.engines import Engine


def account_attributes(engine: Engine) -> pd.DataFrame:
    """account_id, segment and region, a row an account, by account_id; no column of nulls alone."""
    if not engine.has_table("accounts"):
        return pd.DataFrame({"account_id": pd.Series(dtype=object)})
    found = engine.frame(
        "SELECT account_id, segment, region FROM accounts "
        "WHERE NOT deleted AND superseded_at IS NULL ORDER BY account_id"
    )
    return found.dropna(axis="columns", how="all")
