"""What happens to an order after it is placed: delivery, problems, complaints and their handling.

Arrays over orders are (accounts, orders); times are weeks since the origin, `NEVER` where nothing
happens. How fast a complaint is handled depends on the desk and on chance, not on the bond.
"""

from __future__ import annotations

import numpy as np

from pipeline.market import wear
from pipeline.market.arrays import Floats, Ints, choose
from pipeline.market.calendar import NEVER
from pipeline.market.chance import Streams, side_by_side
from pipeline.market.customers import Customers

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

_UNIFORM, _NORMAL = 12, 3


class Service:
    """The fate of every order that is placed, and the wear that comes of it."""

    def __init__(self, customers: Customers, orders: Ints, streams: Streams, weeks: int) -> None:
        accounts, most = len(customers), int(orders.max())
        self._customers = customers
        self._u = side_by_side(streams.uniform_rows(orders, _UNIFORM), orders)
        self._z = side_by_side(streams.normal_rows(orders, _NORMAL), orders)
        self.from_complaints = wear.Schedule(accounts, weeks)
        self.from_unspoken = wear.Schedule(accounts, weeks)
        self.from_deliveries = wear.Schedule(accounts, weeks)
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
        u, z = self._u[rows, order], self._z[rows, order]
        promised = at + self._customers.lead_days[rows] / 7
        is_late = u[:, 0] < late
        days_late = np.where(is_late, 1 + np.floor(-6 * np.log1p(-u[:, 1])), 0)
        early = np.minimum(promised - at, 0.3) * u[:, 1]
        delivered = np.where(is_late, promised + days_late / 7, promised - early)
        self.promised[rows, order] = promised
        self.delivered[rows, order] = delivered
        self.from_deliveries.once(
            rows,
            promised,
            np.where(is_late, wear.LATE_DELIVERY + wear.LATE_DELIVERY_A_DAY * days_late, 0),
        )
        problem = u[:, 2] < np.where(is_late, PROBLEM_WHEN_LATE, PROBLEM)
        spoken = problem & (u[:, 3] < wear.voices(bond))
        silent = problem & ~spoken
        noticed = delivered + (0.3 + 4 * u[:, 4]) / 7
        self.from_unspoken.once(
            rows[silent], noticed[silent], np.full(silent.sum(), wear.UNSPOKEN_PROBLEM)
        )
        if spoken.any():
            category = np.where(
                is_late & (u[:, 5] < 0.7), CATEGORIES.index("delivery"),
                choose(u[:, 5], CATEGORY_SHARES),
            )  # fmt: skip
            self.category[rows, order] = category
            self._complain(
                rows[spoken], order[spoken], noticed[spoken], u[spoken], z[spoken], slowness[spoken]
            )

    def wear_ahead(self, week: int, weeks: int) -> Floats:
        """What the orders placed so far take from the bond from a week on, (accounts, weeks)."""
        schedules = (self.from_complaints, self.from_unspoken, self.from_deliveries)
        wear: Floats = np.sum([schedule.ahead(week, weeks) for schedule in schedules], axis=0)
        return wear

    def _complain(
        self, rows: Ints, order: Ints, opened: Floats, u: Floats, z: Floats, slowness: Floats
    ) -> None:
        """Lets the desk handle complaints, and the account wait."""
        severity = choose(u[:, 6], SEVERITY_SHARES)
        due = opened + np.asarray(DUE_DAYS)[severity] / 7
        pace = slowness * np.exp(-0.1 * self._customers.size[rows])
        pace = pace * np.where(u[:, 7] < LEFT_LYING, 5.0, 1.0)
        answered = opened + pace * np.exp(np.log(0.9) + 0.8 * z[:, 0]) / 7
        solved = answered + pace * np.exp(np.log(3.5) + 0.7 * z[:, 1]) / 7
        forgotten = u[:, 8] < FORGOTTEN
        answered[forgotten], solved[forgotten] = NEVER, NEVER
        fails = u[:, 9] < REOPENED
        reopened = np.where(fails, solved + (2 + 12 * u[:, 10]) / 7, NEVER)
        again = np.where(fails, reopened + pace * np.exp(np.log(4) + 0.7 * z[:, 2]) / 7, NEVER)

        weight = np.asarray(wear.SEVERITY)[severity]
        wears = self.from_complaints
        wears.once(rows, opened, wear.PROBLEM * weight)
        answer_by = opened + wear.ANSWER_EXPECTED_DAYS / 7
        patience = answer_by + wear.PATIENCE_WEEKS
        answer_or_gone = np.minimum(answered, patience)
        wears.lasting(rows, answer_by, answer_or_gone, wear.UNANSWERED_A_WEEK * weight)
        solved_or_gone = np.minimum(solved, due + wear.PATIENCE_WEEKS)
        wears.lasting(rows, due, solved_or_gone, wear.OVERDUE_A_WEEK * weight)
        wears.once(rows, solved, np.where(solved <= due, -wear.SOLVED_IN_TIME * weight, 0))
        wears.once(rows, reopened, wear.REOPENED * weight)

        for kept, value in (
            (self.opened, opened), (self.due, due), (self.answered, answered),
            (self.solved, solved), (self.reopened, reopened), (self.solved_again, again),
        ):  # fmt: skip
            kept[rows, order] = value
        self.severity[rows, order] = severity
