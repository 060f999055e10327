"""Which rows a model learns from where there are more than it needs.

An account is drawn by a hash of its id, so that it is in the sample at every snapshot or at none,
as long as its tier is the same. Large accounts bring most of the value, so all of them are kept
while they fill at most half of the sample. A row that is kept stands for others of its snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.tables.tiers import TIERS, tiers
from pipeline.tables.trade import worth_by_snapshot

Floats = npt.NDArray[np.float64]


def standing(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known of each row of whole cohorts: account_id, as_of and what follows.

    rows: account_id, as_of and the columns of `past_trade`. weight: how many accounts of its
    snapshot the row stands for in what is learned; 1. followed: whether the account has a row at
    every snapshot that it belongs to. tier: A, B or C, among all accounts of the snapshot.
    last_year: what it brought in the year before, margin or revenue.
    """
    worth = worth_by_snapshot(rows)
    tier = np.empty(len(rows), dtype=object)
    as_of = rows["as_of"].to_numpy()
    for snapshot in np.unique(as_of):
        now = as_of == snapshot
        tier[now] = tiers(worth[now])
    found = rows[["account_id", "as_of"]].reset_index(drop=True)
    return found.assign(weight=1.0, followed=True, tier=tier, last_year=worth)


def sampled(
    known: pd.DataFrame, most_rows: int, counted: Sequence[date], whole: Collection[date]
) -> pd.DataFrame:
    """The rows of `standing` that are kept, in their order, with their weights.

    most_rows: kept of those at the snapshots `counted`. whole: snapshots that keep all rows; those
    that were not drawn have weight 0 there.
    """
    at_counted = known["as_of"].isin(pd.to_datetime(list(counted)))
    large = (known["tier"] == TIERS[0]).to_numpy()
    share_large, share_others = shares(
        int((at_counted & large).sum()), int((at_counted & ~large).sum()), most_rows
    )
    share = np.where(large, share_large, share_others)
    place = places(known["account_id"])
    drawn = place < share
    everybody = known["as_of"].isin(pd.to_datetime(list(whole))).to_numpy()
    kept = known.assign(
        weight=np.where(drawn, 1 / share, 0.0), followed=place < min(share_large, share_others)
    )
    return kept[drawn | everybody].reset_index(drop=True)


def shares(large: int, others: int, most_rows: int) -> tuple[float, float]:
    """The shares, above 0 to 1, of the rows of large accounts and of the others that are kept.

    All of the large ones while they fill at most half; else they have half, or what the others
    leave.
    """
    of_large = min(large, max(most_rows // 2, most_rows - others))
    of_others = min(others, most_rows - of_large)
    return (of_large / large if large else 1.0), (of_others / others if others else 1.0)


def places(accounts: pd.Series) -> Floats:
    """A number from 0, below 1, for each account id: always the same for the same id."""
    ids = accounts.astype(object).unique()
    found = {
        name: int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:6]) / 2**48
        for name in ids
    }
    return accounts.map(found).to_numpy(dtype=np.float64)
