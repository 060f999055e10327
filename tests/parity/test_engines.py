"""PostgreSQL and Spark give the table that DuckDB gives, from the same definitions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from families_under_test import UNDER_TEST
from feature_tables import RELATIVE, from_world, grid, load, tables_of, values_of
from generated import batches, worlds
from hypothesis import given
from hypothesis import strategies as st
from laws import Batch, law, telling
from worlds import ACCOUNTS, World, named, together

from features.families import FAMILIES
from features.values import Entropy, RestrictedMean, Value
from pipeline.engines import Engine
from pipeline.tables.cohort import make_active_cohort, make_whole_cohort
from pipeline.tables.label_definitions import inactivity, own_cadence, partial
from pipeline.tables.labels import make_labels, make_next_year, next_year
from pipeline.tables.representatives import make_representatives_table
from pipeline.tables.values_table import make_values_table

MONTHS = tuple(date(2022 + n // 12, n % 12 + 1, 1) for n in range(25))
PREFIXES = ("b|", "C|", "ä|", "_|", "Z|", "-|")  # in no two collations in the same order


def assert_same(values: Mapping[str, Value], table: pd.DataFrame, other: pd.DataFrame) -> None:
    """Equal, but for what was computed with logarithms: that to 1e-9."""
    for name, value in values.items():
        one, two = table[name].to_numpy(np.float64), other[name].to_numpy(np.float64)
        off = np.abs(one - two) > (RELATIVE * np.abs(one) if logarithmic(value) else 0)
        off |= np.isnan(one) != np.isnan(two)
        shown = [(table.index[n], one[n], two[n]) for n in np.nonzero(off)[0][:5]]
        assert not off.any(), f"{name}: {shown}"


def logarithmic(value: Value) -> bool:
    return any(isinstance(a, Entropy | RestrictedMean) for a in value.aggregates())


def in_parts_of_a_second(world: World) -> World:
    """The same rows, two in three of them a part of a second later: 18:00:00.7, 23:59:59.9999."""
    return {
        table: [
            {
                column: value + timedelta(microseconds=(0, 700_000, 999_900)[number % 3])
                if isinstance(value, datetime)
                else value
                for column, value in row.items()
            }
            for number, row in enumerate(rows)
        ]
        for table, rows in world.items()
    }


def side_by_side(batch: Batch) -> tuple[World, list[str]]:
    """The worlds of a batch as one, and its accounts."""
    prefixes = [f"{PREFIXES[n % len(PREFIXES)]}{n}|" for n in range(len(batch.worlds))]
    named_worlds = [
        named(in_parts_of_a_second(world), prefix)
        for world, prefix in zip(batch.worlds, prefixes, strict=True)
    ]
    return together(named_worlds), [p + account for p in prefixes for account in ACCOUNTS]


def is_spark(engine: Engine) -> bool:
    return type(engine).__name__ == "SparkEngine"


def share_of(engine: Engine, share: float) -> float:
    """Of the usual examples. Spark takes half a second for each of some hundred steps."""
    return share / 20 if is_spark(engine) else share


@pytest.mark.parametrize("most", [6, 1], ids=["several snapshots", "one snapshot"])
@pytest.mark.parametrize("family", UNDER_TEST)
def test_features(family: str, most: int, engine: Engine, other: Engine) -> None:
    values = values_of(UNDER_TEST[family])

    @law(share=share_of(other, 0.5))
    @given(batches(tables_of(UNDER_TEST[family]), most=most))
    @telling
    def agree(batch: Batch) -> None:
        world, accounts = side_by_side(batch)
        rows = grid(accounts, batch.as_ofs)
        tables = [from_world(e, values, world, rows) for e in (engine, other)]
        assert_same(values, *tables)

    agree()


@pytest.mark.parametrize("family", UNDER_TEST)
def test_features_at_many_snapshots(family: str, engine: Engine, other: Engine) -> None:
    if is_spark(other):
        pytest.skip("minutes on Spark; 1 to 6 snapshots are compared above")
    values = values_of(UNDER_TEST[family], [30, 365])
    drawn = worlds(tables_of(UNDER_TEST[family]), MONTHS, merging=True)

    @law(share=0.1)
    @given(st.lists(drawn, min_size=9, max_size=9))
    def agree(found: list[World]) -> None:
        world, accounts = side_by_side(Batch(MONTHS, found))
        rows = grid(accounts, MONTHS)
        tables = [from_world(e, values, world, rows) for e in (engine, other)]
        assert_same(values, *tables)

    agree()


def test_cohorts_and_labels(engine: Engine, other: Engine) -> None:
    def answers(engine: Engine, world: World, as_ofs: tuple[date, ...]) -> list[object]:
        load(engine, world)
        make_active_cohort(engine, "cohort", as_ofs, days=180)
        make_whole_cohort(engine, "seen", as_ofs)
        columns = {"cohort": "account_id, as_of", "seen": "account_id, as_of"}
        for label in (inactivity(90, 14), own_cadence(180, 14), partial(90, 14, 0.3)):
            make_labels(engine, label.name, "seen", as_ofs, label)
            columns[label.name] = "account_id, as_of, label_complete, watched_days, defected"
        make_next_year(engine, "years", "seen", as_ofs, next_year(14))
        amounts = "recorded_margin, amount_with_margin, amount_without_margin"
        columns["years"] = f"account_id, as_of, year_complete, {amounts}"
        ordered = "ORDER BY as_of, account_id"
        return [engine.rows(f"SELECT {c} FROM {t} {ordered}") for t, c in columns.items()]

    @law(share=share_of(other, 0.2))
    @given(batches(frozenset({"orders", "touches", "complaints"})))
    @telling
    def agree(batch: Batch) -> None:
        world, _ = side_by_side(batch)
        assert answers(engine, world, batch.as_ofs) == answers(other, world, batch.as_ofs)

    agree()


def test_inferred_departures(engine: Engine, other: Engine) -> None:
    columns = "rep_id, left_on, known_at, deleted, superseded_at"

    def answers(engine: Engine, world: World) -> list[object]:
        load(engine, world)
        make_representatives_table(engine)
        return engine.rows(f"SELECT {columns} FROM reps ORDER BY rep_id, left_on, superseded_at")

    @law(share=share_of(other, 0.2))
    @given(batches(frozenset({"touches"})))
    @telling
    def agree(batch: Batch) -> None:
        world, _ = side_by_side(batch)
        assert answers(engine, world) == answers(other, world)

    agree()


def test_rows_are_those_that_have_an_answer(engine: Engine, other: Engine) -> None:
    """Where no rows are named, the engines agree on who has any."""
    values = values_of(FAMILIES["order_history"], [90])

    @law(share=share_of(other, 0.1))
    @given(batches(tables_of(FAMILIES["order_history"])))
    def agree(batch: Batch) -> None:
        world, _ = side_by_side(batch)
        tables: list[pd.DataFrame] = []
        for each in (engine, other):
            load(each, world)
            make_values_table(each, "answered", values, batch.as_ofs)
            frame = each.frame("SELECT * FROM answered ORDER BY as_of, account_id")
            tables.append(frame.set_index(["account_id", "as_of"]))
        assert list(tables[0].index) == list(tables[1].index)
        assert tables[0].index.is_unique
        assert_same(values, *tables)

    agree()


WORDS = ["b", "C", "ä", "_a", "Z", "", "q\"uo'te", "x\ny, z", "100%", "\\N", "NULL", None]


def words() -> pa.Table:
    """A column of each kind, with nulls."""
    moments = [datetime(2024, 2, 29, 23, 59, 59, 999_900), datetime(1900, 1, 1), None]
    many = len(WORDS)
    return pa.table(
        {
            "key": pa.array(WORDS),
            "row": pa.array(range(many), pa.int64()),
            "number": pa.array([1.5, None, 1e300, -0.1] * (many // 4)),
            "moment": pa.array(moments * (many // 3), pa.timestamp("us")),
            "day": pa.array([date(2024, 2, 29), None] * (many // 2)),
            "sure": pa.array([True, False, None] * (many // 3)),
        }
    )


def test_what_is_registered_comes_back(engine: Engine, other: Engine) -> None:
    for each in (engine, other):
        each.register("words", words())
        rows = each.rows('SELECT key, "row", number, moment, day, sure FROM words ORDER BY "row"')
        assert rows == [tuple(row.values()) for row in words().to_pylist()]
    frames = [each.frame('SELECT * FROM words ORDER BY "row"') for each in (engine, other)]
    pd.testing.assert_frame_equal(*(f.astype({"sure": "boolean"}) for f in frames))
    empty = [each.frame("SELECT * FROM words WHERE key = 'none'") for each in (engine, other)]
    assert [list(frame.columns) for frame in empty] == [words().column_names] * 2


def test_text_is_ordered_by_code_point(engine: Engine, other: Engine) -> None:
    queries = ["SELECT LOWER(key) AS key FROM words", "SELECT MAX(key) AS key FROM words"]
    for each in (engine, other):
        each.register("words", words())
        ordered = [key for (key,) in each.rows("SELECT key FROM words ORDER BY key")]
        assert ordered == [*sorted(word for word in WORDS if word is not None), None]
        each.make("derived", *queries)
        assert each.rows("SELECT MAX(key), COUNT(*) FROM derived") == [("ä", len(WORDS) + 1)]


def test_values_are_bound(engine: Engine, other: Engine) -> None:
    for each in (engine, other):
        each.register("words", words())
        for word in filter(None, WORDS):
            named = "SELECT key, 7 % 4 AS three, '50%' AS half FROM words"
            query = f"{named} WHERE key = ? AND 'it''s' <> ?"
            assert each.rows(query, [word, word]) == [(word, 3, "50%")]
            assert list(each.frame(query, [word, word]).iloc[0]) == [word, 3, "50%"]
        late = "SELECT COUNT(*) FROM words WHERE moment < ? AND day = ?"
        assert each.rows(late, [date(2024, 3, 1), date(2024, 2, 29)]) == [(4,)]


def test_tables_are_dropped_and_replaced(engine: Engine, other: Engine) -> None:
    for each in (engine, other):
        each.register("words", words())
        assert each.has_table("words")
        each.make("words", "SELECT key FROM words WHERE key = 'b'")
        assert each.rows("SELECT * FROM words") == [("b",)]
        each.drop("words", "never_there")
        assert not each.has_table("words")


@pytest.mark.parametrize(
    "statement", ["DROP TABLE words", "SELECT 1; SELECT 2", "DELETE FROM words"]
)
def test_only_queries_are_translated(statement: str, other: Engine) -> None:
    other.register("words", words())
    with pytest.raises(ValueError, match="not a single SELECT"):
        other.rows(statement)
