"""The master data: accounts with their owners, and representatives who leave."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.market.arrays import Ints
from pipeline.market.calendar import NO_STAMP, Calendar
from pipeline.market.customers import SEGMENTS, Customers
from pipeline.market.files import ACCOUNTS, REPS, days, labels, stamps, table
from pipeline.market.supplier import REGIONS, Seats


def account_rows(customers: Customers, seats: Seats, seat_of: Ints, calendar: Calendar) -> pa.Table:
    """The `accounts`: a version at the opening, and one for each change of owner thereafter.

    The first version of an account that is older than the history names the owner at its start.
    """
    served = [[i for i in np.unique(row).tolist() if i >= 0] for row in seats.serving]
    account: list[int] = []
    owner: list[int] = []
    since: list[int] = []
    for number, opened in enumerate(customers.opened.tolist()):
        first_day = max(opened, calendar.start_day)
        stays = served[seat_of[number]]
        begins = [seats.stays[stay].first_week * 7 for stay in stays]
        current = max(k for k, begin in enumerate(begins) if begin <= first_day)
        account += [number] * (len(stays) - current)
        owner += stays[current:]
        since += [opened, *begins[current + 1 :]]
    index, names = np.array(account), customers.names
    return table(
        ACCOUNTS,
        account_id=labels(customers.ids, index),
        name=[names[a] for a in account],
        segment=labels(SEGMENTS, customers.segment[index]),
        region=labels(REGIONS, customers.region[index]),
        opened_on=days(calendar.epoch_day(customers.opened[index])),
        owner_id=labels([stay.rep_id for stay in seats.stays], np.array(owner)),
        known_at=stamps(calendar.opening(np.array(since))),
    )


def rep_rows(seats: Seats, calendar: Calendar) -> pa.Table:
    """The `reps`, those of the warm-up among them: a version from the first day, one on leaving."""
    ids: list[str] = []
    left_on: list[int] = []
    known_at: list[int] = []
    for stay in seats.stays:
        ids.append(stay.rep_id)
        left_on.append(NO_STAMP)
        known_at.append(int(calendar.opening(np.array(stay.first_week * 7))))
        if stay.left_week is None:
            continue
        left = stay.left_week * 7
        recorded = int(calendar.opening(np.array(left + stay.recorded_days)))
        if recorded < calendar.seconds(calendar.end):
            ids.append(stay.rep_id)
            left_on.append(int(calendar.epoch_day(np.array(left))))
            known_at.append(recorded)
    return table(
        REPS,
        rep_id=ids,
        left_on=days(np.array(left_on, dtype=np.int64)),
        known_at=stamps(np.array(known_at, dtype=np.int64)),
    )
