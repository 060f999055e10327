"""First and last moments: carried along the snapshots, but for rows that go away again."""

from __future__ import annotations

from collections.abc import Mapping

from features.compilation.scope import Scope, Step, at_snapshots
from features.compilation.sums import SO_FAR, grid
from features.values import Aggregate, First


def extremes(scope: Scope, cells: str, moments: Mapping[Aggregate, str]) -> Step:
    """The step that answers first and last moments; moments: SQL for a cell's own, or null.

    A cell that stays for good is seen by all snapshots from `enters` on; for the others, each
    snapshot that sees them is listed.
    """
    pick = {a: "MIN" if isinstance(a, First) else "MAX" for a in moments}

    def columns(template: str) -> str:
        return "".join(
            f", {template.format(pick=pick[a], of=moments[a], name=scope.names[a])} AS "
            f"{scope.names[a]}"
            for a in moments
        )

    last = scope.calendar.snapshots
    picked, best = columns("{pick}({of})"), columns("{pick}({name})")
    return Step(
        f"moments_{cells}",
        f"WITH entering AS (SELECT account, enters AS number{picked} FROM {cells} "
        f"WHERE stays = {last} GROUP BY account, enters), "
        f"{grid('entering')}, lasting AS (SELECT grid.account, grid.number"
        f"{columns('{pick}(entering.{name}) OVER so_far')} FROM grid LEFT JOIN entering "
        "ON entering.account = grid.account AND entering.number = grid.number "
        f"{SO_FAR}), passing AS (SELECT account, snapshots.number{picked} "
        f"FROM {cells} {at_snapshots('enters', 'stays')} "
        f"WHERE stays < {last} GROUP BY account, snapshots.number) "
        f"SELECT account, number{best} FROM (SELECT * FROM lasting UNION ALL "
        "SELECT * FROM passing) AS either GROUP BY account, number",
        tuple(moments),
    )
