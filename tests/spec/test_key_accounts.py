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


def cells(text: str) -> tuple[list[str], dict[str, np.ndarray]]:
    """The accounts of a drawn table, and its columns."""
    names, _, *rows = (line.split("|") for line in text.strip().splitlines())
    columns = {
        name.strip(): [row[place].strip() for row in rows] for place, name in enumerate(names)
    }
    accounts = columns.pop("account")
    return accounts, {name: np.array(part, dtype=np.float64) for name, part in columns.items()}


def drawn(text: str = DRAWN, before: dict[int, str] | None = None) -> pd.DataFrame:
    """The frame that the score table is made of.

    before: the same of the years that ended so many quarters before; nothing was traded in others.
    The order of its rows and its quarters are those of `text`.
    """
    accounts, given = cells(text)
    zero = np.zeros(len(accounts))
    year = [given["margin"], given["revenue"], zero]
    year_before = [given["margin_before"], given["revenue_before"], zero]
    trade = [*year, *year_before, given["age"], zero + 9]
    frame = dict(zip(past_trade(), trade, strict=True))
    frame |= dict.fromkeys(key_account_values(), zero)
    lines = [name for name in key_account_values() if "lines" in name]
    frame |= {name: (given["quarters"] > ago) * 5.0 for ago, name in enumerate(lines[:4])}
    frame |= dict.fromkeys(lines[4:], zero + 5.0)
    for end in range(5):
        part = given if end == 0 else cells((before or {}).get(end, text))[1]
        frame[f"shown_largest_order_{end}"] = part["largest"] * 100_000
        frame[f"shown_ordered_{end}"] = zero + 100_000
    for end, table in (before or {}).items():
        for prefix, of in (("shown_year", ""), ("shown_year_before", "_before")):
            margin, revenue = (cells(table)[1][name + of] for name in ("margin", "revenue"))
            frame[f"{prefix}_{end}_recorded_margin"] = margin
            frame[f"{prefix}_{end}_amount_with_margin"] = revenue
    return pd.DataFrame({"account_id": accounts, **frame}, index=accounts)


def test_key_accounts_and_those_that_only_look_like_them() -> None:
    frame = drawn()
    key, note, _ = key_accounts(frame, USUAL, KeyAccountConfig(profit_share=1.0))
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
    key, note, _ = key_accounts(drawn(text), 0.2, KeyAccountConfig())
    assert key.tolist() == [True, False, False]
    assert note == [
        "brings 82.6% of the profit; +0% on the year before",
        "not key: volume without profit: a margin of 1.0%, usual are 20.0%",
        None,
    ]
    # Margins that are usual here are no reason; the account brings too little all the same.
    _, note, _ = key_accounts(drawn(text), 0.02, KeyAccountConfig())
    assert note[1] == "not key: only brings 8.3% of the profit"


def test_without_margins_it_goes_by_revenue_and_nothing_is_said_of_margins() -> None:
    frame = drawn()
    key, note, _ = key_accounts(frame, None, KeyAccountConfig(profit_share=1.0))
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
    before = key_accounts(frame, USUAL, KeyAccountConfig(**everybody)).key
    after = key_accounts(frame, USUAL, KeyAccountConfig(**everybody, **criteria)).key
    assert list(frame.index[before != after]) == [account]


# Two accounts bring the first half of the profit; one of them leaves and is silent by now.
LEAVES = """
    account | margin | revenue | margin_before | revenue_before | age  | quarters | largest
    --------+--------+---------+---------------+----------------+------+----------+--------
    stays   |    500 |    2000 |           500 |           2000 | 2000 |        4 |    0.10
    leaves  |     30 |     100 |           500 |           2000 | 2000 |        1 |    0.90
    small   |     90 |     360 |            90 |            360 | 2000 |        4 |    0.10
    """
NINE_MONTHS_AGO = LEAVES.replace(
    "    30 |     100 |           500", "   400 |    2000 |           450"
).replace("0.90", "0.10")
TWO_THIRDS = KeyAccountConfig(profit_share=0.66)


def test_a_key_account_keeps_its_status_for_a_year_while_it_leaves() -> None:
    found = key_accounts(drawn(LEAVES, {3: NINE_MONTHS_AGO}), 0.25, TWO_THIRDS)
    assert found.key.tolist() == [True, True, False]
    assert found.note == [
        "brings 80.6% of the profit; +0% on the year before",
        "key 9 months ago, when it brought 40.4% of the profit; now one-off bulk order: 90% of the "
        "year's orders; unsteady: orders in 1 of the last 4 quarters; shrinking: -94% on the year "
        "before",
        None,
    ]
    later = key_accounts(drawn(LEAVES), 0.25, TWO_THIRDS)
    assert later.key.tolist() == [True, False, False]


def test_the_latest_year_in_which_it_met_the_criteria_is_named() -> None:
    frame = drawn(LEAVES, {3: NINE_MONTHS_AGO, 4: NINE_MONTHS_AGO})
    assert str(key_accounts(frame, 0.25, TWO_THIRDS).note[1]).startswith("key 9 months ago")


def test_it_must_have_been_with_us_long_by_then() -> None:
    """365 days are asked; nine months before, 273 days, it had been a customer for fewer."""
    for age, key in (("637", False), ("638", True)):
        text = {3: NINE_MONTHS_AGO.replace("2000 |        1", f"{age} |        1")}
        frame = drawn(LEAVES.replace("2000 |        1", f"{age} |        1"), text)
        assert key_accounts(frame, 0.25, TWO_THIRDS).key[1] == key


def test_the_best_tier_is_that_of_its_best_year() -> None:
    found = key_accounts(drawn(LEAVES, {3: NINE_MONTHS_AGO}), 0.25, TWO_THIRDS)
    assert found.best_tier.tolist() == ["A", "A", "B"]
    assert key_accounts(drawn(LEAVES), 0.25, TWO_THIRDS).best_tier.tolist() == ["A", "C", "B"]


def test_accounts_that_the_config_names_go_first() -> None:
    found = key_accounts(drawn(LEAVES), 0.25, TWO_THIRDS, named={"small", "leaves", "unknown"})
    assert found.key.tolist() == [True, True, True]
    assert found.note == [
        "brings 80.6% of the profit; +0% on the year before",
        "named in the config; brings 4.8% of the profit; -94% on the year before",
        "named in the config; brings 14.5% of the profit; +0% on the year before",
    ]


def test_what_is_asked_of_the_engine_is_orders_by_quarter_and_years_by_quarters(engine) -> None:
    from drawn import DAY_0, day

    def line(account: str, order: str, when: str, cents: int) -> dict[str, object]:
        names = ("account_id", "order_id", "occurred_at", "amount_cents", "margin_cents")
        return dict(zip(names, (account, order, day(when), cents, cents // 4), strict=True))

    lines = [
        line("A", "1", "-91", 500),  # the last of the latest quarter
        line("A", "2", "-92", 700),
        line("A", "2", "-92 09:00", 100),  # two lines, one order
        line("A", "3", "-364", 300),
        line("A", "4", "-366", 9_000),  # more than a year ago
        line("A", "5", "-3", -9_000),  # a return is no order
        line("A", "6", "-457", 4_000),  # more than a year and a quarter
        line("A", "7", "-730", 1_000),
    ]
    assert midnight(DAY_0) == day("0")
    load(engine, complete({"orders": lines}))
    make_values_table(engine, "found", key_account_values(), [DAY_0])
    found = engine.frame("SELECT * FROM found").iloc[0]
    by_quarter = [found[f"shown_lines_{ago}_quarters_ago"] for ago in range(8)]
    assert by_quarter == [1, 2, 0, 1, 1, 1, 0, 0]
    assert [found[f"shown_largest_order_{end}"] for end in range(5)] == [
        800,
        9_000,
        9_000,
        9_000,
        9_000,
    ]
    assert [found[f"shown_ordered_{end}"] for end in range(5)] == [
        1_600,
        10_100,
        13_300,
        13_300,
        13_000,
    ]
    of_year = [found[f"shown_year_{end}_amount_with_margin"] for end in (1, 4)]
    assert of_year == [101, 130]
    of_year_before = [found[f"shown_year_before_{end}_recorded_margin"] for end in (1, 4)]
    assert of_year_before == [12.5, 2.5]


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
