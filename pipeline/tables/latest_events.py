"""What an account did last before a snapshot, as far as it was known then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from features.complaint_latency import answered, complaints, reopened, resolved, unresolved
from features.contact_breadth import touches
from features.order_history import order_lines, traded_lines
from features.populations import Population
from features.visibility import Calendar, dated
from pipeline.engines import Engine
from pipeline.tables.actions import ACTIONS
from pipeline.tables.identity import merged_by
from pipeline.tables.values_table import IDENTITY
from pipeline.wording import counted

_TOUCH = ("contact_id", "role", "rep_id", "channel")
_COMPLAINT = ("complaint_id", "category", "severity")


@dataclass(frozen=True)
class Event:
    """An order, return, touch, complaint or action of ours on the account; what: in words."""

    at: datetime
    kind: str
    what: str


def latest_events(
    engine: Engine, account: str, as_of: date, most: int, currency: str | None
) -> list[Event]:
    """The latest of each kind, at most so many, the latest of all first."""
    asked = {
        "orders": _orders,
        "touches": _touches,
        "complaints": _complaints,
        "outcomes": _actions,
    }
    found = [
        event
        for table, ask in asked.items()
        if engine.has_table(table)
        for event in ask(_Seen(engine, account, as_of, most), currency)
    ]
    return sorted(found, key=lambda event: (event.at, event.kind), reverse=True)


def last_order_at(engine: Engine, account: str, as_of: date) -> datetime | None:
    """When the account last ordered, as known at the snapshot; None where it never did."""
    rows = _Seen(engine, account, as_of, 1).rows(order_lines, {}, "MAX(occurred_s) AS at_s", "")
    return _stamp(rows[0][0]) if rows and rows[0][0] is not None else None


def known_as(engine: Engine, account: str, as_of: date) -> str:
    """The account that this one had been merged into by the snapshot; itself if into none."""
    return merged_by(engine, as_of).get(account, account)


@dataclass(frozen=True)
class _Seen:
    """Asks for rows of an account that a snapshot sees."""

    engine: Engine
    account: str
    as_of: date
    most: int

    def rows(
        self, population: Population, carried: dict[str, str], select: str, rest: str
    ) -> list[tuple[Any, ...]]:
        """`select` over the rows; rest: what follows the condition on the account."""
        merged = self.engine.has_table(IDENTITY)
        seen = dated(population, carried, Calendar((self.as_of,), ()), reach=None, merged=merged)
        query = f"SELECT {select} FROM ({seen}) AS seen WHERE account_id = ? {rest}"
        return self.engine.rows(query, [self.account])

    def keys(self, population: Population) -> set[str]:
        """The complaints among the rows."""
        found = self.rows(population, {"complaint_id": "complaint_id"}, "complaint_id", "")
        return {key for (key,) in found}


def _orders(seen: _Seen, currency: str | None) -> Iterator[Event]:
    rows = seen.rows(
        traded_lines,
        {"order_id": "order_id", "amount_cents": "amount_cents"},
        "MAX(occurred_s) AS at_s, order_id, COUNT(*) AS lines, SUM(amount_cents) AS cents",
        f"GROUP BY order_id, amount_cents > 0 ORDER BY at_s DESC, order_id LIMIT {seen.most}",
    )
    for at, order, lines, cents in rows:
        money = f"{float(cents) / 100:,.2f}" + (f" {currency}" if currency else "")
        kind = "order" if cents > 0 else "return"
        yield Event(_stamp(at), kind, f"{order}: {counted(int(lines), 'line')}, {money}")


def _touches(seen: _Seen, _: str | None) -> Iterator[Event]:
    rows = seen.rows(
        touches,
        {name: name for name in _TOUCH},
        f"occurred_s, {', '.join(_TOUCH)}",
        f"ORDER BY occurred_s DESC, contact_id, rep_id LIMIT {seen.most}",
    )
    for at, contact, role, rep, channel in rows:
        who = f"{contact} ({role})" if role else contact
        yield Event(_stamp(at), "touch", f"{channel or 'touch'} of {who} and {rep}")


def _complaints(seen: _Seen, _: str | None) -> Iterator[Event]:
    rows = seen.rows(
        complaints,
        {name: name for name in _COMPLAINT},
        f"occurred_s, {', '.join(_COMPLAINT)}",
        f"ORDER BY occurred_s DESC, complaint_id LIMIT {seen.most}",
    )
    states = {
        "reopened": seen.keys(reopened),
        "resolved": seen.keys(resolved),
        "open, answered": seen.keys(unresolved) & seen.keys(answered),
        "open": seen.keys(unresolved),
    }
    for at, complaint, category, severity in rows:
        state = next((name for name, keys in states.items() if complaint in keys), None)
        said = ", ".join(part for part in (category, severity, state) if part)
        yield Event(_stamp(at), "complaint", f"{complaint}: {said}" if said else str(complaint))


def _actions(seen: _Seen, _: str | None) -> Iterator[Event]:
    rows = seen.rows(
        ACTIONS,
        {"action": "action", "done_by": '"by"', "result": "result"},
        "occurred_s, action, done_by, result",
        f"ORDER BY occurred_s DESC, action LIMIT {seen.most}",
    )
    for at, action, by, result in rows:
        who = f"{action} by {by}" if by else action
        yield Event(_stamp(at), "action", f"{who}: {result}" if result else who)


def _stamp(second: Any) -> datetime:
    return datetime.fromtimestamp(int(second), UTC).replace(tzinfo=None)
