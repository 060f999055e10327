"""What calling does, by the coins that decided who is called, or called now.

Accounts are compared as the coin assigned them, whatever was done. The coin is thrown once a year
for each account, so an account counts once a year, by its first list: that decided whether it was
called. Each comparison names the tiers that the coin covers, for it says nothing of the others.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from models.shares import difference
from pipeline.config.form import DELAY, HoldOutConfig
from pipeline.monitoring.plain import figure
from pipeline.scoring.list_status import DELAYED, HELD_OUT, LISTED
from pipeline.tables.tiers import TIERS


def coins(choice: HoldOutConfig, named: pd.DataFrame) -> list[dict[str, Any]]:
    """Compare those who were held out, and those whose call was delayed, with those called at once.

    named: account_id, as_of, list_status, tier, key_account, defected (NaN while not known), oldest
    first. Only what a coin decided is told; differences are of the share that defected, those not
    called, or not yet, less those called.
    """
    year = named["as_of"].dt.year
    first = named.assign(year=year).drop_duplicates(["account_id", "year"])
    if not choice.key_accounts:
        first = first[~first["key_account"].astype(bool)]
    found = []
    for status, tiers in (
        (HELD_OUT, [tier for tier in TIERS if tier != "A" or choice.tier_a is True]),
        (DELAYED, ["A"] if choice.tier_a == DELAY else []),
    ):
        covered = first[first["tier"].isin(tiers)]
        apart = covered[covered["list_status"] == status]
        if apart.empty:
            continue
        called = covered[covered["list_status"] == LISTED]
        one, other = defected(apart), defected(called)
        gap = difference(one["defected"], one["accounts"], other["defected"], other["accounts"])
        found.append(
            {
                "coin": status,
                "tiers": tiers,
                "key_accounts": choice.key_accounts,
                "apart": one,
                "called": other,
                "difference": figure(gap.value),
                "low": figure(gap.low),
                "high": figure(gap.high),
            }
        )
    return found


def defected(rows: pd.DataFrame) -> dict[str, int]:
    """How many have a complete label, and how many of them defected."""
    ripe = rows[rows["defected"].notna()]
    return {"accounts": len(ripe), "defected": int(ripe["defected"].sum())}
