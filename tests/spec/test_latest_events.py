"""What an account did last, as far as a snapshot knew it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from drawn import DAY_0, day, read_rows
from feature_tables import load
from worlds import World, arrow, complete

from features.contract import OUTCOMES
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.tables.identity import make_identity_table
from pipeline.tables.latest_events import Event, known_as, last_order_at, latest_events

ORDERS = """
    account | order | line | day  | known | amount
    --------+-------+------+------+-------+-------
    A       | o1    | 1    | -90  |       | 10
    A       | o2    | 1    | -40  |       | 100
    A       | o2    | 2    | -40  |       | 1150.50
    A       | o2    | 3    | -30  |       | -100
    A       | o3    | 1    | -5   | 2     | 999
    A       | o4    | 1    | 0    |       | 999
    B       | o5    | 1    | -300 |       | 10
"""
TOUCHES = """
    account | contact | rep | day | role
    --------+---------+-----+-----+------
    A       | Ann     | Rob | -20 | buyer
    A       | Bob     | Rob | -10 |
    C       | Cid     | Rob | -10 |
"""
COMPLAINTS = """
    account | case | opened | answered | resolved | resolution known | severity
    --------+------+--------+----------+----------+------------------+---------
    A       | k1   | -70    |          | -60      |                  | high
    A       | k2   | -50    | -45      | -1       | 3                |
    A       | k3   | -15    |          |          |                  | low
"""
ACTIONS = (  # account, action, day, known, by, result
    ("A", "call", "-12", "-12", "Lang", "ordered"),
    ("A", "visit", "-3", "1", "Lang", None),
    ("B", "visit", "-400", "-400", None, None),
)
MERGES = """
    from | into | known
    -----+------+------
    B    | A    | -100
    C    | A    | 5
"""


@pytest.fixture
def sources(engine: DuckDBEngine) -> Iterator[DuckDBEngine]:
    """The engine with the tables drawn above."""
    drawn: World = {
        "orders": read_rows("orders", ORDERS),
        "touches": read_rows("touches", TOUCHES),
        "complaints": read_rows("complaints", COMPLAINTS),
        "account_merges": read_rows("account_merges", MERGES),
    }
    load(engine, complete(drawn))
    make_identity_table(engine)
    rows = [
        dict.fromkeys(OUTCOMES.stored())
        | {"account_id": account, "action": action, "date": day(done), "known_at": day(known)}
        | {"by": by, "result": result, "deleted": False}
        for account, action, done, known, by, result in ACTIONS
    ]
    engine.register("outcomes", arrow("outcomes", rows))
    yield engine
    engine.drop("outcomes")


def on(moment: str) -> datetime:
    return day(moment)


def test_the_latest_of_each_kind_as_they_were_known(sources: DuckDBEngine) -> None:
    assert latest_events(sources, "A", DAY_0, 2, "EUR") == [
        Event(on("-10"), "touch", "touch of Bob and Rob"),
        Event(on("-12"), "action", "call by Lang: ordered"),
        Event(on("-15"), "complaint", "k3: low, open"),
        Event(on("-20"), "touch", "touch of Ann (buyer) and Rob"),
        Event(on("-30"), "return", "o2: 1 line, -100.00 EUR"),
        Event(on("-40"), "order", "o2: 2 lines, 1,250.50 EUR"),
        Event(on("-50"), "complaint", "k2: open, answered"),
        Event(on("-400"), "action", "visit"),
    ]


def test_all_of_them_and_those_of_an_account_merged_into_it(sources: DuckDBEngine) -> None:
    found = [event.what for event in latest_events(sources, "A", DAY_0, 9, None)]
    assert "k1: high, resolved" in found
    assert found[-3:] == ["o1: 1 line, 10.00", "o5: 1 line, 10.00", "visit"]


def test_when_it_last_ordered(sources: DuckDBEngine) -> None:
    assert last_order_at(sources, "A", DAY_0) == on("-40")
    assert last_order_at(sources, "C", DAY_0) is None


def test_an_account_is_known_as_another_from_when_the_merge_is_known(sources: DuckDBEngine) -> None:
    assert [known_as(sources, account, DAY_0) for account in "ABC"] == ["A", "A", "C"]
