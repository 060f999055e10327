"""The judge of `order_history`: every feature from its sentence, by plain loops."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise

from seen import (
    DAY,
    YEAR,
    Answer,
    Answers,
    Seen,
    change,
    different,
    gaps_of,
    known,
    over,
    usual_gap,
    variation,
)
from worlds import Row

# A history is taken to have had two gaps of 45 days before its own.
PRIOR_GAPS, PRIOR_DAYS = 2, 90


def order_history(seen: Seen, windows: Sequence[int]) -> Answers:
    """Answers of the family `order_history`."""
    lines, returns = _ordered(seen), _returned(seen)
    year = seen.last(YEAR, lines)
    answers: Answers = _rhythm(seen, lines) | {
        "category_concentration": _concentration(year),
        "deliveries_overdue": len([row for row in _promised(seen) if not _arrived(seen, row)]),
        "days_since_last_return": seen.since([row["occurred_at"] for row in returns], max),
        "margin_tier": _tier(seen, "margin_cents"),
        "spend_tier": _tier(seen, "amount_cents"),
    }
    for days in windows:
        recent, returned = seen.last(days, lines), seen.last(days, returns)
        orders, spend = different(recent, "order_id"), _total(recent, "amount_cents")
        products, categories = different(recent, "product_id"), different(recent, "category")
        with_margin = [row for row in recent if row["margin_cents"] is not None]
        margin = _total(with_margin, "margin_cents")
        taken_back = -_total(returned, "margin_cents")
        gaps = gaps_of(recent)
        answers |= {
            f"orders_count_{days}d": len(orders),
            f"order_days_count_{days}d": len({row["occurred_at"].date() for row in recent}),
            f"order_lines_count_{days}d": len(recent),
            f"spend_{days}d": spend / 100,
            f"margin_{days}d": known(margin / 100, with_margin, recent),
            f"margin_share_{days}d": over(margin, _total(with_margin, "amount_cents")),
            f"margin_returned_share_{days}d": taken_back / margin if margin > 0 else None,
            f"order_value_mean_{days}d": over(spend / 100, len(orders)),
            f"largest_order_share_{days}d": over(_largest_order(recent), spend),
            f"products_count_{days}d": known(len(products), products, recent),
            f"categories_count_{days}d": known(len(categories), categories, recent),
            f"return_lines_count_{days}d": len(returned),
            f"returns_share_{days}d": over(-_total(returned, "amount_cents"), spend),
            f"price_change_{days}d": _price_change(recent),
            f"late_deliveries_share_{days}d": _late_share(seen, days),
            f"delivery_delay_mean_{days}d": _mean_delay(seen, days),
            f"order_gap_mean_{days}d": over(sum(gaps), len(gaps)),
        }
        if days < YEAR:
            bought, grouped = different(year, "product_id"), different(year, "category")
            answers |= {
                f"products_lapsed_{days}d": known(len(bought - products), bought, year),
                f"categories_lapsed_{days}d": known(len(grouped - categories), grouped, year),
            }
            answers |= _change_on_last_year(seen, lines, days)
        if 2 * days <= YEAR:
            earlier = seen.before_last(days, lines)
            # An order with lines on both sides of the boundary is an order of the last days.
            orders_before = different(earlier, "order_id") - orders
            spend_before = _total(earlier, "amount_cents")
            answers[f"orders_change_{days}d"] = change(len(orders), len(orders_before))
            answers[f"spend_change_{days}d"] = change(spend, spend_before)
    return answers


def _ordered(seen: Seen) -> list[Row]:
    return [row for row in seen.orders if row["amount_cents"] > 0]


def _returned(seen: Seen) -> list[Row]:
    return [row for row in seen.orders if row["amount_cents"] < 0]


def _total(rows: Iterable[Row], column: str) -> int:
    return sum(row[column] for row in rows if row[column] is not None)


def _largest_order(rows: Iterable[Row]) -> int:
    of_order: Counter[str] = Counter()
    for row in rows:
        of_order[row["order_id"]] += row["amount_cents"]
    return max(of_order.values(), default=0)


def _concentration(rows: Iterable[Row]) -> float | None:
    of_category: Counter[str] = Counter()
    for row in rows:
        if row["category"] is not None:
            of_category[row["category"]] += row["amount_cents"]
    whole = sum(of_category.values())
    return over(sum(part**2 for part in of_category.values()), whole**2)


def _rhythm(seen: Seen, lines: list[Row]) -> Answers:
    """What the gaps between order days say, and how the silence compares with them."""
    moments = [row["occurred_at"] for row in lines]
    silence = seen.since(moments, max)
    year = seen.last(YEAR, lines)
    gaps, usual = gaps_of(year), usual_gap(year)
    answers: Answers = {
        "days_since_last_order": silence,
        "days_since_first_order": seen.since(moments, min),
        "order_days_ever": len({moment.date() for moment in moments}),
        "usual_order_gap": usual,
        "order_gap_variation": variation(gaps),
        "last_order_gap": gaps[-1] if gaps else None,
        "last_order_gap_over_usual": gaps[-1] / usual if gaps and usual else None,
        "silence_over_usual_gap": silence / DAY / usual if silence and usual else None,
        "expected_order_gap": None,
        "silence_over_expected_gap": None,
        "next_order_lateness": None,
    }
    if silence:
        expected = (sum(gaps) + PRIOR_DAYS) / (len(gaps) + PRIOR_GAPS)
        answers["expected_order_gap"] = expected
        answers["silence_over_expected_gap"] = silence / DAY / expected
        answers["next_order_lateness"] = silence / DAY - expected
    return answers


def _change_on_last_year(seen: Seen, lines: list[Row], days: int) -> Answers:
    begin, end = seen.now - (YEAR + days) * DAY, seen.now - YEAR * DAY
    now = seen.last(days, lines)
    then = [row for row in lines if begin <= row["occurred_at"] < end]
    orders_change = spend_change = None
    # A history that begins within the older window says nothing of the days before it began.
    if any(row["occurred_at"] <= begin for row in lines):
        orders_now, orders_then = different(now, "order_id"), different(then, "order_id")
        orders_change = change(len(orders_now), len(orders_then))
        spend_change = change(_total(now, "amount_cents"), _total(then, "amount_cents"))
    return {
        f"orders_change_on_last_year_{days}d": orders_change,
        f"spend_change_on_last_year_{days}d": spend_change,
    }


def _price_change(recent: Iterable[Row]) -> float | None:
    """Each day's purchase of a product against the price of the day of its purchase before.

    What a purchase would have cost is floored to thousandths of a cent, in this order of
    operations: the definition keeps whole numbers, so that the engine's sum over many purchases
    does not depend on their order, and a floor is the same number only after the same operations.
    A purchase at a hundred times the price before, or at a hundredth of it, is a mistake.
    """
    priced = [
        row for row in recent if row["product_id"] is not None and row["quantity"] is not None
    ]
    paid = at_earlier_price = 0
    for product in different(priced, "product_id"):
        amounts: Counter[object] = Counter()
        millionths: Counter[object] = Counter()
        for row in priced:
            if row["product_id"] == product and row["quantity"] > 0:
                amounts[row["occurred_at"].date()] += row["amount_cents"]
                millionths[row["occurred_at"].date()] += int(row["quantity"] * 1_000_000)
        for earlier, later in pairwise(sorted(amounts)):
            expected = float(amounts[earlier]) * millionths[later] / millionths[earlier]
            if expected < 100.0 * amounts[later] and expected * 100.0 > amounts[later]:
                paid += amounts[later]
                at_earlier_price += math.floor(expected * 1000)
    return paid * 1000 / at_earlier_price - 1 if at_earlier_price else None


def _promised(seen: Seen) -> list[Row]:
    """Order lines that were promised for a time before the snapshot."""
    lines = [row for row in _ordered(seen) if row["promised_at"] is not None]
    return [row for row in lines if row["promised_at"] < seen.now]


def _arrived(seen: Seen, row: Row) -> bool:
    return row["delivered_at"] is not None and row["delivered_at"] < seen.now


def _late_share(seen: Seen, days: int) -> float | None:
    due = seen.last(days, _promised(seen), "promised_at")
    late = [r for r in due if not _arrived(seen, r) or r["delivered_at"] > r["promised_at"]]
    return over(len(late), len(due))


def _mean_delay(seen: Seen, days: int) -> float | None:
    arrived = [row for row in _ordered(seen) if _arrived(seen, row)]
    delays = [
        max(row["delivered_at"] - row["promised_at"], timedelta())
        for row in seen.last(days, arrived, "delivered_at")
        if row["promised_at"] is not None
    ]
    return over(sum(delays, timedelta()) / DAY, len(delays))


def _tier(seen: Seen, measure: str) -> Answer:
    """Where the account stands among all: before it, less than 80 %, less than 95 %, or more."""
    of_year = {}
    for account, other in seen.everyone().items():
        recorded = [row for row in _ordered(other) if row[measure] is not None]
        if recorded:
            of_year[account] = _total(other.last(YEAR, recorded), measure)
    if seen.account not in of_year:
        return None
    if of_year[seen.account] <= 0:
        return 3  # it brings nothing to what the others bring together
    bringing = {account: total for account, total in of_year.items() if total > 0}
    before = 0
    for account in sorted(bringing, key=lambda account: (-bringing[account], account)):
        if account == seen.account:
            break
        before += bringing[account]
    percent = 100 * before  # whole numbers, so that 80 % is exactly 80 %
    whole = sum(bringing.values())
    return 1 if percent < 80 * whole else 2 if percent < 95 * whole else 3
