"""The one door to the future: what happened after a snapshot.

A label is asked at the date on which it is complete, by the same engine and under the same rule
of visibility as a feature, only later: of the rows visible then, what falls into the horizon? So
nothing else in the project ever needs a row from behind a snapshot, a row reported after the lag
never changes a label, and a label is the same whenever it is computed. What is asked, and what
follows from the answers, is in `pipeline.tables.label_definitions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from features.expressions import DAYS_PER_YEAR
from features.order_history import traded
from features.values import Count, Value
from pipeline.engines import Engine, quoted
from pipeline.tables.actions import ACTIONS
from pipeline.tables.label_definitions import QueriedLabel
from pipeline.tables.snapshots import Maturity
from pipeline.tables.values_table import IDENTITY, make_values_table


def make_labels(
    engine: Engine, into: str, rows: str, as_ofs: Sequence[date], label: QueriedLabel
) -> None:
    """Create `into`: account_id, as_of, label_complete, watched_days, defected, treated per `rows`.

    rows: a table (account_id, as_of), the cohort. watched_days: days from the snapshot over which
    the account was watched (DOUBLE). defected: 1 where it defected by the label's definition, as
    known by `label_complete`; else 0. treated: 1 where an action of ours on the account within the
    horizon was known by then, for that may have changed the outcome; else 0.
    """
    later, known = f"{into}_later", f"{into}_known"
    lag = label.maturity.reporting_lag_days
    days = label.maturity.horizon_days + lag
    acted = engine.has_table(ACTIONS.table)
    asked = {"action_count": Count(ACTIONS, days, lag)} if acted else {}
    make_later_values(engine, later, rows, as_ofs, days, {**label.later, **asked})
    treated = "COALESCE(later.action_count, 0) > 0" if acted else "FALSE"
    join = ""
    if label.known:
        make_values_table(engine, known, label.known, as_ofs, rows=rows)
        join = (
            f" LEFT JOIN {quoted(known)} AS known ON known.account_id = wanted.account_id "
            "AND known.as_of = wanted.as_of"
        )
    engine.make(
        into,
        f"SELECT wanted.account_id, wanted.as_of, CAST(wanted.as_of + {days} AS DATE) "
        f"AS label_complete, CAST({label.watched} AS DOUBLE) AS watched_days, "
        f"CAST(CASE WHEN {label.defected} THEN 1 ELSE 0 END AS TINYINT) AS defected, "
        f"CAST(CASE WHEN {treated} THEN 1 ELSE 0 END AS TINYINT) AS treated "
        f"FROM {quoted(rows)} AS wanted JOIN {quoted(later)} AS later "
        f"ON later.account_id = wanted.account_id AND later.as_of = wanted.as_of{join}",
    )
    engine.drop(later, known)


def make_later_values(
    engine: Engine,
    into: str,
    rows: str,
    as_ofs: Sequence[date],
    days: int,
    values: Mapping[str, Value],
) -> None:
    """Create `into`: account_id, as_of and the values as known `days` after as_of, per `rows`.

    An account merged into another in the meantime is answered by the other. Null, counts and
    totals too, where there is nothing to be known of an account.
    """
    asked = f"{into}_asked"
    make_values_table(engine, asked, values, [as_of + timedelta(days=days) for as_of in as_ofs])
    successor, identity = _successor(engine, days)
    listed = "".join(f", asked.{name}" for name in values)
    engine.make(
        into,
        f"SELECT wanted.account_id, wanted.as_of{listed} FROM {quoted(rows)} AS wanted {identity}"
        f"LEFT JOIN {quoted(asked)} AS asked ON asked.account_id = {successor} "
        f"AND asked.as_of = wanted.as_of + {days}",
    )
    engine.drop(asked)


def next_year(reporting_lag_days: int) -> Maturity:
    """When what was traded in the year after a snapshot is known."""
    return Maturity(DAYS_PER_YEAR, reporting_lag_days)


def make_next_year(
    engine: Engine, into: str, rows: str, as_ofs: Sequence[date], maturity: Maturity
) -> None:
    """Create `into`: account_id, as_of, year_complete and what `traded` says, a row per `rows`.

    The amounts are those of `[as_of, as_of + horizon)` known by `year_complete`; 0 where nothing
    was traded. An account merged into another in the meantime has what the other traded; where
    several of a snapshot's `rows` have become one, what each would have brought is unknown: null.
    """
    lag = maturity.reporting_lag_days
    days = maturity.horizon_days + lag
    asked = f"{into}_asked"
    amounts = traded(days, lag)
    make_values_table(engine, asked, amounts, [maturity.label_complete(day) for day in as_ofs])
    successor, identity = _successor(engine, days)
    alone = f"COUNT(*) OVER (PARTITION BY {successor}, wanted.as_of) = 1"
    columns = ", ".join(
        f"CASE WHEN {alone} THEN COALESCE(asked.{name}, 0) END AS {name}" for name in amounts
    )
    engine.make(
        into,
        f"SELECT wanted.account_id, wanted.as_of, CAST(wanted.as_of + {days} AS DATE) "
        f"AS year_complete, {columns} FROM {quoted(rows)} AS wanted {identity}"
        f"LEFT JOIN {quoted(asked)} AS asked ON asked.account_id = {successor} "
        f"AND asked.as_of = wanted.as_of + {days}",
    )
    engine.drop(asked)


def _successor(engine: Engine, days: int) -> tuple[str, str]:
    """SQL: whom an account of `wanted` counts for `days` after its as_of, and the join it needs."""
    if not engine.has_table(IDENTITY):
        return "wanted.account_id", ""
    moment = f"EPOCH(CAST(wanted.as_of + {days} AS TIMESTAMP))"
    return (
        "COALESCE(identity.known_as, wanted.account_id)",
        f"LEFT JOIN {IDENTITY} AS identity ON identity.account_id = wanted.account_id "
        f"AND identity.from_s < {moment} "
        f"AND (identity.to_s IS NULL OR identity.to_s >= {moment}) ",
    )
