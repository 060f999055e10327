"""Which departed accounts order again after a snapshot, and which of them were treated meanwhile.

A departed account orders again within a horizon if it places an order in
`[as_of, as_of + horizon)`. All is asked at maturity, `as_of + horizon + reporting lag`, as known
then. Who had ordered again before the snapshot, though nobody knew, had not departed: such rows are
left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from pipeline.engines import Engine
from pipeline.tables.expected_orders import ExpectedOrders, day_number
from pipeline.tables.future.departures import account_numbers
from pipeline.tables.future.treated import treated_rows
from pipeline.tables.snapshots import Maturity

REORDER_DAYS = (30, 90, 180)
"""The horizons: by themselves within a month, and those that are learned."""

_DAYS = 2**22  # more than there are days in any calendar
_ROWS = "departed_rows"


def reorder_labels(
    engine: Engine,
    expected: ExpectedOrders,
    departed: pd.DataFrame,
    as_ofs: Sequence[date],
    maturity: Maturity,
) -> pd.DataFrame:
    """Return what became of accounts that had departed at snapshots.

    Parameters
    ----------
    departed : account_id, as_of; those at other snapshots than `as_ofs` are left out.
    maturity : the horizon and the reporting lag.

    Returns
    -------
    account_id, as_of, label_complete, reordered (0 or 1) and treated (1 where an action of ours
    falls into the horizon, whatever came of it), in the order of departed, without the rows of
    accounts that had ordered again already, or had been merged into one that had.
    """
    nobody = departed[["account_id", "as_of"]].iloc[:0].assign(reordered=False)
    parts = [_at(engine, expected, departed, as_of, maturity) for as_of in as_ofs]
    found = pd.concat([nobody, *parts]).sort_index(ignore_index=True)
    engine.register(_ROWS, found[["account_id", "as_of"]].assign(as_of=found["as_of"].dt.date))
    days = maturity.horizon_days + maturity.reporting_lag_days
    treated = np.zeros(len(found), dtype=np.bool_)
    if len(found):
        treated = treated_rows(engine, found, _ROWS, as_ofs, days, maturity.horizon_days)
    engine.drop(_ROWS)
    return found.assign(
        label_complete=found["as_of"] + pd.Timedelta(days=days),
        reordered=found["reordered"].astype(np.int8),
        treated=treated.astype(np.int8),
    )[["account_id", "as_of", "label_complete", "reordered", "treated"]]


def _at(
    engine: Engine,
    expected: ExpectedOrders,
    departed: pd.DataFrame,
    as_of: date,
    maturity: Maturity,
) -> pd.DataFrame:
    """account_id, as_of and reordered of the rows of a snapshot, with their index."""
    here = departed.loc[departed["as_of"] == pd.Timestamp(as_of), ["account_id", "as_of"]]
    snapshot, complete = day_number(as_of), maturity.label_complete(as_of)
    last = expected.state(as_of).set_index("account_id")["last_order_on"]
    last_known = last.reindex(here["account_id"]).to_numpy().astype("M8[D]").astype(np.int64)
    later = expected.seen_on(complete)
    if not len(later.day):  # all orders have been deleted meanwhile
        return here.assign(reordered=False)
    account = account_numbers(engine, expected, here["account_id"], complete)
    following = np.searchsorted(later.account * _DAYS + later.day, account * _DAYS + snapshot)
    place = np.minimum(following, len(later.day) - 1)
    reordered = (following < len(later.day)) & (later.account[place] == account)
    reordered &= later.day[place] < snapshot + maturity.horizon_days
    before = np.maximum(following - 1, 0)
    ordered_already = (following > 0) & (later.account[before] == account)
    ordered_already &= later.day[before] > last_known
    kept: pd.DataFrame = here.assign(reordered=reordered)[~ordered_already]
    return kept
