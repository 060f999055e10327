"""The months on an account's card are the same on every engine."""

from __future__ import annotations

from datetime import date, datetime

from feature_tables import load
from worlds import World, complete

from pipeline.engines import Engine
from pipeline.scoring.past_months import past_months

WORLD: World = {
    "orders": [
        {"account_id": a, "order_id": f"{a}{d}", "occurred_at": datetime(2024, 1, d, 9), **amount}
        for a in ("A", "ä")
        for d, amount in ((3, {"amount_cents": 12_345}), (4, {"amount_cents": -300}))
    ],
    "touches": [
        {"account_id": "A", "contact_id": "c", "rep_id": "r", "occurred_at": datetime(2023, 5, 1)}
    ],
    "complaints": [
        {"account_id": "A", "complaint_id": "1", "opened_at": datetime(2024, 1, 8)},
        {
            "account_id": "A",
            "complaint_id": "2",
            "opened_at": datetime(2024, 1, 8),
            "resolved_at": datetime(2024, 1, 20),
        },
    ],
}


def test_they_are(engine: Engine, other: Engine) -> None:
    found = []
    for each in (engine, other):
        load(each, complete(WORLD))
        found.append(past_months(each, ("A", "ä"), date(2024, 2, 1), resolutions=True))
    assert found[0] == found[1]
    assert found[0].of["A"]["net"][-1] == 120 and found[0].of["A"]["open"][-1] == 1
