"""Which account a row counts for, as merges become known."""

from __future__ import annotations

from datetime import date, datetime

from feature_tables import load
from worlds import complete

from pipeline.tables.identity import identity_periods, make_identity_table, merged_by

ALWAYS = -(2**40)


def test_an_account_is_itself_until_its_merge_is_known() -> None:
    assert identity_periods("A", {"A": [("B", 100, None)]}) == [
        ("A", ALWAYS, 100),
        ("B", 100, None),
    ]


def test_a_merge_of_a_merge_is_followed() -> None:
    merges = {"A": [("B", 100, None)], "B": [("C", 200, None)]}
    assert identity_periods("A", merges) == [
        ("A", ALWAYS, 100),
        ("B", 100, 200),
        ("C", 200, None),
    ]


def test_a_corrected_merge_counts_from_its_correction() -> None:
    merges = {"A": [("B", 100, 150), ("C", 150, None)]}
    assert identity_periods("A", merges) == [
        ("A", ALWAYS, 100),
        ("B", 100, 150),
        ("C", 150, None),
    ]


def test_a_withdrawn_merge_leaves_the_account_itself_again() -> None:
    assert identity_periods("A", {"A": [("B", 100, 150)]}) == [
        ("A", ALWAYS, 100),
        ("B", 100, 150),
        ("A", 150, None),
    ]


def test_a_circle_of_merges_ends_where_it_closes() -> None:
    merges = {"A": [("B", 100, None)], "B": [("A", 100, None)]}
    assert identity_periods("A", merges) == [("A", ALWAYS, 100), ("B", 100, None)]
    assert identity_periods("B", merges) == [("B", ALWAYS, 100), ("A", 100, None)]


def test_at_a_snapshot_those_count_that_were_known_before_it(engine) -> None:
    day = datetime(2025, 3, 1)
    merges = [("A", "B", datetime(2025, 1, 5)), ("B", "C", datetime(2025, 2, 5)), ("D", "E", day)]
    rows = [dict(zip(("from_id", "into_id", "known_at"), merge, strict=True)) for merge in merges]
    load(engine, complete({"account_merges": rows}))
    make_identity_table(engine)
    assert merged_by(engine, date(2025, 2, 1)) == {"A": "B"}
    assert merged_by(engine, date(2025, 3, 1)) == {"A": "C", "B": "C"}
    assert merged_by(engine, date(2025, 3, 2)) == {"A": "C", "B": "C", "D": "E"}
    engine.drop("account_identity")
    assert merged_by(engine, date(2025, 3, 2)) == {}
