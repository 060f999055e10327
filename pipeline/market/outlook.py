"""How likely an account stays silent, or leaves, for who could see the hidden state.

What has been set in motion by a moment counts as seen: the bond, the commitment, the account's own
clock, the fate of the orders placed, a quiet spell that has begun. What is open is drawn anew many
times: how the bond wavers, offers, who changes jobs, quiet spells. Leaving for good, and when the
next order falls due, are not drawn but weighted by their chances.

Silence has no orders, so no problems with new orders are drawn for it. For leaving they are: when
new orders fall due, and what becomes of each, as in the market itself. Left aside, because it
hardly matters within half a year: a successor who leaves again, and that the cushion changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import gammaincc

from pipeline.market import contacts as people
from pipeline.market import wear
from pipeline.market.arrays import Flags, Floats, Ints
from pipeline.market.calendar import Calendar
from pipeline.market.chance import Streams, Whose
from pipeline.market.contacts import Contacts
from pipeline.market.customers import QUIET_A_WEEK, SLOTS, Customers, quiet_until
from pipeline.market.new_orders import Draws, NewOrders
from pipeline.market.supplier import LEAVING_PER_YEAR as REPS_LEAVING_PER_YEAR
from pipeline.market.supplier import SETTLING_WEEKS, Seats
from pipeline.market.wear import Cause
from pipeline.market.worlds import World

HORIZONS_DAYS = (30, 90, 180)
LEAVES_DAYS = 90
CALM, QUIET = 16, 8  # futures of each account without and with a new quiet spell
PATHS = CALM + QUIET  # chances are then right to about 0.01
WEEKS_AHEAD = -(-(HORIZONS_DAYS[-1] + 2) // 7) + 1  # a weekend's orders count for the Friday


@dataclass(frozen=True)
class Moment:
    """When a month begins for the market, and its horizons' ends, in weeks since the origin.

    For silence: a weekend's orders are recorded on the Friday, so what is recorded before a
    Saturday or a Sunday was placed before the Monday after it. For leaving the days count as they
    are.
    """

    month: int
    at: float
    ends: tuple[float, ...]
    of_leaving: bool

    @property
    def week(self) -> int:
        """The week in which it lies."""
        return int(self.at)

    @classmethod
    def of_months(cls, calendar: Calendar) -> list[Self]:
        """Of each month of the history, in each week that of leaving first."""
        found = []
        for number, month in enumerate(calendar.months):
            day = calendar.day(month)
            found.append(cls(number, day / 7, ((day + LEAVES_DAYS) / 7,), of_leaving=True))
            at, *ends = (_weeks(calendar, day + ahead) for ahead in (0, *HORIZONS_DAYS))
            found.append(cls(number, at, tuple(ends), of_leaving=False))
        return found


def _weeks(calendar: Calendar, day: int) -> float:
    weekday = (int(calendar.epoch_day(np.array(day))) + 3) % 7  # 1970-01-01 was a Thursday
    return (day + (7 - weekday if weekday >= 5 else 0)) / 7


@dataclass(frozen=True)
class Now:
    """The state of accounts at a moment; (accounts,), but wear (accounts, WEEKS_AHEAD).

    since_order: what has passed on the account's clock since its last order. quiet_until: week in
    which a quiet spell ends. wear: what orders that were placed still take from the bond, before
    the cushion. rate: orders a week of a content account that is not quiet, as `wear`.
    late: share of its region's deliveries. slowness: of its service desk.
    """

    bond: Floats
    commitment: Floats
    since_order: Floats
    quiet_until: Ints
    wear: Floats
    rate: Floats
    late: Floats
    slowness: Floats


# A new quiet spell is rare and decides much: a third of the drawing goes there, weighted back.
_CALM_SHARE = (1 - QUIET_A_WEEK) ** (WEEKS_AHEAD - 1)
_WEIGHT = np.repeat([_CALM_SHARE / CALM, (1 - _CALM_SHARE) / QUIET], [CALM, QUIET])


def _quiet_until(streams: Streams) -> Ints:
    """Weeks ahead until which new spells last, none in the first `CALM` futures."""
    place = (np.arange(QUIET) + streams.uniform(QUIET)) / QUIET  # one from each part, so evenly
    first = np.log1p(-place * (1 - _CALM_SHARE)) / np.log1p(-QUIET_A_WEEK)
    first = np.minimum(1 + np.floor(first), WEEKS_AHEAD - 1)[:, :, None]
    ahead = np.arange(WEEKS_AHEAD)
    again = streams.uniform(QUIET, WEEKS_AHEAD) < QUIET_A_WEEK
    begins = np.where(ahead > first, again, ahead == first)
    new = quiet_until(begins, streams.uniform(QUIET, WEEKS_AHEAD))
    return np.concatenate([np.zeros((len(new), CALM, WEEKS_AHEAD), dtype=np.int64), new], axis=1)


class Outlook:
    """Futures of accounts. Arrays over them are (accounts, PATHS, WEEKS_AHEAD)."""

    def __init__(
        self,
        numbers: range,
        seed: int,
        customers: Customers,
        contacts: Contacts,
        seats: Seats,
        seat_of: Ints,
        world: World,
    ) -> None:
        self._customers, self._contacts, self._world = customers, contacts, world
        self._seats, self._seat_of = seats, seat_of
        streams = Streams(seed, Whose.OUTLOOK, numbers)
        shape = (PATHS, WEEKS_AHEAD)
        self._waver = wear.ORDINARY_NOISE * streams.normal(*shape)
        self._offers = world.weights[Cause.COMPETING_OFFER] * wear.offers(
            streams, world.offers_per_year, *shape
        )
        self._quiet_until = _quiet_until(streams)
        of_a_contact = np.log1p(-people.LEAVING_PER_YEAR / 52)
        contact = np.log1p(-streams.uniform(PATHS, SLOTS)) / of_a_contact
        self._contact_leaves = np.minimum(contact, WEEKS_AHEAD).astype(np.int64)
        rep = -np.log1p(-streams.uniform(PATHS)) * 52 / REPS_LEAVING_PER_YEAR
        self._rep_leaves = np.minimum(rep, WEEKS_AHEAD).astype(np.int64)
        self._new_orders = Draws.of(streams, customers, PATHS)

    def silent(self, moment: Moment, rows: Ints, now: Now) -> Floats:
        """The chance of no order until each of the moment's ends, (rows, horizons).

        rows: numbers of the accounts, of which `now` holds the state.
        """
        bond = np.repeat(now.bond[:, None], PATHS, axis=1)
        commitment = np.repeat(now.commitment[:, None], PATHS, axis=1)
        felt = self._felt(moment.week, rows)
        blows = now.wear[:, None, :] + self._departures(moment.week, rows)
        quiet = self._quiet(moment.week, rows, now.quiet_until)
        waver, offers = self._waver[rows], self._offers[rows]
        home = self._customers.home[rows, None]
        stays, gone_silently = np.ones_like(bond), np.zeros_like(bond)
        passed = np.repeat(now.since_order[:, None], PATHS, axis=1)
        waited = self._waits(rows, now.since_order[:, None])
        found = np.empty((len(rows), len(moment.ends)))
        for ahead in range(WEEKS_AHEAD):
            begin = max(moment.at, moment.week + ahead)
            if ahead:
                leaving = stays * self._world.leaves(commitment)
                gone_silently += leaving * self._waits(rows, passed)
                stays -= leaving
            willing = wear.willing(self._world.in_orders(commitment))
            pace = np.where(quiet[:, :, ahead], 0.0, willing)
            pace *= now.rate[:, None, ahead]
            for horizon, end in enumerate(moment.ends):
                if moment.week + ahead == int(end):
                    waits = self._waits(rows, passed + pace * (end - begin))
                    silent = (gone_silently + stays * waits) / waited
                    found[:, horizon] = (silent * _WEIGHT).sum(axis=1)
            passed = passed + pace * (moment.week + ahead + 1 - begin)
            blow = blows[:, :, ahead] + offers[:, :, ahead] * wear.offer_appeal(bond)
            heal = wear.HEALING_A_WEEK * (home - bond)
            bond = bond + heal - felt * blow + waver[:, :, ahead]
            commitment = commitment + wear.FOLLOWS_A_WEEK * (bond - commitment)
        return found

    def leaves(self, moment: Moment, rows: Ints, now: Now) -> Floats:
        """The chance to leave for good before the moment's end, (rows,).

        rows: numbers of the accounts, of which `now` holds the state.
        """
        (end,) = moment.ends
        weeks = int(np.ceil(end)) - moment.week  # who leaves does so at the beginning of a week
        bond = np.repeat(now.bond[:, None], PATHS, axis=1)
        commitment = np.repeat(now.commitment[:, None], PATHS, axis=1)
        felt = self._felt(moment.week, rows)
        blows = now.wear[:, None, :] + self._departures(moment.week, rows)
        quiet = self._quiet(moment.week, rows, now.quiet_until)
        waver, offers = self._waver[rows], self._offers[rows]
        home = self._customers.home[rows, None]
        orders = NewOrders(
            self._new_orders, self._customers, self._world, rows, since_order=now.since_order,
            late=now.late, slowness=now.slowness, weeks=weeks,
        )  # fmt: skip
        stays = np.ones_like(bond)
        for ahead in range(weeks):
            if ahead:
                stays *= 1 - self._world.leaves(commitment)
            willing = wear.willing(self._world.in_orders(commitment))
            pace = np.where(quiet[:, :, ahead], 0.0, willing) * now.rate[:, None, ahead]
            orders.place(ahead, max(moment.at - moment.week, ahead), pace, bond)
            blow = blows[:, :, ahead] + orders.take(ahead)
            blow += offers[:, :, ahead] * wear.offer_appeal(bond)
            heal = wear.HEALING_A_WEEK * (home - bond)
            bond = bond + heal - felt * blow + waver[:, :, ahead]
            commitment = commitment + wear.FOLLOWS_A_WEEK * (bond - commitment)
        leaves: Floats = 1 - (stays * _WEIGHT).sum(axis=1)
        return leaves

    def _waits(self, rows: Ints, passed: Floats) -> Floats:
        """The chance that a gap is longer than what has passed on the account's clock."""
        shape = self._customers.regularity[rows].reshape(-1, *[1] * (passed.ndim - 1))
        waits: Floats = gammaincc(shape, shape * passed)
        return waits

    def _felt(self, week: int, rows: Ints) -> Floats:
        years = np.maximum(week * 7 - self._customers.opened[rows], 0) / 365
        felt: Floats = wear.cushion(years, self._contacts.breadth[rows, week - 1])[:, None]
        return felt

    def _quiet(self, week: int, rows: Ints, until: Ints) -> Flags:
        ahead = np.arange(WEEKS_AHEAD)
        begun = (until - week)[:, None, None]
        return np.asarray(ahead < np.maximum(self._quiet_until[rows], begun), dtype=np.bool_)

    def _departures(self, week: int, rows: Ints) -> Floats:
        """What contacts and the representative take along who leave from the week on."""
        blow = np.zeros((len(rows), PATHS, WEEKS_AHEAD))
        row, path, slot = np.nonzero(self._contact_leaves[rows] < WEEKS_AHEAD)
        share = self._customers.shares[rows[row], slot]
        there = self._contacts.present[rows[row], slot, week - 1]
        when = self._contact_leaves[rows[row], path, slot]
        weights = self._world.weights
        lost = weights[Cause.CONTACT_LEFT] * wear.CONTACT_LEFT * share * there
        np.add.at(blow, (row, path, when), lost)
        seat = self._seat_of[rows]
        served = self._seats.serving[seat, week - 1]
        settled = np.array([stay.first_week + SETTLING_WEEKS for stay in self._seats.stays])
        first = np.maximum(settled[served] - week, 0)[:, None]
        first = np.where(served[:, None] < 0, WEEKS_AHEAD, first)
        when = np.minimum(first + self._rep_leaves[rows], WEEKS_AHEAD)
        reliance = wear.REPRESENTATIVE_LEFT * self._customers.rep_reliance[rows]
        reliance = weights[Cause.REPRESENTATIVE_LEFT] * reliance
        row, path = np.nonzero(when < WEEKS_AHEAD)
        np.add.at(blow, (row, path, when[row, path]), reliance[row])
        return blow
