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

from pipeline.config.form import DEPARTURE_DAYS as HORIZON_DAYS
from pipeline.engines import Engine
from pipeline.tables.expected_orders import (
    ExpectedOrders,
    OrderDays,
    day_number,
    expected_orders,
)
from pipeline.tables.future.treated import treated_rows
from pipeline.tables.identity import merged_by
from pipeline.tables.label_definitions import DepartureLabel
from pipeline.tables.snapshots import Maturity

LASTING_DAYS = 180  # from the end of patience without an order, after which a departure is lasting
TREATED_DAYS = 30  # from the snapshot; an account is treated if an action of ours falls into them
NEITHER, DUE, SLIP = "neither", "due", "slip"


def departures(
    engine: Engine,
    expected: ExpectedOrders,
    rows: pd.DataFrame,
    as_ofs: Sequence[date],
    maturity: Maturity,
    horizon_days: int = HORIZON_DAYS,
) -> pd.DataFrame:
    """Return the outcomes of accounts that were active at snapshots.

    Parameters
    ----------
    rows : account_id, as_of; those at other snapshots than `as_ofs` are left out.
    maturity : of the label departure with this horizon.
    horizon_days : an account becomes due if a departure is dated within so many days.

    Returns
    -------
    account_id, as_of, outcome (slip, due or neither), departed_on, the date of the departure, and
    ordered_on, the day of the order that is the departure, both NaT for neither; in the order of
    rows.
    """
    rows = rows[["account_id", "as_of"]].reset_index(drop=True)
    found = []
    for as_of in as_ofs:
        here = rows[rows["as_of"] == pd.Timestamp(as_of)]
        complete = maturity.label_complete(as_of)
        days = expected.seen_on(complete)
        slip, due = _departures_on(
            days,
            account_numbers(engine, expected, here["account_id"], complete),
            day_number(as_of),
            horizon_days,
        )
        outcome = np.select([slip >= 0, due >= 0], [SLIP, DUE], NEITHER)
        order = np.where(slip >= 0, slip, due)
        found.append(
            here.assign(
                outcome=outcome,
                departed_on=_dates(days.due, order),
                ordered_on=_dates(days.day, order),
            )
        )
    if not found:
        nobody = _dates(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        return rows.iloc[:0].assign(outcome="", departed_on=nobody, ordered_on=nobody)
    return pd.concat(found).sort_index(ignore_index=True)


def silent_after(
    engine: Engine,
    expected: ExpectedOrders,
    departed: pd.DataFrame,
    as_ofs: Sequence[date],
    maturity: Maturity,
    days: int,
) -> npt.NDArray[np.bool_]:
    """Return which departures had no order until so many days after their patience.

    departed: account_id, as_of and departed_on, as `departures` returns them; the answer, in their
    order, is False where departed_on is NaT. Asked so many days after maturity. With LASTING_DAYS:
    which departures are lasting.
    """
    lasts = np.zeros(len(departed), dtype=np.bool_)
    for as_of in as_ofs:
        here = (departed["as_of"] == pd.Timestamp(as_of)) & departed["departed_on"].notna()
        asked = maturity.label_complete(as_of) + timedelta(days=days)
        seen = expected.seen_on(asked)
        gone = seen.following >= seen.crossing + days
        still = pd.MultiIndex.from_arrays([seen.account[gone], seen.due[gone]])
        account = account_numbers(engine, expected, departed.loc[here, "account_id"], asked)
        dated = departed.loc[here, "departed_on"].to_numpy().astype("M8[D]").astype(np.int64)
        lasts[here.to_numpy()] = pd.MultiIndex.from_arrays([account, dated]).isin(still)
    return lasts


def departure_labels(
    engine: Engine,
    label: DepartureLabel,
    mature: Sequence[date],
    rows: str,
    expected: ExpectedOrders | None = None,
) -> pd.DataFrame:
    """Return account_id, as_of, label_complete, defected, treated and what `departures` says.

    expected: of the engine's orders, where they are at hand; else they are read. rows: a table
    (account_id, as_of) of active accounts. defected: 1 where the outcome is due. treated: 1 where
    an action of ours falls into the first TREATED_DAYS days, whatever came of it.
    """
    expected = expected_orders(engine, label.silence) if expected is None else expected
    asked = engine.frame(f"SELECT account_id, as_of FROM {rows} ORDER BY as_of, account_id")
    found = departures(engine, expected, asked, mature, label.maturity)
    days = label.maturity.horizon_days + label.maturity.reporting_lag_days
    treated = treated_rows(engine, found, rows, mature, days, TREATED_DAYS)
    return found.assign(
        label_complete=found["as_of"] + pd.Timedelta(days=days),
        defected=(found["outcome"] == DUE).astype(np.int8),
        treated=treated.astype(np.int8),
    )


def _dates(days: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    """The days (since 1970) of order days by their numbers, NaT where that is below 0."""
    found = np.full(len(order), np.datetime64("NaT"), dtype="datetime64[s]")
    some = order >= 0
    found[some] = days[order[some]].astype("datetime64[D]")
    return found


def account_numbers(
    engine: Engine, expected: ExpectedOrders, accounts: pd.Series, on: date
) -> npt.NDArray[np.int64]:
    """Return whom each account counts for on a day, as numbers of `ExpectedOrders.ids`."""
    merged = merged_by(engine, on)
    known_as = accounts.map(merged).fillna(accounts) if merged else accounts
    numbers: npt.NDArray[np.int64] = pd.Index(expected.ids).get_indexer(known_as).astype(np.int64)
    return numbers


def _departures_on(
    days: OrderDays,
    account: npt.NDArray[np.int64],
    snapshot: int,
    horizon_days: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each account, the order by which it slips, and the order by which it becomes due.

    Numbers of order days, -1 where there is none. snapshot: days since 1970.
    """
    none = np.full(len(account), -1, dtype=np.int64)
    departs = days.following >= days.crossing
    departures = np.flatnonzero(departs)
    if not len(departures):
        return none, none
    wide = 2**22
    last = np.searchsorted(days.account * wide + days.day, account * wide + snapshot) - 1
    slips = (last >= 0) & (days.account[last] == account)
    slips &= departs[last] & (days.due[last] < snapshot)
    # The departures of an account are in order of their dates: each lies before the next order.
    of, dated = days.account[departures], days.due[departures]
    next_one = np.searchsorted(of * wide + dated, account * wide + snapshot)
    place = np.minimum(next_one, len(dated) - 1)
    falls_due = (next_one < len(dated)) & (of[place] == account)
    falls_due &= dated[place] < snapshot + horizon_days
    return np.where(slips, last, none), np.where(falls_due, departures[place], none)
