"""Departures of representatives, inferred from 60 days without any touch, as of each snapshot."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from drawn import DAY_0, read_rows
from feature_tables import load
from generated import moments
from hypothesis import given
from hypothesis import strategies as st
from laws import WORLDS_PER_BATCH, law
from worlds import Row, complete, midnight

from pipeline.engines.duckdb import DuckDBEngine
from pipeline.tables.representatives import make_representatives_table

AS_OFS = [DAY_0 + timedelta(days=days) for days in (-200, -100, -60, -59, -1, 0, 1, 30)]


def hold(engine: DuckDBEngine, touches: list[Row]) -> None:
    """The versions of representatives that these touches make."""
    load(engine, complete({"touches": touches}))
    make_representatives_table(engine)


def departed(engine: DuckDBEngine, as_of: date) -> set[str]:
    """Who has left, as a feature sees it: by versions known before the snapshot."""
    rows = engine.rows(
        "SELECT rep_id FROM reps WHERE known_at < ? AND left_on < ? "
        "AND (superseded_at IS NULL OR superseded_at >= ?)",
        [midnight(as_of)] * 3,
    )
    names = [name for (name,) in rows]
    assert len(set(names)) == len(names), "one version at a time"
    return set(names)


def absent(touches: list[Row], as_of: date) -> set[str]:
    """By the sentence: known of, but with no touch of the last 60 days known before as_of."""
    now = midnight(as_of)
    known = [t for t in touches if max(t["occurred_at"], t["known_at"]) < now]
    recent = [t for t in known if t["occurred_at"] >= now - timedelta(days=60)]
    prompt = [t for t in known if t["known_at"] < t["occurred_at"] + timedelta(days=60)]
    return {t["rep_id"] for t in prompt} - {t["rep_id"] for t in recent}


@pytest.mark.parametrize(
    ("touched", "known", "as_of", "gone"),
    [
        ("-61", "", 0, True),
        ("-60", "", 0, False),  # exactly 60 days ago is within them
        ("-60 00:00:01", "", 0, False),
        ("-90", "", -31, False),
        ("-90", "", -29, True),
        ("-5", "1", 0, False),  # never heard of
    ],
)
def test_sixty_days_without_a_touch(
    touched: str, known: str, as_of: int, gone: bool, engine: DuckDBEngine
) -> None:
    table = f"rep | day | known\n Rob | {touched} | {known}"
    hold(engine, read_rows("touches", table))
    assert departed(engine, DAY_0 + timedelta(days=as_of)) == ({"Rob"} if gone else set())


def test_one_who_comes_back_has_not_left(engine: DuckDBEngine) -> None:
    touches = read_rows(
        "touches",
        """
        rep | day  | known
        Rob | -150 | -150
        Rob |  -20 |  -10
        """,
    )
    hold(engine, touches)
    for days, gone in ((-100, False), (-89, True), (-15, True), (-10, True), (-9, False)):
        assert departed(engine, DAY_0 + timedelta(days=days)) == ({"Rob"} if gone else set())


def test_versions_say_what_the_sentence_says_at_every_snapshot(engine: DuckDBEngine) -> None:
    stamps = moments(tuple(AS_OFS))
    touches = st.lists(
        st.builds(
            lambda rep, occurred, late: {
                "account_id": "A",
                "contact_id": "c",
                "rep_id": rep,
                "occurred_at": occurred,
                "known_at": occurred + timedelta(days=late),
            },
            st.sampled_from(["r1", "r2"]),
            stamps,
            st.sampled_from([0, 0, 0, 1, 30, 59, 60, 61, 200, -3]),
        ),
        min_size=1,
        max_size=8,
    )

    @law()
    @given(st.lists(touches, min_size=1, max_size=WORLDS_PER_BATCH))
    def holds(drawn: list[list[Row]]) -> None:
        """Each draw has representatives of its own; no one's touches speak of another."""
        rows = [
            row | {"rep_id": f"{number}|{row['rep_id']}"}
            for number, draw in enumerate(drawn)
            for row in draw
        ]
        hold(engine, rows)
        for as_of in AS_OFS:
            assert departed(engine, as_of) == absent(rows, as_of)
        for as_of in AS_OFS:
            hold(engine, [row for row in rows if row["known_at"] < midnight(as_of)])
            assert departed(engine, as_of) == absent(rows, as_of)

    holds()
