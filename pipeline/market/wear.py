"""What wears a relationship down, and by how much.

The bond is a number without a unit: 1 is the usual healthy relationship, near 0 it breaks. Every
amount below is what an event takes from the bond of an account without any cushion (a new account
with one contact).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pipeline.market.arrays import Flags, Floats, Ints, rises
from pipeline.market.chance import Streams


class Cause(IntEnum):
    """Why an account left. From `CLOSURE` on: reasons outside the relationship."""

    COMPLAINTS = 0
    UNSPOKEN_PROBLEMS = 1
    LATE_DELIVERIES = 2
    CONTACT_LEFT = 3
    REPRESENTATIVE_LEFT = 4
    COMPETING_OFFER = 5
    DRIFTED_APART = 6
    CLOSURE = 7
    TAKEOVER = 8
    OWN_PRODUCTION = 9


WORN = 6  # the causes that wear the bond, Cause 0..5


class Kind(IntEnum):
    """What pushes an account towards leaving, one by one: finer than `Cause`."""

    COMPLAINT = 0
    UNANSWERED_COMPLAINT = 1
    OVERDUE_COMPLAINT = 2
    REOPENED_COMPLAINT = 3
    UNSPOKEN_PROBLEM = 4
    LATE_DELIVERY = 5
    CONTACT_LEFT = 6
    REPRESENTATIVE_LEFT = 7
    COMPETING_OFFER = 8
    CLOSURE = 9
    TAKEOVER = 10
    OWN_PRODUCTION = 11

    @property
    def cause(self) -> Cause:
        """The cause to which it counts."""
        if self <= Kind.REOPENED_COMPLAINT:
            return Cause.COMPLAINTS
        after = 3 if self < Kind.CLOSURE else 2  # `DRIFTED_APART` is no event
        return Cause(self - after)


# A problem that is voiced: at once, for each week without an answer, for each week past the day
# that was promised, all times the severity; a solution in time gives part of the first back.
PROBLEM = 0.07
UNANSWERED_A_WEEK = 0.11
OVERDUE_A_WEEK = 0.12
SOLVED_IN_TIME = 0.05
REOPENED = 0.16
ANSWER_EXPECTED_DAYS = 2.0
PATIENCE_WEEKS = 10  # after that many weeks the account no longer waits: the harm is done
SEVERITY = (0.5, 1.0, 1.7)  # low, medium, high

UNSPOKEN_PROBLEM = 0.18  # one that nobody was told of, so nobody solved it
LATE_DELIVERY, LATE_DELIVERY_A_DAY = 0.035, 0.010
CONTACT_LEFT = 0.80  # times the share of the relationship that rested on the person
REPRESENTATIVE_LEFT = 0.75  # times the share that rested on our representative
OFFER = 0.13

HEALING_A_WEEK = 0.023
ORDINARY_NOISE = 0.028  # a week
FOLLOWS_A_WEEK = 1 / 8  # buying follows the bond with a delay of some two months


def cushion(years: Floats, breadth: Floats) -> Floats:
    """What share of a blow is felt: less after a long history and with broad contact."""
    felt: Floats = 1 / (1 + 0.28 * np.log1p(years) + 0.18 * np.maximum(breadth - 1, 0))
    return felt


def offer_appeal(bond: Floats) -> Floats:
    """How much a competitor's offer counts: a contented account hardly listens."""
    appeal: Floats = 0.4 + 1.6 * rises(bond, 0.6, -0.15)
    return appeal


def voices(bond: Floats) -> Floats:
    """The chance that a problem is brought to us; who has given up complains less."""
    chance: Floats = 0.30 + 0.55 * rises(bond, 0.5, 0.15)
    return chance


def willing(commitment: Floats) -> Floats:
    """The share of its usual orders that an account still gives us."""
    share: Floats = rises(commitment, 0.38, 0.12)
    return share


def in_touch(bond: Floats) -> Floats:
    """The share of the usual touches that still come about; earlier than orders it falls."""
    share: Floats = 0.12 + 0.88 * rises(bond, 0.55, 0.11)
    return share


def leaving_hazard(commitment: Floats) -> Floats:
    """The chance to leave for good within a week."""
    chance: Floats = 0.13 * rises(commitment, 0.14, -0.07)
    return chance


def offers(streams: Streams, per_year: float, *shape: int) -> Floats:
    """The strength of competitors' offers, 0 where there is none; the last axis is the week."""
    comes = streams.uniform(*shape) < per_year / 52
    strength = -OFFER * np.log1p(-streams.uniform(*shape))
    return np.where(comes, strength, 0)


@dataclass(frozen=True)
class Push:
    """Wear that events bring; arrays over the events, moments in weeks, amount 0 where none.

    end: None if the wear comes at once; else `amount` comes each week from `begin` to before `end`.
    """

    kind: Kind
    begin: Floats
    end: Floats | None
    amount: Floats

    def only(self, which: Flags) -> Push:
        """Some of the events."""
        end = None if self.end is None else self.end[which]
        return Push(self.kind, self.begin[which], end, self.amount[which])

    def weeks(self, last: int) -> tuple[Ints, Ints]:
        """The weeks of the wear, first and one after the last; none after the week `last`."""
        first = np.ceil(np.minimum(self.begin, last)).astype(np.int64)
        if self.end is None:
            return first, first + 1
        end = np.maximum(self.begin, self.end)
        return first, np.ceil(np.minimum(end, last)).astype(np.int64)


class Schedule:
    """Wear that is to come: (accounts, weeks), either at once or lasting for some weeks."""

    def __init__(self, accounts: int, weeks: int) -> None:
        self._last = weeks
        self._once = np.zeros((accounts, self._last + 1))
        self._change = np.zeros((accounts, self._last + 1))
        self._running = np.zeros(accounts)

    def add(self, rows: Ints, push: Push, weight: float = 1.0) -> None:
        """Takes what a push brings, times `weight`; `rows` must not name an account twice.

        Wear counts for the week that begins at or after its moment.
        """
        first, stop = push.weeks(self._last)
        amount = weight * push.amount
        if push.end is None:
            self._once[rows, first] += amount
        else:
            self._change[rows, first] += amount
            self._change[rows, stop] -= amount

    def take(self, week: int) -> Floats:
        """The wear of a week; weeks must be taken one after the other."""
        self._running += self._change[:, week]
        wear: Floats = self._once[:, week] + np.maximum(self._running, 0)
        return wear

    def ahead(self, week: int, weeks: int) -> Floats:
        """The wear of the weeks from the next one to take, as scheduled so far."""
        stretch = slice(week, week + weeks)
        running = self._running[:, None] + np.cumsum(self._change[:, stretch], axis=1)
        wear: Floats = self._once[:, stretch] + np.maximum(running, 0)
        return wear
