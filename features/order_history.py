"""What the order lines say: how much, how often, how regularly, and how that changes."""

from __future__ import annotations

from collections.abc import Callable

from features.definition import Definition, Family
from features.expressions import (
    DAYS_PER_YEAR,
    age,
    change,
    change_on_last_year,
    concentration,
    days,
    difference,
    lapsed,
    money,
    ratio,
    second,
    variation,
    where_recorded,
)
from features.populations import Population, Successions
from features.values import (
    Count,
    Days,
    Distinct,
    Expression,
    First,
    LargestSum,
    Last,
    Latest,
    Median,
    Standing,
    Total,
    Value,
)

PRIOR_GAPS = 2  # order gaps that a history is taken to have had before its own
PRIOR_GAP_DAYS = 45  # the length of each
TIER_SHARES = (0.80, 0.95)  # of the cumulative value: tier A reaches to the first, B to the second

order_lines = Population("order_lines", "orders", where="amount_cents > 0")
margin_lines = Population(
    "margin_lines", "orders", where="amount_cents > 0 AND margin_cents IS NOT NULL"
)
traded_lines = Population("traded_lines", "orders")
return_lines = Population("return_lines", "orders", where="amount_cents < 0")
category_lines = Population(
    "category_lines", "orders", where="amount_cents > 0 AND category IS NOT NULL"
)
priced_lines = Population("priced_lines", "orders", where="amount_cents > 0 AND quantity > 0")

# A promise is looked at once its time has passed: by then it was kept, or it is late whatever
# comes. So these rows never need to know of a delivery that lies ahead.
due_lines = Population(
    "due_lines",
    "orders",
    occurred="promised_at",
    since=("occurred_at", "known_at", "promised_at"),
    where="amount_cents > 0",
)
late_lines = Population(
    "late_lines",
    "orders",
    occurred="promised_at",
    since=("occurred_at", "known_at", "promised_at"),
    where="amount_cents > 0 AND (delivered_at IS NULL OR delivered_at > promised_at)",
)
awaited_lines = Population(
    "awaited_lines",
    "orders",
    occurred="promised_at",
    since=("occurred_at", "known_at", "promised_at"),
    until=("delivered_at",),
    where="amount_cents > 0",
)
delivered_lines = Population(
    "delivered_lines",
    "orders",
    occurred="delivered_at",
    since=("occurred_at", "known_at", "delivered_at"),
    where="amount_cents > 0 AND promised_at IS NOT NULL",
)

order_gaps = Successions("order_gaps", order_lines)
# Quantities have six decimal places, so a million of them is a whole number.
repurchases = Successions(
    "repurchases",
    priced_lines,
    by="product_id",
    sums=("amount_cents", "CAST(ROUND(CAST(quantity AS DOUBLE) * 1000000) AS BIGINT)"),
)
# What the later purchase would have cost at the earlier one's price, in cents. Where that is a
# hundred times as much or as little as it did cost, a quantity or an amount was mistyped.
_EARLIER_PRICE = "(CAST(earlier_sum_0 AS DOUBLE) * sum_1 / earlier_sum_1)"
_PLAUSIBLE = f"{_EARLIER_PRICE} < 100.0 * sum_0 AND {_EARLIER_PRICE} * 100.0 > sum_0"
repurchased = f"CASE WHEN {_PLAUSIBLE} THEN sum_0 ELSE 0 END"
# In thousandths of a cent, whole, so that their sum does not depend on their order.
at_earlier_price = (
    f"CASE WHEN {_PLAUSIBLE} THEN CAST(FLOOR({_EARLIER_PRICE} * 1000) AS BIGINT) ELSE 0 END"
)

first_order = First(order_lines)
usual_gap = Median(order_gaps, DAYS_PER_YEAR)
days_silent = age(Last(order_lines))


def orders(within: int | None, ago: int = 0) -> Distinct:
    """Distinct orders within the window."""
    return Distinct(order_lines, within, ago, key="order_id")


def products(within: int | None) -> Distinct:
    """Distinct products ordered within the window."""
    return Distinct(order_lines, within, key="product_id")


def categories(within: int | None) -> Distinct:
    """Distinct categories ordered within the window."""
    return Distinct(order_lines, within, key="category")


def line_count(within: int | None) -> Count:
    """Order lines within the window."""
    return Count(order_lines, within)


def order_days(within: int | None) -> Days:
    """Days with an order line within the window."""
    return Days(order_lines, within)


def spend(within: int | None, ago: int = 0) -> Total:
    """Cents ordered within the window, returns not deducted."""
    return Total(order_lines, within, ago, measure="amount_cents")


def margin(within: int | None) -> Total:
    """Cents of recorded margin on what was ordered within the window."""
    return Total(margin_lines, within, measure="margin_cents")


def traded(within: int, ago: int = 0) -> dict[str, Value]:
    """What was traded within the window, returns deducted, in units of the currency.

    recorded_margin, and the amount_with_margin of the lines that record one; the
    amount_without_margin of those that do not.
    """
    measures = {
        "recorded_margin": "COALESCE(margin_cents, 0)",
        "amount_with_margin": "CASE WHEN margin_cents IS NULL THEN 0 ELSE amount_cents END",
        "amount_without_margin": "CASE WHEN margin_cents IS NULL THEN amount_cents ELSE 0 END",
    }
    return {
        name: money(Total(traded_lines, within, ago, measure=measure))
        for name, measure in measures.items()
    }


def gap_mean(within: int) -> Value:
    """Mean days between neighbouring order days within the window."""
    return ratio(Total(order_gaps, within, measure="days"), Count(order_gaps, within))


# The mean of the last year's gaps, with the prior's counted in: a single short gap, or none, says
# little yet about the next.
expected_gap = Expression(
    f"(CAST({{0}} + {PRIOR_GAPS * PRIOR_GAP_DAYS} AS DOUBLE) / ({{1}} + {PRIOR_GAPS}))",
    (
        Total(order_gaps, DAYS_PER_YEAR, measure="days"),
        Count(order_gaps, DAYS_PER_YEAR),
    ),
)


def _recorded(of: Callable[[int], Value], within: int) -> Expression:
    """Something distinct among the lines of the window; null where none of them records it."""
    return where_recorded(of(within), of(within), line_count(within))


def _lapsed(of: Callable[[int], Value], within: int) -> Expression | None:
    """What the last year has and the window lacks; null where no line of the year records it."""
    gone = lapsed(of, within)
    if gone is None:
        return None
    return where_recorded(gone, of(DAYS_PER_YEAR), line_count(DAYS_PER_YEAR))


def _tier(of: Total) -> Standing:
    return Standing(of.rows, of.within, of=of, shares=TIER_SHARES)


FAMILY = Family(
    name="order_history",
    says="How much, how often and how regularly the account orders, and how that changes.",
    table="orders",
    definitions=(
        Definition(
            "orders_count",
            says="Distinct orders in the last {window} days.",
            unit="orders",
            null_means="never null; no order is 0",
            value=orders,
        ),
        Definition(
            "order_days_count",
            says="Days with at least one order line in the last {window} days.",
            unit="days",
            null_means="never null; no order is 0",
            value=order_days,
        ),
        Definition(
            "order_lines_count",
            says="Order lines in the last {window} days.",
            unit="lines",
            null_means="never null; no order is 0",
            value=line_count,
        ),
        Definition(
            "spend",
            says="Value ordered in the last {window} days, returns not deducted.",
            unit="currency",
            null_means="never null; no order is 0",
            value=lambda within: money(spend(within)),
        ),
        Definition(
            "margin",
            says="Margin on what was ordered in the last {window} days.",
            unit="currency",
            null_means="orders in the window, but no margin recorded",
            value=lambda within: where_recorded(
                money(margin(within)), Count(margin_lines, within), line_count(within)
            ),
        ),
        Definition(
            "margin_share",
            says="Margin over the value of the lines of the last {window} days that record one. "
            "Volume without margin is the sign of a false key account.",
            unit="share, at most 1",
            null_means="no order line with a margin in the window",
            value=lambda within: ratio(
                margin(within), Total(margin_lines, within, measure="amount_cents")
            ),
        ),
        Definition(
            "margin_returned_share",
            says="Margin taken back by the returns of the last {window} days over the margin on "
            "what was ordered in them. A margin eaten by returns is the sign of a false key "
            "account.",
            unit="share",
            null_means="no positive margin on orders in the window",
            value=lambda within: Expression(
                "CASE WHEN {1} > 0 THEN CAST({0} AS DOUBLE) / {1} END",
                (
                    Total(return_lines, within, measure="COALESCE(-margin_cents, 0)"),
                    margin(within),
                ),
            ),
        ),
        Definition(
            "order_value_mean",
            says="Value per order in the last {window} days.",
            unit="currency per order",
            null_means="no order in the window",
            value=lambda within: ratio(money(spend(within)), orders(within)),
        ),
        Definition(
            "largest_order_share",
            says="Share of the value ordered in the last {window} days that the largest single "
            "order has. Near 1 over a year, it is the sign of a one-off bulk buyer.",
            unit="share, 0 to 1",
            null_means="no order in the window",
            value=lambda within: ratio(
                LargestSum(order_lines, within, key="order_id", measure="amount_cents"),
                spend(within),
            ),
        ),
        Definition(
            "products_count",
            says="Distinct products ordered in the last {window} days.",
            unit="products",
            null_means="orders in the window, but no product recorded",
            value=lambda within: _recorded(products, within),
        ),
        Definition(
            "products_lapsed",
            says="Products ordered in the last 365 days, but not in the last {window}.",
            unit="products",
            null_means="orders in the last 365 days, but no product recorded",
            value=lambda within: _lapsed(products, within),
        ),
        Definition(
            "categories_count",
            says="Distinct categories ordered in the last {window} days.",
            unit="categories",
            null_means="orders in the window, but no category recorded",
            value=lambda within: _recorded(categories, within),
        ),
        Definition(
            "categories_lapsed",
            says="Categories ordered in the last 365 days, but not in the last {window}.",
            unit="categories",
            null_means="orders in the last 365 days, but no category recorded",
            value=lambda within: _lapsed(categories, within),
        ),
        Definition(
            "category_concentration",
            says="Herfindahl index of the last 365 days' spend over categories: the sum of their "
            "squared shares.",
            unit="index, 1/categories to 1",
            null_means="no order line with a category in 365 days",
            value=concentration(category_lines, DAYS_PER_YEAR, "category", "amount_cents"),
        ),
        Definition(
            "orders_change",
            says="Orders of the last {window} days minus those of the {window} days before, "
            "over both.",
            unit="share, -1 to 1",
            null_means="no order in either window",
            value=lambda within: change(orders, within),
        ),
        Definition(
            "spend_change",
            says="Spend of the last {window} days minus that of the {window} days before, "
            "over both.",
            unit="share, -1 to 1",
            null_means="no order in either window",
            value=lambda within: change(spend, within),
        ),
        Definition(
            "orders_change_on_last_year",
            says="Orders of the last {window} days minus those of the same days a year (365 days) "
            "before, over both.",
            unit="share, -1 to 1",
            null_means="no order in either window, or a history that does not reach back to the "
            "begin of the older one",
            value=lambda within: change_on_last_year(orders, within, first_order),
        ),
        Definition(
            "spend_change_on_last_year",
            says="Spend of the last {window} days minus that of the same days a year (365 days) "
            "before, over both.",
            unit="share, -1 to 1",
            null_means="no order in either window, or a history that does not reach back to the "
            "begin of the older one",
            value=lambda within: change_on_last_year(spend, within, first_order),
        ),
        Definition(
            "return_lines_count",
            says="Returned or credited lines in the last {window} days.",
            unit="lines",
            null_means="never null; no return is 0",
            value=lambda within: Count(return_lines, within),
        ),
        Definition(
            "returns_share",
            says="Value returned in the last {window} days over the value ordered in them.",
            unit="share, 0 or more",
            null_means="no order in the window",
            value=lambda within: ratio(
                Total(return_lines, within, measure="-amount_cents"), spend(within)
            ),
        ),
        Definition(
            "price_change",
            says="What the last {window} days' purchases cost over what they would have cost at "
            "the price of the account's purchase before (of the same product, on an earlier day, "
            "both days in the window), minus 1; a price a hundred times the other is a mistake and "
            "left out.",
            unit="share, above -1",
            null_means="no product bought twice in the window with its quantity recorded, or "
            "mistaken prices only",
            value=lambda within: Expression(
                "(CAST({0} AS DOUBLE) * 1000 / NULLIF({1}, 0) - 1)",
                (
                    Total(repurchases, within, measure=repurchased),
                    Total(repurchases, within, measure=at_earlier_price),
                ),
            ),
        ),
        Definition(
            "late_deliveries_share",
            says="Share of the order lines promised for the last {window} days that were not "
            "delivered by then.",
            unit="share, 0 to 1",
            null_means="no delivery promised for the window",
            value=lambda within: ratio(Count(late_lines, within), Count(due_lines, within)),
        ),
        Definition(
            "delivery_delay_mean",
            says="Mean days from the promised to the actual delivery over the order lines "
            "delivered in the last {window} days; an early one is 0 days late.",
            unit="days",
            null_means="no promised delivery in the window",
            value=lambda within: days(
                ratio(
                    Total(
                        delivered_lines,
                        within,
                        measure=f"GREATEST({second('delivered_at')} - {second('promised_at')}, 0)",
                    ),
                    Count(delivered_lines, within),
                )
            ),
        ),
        Definition(
            "deliveries_overdue",
            says="Order lines promised for before the snapshot and not delivered yet.",
            unit="lines",
            null_means="never null; none is 0",
            value=Count(awaited_lines),
        ),
        Definition(
            "days_since_last_order",
            says="Days from the last order known before the snapshot to the snapshot.",
            unit="days",
            null_means="no order known before the snapshot",
            value=days_silent,
        ),
        Definition(
            "days_since_first_order",
            says="Days from the first order known before the snapshot to the snapshot: tenure.",
            unit="days",
            null_means="no order known before the snapshot",
            value=age(first_order),
        ),
        Definition(
            "order_days_ever",
            says="Days with at least one order line known before the snapshot, over all history.",
            unit="days",
            null_means="never null; no order is 0",
            value=order_days(None),
        ),
        Definition(
            "usual_order_gap",
            says="Median days between neighbouring order days of the last 365 days.",
            unit="days",
            null_means="fewer than two order days in 365 days",
            value=usual_gap,
        ),
        Definition(
            "order_gap_mean",
            says="Mean days between neighbouring order days of the last {window} days.",
            unit="days",
            null_means="fewer than two order days in the window",
            value=gap_mean,
        ),
        Definition(
            "order_gap_variation",
            says="Standard deviation over mean of the days between neighbouring order days of the "
            "last 365 days: 0 for a clockwork.",
            unit="ratio, 0 or more",
            null_means="fewer than three order days in 365 days",
            value=variation(order_gaps, DAYS_PER_YEAR),
        ),
        Definition(
            "last_order_gap",
            says="Days between the last two order days of the last 365 days.",
            unit="days",
            null_means="fewer than two order days in 365 days",
            value=Latest(order_gaps, DAYS_PER_YEAR),
        ),
        Definition(
            "last_order_gap_over_usual",
            says="Days between the last two order days over the usual gap between order days.",
            unit="usual gaps",
            null_means="fewer than two order days in 365 days",
            value=ratio(Latest(order_gaps, DAYS_PER_YEAR), usual_gap),
        ),
        Definition(
            "silence_over_usual_gap",
            says="Days since the last order over the usual gap between order days.",
            unit="usual gaps",
            null_means="fewer than two order days in 365 days",
            value=ratio(days_silent, usual_gap),
        ),
        Definition(
            "expected_order_gap",
            says="Mean days between neighbouring order days of the last 365 days, with two gaps "
            "of 45 days counted in as a prior, so that a short history has a rhythm too.",
            unit="days",
            null_means="no order known before the snapshot",
            value=Expression("CASE WHEN {1} IS NOT NULL THEN {0} END", (expected_gap, first_order)),
        ),
        Definition(
            "silence_over_expected_gap",
            says="Days since the last order over the expected gap.",
            unit="expected gaps",
            null_means="no order known before the snapshot",
            value=ratio(days_silent, expected_gap),
        ),
        Definition(
            "next_order_lateness",
            says="Days since the last order minus the expected gap: how long the next order is "
            "overdue; negative while it is not.",
            unit="days",
            null_means="no order known before the snapshot",
            value=difference(days_silent, expected_gap),
        ),
        Definition(
            "days_since_last_return",
            says="Days from the last return known before the snapshot to the snapshot.",
            unit="days",
            null_means="no return known before the snapshot",
            value=age(Last(return_lines)),
        ),
        Definition(
            "margin_tier",
            says="Value tier among all accounts by the margin of the last 365 days: 1 (A) for "
            "those that together bring the first 80 %, 2 (B) to 95 %, 3 (C) the rest.",
            unit="tier, 1 to 3",
            null_means="no order line with a margin known before the snapshot",
            value=_tier(margin(DAYS_PER_YEAR)),
        ),
        Definition(
            "spend_tier",
            says="Value tier among all accounts by the spend of the last 365 days: 1 (A) for "
            "those that together bring the first 80 %, 2 (B) to 95 %, 3 (C) the rest.",
            unit="tier, 1 to 3",
            null_means="no order known before the snapshot",
            value=_tier(spend(DAYS_PER_YEAR)),
        ),
    ),
)
