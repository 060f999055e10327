"""Who is listed: the accounts that can be called, by expected loss, and why others are not.

Going down the ranking, an account is left out where it is not worth a call, where it rests after an
action of ours, where a coin holds it out, and where those who would call it can call no more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.form import HoldOutConfig, ScoringConfig

LISTED = "listed"
HELD_OUT = "held_out"  # would be listed; a coin says that nobody calls, so that calling is measured
RESTING = "resting"  # acted on lately, and the risk is in no higher band since
WITHOUT_PROFIT = "without_profit"  # a call costs more than there is to save
BEYOND_CAPACITY = "beyond_capacity"

_COIN_BITS = 64


def with_list_status(
    scores: pa.Table, scoring: ScoringConfig, as_of: date, resting: Collection[str]
) -> pa.Table:
    """The ranked scores with `list_status`; resting: ids of the accounts that rest.

    Held-out accounts take no capacity. The same accounts, date and choices give the same list.
    """
    names = ["account_id", "owner_id", "tier", "key_account", "value_at_stake"]
    rows = scores.select(names).to_pylist()
    capacity = _capacity({row["owner_id"] for row in rows}, scoring)
    called: Counter[str | None] = Counter()
    status = []
    for row in rows:
        owner = row["owner_id"]
        if row["value_at_stake"] <= scoring.profit.contact_cost:
            found = WITHOUT_PROFIT
        elif row["account_id"] in resting:
            found = RESTING
        elif called[owner] == capacity or called.total() == scoring.call_capacity:
            found = BEYOND_CAPACITY
        elif _held_out(row, scoring.hold_out, as_of):
            found = HELD_OUT
        else:
            found = LISTED
            called[owner] += 1
        status.append(found)
    place = scores.column_names.index("list_status")
    return scores.set_column(place, "list_status", pa.array(status, pa.string()))


def listed_rows(scores: pa.Table) -> pa.Table:
    """The rows that are listed, in their order."""
    return scores.filter(pc.equal(scores["list_status"], LISTED))


def _capacity(owners: set[str | None], scoring: ScoringConfig) -> int:
    """The accounts that one owner can call; those without an owner are one more owner's.

    All, where nobody's owner is known.
    """
    if owners <= {None}:
        return scoring.call_capacity
    return scoring.capacity_per_owner or ceil(scoring.call_capacity / len(owners))


def _held_out(row: Mapping[str, Any], choice: HoldOutConfig, as_of: date) -> bool:
    """A coin thrown once a calendar year for each account, whoever else is scored.

    So whoever is held out stays so over the horizons that overlap, and is called by no later list
    of the year: two groups that can be compared.
    """
    if (row["key_account"] and not choice.key_accounts) or (
        row["tier"] == "A" and not choice.tier_a
    ):
        return False
    digest = hashlib.sha256(f"{as_of.year} {row['account_id']}".encode()).digest()
    coin = int.from_bytes(digest[: _COIN_BITS // 8], "big") / 2**_COIN_BITS
    return bool(coin < choice.share)
