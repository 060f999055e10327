"""Defection by an account's own rhythm and by fallen sales: drawn accounts and their answers.

Days count from the snapshot, which is day 0; see tests/support/drawn.py. Every answer is that of
the engine and of the slow reference.
"""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
from drawn import COLUMNS, DAY_0, grid_of, read_rows
from feature_tables import load
from reference_labels import reference_labels
from worlds import World, complete

from pipeline.engines import Engine
from pipeline.tables.label_definitions import own_cadence, partial
from pipeline.tables.labels import make_labels


def judge(engine: Engine, label: str, expect: str, lag: int = 0, **drawn: str) -> None:
    """The answers are as drawn: `defected` of each account, and `watched` where it is drawn."""
    world: World = {table: read_rows(table, drawn.get(table, "")) for table in COLUMNS}
    wanted = {row["account"]: row for row in grid_of(expect)}
    rows = [(account, DAY_0) for account in wanted]
    horizon = 180 if label == "own_cadence" else 90
    load(engine, complete(world))
    engine.register("asked", pa.table({"account_id": list(wanted), "as_of": [DAY_0] * len(rows)}))
    definition = own_cadence(horizon, lag) if label == "own_cadence" else partial(horizon, lag, 0.5)
    make_labels(engine, "labels", "asked", [DAY_0], definition)
    columns = "account_id, as_of, watched_days, defected, label_complete"
    found = {row[:2]: row[2:] for row in engine.rows(f"SELECT {columns} FROM labels")}
    assert {key: answer[:2] for key, answer in found.items()} == reference_labels(
        label, world, rows, horizon, lag
    )
    assert {day for _, _, day in found.values()} == {DAY_0 + timedelta(days=horizon + lag)}
    for account, row in wanted.items():
        watched, defected, _ = found[account, DAY_0]
        assert defected == {"yes": 1, "no": 0}[row["defected"]], account
        assert watched == float(row.get("watched", horizon)), account


# --- own_cadence ------------------------------------------------------------------------------


def test_three_usual_gaps_without_an_order(engine: Engine) -> None:
    judge(
        engine,
        "own_cadence",
        orders="""
        account | day
        B       | -60
        B       | -40
        B       | -20
        B       | 59 23:59:59
        C       | -60
        C       | -40
        C       | -20
        C       | 60
        D       | -60
        D       | -40
        D       | -20
        D       | 0
        E       | -60
        E       | -40
        E       | -20
        """,
        expect="""
        account | watched | defected
        B       | 60      | no
        C       | 60      | yes
        D       | 60      | no
        E       | 60      | yes
        """,
    )


def test_from_30_to_180_days_and_half_a_day_where_the_median_lies_between(engine: Engine) -> None:
    judge(
        engine,
        "own_cadence",
        orders="""
        account | day
        quick   | -6
        quick   | -4
        quick   | -2
        quick   | 29 23:59:59
        late    | -6
        late    | -4
        late    | -2
        late    | 30
        slow    | -90
        slow    | -20
        slow    | 179 23:59:59
        gone    | -90
        gone    | -20
        gone    | 180
        noon    | -33
        noon    | -22
        noon    | -10
        noon    | 34 11:59:59
        past    | -33
        past    | -22
        past    | -10
        past    | 34 12:00:00
        """,
        expect="""
        account | watched | defected
        quick   | 30      | no
        late    | 30      | yes
        slow    | 180     | no
        gone    | 180     | yes
        noon    | 34.5    | no
        past    | 34.5    | yes
        """,
    )


def test_who_has_no_usual_gap_is_given_the_longest(engine: Engine) -> None:
    judge(
        engine,
        "own_cadence",
        orders="""
        account | day          | amount
        once    | -10          | 100
        once    | 179          | 100
        twice   | -10 08:00:00 | 100
        twice   | -10 18:00:00 | 100
        old     | -500         | 100
        old     | -490         | 100
        old     | -100         | 100
        back    | -50          | 100
        back    | -40          | -100
        """,
        expect="""
        account | watched | defected
        once    | 180     | no
        twice   | 180     | yes
        old     | 180     | yes
        back    | 180     | yes
        """,
    )


def test_the_rhythm_is_the_one_known_at_the_snapshot(engine: Engine) -> None:
    judge(
        engine,
        "own_cadence",
        orders="""
        account | day | known | amount
        A       | -80 | -80   | 100
        A       | -60 | 0     | 100
        A       | -40 | -40   | 100
        A       | 70  | 70    | 100
        B       | -80 | -80   | 100
        B       | -60 | -1    | 100
        B       | -40 | -40   | 100
        B       | 70  | 70    | 100
        C       | -80 | -80   | 100
        C       | -40 | -40   | 100
        C       | 70  | 70    | -100
        """,
        expect="""
        account | watched | defected
        A       | 120     | no
        B       | 60      | yes
        C       | 120     | yes
        """,
    )


def test_an_order_reported_after_the_lag_changes_nothing(engine: Engine) -> None:
    orders = """
        account | day | known
        A       | -40 | -40
        A       | -20 | -20
        A       | 10  | 179 23:59:59
        B       | -40 | -40
        B       | -20 | -20
        B       | 10  | 180
        C       | -40 | -40
        C       | -20 | -20
        C       | 10  | 193 23:59:59
        D       | -40 | -40
        D       | -20 | -20
        D       | 10  | 194
        E       | -40 | -40
        E       | -20 | -20
        E       | 185 | 185
        """
    answers = "account | defected | watched\n A | no | 60\n D | yes | 60\n E | yes | 60\n"
    judge(engine, "own_cadence", answers + " B | yes | 60\n C | yes | 60", orders=orders)
    judge(engine, "own_cadence", answers + " B | no | 60\n C | no | 60", lag=14, orders=orders)


def test_a_merged_account_keeps_its_rhythm_and_is_judged_by_the_others_orders(
    engine: Engine,
) -> None:
    judge(
        engine,
        "own_cadence",
        orders="""
        account | day
        A       | -40
        A       | -20
        B       | 50
        C       | -40
        C       | -20
        D       | 70
        """,
        account_merges="""
        from | into | known
        A    | B    | 30
        C    | D    | 30
        """,
        expect="""
        account | watched | defected
        A       | 60      | no
        C       | 60      | yes
        """,
    )


# --- partial ----------------------------------------------------------------------------------


def test_less_than_half_of_the_same_days_a_year_before(engine: Engine) -> None:
    """The days a year before are -365 to -276, the horizon's 0 to 89."""
    judge(
        engine,
        "partial",
        orders="""
        account | day          | amount
        half    | -365         | 100
        half    | 89 23:59:59  | 50
        less    | -365         | 100
        less    | 89 23:59:59  | 49.99
        begin   | -365         | 100
        begin   | -366         | 900
        begin   | 0            | 50
        end     | -400         | 1
        end     | -276 23:59:59 | 100
        end     | -275         | 900
        end     | -1           | 900
        end     | 0            | 50
        after   | -365         | 100
        after   | 90           | 100
        silent  | -365         | 100
        """,
        expect="""
        account | defected
        half    | no
        less    | yes
        begin   | no
        end     | no
        after   | yes
        silent  | yes
        """,
    )


def test_returns_are_taken_off(engine: Engine) -> None:
    judge(
        engine,
        "partial",
        orders="""
        account | day  | amount
        back    | -365 | 100
        back    | 10   | 80
        back    | 20   | -40
        fair    | -365 | 100
        fair    | -300 | -40
        fair    | 10   | 30
        """,
        expect="""
        account | defected
        back    | yes
        fair    | no
        """,
    )


def test_where_nothing_was_to_be_expected_there_is_nothing_to_fall_from(engine: Engine) -> None:
    judge(
        engine,
        "partial",
        orders="""
        account | day  | amount
        none    | -400 | 100
        none    | -10  | 100
        even    | -365 | 100
        even    | -300 | -100
        minus   | -365 | 100
        minus   | -300 | -300
        minus   | 10   | -900
        """,
        expect="""
        account | defected
        none    | no
        even    | no
        minus   | no
        """,
    )


def test_a_younger_account_is_compared_with_the_days_before_the_snapshot(engine: Engine) -> None:
    """Nobody reaches back to day -455, so the season index is 1."""
    judge(
        engine,
        "partial",
        orders="""
        account | day           | amount
        half    | -364 23:59:59 | 900
        half    | -90           | 100
        half    | 10            | 50
        less    | -90           | 100
        less    | 10            | 49.99
        early   | -90 00:00:01  | 100
        early   | -91           | 900
        early   | 10            | 50
        """,
        expect="""
        account | defected
        half    | no
        less    | yes
        early   | no
        """,
    )


def test_the_season_index_says_what_the_time_of_the_year_does(engine: Engine) -> None:
    """Old and older brought 200 and then 100: an index of 1/2, so of 100 only 25 are too few.

    Not counted: who began within the earlier window, and what became known at the snapshot.
    """
    judge(
        engine,
        "partial",
        orders="""
        account | day  | known | amount
        old     | -455 | -455  | 160
        old     | -365 | -365  | 60
        older   | -500 | -500  | 999
        older   | -400 | -400  | 40
        older   | -300 | -300  | 50
        older   | -299 | -299  | -10
        older   | -298 | 0     | 900
        newer   | -454 | -454  | 1
        newer   | -300 | -300  | 900
        fair    | -20  | -20   | 100
        fair    | 20   | 20    | 25
        less    | -20  | -20   | 100
        less    | 20   | 20    | 24.99
        """,
        expect="""
        account | defected
        old     | yes
        older   | yes
        newer   | yes
        fair    | no
        less    | yes
        """,
    )


def test_late_rows_change_the_answer_until_the_lag_is_over_and_then_never(engine: Engine) -> None:
    orders = """
        account | day  | known        | amount
        A       | -365 | -365         | 100
        A       | 10   | 89 23:59:59  | 60
        B       | -365 | -365         | 100
        B       | 10   | 90           | 60
        C       | -365 | -365         | 100
        C       | 10   | 10           | 60
        C       | 20   | 103 23:59:59 | -60
        D       | -365 | -365         | 100
        D       | 95   | 95           | 60
        """
    start = "account | defected\n A | no\n D | yes\n"
    judge(engine, "partial", start + " B | yes\n C | no", orders=orders)
    judge(engine, "partial", start + " B | no\n C | yes", lag=14, orders=orders)


def test_a_merged_account_is_judged_by_what_both_bring(engine: Engine) -> None:
    judge(
        engine,
        "partial",
        orders="""
        account | day  | amount
        A       | -20  | 100
        B       | -365 | 100
        B       | 20   | 50
        C       | -20  | 100
        """,
        account_merges="""
        from | into | known
        A    | B    | 30
        """,
        expect="""
        account | defected
        A       | no
        C       | yes
        """,
    )
