"""Key accounts: the few whose loss would hurt, and those that only look like them.

An account is looked at where it is among those that together bring the first part of all profit, or
of all revenue. It is a key account if it brings that profit, has been with us long, orders steadily
and does not shrink. If not, it is a false one, and it is said why: a single bulk order, volume
without profit, a margin eaten by concessions, or what it lacks. Criteria: `scoring.key_accounts`.

Whoever leaves shrinks and orders no longer steadily. So an account keeps its status for a year: it
is a key account if it meets the criteria at the snapshot or met them 3, 6, 9 or 12 months before,
by what is known at the snapshot of the year up to then. The best tier is that of the same years.
The accounts that the config names are key accounts in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.expressions import DAYS_PER_YEAR
from features.order_history import order_lines, spend, traded
from features.values import Count, LargestSum, Value
from models.value_at_stake import Traded
from pipeline.config.form import KeyAccountConfig
from pipeline.tables.tiers import TIERS, share_before, tiers
from pipeline.tables.trade import past_of, traded_of

QUARTER_DAYS = 91
QUARTERS = 4  # in a year
ENDS = range(QUARTERS + 1)  # quarters before the snapshot at which the years end that are looked at
_LINES = "shown_lines_{}_quarters_ago"
_LARGEST, _ORDERED = "shown_largest_order_{}", "shown_ordered_{}"
_YEAR, _YEAR_BEFORE = "shown_year_{}_", "shown_year_before_{}_"

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_Reason = tuple[Bools, Callable[[int], str]]  # where it holds, and what it says


class KeyAccounts(NamedTuple):
    """What is said of the accounts of one snapshot, (n,) each.

    key: whether it is a key account. note: why, or why not; None for accounts that nobody looks at.
    best_tier: the best tier of the last two years.
    """

    key: Bools
    note: list[str | None]
    best_tier: npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class _Year:
    """What accounts did in a year, (n,) each.

    traded, before: in the year and in the one before. age_days: at its end. quarters: in which it
    ordered. largest, ordered: the largest order and all orders of the year, cents.
    """

    traded: Traded
    before: Traded
    age_days: Floats
    quarters: npt.NDArray[np.int64]
    largest: Floats
    ordered: Floats


@dataclass(frozen=True, eq=False)
class _Verdict:
    """Which accounts meet the criteria in a year, and what is said of them.

    looked_at: who brings much of the profit or of the revenue. reasons: against it. share, growth:
    a text for each row.
    """

    key: Bools
    looked_at: Bools
    reasons: list[_Reason]
    share: Callable[[int], str]
    growth: Callable[[int], str]

    def against(self, row: int) -> list[str]:
        """Why an account is no key account."""
        return [text(row) for holds, text in self.reasons if holds[row]]


def key_account_values() -> dict[str, Value]:
    """What is asked of an account besides `past_trade`, under names that no feature has."""
    values: dict[str, Value] = {
        _LINES.format(ago): Count(order_lines, (ago + 1) * QUARTER_DAYS, ago * QUARTER_DAYS)
        for ago in range(2 * QUARTERS)
    }
    for end in ENDS:
        ago, year = end * QUARTER_DAYS, DAYS_PER_YEAR
        values[_LARGEST.format(end)] = LargestSum(
            order_lines, ago + year, ago, key="order_id", measure="amount_cents"
        )
        values[_ORDERED.format(end)] = spend(ago + year, ago)
        if end:  # the last year and the one before are of `past_trade`
            windows = {
                _YEAR: traded(ago + year, ago),
                _YEAR_BEFORE: traded(ago + 2 * year, ago + year),
            }
            for prefix, parts in windows.items():
                values |= {prefix.format(end) + name: value for name, value in parts.items()}
    return values


def key_accounts(
    frame: pd.DataFrame,
    margin_share: float | None,
    criteria: KeyAccountConfig,
    named: Collection[str] = (),
) -> KeyAccounts:
    """Say which accounts are key accounts, and of which tier they were at best.

    Parameters
    ----------
    frame : account_id, `key_account_values` and `past_trade` of the accounts of one snapshot.
    margin_share : see `models.value_at_stake.Traded.worth`; without one, profit is revenue, and
        nothing can be said of margins.
    named : accounts that are key accounts in any case.
    """
    years = [_year(frame, end) for end in ENDS]
    now, *earlier = (_verdict(year, margin_share, criteria) for year in years)
    in_name = frame["account_id"].isin(list(named)).to_numpy(dtype=np.bool_)
    key = np.any([in_name, now.key, *(verdict.key for verdict in earlier)], axis=0)
    notes: list[str | None] = [None] * len(frame)
    for row in np.flatnonzero(key | now.looked_at).tolist():
        brings, why = f"brings {now.share(row)}", "; ".join(now.against(row))
        if in_name[row]:
            notes[row] = f"named in the config; {brings}{now.growth(row)}"
        elif now.key[row]:
            notes[row] = f"{brings}{now.growth(row)}"
        elif key[row]:
            ago, then = next((n, v) for n, v in enumerate(earlier, 1) if v.key[row])
            notes[row] = (
                f"key {12 // QUARTERS * ago} months ago, when it brought {then.share(row)}; "
                f"now {why or f'only {brings}'}"
            )
        else:
            notes[row] = f"not key: {why or f'only {brings}'}"
    places = [
        np.searchsorted(TIERS, tiers(year.traded.worth(margin_share)).astype(str)) for year in years
    ]
    return KeyAccounts(key, notes, np.array(TIERS, dtype=object)[np.min(places, axis=0)])


def _year(frame: pd.DataFrame, end: int) -> _Year:
    """The year that ended so many quarters before the snapshot."""
    past = past_of(frame)
    lines = [_LINES.format(ago) for ago in range(end, end + QUARTERS)]
    return _Year(
        traded_of(frame, _YEAR.format(end)) if end else past.last_year,
        traded_of(frame, _YEAR_BEFORE.format(end)) if end else past.year_before,
        past.age_days - end * QUARTER_DAYS,
        (frame[lines].to_numpy() > 0).sum(axis=1),
        frame[_LARGEST.format(end)].to_numpy(dtype=np.float64),
        frame[_ORDERED.format(end)].to_numpy(dtype=np.float64),
    )


def _verdict(year: _Year, margin_share: float | None, criteria: KeyAccountConfig) -> _Verdict:
    profit, revenue = year.traded.worth(margin_share), year.traded.worth(None)
    first = share_before(profit) < criteria.profit_share
    looked_at = first | (share_before(revenue) < criteria.profit_share)
    before = year.before.worth(margin_share)
    known_before = (year.age_days >= 2 * DAYS_PER_YEAR) & (before > 0)
    growth = np.where(known_before, _over(profit, before) - 1, np.nan)
    reasons = [_bulk(year, criteria)]
    if margin_share is not None:
        reasons += _margins(year.traded, year.before, margin_share, criteria)
    age, quarters = year.age_days, year.quarters
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
    return _Verdict(
        key=first & ~np.any([holds for holds, _ in reasons], axis=0),
        looked_at=looked_at,
        reasons=reasons,
        share=lambda row: f"{share[row]:z.1%} of the {what}",
        growth=lambda row: (
            "" if np.isnan(growth[row]) else f"; {growth[row]:+z.0%} on the year before"
        ),
    )


def _bulk(year: _Year, criteria: KeyAccountConfig) -> _Reason:
    share = _over(year.largest, year.ordered)
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
