"""What pushed accounts towards leaving, one by one, and when our systems knew of it, if ever.

What was recorded is read from the finished tables, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.market import wear
from pipeline.market.arrays import Floats, Ints
from pipeline.market.calendar import NEVER, NO_STAMP, Calendar
from pipeline.market.contacts import Contacts
from pipeline.market.customers import Customers
from pipeline.market.files import EVENTS, floats, labels, stamps, table
from pipeline.market.life import Lives
from pipeline.market.supplier import Seats
from pipeline.market.wear import Cause, Kind
from pipeline.market.worlds import World

KINDS = tuple(kind.name.lower() for kind in Kind)
NOTHING = 1e-9  # wear below it is none


@dataclass(frozen=True)
class _Events:
    """Events of one kind; arrays over them. happened, recorded: stamps. wear: NaN if outside."""

    kind: Kind
    account: Ints
    happened: Ints
    recorded: Ints
    wear: Floats


def event_rows(
    customers: Customers,
    contacts: Contacts,
    seats: Seats,
    seat_of: Ints,
    lives: Lives,
    tables: Mapping[str, pa.Table],
    calendar: Calendar,
    world: World,
) -> pa.Table:
    """The `truth_events` of these accounts, by account and time.

    Parameters
    ----------
    seats, seat_of
        The representatives in the field, and each account's seat.
    tables
        The finished tables of these accounts: orders, touches, complaints, reps.

    Returns
    -------
    A row for each event that wore the bond of an account while it traded, the weeks before the
    history included, and for each account that left for an outside reason.
    """
    felt = np.where(lives.trading(customers), lives.felt, 0)
    events = [
        *_from_orders(customers.ids, lives, felt, tables, calendar, world),
        _contacts_left(customers, contacts, felt, tables["touches"], calendar, world),
        _representatives_left(customers, seats, seat_of, felt, tables["reps"], calendar, world),
        _offers(lives, felt, calendar, world),
        *_outside(lives, calendar),
    ]
    kind = np.repeat([event.kind for event in events], [len(event.account) for event in events])
    account, happened, recorded, wears = (
        np.concatenate([getattr(event, column) for event in events])
        for column in ("account", "happened", "recorded", "wear")
    )
    kept = ~(wears < NOTHING)
    order = np.lexsort((kind, happened, account))
    order = order[kept[order]]
    return table(
        EVENTS,
        account_id=labels(customers.ids, account[order]),
        cause=labels(KINDS, kind[order]),
        happened_at=stamps(happened[order]),
        recorded_at=stamps(recorded[order]),
        wear=floats(wears[order]),
    )


def _from_orders(
    ids: list[str],
    lives: Lives,
    felt: Floats,
    tables: Mapping[str, pa.Table],
    calendar: Calendar,
    world: World,
) -> list[_Events]:
    """Late deliveries, problems, and how complaints were handled; one row for each of an order."""
    complained = _first(tables["complaints"], "complaint_id")
    reopened = _first(tables["complaints"], "complaint_id", "reopened_known_at")
    ordered = _first(tables["orders"], "order_id")
    weeks = felt.shape[1]
    felt_until = np.pad(np.cumsum(felt, axis=1), ((0, 0), (1, 0)))  # before the week
    found = []
    for kind in (kind for kind in Kind if kind <= Kind.LATE_DELIVERY):
        parts = [part for part in lives.service.pushes if part[2].kind == kind]
        account, order = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        begin = np.concatenate([part[2].begin for part in parts])
        amount = np.concatenate([part[2].amount for part in parts])
        spans = [part[2].weeks(weeks) for part in parts]
        first, stop = (np.minimum(np.concatenate(ends), weeks) for ends in zip(*spans, strict=True))
        took = amount * (felt_until[account, stop] - felt_until[account, first])
        # What was given back for a solution in time counts to the complaint.
        each, member = np.unique(np.stack([account, order]), axis=1, return_inverse=True)
        wears, when = np.zeros(each.shape[1]), np.full(each.shape[1], NEVER)
        np.add.at(wears, member, world.weights[kind.cause] * took)
        np.minimum.at(when, member, begin)
        happened = calendar.office_hours(when * 7)
        names = list(zip(*each.tolist(), strict=True))
        cases = [f"{ids[a]}-K{o + 1:04d}" for a, o in names]
        if kind == Kind.UNSPOKEN_PROBLEM:
            recorded = np.full(len(names), NO_STAMP)
        elif kind == Kind.LATE_DELIVERY:
            recorded = _look_up(ordered, [f"{ids[a]}-{o + 1:04d}" for a, o in names])
        elif kind == Kind.REOPENED_COMPLAINT:
            recorded = _look_up(reopened, cases)
        else:
            recorded = _look_up(complained, cases)
        recorded = calendar.until_end(np.maximum(recorded, happened))
        found.append(_Events(kind, each[0], happened, recorded, wears))
    return found


def _contacts_left(
    customers: Customers,
    contacts: Contacts,
    felt: Floats,
    touches: pa.Table,
    calendar: Calendar,
    world: World,
) -> _Events:
    """Recorded by the first touch with the successor of a contact who was met before."""
    met = _first(touches, "contact_id")
    leaves = np.diff(contacts.person, axis=2, prepend=1) > 0
    account, slot, week = np.nonzero(leaves)
    happened = calendar.opening(week * 7)
    person = contacts.person[account, slot, week].tolist()
    names = [
        f"{customers.ids[a]}-C{s + 1}" for a, s in zip(account.tolist(), slot.tolist(), strict=True)
    ]
    left = _look_up(met, [f"{n}{p - 1:02d}" for n, p in zip(names, person, strict=True)])
    came = _look_up(met, [f"{n}{p:02d}" for n, p in zip(names, person, strict=True)])
    return _Events(
        kind=Kind.CONTACT_LEFT,
        account=account,
        happened=happened,
        recorded=np.where(left == NO_STAMP, NO_STAMP, came),
        wear=world.weights[Cause.CONTACT_LEFT]
        * (wear.CONTACT_LEFT * customers.shares[account, slot] * felt[account, week]),
    )


def _representatives_left(
    customers: Customers,
    seats: Seats,
    seat_of: Ints,
    felt: Floats,
    reps: pa.Table,
    calendar: Calendar,
    world: World,
) -> _Events:
    """Recorded by the version of the representative that says so."""
    known = _first(reps.filter(pc.is_valid(reps["left_on"])), "rep_id")
    account, week = np.nonzero(seats.departures[seat_of])
    stay = seats.serving[seat_of[account], week - 1]
    reliance = wear.REPRESENTATIVE_LEFT * customers.rep_reliance[account]
    return _Events(
        kind=Kind.REPRESENTATIVE_LEFT,
        account=account,
        happened=calendar.opening(week * 7),
        recorded=_look_up(known, [seats.stays[s].rep_id for s in stay.tolist()]),
        wear=world.weights[Cause.REPRESENTATIVE_LEFT] * (reliance * felt[account, week]),
    )


def _offers(lives: Lives, felt: Floats, calendar: Calendar, world: World) -> _Events:
    """No table shows them."""
    account, week = np.nonzero(lives.offers)
    return _Events(
        kind=Kind.COMPETING_OFFER,
        account=account,
        happened=calendar.opening(week * 7),
        recorded=np.full(len(account), NO_STAMP),
        wear=world.weights[Cause.COMPETING_OFFER]
        * (lives.offers[account, week] * felt[account, week]),
    )


def _outside(lives: Lives, calendar: Calendar) -> list[_Events]:
    """Outside reasons, one for each account that left for one; they wear nothing."""
    found = []
    for kind in (Kind.CLOSURE, Kind.TAKEOVER, Kind.OWN_PRODUCTION):
        account = np.flatnonzero(lives.because == kind.cause)
        found.append(
            _Events(
                kind=kind,
                account=account,
                happened=calendar.opening(lives.left[account] * 7),
                recorded=np.full(len(account), NO_STAMP),
                wear=np.full(len(account), np.nan),
            )
        )
    return found


def _first(rows: pa.Table, key: str, known: str = "known_at") -> dict[str, int]:
    """The first stamp of each key, in seconds; those without a stamp are left out."""
    rows = rows.filter(pc.is_valid(rows[known]))
    least = rows.group_by(key).aggregate([(known, "min")])
    seconds = least[f"{known}_min"].cast(pa.int64()).to_numpy() // 1000
    return dict(zip(least[key].to_pylist(), seconds.tolist(), strict=True))


def _look_up(stamp_of: Mapping[str, int], keys: list[str]) -> Ints:
    """The stamps of the keys; `NO_STAMP` where there is none."""
    return np.array([stamp_of.get(key, NO_STAMP) for key in keys], dtype=np.int64)
