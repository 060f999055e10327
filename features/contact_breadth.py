"""What the touches say: how many people carry the relationship, how evenly, how lately."""

from __future__ import annotations

from features.definition import Definition, Family
from features.order_history import orders
from features.values import (
    DAYS_PER_YEAR,
    Busiest,
    Count,
    Distinct,
    Expression,
    First,
    Last,
    MedianGap,
    Population,
    age,
    change,
    lapsed,
    ratio,
    where_recorded,
)

touches = Population("touches", "touches")
senior_touches = Population(
    "senior_touches", "touches", where="LOWER(seniority) IN ('manager', 'director', 'executive')"
)
account_initiated = Population("account_initiated", "touches", where="initiated_by = 'account'")

usual_gap = MedianGap(touches, DAYS_PER_YEAR)
days_silent = age(Last(touches))


def touch_count(within: int | None) -> Count:
    """Touches within the window."""
    return Count(touches, within)


def contacts(within: int | None) -> Distinct:
    """Distinct contacts touched within the window."""
    return Distinct(touches, within, key="contact_id")


def representatives(within: int | None) -> Distinct:
    """Distinct representatives of ours in touches within the window."""
    return Distinct(touches, within, key="rep_id")


def _recorded(column: str, within: int) -> Expression:
    """Distinct values of a column; null where there are touches, but none of them records it."""
    found = Distinct(touches, within, key=column)
    return where_recorded(found, found, touch_count(within))


FAMILY = Family(
    name="contact_breadth",
    says="How many people carry the relationship on both sides, how evenly, how lately.",
    table="touches",
    definitions=(
        Definition(
            "touches_count",
            says="Touches in the last {window} days.",
            unit="touches",
            null_means="never null; no touch is 0",
            value=touch_count,
        ),
        Definition(
            "contacts_count",
            says="Distinct contacts with a touch in the last {window} days.",
            unit="contacts",
            null_means="never null; no touch is 0",
            value=contacts,
        ),
        Definition(
            "contacts_lapsed",
            says="Contacts with a touch in the last 365 days, but none in the last {window}.",
            unit="contacts",
            null_means="never null; no touch is 0",
            value=lambda within: lapsed(contacts, within),
        ),
        Definition(
            "roles_count",
            says="Distinct roles among the contacts touched in the last {window} days.",
            unit="roles",
            null_means="touches in the window, but no role recorded",
            value=lambda within: _recorded("role", within),
        ),
        Definition(
            "departments_count",
            says="Distinct departments among the contacts touched in the last {window} days.",
            unit="departments",
            null_means="touches in the window, but no department recorded",
            value=lambda within: _recorded("department", within),
        ),
        Definition(
            "reps_count",
            says="Distinct representatives of ours in touches of the last {window} days.",
            unit="representatives",
            null_means="never null; no touch is 0",
            value=representatives,
        ),
        Definition(
            "reps_lapsed",
            says="Representatives with a touch in the last 365 days, but none in the last "
            "{window}: a handover or a departure.",
            unit="representatives",
            null_means="never null; no touch is 0",
            value=lambda within: lapsed(representatives, within),
        ),
        Definition(
            "dyads_count",
            says="Distinct pairs of a contact and a representative in the last {window} days.",
            unit="pairs",
            null_means="never null; no touch is 0",
            value=lambda within: Distinct(touches, within, key="contact_id || CHR(31) || rep_id"),
        ),
        Definition(
            "busiest_contact_share",
            says="Share of the touches of the last {window} days that the busiest contact has.",
            unit="share, 0 to 1",
            null_means="no touch in the window",
            value=lambda within: ratio(
                Busiest(touches, within, key="contact_id"), touch_count(within)
            ),
        ),
        Definition(
            "account_initiated_share",
            says="Share of the touches of the last {window} days that the account began.",
            unit="share, 0 to 1",
            null_means="no touch in the window",
            value=lambda within: ratio(Count(account_initiated, within), touch_count(within)),
        ),
        Definition(
            "touches_change",
            says="Touches of the last {window} days minus those of the {window} days before, "
            "over both.",
            unit="share, -1 to 1",
            null_means="no touch in either window",
            value=lambda within: change(touch_count, within),
        ),
        Definition(
            "touches_per_order",
            says="Touches per order in the last {window} days.",
            unit="touches per order",
            null_means="no order in the window",
            value=lambda within: ratio(touch_count(within), orders(within)),
        ),
        Definition(
            "days_since_last_touch",
            says="Days from the last touch known before the snapshot to the snapshot.",
            unit="days",
            null_means="no touch known before the snapshot",
            value=days_silent,
        ),
        Definition(
            "days_since_last_senior_touch",
            says="Days from the last touch with a manager, director or executive to the snapshot.",
            unit="days",
            null_means="no such touch known before the snapshot",
            value=age(Last(senior_touches)),
        ),
        Definition(
            "days_since_first_touch",
            says="Days from the first touch known before the snapshot to the snapshot.",
            unit="days",
            null_means="no touch known before the snapshot",
            value=age(First(touches)),
        ),
        Definition(
            "usual_touch_gap",
            says="Median days between neighbouring days with a touch, of the last 365 days.",
            unit="days",
            null_means="fewer than two days with a touch in 365 days",
            value=usual_gap,
        ),
        Definition(
            "silence_over_usual_touch_gap",
            says="Days since the last touch over the usual gap between days with a touch.",
            unit="usual gaps",
            null_means="fewer than two days with a touch in 365 days",
            value=ratio(days_silent, usual_gap),
        ),
    ),
)
