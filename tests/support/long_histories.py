"""Order histories of several years, for what depends on gaps, pauses and seasons.

The worlds of `generated` dwell on the edges of one snapshot; these have rhythms: quick and slow
buyers, seasons, pauses, orders known late, moved or deleted, accounts merged and parted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random

from hypothesis import strategies as st
from laws import Batch, Fork
from worlds import ACCOUNTS, Row, World, cut, midnight

START = datetime(2020, 1, 1)
DAYS = 1500  # from the start, in which orders are placed
DAY = timedelta(days=1)

GAPS = {
    "quick": (1, 5, 10, 20, 40, 90),
    "slow": tuple(range(60, 330)),
    "seasonal": (7, 10, 14),
    "mixed": (2, 30, 120, 400),
}


def long_history(random: Random, merging: bool = True) -> World:
    """The orders of six accounts over up to four years; some that merge, unless not `merging`."""
    orders = [row for account in ACCOUNTS for row in _orders(random, account)]
    return {"orders": orders, "account_merges": _merges(random) if merging else []}


def _orders(random: Random, account: str) -> list[Row]:
    kind = random.choice(sorted(GAPS))
    at = START + timedelta(days=random.randrange(200), hours=random.randrange(24))
    end = START + random.randrange(300, DAYS) * DAY
    migrated = START + random.randrange(DAYS) * DAY if random.random() < 0.1 else START
    rows: list[Row] = []
    while at < end:
        known = max(at if random.random() < 0.85 else at + _delay(random), migrated)
        row: Row = {
            "account_id": account,
            "order_id": f"{account}{len(rows)}",
            "line_id": "1",
            "occurred_at": at,
            "known_at": known,
            "amount_cents": 100 if random.random() < 0.97 else -5,
        }
        rows.append(row)
        if random.random() < 0.06:
            rows.append(_other_version(random, row))
        at += random.choice(GAPS[kind]) * DAY
        if kind == "seasonal" and not 3 <= at.month <= 7:
            at = datetime(at.year + (at.month > 7), 3, 1) + random.randrange(25) * DAY
    return rows


def _other_version(random: Random, row: Row) -> Row:
    """A later version: deleted, moved by some days, or the same."""
    known = row["known_at"] + timedelta(days=random.choice([0, 1, 20, 300]), seconds=5)
    moved = row["occurred_at"] + random.choice([0, 0, -9, 9, 60]) * DAY
    return {**row, "occurred_at": moved, "known_at": known, "deleted": random.random() < 0.7}


def _delay(random: Random) -> timedelta:
    return timedelta(days=random.choice([0, 1, 3, 30, 200]), hours=random.randrange(24))


def _merges(random: Random) -> list[Row]:
    """A into B, perhaps for some time only, and B perhaps into C."""
    if random.random() < 0.3:
        return []
    known = START + random.randrange(DAYS) * DAY
    rows: list[Row] = [{"from_id": "A", "into_id": "B", "known_at": known}]
    if random.random() < 0.5:
        rows.append({**rows[0], "known_at": known + 100 * DAY, "deleted": True})
    if random.random() < 0.5:
        rows.append({"from_id": "B", "into_id": "C", "known_at": known + 50 * DAY})
    return rows


def some_days(random: Random, count: int) -> tuple[date, ...]:
    """Snapshots among the histories, in order."""
    days = random.sample(range(180, DAYS), count)
    return tuple(START.date() + day * DAY for day in sorted(days))


@st.composite
def long_batches(draw: st.DrawFn, size: int, snapshots: int = 6, merging: bool = True) -> Batch:
    """`size` worlds and the snapshots to look at them from."""
    random = draw(_randoms())
    return Batch(some_days(random, snapshots), [long_history(random, merging) for _ in range(size)])


@st.composite
def long_forks(draw: st.DrawFn, size: int, snapshots: int = 6) -> Fork:
    """A batch, one of its snapshots, and another future from there for each world."""
    random = draw(_randoms())
    as_ofs = some_days(random, snapshots)
    worlds = [long_history(random) for _ in range(size)]
    moment = random.choice(as_ofs[1:])
    others = [_another_future(random, world, moment) for world in worlds]
    return Fork(as_ofs, worlds, moment, others)


def _randoms() -> st.SearchStrategy[Random]:
    """Seeded; hypothesis could not make a history of years smaller anyway."""
    return st.integers(0, 2**32 - 1).map(Random)


def _another_future(random: Random, world: World, moment: date) -> World:
    """What was known before the moment, then orders, deletions and merges that are made up."""
    now = midnight(moment)
    orders = cut(world, now)["orders"]
    merges = [row for row in world["account_merges"] if row["known_at"] < now]

    def late() -> datetime:
        return now + timedelta(seconds=random.choice([0, 1, 86_400, 9_000_000]))

    newest = list({row["order_id"]: row for row in _by_known(orders)}.values())
    for row in newest:
        if random.random() < 0.3:
            orders.append({**row, "known_at": late(), "deleted": random.random() < 0.8})
    for number in range(40):
        orders.append(
            {
                "account_id": random.choice(ACCOUNTS),
                "order_id": f"new{number}",
                "line_id": "1",
                "occurred_at": START + random.randrange(DAYS) * DAY,
                "known_at": late(),
                "amount_cents": 100,
            }
        )
    if not any(row["from_id"] == "D" for row in merges):
        merges.append({"from_id": "D", "into_id": "E", "known_at": late()})
    return {"orders": orders, "account_merges": merges}


def _by_known(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["known_at"])
