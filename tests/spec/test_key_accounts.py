"""Tiers, key accounts and effort, on accounts few enough to check by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from feature_tables import load
from worlds import complete, midnight

from pipeline.config.form import KeyAccountConfig
from pipeline.scoring.key_accounts import key_account_values, key_accounts
from pipeline.tables.tiers import share_before, tiers
from pipeline.tables.trade import past_trade, worth_by_snapshot
from pipeline.tables.values_table import make_values_table

USUAL = 0.3  # margin on revenue

# margin and revenue of the last year and of the one before, days since the first order, quarters
# with an order, and what part of the year's orders the largest is
DRAWN = """
    account   | margin | revenue | margin_before | revenue_before | age  | quarters | largest
    ----------+--------+---------+---------------+----------------+------+----------+--------
    steady    |    300 |    1000 |           250 |            900 | 2000 |        4 |    0.10
    bulk      |    300 |    1000 |           300 |           1000 | 2000 |        4 |    0.51
    cheap     |     60 |    1000 |            60 |           1000 | 2000 |        4 |    0.10
    conceded  |    200 |    1000 |           250 |            800 | 2000 |        4 |    0.10
    new       |    300 |    1000 |             0 |              0 |  364 |        4 |    0.10
    second    |    300 |    1000 |            10 |             30 |  400 |        3 |    0.10
    unsteady  |    300 |    1000 |           300 |           1000 | 2000 |        2 |    0.10
    shrinking |    300 |    1000 |           400 |           1400 | 2000 |        4 |    0.10
    small     |     30 |     100 |            30 |            100 | 2000 |        4 |    0.10
    loss      |   -200 |     100 |            30 |            100 | 2000 |        4 |    0.10
"""


def drawn(text: str = DRAWN) -> pd.DataFrame:
    """The frame that the score table is made of."""
    names, _, *rows = (line.split("|") for line in text.strip().splitlines())
    columns = {
        name.strip(): [row[place].strip() for row in rows] for place, name in enumerate(names)
    }
    accounts = columns.pop("account")
    given = {name: np.array(cells, dtype=np.float64) for name, cells in columns.items()}
    zero = np.zeros(len(accounts))
    year = [given["margin"], given["revenue"], zero]
    before = [given["margin_before"], given["revenue_before"], zero]
    frame = dict(zip(past_trade(), [*year, *before, given["age"], zero + 9], strict=True))
    *quarters, largest, ordered = key_account_values()
    frame |= {name: (given["quarters"] > ago) * 5.0 for ago, name in enumerate(quarters)}
    frame |= {largest: given["largest"] * 100_000, ordered: zero + 100_000}
    return pd.DataFrame(frame, index=accounts)


def test_key_accounts_and_those_that_only_look_like_them() -> None:
    frame = drawn()
    key, note = key_accounts(frame, USUAL, KeyAccountConfig(profit_share=1.0))
    assert dict(zip(frame.index, zip(key, note, strict=True), strict=True)) == {
        "steady": (True, "brings 14.4% of the profit; +20% on the year before"),
        "bulk": (False, "not key: one-off bulk order: 51% of the year's orders"),
        "cheap": (
            False,
            "not key: volume without profit: a margin of 6.0%, usual are 30.0%",
        ),
        "conceded": (
            False,
            "not key: margin eaten by concessions: 20.0% after 31.2%",
        ),
        "new": (False, "not key: with us for only 364 days"),
        "second": (True, "brings 14.4% of the profit"),  # a year before is not known whole
        "unsteady": (False, "not key: unsteady: orders in 2 of the last 4 quarters"),
        "shrinking": (False, "not key: shrinking: -25% on the year before"),
        "small": (True, "brings 1.4% of the profit; +0% on the year before"),
        # looked at, for it is among all who buy
        "loss": (
            False,
            "not key: volume without profit: a margin of -200.0%, usual are 30.0%; "
            "margin eaten by concessions: -200.0% after 30.0%; shrinking: -767% on the year before",
        ),
    }


def test_an_account_is_looked_at_for_its_profit_or_its_revenue() -> None:
    text = """
        account | margin | revenue | margin_before | revenue_before | age  | quarters | largest
        --------+--------+---------+---------------+----------------+------+----------+--------
        large   |    900 |    2000 |           900 |           2000 | 2000 |        4 |    0.10
        volume  |     90 |    9000 |            90 |           9000 | 2000 |        4 |    0.10
        rest    |    100 |     300 |           100 |            300 | 2000 |        4 |    0.10
    """
    key, note = key_accounts(drawn(text), 0.2, KeyAccountConfig())
    assert key.tolist() == [True, False, False]
    assert note == [
        "brings 82.6% of the profit; +0% on the year before",
        "not key: volume without profit: a margin of 1.0%, usual are 20.0%",
        None,
    ]
    # Margins that are usual here are no reason; the account brings too little all the same.
    _, note = key_accounts(drawn(text), 0.02, KeyAccountConfig())
    assert note[1] == "not key: only brings 8.3% of the profit"


def test_without_margins_it_goes_by_revenue_and_nothing_is_said_of_margins() -> None:
    frame = drawn()
    key, note = key_accounts(frame, None, KeyAccountConfig(profit_share=1.0))
    keys = dict(zip(frame.index, key, strict=True))
    assert keys["cheap"] and keys["conceded"] and keys["loss"]
    assert not (keys["bulk"] or keys["new"] or keys["unsteady"] or keys["shrinking"])
    assert note[0] == "brings 12.2% of the revenue; +11% on the year before"
    assert not any("margin" in text for text in note)


@pytest.mark.parametrize(
    ("criteria", "account"),
    [
        ({"bulk_order_share": 0.6}, "bulk"),
        ({"least_margin": 0.1}, "cheap"),
        ({"margin_loss": 0.4}, "conceded"),
        ({"tenure_days": 300}, "new"),
        ({"active_quarters": 2}, "unsteady"),
        ({"growth": -0.3}, "shrinking"),
    ],
)
def test_each_criterion_can_be_chosen(criteria: dict[str, float], account: str) -> None:
    frame = drawn()
    everybody = {"profit_share": 1.0}
    before, _ = key_accounts(frame, USUAL, KeyAccountConfig(**everybody))
    after, _ = key_accounts(frame, USUAL, KeyAccountConfig(**everybody, **criteria))
    assert list(frame.index[before != after]) == [account]


def test_what_is_asked_of_the_engine_is_orders_by_quarter_and_the_largest_one(engine) -> None:
    from drawn import DAY_0, day

    def line(account: str, order: str, when: str, cents: int) -> dict[str, object]:
        names = ("account_id", "order_id", "occurred_at", "amount_cents")
        return dict(zip(names, (account, order, day(when), cents), strict=True))

    lines = [
        line("A", "1", "-91", 500),  # the last of the latest quarter
        line("A", "2", "-92", 700),
        line("A", "2", "-92 09:00", 100),  # two lines, one order
        line("A", "3", "-364", 300),
        line("A", "4", "-366", 9_000),  # more than a year ago
        line("A", "5", "-3", -9_000),  # a return is no order
    ]
    assert midnight(DAY_0) == day("0")
    load(engine, complete({"orders": lines}))
    make_values_table(engine, "found", key_account_values(), [DAY_0])
    names = ", ".join(key_account_values())
    assert engine.rows(f"SELECT {names} FROM found") == [(1, 2, 0, 1, 800, 1_600)]


def test_who_brings_a_loss_takes_nothing_from_the_others_and_is_tier_c() -> None:
    value = np.array([80.0, 15.0, 5.0, -1000.0, 0.0])
    assert tiers(value).tolist() == ["A", "B", "C", "C", "C"]
    assert share_before(value).tolist() == [0.0, 0.8, 0.95, 1.0, 1.0]


def test_worth_is_margin_or_revenue_snapshot_by_snapshot() -> None:
    margins, amounts, without = [30.0, 0.0, 0.0, 0.0], [100.0, 0.0, 0.0, 0.0], [0, 50.0, 70, 90.0]
    names = list(past_trade())
    frame = pd.DataFrame(dict(zip(names, [margins, amounts, without], strict=False)))
    frame = frame.reindex(columns=names, fill_value=0.0)
    frame["as_of"] = np.array(["2025-01-01"] * 2 + ["2025-02-01"] * 2, dtype="datetime64[D]")
    # In January 30 % margin are recorded, and taken for the other account too; in February none.
    assert worth_by_snapshot(frame).tolist() == [30.0, 15.0, 70.0, 90.0]
