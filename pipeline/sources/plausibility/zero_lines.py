"""Lines without value: neither an order nor a return, so that no feature sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.wording import counted

MANY = 0.2


def zero_lines(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """How many lines of the orders have the amount zero; a warning where they are many."""
    seen = tables.get("orders")
    if seen is None or not seen.has("amount"):
        return
    zero = "amount_cents = 0"
    lines, count = seen.rows(f"SELECT count(*), count_if({zero}) FROM orders")[0]
    if not count:
        return
    what = (
        f"{counted(count, 'line')} of zero value ({count / lines:.1%}): they count neither as "
        "orders nor as returns"
    )
    if count < MANY * lines:
        yield seen.note(what, "amount", count)
        return
    yield seen.warning(
        what,
        "amount",
        count,
        seen.examples_as_read("amount", zero),
        "is `amount` the right column? if free goods are a purchase, give them their list price "
        "in a `.sql` mapping",
    )
