"""The one door to the future: what happened after a snapshot.

A label is asked at the date on which it is complete, by the same engine and under the same rule
of visibility as a feature, only later: of the order lines visible then, how many fall into the
horizon? So nothing else in the project ever needs a row from behind a snapshot, a row reported
after the lag never changes a label, and a label is the same whenever it is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from features.expressions import difference
from features.order_history import order_lines
from features.values import Count, Value
from pipeline.engines import Engine, quoted
from pipeline.tables.snapshots import Maturity
from pipeline.tables.values_table import IDENTITY, make_values_table


def make_labels(
    engine: Engine, into: str, rows: str, as_ofs: Sequence[date], maturity: Maturity
) -> None:
    """Create `into`: account_id, as_of, label_complete and defected (0 or 1), a row per `rows`.

    rows: a table (account_id, as_of). defected is 1 where the account has no order in
    `[as_of, as_of + horizon)` known by `label_complete`. An account merged into another in the
    meantime has stayed if the other orders.
    """
    lag = maturity.reporting_lag_days
    in_horizon: Value = Count(order_lines, maturity.horizon_days + lag)
    if lag:
        in_horizon = difference(in_horizon, Count(order_lines, lag))
    asked = f"{into}_asked"
    complete = {as_of: maturity.label_complete(as_of) for as_of in as_ofs}
    make_values_table(engine, asked, {"order_lines": in_horizon}, list(complete.values()))
    days = maturity.horizon_days + lag
    successor, identity = "wanted.account_id", ""
    if engine.has_table(IDENTITY):
        successor = "COALESCE(identity.known_as, wanted.account_id)"
        identity = (
            f"LEFT JOIN {IDENTITY} AS identity ON identity.account_id = wanted.account_id "
            f"AND identity.from_s < EPOCH(CAST(wanted.as_of + {days} AS TIMESTAMP)) "
            f"AND (identity.to_s IS NULL "
            f"OR identity.to_s >= EPOCH(CAST(wanted.as_of + {days} AS TIMESTAMP))) "
        )
    engine.make(
        into,
        f"SELECT wanted.account_id, wanted.as_of, CAST(wanted.as_of + {days} AS DATE) "
        "AS label_complete, "
        "CAST(COALESCE(asked.order_lines, 0) = 0 AS TINYINT) AS defected "
        f"FROM {quoted(rows)} AS wanted {identity}"
        f"LEFT JOIN {quoted(asked)} AS asked ON asked.account_id = {successor} "
        f"AND asked.as_of = wanted.as_of + {days}",
    )
    engine.drop(asked)
