"""Which accounts have a row at which snapshot, and what is known of their next order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd

from features.order_history import order_lines
from features.populations import Population
from features.values import Count
from models.risk_model import DAYS_PAST_DUE, DAYS_PAST_PATIENCE
from pipeline.config import Config
from pipeline.engines import Engine, quoted
from pipeline.errors import DataError
from pipeline.tables.expected_orders import ExpectedOrders, expected_orders
from pipeline.tables.label_definitions import silence_of
from pipeline.tables.values_table import make_values_table

_SEEN_IN = (
    order_lines,
    Population("touches", "touches"),
    Population("complaints", "complaints", "opened_at", ("opened_at", "known_at")),
    Population("accounts", "accounts", "known_at", ("known_at",)),
)


class CohortRule(Protocol):
    """Says who is scored."""

    @property
    def says(self) -> str:
        """Who, after "accounts"."""

    def make(self, engine: Engine, into: str, as_ofs: Sequence[date]) -> pd.DataFrame | None:
        """Create `into` (account_id, as_of); return what is expected of each row, if it is known.

        The frame: account_id, as_of, last_order_on, due_on, crossing_on, and the days from the due
        date and from the end of patience to the snapshot, `STATE`; below 0 before them.
        """

    def on(self, engine: Engine) -> CohortRule:
        """The same rule over the accounts of another engine, which holds some of ours."""


@dataclass(frozen=True)
class OrderedLately:
    """Accounts with an order visible in the last days."""

    days: int

    @property
    def says(self) -> str:
        """Who, after "accounts"."""
        return f"with an order in the {self.days} days before the snapshot"

    def make(self, engine: Engine, into: str, as_ofs: Sequence[date]) -> None:
        """Create `into` (account_id, as_of)."""
        make_active_cohort(engine, into, as_ofs, self.days)

    def on(self, _: Engine) -> CohortRule:
        """The same."""
        return self


@dataclass(frozen=True, eq=False)
class ActiveOrDepartedLately:
    """Accounts that are active, however long silent, and those departed for at most so many days.

    expected: of the engine's orders.
    """

    expected: ExpectedOrders
    departed_days: int

    @property
    def says(self) -> str:
        """Who, after "accounts"."""
        return active_or_departed(self.departed_days)

    def make(self, engine: Engine, into: str, as_ofs: Sequence[date]) -> pd.DataFrame:
        """Create `into` (account_id, as_of); return what is expected of each row."""
        frames = []
        for as_of in as_ofs:
            day = pd.Timestamp(as_of)
            state = self.expected.state(as_of)
            state.insert(1, "as_of", day.as_unit("s"))
            state[DAYS_PAST_DUE] = (day - state["due_on"]).dt.days.astype(np.float64)
            state[DAYS_PAST_PATIENCE] = (day - state["crossing_on"]).dt.days.astype(np.float64)
            frames.append(state[state[DAYS_PAST_PATIENCE] <= self.departed_days])
        found = pd.concat(frames, ignore_index=True)
        keys = found[["account_id", "as_of"]]
        engine.register(into, keys.assign(as_of=keys["as_of"].dt.date))
        return found

    def on(self, engine: Engine) -> CohortRule:
        """The same rule with the same median gaps of the supplier."""
        expected = expected_orders(engine, self.expected.silence, self.expected.median_gaps)
        return ActiveOrDepartedLately(expected, self.departed_days)


def active_or_departed(days: int) -> str:
    """Who is scored for the label departure, after "accounts"."""
    return f"that still order, and those whose patience ended at most {days} days before"


def cohort_of(config: Config) -> str:
    """Who is scored, after "accounts"."""
    if config.ranking == "risk":
        return OrderedLately(config.cohort.days).says
    return active_or_departed(config.win_back.days)


def cohort_rule(engine: Engine, config: Config) -> CohortRule:
    """The rule that a config chooses, for the orders that the engine holds."""
    _require_orders(engine)
    if config.ranking == "risk":
        return OrderedLately(config.cohort.days)
    expected = expected_orders(engine, silence_of(config.label))
    return ActiveOrDepartedLately(expected, config.win_back.days)


def make_active_cohort(engine: Engine, into: str, as_ofs: Sequence[date], days: int) -> None:
    """Create `into` (account_id, as_of): accounts with an order visible in the last `days` days."""
    _require_orders(engine)
    _keep_positive(engine, into, {"orders": Count(order_lines, days)}, as_ofs)


def _require_orders(engine: Engine) -> None:
    if not engine.has_table(order_lines.table):
        raise DataError(
            "The active cohort is who ordered lately, and there are no `sources.orders`. Map them, "
            "or ask for everybody with --cohort all."
        )


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
