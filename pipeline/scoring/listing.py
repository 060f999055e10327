"""Who is listed: the accounts that can be called, on which list, and why others are not.

Active accounts can be kept, departed ones won back. Going down the ranking of each list, an account
is left out where it buys for single projects only, where it is not worth a call, where it rests
after an action of ours, where a coin holds it out or delays its call, and where those who would
call it can call no more.

Where capacity is counted by calendar month, for nightly lists, a list names only accounts that no
list has named in the month, nor within the rest after a call. The month's capacity is spread over
its days; only a key account that has just departed does not wait for its day.
"""

from __future__ import annotations

import hashlib
from calendar import monthrange
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.form import DELAY, MONTH, HoldOutConfig, ScoringConfig
from pipeline.scoring.earlier import NO_LISTS, EarlierLists
from pipeline.scoring.list_status import (
    BEYOND_CAPACITY,
    DELAYED,
    HELD_OUT,
    KEEP,
    LISTED,
    LISTED_LATELY,
    NO_LIST,
    ONE_OFF,
    RESTING,
    WIN_BACK,
    WITHOUT_PROFIT,
)

KEEP_SHARE = 0.9  # of the capacity; what one list cannot fill goes to the other
LEAST_FOR_BOTH = 5  # capacity from which on at least one departed account is called

_COIN_BITS = 64


def with_list_status(
    scores: pa.Table,
    scoring: ScoringConfig,
    as_of: date,
    resting: Collection[str],
    *,
    earlier: EarlierLists = NO_LISTS,
    one_off: Collection[str] = (),
) -> pa.Table:
    """The ranked scores with list, rank_in_list, list_status and newly_departed.

    resting: ids of the accounts that rest; earlier: whom earlier lists named; one_off: ids of the
    accounts that are on no list. Held-out and delayed accounts take no capacity. The same accounts,
    date, choices and earlier lists give the same lists.
    """
    names = ["account_id", "owner_id", "tier", "key_account", "call_value", "crossed_on"]
    rows = scores.select(names).to_pylist()
    of_list = {
        KEEP: [place for place, row in enumerate(rows) if row["crossed_on"] is None],
        WIN_BACK: [place for place, row in enumerate(rows) if row["crossed_on"] is not None],
    }
    newly = [_newly_departed(row, earlier.since) for row in rows]
    urgent = [place for place in of_list[WIN_BACK] if newly[place] and rows[place]["key_account"]]
    of_owner = _capacity({row["owner_id"] for row in rows}, scoring)
    called = Counter(named.owner_id for named in earlier.of_month.values())
    status = [BEYOND_CAPACITY] * len(rows)

    def go_down(places: Sequence[int], most: int, named: Collection[str]) -> int:
        """List so many accounts more, but none of those named; return how many there were."""
        listed = 0
        for place in places:
            row, owner = rows[place], rows[place]["owner_id"]
            if status[place] == LISTED:
                continue
            if row["account_id"] in one_off:
                status[place] = ONE_OFF
            elif row["call_value"] <= scoring.profit.contact_cost:
                status[place] = WITHOUT_PROFIT
            elif row["account_id"] in resting:
                status[place] = RESTING
            elif row["account_id"] in named:
                status[place] = LISTED_LATELY
            elif called[owner] < of_owner and listed < most:
                apart = _apart(row, scoring.hold_out, as_of)
                if apart and not (apart == DELAYED and row["account_id"] in earlier.named):
                    status[place] = apart
                else:
                    status[place] = LISTED
                    called[owner] += 1
                    listed += 1
        return listed

    capacity, before, named = scoring.call_capacity, len(earlier.of_month), earlier.lately
    if scoring.capacity_per == MONTH:
        named = named | earlier.of_month.keys()
        urgently = go_down(urgent, capacity - before, ())
        capacity = ceil(capacity * as_of.day / monthrange(as_of.year, as_of.month)[1])
        before += urgently
        of_win_back = sum(one.list == WIN_BACK for one in earlier.of_month.values()) + urgently
    else:
        of_win_back = 0
    free = max(capacity - before, 0)
    to_win_back = min(max(win_back_capacity(capacity) - of_win_back, 0), free)
    kept = go_down(of_list[KEEP], free - to_win_back, named)
    won_back = go_down(of_list[WIN_BACK], free - kept, named)
    go_down(of_list[KEEP], free - kept - won_back, named)

    lists = [NO_LIST] * len(rows)
    ranks: list[int | None] = [None] * len(rows)
    for name, places in of_list.items():
        listed = [place for place in places if status[place] == LISTED]
        for number, place in enumerate(listed, start=1):
            lists[place], ranks[place] = name, number
    columns = {
        "list": pa.array(lists, pa.string()),
        "rank_in_list": pa.array(ranks, pa.int32()),
        "list_status": pa.array(status, pa.string()),
        "newly_departed": pa.array(newly, pa.bool_()),
    }
    for name, values in columns.items():
        scores = scores.set_column(scores.column_names.index(name), name, values)
    return scores


def win_back_capacity(capacity: int) -> int:
    """The calls that departed accounts get at least, if there are so many of them.

    >>> [win_back_capacity(calls) for calls in (4, 5, 200)]
    [0, 1, 20]
    """
    share = capacity - round(KEEP_SHARE * capacity)
    return max(share, 1) if capacity >= LEAST_FOR_BOTH else 0


def listed_rows(scores: pa.Table, of_list: str | None = None) -> pa.Table:
    """The rows that are listed, on one list or on any, in their order."""
    if of_list is not None:
        return scores.filter(pc.equal(scores["list"], of_list))
    return scores.filter(pc.equal(scores["list_status"], LISTED))


def _newly_departed(row: Mapping[str, Any], since: date | None) -> bool | None:
    """Whether an account's patience ended after the list before; None for no such list or end.

    An account is departed at a snapshot from the day on which its patience ends.
    """
    if row["crossed_on"] is None or since is None:
        return None
    return bool(row["crossed_on"] > since)


def _capacity(owners: set[str | None], scoring: ScoringConfig) -> int:
    """The accounts that one owner can call; those without an owner are one more owner's.

    All, where nobody's owner is known.
    """
    if owners <= {None}:
        return scoring.call_capacity
    return scoring.capacity_per_owner or ceil(scoring.call_capacity / len(owners))


def _apart(row: Mapping[str, Any], choice: HoldOutConfig, as_of: date) -> str:
    """What a coin, thrown once a calendar year for each account, does with its call, if anything.

    Whoever else is scored, it falls the same. So whoever is held out stays so over the horizons
    that overlap, and is called by no later list of the year: two groups that can be compared.
    """
    if row["key_account"] and not choice.key_accounts:
        return ""
    if row["tier"] == "A" and not choice.tier_a:
        return ""
    digest = hashlib.sha256(f"{as_of.year} {row['account_id']}".encode()).digest()
    coin = int.from_bytes(digest[: _COIN_BITS // 8], "big") / 2**_COIN_BITS
    if coin >= choice.share:
        return ""
    return DELAYED if row["tier"] == "A" and choice.tier_a == DELAY else HELD_OUT
