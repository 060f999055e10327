"""The judge of `contact_breadth`: every feature from its sentence, by plain loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from math import exp, log

from seen import (
    DAY,
    SENIOR,
    YEAR,
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

RECORDED = {"role": "roles", "department": "departments", "seniority": "seniority_levels"}


def contact_breadth(seen: Seen, windows: Sequence[int]) -> Answers:
    """Answers of the family `contact_breadth`."""
    touches, year = seen.touches, seen.last(YEAR, seen.touches)
    moments = [row["occurred_at"] for row in touches]
    senior = [r["occurred_at"] for r in touches if (r["seniority"] or "").lower() in SENIOR]
    gap = usual_gap(year)
    silence = seen.since(moments, max)
    with_key_contact = _moments_of_key_contact(year)
    first_touches, handovers = _first_touches(touches, "contact_id"), _handovers(touches)
    answers: Answers = {
        "days_since_last_touch": silence,
        "days_since_last_senior_touch": seen.since(senior, max),
        "days_since_first_touch": seen.since(moments, min),
        "usual_touch_gap": gap,
        "silence_over_usual_touch_gap": over(silence / DAY, gap) if silence and gap else None,
        "touch_gap_variation": variation(gaps_of(year)),
        "days_since_last_handover": seen.since(handovers, max),
        "days_since_key_contact": seen.since(with_key_contact, max),
        "key_contact_silence_over_gap": _silence_over_mean_gap(seen, with_key_contact),
    }
    for days in windows:
        recent = seen.last(days, touches)
        contacts, reps = different(recent, "contact_id"), different(recent, "rep_id")
        of_contacts = Counter(row["contact_id"] for row in recent)
        of_reps = Counter(row["rep_id"] for row in recent)
        said = [row["initiated_by"] for row in recent if row["initiated_by"] is not None]
        with_departed = [row for row in recent if row["rep_id"] in seen.departed]
        orders = different(
            [row for row in seen.last(days, seen.orders) if row["amount_cents"] > 0], "order_id"
        )
        answers |= {
            f"touches_count_{days}d": len(recent),
            f"contacts_count_{days}d": len(contacts),
            f"contacts_new_{days}d": len(_within(seen, days, first_touches)),
            f"reps_count_{days}d": len(reps),
            f"handovers_count_{days}d": len(_within(seen, days, handovers)),
            f"departed_reps_share_{days}d": over(len(with_departed), len(recent)),
            f"dyads_count_{days}d": len(_dyads(recent)),
            f"busiest_contact_share_{days}d": over(
                max(of_contacts.values(), default=0), len(recent)
            ),
            f"busiest_rep_share_{days}d": over(max(of_reps.values(), default=0), len(recent)),
            f"contacts_effective_{days}d": _effective_number(of_contacts),
            f"account_initiated_share_{days}d": over(said.count("account"), len(said)),
            f"touches_per_order_{days}d": over(len(recent), len(orders)),
        }
        for column, what in RECORDED.items():
            values = different(recent, column)
            answers[f"{what}_count_{days}d"] = known(len(values), values, recent)
        if days < YEAR:
            answers |= {
                f"contacts_lapsed_{days}d": len(different(year, "contact_id") - contacts),
                f"reps_lapsed_{days}d": len(different(year, "rep_id") - reps),
                f"dyads_lapsed_{days}d": len(_dyads(year) - _dyads(recent)),
            }
            for column, what in RECORDED.items():
                values = different(year, column)
                gone = values - different(recent, column)
                answers[f"{what}_lapsed_{days}d"] = known(len(gone), values, year)
        if 2 * days <= YEAR:
            earlier = seen.before_last(days, touches)
            answers[f"touches_change_{days}d"] = change(len(recent), len(earlier))
            not_since = different(earlier, "contact_id") - contacts
            answers[f"contacts_change_{days}d"] = change(len(contacts), len(not_since))
    return answers


def _dyads(touches: list[Row]) -> set[tuple[str, str]]:
    return {(row["contact_id"], row["rep_id"]) for row in touches}


def _first_touches(touches: list[Row], column: str) -> list[datetime]:
    """When the account first met each contact, or each representative, in order of time."""
    return sorted(
        min(row["occurred_at"] for row in touches if row[column] == somebody)
        for somebody in different(touches, column)
    )


def _handovers(touches: list[Row]) -> list[datetime]:
    """When each representative came, the very first aside."""
    return _first_touches(touches, "rep_id")[1:]


def _within(seen: Seen, days: int, moments: list[datetime]) -> list[datetime]:
    return [moment for moment in moments if moment >= seen.now - days * DAY]


def _effective_number(counts: Counter[str]) -> float | None:
    shares = [count / counts.total() for count in counts.values()]
    return exp(-sum(share * log(share) for share in shares)) if shares else None


def _moments_of_key_contact(touches: list[Row]) -> list[datetime]:
    """Touches with the contact who has most; of several, the one touched last, then by name."""
    moments = {
        contact: sorted(row["occurred_at"] for row in touches if row["contact_id"] == contact)
        for contact in sorted(different(touches, "contact_id"))
    }
    return max(moments.values(), key=lambda of_one: (len(of_one), of_one[-1]), default=[])


def _silence_over_mean_gap(seen: Seen, moments: list[datetime]) -> float | None:
    if len(moments) < 2:
        return None
    mean_gap = (moments[-1] - moments[0]) / DAY / (len(moments) - 1)
    return over((seen.now - moments[-1]) / DAY, mean_gap)
