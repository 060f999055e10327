"""Hypothesis strategies: small worlds that dwell on edges.

Times fall exactly on snapshots, exactly on the begin of windows, a second beside them, or
anywhere; rows are known at once, late, long before, or exactly at a snapshot; keys have versions
that change, move or delete what went before; optional columns are sometimes null.

A strategy is made once and not at every draw: hypothesis looks through each new one first.
"""

from __future__ import annotations

import operator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from hypothesis import strategies as st
from laws import FORKS_PER_BATCH, WORLDS_PER_BATCH, Batch, Fork
from worlds import ACCOUNTS, STAGES, Row, World, cut, midnight

from features.contract import TABLES
from features.definition import DEFAULT_WINDOWS

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)

Times = st.SearchStrategy[datetime]

# One at a time, as an engine takes long over many features; tests/parity has several together.
WINDOWS = st.sampled_from([(90,), (365,)])

FIRST_SNAPSHOTS = st.sampled_from([date(2023, 3, 1), date(2023, 12, 31), date(2024, 2, 1)])


@st.composite
def snapshots(draw: st.DrawFn, most: int = 6) -> tuple[date, ...]:
    """One to `most` snapshots: monthly, weekly or irregular."""
    count = draw(st.integers(1, most))
    first = draw(FIRST_SNAPSHOTS)
    months = [date(first.year + n // 12, n % 12 + 1, 1) for n in range(2, 2 + count)]
    weeks = [first + n * 7 * DAY for n in range(count)]
    days = draw(st.lists(st.integers(0, 800), min_size=count, max_size=count, unique=True))
    irregular = [first + day * DAY for day in sorted(days)]
    return tuple(draw(st.sampled_from([months, weeks, irregular])))


@lru_cache(maxsize=8)
def moments(as_ofs: tuple[date, ...]) -> Times:
    """Edges of windows and their neighbouring seconds, and any other time."""
    reach = [0, 1, 14, *(sides * window for window in DEFAULT_WINDOWS for sides in (1, 2))]
    reach += [365 + window for window in DEFAULT_WINDOWS]  # where the same days last year begin
    edges = [midnight(as_of) - days * DAY for as_of in as_ofs for days in reach]
    earliest, latest = midnight(as_ofs[0]) - 760 * DAY, midnight(as_ofs[-1]) + 40 * DAY
    return st.one_of(
        st.sampled_from(edges),
        st.sampled_from([edge + side for edge in edges for side in (-SECOND, SECOND)]),
        st.builds(
            lambda days, seconds: earliest + timedelta(days=days, seconds=seconds),
            st.integers(0, (latest - earliest).days),
            st.sampled_from([0, 36_000, 43_201, 86_399]),
        ),
    )


# From one stamp to the next: mostly none, sometimes long, sometimes backwards.
DELAYS = st.sampled_from(
    [
        timedelta(seconds=round(days * 86_400))
        for days in (0, 0, 0, 1 / 86_400, 0.4, 1, 9, 14, 45, 200, -3)
    ]
)


GOODS = (
    {"product_id": "p1", "category": "tools", "margin_cents": 333},
    {"product_id": "p1", "category": "tools", "margin_cents": -20},
    {"product_id": "p1", "category": "paper", "margin_cents": 333},
    {"product_id": "p2", "category": "tools", "margin_cents": None},
    {"product_id": "p2", "category": None, "margin_cents": 0},
    {"product_id": None, "category": "paper", "margin_cents": 50},
)
QUANTITIES = (None, 0, 1, 1, 1, 3, 12, 100, 10**6, -1, "0.5", "0.333333", "0.000001")


def order_rows(accounts: tuple[str, ...], times: Times) -> st.SearchStrategy[Row]:
    """One order line; few order ids, so that orders have several lines, on several days too."""
    return st.builds(
        lambda account, order, occurred, amount, goods, quantity, stamps: {
            "account_id": account,
            "order_id": order,
            "occurred_at": occurred,
            "amount_cents": amount,
            "quantity": None if quantity is None else Decimal(quantity),
            **goods,
            **stamps,
        },
        st.sampled_from(accounts),
        st.sampled_from(["o1", "o2", "o3", "o4", "o5"]),
        times,
        st.sampled_from([1, 1999, 10_000, 10_000, 7, 0, -1999, -10_000]),
        st.sampled_from(GOODS),
        st.sampled_from(QUANTITIES),
        deliveries(times),
    )


ASIDE = st.sampled_from(
    [timedelta(seconds=s) for s in (0, 0, -1, 1, 43_200, -86_400, 3 * 86_400, 60 * 86_400)]
)


def deliveries(times: Times) -> st.SearchStrategy[Row]:
    """A promise and a delivery, either of them or none; often the delivery is exactly on time."""
    perhaps = st.none() | times
    promised_before = st.none() | ASIDE | ASIDE | times

    @st.composite
    def delivery(draw: st.DrawFn) -> Row:
        promised = draw(perhaps)
        if promised is None:
            return {"promised_at": None, "delivered_at": draw(perhaps)}
        delivered = draw(promised_before)
        if isinstance(delivered, timedelta):
            delivered += promised
        return {"promised_at": promised, "delivered_at": delivered}

    return delivery()


PEOPLE = (
    {"contact_id": "c1", "role": "buyer", "department": "purchasing", "seniority": "manager"},
    {"contact_id": "c1", "role": "engineer", "department": None, "seniority": None},
    {"contact_id": "c2", "role": "buyer", "department": "plant", "seniority": "Director"},
    {"contact_id": "c2", "role": None, "department": "plant", "seniority": "staff"},
    {"contact_id": "c3", "role": None, "department": None, "seniority": None},
    {"contact_id": "c4", "role": "owner", "department": None, "seniority": "executive"},
)
WAYS = (
    {"initiated_by": None, "channel": None},
    {"initiated_by": "account", "channel": "visit"},
    {"initiated_by": "us", "channel": "Visit"},
    {"initiated_by": "us", "channel": "call"},
)
REPS = ("r1", "r2", "r3", "r4")


def touch_rows(accounts: tuple[str, ...], times: Times) -> st.SearchStrategy[Row]:
    """One touch."""
    return st.builds(
        lambda account, person, rep, occurred, way: (
            {"account_id": account, "rep_id": rep, "occurred_at": occurred} | way | person
        ),
        st.sampled_from(accounts),
        st.sampled_from(PEOPLE),
        st.sampled_from(REPS),
        times,
        st.sampled_from(WAYS),
    )


SUBJECTS = (
    {"category": None, "product_id": "p1"},
    {"category": "delivery", "product_id": None},
    {"category": "quality", "product_id": "p1"},
    {"category": "quality", "product_id": "p2"},
)


SUBJECT = st.sampled_from(SUBJECTS)
SEVERITY = st.sampled_from([None, "low", "Medium", "high", "CRITICAL", "urgent"])
REACHED = st.sampled_from([(), STAGES[:1], STAGES[1:2], STAGES[:2], STAGES])
DUE = st.sampled_from(["none", "long", "short", "when the last stage happens"])
UNRECORDED = st.sampled_from([(), (), (), (), STAGES, STAGES[:1], STAGES[1:]])


def complaint_rows(accounts: tuple[str, ...], times: Times) -> st.SearchStrategy[Row]:
    """One complaint with any combination of stages, recorded or not."""
    account = st.sampled_from(accounts)

    @st.composite
    def complaint(draw: st.DrawFn) -> Row:
        opened = draw(times)
        row = {
            "account_id": draw(account),
            "opened_at": opened,
            **draw(SUBJECT),
            "severity": draw(SEVERITY),
        }
        stamps = [opened]
        for stage in draw(REACHED):
            stamp = stamps[-1] + draw(DELAYS)
            stamps.append(stamp)
            row |= {f"{stage}_at": stamp, f"{stage}_known_at": stamp + draw(DELAYS)}
        due = draw(DUE)
        if due != "none":
            row["due_at"] = {"long": opened + 30 * DAY, "short": opened + DAY}.get(due, stamps[-1])
        return row | {f"{stage}_recorded": False for stage in draw(UNRECORDED)}

    return complaint()


STORIES = st.sampled_from(
    [
        (),
        (),
        ("undated",),
        ("left",),
        ("here", "left"),
        ("left", "here"),
        ("left", "gone"),
        ("left", "left", "here"),
    ]
)
# How long before the last day a leaving is known.
NOTICE = st.sampled_from([timedelta(days=-30), timedelta(days=-90)])
KNOWN_BEFORE_OR_AFTER = DELAYS | NOTICE


@st.composite
def rep_versions(draw: st.DrawFn, times: Times, known: Times | None = None) -> list[Row]:
    """Representatives: who leaves, comes back, is taken off the list, or is still here.

    Their leaving is known when it happens, late or long before; known: when all of it is.
    """
    found: list[Row] = []
    for rep in REPS:
        versions: list[Row] = []
        for event in draw(STORIES):
            left = draw(times)
            row: Row = {"rep_id": rep, "left_on": None if event == "here" else left}
            if event != "undated" or known is not None:
                late = left + draw(KNOWN_BEFORE_OR_AFTER)
                row["known_at"] = late if known is None else draw(known)
                while any(row["known_at"] == version["known_at"] for version in versions):
                    row["known_at"] += DAY
            versions.append(row | {"deleted": event == "gone"})
        found += versions
    return found


CHANGES = st.sampled_from([(), (), (), ("other",), ("some", "gone"), ("gone",)])


@st.composite
def histories(
    draw: st.DrawFn,
    rows: st.SearchStrategy[Row],
    happened: str,
    key: str,
    most: int,
) -> list[Row]:
    """Rows under keys of their own; some with later versions that differ, move or delete."""
    history: list[Row] = []
    for number, first in enumerate(draw(_lists(rows, most))):
        row = first | {key: f"k{number}", "known_at": first[happened] + draw(DELAYS)}
        versions = [row]
        for change in draw(CHANGES):
            known = versions[-1]["known_at"] + draw(DELAYS)
            if any(known == version["known_at"] for version in versions):
                known = max(version["known_at"] for version in versions) + DAY
            changed = dict(versions[-1]) if change == "gone" else row | draw(rows)
            if change == "some":
                changed[happened] = row[happened]
            versions.append(changed | {"known_at": known, "deleted": change == "gone"})
        history += versions
    return history


def _lists(rows: st.SearchStrategy[Row], most: int) -> st.SearchStrategy[list[Row]]:
    """Any number of rows up to `most`, and often many."""
    return st.lists(rows, max_size=most) | st.lists(rows, min_size=most - 2, max_size=most)


TAKEN_BACK = st.sampled_from([(), (), (False,), (False, False), (False, True)])
BETWEEN_MERGES = st.sampled_from([SECOND, DAY, 60 * DAY])


@st.composite
def merges(draw: st.DrawFn, accounts: tuple[str, ...], times: Times) -> list[Row]:
    """Accounts that become part of later ones, some taken back or sent elsewhere."""
    found = []
    for number, account in enumerate(accounts[:-1]):
        kinds = draw(TAKEN_BACK)
        known = draw(times)
        for deleted in kinds:
            into = draw(st.sampled_from(accounts[number + 1 :]))
            found.append(
                {"from_id": account, "into_id": into, "known_at": known, "deleted": deleted}
            )
            known += draw(BETWEEN_MERGES)
    return found


HOW_MANY_ACCOUNTS = st.sampled_from([1, 1, 2, 2, 3, len(ACCOUNTS)])
BEATS = st.sampled_from([0, 1, 15, 30, 45])  # days from one moment to the next
LATER = st.sampled_from([timedelta(), timedelta(), SECOND, timedelta(hours=7), DAY])


@st.composite
def worlds(
    draw: st.DrawFn,
    tables: frozenset[str],
    as_ofs: tuple[date, ...],
    *,
    merging: bool,
) -> World:
    """One to six accounts with rows in `tables`; LookupError where rows cannot be drawn."""
    if unknown := tables - {"orders", "touches", "complaints", "reps"}:
        raise LookupError(f"draw rows of {', '.join(unknown)} here, then the laws hold for them")
    accounts = ACCOUNTS[: draw(HOW_MANY_ACCOUNTS)]
    pool = draw(st.lists(moments(as_ofs), min_size=4, max_size=8))
    beat, until = draw(BEATS), midnight(draw(st.sampled_from(as_ofs)))
    pool += [until - number * beat * DAY for number in range(1, 6) if beat]  # a rhythm, or none
    times = st.builds(  # few moments for many rows, so that rows share days and seconds
        operator.add,
        st.sampled_from(pool),
        LATER,
    )
    world: World = {}
    if "orders" in tables:
        lines = order_rows(accounts, times)
        world["orders"] = draw(histories(lines, "occurred_at", "line_id", most=12))
        _versions_share_their_order(world["orders"])
    if "touches" in tables:
        touches = draw(_lists(touch_rows(accounts, times), 12))
        world["touches"] = [
            touch | {"known_at": touch["occurred_at"] + draw(DELAYS)} for touch in touches
        ]
    if "complaints" in tables:
        cases = complaint_rows(accounts, times)
        world["complaints"] = draw(histories(cases, "opened_at", "complaint_id", most=8))
    if "reps" in tables:
        world["reps"] = draw(rep_versions(times))
    if merging:
        world["account_merges"] = draw(merges(accounts, times))
    return world


def _versions_share_their_order(lines: list[Row]) -> None:
    order_of: dict[str, str] = {}
    for line in lines:
        line["order_id"] = order_of.setdefault(line["line_id"], line["order_id"])


@st.composite
def forks(draw: st.DrawFn, tables: frozenset[str], size: int = FORKS_PER_BATCH) -> Fork:
    """A batch, one of its snapshots, and a second future from there for each world."""
    batch = draw(batches(tables, size))
    moment = draw(st.sampled_from(batch.as_ofs))
    pasts = [cut(world, midnight(moment)) for world in batch.worlds]
    others = [draw(futures(past, tables, batch.as_ofs, midnight(moment))) for past in pasts]
    return Fork(batch.as_ofs, batch.worlds, moment, others)


@st.composite
def futures(
    draw: st.DrawFn,
    past: World,
    tables: frozenset[str],
    as_ofs: tuple[date, ...],
    moment: datetime,
) -> World:
    """`past`, which ends before `moment`, with a future of its own, as wild as can be.

    Everything added is known at or after `moment`, however long ago it says it happened: new rows,
    versions that change or delete what there was, stages of open complaints, merges.
    """
    times = moments(as_ofs)
    late = st.sampled_from([0, 0, 1, 86_400, 99 * 86_400]).map(
        lambda seconds: moment + timedelta(seconds=seconds)
    )
    rows = {
        "orders": order_rows(ACCOUNTS, times).map(lambda row: row | {"amount_cents": 10**12}),
        "touches": touch_rows(ACCOUNTS, times),
        "complaints": complaint_rows(ACCOUNTS, times),
    }
    future: World = {}
    for table, before in past.items():
        future[table] = [dict(row) for row in before]
        if table == "account_merges":
            ended = {row["from_id"] for row in before}
            found = draw(merges(ACCOUNTS, late))
            future[table] += [row for row in found if row["from_id"] not in ended]
            continue
        if table not in tables:
            continue
        if table == "reps":
            future[table] += draw(rep_versions(times, late))
            continue
        for number in range(draw(st.integers(0, 3))):
            new = draw(rows[table]) | {"known_at": draw(late)}
            future[table].append(new | dict.fromkeys(TABLES[table].key[-1:], f"n{number}"))
        for row in _newest(table, before):
            if draw(st.booleans()):
                again = {column: row[column] for column in TABLES[table].key}
                change = {"known_at": draw(late), "deleted": draw(st.booleans())}
                future[table].append(draw(rows[table]) | again | change)
    for line in future.get("orders", []):
        if line.get("delivered_at") is None and draw(st.booleans()):
            line["delivered_at"] = draw(late)  # a delivery is known as soon as it happens
    for case in future.get("complaints", []):
        for stage in STAGES:
            if case.get(f"{stage}_at") is None and draw(st.booleans()):
                case |= {f"{stage}_at": draw(times), f"{stage}_known_at": draw(late)}
    return future


def _newest(table: str, rows: list[Row]) -> list[Row]:
    """The current version of every key; none where rows have no key."""
    key = TABLES[table].key
    return list({tuple(row[column] for column in key): row for row in rows}.values()) if key else []


@st.composite
def batches(
    draw: st.DrawFn,
    tables: frozenset[str],
    size: int = WORLDS_PER_BATCH,
    most: int = 6,
    merging: bool | None = None,
) -> Batch:
    """About `size` worlds and the snapshots to look at them from, `most` of them.

    merging: whether accounts are merged; drawn where None.
    """
    as_ofs = draw(snapshots(most))
    some = draw(st.booleans()) if merging is None else merging
    one = worlds(tables, as_ofs, merging=some)
    return Batch(as_ofs, draw(st.lists(one, min_size=size - 2, max_size=size + 2)))
