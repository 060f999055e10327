"""The worlds that a market can be: what differs between them, and nothing else.

A judge that knows one world only rewards whoever has learned that world by heart. Each world
changes some settings of the standard one; the mechanisms are those of `wear`, `life`, `customers`.
Where the sizes come from: docs/decisions/0018-worlds-for-judging.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.errors import UsageError
from pipeline.market import wear
from pipeline.market.arrays import Floats
from pipeline.market.wear import Cause

EFFECTS = {"half": 0.5, "usual": 1.0, "double": 2.0}
HEALTHY = 1.0  # the bond, and the commitment, that a trace shows when it does not follow them


@dataclass(frozen=True)
class World:
    """The settings of a world; the defaults are those of the standard world."""

    name: str
    says: str  # what is particular, for whoever finds the files
    effect: float = 1.0  # multiplies all wear
    wears: tuple[float, ...] = (1.0,) * wear.WORN  # multiplies the wear of each `Cause`, 0..5
    breaking: float = 1.0  # multiplies the chance to leave for want of commitment
    outside_per_year: float = 0.056  # leave for reasons of their own, however good the bond
    offers_per_year: float = 0.9  # of competitors, to one account
    orders_follow: bool = True  # the commitment; else orders stay as they are until the end
    contacts_follow: bool = True  # the bond: touches, and whether a problem is brought to us
    gap_days: float = 22.0  # usual time between two orders of an account of middle size
    gap_limits: tuple[float, float] = (4.0, 80.0)
    replaced: float = 0.19  # accounts that must be replaced in a year to keep the market's size
    growth: float = 0.0  # of the number of accounts in a year: log of the ratio
    growing: float = 1.0  # share of the history in which accounts arrive; then none does
    seasonal: float = 0.0  # share of the accounts that pause for some months in each year
    pause_days: tuple[float, float] = (120.0, 180.0)

    @property
    def weights(self) -> Floats:
        """What multiplies the wear of each `Cause` 0..5, the effect included."""
        return self.effect * np.array(self.wears)

    def in_contacts(self, bond: Floats) -> Floats:
        """The bond as touches and complaints show it."""
        return bond if self.contacts_follow else np.full_like(bond, HEALTHY)

    def in_orders(self, commitment: Floats) -> Floats:
        """The commitment as orders show it."""
        return commitment if self.orders_follow else np.full_like(commitment, HEALTHY)

    def breaks(self, commitment: Floats) -> Floats:
        """The chance to leave within a week for want of commitment."""
        return self.breaking * wear.leaving_hazard(commitment)

    def leaves(self, commitment: Floats) -> Floats:
        """The chance to leave within a week, for whatever reason."""
        stays = (1 - self.breaks(commitment)) * (1 - self.outside_per_year / 52)
        chance: Floats = 1 - stays
        return chance


def _only(**times: float) -> tuple[float, ...]:
    """The wear of the named causes, so many times the usual; the others wear nothing."""
    return tuple(times.get(Cause(cause).name.lower(), 0.0) for cause in range(wear.WORN))


WORLDS = {
    world.name: world
    for world in (
        World("standard", "accounts leave because of what happens between them and the supplier"),
        World(
            "chance",
            "accounts leave by pure chance; nothing that is recorded has to do with it",
            wears=_only(),
            breaking=0.0,
            outside_per_year=0.213,
        ),
        World(
            "decline-first",
            "better offers, which no table shows, draw accounts away; orders decline, and contacts "
            "and complaints show nothing",
            wears=_only(competing_offer=1.85),
            offers_per_year=3.0,
            contacts_follow=False,
        ),
        World(
            "contacts-first",
            "contacts and complaints show first that an account will leave; its orders stay steady "
            "until it leaves",
            orders_follow=False,
        ),
        World(
            "arrivals",
            "more and more accounts arrive, so that the business grows by half in a year; later "
            "none arrives, and it shrinks",
            replaced=0.24,
            growth=float(np.log(1.6)),
            growing=2 / 3,
        ),
        World(
            "rare",
            "an account orders every four months or so",
            wears=(4.0, 4.0, 4.0, 1.0, 1.0, 1.0),
            gap_days=145.0,
            gap_limits=(60.0, 300.0),
        ),
        World(
            "seasonal",
            "many accounts order in a part of the year only and pause for months, each year at "
            "about the same dates",
            seasonal=0.4,
        ),
    )
}


def world_of(name: str, effect: str) -> World:
    """The world of this name with this effect, a key of `EFFECTS`.

    Raises `UsageError` if there is none.
    """
    _check("world", name, WORLDS)
    _check("effect", effect, EFFECTS)
    return replace(WORLDS[name], effect=EFFECTS[effect])


def _check(what: str, value: str, choices: dict[str, World] | dict[str, float]) -> None:
    if value not in choices:
        raise UsageError(f"{what} is {value}; choose one of {', '.join(choices)}")
