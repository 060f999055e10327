"""Departures of representatives, inferred from 60 days without any touch, as of each snapshot."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from drawn import DAY_0, read_rows
from feature_tables import load
from generated import moments
from hypothesis import given
from hypothesis import strategies as st
from laws import law
from worlds import Row, complete, midnight

from pipeline.engines.duckdb import DuckDBEngine
from pipeline.tables.representatives import make_representatives_table

AS_OFS = [DAY_0 + timedelta(days=days) for days in (-200, -100, -60, -59, -1, 0, 1, 30)]


def departed(engine: DuckDBEngine, touches: list[Row], as_of: date) -> set[str]:
    """Who has left, as a feature sees it: by versions known before the snapshot."""
    load(engine, complete({"touches": touches}))
    make_representatives_table(engine)
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
    found = departed(engine, read_rows("touches", table), DAY_0 + timedelta(days=as_of))
    assert found == ({"Rob"} if gone else set())


def test_one_who_comes_back_has_not_left(engine: DuckDBEngine) -> None:
    touches = read_rows(
        "touches",
        """
        rep | day  | known
        Rob | -150 | -150
        Rob |  -20 |  -10
        """,
    )
    for days, gone in ((-100, False), (-89, True), (-15, True), (-10, True), (-9, False)):
        as_of = DAY_0 + timedelta(days=days)
        assert departed(engine, touches, as_of) == ({"Rob"} if gone else set())


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

    @law(per_batch=1)
    @given(touches)
    def holds(drawn: list[Row]) -> None:
        for as_of in AS_OFS:
            assert departed(engine, drawn, as_of) == absent(drawn, as_of)
            cut = [row for row in drawn if row["known_at"] < midnight(as_of)]
            assert departed(engine, cut or drawn[:0], as_of) == absent(drawn, as_of)

    holds()
