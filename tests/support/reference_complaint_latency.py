"""The judge of `complaint_latency`: every feature from its sentence, by plain loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from seen import DAY, YEAR, Answer, Answers, Seen, change, different, known, over
from worlds import Row

PROMPT = 14 * DAY
RHYTHM_DAYS = 90
LIMIT_DAYS = {"first_response": 30, "resolved": 90}
SEVERITY = {"low": 1, "medium": 2, "high": 3, "critical": 4}


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
    def if_recorded(answer: Answer, recorded: list[Row]) -> Answer:
        return known(answer, recorded, complaints)

    ages = [(seen.now - c["opened_at"], _severity(c)) for c in never_resolved]
    answers: Answers = {
        "complaints_unanswered": if_recorded(len(unanswered), answerable),
        "oldest_unanswered_days": seen.since([c["opened_at"] for c in unanswered], min),
        "complaints_unresolved": if_recorded(len(never_resolved) + len(reopened), resolvable),
        "oldest_unresolved_days": seen.since([c["opened_at"] for c in never_resolved], min),
        "unresolved_days_total": if_recorded(
            sum((age for age, _ in ages), timedelta()), resolvable
        ),
        "unresolved_days_by_severity": if_recorded(
            sum((age * SEVERITY.get(grade, 1) for age, grade in ages), timedelta()), resolvable
        ),
        "complaints_overdue": if_recorded(len(overdue), resolvable),
        "days_since_last_complaint": seen.since([c["opened_at"] for c in complaints], max),
        "days_since_last_resolution": seen.since(resolutions, max),
        "order_days_change_after_complaint": _order_days_change(seen),
    }
    for days in windows:
        opened = seen.last(days, complaints, "opened_at")
        categories = Counter(c["category"] for c in opened if c["category"] is not None)
        orders = different(
            [row for row in seen.last(days, seen.orders) if row["amount_cents"] > 0], "order_id"
        )
        due = [c for c in opened if c["resolved_recorded"] and c["due_at"] is not None]
        late = [c for c in due if _resolved_late(seen, c) or c in overdue]
        graded = [c for c in opened if c["severity"] is not None]
        severe = [c for c in graded if _severity(c) in {"high", "critical"}]
        judged = [
            c for c in opened if c["resolved_recorded"] and c["opened_at"] + PROMPT < seen.now
        ]
        slow = [c for c in judged if not _resolved_promptly(seen, c)]
        resolved = [
            c
            for c in opened
            if c["resolved_recorded"] and c["reopened_recorded"] and seen.stage(c, "resolved")
        ]
        again = [c for c in resolved if seen.stage(c, "reopened")]
        answers |= {
            f"complaints_count_{days}d": len(opened),
            f"complaints_per_order_{days}d": over(len(opened), len(orders)),
            f"severe_complaints_count_{days}d": known(len(severe), graded, opened),
            f"complaints_repeated_{days}d": known(
                sum(number - 1 for number in categories.values()), categories, opened
            ),
            f"first_response_days_{days}d": _mean_wait(seen, opened, "first_response"),
            f"resolution_days_{days}d": _mean_wait(seen, opened, "resolved"),
            f"resolved_late_share_{days}d": over(len(late), len(due)),
            f"resolved_slowly_share_{days}d": over(len(slow), len(judged)),
            f"complaints_reopened_{days}d": len(seen.last(days, reopenings, "reopened")),
            f"reopened_share_{days}d": over(len(again), len(resolved)),
        }
        if 2 * days <= YEAR:
            earlier = seen.before_last(days, complaints, "opened_at")
            answers[f"complaints_change_{days}d"] = change(len(opened), len(earlier))
    return answers


def _reopened_since(seen: Seen, complaint: Row) -> bool:
    resolved, reopened = seen.stage(complaint, "resolved"), seen.stage(complaint, "reopened")
    return resolved is not None and reopened is not None and reopened >= resolved


def _due_passed(seen: Seen, complaint: Row) -> bool:
    return complaint["due_at"] is not None and complaint["due_at"] < seen.now


def _resolved_late(seen: Seen, complaint: Row) -> bool:
    resolved = seen.stage(complaint, "resolved")
    return resolved is not None and resolved > complaint["due_at"]


def _resolved_promptly(seen: Seen, complaint: Row) -> bool:
    resolved = seen.stage(complaint, "resolved")
    return resolved is not None and resolved <= complaint["opened_at"] + PROMPT


def _severity(complaint: Row) -> str:
    return (complaint["severity"] or "").lower()


def _mean_wait(seen: Seen, opened: list[Row], stage: str) -> float | None:
    """Days by Kaplan and Meier: the area under the share that still waits, to the longest wait."""
    seconds: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    for complaint in opened:
        if complaint[f"{stage}_recorded"]:
            happened = seen.stage(complaint, stage)
            wait = (happened or seen.now) - complaint["opened_at"]
            length = max(wait // timedelta(seconds=1), 0)
            seconds[length] += 1
            ended[length] += happened is not None
    if not seconds:
        return None
    area, still_waiting, begin, at_risk = 0.0, 1.0, 0, seconds.total()
    for length in sorted(seconds):
        end = min(length, LIMIT_DAYS[stage] * 86_400)
        area += still_waiting * (end - begin)
        still_waiting *= 1 - ended[length] / at_risk
        at_risk -= seconds[length]
        begin = end
    return area / 86_400


def _order_days_change(seen: Seen) -> float | None:
    """By days: order days per day from the last complaint's day on, against the 90 days before."""
    if not seen.complaints:
        return None
    of_complaint = max(c["opened_at"] for c in seen.complaints).date()
    passed = min((seen.now.date() - of_complaint).days, RHYTHM_DAYS)
    ordered = {row["occurred_at"].date() for row in seen.orders if row["amount_cents"] > 0}
    distances = [(day - of_complaint).days for day in ordered]
    before = sum(-RHYTHM_DAYS <= distance < 0 for distance in distances) / RHYTHM_DAYS
    after = sum(0 <= distance < RHYTHM_DAYS for distance in distances) / passed
    return over(after - before, after + before)
