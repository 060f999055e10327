"""What an earlier publication said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.scoring.listing import DELAYED, LISTED


def earlier_risk(folder: Path | None) -> pd.Series:
    """The risks of a publication, by account_id; none where there is no publication."""
    if folder is None:
        return pd.Series(dtype="float64")
    table = pq.read_table(folder / "scores.parquet", columns=["account_id", "risk"]).to_pandas()
    risk: pd.Series = table.set_index("account_id")["risk"]
    return risk


def named_by(folder: Path | None) -> set[str]:
    """The ids of the accounts that a publication listed, or delayed by a coin."""
    if folder is None:
        return set()
    table = pq.read_table(folder / "scores.parquet", columns=["account_id", "list_status"])
    named = (pc.equal(table["list_status"], status) for status in (LISTED, DELAYED))
    return set(table.filter(pc.or_(*named))["account_id"].to_pylist())
