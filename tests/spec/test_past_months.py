"""What an account's card shows of the past: by month, and only what was known at the snapshot."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from drawn import DAY_0, read_rows
from feature_tables import load
from worlds import complete

from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.scoring.past_months import MONTHS, PastMonths, past_months

LAST = MONTHS - 1  # February 2024; day 0 is 2024-03-01


def months(
    engine: Engine,
    accounts: tuple[str, ...] = ("A",),
    as_of: date = DAY_0,
    resolutions: bool = True,
    **drawn: str,
) -> PastMonths:
    load(engine, complete({table: read_rows(table, text) for table, text in drawn.items()}))
    return past_months(engine, accounts, as_of, resolutions=resolutions)


def shown(past: PastMonths, name: str, account: str = "A") -> dict[str, int]:
    """The months that are not zero."""
    series = past.of.get(account, {}).get(name, [0] * MONTHS)
    assert len(series) == MONTHS
    return {month: number for month, number in zip(past.months, series, strict=True) if number}


def test_orders_are_netted_and_their_days_counted(engine: Engine) -> None:
    past = months(
        engine,
        orders="""
            day       | amount
            ----------+-------
            -1 10:00  | 100.40
            -1 18:00  |  50
            -3        |  50
            -3 12:00  | -20
            -35       | -30
            -36       |  80
        """,
    )
    assert past.months[0] == "2022-03" and past.months[LAST] == "2024-02"
    assert shown(past, "net") == {"2024-02": 180, "2024-01": 50}
    assert shown(past, "order_days") == {"2024-02": 2, "2024-01": 1}  # a return is no order


def test_a_row_known_only_at_the_snapshot_or_later_is_not_shown(engine: Engine) -> None:
    past = months(
        engine,
        orders="""
            day | known        | amount
            ----+--------------+-------
            -10 | -1 23:59:59  | 10
            -10 |  0           | 20
            -10 |  5           | 40
              0 |  0           | 80
        """,
        touches="""
            day | known
            ----+------
            -10 | -9
            -10 |  1
        """,
        complaints="""
            opened | known
            -------+------
            -10    | -9
            -10    |  1
        """,
    )
    assert shown(past, "net") == {"2024-02": 10}
    assert shown(past, "touches") == {"2024-02": 1}
    assert shown(past, "complaints") == {"2024-02": 1}


def test_of_several_versions_the_one_known_then_is_shown(engine: Engine) -> None:
    orders = """
        order | line | day | known | amount | deleted
        ------+------+-----+-------+--------+--------
        o1    | 1    | -10 | -10   | 100    |
        o1    | 1    | -10 |  -5   | 300    |
        o1    | 1    | -10 |   5   | 900    |
        o2    | 1    | -10 | -10   |  50    |
        o2    | 1    | -10 |  -5   |  50    | yes
    """
    assert shown(months(engine, orders=orders), "net") == {"2024-02": 300}
    earlier = months(engine, as_of=DAY_0 - timedelta(days=6), orders=orders)
    assert shown(earlier, "net") == {"2024-02": 150}


def test_a_complaint_is_open_until_its_resolution_is_known(engine: Engine) -> None:
    complaints = """
        opened | resolved | resolution known | reopened | reopening known
        -------+----------+------------------+----------+----------------
        -10    |  -5      | -5               |          |
        -10    |  -5      |  2               |          |
        -10    |          |                  |          |
        -40    | -20      | -20              |  -3      | -3
        -40    | -20      | -20              |  -3      |  1
    """
    past = months(engine, complaints=complaints)
    assert shown(past, "complaints") == {"2024-01": 2, "2024-02": 3}
    assert shown(past, "open") == {"2024-01": 1, "2024-02": 2}
    unrecorded = months(engine, complaints=complaints, resolutions=False)
    assert "open" not in unrecorded.names
    assert shown(unrecorded, "complaints") == {"2024-01": 2, "2024-02": 3}


def test_the_first_month_begins_on_its_first_day(engine: Engine) -> None:
    """Day -731 is 2022-03-01; of a snapshot within a month the last month is cut short."""
    orders = """
        day           | amount
        --------------+-------
        -731          | 1
        -732 23:59:59 | 2
        -30           | 4
    """
    assert shown(months(engine, orders=orders), "net") == {"2022-03": 1, "2024-01": 4}
    within = months(engine, as_of=date(2024, 1, 31), orders=orders)
    assert (within.months[0], within.months[LAST]) == ("2022-02", "2024-01")
    assert shown(within, "net") == {"2022-02": 2, "2022-03": 1}


def test_only_the_accounts_asked_for_and_each_its_own(engine: Engine) -> None:
    orders = """
        account | day | amount
        --------+-----+-------
        A       | -10 | 1
        B       | -10 | 2
        C       | -10 | 4
    """
    past = months(engine, accounts=("C", "A", "D"), orders=orders)
    assert {account: shown(past, "net", account) for account in past.of} == {
        "A": {"2024-02": 1},
        "C": {"2024-02": 4},
    }


def test_rows_of_a_merged_account_count_for_the_one_it_became(engine: Engine) -> None:
    drawn = {
        "orders": """
            account | day | amount
            --------+-----+-------
            A       | -10 | 1
            B       | -10 | 2
        """,
        "account_merges": """
            from | into | known
            -----+------+------
            B    | A    | -5
        """,
    }
    assert shown(months(engine, **drawn), "net") == {"2024-02": 3}
    before = months(engine, as_of=DAY_0 - timedelta(days=6), **drawn)
    assert shown(before, "net") == {"2024-02": 1}


@pytest.mark.parametrize(
    ("table", "names"),
    [("orders", ("net", "order_days")), ("touches", ("touches",))],
)
def test_a_table_that_is_not_there_has_no_series(table: str, names: tuple[str, ...]) -> None:
    with DuckDBEngine(threads=1) as engine:
        load(engine, complete({}))
        engine.drop(*{"orders", "touches", "complaints"} - {table})
        assert past_months(engine, ("A",), DAY_0, resolutions=True).names == names
