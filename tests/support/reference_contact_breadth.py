"""The judge of `contact_breadth`: every feature from its sentence, by plain loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seen import DAY, SENIOR, YEAR, Answers, Seen, change, different, known, over, usual_gap


def contact_breadth(seen: Seen, windows: Sequence[int]) -> Answers:
    """Answers of the family `contact_breadth`."""
    touches = seen.touches
    moments = [row["occurred_at"] for row in touches]
    senior = [r["occurred_at"] for r in touches if (r["seniority"] or "").lower() in SENIOR]
    gap = usual_gap(seen.last(YEAR, touches))
    silence = seen.since(moments, max)
    answers: Answers = {
        "days_since_last_touch": silence,
        "days_since_last_senior_touch": seen.since(senior, max),
        "days_since_first_touch": seen.since(moments, min),
        "usual_touch_gap": gap,
        "silence_over_usual_touch_gap": over(silence / DAY, gap) if silence and gap else None,
    }
    for days in windows:
        recent = seen.last(days, touches)
        contacts, reps = different(recent, "contact_id"), different(recent, "rep_id")
        roles, departments = different(recent, "role"), different(recent, "department")
        busiest = max(Counter(row["contact_id"] for row in recent).values(), default=0)
        theirs = [row for row in recent if row["initiated_by"] == "account"]
        orders = different(
            [row for row in seen.last(days, seen.orders) if row["amount_cents"] > 0], "order_id"
        )
        answers |= {
            f"touches_count_{days}d": len(recent),
            f"contacts_count_{days}d": len(contacts),
            f"roles_count_{days}d": known(len(roles), roles, recent),
            f"departments_count_{days}d": known(len(departments), departments, recent),
            f"reps_count_{days}d": len(reps),
            f"dyads_count_{days}d": len({(row["contact_id"], row["rep_id"]) for row in recent}),
            f"busiest_contact_share_{days}d": over(busiest, len(recent)),
            f"account_initiated_share_{days}d": over(len(theirs), len(recent)),
            f"touches_per_order_{days}d": over(len(recent), len(orders)),
        }
        if days < YEAR:
            of_year = seen.last(YEAR, touches)
            answers |= {
                f"contacts_lapsed_{days}d": len(different(of_year, "contact_id") - contacts),
                f"reps_lapsed_{days}d": len(different(of_year, "rep_id") - reps),
            }
        if 2 * days <= YEAR:
            earlier = seen.before_last(days, touches)
            answers[f"touches_change_{days}d"] = change(len(recent), len(earlier))
    return answers
