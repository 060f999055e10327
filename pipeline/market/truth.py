"""The truth about the market, which no pipeline may read: the hidden state and the leaving."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.market.arrays import Ints
from pipeline.market.calendar import NO_STAMP, Calendar
from pipeline.market.customers import Customers
from pipeline.market.files import LEAVES, TRUTH, days, floats, labels, table
from pipeline.market.life import Lives
from pipeline.market.outlook import HORIZONS_DAYS
from pipeline.market.wear import Cause

CAUSES = tuple(cause.name.lower() for cause in Cause)


def truth_rows(customers: Customers, lives: Lives, calendar: Calendar) -> pa.Table:
    """A row for each account and month of the history, from the month of its opening on."""
    begins = np.array([calendar.day(month) for month in calendar.months])
    ends = np.append(begins[1:], calendar.day(calendar.end))
    account, month = np.nonzero(customers.opened[:, None] < ends)
    week = begins[month] // 7
    left: Ints = lives.left[account]
    stays = left == calendar.weeks
    trading = (customers.opened[account] <= begins[month]) & (week < left)
    return table(
        TRUTH,
        account_id=labels(customers.ids, account),
        month=days(calendar.epoch_day(begins[month])),
        trading=pa.array(trading),
        bond=floats(np.where(trading, lives.bond[account, week], np.nan)),
        commitment=floats(np.where(trading, lives.commitment[account, week], np.nan)),
        **{
            f"silent_{days_ahead}": floats(lives.silent[account, month, horizon])
            for horizon, days_ahead in enumerate(HORIZONS_DAYS)
        },
        left_on=days(np.where(stays, NO_STAMP, calendar.epoch_day(left * 7))),
        left_because=labels(CAUSES, lives.because[account]),
    )


def leaves_rows(customers: Customers, lives: Lives, calendar: Calendar) -> pa.Table:
    """A row for each account and month on whose first day it trades: its chance to leave soon."""
    account, month = np.nonzero(~np.isnan(lives.leaves))
    begins = np.array([calendar.day(month) for month in calendar.months])
    return table(
        LEAVES,
        account_id=labels(customers.ids, account),
        month=days(calendar.epoch_day(begins[month])),
        leaves_90=floats(lives.leaves[account, month]),
    )
