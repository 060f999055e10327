"""Departures of our representatives, inferred where no source records them."""

from __future__ import annotations

from features.contract import REPS
from features.expressions import SECONDS_PER_DAY, second
from pipeline.engines import Engine

SILENT_DAYS = 60  # without a touch with any account, after which a representative has left


def make_representatives_table(engine: Engine) -> None:
    """Create `reps` from `touches`, in the form of the canonical table.

    A representative is with us at a snapshot if a touch of the last SILENT_DAYS days is known by
    then. Each time without is a version that says so, known from its first moment on; it is
    superseded when a touch becomes known that ends it. So what a snapshot sees of it follows from
    what was known then, and the day of the extract changes nothing before it.
    """
    columns = REPS.stored()
    given = {
        "rep_id": "rep_id",
        "left_on": "left_on",
        "known_at": "left_on",
        "deleted": "FALSE",
        "superseded_at": "back_on",
    }
    listed = ", ".join(f"CAST({given[name]} AS {kind}) AS {name}" for name, kind in columns.items())
    present = (
        f"SELECT rep_id, {second('GREATEST(occurred_at, known_at)')} AS from_s, "
        f"{second('occurred_at')} + {SILENT_DAYS * SECONDS_PER_DAY} AS to_s "
        "FROM touches WHERE NOT deleted"
    )
    # A touch dated back ends no absence that it does not reach into: from_s < to_s.
    reached = (
        "SELECT rep_id, from_s, MAX(to_s) OVER (PARTITION BY rep_id ORDER BY from_s, to_s ROWS "
        "BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS until_s, LEAD(from_s) OVER "
        "(PARTITION BY rep_id ORDER BY from_s, to_s) AS next_s "
        f"FROM ({present}) AS presence WHERE from_s < to_s"
    )
    moment = "TIMESTAMP '1970-01-01' + {} * INTERVAL 1 SECOND"
    engine.make(
        "reps",
        f"SELECT {listed} FROM (SELECT rep_id, {moment.format('until_s')} AS left_on, "
        f"{moment.format('next_s')} AS back_on FROM ({reached}) AS spell "
        "WHERE next_s IS NULL OR next_s > until_s) AS absence",
    )
