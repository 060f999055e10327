"""Who the accounts are: what does not change while the market runs.

Sizes are lognormal, so that a fifth of the accounts brings about four fifths of the margin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.market.arrays import Flags, Floats, Ints, choose
from pipeline.market.calendar import Calendar
from pipeline.market.catalogue import CATEGORIES, PRODUCTS_PER_CATEGORY
from pipeline.market.chance import Streams
from pipeline.market.supplier import REGIONS
from pipeline.market.worlds import World

SEGMENTS = ("machinery", "construction", "food", "energy", "workshop")
SEGMENT_SHARES = (0.30, 0.20, 0.18, 0.12, 0.20)
SEASON_PEAK_DAY = (100, 170, 330, 20, 130)  # of the year, by segment
SEASON_SWING = (0.12, 0.45, 0.30, 0.35, 0.15)  # by segment; 0.3: from 70 % to 130 % of the usual

SLOTS = 6  # positions at an account through which it can deal with us
ASSORTMENT = 32  # products that an account buys at most
QUIET_A_WEEK = 0.16 / 52  # the chance that a quiet spell begins
PAUSES = 6  # the dates of the yearly pause differ for so many years
PAUSE_MOVES = 24  # days between the earliest and the latest of these dates

# Draws an account; more than are used, so that a new trait leaves the others as they are.
_UNIFORM, _NORMAL = 16, 12


@dataclass(frozen=True)
class Customers:
    """Traits of accounts; arrays have one row an account, in the order of their numbers."""

    first: int
    size: Floats  # standard score of the logarithm of yearly revenue
    yearly_revenue: Floats  # euros, in a usual year
    segment: Ints
    region: Ints
    opened: Ints  # day since the origin; far below 0 for old accounts
    gap_days: Floats  # usual days between two orders
    regularity: Floats  # shape of the gamma distribution of gaps; 1 is haphazard
    season_swing: Floats
    season_peak: Floats  # day of the year
    lines: Floats  # mean lines of an order, beyond the first
    discount: Floats  # share of the list price
    lead_days: Floats  # promised delivery after the order
    assortment: Ints  # (accounts, ASSORTMENT) products, the favourite first
    assortment_size: Ints
    shares: Floats  # (accounts, SLOTS) of the relationship that rest on each position, sum 1
    roles: Ints  # (accounts, SLOTS)
    touches_a_week: Floats  # in a healthy relationship
    rep_reliance: Floats  # 0-1, of the relationship that rests on our representative
    home: Floats  # the bond to which the relationship heals; 1 is usual
    pause_days: Floats  # without orders in each year; 0 for most
    pause_from: Floats  # (accounts, PAUSES) day of the year on which it begins, by year in turn

    def __len__(self) -> int:
        return len(self.size)

    @property
    def ids(self) -> list[str]:
        """Account ids, by account."""
        return [f"A{number + 1:06d}" for number in range(self.first, self.first + len(self))]

    @property
    def names(self) -> list[str]:
        """Invented names, different for the first 40,000 accounts."""
        return [_name(number) for number in range(self.first, self.first + len(self))]

    @classmethod
    def of(cls, first: int, streams: Streams, calendar: Calendar, world: World) -> Customers:
        """Draws the accounts from `first` on, one for each stream."""
        u = streams.uniform(_UNIFORM).T
        z = streams.normal(_NORMAL).T
        size = z[0]
        segment = choose(u[0], SEGMENT_SHARES)
        gap = np.exp(np.log(world.gap_days) - 0.22 * size + 0.60 * z[1])
        season_peak = np.asarray(SEASON_PEAK_DAY)[segment] + 20 * z[2]
        shortest, longest = world.pause_days
        pause = np.where(u[8] < world.seasonal, shortest + (longest - shortest) * u[9], 0)
        slots = np.minimum(1 + streams.poisson(np.exp(0.1 + 0.35 * size)[:, None])[:, 0], SLOTS)
        return cls(
            first=first,
            size=size,
            yearly_revenue=np.exp(np.log(18_000) + 1.75 * size),
            segment=segment,
            region=(u[1] * len(REGIONS)).astype(np.int64),
            opened=_opened(u[2], u[3], calendar, world),
            gap_days=np.clip(gap, *world.gap_limits),
            regularity=1.2 + 5 * u[4] ** 2,
            season_swing=np.asarray(SEASON_SWING)[segment] * (0.5 + u[5]),
            season_peak=season_peak,
            lines=np.clip(np.exp(np.log(1.2) + 0.25 * size + 0.5 * z[3]), 0.2, 9),
            discount=np.clip(0.06 + 0.04 * size + 0.03 * z[4], 0, 0.3),
            lead_days=2 + np.floor(9 * u[6]),
            assortment=_assortment(streams),
            assortment_size=np.clip(
                np.exp(np.log(9) + 0.4 * size + 0.4 * z[5]), 2, ASSORTMENT
            ).astype(int),
            shares=_shares(slots, streams),
            roles=_roles(streams),
            touches_a_week=np.clip(np.exp(np.log(0.55) + 0.4 * size + 0.4 * z[6]), 0.1, 3),
            rep_reliance=u[7] ** 1.5,
            home=1.0 + 0.2 * z[7],
            pause_days=pause,
            pause_from=(season_peak + 182 - pause / 2 + PAUSE_MOVES * (u[10:16] - 0.5)).T,
        )


def _opened(known: Floats, when: Floats, calendar: Calendar, world: World) -> Ints:
    """Many accounts are there from the beginning; others replace those who leave, and more.

    With the growth g, arrivals rise by g as the number of accounts does; without it they are even.
    """
    span = world.growing * (calendar.day(calendar.end) - calendar.start_day)
    a_day = world.growth / 365
    gained = np.expm1(a_day * span) / a_day if a_day else span  # account days per account
    old_share = 1 / (1 + world.replaced * gained / 365 + a_day * gained)
    old = -np.floor(20 * 365 * when**1.6)
    arrives = np.log1p(a_day * when * gained) / a_day if a_day else when * gained
    new = calendar.start_day + np.floor(arrives)
    return np.where(known < old_share, old, new).astype(np.int64)


def _assortment(streams: Streams) -> Ints:
    """Products of a few liked categories, the best liked first."""
    liked = np.argsort(streams.uniform(len(CATEGORIES)), axis=1)
    how_many = 1 + np.floor(4 * streams.uniform(1))
    which = np.sort(np.floor(how_many * streams.uniform(ASSORTMENT) ** 1.5), axis=1)
    within = np.floor(PRODUCTS_PER_CATEGORY * streams.uniform(ASSORTMENT))
    category = np.take_along_axis(liked, which.astype(np.int64), axis=1)
    # A narrowing buyer drops the last products; a little disorder keeps categories mixed.
    order = np.argsort(which + 0.8 * streams.uniform(ASSORTMENT), axis=1)
    product = category * PRODUCTS_PER_CATEGORY + within.astype(np.int64)
    return np.take_along_axis(product, order, axis=1)


def _shares(slots: Ints, streams: Streams) -> Floats:
    """How the relationship is spread over the positions: evenly, or resting on one of them."""
    weight = np.exp(1.1 * streams.normal(SLOTS))
    weight[np.arange(SLOTS)[None, :] >= slots[:, None]] = 0
    weight = -np.sort(-weight, axis=1)
    share: Floats = weight / weight.sum(axis=1, keepdims=True)
    return share


def _roles(streams: Streams) -> Ints:
    """Positions hold different roles; the first is mostly a buyer's."""
    urge = streams.uniform(len(ROLES))
    urge[:, 0] -= 0.7
    return np.argsort(urge, axis=1)[:, :SLOTS]


# role, department, seniority of the persons who hold it
ROLES = (
    ("buyer", "purchasing", "specialist"),
    ("head of purchasing", "purchasing", "manager"),
    ("maintenance engineer", "operations", "specialist"),
    ("plant manager", "operations", "manager"),
    ("quality engineer", "quality", "specialist"),
    ("accountant", "finance", "specialist"),
    ("managing director", "management", "executive"),
)

_FIRST = (
    "Bal", "Cor", "Dal", "Fen", "Gar", "Hol", "Jor", "Kel", "Lan", "Mer",
    "Nor", "Pol", "Rav", "Sel", "Tol", "Ulm", "Var", "Wen", "Yor", "Zel",
)  # fmt: skip
_LAST = (
    "bek", "dorf", "fors", "gard", "hout", "lund", "mar", "nau",
    "stad", "thal", "vik", "wick",
)  # fmt: skip
_TRADE = (
    "Machine Works", "Foods", "Hydraulics", "Packaging", "Steel", "Timber", "Pumps",
    "Instruments", "Dairy", "Energy", "Builders", "Castings", "Paper", "Ceramics",
    "Printing", "Fittings", "Brewery",
)  # fmt: skip
_FORM = ("GmbH", "AG", "Ltd", "SA", "BV", "AB", "Srl", "SpA", "Oy", "KG")


def _name(number: int) -> str:
    sizes = (len(_FIRST), len(_LAST), len(_TRADE), len(_FORM))
    everything = math.prod(sizes)
    round_number, rest = divmod(number, everything)
    rest = rest * 7919 % everything  # prime to `everything`: a walk that meets each name once
    rest, first = divmod(rest, sizes[0])
    rest, last = divmod(rest, sizes[1])
    form, trade = divmod(rest, sizes[2])
    again = f" {round_number + 1}" if round_number else ""
    return f"{_FIRST[first]}{_LAST[last]} {_TRADE[trade]}{again} {_FORM[form]}"


def quiet_until(begins: Flags, u: Floats) -> Ints:
    """The week in which the quiet spells that have begun by a week are over, 0 before the first.

    In a quiet spell an account buys nothing for reasons of its own, and comes back: a plant that
    is rebuilt, a project that waits, a full store. begins: weeks in which one begins, u: uniform
    draws of how long it lasts; the last axis is the week.
    """
    lasts = 4 + np.floor(20 * u**1.5)
    until = np.where(begins, np.arange(begins.shape[-1]) + lasts, 0).astype(np.int64)
    return np.maximum.accumulate(until, axis=-1)
