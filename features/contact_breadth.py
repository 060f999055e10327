"""What the touches say: how many people carry the relationship, how evenly, how lately."""

from __future__ import annotations

from collections.abc import Callable

from features.definition import Definition, Family
from features.expressions import (
    DAYS_PER_YEAR,
    age,
    arrived,
    arrived_later,
    busiest_share,
    change,
    lapsed,
    last_arrival,
    ratio,
    variation,
    where_recorded,
)
from features.order_history import orders
from features.populations import Arrivals, Facts, Population, Successions
from features.values import (
    Count,
    Distinct,
    Entropy,
    Expression,
    First,
    Largest,
    Last,
    Median,
    OfBusiest,
    Value,
)

touches = Population("touches", "touches")
senior_touches = Population(
    "senior_touches", "touches", where="LOWER(seniority) IN ('manager', 'director', 'executive')"
)
begun_by_someone = Population("begun_by_someone", "touches", where="initiated_by IS NOT NULL")
account_initiated = Population("account_initiated", "touches", where="initiated_by = 'account'")
touches_of_departed = Population(
    "touches_of_departed",
    "touches",
    since=("occurred_at", "known_at", "reps.left_on"),
    facts=Facts("reps", "rep_id"),
)
touch_gaps = Successions("touch_gaps", touches)
contact_arrivals = Arrivals("contact_arrivals", touches, "contact_id")
rep_arrivals = Arrivals("rep_arrivals", touches, "rep_id")

first_touch = First(touches)
usual_gap = Median(touch_gaps, DAYS_PER_YEAR)
days_silent = age(Last(touches))
key_contact_last = OfBusiest(touches, DAYS_PER_YEAR, key="contact_id", which="last")
key_contact_first = OfBusiest(touches, DAYS_PER_YEAR, key="contact_id", which="first")


def touch_count(within: int | None) -> Count:
    """Touches within the window."""
    return Count(touches, within)


def contacts(within: int | None) -> Distinct:
    """Distinct contacts touched within the window."""
    return Distinct(touches, within, key="contact_id")


def representatives(within: int | None) -> Distinct:
    """Distinct representatives of ours in touches within the window."""
    return Distinct(touches, within, key="rep_id")


def dyads(within: int | None) -> Distinct:
    """Distinct pairs of a contact and a representative within the window."""
    return Distinct(touches, within, key="contact_id || CHR(31) || rep_id")


def _distinct(column: str) -> Callable[[int], Distinct]:
    return lambda within: Distinct(touches, within, key=column)


def _recorded(column: str) -> Callable[[int], Value]:
    """Distinct values of a column; null where there are touches, but none of them records it."""
    found = _distinct(column)
    return lambda within: where_recorded(found(within), found(within), touch_count(within))


def _lapsed(column: str) -> Callable[[int], Value | None]:
    """What the last year has and the window lacks; null where no touch of the year records it."""

    def gone(within: int) -> Value | None:
        found = _distinct(column)
        missing = lapsed(found, within)
        if missing is None:
            return None
        return where_recorded(missing, found(DAYS_PER_YEAR), touch_count(DAYS_PER_YEAR))

    return gone


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
            "contacts_new",
            says="Contacts whose first touch lies in the last {window} days.",
            unit="contacts",
            null_means="never null; no touch is 0",
            value=lambda within: arrived(contact_arrivals, within),
        ),
        Definition(
            "contacts_change",
            says="Contacts of the last {window} days minus those touched in the {window} days "
            "before and not since, over both.",
            unit="share, -1 to 1",
            null_means="no touch in either window",
            value=lambda within: change(contacts, within),
        ),
        Definition(
            "roles_count",
            says="Distinct roles among the contacts touched in the last {window} days.",
            unit="roles",
            null_means="touches in the window, but no role recorded",
            value=_recorded("role"),
        ),
        Definition(
            "departments_count",
            says="Distinct departments among the contacts touched in the last {window} days.",
            unit="departments",
            null_means="touches in the window, but no department recorded",
            value=_recorded("department"),
        ),
        Definition(
            "seniority_levels_count",
            says="Distinct seniority levels among the contacts touched in the last {window} days.",
            unit="levels",
            null_means="touches in the window, but no seniority recorded",
            value=_recorded("seniority"),
        ),
        Definition(
            "roles_lapsed",
            says="Roles with a touch in the last 365 days, but none in the last {window}.",
            unit="roles",
            null_means="touches in the last 365 days, but no role recorded",
            value=_lapsed("role"),
        ),
        Definition(
            "departments_lapsed",
            says="Departments with a touch in the last 365 days, but none in the last {window}.",
            unit="departments",
            null_means="touches in the last 365 days, but no department recorded",
            value=_lapsed("department"),
        ),
        Definition(
            "seniority_levels_lapsed",
            says="Seniority levels with a touch in the last 365 days, but none in the last "
            "{window}.",
            unit="levels",
            null_means="touches in the last 365 days, but no seniority recorded",
            value=_lapsed("seniority"),
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
            "handovers_count",
            says="Representatives whose first touch with the account lies in the last {window} "
            "days, the account's very first representative aside.",
            unit="handovers",
            null_means="never null; none is 0",
            value=lambda within: arrived_later(rep_arrivals, within, first_touch),
        ),
        Definition(
            "departed_reps_share",
            says="Share of the touches of the last {window} days that were with a representative "
            "who has left us: by the table `reps`, else inferred from 60 days without any touch.",
            unit="share, 0 to 1",
            null_means="no touch in the window",
            value=lambda within: ratio(Count(touches_of_departed, within), touch_count(within)),
        ),
        Definition(
            "dyads_count",
            says="Distinct pairs of a contact and a representative in the last {window} days.",
            unit="pairs",
            null_means="never null; no touch is 0",
            value=dyads,
        ),
        Definition(
            "dyads_lapsed",
            says="Pairs of a contact and a representative with a touch in the last 365 days, but "
            "none in the last {window}.",
            unit="pairs",
            null_means="never null; no touch is 0",
            value=lambda within: lapsed(dyads, within),
        ),
        Definition(
            "busiest_contact_share",
            says="Share of the touches of the last {window} days that the busiest contact has: "
            "1 if the relationship depends on one person.",
            unit="share, 0 to 1",
            null_means="no touch in the window",
            value=lambda within: busiest_share(touches, within, "contact_id"),
        ),
        Definition(
            "busiest_rep_share",
            says="Share of the touches of the last {window} days that the busiest of our "
            "representatives has.",
            unit="share, 0 to 1",
            null_means="no touch in the window",
            value=lambda within: busiest_share(touches, within, "rep_id"),
        ),
        Definition(
            "contacts_effective",
            says="Effective number of contacts in the last {window} days: how many, if the touches "
            "were spread evenly, would have the same entropy.",
            unit="contacts, 1 or more",
            null_means="no touch in the window",
            value=lambda within: Expression(
                "CASE WHEN {1} > 0 THEN EXP({0}) END",
                (Entropy(touches, within, key="contact_id"), touch_count(within)),
            ),
        ),
        Definition(
            "account_initiated_share",
            says="Share of the touches of the last {window} days that the account began, among "
            "those that record who did.",
            unit="share, 0 to 1",
            null_means="no touch in the window that records who began it",
            value=lambda within: ratio(
                Count(account_initiated, within), Count(begun_by_someone, within)
            ),
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
        Definition(
            "touch_gap_variation",
            says="Standard deviation over mean of the days between neighbouring days with a touch, "
            "of the last 365 days: 0 for a clockwork.",
            unit="ratio, 0 or more",
            null_means="fewer than three days with a touch in 365 days",
            value=variation(touch_gaps, DAYS_PER_YEAR),
        ),
        Definition(
            "days_since_last_handover",
            says="Days from the first touch of the representative who came last to the account "
            "(the account's very first aside) to the snapshot.",
            unit="days",
            null_means="no handover known before the snapshot",
            value=age(last_arrival(rep_arrivals)),
        ),
        Definition(
            "days_since_key_contact",
            says="Days since the last touch with the key contact: the one with the most touches in "
            "the last 365 days; of several, the one touched last.",
            unit="days",
            null_means="no touch in 365 days",
            value=age(key_contact_last),
        ),
        Definition(
            "key_contact_silence_over_gap",
            says="Days since the last touch with the key contact over the mean time between that "
            "contact's touches, all within the last 365 days.",
            unit="mean gaps",
            null_means="no two touches of the key contact at different times in 365 days",
            value=Expression(
                "(CAST(({as_of} - {0}) * ({2} - 1) AS DOUBLE) / NULLIF({0} - {1}, 0))",
                (
                    key_contact_last,
                    key_contact_first,
                    Largest(touches, DAYS_PER_YEAR, key="contact_id"),
                ),
            ),
        ),
    ),
)
