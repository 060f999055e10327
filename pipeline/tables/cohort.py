"""Which accounts have a row at which snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from features.order_history import order_lines
from features.populations import Population
from features.values import Count
from pipeline.engines import Engine, quoted
from pipeline.errors import DataError
from pipeline.tables.values_table import make_values_table

_SEEN_IN = (
    order_lines,
    Population("touches", "touches"),
    Population("complaints", "complaints", "opened_at", ("opened_at", "known_at")),
    Population("accounts", "accounts", "known_at", ("known_at",)),
)


def make_active_cohort(engine: Engine, into: str, as_ofs: Sequence[date], days: int) -> None:
    """Create `into` (account_id, as_of): accounts with an order visible in the last `days` days."""
    if not engine.has_table(order_lines.table):
        raise DataError(
            "The active cohort is who ordered lately, and there are no `sources.orders`. Map them, "
            "or ask for everybody with --cohort all."
        )
    _keep_positive(engine, into, {"orders": Count(order_lines, days)}, as_ofs)


def make_whole_cohort(engine: Engine, into: str, as_ofs: Sequence[date]) -> None:
    """Create `into` (account_id, as_of): accounts visible in any table at the snapshot."""
    seen = {p.name: Count(p) for p in _SEEN_IN if engine.has_table(p.table)}
    _keep_positive(engine, into, seen, as_ofs)


def _keep_positive(
    engine: Engine, into: str, counts: dict[str, Count], as_ofs: Sequence[date]
) -> None:
    counted = f"{into}_counted"
    make_values_table(engine, counted, counts, as_ofs)
    some = " OR ".join(f"{quoted(name)} > 0" for name in counts)
    engine.make(into, f"SELECT account_id, as_of FROM {quoted(counted)} WHERE {some}")
    engine.drop(counted)
