"""The judge: every feature, computed from its sentence by plain loops over accounts and snapshots.

Slow and obvious on purpose, and it shares nothing with the engine: no SQL, no windows turned into
ranges, no definition imported. A count is an `int`, a span of time a `timedelta`, anything else a
`float`; unknown and not applicable are None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

from worlds import Row, World, complete, midnight

Answer = int | float | timedelta | None
Answers = dict[str, Answer]

DAY = timedelta(days=1)
YEAR = 365
SENIOR = {"manager", "director", "executive"}


class Seen:
    """What one snapshot sees of one account.

    Of every row the newest version known before the snapshot, unless that version deletes it, if
    it happened before the snapshot and counts for the account by the merges known before it.
    """

    def __init__(self, world: World, account: str, as_of: date) -> None:
        self.now = midnight(as_of)
        merges = {m["from_id"]: m["into_id"] for m in self._versions(world, "account_merges")}

        def rows(table: str, happened: str) -> list[Row]:
            return [
                row
                for row in self._versions(world, table)
                if row[happened] < self.now and counts_for(row["account_id"], merges) == account
            ]

        self.orders = rows("orders", "occurred_at")
        self.touches = rows("touches", "occurred_at")
        self.complaints = rows("complaints", "opened_at")

    def _versions(self, world: World, table: str) -> list[Row]:
        key = {
            "orders": lambda row: (row["order_id"], row["line_id"] or id(row)),
            "touches": id,
            "complaints": lambda row: row["complaint_id"],
            "account_merges": lambda row: row["from_id"],
        }[table]
        known = [row for row in world[table] if row["known_at"] < self.now]
        newest = {key(row): row for row in sorted(known, key=lambda row: row["known_at"])}
        return [row for row in newest.values() if not row["deleted"]]

    def last(self, days: int, rows: Iterable[Row], happened: str = "occurred_at") -> list[Row]:
        """The rows that happened in the last `days` days; exactly so many days ago still counts."""
        return [row for row in rows if self.now - days * DAY <= row[happened] < self.now]

    def before_last(self, days: int, rows: Iterable[Row]) -> list[Row]:
        """The rows of as many days before the last `days` days."""
        begin, end = self.now - 2 * days * DAY, self.now - days * DAY
        return [row for row in rows if begin <= row["occurred_at"] < end]

    def since(self, moments: Sequence[datetime], pick: Callable[..., datetime]) -> timedelta | None:
        """Time from the last (`pick` is max) or first (min) of the moments; None without any."""
        return self.now - pick(moments) if moments else None

    def stage(self, complaint: Row, name: str) -> datetime | None:
        """When a stage happened; None where it has not, or we do not know of it yet."""
        happened, known = complaint[f"{name}_at"], complaint[f"{name}_known_at"]
        if not complaint[f"{name}_recorded"] or happened is None:
            return None
        return happened if happened < self.now and known < self.now else None


def counts_for(account: str, merges: dict[str, str]) -> str:
    """The account that an account has become part of, or itself."""
    while account in merges:
        account = merges[account]
    return account


def order_history(seen: Seen, windows: Sequence[int]) -> Answers:
    """Answers of the family `order_history`."""
    lines = [row for row in seen.orders if row["amount_cents"] > 0]
    returns = [row for row in seen.orders if row["amount_cents"] < 0]
    moments = [row["occurred_at"] for row in lines]
    gap = _usual_gap(seen.last(YEAR, lines))
    silence = seen.since(moments, max)
    answers: Answers = {
        "days_since_last_order": silence,
        "days_since_first_order": seen.since(moments, min),
        "usual_order_gap": gap,
        "silence_over_usual_gap": _over(silence / DAY, gap) if silence and gap else None,
        "days_since_last_return": seen.since([row["occurred_at"] for row in returns], max),
    }
    for days in windows:
        recent = seen.last(days, lines)
        orders, products = _different(recent, "order_id"), _different(recent, "product_id")
        spend = sum(row["amount_cents"] for row in recent)
        margins = [row["margin_cents"] for row in recent if row["margin_cents"] is not None]
        returned = seen.last(days, returns)
        credited = -sum(row["amount_cents"] for row in returned)
        answers |= {
            f"orders_count_{days}d": len(orders),
            f"order_days_count_{days}d": len({row["occurred_at"].date() for row in recent}),
            f"order_lines_count_{days}d": len(recent),
            f"spend_{days}d": spend / 100,
            f"margin_{days}d": _known(sum(margins) / 100, margins, recent),
            f"order_value_mean_{days}d": _over(spend / 100, len(orders)),
            f"products_count_{days}d": _known(len(products), products, recent),
            f"return_lines_count_{days}d": len(returned),
            f"returns_share_{days}d": _over(credited, spend),
        }
        if days < YEAR:
            year = seen.last(YEAR, lines)
            bought = _different(year, "product_id")
            answers[f"products_lapsed_{days}d"] = _known(len(bought - products), bought, year)
        if 2 * days <= YEAR:
            earlier = seen.before_last(days, lines)
            # An order with lines on both sides of the boundary is an order of the last days.
            orders_before = _different(earlier, "order_id") - orders
            spend_before = sum(row["amount_cents"] for row in earlier)
            answers[f"orders_change_{days}d"] = _change(len(orders), len(orders_before))
            answers[f"spend_change_{days}d"] = _change(spend, spend_before)
    return answers


def contact_breadth(seen: Seen, windows: Sequence[int]) -> Answers:
    """Answers of the family `contact_breadth`."""
    touches = seen.touches
    moments = [row["occurred_at"] for row in touches]
    senior = [r["occurred_at"] for r in touches if (r["seniority"] or "").lower() in SENIOR]
    gap = _usual_gap(seen.last(YEAR, touches))
    silence = seen.since(moments, max)
    answers: Answers = {
        "days_since_last_touch": silence,
        "days_since_last_senior_touch": seen.since(senior, max),
        "days_since_first_touch": seen.since(moments, min),
        "usual_touch_gap": gap,
        "silence_over_usual_touch_gap": _over(silence / DAY, gap) if silence and gap else None,
    }
    for days in windows:
        recent = seen.last(days, touches)
        contacts, reps = _different(recent, "contact_id"), _different(recent, "rep_id")
        roles, departments = _different(recent, "role"), _different(recent, "department")
        busiest = max(Counter(row["contact_id"] for row in recent).values(), default=0)
        theirs = [row for row in recent if row["initiated_by"] == "account"]
        orders = _different(
            [row for row in seen.last(days, seen.orders) if row["amount_cents"] > 0], "order_id"
        )
        answers |= {
            f"touches_count_{days}d": len(recent),
            f"contacts_count_{days}d": len(contacts),
            f"roles_count_{days}d": _known(len(roles), roles, recent),
            f"departments_count_{days}d": _known(len(departments), departments, recent),
            f"reps_count_{days}d": len(reps),
            f"dyads_count_{days}d": len({(row["contact_id"], row["rep_id"]) for row in recent}),
            f"busiest_contact_share_{days}d": _over(busiest, len(recent)),
            f"account_initiated_share_{days}d": _over(len(theirs), len(recent)),
            f"touches_per_order_{days}d": _over(len(recent), len(orders)),
        }
        if days < YEAR:
            of_year = seen.last(YEAR, touches)
            answers |= {
                f"contacts_lapsed_{days}d": len(_different(of_year, "contact_id") - contacts),
                f"reps_lapsed_{days}d": len(_different(of_year, "rep_id") - reps),
            }
        if 2 * days <= YEAR:
            earlier = seen.before_last(days, touches)
            answers[f"touches_change_{days}d"] = _change(len(recent), len(earlier))
    return answers


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
        orders = _different(
            [row for row in seen.last(days, seen.orders) if row["amount_cents"] > 0], "order_id"
        )
        due = [c for c in opened if c["resolved_recorded"] and c["due_at"] is not None]
        late = [c for c in due if _resolved_late(seen, c) or c in overdue]
        answers |= {
            f"complaints_count_{days}d": len(opened),
            f"complaints_per_order_{days}d": _over(len(opened), len(orders)),
            f"complaints_repeated_{days}d": _known(
                sum(number - 1 for number in categories.values()), categories, opened
            ),
            f"first_response_days_{days}d": _mean_wait(seen, opened, "first_response"),
            f"resolution_days_{days}d": _mean_wait(seen, opened, "resolved"),
            f"resolved_late_share_{days}d": _over(len(late), len(due)),
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
    return _over(sum(waits, timedelta()) / DAY, len(waits))


def _known(answer: Answer, recorded: Collection[object], rows: Collection[object]) -> Answer:
    """The answer; None where there are rows, but none that records what it needs."""
    return answer if recorded or not rows else None


def _different(rows: Iterable[Row], column: str) -> set[str]:
    return {row[column] for row in rows if row[column] is not None}


def _over(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def _change(now: int, before: int) -> float | None:
    return _over(now - before, now + before)


def _usual_gap(rows: Iterable[Row]) -> float | None:
    days = sorted({row["occurred_at"].date() for row in rows})
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    return float(median(gaps)) if gaps else None


REFERENCES: dict[str, Callable[[Seen, Sequence[int]], Answers]] = {
    "order_history": order_history,
    "contact_breadth": contact_breadth,
    "complaint_latency": complaint_latency,
}


def reference(
    family: str,
    world: World,
    rows: Iterable[tuple[str, date]],
    windows: Sequence[int],
) -> dict[tuple[str, date], Answers]:
    """The family's answers for each (account, snapshot) of `rows`."""
    completed = complete(world)
    return {
        (account, as_of): REFERENCES[family](Seen(completed, account, as_of), windows)
        for account, as_of in rows
    }
