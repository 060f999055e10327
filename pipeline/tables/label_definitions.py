"""What counts as defection, by name: what a label asks, when, and of which answers it is made.

Windows are half open. Two moments are asked: the snapshot, for what was known then, and the date
on which the label is complete, for what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from features.expressions import DAYS_PER_YEAR, SECONDS_PER_DAY
from features.order_history import first_order, order_lines, traded_lines, usual_gap
from features.values import Count, First, Total, Value
from pipeline.config.form import DEPARTURE_DAYS as HORIZON_DAYS
from pipeline.config.form import LabelConfig
from pipeline.tables.expected_orders import Silence
from pipeline.tables.snapshots import Maturity

GAPS = 3  # silence of so many usual gaps is defection by `own_cadence`
SHORTEST_DAYS = 30  # but not of fewer days

_AS_OF = "CAST(EPOCH(CAST(wanted.as_of AS TIMESTAMP)) AS DOUBLE)"


@dataclass(frozen=True)
class Label:
    """One definition of defection.

    says: it in words, after "defection is". maturity: the longest that any account is watched, and
    the lag.
    """

    name: str
    says: str
    maturity: Maturity


@dataclass(frozen=True)
class DepartureLabel(Label):
    """Departures of active accounts; see `pipeline.tables.future.departures`."""

    silence: Silence


@dataclass(frozen=True)
class QueriedLabel(Label):
    """A label that is a query over what became known by two moments.

    later: values asked on the date on which the label is complete. known: values asked at
    the snapshot. SQL over the columns of `later` and `known` and over wanted.as_of: watched, the
    days from the snapshot over which an account is watched; defected, whether it has.
    """

    later: Mapping[str, Value]
    watched: str
    defected: str
    known: Mapping[str, Value] = field(default_factory=dict)

    @property
    def shortest_days(self) -> int:
        """The fewest days that an account is watched."""
        return SHORTEST_DAYS if self.name == "own_cadence" else self.maturity.horizon_days


def label_of(chosen: LabelConfig) -> Label:
    """The label that a config chooses."""
    return DEFINITIONS[chosen.definition](chosen)


def silence_of(chosen: LabelConfig) -> Silence:
    """The patience that a config chooses."""
    return Silence(**chosen.silence.model_dump())


def fixed_horizon(chosen: LabelConfig) -> int | None:
    """The days over which every account is watched; None where each has its own."""
    return None if chosen.definition in ("departure", "own_cadence") else chosen.horizon_days


def departure(silence: Silence, reporting_lag_days: int) -> DepartureLabel:
    """No order in time after an order whose next one falls due in the horizon."""
    return DepartureLabel(
        "departure",
        f"no order in time when the next one falls due within {HORIZON_DAYS} days",
        Maturity(HORIZON_DAYS + silence.most_after_due, reporting_lag_days),
        silence,
    )


def inactivity(horizon_days: int, reporting_lag_days: int) -> QueriedLabel:
    """No order in `[as_of, as_of + horizon)`."""
    since = horizon_days + reporting_lag_days
    return QueriedLabel(
        "inactivity",
        f"no order within {horizon_days} days",
        Maturity(horizon_days, reporting_lag_days),
        later={"order_count": Count(order_lines, since, reporting_lag_days)},
        watched=str(horizon_days),
        defected="COALESCE(later.order_count, 0) = 0",
    )


def own_cadence(longest_days: int, reporting_lag_days: int) -> QueriedLabel:
    """No order in `[as_of, as_of + w)`, w being three usual gaps, from 30 to `longest_days` days.

    The usual gap is the median of the 365 days before the snapshot, as known at it. Without one
    nothing is known of the account's rhythm, and it is given the longest.
    """
    own = f"COALESCE({GAPS} * known.usual_gap, {longest_days})"
    watched = f"LEAST(GREATEST({own}, {SHORTEST_DAYS}), {longest_days})"
    return QueriedLabel(
        "own_cadence",
        f"no order within {GAPS} usual gaps, {SHORTEST_DAYS} to {longest_days} days",
        Maturity(longest_days, reporting_lag_days),
        later={"first_order_s": First(order_lines, longest_days + reporting_lag_days)},
        known={"usual_gap": usual_gap},
        watched=watched,
        defected="later.first_order_s IS NULL "
        f"OR later.first_order_s >= {_AS_OF} + {SECONDS_PER_DAY} * {watched}",
    )


def partial(horizon_days: int, reporting_lag_days: int, share: float) -> QueriedLabel:
    """Net sales in the horizon below (1 - share) x what was to be expected.

    Net sales are orders and returns added up. To be expected is what the same days a year before
    brought; for an account whose first order is younger than a year at the snapshot, what as many
    days before the snapshot brought, times the season index. Where that is not above zero there is
    nothing to fall from, and the account has not defected. Compared in cents, to a thousandth.

    The season index says what the horizon's season does to sales: over the accounts of the cohort
    that had ordered before both windows, their net sales in the horizon's days a year before over
    those in as many days before them, as known at the snapshot. 1 where one of the two is not above
    zero, so also where the data do not reach back so far.
    """
    horizon, lag, year = horizon_days, reporting_lag_days, DAYS_PER_YEAR

    def net(begin: int, end: int) -> Total:
        """Cents between two days, counted from the date at which they are asked."""
        return Total(traded_lines, -begin, -end, measure="amount_cents")

    complete = horizon + lag
    began = f"{_AS_OF} - {(year + horizon) * SECONDS_PER_DAY}"

    def of_cohort(column: str) -> str:
        long_known = f"CASE WHEN known.first_order_s <= {began} THEN {column} ELSE 0 END"
        return f"SUM({long_known}) OVER (PARTITION BY wanted.as_of)"

    season, before_it = of_cohort("known.season_cents"), of_cohort("known.before_season_cents")
    index = f"CASE WHEN {season} > 0 AND {before_it} > 0 THEN {season} / {before_it} ELSE 1 END"
    has_year = f"later.first_order_s <= {_AS_OF} - {year * SECONDS_PER_DAY}"
    expected = (
        f"(CASE WHEN {has_year} THEN later.year_before_cents ELSE later.before_cents * {index} END)"
    )
    least = f"FLOOR({1 - share!r} * {expected} * 1000 + 0.5)"
    return QueriedLabel(
        "partial",
        f"net sales {share:.0%} below what was to be expected, within {horizon_days} days",
        Maturity(horizon, lag),
        later={
            "net_cents": net(-complete, -lag),
            "before_cents": net(-complete - horizon, -complete),
            "year_before_cents": net(-complete - year, horizon - complete - year),
            "first_order_s": first_order,
        },
        known={
            "season_cents": net(-year, horizon - year),
            "before_season_cents": net(-year - horizon, -year),
            "first_order_s": first_order,
        },
        watched=str(horizon),
        defected=f"{expected} > 0 AND later.net_cents * 1000 < {least}",
    )


DEFINITIONS: dict[str, Callable[[LabelConfig], Label]] = {
    "departure": lambda c: departure(silence_of(c), c.reporting_lag_days),
    "inactivity": lambda c: inactivity(c.horizon_days, c.reporting_lag_days),
    "own_cadence": lambda c: own_cadence(c.horizon_days, c.reporting_lag_days),
    "partial": lambda c: partial(c.horizon_days, c.reporting_lag_days, c.partial_share),
}
