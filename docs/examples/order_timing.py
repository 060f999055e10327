"""When the account orders: when in the month and the week, and in whose wake.

An example of a family of one's own; docs/own-families.md tells how to write and register one.
"""

from features.definition import Definition, Family
from features.expressions import ratio, where_recorded
from features.order_history import order_lines, orders, spend
from features.populations import Population
from features.values import Count, DaysAround, Distinct, Expression, Largest

AFTER_VISIT_DAYS = 30
WEEKDAY = "EXTRACT(DOW FROM occurred_at)"  # SQL over the row, in DuckDB's dialect

# Which rows count. A row is seen at a snapshot once it has happened and is known: `since` says so
# by default, so leave it alone unless a row counts from yet another stamp on.
early_lines = Population(
    "early_lines", "orders", where="amount_cents > 0 AND EXTRACT(DAY FROM occurred_at) <= 7"
)
visits = Population("visits", "touches", where="LOWER(channel) = 'visit'")
touches = Population("touches", "touches")
channelled = Population("channelled", "touches", where="channel IS NOT NULL")

FAMILY = Family(
    name="order_timing",
    says="When in the month and the week the account orders, and whether it orders after a visit.",
    table="orders",
    definitions=(
        Definition(
            "early_orders_share",
            says="Share of the orders of the last {window} days with a line in the first seven "
            "days of a month: budgets are fresh then.",
            unit="share, 0 to 1",
            null_means="no order in the window",
            value=lambda within: ratio(
                Distinct(early_lines, within, key="order_id"), orders(within)
            ),
        ),
        Definition(
            "busiest_weekday_share",
            says="Share of the value ordered in the last {window} days that falls on the account's "
            "strongest day of the week: 1 for a fixed order day.",
            unit="share, 1/7 to 1",
            null_means="no order in the window",
            value=lambda within: ratio(
                Largest(order_lines, within, key=WEEKDAY, measure="amount_cents"), spend(within)
            ),
        ),
        Definition(
            "order_weekdays_count",
            says="Different days of the week with an order line in the last {window} days.",
            unit="days of the week, 0 to 7",
            null_means="never null; no order is 0",
            value=lambda within: Distinct(order_lines, within, key=WEEKDAY),
        ),
        Definition(
            "visits_count",
            says="Touches of the last {window} days that were visits.",
            unit="visits",
            null_means="touches in the window, but no channel recorded",
            value=lambda within: where_recorded(
                Count(visits, within), Count(channelled, within), Count(touches, within)
            ),
        ),
        Definition(
            "order_days_after_visit",
            says=f"Days with an order line in the {AFTER_VISIT_DAYS} days from the last visit on, "
            "as far as they have passed.",
            unit="days",
            null_means="no visit known before the snapshot",
            value=Expression(
                "CASE WHEN {1} > 0 THEN {0} END",
                (
                    DaysAround(order_lines, AFTER_VISIT_DAYS, anchor=visits, after=True),
                    Count(visits),
                ),
            ),
        ),
    ),
)
