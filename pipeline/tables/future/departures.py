"""What became of the accounts that were active at a snapshot: they slip, become due, or neither.

A departure is an order after which none follows within its patience. It is dated by its due date,
the day on which the next order was expected. An active account slips if its last order before the
snapshot is a departure dated before it; it becomes due if, else, a departure is dated within the
horizon. All is asked at maturity, as known then, so nothing that becomes known later changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.values import Count
from pipeline.engines import Engine
from pipeline.tables.actions import ACTIONS
from pipeline.tables.expected_orders import (
    FOREVER,
    ExpectedOrders,
    OrderDays,
    Silence,
    day_number,
)
from pipeline.tables.identity import merged_by
from pipeline.tables.labels import make_later_values
from pipeline.tables.snapshots import Maturity

HORIZON_DAYS = 90  # from the snapshot, in which a departure is due
LASTING_DAYS = 180  # from the end of patience without an order, after which a departure is lasting
TREATED_DAYS = 30  # from the snapshot; an account is treated if an action of ours falls into them
NEITHER, DUE, SLIP = "neither", "due", "slip"


def maturity_of(silence: Silence, reporting_lag_days: int) -> Maturity:
    """When an outcome is known: the same for all accounts, so that it says nothing of them."""
    return Maturity(HORIZON_DAYS + silence.most_after_due, reporting_lag_days)


def departures(
    engine: Engine,
    expected: ExpectedOrders,
    rows: pd.DataFrame,
    as_ofs: Sequence[date],
    maturity: Maturity,
) -> pd.DataFrame:
    """Return the outcomes of accounts that were active at snapshots.

    Parameters
    ----------
    rows : account_id, as_of; those at other snapshots than `as_ofs` are left out.
    maturity : see `maturity_of`.

    Returns
    -------
    account_id, as_of, outcome (slip, due or neither) and departed_on, the date of the departure,
    NaT for neither; in the order of rows.
    """
    rows = rows[["account_id", "as_of"]].reset_index(drop=True)
    found = []
    for as_of in as_ofs:
        here = rows[rows["as_of"] == pd.Timestamp(as_of)]
        complete = maturity.label_complete(as_of)
        slipped, due = _departures_on(
            expected.seen_on(complete),
            _numbers(engine, expected, here["account_id"], complete),
            day_number(as_of),
        )
        outcome = np.select([slipped < FOREVER, due < FOREVER], [SLIP, DUE], NEITHER)
        on = np.where(slipped < FOREVER, slipped, due)
        departed_on = np.where(on < FOREVER, on, np.iinfo(np.int64).min).astype("datetime64[D]")
        found.append(here.assign(outcome=outcome, departed_on=departed_on.astype("M8[s]")))
    return pd.concat(found).sort_index(ignore_index=True) if found else _NOTHING


def lasting(
    engine: Engine,
    expected: ExpectedOrders,
    rows: pd.DataFrame,
    as_ofs: Sequence[date],
    maturity: Maturity,
) -> npt.NDArray[np.bool_]:
    """Return which departures of `departures` are lasting, in the same order.

    as_ofs, maturity: as there; the outcome is asked LASTING_DAYS after maturity.
    """
    made = departures(engine, expected, rows, as_ofs, maturity)
    lasts = np.zeros(len(made), dtype=np.bool_)
    for as_of in as_ofs:
        here = (made["as_of"] == pd.Timestamp(as_of)) & made["departed_on"].notna()
        asked = maturity.label_complete(as_of) + timedelta(days=LASTING_DAYS)
        seen = expected.seen_on(asked)
        gone = seen.following >= seen.crossing + LASTING_DAYS
        still = pd.MultiIndex.from_arrays([seen.account[gone], seen.due[gone]])
        account = _numbers(engine, expected, made.loc[here, "account_id"], asked)
        dated = made.loc[here, "departed_on"].to_numpy().astype("M8[D]").astype(np.int64)
        lasts[here] = pd.MultiIndex.from_arrays([account, dated]).isin(still)
    return lasts


def make_treated(engine: Engine, into: str, rows: str, as_ofs: Sequence[date], days: int) -> None:
    """Create `into`: account_id, as_of, treated (BOOLEAN) per `rows`, as known `days` later."""
    if not engine.has_table(ACTIONS.table):
        engine.make(into, f"SELECT account_id, as_of, FALSE AS treated FROM {rows}")
        return
    within = {"action_count": Count(ACTIONS, days, days - TREATED_DAYS)}
    later = f"{into}_later"
    make_later_values(engine, later, rows, as_ofs, days, within)
    engine.make(
        into, f"SELECT account_id, as_of, COALESCE(action_count, 0) > 0 AS treated FROM {later}"
    )
    engine.drop(later)


_NOTHING = pd.DataFrame({name: [] for name in ("account_id", "as_of", "outcome", "departed_on")})


def _numbers(
    engine: Engine, expected: ExpectedOrders, accounts: pd.Series, on: date
) -> npt.NDArray[np.int64]:
    """Whom each account counts for on a day, as numbers of `ExpectedOrders.ids`."""
    merged = merged_by(engine, on)
    known_as = accounts.map(merged).fillna(accounts) if merged else accounts
    numbers: npt.NDArray[np.int64] = pd.Index(expected.ids).get_indexer(known_as).astype(np.int64)
    return numbers


def _departures_on(
    days: OrderDays,
    account: npt.NDArray[np.int64],
    snapshot: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each account, the day of the departure by which it slips, and by which it becomes due.

    FOREVER where there is none. snapshot: days since 1970.
    """
    none = np.full(len(account), FOREVER, dtype=np.int64)
    if not len(days.day):
        return none, none
    departs = days.following >= days.crossing
    wide = 2**22
    last = np.searchsorted(days.account * wide + days.day, account * wide + snapshot) - 1
    slips = (last >= 0) & (days.account[last] == account)
    slips &= departs[last] & (days.due[last] < snapshot)
    # The departures of an account are in order of their dates: each lies before the next order.
    of, dated = days.account[departs], days.due[departs]
    if not len(dated):
        return none, none
    next_one = np.searchsorted(of * wide + dated, account * wide + snapshot)
    place = np.minimum(next_one, len(dated) - 1)
    falls_due = (next_one < len(dated)) & (of[place] == account)
    falls_due &= dated[place] < snapshot + HORIZON_DAYS
    return np.where(slips, days.due[last], none), np.where(falls_due, dated[place], none)
