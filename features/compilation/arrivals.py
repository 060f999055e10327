"""First rows of keys: found once where nothing is late or withdrawn, per snapshot elsewhere."""

from __future__ import annotations

from features.compilation.scope import Scope, Step, at_snapshots
from features.visibility import always_seen, day


def arrivals(scope: Scope, name: str, rows: str) -> list[Step]:
    """Steps that make the table `name` of placed rows, one per key that came to an account.

    rows: SQL, rows with `key`, occurred_s and reached_0. A key whose first row is seen from when it
    occurred, and for good, came then at every snapshot; the others are looked at one by one.
    """
    last, first = scope.calendar.snapshots, "MIN(occurred_s) AS occurred_s"
    sightings, keys, moved = f"sightings_{name}", f"keys_{name}", f"moved_{name}"
    came = (
        f"SELECT account, occurred_s, since AS enters, {last} AS stays FROM {keys} "
        "WHERE plain_s = occurred_s UNION ALL "
        "SELECT account, occurred_s, number AS enters, number + 1 AS stays "
        f"FROM (SELECT account, key, snapshots.number, {first} "
        f"FROM {moved} {at_snapshots('enters', 'stays')} "
        "GROUP BY account, key, snapshots.number) AS first_row"
    )
    by_day = f"SELECT *, {day('occurred_s')} AS occurred_day FROM ({came}) AS came"
    return [
        Step(
            sightings,
            f"SELECT account, key, enters, stays, reached_0, {first} "
            f"FROM ({rows}) AS sighting GROUP BY account, key, enters, stays, reached_0",
        ),
        Step(
            keys,
            f"SELECT account, key, {first}, "
            f"MIN(CASE WHEN {always_seen(last)} THEN occurred_s END) AS plain_s, "
            f"MIN(CASE WHEN {always_seen(last)} THEN enters END) AS since FROM {sightings} "
            "GROUP BY account, key",
        ),
        Step(
            moved,
            "SELECT cell.account, cell.key, cell.enters, cell.stays, cell.occurred_s "
            f"FROM {sightings} AS cell JOIN {keys} AS keyed ON keyed.account = cell.account "
            "AND keyed.key = cell.key "
            "WHERE keyed.plain_s IS NULL OR keyed.plain_s <> keyed.occurred_s",
        ),
        Step(name, scope.placed(by_day, ("account", "occurred_s", "enters", "stays"))),
    ]
