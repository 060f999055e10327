"""Touches: visits, calls and messages between the account's contacts and our representatives.

They follow the bond at once, and so grow rarer before orders do. When a representative leaves, his
touches end, and his successor has to build them up again; the inside representative carries on.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.market import wear
from pipeline.market.arrays import Flags, Floats, Ints, choose
from pipeline.market.calendar import NO_STAMP, Calendar
from pipeline.market.chance import Streams
from pipeline.market.contacts import Contacts
from pipeline.market.customers import ROLES, Customers
from pipeline.market.files import TOUCHES, labels, stamps, table
from pipeline.market.late import known
from pipeline.market.life import Lives
from pipeline.market.supplier import Seats
from pipeline.market.worlds import World

CHANNELS = ("visit", "call", "email", "video call")
CHANNEL_SHARES = (0.22, 0.38, 0.30, 0.10)
INSIDE = 0.3  # of the touches are the inside representative's
THEIRS = 0.45  # of the touches of a healthy relationship are begun by the account
STILL_TRYING = 0.3  # of the usual touches, that we begin after the account has left,
STILL_TRYING_WEEKS = 5  # fading over so many weeks

_UNIFORM = 6


def touch_rows(
    customers: Customers,
    contacts: Contacts,
    lives: Lives,
    field: tuple[Seats, Ints],
    inside: tuple[Seats, Ints],
    streams: Streams,
    calendar: Calendar,
    world: World,
) -> pa.Table:
    """The `touches` of these accounts; `field` and `inside` are seats with each account's seat."""
    (field_seats, field_of), (inside_seats, inside_of) = field, inside
    health = wear.in_touch(world.in_contacts(lives.bond))
    trading = lives.trading(customers)
    from_field = (1 - INSIDE) * field_seats.closeness[field_of]
    from_inside = INSIDE * inside_seats.closeness[inside_of]
    usual = customers.touches_a_week[:, None] * (from_field + from_inside)
    counts = streams.poisson(usual * np.where(trading, health, _still_trying(lives)))
    account, week = (np.repeat(x, counts[counts > 0]) for x in np.nonzero(counts))
    u = streams.uniform_rows(counts.sum(axis=1), _UNIFORM)

    slot, somebody = _whom(customers, contacts, account, week, u[:, 0])
    by_field = u[:, 1] * (from_field + from_inside)[account, week] < from_field[account, week]
    rep_ids = [stay.rep_id for stay in (*field_seats.stays, *inside_seats.stays)]
    rep = np.where(
        by_field,
        field_seats.serving[field_of[account], week],
        inside_seats.serving[inside_of[account], week] + len(field_seats.stays),
    )
    theirs = trading[account, week] & (u[:, 2] < THEIRS * health[account, week])
    occurred = calendar.happened((week + u[:, 3]) * 7)
    known_at = known(calendar, occurred, u[:, 4])
    kept = somebody & calendar.within(occurred) & (known_at != NO_STAMP)

    account, week, slot = account[kept], week[kept], slot[kept]
    ids = customers.ids
    persons = contacts.person[account, slot, week]
    triples = zip(account.tolist(), slot.tolist(), persons.tolist(), strict=True)
    role = customers.roles[account, slot]
    return table(
        TOUCHES,
        account_id=labels(ids, account),
        contact_id=[f"{ids[a]}-C{s + 1}{p:02d}" for a, s, p in triples],
        rep_id=labels(rep_ids, rep[kept]),
        occurred_at=stamps(occurred[kept]),
        known_at=stamps(known_at[kept]),
        role=labels([name for name, _, _ in ROLES], role),
        department=labels([name for _, name, _ in ROLES], role),
        seniority=labels([name for _, _, name in ROLES], role),
        channel=labels(CHANNELS, choose(u[kept, 5], CHANNEL_SHARES)),
        initiated_by=labels(("us", "account"), theirs[kept].astype(np.int64)),
    )


def _still_trying(lives: Lives) -> Floats:
    """How much we still try after an account has left, (accounts, weeks)."""
    since = np.arange(lives.bond.shape[1]) - lives.left[:, None]
    fading: Floats = STILL_TRYING * np.exp(-np.maximum(since, 0) / STILL_TRYING_WEEKS)
    return np.where(since >= 0, fading, 0)


def _whom(
    customers: Customers, contacts: Contacts, account: Ints, week: Ints, u: Floats
) -> tuple[Ints, Flags]:
    """The position whose holder is met, by its share; and whether there is anybody to meet."""
    share = customers.shares[account] * contacts.present[account, :, week]
    reach = np.cumsum(share, axis=1)
    total = reach[:, -1]
    slot = (reach <= (u * total)[:, None]).sum(axis=1)
    return np.minimum(slot, share.shape[1] - 1), total > 0
