"""The judge of `complaint_latency`: every feature from its sentence, by plain loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from seen import DAY, Answer, Answers, Seen, different, over
from worlds import Row


def complaint_latency(seen: Seen, windows: Sequence[int]) -> Answers:
    """Answers of the family `complaint_latency`."""
    complaints = seen.complaints
    answerable = [c for c in complaints if c["first_response_recorded"]]
    resolvable = [c for c in complaints if c["resolved_recorded"]]
    unanswered = [c for c in answerable if not seen.stage(c, "first_response")]
    never_resolved = [c for c in resolvable if not seen.stage(c, "resolved")]
    reopened = [c for c in resolvable if _reopened_since(seen, c)]
    overdue = [c for c in never_resolved if _due_passed(seen, c)]
    resolutions = [stamp for c in resolvable if (stamp := seen.stage(c, "resolved"))]
    reopenings = [{"reopened": s} for c in complaints if (s := seen.stage(c, "reopened"))]

    # Complaints whose stage nobody recorded say nothing; no complaint at all says zero.
    def known(count: Answer, recorded: list[Row]) -> Answer:
        return count if recorded or not complaints else None

    answers: Answers = {
        "complaints_unanswered": known(len(unanswered), answerable),
        "oldest_unanswered_days": seen.since([c["opened_at"] for c in unanswered], min),
        "complaints_unresolved": known(len(never_resolved) + len(reopened), resolvable),
        "oldest_unresolved_days": seen.since([c["opened_at"] for c in never_resolved], min),
        "unresolved_days_total": known(
            sum((seen.now - c["opened_at"] for c in never_resolved), timedelta()), resolvable
        ),
        "complaints_overdue": known(len(overdue), resolvable),
        "days_since_last_complaint": seen.since([c["opened_at"] for c in complaints], max),
        "days_since_last_resolution": seen.since(resolutions, max),
    }
    for days in windows:
        opened = seen.last(days, complaints, "opened_at")
        categories = Counter(c["category"] for c in opened if c["category"] is not None)
        orders = different(
            [row for row in seen.last(days, seen.orders) if row["amount_cents"] > 0], "order_id"
        )
        due = [c for c in opened if c["resolved_recorded"] and c["due_at"] is not None]
        late = [c for c in due if _resolved_late(seen, c) or c in overdue]
        answers |= {
            f"complaints_count_{days}d": len(opened),
            f"complaints_per_order_{days}d": over(len(opened), len(orders)),
            f"complaints_repeated_{days}d": known(
                sum(number - 1 for number in categories.values()), categories, opened
            ),
            f"first_response_days_{days}d": _mean_wait(seen, opened, "first_response"),
            f"resolution_days_{days}d": _mean_wait(seen, opened, "resolved"),
            f"resolved_late_share_{days}d": over(len(late), len(due)),
            f"complaints_reopened_{days}d": len(seen.last(days, reopenings, "reopened")),
        }
    return answers


def _reopened_since(seen: Seen, complaint: Row) -> bool:
    resolved, reopened = seen.stage(complaint, "resolved"), seen.stage(complaint, "reopened")
    return resolved is not None and reopened is not None and reopened >= resolved


def _due_passed(seen: Seen, complaint: Row) -> bool:
    return complaint["due_at"] is not None and complaint["due_at"] < seen.now


def _resolved_late(seen: Seen, complaint: Row) -> bool:
    resolved = seen.stage(complaint, "resolved")
    return resolved is not None and resolved > complaint["due_at"]


def _mean_wait(seen: Seen, opened: list[Row], stage: str) -> float | None:
    waits = [
        (seen.stage(complaint, stage) or seen.now) - complaint["opened_at"]
        for complaint in opened
        if complaint[f"{stage}_recorded"]
    ]
    return over(sum(waits, timedelta()) / DAY, len(waits))
