"""What one snapshot sees of one account, and the arithmetic of the references.

Slow and obvious on purpose, and it shares nothing with the engine: no SQL, no windows turned into
ranges, no definition imported. A count is an `int`, a span of time a `timedelta`, anything else a
`float`; unknown and not applicable are None.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import mean, median, pstdev

from worlds import Row, World, midnight

Answer = int | float | timedelta | None
Answers = dict[str, Answer]

DAY = timedelta(days=1)
YEAR = 365
SENIOR = {"manager", "director", "executive"}


class Seen:
    """What one snapshot sees of one account.

    Of every row the newest version known before the snapshot, unless that version deletes it, if
    it happened before the snapshot and counts for the account by the merges known before it.
    """

    def __init__(self, world: World, account: str, as_of: date) -> None:
        self.world, self.account, self.as_of = world, account, as_of
        self.now = midnight(as_of)
        merges = {m["from_id"]: m["into_id"] for m in self._versions(world, "account_merges")}

        def rows(table: str, happened: str) -> list[Row]:
            return [
                row
                for row in self._versions(world, table)
                if row[happened] < self.now and counts_for(row["account_id"], merges) == account
            ]

        self.orders = rows("orders", "occurred_at")
        self.touches = rows("touches", "occurred_at")
        self.complaints = rows("complaints", "opened_at")
        self.departed = {
            rep["rep_id"]
            for rep in self._versions(world, "reps")
            if rep["left_on"] is not None and rep["left_on"] < self.now
        }

    def everyone(self) -> dict[str, Seen]:
        """What the same snapshot sees of every account of the world, by account."""
        accounts = {row["account_id"] for row in self.world["orders"]}
        accounts |= {row["into_id"] for row in self.world["account_merges"]}
        return {account: Seen(self.world, account, self.as_of) for account in sorted(accounts)}

    def _versions(self, world: World, table: str) -> list[Row]:
        key = {
            "orders": lambda row: (row["order_id"], row["line_id"] or id(row)),
            "touches": id,
            "complaints": lambda row: row["complaint_id"],
            "reps": lambda row: row["rep_id"],
            "account_merges": lambda row: row["from_id"],
        }[table]
        known = [row for row in world[table] if row["known_at"] < self.now]
        newest = {key(row): row for row in sorted(known, key=lambda row: row["known_at"])}
        return [row for row in newest.values() if not row["deleted"]]

    def last(self, days: int, rows: Iterable[Row], happened: str = "occurred_at") -> list[Row]:
        """The rows that happened in the last `days` days; exactly so many days ago still counts."""
        return [row for row in rows if self.now - days * DAY <= row[happened] < self.now]

    def before_last(
        self, days: int, rows: Iterable[Row], happened: str = "occurred_at"
    ) -> list[Row]:
        """The rows of as many days before the last `days` days."""
        begin, end = self.now - 2 * days * DAY, self.now - days * DAY
        return [row for row in rows if begin <= row[happened] < end]

    def since(self, moments: Sequence[datetime], pick: Callable[..., datetime]) -> timedelta | None:
        """Time from the last (`pick` is max) or first (min) of the moments; None without any."""
        return self.now - pick(moments) if moments else None

    def stage(self, complaint: Row, name: str) -> datetime | None:
        """When a stage happened; None where it has not, or we do not know of it yet."""
        happened, known = complaint[f"{name}_at"], complaint[f"{name}_known_at"]
        if not complaint[f"{name}_recorded"] or happened is None:
            return None
        return happened if happened < self.now and known < self.now else None


def counts_for(account: str, merges: dict[str, str]) -> str:
    """The account that an account has become part of, or itself."""
    while account in merges:
        account = merges[account]
    return account


def known(answer: Answer, recorded: Collection[object], rows: Collection[object]) -> Answer:
    """The answer; None where there are rows, but none that records what it needs."""
    return answer if recorded or not rows else None


def different(rows: Iterable[Row], column: str) -> set[str]:
    return {row[column] for row in rows if row[column] is not None}


def over(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def change(now: int, before: int) -> float | None:
    return over(now - before, now + before)


def gaps_of(rows: Iterable[Row]) -> list[int]:
    """Days from each day with a row to the next such day, in order."""
    days = sorted({row["occurred_at"].date() for row in rows})
    return [(later - earlier).days for earlier, later in pairwise(days)]


def usual_gap(rows: Iterable[Row]) -> float | None:
    gaps = gaps_of(rows)
    return float(median(gaps)) if gaps else None


def variation(gaps: Sequence[int]) -> float | None:
    """Standard deviation over mean; None under two gaps."""
    return pstdev(gaps) / mean(gaps) if len(gaps) > 1 else None
