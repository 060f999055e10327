"""The judges of all families, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from reference_complaint_latency import complaint_latency
from reference_contact_breadth import contact_breadth
from reference_order_history import order_history
from seen import Answers, Seen
from worlds import World, complete

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
