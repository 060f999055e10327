"""Expected orders and departures: drawn accounts, when each is due, and what became of it.

Days count from day 0, which is the first of a month; see tests/support/drawn.py. `-100 to -20 by
20` stands for an order every 20 days. Every answer is that of the engine and of the slow reference.

Unless a table says otherwise, accounts buy in a market whose median gap is 20 days (MARKET). Who
orders every 20 days there is due after 20 days and has departed after 80.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from drawn import DAY_0, day, grid_of, read_rows
from drawn_orders import order_rows
from feature_tables import load
from reference_departures import Expectations
from worlds import World, arrow, complete

from features.contract import ORDERS, OUTCOMES
from pipeline.engines import Engine
from pipeline.tables.expected_orders import ExpectedOrders, Silence, day_number, expected_orders
from pipeline.tables.future.departures import (
    LASTING_DAYS,
    departure_labels,
    departures,
    silent_after,
)
from pipeline.tables.label_definitions import departure

SILENCE = Silence()
DAY = timedelta(days=1)

MARKET = """
    account | ordered
    m1      | -1700 to 300 by 20
    m2      | -1693 to 300 by 20
    m3      | -1686 to 300 by 20
    """
OLD_MARKET = MARKET.replace("-1", "-2")


def judge(
    engine: Engine,
    *,
    orders: str,
    expect: str,
    account_merges: str = "",
    market: str = MARKET,
    lag: int = 0,
) -> None:
    """The answers are as drawn.

    orders: `ordered` holds days and runs of days; `known` when these orders became known, `deleted`
    when it became known that there were none. expect: a row per account and snapshot (`at`, day 0
    if absent). As the snapshot sees it: `last`, the last order day; `due` and `crossing` of that
    order; `state`; `departures`, the dates of all whose crossing is reached. As known at maturity:
    `outcome`, its date `on`, and whether it is `lasting`.
    """
    world: World = {
        "orders": [*order_rows(market, "m"), *order_rows(orders, "o")],
        "account_merges": read_rows("account_merges", account_merges),
    }
    load(engine, complete(world))
    expected = expected_orders(engine, SILENCE)
    reference = Expectations(world)
    for row in grid_of(expect):
        account, as_of = row.pop("account"), _date(row.pop("at", "0"))
        judged = _by_reference(reference, account, as_of, lag)
        answered = _by_engine(engine, expected, account, as_of, lag)
        for name, cell in row.items():
            where = f"{name} of {account} at {(as_of - DAY_0).days}"
            assert answered[name] == cell, f"{where}: engine {answered[name]!r}, drawn {cell!r}"
            assert judged[name] == cell, f"{where}: reference {judged[name]!r}, drawn {cell!r}"


def _date(cell: str) -> date:
    return DAY_0 + int(cell) * DAY


def _cell(on: date | None) -> str:
    return "" if on is None else str((on - DAY_0).days)


def _by_engine(
    engine: Engine, expected: ExpectedOrders, account: str, as_of: date, lag: int
) -> dict[str, str]:
    number = list(expected.ids).index(account)
    seen = expected.seen_on(as_of)
    gone = (seen.account == number) & (seen.following >= seen.crossing)
    gone &= seen.crossing <= day_number(as_of)
    state = expected.state(as_of).set_index("account_id")
    rows = pd.DataFrame({"account_id": [account], "as_of": [pd.Timestamp(as_of)]})
    asked = (engine, expected, rows, [as_of], departure(SILENCE, lag).maturity)
    made = departures(*asked)
    (outcome,), (dated,) = made["outcome"], made["departed_on"]
    (lasts,) = silent_after(engine, expected, made, *asked[3:], LASTING_DAYS)
    answers = {
        "departures": ", ".join(str(on - day_number(DAY_0)) for on in seen.due[gone]),
        "outcome": outcome,
        "on": "" if pd.isna(dated) else _cell(dated.date()),
        "lasting": "yes" if lasts else "no",
    }
    if account not in state.index:
        return answers | {"last": "", "due": "", "crossing": "", "state": "none"}
    last, due, crossing = (on.date() for on in state.loc[account])
    return answers | {
        "last": _cell(last),
        "due": _cell(due),
        "crossing": _cell(crossing),
        "state": "active" if as_of < crossing else "departed",
    }


def _by_reference(reference: Expectations, account: str, as_of: date, lag: int) -> dict[str, str]:
    days = reference.days(account, as_of)
    crossings = {on: on + patience * DAY for on, _, patience in days}
    outcome, dated, lasts = reference.departure(account, as_of, lag=lag)
    answers = {
        "departures": ", ".join(
            _cell(on)
            for order, on in reference.departures(account, as_of)
            if crossings[order] <= as_of
        ),
        "outcome": outcome,
        "on": _cell(dated),
        "lasting": "yes" if lasts else "no",
    }
    if not days:
        return answers | {"last": "", "due": "", "crossing": "", "state": "none"}
    last, gap, patience = days[-1]
    return answers | {
        "last": _cell(last),
        "due": _cell(last + gap * DAY),
        "crossing": _cell(last + patience * DAY),
        "state": "active" if (as_of - last).days < patience else "departed",
    }


# --- expected gap and patience -----------------------------------------------------------------


def test_frequent_and_rare_buyers(engine: Engine) -> None:
    """Two gaps of 20 days are added to those of the last year, or to the last four.

    ten: 37 gaps of 10, so (370 + 40) / 39 = 10.5; 60 days more are waited.
    twenty: 20; four times that. ninety: (5 x 90 + 40) / 7 = 70; four times 70, but at most 180.
    slow: (4 x 150 + 40) / 6 = 106.7, of three gaps in the year; 1.3 x 150 = 195 are waited.
    """
    judge(
        engine,
        orders="""
        account | ordered
        ten     | -410 to -10 by 10
        twenty  | -410 to -10 by 20
        ninety  | -460 to -10 by 90
        slow   | -760 to -10 by 150
        """,
        expect="""
        account | last | due | crossing | state
        ten     | -10  | 1   | 61       | active
        twenty  | -10  | 10  | 70       | active
        ninety  | -10  | 60  | 170      | active
        slow   | -10  | 97  | 185      | active
        """,
    )


def test_one_order_only_is_expected_as_the_market_orders(engine: Engine) -> None:
    judge(
        engine,
        orders="""
        account | ordered
        new     | -10
        gone    | -80
        """,
        expect="""
        account | at | last | due | crossing | state    | outcome | on
        new     | 0  | -10  | 10  | 70       | active   | due     | 10
        gone    | -1 | -80  | -60 | 0        | active   | slip    | -60
        gone    | 0  | -80  | -60 | 0        | departed | slip    | -60
        new     | -10 |     |     |          | none     | due     | 10
        """,
    )


def test_a_steady_buyer_has_not_departed_from_its_fourth_order_on(engine: Engine) -> None:
    """In a market that orders every 20 days, only some of the first three are departures.

    every 240: the fourth order expects (3 x 240 + 40) / 5 = 152 days, and 1.3 x 240 = 312 days
    would be waited, but at most 135 after the due date.
    """
    judge(
        engine,
        orders="""
        account   | ordered
        every 100 | -1500 to 300 by 100
        every 120 | -1500 to 300 by 120
        every 150 | -1500 to 300 by 150
        every 180 | -1500 to 300 by 180
        every 200 | -1500 to 300 by 200
        every 220 | -1500 to 300 by 220
        every 240 | -1500 to 300 by 240
        """,
        expect="""
        account   | last | due | crossing | state  | outcome | departures
        every 100 | -100 | -27 | 80       | active | neither | -1480
        every 120 | -60  | 27  | 120      | active | neither | -1480
        every 150 | -150 | -43 | 45       | active | neither | -1480
        every 180 | -60  | 67  | 174      | active | neither | -1480, -1247, -1040
        every 200 | -100 | 40  | 160      | active | neither | -1480, -1220, -990
        every 220 | -180 | -27 | 106      | active | neither | -1480, -1193, -940
        every 240 | -60  | 107 | 240      | active | neither | -1480, -1167, -890
        """,
    )
    judge(
        engine,
        orders="""
        account | ordered
        fourth  | -780 to -60 by 240
        """,
        expect="""
        account | last | due | crossing
        fourth  | -60  | 92  | 227
        """,
    )


def test_from_gaps_of_300_days_on_every_order_is_a_departure(engine: Engine) -> None:
    """At most 240 days are expected and at most 300 waited; here no two pauses are alike."""
    judge(
        engine,
        market=OLD_MARKET,
        orders="""
        account | ordered
        A       | -2600, -2300, -1850, -1550, -1100, -800, -350, -50
        """,
        expect="""
        account | last | due | crossing | outcome | departures
        A       | -50  | 190 | 250      | neither | -2580, -2187, -1652, -1332, -860, -560, -110
        """,
    )


def test_days_are_rounded_half_up_and_only_at_the_end(engine: Engine) -> None:
    """half: (42 + 40) / 4 = 20.5, four times that 82. below: (41 + 40) / 4 = 20.25, 81."""
    judge(
        engine,
        orders="""
        account | ordered
        half    | -52, -31, -10
        below   | -51, -31, -10
        """,
        expect="""
        account | due | crossing
        half    | 11  | 72
        below   | 10  | 71
        """,
    )


# --- the supplier's median gap ----------------------------------------------------------------
# Who has ordered once is expected after the supplier's median gap, and is waited for 60 days more.


def test_a_supplier_without_a_gap_is_given_30_days(engine: Engine) -> None:
    """Below four times 30."""
    judge(
        engine,
        market="",
        orders="""
        account | ordered
        one     | -10
        other   | -10
        """,
        expect="""
        account | last | due | crossing
        one     | -10  | 20  | 110
        """,
    )


def test_fewer_than_50_gaps_in_the_year_before_the_month_are_too_few(engine: Engine) -> None:
    """Then all count. The gap that ended 365 days before the first of the month is the first."""
    old = """
        account | ordered
        old     | -1000 to -500 by 5
        """
    new = """
        account | ordered
        new     | 5
        """
    fifty = "m | -372 to -22 by 7"
    forty_nine = "m | -373 to -23 by 7"
    answer = "account | at | due | crossing\n new | 20 |"
    judge(engine, market=f"{old} {fifty}", orders=new, expect=f"{answer} 12 | 72")
    judge(engine, market=f"{old} {forty_nine}", orders=new, expect=f"{answer} 10 | 70")


def test_the_median_is_what_was_known_before_the_first_of_the_month(engine: Engine) -> None:
    """And stays so: of an account's own gaps too, only its own orders' day decides."""
    judge(
        engine,
        market="""
        account | ordered      | known
        m1      | -200, -190   |
        m2      | -200, -170   | -1 23:59:59
        m3      | -200, -150   | 0
        m4      | -100, 0      |
        """,
        orders="""
        account | ordered
        first   | 0
        last    | 30
        next    | 31
        """,
        expect="""
        account | at | last | due | crossing
        first   | 40 | 0    | 20  | 80
        last    | 40 | 30   | 50  | 110
        next    | 40 | 31   | 71  | 191
        last    | 90 | 30   | 50  | 110
        """,
    )


def test_merges_known_before_the_first_of_the_month_make_gaps(engine: Engine) -> None:
    """Apart 100, 70 and 40; together 30, 70 and 40, and no gap between two orders on one day."""
    merged = "from | into | known\n m1 | m2 | "
    case = {
        "market": """
        account | ordered
        m1      | -200, -100
        m2      | -170, -100, -60
        """,
        "orders": "account | ordered\n new | 10",
    }
    judge(engine, **case, expect="account | at | due\n new | 40 | 80")
    judge(
        engine,
        **case,
        account_merges=f"{merged} 0",
        expect="account | at | due\n new | 40 | 80",
    )
    judge(
        engine,
        **case,
        account_merges=f"{merged} -1",
        expect="account | at | due\n new | 40 | 50",
    )


# --- what is known when -----------------------------------------------------------------------


def test_a_migrated_history_does_not_make_old_accounts_new(engine: Engine) -> None:
    """All became known on day -10, so each order is judged by all that were placed before it.

    The supplier's median was unknown in the months of these orders, so it is 30 days:
    (19 x 20 + 2 x 30) / 21 = 20.95 days, four times that 83.8.
    """
    judge(
        engine,
        market="",
        orders="""
        account | ordered            | known
        old     | -500 to -20 by 20  | -10
        one     | -20                | -10
        """,
        expect="""
        account | at  | last | due | crossing | state  | departures
        old     | -10 |      |     |          | none   |
        old     | 0   | -20  | 1   | 64       | active |
        one     | 0   | -20  | 10  | 100      | active |
        """,
    )


def test_a_migration_takes_hours_and_its_rows_come_in_any_order(engine: Engine) -> None:
    """Known by the end of the day on which an order became known, so the newest may come first."""
    judge(
        engine,
        market="",
        orders="""
        account | ordered           | known
        A       | -20               | -10 08:00
        A       | -500 to -40 by 20 | -10 20:00
        """,
        expect="""
        account | last | due | crossing | departures
        A       | -20  | 1   | 64       |
        """,
    )


def test_an_order_known_late_undoes_a_departure_from_then_on(engine: Engine) -> None:
    """And moves no date: the order of day 85 keeps what was expected when it was placed.

    back: (13 x 20 + 105 + 40) / 16 = 25.3 days; late: (16 x 20 + 50 + 40) / 19 = 21.6 days.
    """
    judge(
        engine,
        orders="""
        account | ordered            | known
        back    | -400 to -20 by 20  |
        back    | 30                 | 100
        back    | 85                 |
        late    | -400 to -20 by 20  |
        late    | 30                 | 100
        """,
        expect="""
        account | at  | last | due | crossing | state    | departures
        back    | 85  | -20  | 0   | 60       | departed | 0
        back    | 100 | 85   | 110 | 186      | active   | 0
        back    | 101 | 85   | 110 | 186      | active   |
        back    | 186 | 85   | 110 | 186      | departed | 110
        late    | 100 | -20  | 0   | 60       | departed | 0
        late    | 101 | 30   | 52  | 116      | active   |
        """,
    )


def test_outcomes_are_final_at_maturity(engine: Engine) -> None:
    """Day 225 without a lag, day 239 with one of 14 days; what becomes known then is too late."""
    case = {
        "orders": """
        account | ordered           | known        | deleted
        before  | -400 to -20 by 20 |              |
        before  | 30                | 224 23:59:59 |
        after   | -400 to -20 by 20 |              |
        after   | 30                | 225          |
        gone    | -400 to -20 by 20 |              |
        gone    | 30                |              | 224 23:59:59
        kept    | -400 to -20 by 20 |              |
        kept    | 30                |              | 225
        """
    }
    judge(
        engine,
        **case,
        expect="""
        account | outcome | on
        before  | due     | 52
        after   | due     | 0
        gone    | due     | 0
        kept    | due     | 52
        """,
    )
    judge(
        engine,
        **case,
        lag=14,
        expect="""
        account | outcome | on
        before  | due     | 52
        after   | due     | 52
        gone    | due     | 0
        kept    | due     | 0
        """,
    )


def test_maturity_follows_from_the_keys() -> None:
    def days(silence: Silence, lag: int) -> int:
        return (departure(silence, lag).maturity.label_complete(DAY_0) - DAY_0).days

    assert days(Silence(), 14) == 90 + 135 + 14
    assert days(Silence(gaps=3, shortest=60, longest=100), 0) == 90 + 67
    assert days(Silence(gaps=2, shortest=60, longest=90), 0) == 90 + 60


def test_deleted_orders(engine: Engine) -> None:
    """A deletion is known the day after it; orders placed before it keep their dates.

    kept: (14 x 20 + 2 x 50 + 40) / 18 = 23.3 days; after: (14 x 20 + 100 + 40) / 17 = 24.7.
    """
    judge(
        engine,
        orders="""
        account | ordered           | deleted
        gone    | -400 to -20 by 20 |
        gone    | 30                | 100
        kept    | -400 to -20 by 20 |
        kept    | 30                | 100
        kept    | 80                |
        after   | -400 to -20 by 20 |
        after   | 30                | 50
        after   | 80                |
        never   | -10               | -10 00:00:01
        """,
        expect="""
        account | at  | last | due | crossing | state    | departures
        gone    | 100 | 30   | 52  | 116      | active   |
        gone    | 101 | -20  | 0   | 60       | departed | 0
        kept    | 100 | 80   | 103 | 173      | active   |
        kept    | 101 | 80   | 103 | 173      | active   | 0
        after   | 100 | 80   | 105 | 179      | active   | 0
        never   | 0   |      |     |          | none     |
        """,
    )


def test_returns_are_no_orders_and_two_orders_on_one_day_are_one(engine: Engine) -> None:
    judge(
        engine,
        orders="""
        account | ordered              | amount
        back    | -400 to -20 by 20    |
        back    | 30                   | -100
        twice   | -400 to -20 by 20    |
        twice   | -20 08:00, -20 18:00 |
        """,
        expect="""
        account | at | last | due | crossing | departures
        back    | 60 | -20  | 0   | 60       | 0
        twice   | 60 | -20  | 0   | 60       | 0
        """,
    )


# --- merges -----------------------------------------------------------------------------------


def test_merges_made_and_undone(engine: Engine) -> None:
    """State by the merges known at the snapshot, outcomes by those known at maturity, day 225."""
    orders = """
        account | ordered
        A       | -400 to -40 by 20
        B       | 39 to 300 by 20
        """
    made = "from | into | known | deleted\n A | B | 10 | no"
    judge(
        engine,
        orders=orders,
        expect="""
        account | at | last | due | crossing | state | outcome | on
        A       | 0  | -40  | -20 | 40       | active | slip   | -20
        """,
    )
    judge(
        engine,
        orders=orders,
        account_merges=made,
        expect="""
        account | at | last | due | crossing | state  | outcome | on
        A       | 0  | -40  | -20 | 40       | active | neither |
        A       | 11 |      |     |          | none   | neither |
        B       | 11 | -40  | -20 | 40       | active | neither |
        B       | 45 | 39   | 59  | 119      | active | neither |
        """,
    )
    judge(
        engine,
        orders=orders,
        account_merges=f"{made}\n A | B | 100 | yes",
        expect="""
        account | at  | last | due | crossing | state    | departures | outcome | on
        A       | 0   | -40  | -20 | 40       | active   |            | slip    | -20
        B       | 100 | 99   | 119 | 179      | active   |            | neither |
        A       | 101 | -40  | -20 | 40       | departed | -20        | slip    | -20
        B       | 101 | 99   | 119 | 179      | active   |            | neither |
        """,
    )
    for undone, outcome in (("224 23:59:59", "slip | -20"), ("225", "neither |")):
        judge(
            engine,
            orders=orders,
            account_merges=f"{made}\n A | B | {undone} | yes",
            expect=f"account | outcome | on\n A | {outcome}",
        )


@pytest.mark.parametrize(("gone", "left"), ["AB", "BA"])
def test_of_two_orders_on_one_day_the_longer_patience_counts(
    engine: Engine, gone: str, left: str
) -> None:
    """With its gap, whichever account is merged into the other."""
    judge(
        engine,
        orders="""
        account | ordered
        A       | -410 to -10 by 20
        B       | -410 to -10 by 100
        """,
        account_merges=f"from | into | known\n {gone} | {left} | -5",
        expect=f"""
        account | at | last | due | crossing
        A       | -6 | -10  | 10  | 70
        B       | -6 | -10  | 63  | 170
        {left}  | 0  | -10  | 63  | 170
        {gone}  | 0  |      |     |
        """,
    )


@pytest.mark.parametrize(("gone", "left"), ["AB", "BA"])
@pytest.mark.parametrize(("quick", "slow"), ["AB", "BA"])
def test_where_patience_is_equal_the_longer_gap_counts(
    engine: Engine, gone: str, left: str, quick: str, slow: str
) -> None:
    """Both are waited for 180 days; the names of accounts and the order of rows decide nothing."""
    judge(
        engine,
        orders=f"""
        account | ordered
        {quick} | -430 to -10 by 60
        {slow}  | -410 to -10 by 100
        """,
        account_merges=f"from | into | known\n {gone} | {left} | -5",
        expect=f"""
        account | at | last | due | crossing
        {quick} | -6 | -10  | 41  | 170
        {slow}  | -6 | -10  | 63  | 170
        {left}  | 0  | -10  | 63  | 170
        """,
    )


# --- seasons ----------------------------------------------------------------------------------


def test_a_seasonal_buyer(engine: Engine) -> None:
    """Eight orders a week apart, every year. The pauses of two years make a third one expected.

    The first two seasons end in departures: first (7 x 7 + 40) / 9 = 9.9 days are expected, then
    (316 + 7 x 7 + 40) / 10 = 40.5. From the third on the next season is; left has left after it.
    """
    seasons = "-1925 to -1876 by 7, -1560 to -1511 by 7, -1195 to -1146 by 7"
    judge(
        engine,
        market=OLD_MARKET,
        orders=f"""
        account | ordered
        stays   | {seasons}, -830 to -781 by 7, -465 to -416 by 7, -100 to -51 by 7
        left    | {seasons}
        """,
        expect="""
        account | at    | last  | due   | crossing | state    | outcome | on    | departures
        stays   | -1600 | -1876 | -1866 | -1806    | departed | slip    | -1866 | -1866
        stays   | -1360 | -1511 | -1470 | -1349    | active   | slip    | -1470 | -1866
        stays   | -900  | -1146 | -830  | -770     | active   | neither |       | -1866, -1470
        stays   | -500  | -781  | -465  | -405     | active   | neither |       | -1866, -1470
        stays   | 0     | -51   | 265   | 325      | active   | neither |       | -1866, -1470
        left    | -900  | -1146 | -830  | -770     | active   | due     | -830  | -1866, -1470
        left    | -829  | -1146 | -830  | -770     | active   | slip    | -830  | -1866, -1470
        left    | -770  | -1146 | -830  | -770     | departed | slip    | -830  | \
-1866, -1470, -830
        """,
    )


def test_two_pauses_are_of_one_season_if_they_begin_and_end_within_45_days(engine: Engine) -> None:
    """One order a year. Due is the mean of both ends, years added: (310 + 355) / 2 for `ends 45`.

    Else (775 + 40) / 4 = 204 days are expected.
    """
    judge(
        engine,
        orders="""
        account   | ordered
        steady    | -740, -375, -10
        begins 45 | -785, -375, -10
        begins 46 | -786, -375, -10
        ends 45   | -785, -420, -10
        ends 46   | -786, -421, -10
        once      | -375, -10
        """,
        expect="""
        account   | last | due | crossing
        steady    | -10  | 355 | 415
        begins 45 | -10  | 355 | 415
        begins 46 | -10  | 194 | 254
        ends 45   | -10  | 333 | 393
        ends 46   | -10  | 194 | 254
        once      | -10  | 125 | 185
        """,
    )


# --- departures and outcomes ------------------------------------------------------------------


def test_the_next_order_must_come_before_the_crossing(engine: Engine) -> None:
    """All expect an order on day 0 and are waited for until day 60, on which they have departed.

    last day: (15 x 20 + 79 + 40) / 18 = 23.3 days are expected then; crossing: with 80 for 79.
    """
    judge(
        engine,
        orders="""
        account  | ordered
        due date | -400 to -20 by 20, 0
        last day | -400 to -20 by 20, 59 23:59:59
        crossing | -400 to -20 by 20, 60
        never    | -400 to -20 by 20
        """,
        expect="""
        account  | at | last | due | crossing | state    | departures
        due date | 61 | 0    | 20  | 80       | active   |
        last day | 61 | 59   | 82  | 152      | active   |
        crossing | 60 | -20  | 0   | 60       | departed | 0
        crossing | 61 | 60   | 83  | 153      | active   | 0
        never    | 59 | -20  | 0   | 60       | active   |
        never    | 60 | -20  | 0   | 60       | departed | 0
        never    | 61 | -20  | 0   | 60       | departed | 0
        """,
    )


def test_where_the_data_end_a_departure_waits_for_its_crossing(engine: Engine) -> None:
    """Its outcome is that of maturity; until then nobody is called departed."""
    judge(
        engine,
        market=MARKET.replace("300", "-1"),
        orders="""
        account | ordered
        A       | -410 to -10 by 20
        """,
        expect="""
        account | at | last | due | crossing | state    | departures | outcome | on
        A       | 0  | -10  | 10  | 70       | active   |            | due     | 10
        A       | 69 | -10  | 10  | 70       | active   |            | slip    | 10
        A       | 70 | -10  | 10  | 70       | departed | 10         | slip    | 10
        """,
    )


def test_slip_due_neither(engine: Engine) -> None:
    """All but `ordering` are due 20 days after an order every 20 days, and none follows.

    again: (15 x 20 + 80 + 40) / 18 = 23.3 days are expected after day 50, which is in the horizon
    too; it has slipped all the same. back: ordered before the crossing on day 50.
    """
    judge(
        engine,
        orders="""
        account    | ordered
        slipped    | -421 to -21 by 20
        due today  | -420 to -20 by 20
        due 10     | -410 to -10 by 20
        due 89     | -411 to 69 by 20
        due 90     | -410 to 70 by 20
        ordering   | -410 to 300 by 20
        returns    | -430 to -30 by 20, 50 to 310 by 20
        again      | -430 to -30 by 20, 50
        back       | -430 to -30 by 20, 49 to 309 by 20
        """,
        expect="""
        account    | last | due | crossing | state  | outcome | on
        slipped    | -21  | -1  | 59       | active | slip    | -1
        due today  | -20  | 0   | 60       | active | due     | 0
        due 10     | -10  | 10  | 70       | active | due     | 10
        due 89     | -11  | 9   | 69       | active | due     | 89
        due 90     | -10  | 10  | 70       | active | neither |
        ordering   | -10  | 10  | 70       | active | neither |
        returns    | -30  | -10 | 50       | active | slip    | -10
        again      | -30  | -10 | 50       | active | slip    | -10
        back       | -30  | -10 | 50       | active | neither |
        """,
    )


def test_who_stays_a_whole_year(engine: Engine) -> None:
    """Whoever becomes due later than within 90 days has not defected, but has not stayed either."""
    orders = """
        account | ordered
        stays   | -400 to 600 by 20
        returns | -400 to 100 by 20, 300 to 600 by 20
        later   | -400 to 344 by 20
        after   | -400 to 360 by 20
        slips   | -400 to -40 by 20, 120 to 600 by 20
        """
    load(engine, complete({"orders": [*order_rows(MARKET, "m"), *order_rows(orders, "o")]}))
    expected = expected_orders(engine, SILENCE)
    accounts = ["stays", "returns", "later", "after", "slips"]
    rows = pd.DataFrame({"account_id": accounts, "as_of": pd.Timestamp(DAY_0)})
    label = departure(SILENCE, 0)
    year = replace(label.maturity, horizon_days=365 + SILENCE.most_after_due)
    of_year = departures(engine, expected, rows, [DAY_0], year, 365)["outcome"].tolist()
    of_label = departures(engine, expected, rows, [DAY_0], label.maturity)["outcome"].tolist()
    assert of_year == ["neither", "due", "due", "neither", "slip"]
    assert of_label == ["neither", "neither", "neither", "neither", "slip"]
    # Where no snapshot is mature yet there are no rows, of the same kinds.
    nothing = departures(engine, expected, rows, [], year, 365)
    some = departures(engine, expected, rows, [DAY_0], year, 365)
    assert nothing.empty and nothing.dtypes.to_dict() == some.dtypes.to_dict()


def test_lasting_departures(engine: Engine) -> None:
    """No order within 180 days from the crossing, here day 60, as known 180 days after maturity."""
    judge(
        engine,
        orders="""
        account  | ordered                | known
        never    | -400 to -20 by 20      |
        day 239  | -400 to -20 by 20, 239 |
        day 240  | -400 to -20 by 20, 240 |
        late     | -400 to -20 by 20      |
        late     | 239                    | 404 23:59:59
        too late | -400 to -20 by 20      |
        too late | 239                    | 405
        ordering | -400 to 300 by 20      |
        """,
        expect="""
        account  | outcome | on | lasting
        never    | due     | 0  | yes
        day 239  | due     | 0  | no
        day 240  | due     | 0  | yes
        late     | due     | 0  | no
        too late | due     | 0  | yes
        ordering | neither |    | no
        """,
    )


def test_lasting_is_the_departure_that_makes_the_outcome_and_no_other(engine: Engine) -> None:
    """Both depart for good on the second date, which counts at the snapshots that it belongs to."""
    judge(
        engine,
        orders="""
        account | ordered
        slips   | -430 to -30 by 20, 50
        twice   | -419 to -19 by 20, 61
        """,
        expect="""
        account | at | outcome | on  | lasting
        slips   | 0  | slip    | -10 | no
        slips   | 55 | due     | 73  | yes
        twice   | 0  | due     | 1   | no
        twice   | 65 | due     | 84  | yes
        """,
    )


def test_a_buyer_who_returned_after_800_days(engine: Engine) -> None:
    """The long gap is one of its own for a year: (2 x 20 + 20 + 800 + 40) / 6 = 150 days."""
    judge(
        engine,
        orders="""
        account | ordered
        A       | -1300 to -900 by 20, -100 to 300 by 20
        """,
        expect="""
        account | at   | last | due  | crossing | state    | outcome | on   | lasting | departures
        A       | -830 | -900 | -880 | -820     | active   | slip    | -880 | yes     |
        A       | -820 | -900 | -880 | -820     | departed | slip    | -880 | yes     | -880
        A       | -100 | -900 | -880 | -820     | departed | slip    | -880 | yes     | -880
        A       | -99  | -100 | 50   | 110      | active   | neither |      | no      | -880
        A       | 0    | -20  | 111  | 171      | active   | neither |      | no      | -880
        """,
    )


# --- treated ----------------------------------------------------------------------------------


def test_treated_is_any_action_within_30_days_whatever_became_of_it(engine: Engine) -> None:
    """Known by the end of the days asked, here 239; an action on the account merged into counts."""
    drawn = """
        account  | date         | known        | result
        before   | -1 23:59:59  | -1 23:59:59  | reached
        day 0    | 0            | 0            | reached
        failed   | 10           | 10           | not_reached
        silent   | 10           | 10           |
        day 29   | 29 23:59:59  | 29 23:59:59  | reached
        day 30   | 30           | 30           | reached
        late     | 10           | 238 23:59:59 | reached
        too late | 10           | 239          | reached
        other    | 10           | 10           | reached
        """
    actions = [
        dict.fromkeys(OUTCOMES.stored())
        | {
            "account_id": row["account"],
            "action": "call",
            "date": day(row["date"]),
            "known_at": day(row["known"]),
            "deleted": False,
        }
        | ({"result": row["result"]} if row["result"] else {})
        for row in grid_of(drawn)
    ]
    accounts = [row["account"] for row in grid_of(drawn)] + ["merged", "nothing"]
    merges = "from | into | known\n merged | other | 50"
    load(engine, complete({"account_merges": read_rows("account_merges", merges)}))
    asked = {"account_id": accounts, "as_of": pa.array([DAY_0] * len(accounts))}
    engine.register("asked", pa.table(asked))

    def treated() -> list[str]:
        found = departure_labels(engine, departure(SILENCE, 14), [DAY_0], "asked")
        return found.loc[found["treated"] == 1, "account_id"].tolist()

    assert treated() == []
    engine.register("outcomes", arrow("outcomes", actions))
    found = treated()
    engine.drop("outcomes")
    assert sorted(found) == sorted(
        ["day 0", "failed", "silent", "day 29", "late", "other", "merged"]
    )


def test_calls_to_random_accounts_without_effect_leave_said_and_did_of_the_others_alone(
    engine: Engine,
) -> None:
    """1,500 accounts, each with a chance of its own to stop that is known; a third is called.

    Of the accounts not called, as many stop as their chances say, but for chance: whether an
    account is left out never depends on what became of it.
    """
    random, count = np.random.default_rng(11), 1500
    chance = random.uniform(0.05, 0.6, count)
    stops = random.random(count) < chance
    accounts = [f"a{n:04}" for n in range(count)]
    days = [*range(-200, 0, 20), *range(0, 300, 20)]
    placed = [(n, d) for n in range(count) for d in days if d < 30 or not stops[n]]
    at = [datetime.combine(DAY_0, time()) + timedelta(days=d) for _, d in placed]
    nothing = dict.fromkeys(ORDERS.stored())
    rows = [
        nothing
        | {
            "account_id": accounts[n],
            "order_id": f"{accounts[n]} {d}",
            "occurred_at": moment,
            "known_at": moment,
            "amount_cents": 100,
            "deleted": False,
        }
        for (n, d), moment in zip(placed, at, strict=True)
    ]
    called = random.random(count) < 1 / 3
    when = random.integers(0, 60, count)
    actions = [
        dict.fromkeys(OUTCOMES.stored())
        | {
            "account_id": account,
            "action": "call",
            "date": day(str(on)),
            "known_at": day(str(on)),
            "deleted": False,
        }
        for account, on, one in zip(accounts, when, called, strict=True)
        if one
    ]
    load(engine, complete({"orders": rows}))
    engine.register("outcomes", arrow("outcomes", actions))
    engine.register("asked", pa.table({"account_id": accounts, "as_of": [DAY_0] * count}))
    found = departure_labels(engine, departure(SILENCE, 14), [DAY_0], "asked")
    engine.drop("outcomes")
    treated = found["treated"].to_numpy() == 1
    assert (treated == (called & (when < 30))).all()
    due = found["defected"].to_numpy()
    assert (due == stops).all()
    said, did = chance[~treated].sum(), due[~treated].sum()
    spread = np.sqrt((chance * (1 - chance))[~treated].sum())
    assert abs(said - did) < 2.576 * spread
