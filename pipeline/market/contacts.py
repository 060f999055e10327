"""The persons at an account: they hold positions, leave them, and are replaced or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.market.arrays import Flags, Floats, Ints
from pipeline.market.chance import Streams
from pipeline.market.customers import SLOTS, Customers

LEAVING_PER_YEAR = 0.17  # persons who change jobs
REFILLED = 0.75  # of the positions find a successor who deals with us; the first one always


@dataclass(frozen=True)
class Contacts:
    """Arrays are (accounts, SLOTS, weeks), the last two (accounts, weeks).

    person: number of the holder of the position, from 1. present: there is one to deal with.
    lost: share of the relationship that rested on those who left in the week.
    breadth: how many persons carry the relationship, 1 / sum of squared shares; 0 for none.
    """

    person: Ints
    present: Flags
    lost: Floats
    breadth: Floats

    @classmethod
    def of(cls, customers: Customers, streams: Streams, weeks: int) -> Contacts:
        """Lets the positions of the accounts change hands over the weeks."""
        leaves = streams.uniform(SLOTS, weeks) < LEAVING_PER_YEAR / 52
        vacancy = 2 + np.floor(12 * streams.uniform(SLOTS))
        forever = streams.uniform(SLOTS) >= REFILLED
        forever[:, 0] = False
        vacancy[forever] = weeks
        exists = customers.shares > 0
        leaves &= exists[:, :, None]
        week = np.arange(weeks)
        last_leaving = np.maximum.accumulate(np.where(leaves, week, -10 * weeks), axis=2)
        present = (week - last_leaving >= vacancy[:, :, None]) & exists[:, :, None]
        before = np.roll(present, 1, axis=2)
        before[:, :, 0] = exists
        leaves &= before  # an empty position cannot be left
        carried = customers.shares[:, :, None] * present
        total = carried.sum(axis=1)
        concentration = (carried**2).sum(axis=1)
        breadth = np.divide(
            total**2, concentration, out=np.zeros_like(total), where=concentration > 0
        )
        return cls(
            person=1 + np.cumsum(leaves, axis=2),
            present=present,
            lost=(customers.shares[:, :, None] * leaves).sum(axis=1),
            breadth=breadth,
        )
