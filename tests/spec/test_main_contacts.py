"""The role of the main contact, as far as a snapshot knew it."""

from __future__ import annotations

from drawn import DAY_0, read_rows
from feature_tables import load
from worlds import complete

from pipeline.scoring.main_contacts import main_contact_roles
from pipeline.tables.identity import make_identity_table

TOUCHES = """
    account | contact | rep | day  | known | role
    --------+---------+-----+------+-------+---------------------
    A       | Ann     | Rob | -300 |       | buyer
    A       | Ann     | Rob | -200 |       | purchasing  manager
    A       | Ann     | Rob | -100 |       |
    A       | Bob     | Rob | -10  |       | engineer
    A       | Bob     | Rob | -5   |       | engineer
    A       | Bob     | Rob | -2   | 1     | engineer
    A       | Bob     | Rob | 0    |       | engineer
    B       | Cid     | Rob | -400 |       | owner
    C       | Dan     | Rob | -20  |       | planner
    C       | Eve     | Rob | -10  |       | cook
    D       | Fay     | Rob | -10  |       |
    E       | Gus     | Rob | -10  |       | merged away
    F       | Hal     | Rob | -20  |       | asked for by nobody
"""
MERGES = """
    from | into | known
    -----+------+------
    E    | G    | -3
"""


def test_the_contact_with_most_touches_of_a_year_and_its_last_known_role(engine) -> None:
    drawn = {"touches": TOUCHES, "account_merges": MERGES}
    rows = {table: read_rows(table, text) for table, text in drawn.items()}
    load(engine, complete(rows))
    make_identity_table(engine)
    # A: Bob has three touches only with those that were not known, or not yet, on the day; Ann's
    # last one says no role, the one before does. B: none in the last year. C: of two with one touch
    # each, the one touched last. D: touched, without a role. E is G by now.
    found = main_contact_roles(engine, ["A", "B", "C", "D", "E", "G", "Z"], DAY_0)
    assert found == {"A": "purchasing manager", "C": "cook", "G": "merged away"}
    assert main_contact_roles(engine, [], DAY_0) == {}
    engine.drop("touches", "account_identity")
    assert main_contact_roles(engine, ["A"], DAY_0) == {}
