"""Orders drawn by their days: `-100 to -20 by 20` stands for an order every 20 days.

Days count from day 0; see `drawn`.
"""

from __future__ import annotations

from datetime import datetime

from drawn import cents, day, grid_of
from worlds import Row


def order_rows(text: str, prefix: str) -> list[Row]:
    """The orders of a drawn table, their ids with a prefix.

    text: account; `ordered`, days and runs of days; `known`, when these orders became known, and
    `deleted`, when it became known that there were none; amount.
    """
    rows: list[Row] = []
    for drawn in grid_of(text):
        for moment in _moments(drawn["ordered"]):
            row = {
                "account_id": drawn["account"],
                "order_id": f"{prefix}{len(rows)}",
                "line_id": "1",
                "amount_cents": cents(drawn.get("amount") or "100"),
                "occurred_at": moment,
                "known_at": day(drawn["known"]) if drawn.get("known") else moment,
            }
            rows.append(row)
            if drawn.get("deleted"):
                rows.append({**row, "known_at": day(drawn["deleted"]), "deleted": True})
    return rows


def _moments(cell: str) -> list[datetime]:
    """The order times that a cell such as `-100 to -20 by 20, 5 14:00` stands for."""
    found = []
    for part in cell.split(", "):
        if " to " in part:
            run, step = part.split(" by ")
            begin, end = run.split(" to ")
            found += [day(str(n)) for n in range(int(begin), int(end) + 1, int(step))]
        elif part:
            found.append(day(part))
    return found
