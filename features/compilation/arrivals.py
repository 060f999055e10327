"""First rows of keys: found once where nothing is late or withdrawn, per snapshot elsewhere."""

from __future__ import annotations

from features.compilation.scope import Scope, Step, at_snapshots
from features.visibility import always_seen


def arrivals(scope: Scope, name: str, rows: str) -> list[Step]:
    """Steps that make the table `name` of placed rows, one per key that came to an account.

    rows: SQL, placed rows with `key` and occurred_s. A key whose first row is seen from when it
    occurred, and for good, came then at every snapshot; the others are looked at one by one.
    """
    reached, last = scope.reached, scope.calendar.snapshots
    cells, keys, moved = f"sightings_{name}", f"keys_{name}", f"moved_{name}"
    plain = f"CASE WHEN {always_seen(last)} THEN"
    leaving = ", ".join(reached)

    def earliest(condition: str = "", end: str = "") -> str:
        return "".join(f", MIN({condition} {column} {end}) AS {column}" for column in reached)

    listed = "".join(f", cell.{column}" for column in reached)
    return [
        Step(
            cells,
            f"SELECT account, key, enters, stays, {leaving}, MIN(occurred_s) AS occurred_s "
            f"FROM ({rows}) AS sighting GROUP BY account, key, enters, stays, {leaving}",
        ),
        Step(
            keys,
            "SELECT account, key, MIN(occurred_s) AS occurred_s, "
            f"MIN({plain} occurred_s END) AS plain_s{earliest(plain, 'END')} FROM {cells} "
            "GROUP BY account, key",
        ),
        Step(
            moved,
            f"SELECT cell.account, cell.key, cell.enters, cell.stays, cell.occurred_s{listed} "
            f"FROM {cells} AS cell JOIN {keys} AS keyed ON keyed.account = cell.account "
            "AND keyed.key = cell.key "
            "WHERE keyed.plain_s IS NULL OR keyed.plain_s <> keyed.occurred_s",
        ),
        Step(
            name,
            f"SELECT account, occurred_s, reached_0 AS enters, {last} AS stays, {leaving} "
            f"FROM {keys} WHERE plain_s = occurred_s UNION ALL "
            "SELECT account, occurred_s, number AS enters, number + 1 AS stays, "
            f"{leaving} FROM (SELECT account, key, snapshots.number, "
            f"MIN(occurred_s) AS occurred_s{earliest()} "
            f"FROM {moved} {at_snapshots('enters', 'stays')} "
            "GROUP BY account, key, snapshots.number) AS first_row",
        ),
    ]
