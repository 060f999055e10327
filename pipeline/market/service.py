"""What happens to an order after it is placed: delivery, problems, complaints and their handling.

Times are weeks since the origin, `NEVER` where nothing happens. How fast a complaint is handled
depends on the desk and on chance, not on the bond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.market import wear
from pipeline.market.arrays import Flags, Floats, Ints, choose
from pipeline.market.calendar import NEVER
from pipeline.market.chance import Streams, side_by_side
from pipeline.market.customers import Customers
from pipeline.market.wear import Cause, Kind, Push
from pipeline.market.worlds import World

SEVERITIES = ("low", "medium", "high")
SEVERITY_SHARES = (0.40, 0.42, 0.18)
DUE_DAYS = (14.0, 10.0, 5.0)
CATEGORIES = ("quality", "wrong goods", "invoice", "delivery")
CATEGORY_SHARES = (0.45, 0.25, 0.30)

PROBLEM = 0.065  # chance of an order
PROBLEM_WHEN_LATE = 0.25
LEFT_LYING = 0.15  # of the complaints wait many times longer than the desk's usual
FORGOTTEN = 0.04  # are never answered at all
REOPENED = 0.10  # of the solutions do not hold

UNIFORM, NORMAL = 12, 3  # draws that decide the fate of an order
WEEKS_AFTER_THE_END = 60  # so far wear is kept that is to come


def troubled(u: Floats, late: Floats) -> Flags:
    """Which orders come late or have a problem, (orders,); no other takes anything from the bond.

    u, late: as for `Fates.of`.
    """
    return np.asarray((u[:, 0] < late) | (u[:, 2] < PROBLEM), dtype=np.bool_)


@dataclass(frozen=True)
class Fates:
    """What becomes of orders; arrays over the orders.

    pushes: what they take from the bond. severity and category are 0 where there is no complaint.
    """

    promised: Floats
    delivered: Floats
    opened: Floats
    due: Floats
    answered: Floats
    solved: Floats
    reopened: Floats
    solved_again: Floats
    severity: Ints
    category: Ints
    pushes: tuple[Push, ...]

    @classmethod
    def of(
        cls,
        u: Floats,
        z: Floats,
        *,
        at: Floats,
        lead_days: Floats,
        size: Floats,
        voices: Floats,
        late: Floats,
        slowness: Floats,
    ) -> Fates:
        """The fates of orders that are placed at `at`.

        u, z: draws, (orders, UNIFORM) and (orders, NORMAL). lead_days, size: of the customer.
        voices: chance that a problem is brought to us. late: chance of a late delivery.
        slowness: of the service desk.
        """
        promised = at + lead_days / 7
        is_late = u[:, 0] < late
        days_late = np.where(is_late, 1 + np.floor(-6 * np.log1p(-u[:, 1])), 0)
        early = np.minimum(promised - at, 0.3) * u[:, 1]
        delivered = np.where(is_late, promised + days_late / 7, promised - early)
        problem = u[:, 2] < np.where(is_late, PROBLEM_WHEN_LATE, PROBLEM)
        spoken = problem & (u[:, 3] < voices)
        noticed = delivered + (0.3 + 4 * u[:, 4]) / 7
        by_delivery = is_late & (u[:, 5] < 0.7)
        category = np.where(
            by_delivery, CATEGORIES.index("delivery"), choose(u[:, 5], CATEGORY_SHARES)
        )
        # The desk handles the complaint, and the account waits.
        severity = choose(u[:, 6], SEVERITY_SHARES)
        opened = np.where(spoken, noticed, NEVER)
        due = opened + np.asarray(DUE_DAYS)[severity] / 7
        pace = slowness * np.exp(-0.1 * size)
        pace = pace * np.where(u[:, 7] < LEFT_LYING, 5.0, 1.0)
        answered = opened + pace * np.exp(np.log(0.9) + 0.8 * z[:, 0]) / 7
        solved = answered + pace * np.exp(np.log(3.5) + 0.7 * z[:, 1]) / 7
        forgotten = u[:, 8] < FORGOTTEN
        answered[forgotten], solved[forgotten] = NEVER, NEVER
        fails = u[:, 9] < REOPENED
        reopened = np.where(fails, solved + (2 + 12 * u[:, 10]) / 7, NEVER)
        again = np.where(fails, reopened + pace * np.exp(np.log(4) + 0.7 * z[:, 2]) / 7, NEVER)

        weight = np.where(spoken, np.asarray(wear.SEVERITY)[severity], 0)
        in_time = spoken & (solved <= due)
        answer_by = opened + wear.ANSWER_EXPECTED_DAYS / 7
        answer_or_gone = np.minimum(answered, answer_by + wear.PATIENCE_WEEKS)
        solved_or_gone = np.minimum(solved, due + wear.PATIENCE_WEEKS)
        late_delivery = wear.LATE_DELIVERY + wear.LATE_DELIVERY_A_DAY * days_late
        unspoken = np.where(problem & ~spoken, wear.UNSPOKEN_PROBLEM, 0)
        pushes = (
            Push(Kind.LATE_DELIVERY, promised, None, np.where(is_late, late_delivery, 0)),
            Push(Kind.UNSPOKEN_PROBLEM, noticed, None, unspoken),
            Push(Kind.COMPLAINT, opened, None, wear.PROBLEM * weight),
            Push(
                Kind.UNANSWERED_COMPLAINT,
                answer_by,
                answer_or_gone,
                wear.UNANSWERED_A_WEEK * weight,
            ),
            Push(Kind.OVERDUE_COMPLAINT, due, solved_or_gone, wear.OVERDUE_A_WEEK * weight),
            Push(Kind.COMPLAINT, solved, None, np.where(in_time, -wear.SOLVED_IN_TIME * weight, 0)),
            Push(Kind.REOPENED_COMPLAINT, reopened, None, wear.REOPENED * weight),
        )
        return cls(
            promised, delivered, opened, due, answered, solved, reopened, again,
            np.where(spoken, severity, 0), np.where(spoken, category, 0), pushes,
        )  # fmt: skip


class Service:
    """The fate of every order that is placed, and the wear that comes of it.

    Arrays over orders are (accounts, orders). pushes: account, order and what befell it, as it came
    about.
    """

    def __init__(
        self, customers: Customers, orders: Ints, streams: Streams, weeks: int, world: World
    ) -> None:
        accounts, most = len(customers), int(orders.max())
        self._customers, self._world = customers, world
        self._u = side_by_side(streams.uniform_rows(orders, UNIFORM), orders)
        self._z = side_by_side(streams.normal_rows(orders, NORMAL), orders)
        kept = weeks + WEEKS_AFTER_THE_END
        self._wears = {
            cause: wear.Schedule(accounts, kept)
            for cause in (Cause.COMPLAINTS, Cause.UNSPOKEN_PROBLEMS, Cause.LATE_DELIVERIES)
        }
        self.pushes: list[tuple[Ints, Ints, Push]] = []
        never = np.full((accounts, most), NEVER)
        self.promised, self.delivered = never.copy(), never.copy()
        self.opened, self.due = never.copy(), never.copy()
        self.answered, self.solved = never.copy(), never.copy()
        self.reopened, self.solved_again = never.copy(), never.copy()
        self.severity = np.zeros((accounts, most), dtype=np.int64)
        self.category = np.zeros((accounts, most), dtype=np.int64)

    def place(
        self, rows: Ints, order: Ints, at: Floats, bond: Floats, late: Floats, slowness: Floats
    ) -> None:
        """Sends orders on their way; all arguments are arrays over these orders.

        rows, order: where they stand; no account twice. late: chance of a late delivery.
        slowness: of the account's service desk.
        """
        fates = Fates.of(
            self._u[rows, order],
            self._z[rows, order],
            at=at,
            lead_days=self._customers.lead_days[rows],
            size=self._customers.size[rows],
            voices=wear.voices(self._world.in_contacts(bond)),
            late=late,
            slowness=slowness,
        )
        for kept, value in (
            (self.promised, fates.promised), (self.delivered, fates.delivered),
            (self.opened, fates.opened), (self.due, fates.due),
            (self.answered, fates.answered), (self.solved, fates.solved),
            (self.reopened, fates.reopened), (self.solved_again, fates.solved_again),
            (self.severity, fates.severity), (self.category, fates.category),
        ):  # fmt: skip
            kept[rows, order] = value
        for push in fates.pushes:
            self._wears[push.kind.cause].add(rows, push)
            some = push.amount != 0
            self.pushes.append((rows[some], order[some], push.only(some)))

    def take(self, week: int) -> list[Floats]:
        """The wear of a week, by `Cause` 0..2; weeks must be taken one after the other."""
        return [schedule.take(week) for schedule in self._wears.values()]

    def wear_ahead(self, week: int, weeks: int) -> Floats:
        """What the orders placed so far take from the bond from a week on, (accounts, weeks)."""
        weights = self._world.weights
        ahead = [weights[cause] * s.ahead(week, weeks) for cause, s in self._wears.items()]
        wear: Floats = np.sum(ahead, axis=0)
        return wear
