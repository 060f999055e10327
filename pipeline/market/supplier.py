"""Our own side: representatives who come and go, service desks, deliveries that slip.

Accounts are served by seats. A seat is a portfolio of neighbouring accounts; the person on it
changes. Five seats make a team with an inside representative and a service desk of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.market.arrays import Flags, Floats, Ints
from pipeline.market.chance import Whose, stream

ACCOUNTS_PER_SEAT = 40
SEATS_PER_TEAM = 5
REGIONS = ("north", "east", "south", "west", "centre", "export")

LEAVING_PER_YEAR = 0.28
SETTLING_WEEKS = 8  # nobody leaves earlier
VACANT_WEEKS = (3, 14)
GETTING_TO_KNOW_WEEKS = 20  # until a successor knows the portfolio as well as the predecessor did


@dataclass(frozen=True)
class Stay:
    """One person on one seat, from `first_week` to before `left_week` (None: still there).

    recorded_days: after the last day, until our systems know that the person has left.
    """

    rep_id: str
    first_week: int
    left_week: int | None
    recorded_days: int


@dataclass(frozen=True)
class Seats:
    """Several seats over the weeks. Arrays are (seats, weeks).

    serving: index into `stays` of the person on the seat, -1 while vacant.
    closeness: 0-1, how well that person knows the portfolio. departures: somebody left then.
    """

    stays: list[Stay]
    serving: Ints
    closeness: Floats
    departures: Flags

    @classmethod
    def of(cls, seed: int, whose: Whose, letter: str, numbers: range, weeks: int) -> Seats:
        """The seats with these numbers; representatives are called letter, seat, person."""
        stays: list[Stay] = []
        serving = np.full((len(numbers), weeks), -1, dtype=np.int64)
        closeness = np.zeros((len(numbers), weeks))
        departures = np.zeros((len(numbers), weeks), dtype=np.bool_)
        for row, number in enumerate(numbers):
            rng = stream(seed, whose, number)
            begin, person, known_for = 0, 1, GETTING_TO_KNOW_WEEKS
            while begin < weeks:
                left = begin + SETTLING_WEEKS + int(rng.exponential(52 / LEAVING_PER_YEAR))
                here = slice(begin, min(left, weeks))
                age = known_for + np.arange(here.stop - begin)
                serving[row, here] = len(stays)
                closeness[row, here] = np.minimum(1, 0.35 + 0.65 * age / GETTING_TO_KNOW_WEEKS)
                late = int(rng.integers(0, 8))
                rep_id = f"{letter}{number + 1:04d}-{person}"
                stays.append(Stay(rep_id, begin, left if left < weeks else None, late))
                if left < weeks:
                    departures[row, left] = True
                begin, person, known_for = left + int(rng.integers(*VACANT_WEEKS)), person + 1, 0
        return cls(stays, serving, closeness, departures)


@dataclass(frozen=True)
class Level:
    """A level that swings around its usual, by the exponential of a slow wave.

    usual, swing: of the logarithm; memory: weeks over which the past is forgotten; most: its limit.
    """

    usual: float
    swing: float
    memory: float
    most: float = np.inf

    def over(self, whose: Whose, numbers: range, seed: int, weeks: int) -> Floats:
        """The level of these members of the market, (members, weeks)."""
        wave = np.stack([_wave(stream(seed, whose, n), weeks, self.memory) for n in numbers])
        level: Floats = np.minimum(self.most, self.usual * np.exp(self.swing * wave))
        return level

    def later(self, now: Floats, ahead: int, z: Floats) -> Floats:
        """The level so many weeks ahead, given its value now; z: standard normal draws."""
        keep = np.exp(-ahead / self.memory)
        log = keep * np.log(now / self.usual) + self.swing * np.sqrt(1 - keep**2) * z
        level: Floats = np.minimum(self.most, self.usual * np.exp(log))
        return level


SLOWNESS = Level(usual=1.0, swing=0.65, memory=12)  # of a service desk; 3: it drowns
LATE_SHARE = Level(usual=0.07, swing=0.9, memory=10, most=0.6)  # of a region's orders


def desk_slowness(seed: int, teams: range, weeks: int) -> Floats:
    """How slow each team's service desk is, (teams, weeks); 1 is usual, 3 a desk that drowns."""
    return SLOWNESS.over(Whose.DESK, teams, seed, weeks)


def late_share(seed: int, weeks: int) -> Floats:
    """The share of orders that is delivered late, (regions, weeks); depots have bad spells."""
    return LATE_SHARE.over(Whose.REGION, range(len(REGIONS)), seed, weeks)


def _wave(rng: np.random.Generator, weeks: int, memory: float) -> Floats:
    """A slow random wave of unit variance that forgets its past over `memory` weeks."""
    keep = float(np.exp(-1 / memory))
    push = rng.standard_normal(weeks) * np.sqrt(1 - keep**2)
    wave = np.empty(weeks)
    level = float(rng.standard_normal())
    for week in range(weeks):
        level = keep * level + push[week]
        wave[week] = level
    return wave
