"""Orders that are still to come, in several futures of accounts, and the wear they bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import gammaincc, gammainccinv

from pipeline.market import wear
from pipeline.market.arrays import Floats, Ints
from pipeline.market.chance import Streams
from pipeline.market.customers import Customers
from pipeline.market.service import NORMAL, UNIFORM, Fates, troubled
from pipeline.market.supplier import LATE_SHARE, SLOWNESS
from pipeline.market.worlds import World

GAPS = 16  # drawn for each future, used in turn
FATES = 256  # of orders, drawn for each account, used in turn


@dataclass(frozen=True)
class Draws:
    """What chance brings to the accounts of a block: (accounts, futures, ...), u and z by fate."""

    first: Floats
    gaps: Floats
    late: Floats
    slowness: Floats
    u: Floats
    z: Floats

    @classmethod
    def of(cls, streams: Streams, customers: Customers, futures: int) -> Self:
        """Draws them, each account's from its own stream."""
        gaps = np.full(len(customers), futures * GAPS)
        return cls(
            first=streams.uniform(futures),
            gaps=streams.gamma_rows(gaps, customers.regularity).reshape(-1, futures, GAPS),
            late=streams.normal(futures),
            slowness=streams.normal(futures),
            u=streams.uniform(FATES, UNIFORM),
            z=streams.normal(FATES, NORMAL),
        )


class NewOrders:
    """The orders of some accounts from a moment on; arrays over futures are (rows, futures).

    Parameters
    ----------
    rows
        Numbers of the accounts in the block.
    since_order
        What has passed on each account's clock since its last order (an account that has not
        ordered yet: since it opened).
    late, slowness
        Of each account's deliveries and service desk at the moment.
    weeks
        How far it goes, from the week of the moment on; weeks are counted from there.
    """

    def __init__(
        self,
        draws: Draws,
        customers: Customers,
        world: World,
        rows: Ints,
        *,
        since_order: Floats,
        late: Floats,
        slowness: Floats,
        weeks: int,
    ) -> None:
        self._draws, self._customers, self._world, self._rows = draws, customers, world, rows
        self._late, self._slowness = late[:, None], slowness[:, None]
        shape, since = customers.regularity[rows, None], since_order[:, None]
        longer = gammaincc(shape, shape * since) * (1 - draws.first[rows])
        self._remains = gammainccinv(shape, longer) / shape - since  # on the clock, to the next
        self._count = np.zeros(self._remains.shape, dtype=np.int64)
        self._wears = wear.Schedule(self._remains.size, weeks)

    def place(self, week: int, begin: float, pace: Floats, bond: Floats) -> None:
        """Places the orders of a week from `begin` on, at so many orders a week."""
        self._remains -= pace * (week + 1 - begin)
        late = LATE_SHARE.later(self._late, week, self._draws.late[self._rows])
        slowness = SLOWNESS.later(self._slowness, week, self._draws.slowness[self._rows])
        weights = self._world.weights
        while (due := np.nonzero(self._remains <= 0))[0].size:
            account, future, count = self._rows[due[0]], due[1], self._count[due]
            fate = (future * GAPS + count) % FATES
            u = self._draws.u[account, fate]
            some = troubled(u, late[due])
            of, buyer = (due[0][some], future[some]), account[some]
            fates = Fates.of(
                u[some],
                self._draws.z[buyer, fate[some]],
                at=week + 1 + self._remains[of] / pace[of],
                lead_days=self._customers.lead_days[buyer],
                size=self._customers.size[buyer],
                voices=wear.voices(self._world.in_contacts(bond[of])),
                late=late[of],
                slowness=slowness[of],
            )
            place = np.ravel_multi_index(of, self._remains.shape)
            for push in fates.pushes:
                self._wears.add(place, push, weights[push.kind.cause])
            self._remains[due] += self._draws.gaps[account, future, count % GAPS]
            self._count[due] += 1

    def take(self, week: int) -> Floats:
        """The wear of a week, before the cushion; weeks must be taken one after the other."""
        return self._wears.take(week).reshape(self._remains.shape)
