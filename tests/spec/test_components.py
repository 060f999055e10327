"""Which accounts are computed together, and in which shard."""

from __future__ import annotations

import pickle
from datetime import date, datetime

import pandas as pd
import pytest
from feature_tables import load
from worlds import World, complete

from features.compilation import compile_values
from features.order_history import order_lines
from features.values import Count
from pipeline.config.form import EngineConfig
from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.engines.shards import SideBySide
from pipeline.errors import DataError
from pipeline.tables import shards
from pipeline.tables.components import Component, assign, components
from pipeline.tables.shards import shard_count, split_into_shards
from pipeline.tables.values_table import AnswerOfShard, make_values_table

DAY, LATER = datetime(2024, 1, 2), datetime(2024, 3, 1)


def order(account: str, order_id: str, known: datetime = DAY) -> dict[str, object]:
    return {
        "account_id": account,
        "order_id": order_id,
        "line_id": "1",
        "occurred_at": DAY,
        "known_at": known,
        "amount_cents": 100,
    }


def merge(
    one: str, other: str, known: datetime = DAY, *, deleted: bool = False
) -> dict[str, object]:
    return {"from_id": one, "into_id": other, "known_at": known, "deleted": deleted}


@pytest.mark.parametrize(
    ("world", "together"),
    [
        ({}, []),
        ({"orders": [order("A", "1"), order("B", "2")]}, ["A", "B"]),
        ({"account_merges": [merge("A", "B"), merge("C", "B")]}, ["ABC"]),
        ({"account_merges": [merge("A", "B"), merge("B", "C")]}, ["ABC"]),
        ({"account_merges": [merge("A", "B"), merge("A", "C", LATER, deleted=True)]}, ["ABC"]),
        ({"accounts": [{"account_id": "A", "parent_id": "P"}]}, ["AP"]),
        ({"accounts": [{"account_id": "A", "parent_id": p} for p in "PQ"]}, ["APQ"]),
        ({"orders": [order("A", "1"), order("B", "1", LATER), order("C", "2")]}, ["AB", "C"]),
    ],
    ids=[
        "no rows",
        "nothing ties",
        "into one",
        "a chain",
        "a merge undone",
        "a parent",
        "two parents, one after the other",
        "an order corrected to another account",
    ],
)
def test_what_ties_accounts(world: World, together: list[str], engine: Engine) -> None:
    load(engine, complete({name: rows for name, rows in world.items() if name != "accounts"}))
    parents = pd.DataFrame(world.get("accounts", []), columns=["account_id", "parent_id"])
    engine.register("accounts", parents.astype("str"))
    found = components(engine)
    engine.drop("accounts")
    assert sorted("".join(ids) for _, ids in found.groupby("component")["account_id"]) == together
    assert all(found["component"] <= found["account_id"])


def test_a_component_above_its_share_has_a_shard_of_its_own() -> None:
    ids = [f"{number:03}" for number in range(200)]
    found = pd.DataFrame({"account_id": ids, "component": ids, "rows": 10})
    found.loc[found["account_id"] < "003", ["component", "rows"]] = ["000", 400]
    shards, alone = assign(found, 4)
    assert alone == (Component("000", 3, 1200),)
    assert sorted(set(shards)) == [0, 1, 2, 3, 4]
    assert {*found["component"][shards == 4]} == {"000"}
    others = pd.Series(shards[3:]).value_counts()
    assert others.min() > 25  # of 197 accounts in four shards


def test_the_shard_of_an_account_does_not_depend_on_the_others() -> None:
    def shard_of(ids: list[str]) -> dict[str, int]:
        found = pd.DataFrame({"account_id": ids, "component": ids, "rows": 1})
        return dict(zip(ids, assign(found, 2)[0].tolist(), strict=True))

    many = [f"{number:03}" for number in range(100)]
    assert shard_of(many[:50]).items() <= shard_of(many).items()


@pytest.mark.parametrize(
    ("chosen", "rows", "at_once", "least", "count"),
    [
        ("auto", 0, 1, 1, 1),
        ("auto", 1_000, 2, 1, 1),
        ("auto", 1_000, 1, 4, 4),  # a cluster has work for each that it works on at once
        ("auto", 10_000_000, 1, 1, 4),
        ("auto", 10_000_000, 2, 1, 7),  # two at once share the memory
        (1, 10**9, 2, 4, 1),
        (8, 0, 2, 1, 8),
    ],
)
def test_auto_goes_by_rows_and_memory(
    chosen: object, rows: int, at_once: int, least: int, count: int
) -> None:
    config = EngineConfig.model_validate({"shards": chosen})
    assert shard_count(config, rows, 2**30, at_once=at_once, least=least) == count


@pytest.mark.parametrize(
    ("many_snapshots", "rows", "count"), [(True, 12, 2), (True, 3, 1), (False, 12, 1)]
)
def test_many_snapshots_are_computed_side_by_side(
    many_snapshots: bool, rows: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "EVENTS_WORTH_A_SHARD", 2)
    with DuckDBEngine(threads=2) as split:
        load(split, complete({"orders": [order(f"{n}", f"{n}") for n in range(rows)]}))
        config = EngineConfig(threads=2)
        split_into_shards(split, config, many_snapshots=many_snapshots)
        assert (1 if split.shards is None else split.shards.count) == count


def test_what_ends_one_shard_ends_those_beside_it() -> None:
    """The query of the second would take years."""

    def task(number: int) -> None:
        assert split.shards is not None
        with split.shards.open(number) as part:
            if number == 0:
                raise DataError("no")
            part.rows("SELECT SUM(a.range) FROM range(1000000000) AS a, range(1000000000) AS b")

    with DuckDBEngine(threads=2) as split:
        load(split, complete({"orders": [order(account, account) for account in "ABCDEF"]}))
        split_into_shards(split, EngineConfig(shards=2, threads=2))
        assert split.shards is not None and split.shards.count == 2
        with pytest.raises(DataError, match="no"):
            SideBySide(2)(task, 2)


def test_a_shard_of_its_own_is_said_and_progress_names_each(engine: Engine) -> None:
    told: list[str] = []
    with DuckDBEngine(threads=1) as split:
        orders = [order(account, f"{n}") for n, account in enumerate("AAAAAAAABCDEF")]
        load(split, complete({"orders": orders, "account_merges": [merge("A", "G")]}))
        split_into_shards(split, EngineConfig(shards=2, threads=1), say=told.append)
        assert told == [
            "Account A with 1 account tied to it (merges, parents, corrected rows) has 8 of 13 "
            "rows, more than the share of one of 2 shards. It is computed as a shard of its own."
        ]
        told.clear()
        make_values_table(
            split, "n", {"n": Count(order_lines)}, [date(2024, 2, 1)], progress=told.append
        )
        assert told == [f"{done} of 3 shards done" for done in range(3)]
        found = split.rows("SELECT account_id, n FROM n ORDER BY account_id")
        assert found == [("B", 1), ("C", 1), ("D", 1), ("E", 1), ("F", 1), ("G", 8)]
        assert split.rows("SELECT COUNT(*) FROM orders") == [(13,)]


def test_a_shard_can_be_computed_elsewhere() -> None:
    """What is done for a shard is carried as bytes, and knows its folder alone."""
    with DuckDBEngine(threads=1) as split:
        load(split, complete({"orders": [order(account, account) for account in "ABCDEF"]}))
        split_into_shards(split, EngineConfig(shards=2, threads=1))
        assert split.shards is not None
        plan = compile_values({"n": Count(order_lines)}, [date(2024, 2, 1)])
        task = pickle.loads(pickle.dumps(AnswerOfShard(split.shards, plan, "n")))
        for number in reversed(range(split.shards.count)):
            task(number)
        split.shards.collect(split, "n")
        assert split.rows("SELECT account_id, n FROM n ORDER BY ALL") == [(a, 1) for a in "ABCDEF"]
        split.drop("n")
        assert not split.has_table("n")


def test_a_merge_that_is_undone_counts_while_it_stands() -> None:
    """A's orders are B's between the second and the third snapshot only."""
    orders = [order(account, f"{n}") for n, account in enumerate("AAABBC")]
    merges = [merge("A", "B", LATER), merge("A", "B", datetime(2024, 5, 1), deleted=True)]
    snapshots = [date(2024, 2, 1), date(2024, 4, 1), date(2024, 6, 1)]
    with DuckDBEngine(threads=1) as split:
        load(split, complete({"orders": orders, "account_merges": merges}))
        split_into_shards(split, EngineConfig(shards=8, threads=1))
        make_values_table(split, "n", {"n": Count(order_lines)}, snapshots)
        found = split.rows("SELECT month(as_of), account_id, n FROM n ORDER BY ALL")
    assert found == [
        (2, "A", 3),
        (2, "B", 2),
        (2, "C", 1),
        (4, "B", 5),
        (4, "C", 1),
        (6, "A", 3),
        (6, "B", 2),
        (6, "C", 1),
    ]
