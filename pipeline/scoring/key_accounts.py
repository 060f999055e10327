"""Key accounts: the few whose loss would hurt, and those that only look like them.

An account is looked at where it is among those that together bring the first part of all profit, or
of all revenue. It is a key account if it brings that profit, has been with us long, orders steadily
and does not shrink. If not, it is a false one, and it is said why: a single bulk order, volume
without profit, a margin eaten by concessions, or what it lacks. Criteria: `scoring.key_accounts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.expressions import DAYS_PER_YEAR
from features.order_history import order_lines, spend
from features.values import Count, LargestSum, Value
from models.value_at_stake import Traded
from pipeline.config.form import KeyAccountConfig
from pipeline.tables.tiers import share_before
from pipeline.tables.trade import past_of

QUARTER_DAYS = 91
_QUARTERS = [f"shown_lines_{quarter}_quarters_ago" for quarter in range(4)]

Floats = npt.NDArray[np.float64]
_Reason = tuple[npt.NDArray[np.bool_], Callable[[int], str]]  # where it holds, and what it says


def key_account_values() -> dict[str, Value]:
    """What is asked of an account besides what it traded, under names that no feature has."""
    quarters: Mapping[str, Value] = {
        name: Count(order_lines, (ago + 1) * QUARTER_DAYS, ago * QUARTER_DAYS)
        for ago, name in enumerate(_QUARTERS)
    }
    return {
        **quarters,
        "shown_largest_order": LargestSum(
            order_lines, DAYS_PER_YEAR, key="order_id", measure="amount_cents"
        ),
        "shown_ordered": spend(DAYS_PER_YEAR),
    }


def key_accounts(
    frame: pd.DataFrame, margin_share: float | None, criteria: KeyAccountConfig
) -> tuple[npt.NDArray[np.bool_], list[str | None]]:
    """Whether each account is a key account, and a note: why, or why not; none for the others.

    frame: `key_account_values` and `past_trade` of the accounts of one snapshot. margin_share: see
    `models.value_at_stake.Traded.worth`; without one, profit is revenue, and nothing can be said of
    margins.
    """
    past = past_of(frame)
    profit, revenue = past.last_year.worth(margin_share), past.last_year.worth(None)
    first = share_before(profit) < criteria.profit_share
    looked_at = first | (share_before(revenue) < criteria.profit_share)
    before = past.year_before.worth(margin_share)
    known_before = (past.age_days >= 2 * DAYS_PER_YEAR) & (before > 0)
    growth = np.where(known_before, _over(profit, before) - 1, np.nan)
    reasons = [_bulk(frame, criteria)]
    if margin_share is not None:
        reasons += _margins(past.last_year, past.year_before, margin_share, criteria)
    age, quarters = past.age_days, (frame[_QUARTERS].to_numpy() > 0).sum(axis=1)
    reasons += [
        (age < criteria.tenure_days, lambda row: f"with us for only {age[row]:,.0f} days"),
        (
            quarters < criteria.active_quarters,
            lambda row: f"unsteady: orders in {quarters[row]} of the last 4 quarters",
        ),
        (
            growth < criteria.growth,
            lambda row: f"shrinking: {growth[row]:+z.0%} on the year before",
        ),
    ]
    share = profit / max(np.maximum(profit, 0).sum(), 1e-9)
    what = "revenue" if margin_share is None else "profit"
    key = first & ~np.any([holds for holds, _ in reasons], axis=0)
    notes: list[str | None] = [None] * len(frame)
    for row in np.flatnonzero(looked_at).tolist():
        why = [text(row) for holds, text in reasons if holds[row]]
        brings = f"brings {share[row]:z.1%} of the {what}"
        grown = "" if np.isnan(growth[row]) else f"; {growth[row]:+z.0%} on the year before"
        notes[row] = (
            brings + grown if key[row] else "not key: " + ("; ".join(why) or f"only {brings}")
        )
    return key, notes


def _bulk(frame: pd.DataFrame, criteria: KeyAccountConfig) -> _Reason:
    ordered, largest = (
        frame[name].to_numpy(dtype=np.float64) for name in ("shown_ordered", "shown_largest_order")
    )
    share = _over(largest, ordered)
    return (
        share > criteria.bulk_order_share,
        lambda row: f"one-off bulk order: {share[row]:.0%} of the year's orders",
    )


def _margins(
    year: Traded, before: Traded, usual: float, criteria: KeyAccountConfig
) -> Iterator[_Reason]:
    """Little margin beside the usual one, and beside the account's own a year before."""
    now = _over(year.recorded_margin, year.amount_with_margin)
    then = _over(before.recorded_margin, before.amount_with_margin)
    yield (
        now < criteria.least_margin * usual,
        lambda row: f"volume without profit: a margin of {now[row]:z.1%}, usual are {usual:.1%}",
    )
    yield (
        (then > 0) & (now < (1 - criteria.margin_loss) * then),
        lambda row: f"margin eaten by concessions: {now[row]:z.1%} after {then[row]:.1%}",
    )


def _over(part: Floats, whole: Floats) -> Floats:
    """The quotient; NaN, which meets no condition, where there is nothing to divide by."""
    found: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found
