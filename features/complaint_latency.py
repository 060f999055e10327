"""What the complaints say: how many, how long each stage takes or has taken so far, what lies open.

A stage counts from the moment we knew of it. Until then the complaint is open and ages with every
snapshot, so a long wait is seen while it lasts and not only once it is over. Where a source does
not record a stage, latency is unknown, never zero.
"""

from __future__ import annotations

from features.definition import Definition, Family
from features.order_history import orders
from features.values import (
    Count,
    Distinct,
    Expression,
    First,
    Last,
    Population,
    Total,
    Value,
    age,
    days,
    difference,
    ratio,
    total_age,
    where_recorded,
)

KNOWN = ("opened_at", "known_at")
RESPONSE = ("first_response_at", "first_response_known_at", "known_at")
RESOLUTION = ("resolved_at", "resolved_known_at", "known_at")
REOPENING = ("reopened_at", "reopened_known_at", "known_at")
OPENED_SECOND = "DATE_DIFF('second', TIMESTAMP '1970-01-01', opened_at)"


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

# Reopened is unresolved again, from the moment that we knew; a second resolution comes as a new
# version of the row.
_AGAIN = "reopened_recorded AND reopened_at >= resolved_at"
unresolved = _population("unresolved", until=RESOLUTION, where="resolved_recorded")
unresolved_again = _population(
    "unresolved_again",
    since=KNOWN + RESOLUTION + REOPENING,
    where=f"resolved_recorded AND {_AGAIN}",
)
resolved = _population("resolved", since=KNOWN + RESOLUTION, where="resolved_recorded")
overdue = _population(
    "overdue", since=(*KNOWN, "due_at"), until=RESOLUTION, where="resolved_recorded"
)
resolved_late = _population(
    "resolved_late",
    since=KNOWN + RESOLUTION,
    where="resolved_recorded AND resolved_at > due_at",
)
with_due_date = _population("with_due_date", where="resolved_recorded AND due_at IS NOT NULL")
reopenings = _population(
    "reopenings", since=KNOWN + REOPENING, where="reopened_recorded", occurred="reopened_at"
)


def complaint_count(within: int | None) -> Count:
    """Complaints opened within the window."""
    return Count(complaints, within)


def _where_stage_recorded(value: Value, recorded: Population) -> Expression:
    """The value; null where the account has complaints, but none with the stage recorded."""
    return where_recorded(value, Count(recorded), Count(complaints))


def _mean_days_so_far(
    waiting: Population, done: Population, seconds: str, within: int
) -> Expression:
    """Mean days of a stage over the complaints opened within the window.

    A complaint that still waits counts with its age at the snapshot.
    """
    waiting_seconds = total_age(
        Count(waiting, within), Total(waiting, within, measure=OPENED_SECOND)
    )
    return days(
        ratio(
            Expression("({0} + {1})", (waiting_seconds, Total(done, within, measure=seconds))),
            Expression("({0} + {1})", (Count(waiting, within), Count(done, within))),
        )
    )


FAMILY = Family(
    name="complaint_latency",
    says="How often the account complains, how long it waits, and what still lies open.",
    table="complaints",
    definitions=(
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
            "complaints_repeated",
            says="Complaints of the last {window} days beyond the first in their category.",
            unit="complaints",
            null_means="complaints in the window, but no category recorded",
            value=lambda within: where_recorded(
                difference(
                    Count(categorised, within), Distinct(complaints, within, key="category")
                ),
                Count(categorised, within),
                complaint_count(within),
            ),
        ),
        Definition(
            "first_response_days",
            says="Mean days to the first response over complaints opened in the last {window} "
            "days; one that still waits counts with its age.",
            unit="days",
            null_means="no complaint in the window whose response is recorded",
            value=lambda within: _mean_days_so_far(
                unanswered,
                answered,
                "DATE_DIFF('second', opened_at, first_response_at)",
                within,
            ),
        ),
        Definition(
            "resolution_days",
            says="Mean days to the first resolution over complaints opened in the last {window} "
            "days; one that still waits counts with its age.",
            unit="days",
            null_means="no complaint in the window whose resolution is recorded",
            value=lambda within: _mean_days_so_far(
                unresolved, resolved, "DATE_DIFF('second', opened_at, resolved_at)", within
            ),
        ),
        Definition(
            "resolved_late_share",
            says="Share of the complaints opened in the last {window} days and given a due time "
            "that were resolved after it or are overdue now.",
            unit="share, 0 to 1",
            null_means="no complaint in the window with a due time",
            value=lambda within: ratio(
                Expression("({0} + {1})", (Count(overdue, within), Count(resolved_late, within))),
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
                Expression("({0} + {1})", (Count(unresolved), Count(unresolved_again))),
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
    ),
)
