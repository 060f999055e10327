"""What the order lines say: how much, how often, how regularly, and how that changes."""

from __future__ import annotations

from features.definition import Definition, Family
from features.values import (
    DAYS_PER_YEAR,
    Count,
    Distinct,
    Expression,
    First,
    Last,
    MedianGap,
    Population,
    Total,
    age,
    change,
    lapsed,
    money,
    ratio,
    where_recorded,
)

order_lines = Population("order_lines", "orders", where="amount_cents > 0")
margin_lines = Population(
    "margin_lines", "orders", where="amount_cents > 0 AND margin_cents IS NOT NULL"
)
return_lines = Population("return_lines", "orders", where="amount_cents < 0")

usual_gap = MedianGap(order_lines, DAYS_PER_YEAR)
days_silent = age(Last(order_lines))


def orders(within: int | None) -> Distinct:
    """Distinct orders within the window."""
    return Distinct(order_lines, within, key="order_id")


def products(within: int | None) -> Distinct:
    """Distinct products ordered within the window."""
    return Distinct(order_lines, within, key="product_id")


def spend(within: int | None) -> Total:
    """Cents ordered within the window, returns not deducted."""
    return Total(order_lines, within, measure="amount_cents")


def lapsed_products(within: int) -> Expression | None:
    """Products of the last year that the window lacks; null where no product is recorded."""
    gone = lapsed(products, within)
    if gone is None:
        return None
    return where_recorded(gone, products(DAYS_PER_YEAR), Count(order_lines, DAYS_PER_YEAR))


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
            value=lambda within: Distinct(order_lines, within, key="CAST(occurred_at AS DATE)"),
        ),
        Definition(
            "order_lines_count",
            says="Order lines in the last {window} days.",
            unit="lines",
            null_means="never null; no order is 0",
            value=lambda within: Count(order_lines, within),
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
                money(Total(order_lines, within, measure="margin_cents")),
                Count(margin_lines, within),
                Count(order_lines, within),
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
            "products_count",
            says="Distinct products ordered in the last {window} days.",
            unit="products",
            null_means="orders in the window, but no product recorded",
            value=lambda within: where_recorded(
                products(within), products(within), Count(order_lines, within)
            ),
        ),
        Definition(
            "products_lapsed",
            says="Products ordered in the last 365 days, but not in the last {window}.",
            unit="products",
            null_means="orders in the last 365 days, but no product recorded",
            value=lapsed_products,
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
            "days_since_last_order",
            says="Days from the last order known before the snapshot to the snapshot.",
            unit="days",
            null_means="no order known before the snapshot",
            value=days_silent,
        ),
        Definition(
            "days_since_first_order",
            says="Days from the first order known before the snapshot to the snapshot.",
            unit="days",
            null_means="no order known before the snapshot",
            value=age(First(order_lines)),
        ),
        Definition(
            "usual_order_gap",
            says="Median days between neighbouring order days of the last 365 days.",
            unit="days",
            null_means="fewer than two order days in 365 days",
            value=usual_gap,
        ),
        Definition(
            "silence_over_usual_gap",
            says="Days since the last order over the usual gap between order days.",
            unit="usual gaps",
            null_means="fewer than two order days in 365 days",
            value=ratio(days_silent, usual_gap),
        ),
        Definition(
            "days_since_last_return",
            says="Days from the last return known before the snapshot to the snapshot.",
            unit="days",
            null_means="no return known before the snapshot",
            value=age(Last(return_lines)),
        ),
    ),
)
