"""What a snapshot sees, drawn: two clocks, versions, deletions, merges.

Each table of features shows one account as several snapshots see it. A snapshot is the midnight at
which its day begins; day 0 is the first of March.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from drawn import DAY_0, Spec, read_rows
from feature_tables import from_world
from worlds import complete

from features.order_history import order_lines
from features.values import First, Last
from pipeline.engines import Engine


def test_an_event_is_seen_from_the_snapshot_after_it(spec: Spec) -> None:
    """At midnight sharp it is not seen yet by the snapshot of that day; a second before, it is."""
    spec(
        orders="""
            account | day         | amount
            --------+-------------+-------
            A       | 0           | 10.00
            B       | -1 23:59:59 | 20.00
        """,
        expect="""
            feature   | A, day -1 | A, day 0 | A, day 1 | B, day -1 | B, day 0 | B, day 1
            ----------+-----------+----------+----------+-----------+----------+---------
            spend_30d | 0         | 0        | 10       | 0         | 20       | 20
        """,
    )


def test_an_event_is_seen_once_it_is_known(spec: Spec) -> None:
    """It counts from the day it happened, not from the day it was known.

    day          -10         0         5        20        21
                  |          |         |         |         |
    the order     happens    |         known     |         |
    30 days       not known  not known           inside    left
    """
    spec(
        orders="""
            day | known | amount
            ----+-------+-------
            -10 | 5     | 10.00
        """,
        expect="""
            feature               | day 0 | day 5 | day 6 | day 20 | day 21
            ----------------------+-------+-------+-------+--------+-------
            spend_30d             | 0     | 0     | 10    | 10     | 0
            days_since_last_order | null  | null  | 16    | 30     | 31
        """,
    )


def test_an_event_announced_before_it_happens_is_not_seen_before(spec: Spec) -> None:
    spec(
        touches="""
            day     | known
            --------+------
            3 12:00 | -7
        """,
        expect="""
            feature               | day 0 | day 3 | day 4
            ----------------------+-------+-------+------
            touches_count_30d     | 0     | 0     | 1
            days_since_last_touch | null  | null  | 1/2
        """,
    )


def test_an_event_known_after_its_window_is_over_was_never_in_it(spec: Spec) -> None:
    spec(
        orders="""
            day | known
            ----+------
            -10 | 40
        """,
        expect="""
            feature               | day 0 | day 20 | day 41
            ----------------------+-------+--------+-------
            orders_count_30d      | 0     | 0      | 0
            orders_count_90d      | 0     | 0      | 1
            days_since_last_order | null  | null   | 51
        """,
    )


def test_an_older_sighting_known_late_does_not_cut_a_younger_one_short(spec: Spec) -> None:
    """Ann is touched on day -5; a touch of day -20 is typed in on day 8 and leaves on day 10."""
    spec(
        touches="""
            contact | day | known
            --------+-----+------
            Ann     |  -5 | -5
            Ann     | -20 |  8
        """,
        expect="""
            feature            | day 0 | day 9 | day 11 | day 25 | day 26
            -------------------+-------+-------+--------+--------+-------
            touches_count_30d  | 1     | 2     | 1      | 1      | 0
            contacts_count_30d | 1     | 1     | 1      | 1      | 0
        """,
    )


def test_the_newest_version_known_counts(spec: Spec) -> None:
    """An amount is corrected on day 2, then the order turns out to be another account's."""
    spec(
        orders="""
            account | order | line | day | known | amount
            --------+-------+------+-----+-------+-------
            A       | o1    | 1    | -10 | -10   | 10.00
            A       | o1    | 1    | -10 |  2    | 99.00
            B       | o1    | 1    | -10 |  4    | 99.00
        """,
        expect="""
            feature   | A, day 0 | A, day 2 | A, day 3 | A, day 5 | B, day 4 | B, day 5
            ----------+----------+----------+----------+----------+----------+---------
            spend_30d | 10       | 10       | 99       | 0        | 0        | 99
        """,
    )


def test_the_newest_version_counts_even_where_it_hides_the_event(spec: Spec) -> None:
    """Moved into the future on day 2, into a return on day 4, deleted on day 6, restored on 8."""
    spec(
        orders="""
            order | line | day | known | amount | deleted
            ------+------+-----+-------+--------+--------
            o1    | 1    | -10 | -10   |  10.00 |
            o1    | 1    |  60 |  2    |  10.00 |
            o1    | 1    | -10 |  4    | -10.00 |
            o1    | 1    | -10 |  6    | -10.00 | yes
            o1    | 1    | -10 |  8    |  10.00 |
        """,
        expect="""
            feature                | day 0 | day 3 | day 5 | day 7 | day 9
            -----------------------+-------+-------+-------+-------+------
            orders_count_30d       | 1     | 0     | 0     | 0     | 1
            return_lines_count_30d | 0     | 0     | 1     | 0     | 0
            days_since_last_order  | 10    | null  | null  | null  | 19
        """,
    )


def test_versions_of_one_line_leave_the_others_alone(spec: Spec) -> None:
    """A line of two is deleted: the order is still an order."""
    spec(
        orders="""
            order | line | day | known | amount | deleted
            ------+------+-----+-------+--------+--------
            o1    | 1    | -10 | -10   |  10.00 |
            o1    | 2    | -10 | -10   |   5.00 |
            o1    | 2    | -10 |   0   |   5.00 | yes
        """,
        expect="""
            feature               | day 0 | day 1
            ----------------------+-------+------
            orders_count_30d      | 1     | 1
            order_lines_count_30d | 2     | 1
            spend_30d             | 15    | 10
        """,
    )


def test_a_stage_is_seen_once_it_is_known(spec: Spec) -> None:
    """Resolved on day -8, typed in on day 2: until then the complaint is open, and ages."""
    spec(
        complaints="""
            opened | answered | answer known | resolved | resolution known
            -------+----------+--------------+----------+-----------------
            -10    | -9       | 1            | -8       | 2
        """,
        expect="""
            feature                 | day 0 | day 1 | day 2 | day 3
            ------------------------+-------+-------+-------+------
            complaints_unanswered   | 1     | 1     | 0     | 0
            first_response_days_30d | 10    | 11    | 1     | 1
            complaints_unresolved   | 1     | 1     | 1     | 0
            resolution_days_30d     | 10    | 11    | 12    | 2
        """,
    )


def test_a_reopening_known_before_the_resolution_waits_for_it(spec: Spec) -> None:
    spec(
        complaints="""
            opened | resolved | resolution known | reopened | reopening known
            -------+----------+------------------+----------+----------------
            -10    | -8       | 4                | -6       | 2
        """,
        expect="""
            feature                 | day 0 | day 3 | day 5
            ------------------------+-------+-------+------
            complaints_unresolved   | 1     | 1     | 1
            oldest_unresolved_days  | 10    | 13    | null
            complaints_reopened_30d | 0     | 1     | 1
        """,
    )


def test_a_complaint_that_is_withdrawn_is_gone(spec: Spec) -> None:
    spec(
        complaints="""
            case | opened | known | deleted
            -----+--------+-------+--------
            k    | -10    | -10   |
            k    | -10    |   1   | yes
        """,
        expect="""
            feature               | day 0 | day 1 | day 2
            ----------------------+-------+-------+------
            complaints_count_30d  | 1     | 1     | 0
            complaints_unanswered | 1     | 1     | 0
        """,
    )


def test_merged_accounts_are_one_from_when_the_merge_is_known(spec: Spec) -> None:
    """A becomes part of B on day 2, B part of C on day 5. Nothing is rewritten before."""
    spec(
        account_merges="""
            from | into | known
            -----+------+------
            A    | B    | 2
            B    | C    | 5
        """,
        touches="""
            account | contact | day
            --------+---------+----
            A       | Ann     | -10
            B       | Ann     | -20
            C       | Cem     | -40
        """,
        expect="""
            feature            | A, day 2 | A, day 3 | B, day 2 | B, day 3 | B, day 6 | C, day 6
            -------------------+----------+----------+----------+----------+----------+---------
            touches_count_90d  | 1        | 0        | 1        | 2        | 0        | 3
            contacts_count_90d | 1        | 0        | 1        | 1        | 0        | 2
        """,
    )


def test_a_merge_that_is_taken_back_parts_the_accounts_again(spec: Spec) -> None:
    spec(
        account_merges="""
            from | into | known | deleted
            -----+------+-------+--------
            A    | B    | 2     |
            A    | B    | 6     | yes
        """,
        orders="""
            account | day
            --------+----
            A       | -10
        """,
        expect="""
            feature          | A, day 2 | A, day 4 | A, day 7 | B, day 2 | B, day 4 | B, day 7
            -----------------+----------+----------+----------+----------+----------+---------
            orders_count_30d | 1        | 0        | 1        | 0        | 1        | 0
        """,
    )


def test_first_and_last_of_a_window(engine: Engine) -> None:
    """Of the window [day -30, day -10), half open; of what is known of it."""
    orders = """
        account | day          | known
        --------+--------------+------
        A       | -30 00:00:00 | -30
        A       | -11 23:59:59 | -11
        A       | -10          | -10
        B       | -31 23:59:59 | -31
        B       | -20          | 0
        B       | -15          | -1
        C       | -9           | -9
    """
    values = {"first_s": First(order_lines, 30, 10), "last_s": Last(order_lines, 30, 10)}
    rows = [(account, DAY_0) for account in "ABC"]
    world = complete({"orders": read_rows("orders", orders)})
    table = from_world(engine, values, world, rows)
    assert [[_day(second) for second in row] for row in table.to_numpy()] == [
        ["-30 00:00:00", "-11 23:59:59"],
        ["-15 00:00:00", "-15 00:00:00"],
        [None, None],
    ]


def _day(second: float) -> str | None:
    """A second since 1970 as it is drawn."""
    if second != second:
        return None
    moment = datetime(1970, 1, 1) + timedelta(seconds=second)
    return f"{(date(moment.year, moment.month, moment.day) - DAY_0).days} {moment:%H:%M:%S}"
