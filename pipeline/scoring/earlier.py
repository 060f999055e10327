"""What an earlier publication said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq


def earlier_risk(folder: Path | None) -> pd.Series:
    """The risks of a publication, by account_id; none where there is no publication."""
    if folder is None:
        return pd.Series(dtype="float64")
    table = pq.read_table(folder / "scores.parquet", columns=["account_id", "risk"]).to_pandas()
    risk: pd.Series = table.set_index("account_id")["risk"]
    return risk
