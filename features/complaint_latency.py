"""What the complaints say: how many, how long each stage takes or has taken so far, what lies open.

A stage counts from the moment we knew of it. Until then the complaint is open and ages with every
snapshot, so a long wait is seen while it lasts and not only once it is over. Where a source does
not record a stage, latency is unknown, never zero.
"""

from __future__ import annotations

from features.definition import Definition, Family
from features.expressions import (
    age,
    change,
    days,
    difference,
    ratio,
    second,
    total,
    total_age,
    where_recorded,
)
from features.order_history import order_lines, orders
from features.populations import Population
from features.values import (
    Count,
    DaysAround,
    Distinct,
    Expression,
    First,
    Last,
    RestrictedMean,
    Total,
    Value,
)

RESPONSE_LIMIT_DAYS = 30  # a longer wait for the first response counts as this
RESOLUTION_LIMIT_DAYS = 90  # a longer wait for the resolution counts as this
RESOLUTION_DAYS = 14  # within which a complaint should be resolved, unless the config says another
RHYTHM_DAYS = 90  # before and after a complaint, in which order days are compared

KNOWN = ("opened_at", "known_at")
RESPONSE = ("first_response_at", "first_response_known_at", "known_at")
RESOLUTION = ("resolved_at", "resolved_known_at", "known_at")
REOPENING = ("reopened_at", "reopened_known_at", "known_at")
OPENED_SECOND = second("opened_at")
# The contract's four grades; what is not graded counts as the lowest.
SEVERITY_WEIGHT = (
    "CASE LOWER(severity) WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END"
)


def _population(
    name: str,
    since: tuple[str, ...] = KNOWN,
    until: tuple[str, ...] = (),
    where: str = "TRUE",
    occurred: str = "opened_at",
) -> Population:
    return Population(name, "complaints", occurred, since, until, where)


complaints = _population("complaints")
categorised = _population("categorised", where="category IS NOT NULL")
response_recorded = _population("response_recorded", where="first_response_recorded")
resolution_recorded = _population("resolution_recorded", where="resolved_recorded")

unanswered = _population("unanswered", until=RESPONSE, where="first_response_recorded")
answered = _population("answered", since=KNOWN + RESPONSE, where="first_response_recorded")

unresolved = _population("unresolved", until=RESOLUTION, where="resolved_recorded")
resolved = _population("resolved", since=KNOWN + RESOLUTION, where="resolved_recorded")
# Reopened is unresolved again, from the moment that we knew; a second resolution comes as a new
# version of the row.
reopened = _population(
    "reopened",
    since=KNOWN + RESOLUTION + REOPENING,
    where="resolved_recorded AND reopened_recorded AND reopened_at >= resolved_at",
)
overdue = _population(
    "overdue", since=(*KNOWN, "due_at"), until=RESOLUTION, where="resolved_recorded"
)
resolved_late = _population(
    "resolved_late",
    since=KNOWN + RESOLUTION,
    where="resolved_recorded AND resolved_at > due_at",
)
with_due_date = _population("with_due_date", where="resolved_recorded AND due_at IS NOT NULL")
ever_reopened = _population(
    "ever_reopened",
    since=KNOWN + RESOLUTION + REOPENING,
    where="resolved_recorded AND reopened_recorded",
)
resolved_and_watched = _population(
    "resolved_and_watched",
    since=KNOWN + RESOLUTION,
    where="resolved_recorded AND reopened_recorded",
)
graded = _population("graded", where="severity IS NOT NULL")
severe = _population("severe", where="LOWER(severity) IN ('high', 'critical')")
reopenings = _population(
    "reopenings", since=KNOWN + REOPENING, where="reopened_recorded", occurred="reopened_at"
)


def complaint_count(within: int | None) -> Count:
    """Complaints opened within the window."""
    return Count(complaints, within)


def _where_stage_recorded(value: Value, recorded: Population) -> Expression:
    """The value; null where the account has complaints, but none with the stage recorded."""
    return where_recorded(value, Count(recorded), Count(complaints))


def _mean_wait(
    waiting: Population, done: Population, stage: str, limit_days: int, within: int
) -> Expression:
    """Mean days until a stage over the complaints opened within the window."""
    return days(
        RestrictedMean(
            waiting,
            within,
            done=done,
            duration=f"{second(stage)} - {OPENED_SECOND}",
            limit_days=limit_days,
        )
    )


def _slow_share(resolution_days: int, within: int) -> Expression:
    """Complaints of the window that were not resolved so many days after their opening."""
    deadline = f"opened_at + INTERVAL {resolution_days} DAY"
    judged = _population("judged", since=(*KNOWN, deadline), where="resolved_recorded")
    prompt = _population(
        "prompt",
        since=(*KNOWN, deadline, *RESOLUTION),
        where=f"resolved_recorded AND resolved_at <= {deadline}",
    )
    asked = Count(judged, within)
    return ratio(difference(asked, Count(prompt, within)), asked)


def _order_days_change() -> Expression:
    """Order days per day after the last complaint minus those before it, over both."""
    before = DaysAround(order_lines, RHYTHM_DAYS, anchor=complaints)
    after = DaysAround(order_lines, RHYTHM_DAYS, anchor=complaints, after=True)
    observed = f"LEAST({RHYTHM_DAYS}, CEIL(CAST({{as_of}} - {{2}} AS DOUBLE) / 86400))"
    return Expression(
        f"(({{1}} * {RHYTHM_DAYS} - {{0}} * {observed}) "
        f"/ NULLIF({{1}} * {RHYTHM_DAYS} + {{0}} * {observed}, 0))",
        (before, after, Last(complaints)),
    )


def _resolved_slowly(resolution_days: int) -> Definition:
    return Definition(
        "resolved_slowly_share",
        says="Share of the complaints opened in the last {window} days, and more than "
        f"{resolution_days} days ago, that were not resolved within {resolution_days} days.",
        unit="share, 0 to 1",
        null_means="no such complaint whose resolution is recorded",
        value=lambda within: _slow_share(resolution_days, within),
    )


DEFINITIONS = (
    Definition(
        "complaints_count",
        says="Complaints opened in the last {window} days.",
        unit="complaints",
        null_means="never null; no complaint is 0",
        value=complaint_count,
    ),
    Definition(
        "complaints_per_order",
        says="Complaints opened per order, both in the last {window} days.",
        unit="complaints per order",
        null_means="no order in the window",
        value=lambda within: ratio(complaint_count(within), orders(within)),
    ),
    Definition(
        "complaints_change",
        says="Complaints opened in the last {window} days minus those of the {window} days "
        "before, over both.",
        unit="share, -1 to 1",
        null_means="no complaint in either window",
        value=lambda within: change(complaint_count, within),
    ),
    Definition(
        "severe_complaints_count",
        says="Complaints opened in the last {window} days and graded high or critical.",
        unit="complaints",
        null_means="complaints in the window, but no severity recorded",
        value=lambda within: where_recorded(
            Count(severe, within), Count(graded, within), complaint_count(within)
        ),
    ),
    Definition(
        "complaints_repeated",
        says="Complaints of the last {window} days beyond the first in their category.",
        unit="complaints",
        null_means="complaints in the window, but no category recorded",
        value=lambda within: where_recorded(
            difference(Count(categorised, within), Distinct(complaints, within, key="category")),
            Count(categorised, within),
            complaint_count(within),
        ),
    ),
    Definition(
        "first_response_days",
        says="Mean days to the first response over complaints opened in the last {window} "
        f"days, by Kaplan and Meier: one that still waits counts as open-ended. Waits beyond "
        f"{RESPONSE_LIMIT_DAYS} days count as {RESPONSE_LIMIT_DAYS}.",
        unit=f"days, 0 to {RESPONSE_LIMIT_DAYS}",
        null_means="no complaint in the window whose response is recorded",
        value=lambda within: _mean_wait(
            unanswered, answered, "first_response_at", RESPONSE_LIMIT_DAYS, within
        ),
    ),
    Definition(
        "resolution_days",
        says="Mean days to the first resolution over complaints opened in the last {window} "
        f"days, by Kaplan and Meier: one that still waits counts as open-ended. Waits beyond "
        f"{RESOLUTION_LIMIT_DAYS} days count as {RESOLUTION_LIMIT_DAYS}.",
        unit=f"days, 0 to {RESOLUTION_LIMIT_DAYS}",
        null_means="no complaint in the window whose resolution is recorded",
        value=lambda within: _mean_wait(
            unresolved, resolved, "resolved_at", RESOLUTION_LIMIT_DAYS, within
        ),
    ),
    Definition(
        "resolved_late_share",
        says="Share of the complaints opened in the last {window} days and given a due time "
        "that were resolved after it or are overdue now.",
        unit="share, 0 to 1",
        null_means="no complaint in the window with a due time",
        value=lambda within: ratio(
            total(Count(overdue, within), Count(resolved_late, within)),
            Count(with_due_date, within),
        ),
    ),
    Definition(
        "complaints_reopened",
        says="Complaints reopened in the last {window} days.",
        unit="complaints",
        null_means="never null; no reopening is 0",
        value=lambda within: Count(reopenings, within),
    ),
    Definition(
        "reopened_share",
        says="Share of the complaints opened in the last {window} days and resolved since that "
        "were opened again.",
        unit="share, 0 to 1",
        null_means="no resolved complaint in the window that records whether it was reopened",
        value=lambda within: ratio(
            Count(ever_reopened, within), Count(resolved_and_watched, within)
        ),
    ),
    Definition(
        "complaints_unanswered",
        says="Complaints without a first response known before the snapshot.",
        unit="complaints",
        null_means="complaints exist, but responses are not recorded",
        value=_where_stage_recorded(Count(unanswered), response_recorded),
    ),
    Definition(
        "oldest_unanswered_days",
        says="Age of the oldest complaint without a first response.",
        unit="days",
        null_means="no unanswered complaint, or responses are not recorded",
        value=age(First(unanswered)),
    ),
    Definition(
        "complaints_unresolved",
        says="Complaints open at the snapshot: not resolved, or reopened since.",
        unit="complaints",
        null_means="complaints exist, but resolutions are not recorded",
        value=_where_stage_recorded(
            total(Count(unresolved), Count(reopened)),
            resolution_recorded,
        ),
    ),
    Definition(
        "oldest_unresolved_days",
        says="Age of the oldest complaint never resolved.",
        unit="days",
        null_means="no such complaint, or resolutions are not recorded",
        value=age(First(unresolved)),
    ),
    Definition(
        "unresolved_days_total",
        says="Summed age of the complaints never resolved.",
        unit="days",
        null_means="complaints exist, but resolutions are not recorded",
        value=_where_stage_recorded(
            days(total_age(Count(unresolved), Total(unresolved, measure=OPENED_SECOND))),
            resolution_recorded,
        ),
    ),
    Definition(
        "unresolved_days_by_severity",
        says="Summed age of the complaints never resolved, each weighted by its severity: low "
        "1, medium 2, high 3, critical 4, anything else 1.",
        unit="weighted days",
        null_means="complaints exist, but resolutions are not recorded",
        value=_where_stage_recorded(
            days(
                total_age(
                    Total(unresolved, measure=SEVERITY_WEIGHT),
                    Total(unresolved, measure=f"{SEVERITY_WEIGHT} * {OPENED_SECOND}"),
                )
            ),
            resolution_recorded,
        ),
    ),
    Definition(
        "complaints_overdue",
        says="Complaints unresolved at the snapshot whose due time has passed.",
        unit="complaints",
        null_means="complaints exist, but resolutions are not recorded",
        value=_where_stage_recorded(Count(overdue), resolution_recorded),
    ),
    Definition(
        "days_since_last_complaint",
        says="Days from the opening of the last complaint to the snapshot.",
        unit="days",
        null_means="no complaint known before the snapshot",
        value=age(Last(complaints)),
    ),
    Definition(
        "days_since_last_resolution",
        says="Days from the last resolution known before the snapshot to the snapshot.",
        unit="days",
        null_means="no resolution known before the snapshot",
        value=age(
            Last(
                _population(
                    "resolutions",
                    since=KNOWN + RESOLUTION,
                    where="resolved_recorded",
                    occurred="resolved_at",
                )
            )
        ),
    ),
    Definition(
        "order_days_change_after_complaint",
        says=f"Order days per day in the {RHYTHM_DAYS} days from the last complaint's on, as "
        f"far as they have passed, minus those in the {RHYTHM_DAYS} days before it, over both.",
        unit="share, -1 to 1",
        null_means="no complaint known before the snapshot, or no order day around the last",
        value=_order_days_change(),
    ),
)


def family(resolution_days: int = RESOLUTION_DAYS) -> Family:
    """The family; resolution_days: within which a complaint should be resolved."""
    return Family(
        name="complaint_latency",
        says="How often the account complains, how long it waits, and what still lies open.",
        table="complaints",
        definitions=(*DEFINITIONS, _resolved_slowly(resolution_days)),
    )


FAMILY = family()
