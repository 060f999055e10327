"""First rows of keys: found once where nothing is late or withdrawn, per snapshot elsewhere."""

from __future__ import annotations

from features.compilation.scope import Scope, Step, at_snapshots
from features.visibility import always_seen


def arrivals(scope: Scope, name: str, rows: str) -> list[Step]:
    """Steps that make the table `name` of placed rows, one per key that came to an account.

    rows: SQL, placed rows with `key` and occurred_s. A key whose first row is seen from when it
    occurred, and for good, came then at every snapshot; the others are looked at one by one.
    """
    reached, last = scope.calendar.reached, scope.calendar.snapshots
    cells, keys = f"sightings_{name}", f"keys_{name}"
    plain = f"CASE WHEN {always_seen(last)} THEN"
    leaving = ", ".join(reached)

    def earliest(condition: str = "", end: str = "") -> str:
        return "".join(f", MIN({condition} {column} {end}) AS {column}" for column in reached)

    same = "ON keyed.account_id = cell.account_id AND keyed.key = cell.key"
    return [
        Step(
            cells,
            f"SELECT account_id, key, enters, stays, {leaving}, MIN(occurred_s) AS occurred_s "
            f"FROM {rows} GROUP BY account_id, key, enters, stays, {leaving}",
        ),
        Step(
            keys,
            "SELECT account_id, key, MIN(occurred_s) AS occurred_s, "
            f"MIN({plain} occurred_s END) AS plain_s{earliest(plain, 'END')} FROM {cells} "
            "GROUP BY account_id, key",
        ),
        Step(
            name,
            f"SELECT account_id, occurred_s, reached_0 AS enters, {last} AS stays, {leaving} "
            f"FROM {keys} WHERE plain_s = occurred_s UNION ALL "
            "SELECT account_id, occurred_s, number AS enters, number + 1 AS stays, "
            f"{leaving} FROM (SELECT cell.account_id, cell.key, snapshots.number, "
            "MIN(cell.occurred_s) AS occurred_s"
            + "".join(f", MIN(cell.{column}) AS {column}" for column in reached)
            + f" FROM {cells} AS cell JOIN {keys} AS keyed {same} "
            "AND (keyed.plain_s IS NULL OR keyed.plain_s <> keyed.occurred_s) "
            f"{at_snapshots('cell.enters', 'cell.stays')} "
            "GROUP BY cell.account_id, cell.key, snapshots.number) AS moved",
        ),
    ]
