"""Reorders of departed accounts: drawn orders and actions, and who orders again within 90 days.

Days count from day 0, the snapshot; see tests/support/drawn_orders.py. Accounts buy in a market
whose median gap is 20 days: who orders every 20 days there has departed 80 days after an order.
Every answer is that of the engine and of the slow reference.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from drawn import DAY_0, day, grid_of, read_rows
from drawn_orders import order_rows
from feature_tables import load
from reference_departures import Expectations
from worlds import World, arrow, complete

from features.contract import OUTCOMES
from pipeline.engines import Engine
from pipeline.tables.expected_orders import Silence, expected_orders
from pipeline.tables.future.reorders import reorder_labels
from pipeline.tables.snapshots import Maturity

MARKET = """
    account | ordered
    m1      | -700 to 300 by 20
    m2      | -693 to 300 by 20
    """
HORIZON, LAG = 90, 14


def judge(
    engine: Engine, *, orders: str, expect: str, actions: str = "", account_merges: str = ""
) -> None:
    """The accounts that had departed at day 0 are as drawn.

    expect: `again`, yes or no, or left out; `treated`, yes or no, unless the row is left out.
    """
    world: World = {
        "orders": [*order_rows(MARKET, "m"), *order_rows(orders, "o")],
        "account_merges": read_rows("account_merges", account_merges),
    }
    load(engine, complete(world))
    acted = [
        dict.fromkeys(OUTCOMES.stored())
        | {"account_id": row["account"], "action": "call", "deleted": False}
        | {"date": day(row["on"]), "known_at": day(row.get("known") or row["on"])}
        for row in grid_of(actions)
    ]
    if acted:
        engine.register("outcomes", arrow("outcomes", acted))
    expected, drawn = expected_orders(engine, Silence()), list(grid_of(expect))
    state = expected.state(DAY_0).set_index("account_id")["crossing_on"]
    accounts = [row["account"] for row in drawn]
    assert (state[accounts] <= pd.Timestamp(DAY_0)).all()
    rows = pd.DataFrame({"account_id": accounts}).assign(as_of=pd.Timestamp(DAY_0))
    made = reorder_labels(engine, expected, rows, [DAY_0], Maturity(HORIZON, LAG))
    if acted:
        engine.drop("outcomes")
    assert (made["label_complete"] == pd.Timestamp(DAY_0) + timedelta(days=HORIZON + LAG)).all()
    found, reference = made.set_index("account_id"), Expectations(world)
    for row in drawn:
        account = row["account"]
        judged = {True: "yes", False: "no", None: "left out"}
        answer = bool(found["reordered"][account]) if account in found.index else None
        assert judged[answer] == row["again"], account
        assert judged[reference.reorders(account, DAY_0, HORIZON, LAG)] == row["again"], account
        if answer is not None:
            assert judged[bool(found["treated"][account])] == row.get("treated", "no"), account


def test_the_horizon_begins_with_the_snapshot_and_its_last_day_counts(engine: Engine) -> None:
    judge(
        engine,
        orders="""
        account  | ordered
        silent   | -200 to -100 by 20
        on day 0 | -200 to -100 by 20, 0
        last day | -200 to -100 by 20, 89 23:00
        too late | -200 to -100 by 20, 90
        """,
        expect="""
        account  | again
        silent   | no
        on day 0 | yes
        last day | yes
        too late | no
        """,
    )


def test_what_is_known_by_maturity_counts(engine: Engine) -> None:
    """The label is complete on day 104; what becomes known on it or later changes nothing."""
    judge(
        engine,
        orders="""
        account      | ordered            | known
        in the lag   | -200 to -100 by 20 |
        in the lag   | 80                 | 103 23:00
        after it     | -200 to -100 by 20 |
        after it     | 80                 | 104
        """,
        expect="""
        account      | again
        in the lag   | yes
        after it     | no
        """,
    )


def test_who_had_ordered_already_though_nobody_knew_is_left_out(engine: Engine) -> None:
    """Unless it is known only after maturity: nothing that becomes known then changes a row."""
    judge(
        engine,
        orders="""
        account    | ordered            | known
        known late | -200 to -100 by 20 |
        known late | -5                 | 30
        and again  | -200 to -100 by 20 |
        and again  | -5                 | 30
        and again  | 40                 | 40
        much later | -200 to -100 by 20 |
        much later | -5                 | 104
        an old one | -200 to -100 by 20 |
        an old one | -130               | 30
        """,
        expect="""
        account    | again
        known late | left out
        and again  | left out
        much later | no
        an old one | no
        """,
    )


def test_an_order_that_is_deleted_by_maturity_is_none(engine: Engine) -> None:
    judge(
        engine,
        orders="""
        account | ordered            | deleted
        bought  | -200 to -100 by 20 |
        bought  | 10                 |
        undone  | -200 to -100 by 20 |
        undone  | 10                 | 50
        """,
        expect="""
        account | again
        bought  | yes
        undone  | no
        """,
    )


def test_an_account_orders_again_as_whom_it_was_merged_into(engine: Engine) -> None:
    """With one that orders all the time it had not departed, so it is left out."""
    judge(
        engine,
        orders="""
        account | ordered
        A       | -200 to -100 by 20
        B       | -200 to -110 by 20, 60
        C       | -200 to -100 by 20
        """,
        account_merges="""
        from | into | known
        A    | B    | 50
        C    | m1   | 50
        """,
        expect="""
        account | again
        A       | yes
        B       | left out
        C       | left out
        """,
    )


def test_any_recorded_action_in_the_horizon_treats(engine: Engine) -> None:
    judge(
        engine,
        orders="""
        account  | ordered
        before   | -200 to -100 by 20, 20
        first    | -200 to -100 by 20, 20
        last     | -200 to -100 by 20, 20
        after    | -200 to -100 by 20, 20
        too late | -200 to -100 by 20
        """,
        actions="""
        account  | on        | known
        before   | -1 23:59  |
        first    | 0         |
        last     | 89 23:59  | 103 23:59
        after    | 90        |
        too late | 10        | 104
        """,
        expect="""
        account  | again | treated
        before   | yes   | no
        first    | yes   | yes
        last     | yes   | yes
        after    | yes   | no
        too late | no    | no
        """,
    )


def test_without_departed_accounts_there_are_no_rows(engine: Engine) -> None:
    load(engine, complete({"orders": order_rows(MARKET, "m")}))
    expected = expected_orders(engine, Silence())
    nobody = pd.DataFrame({"account_id": [], "as_of": pd.to_datetime([])})
    for as_ofs in ([], [DAY_0]):
        made = reorder_labels(engine, expected, nobody, as_ofs, Maturity(HORIZON, LAG))
        assert list(made) == ["account_id", "as_of", "label_complete", "reordered", "treated"]
        assert made.empty
