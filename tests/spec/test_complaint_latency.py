"""What each feature of `complaint_latency` says, drawn.

Day 0 is the snapshot, `-30` the midnight 30 days before it. `answered` is the first response.
"""

from __future__ import annotations

from drawn import Spec


def test_a_complaint_from_its_opening_to_its_resolution(spec: Spec) -> None:
    """The same complaint as five snapshots see it: a long wait is seen while it lasts."""
    spec(
        complaints="""
            opened    | answered | resolved | due
            ----------+----------+----------+----
            -20 12:00 | -15      | -5 12:00 | -8
        """,
        expect="""
            feature                    | day -20 | day -19 | day -10 | day -7 | day 0
            ---------------------------+---------+---------+---------+--------+------
            complaints_count_30d       | 0       | 1       | 1       | 1      | 1
            complaints_unanswered      | 0       | 1       | 0       | 0      | 0
            oldest_unanswered_days     | null    | 1/2     | null    | null   | null
            first_response_days_30d    | null    | 1/2     | 4.5     | 4.5    | 4.5
            complaints_unresolved      | 0       | 1       | 1       | 1      | 0
            oldest_unresolved_days     | null    | 1/2     | 9.5     | 12.5   | null
            unresolved_days_total      | 0       | 1/2     | 9.5     | 12.5   | 0
            resolution_days_30d        | null    | 1/2     | 9.5     | 12.5   | 15
            complaints_overdue         | 0       | 0       | 0       | 1      | 0
            resolved_late_share_30d    | null    | 0       | 0       | 1      | 1
            days_since_last_complaint  | null    | 1/2     | 9.5     | 12.5   | 19.5
            days_since_last_resolution | null    | null    | null    | null   | 4.5
        """,
    )


def test_windows_count_from_the_opening(spec: Spec) -> None:
    """Exactly 30 and 90 days before is inside, however late the resolution came."""
    spec(
        complaints="""
            opened       | resolved
            -------------+---------
             -1 23:59:59 |
            -30          |  -5
            -31 23:59:59 |  -5
            -90          |  -5
            -91 23:59:59 |  -5
        """,
        expect="""
            feature               | A
            ----------------------+--
            complaints_count_30d  | 2
            complaints_count_90d  | 4
            complaints_count_180d | 5
        """,
    )


def test_those_that_still_wait_count_with_their_age(spec: Spec) -> None:
    """One answered after 2 days, one waits for 10: 6 days so far, not 2."""
    spec(
        complaints="""
            opened | answered | resolved
            -------+----------+---------
            -20    | -18      | -12
            -10    |          |
        """,
        expect="""
            feature                 | A  | B
            ------------------------+----+-----
            first_response_days_30d | 6  | null
            resolution_days_30d     | 9  | null
            complaints_unanswered   | 1  | 0
            oldest_unanswered_days  | 10 | null
            complaints_unresolved   | 1  | 0
            oldest_unresolved_days  | 10 | null
            unresolved_days_total   | 10 | 0
        """,
    )


def test_what_lies_open_is_counted_however_old_it_is(spec: Spec) -> None:
    """No window: a complaint forgotten for two years still lies open."""
    spec(
        complaints="""
            opened | answered
            -------+---------
            -730   | -729
            -100   |
             -50   |
        """,
        expect="""
            feature                | A
            -----------------------+----
            complaints_unanswered  | 2
            oldest_unanswered_days | 100
            complaints_unresolved  | 3
            oldest_unresolved_days | 730
            unresolved_days_total  | 880
        """,
    )


def test_reopened_is_unresolved_again_but_not_never_resolved(spec: Spec) -> None:
    """Resolved on day -10, reopened on day -6 at noon."""
    spec(
        complaints="""
            opened | resolved | reopened
            -------+----------+---------
            -40    | -10      | -6 12:00
        """,
        expect="""
            feature                    | day -20 | day -8 | day 0 | day 25
            ---------------------------+---------+--------+-------+-------
            complaints_unresolved      | 1       | 0      | 1     | 1
            oldest_unresolved_days     | 20      | null   | null  | null
            unresolved_days_total      | 20      | 0      | 0     | 0
            complaints_reopened_30d    | 0       | 0      | 1     | 0
            resolution_days_90d        | 20      | 30     | 30    | 30
            days_since_last_resolution | null    | 2      | 10    | 35
        """,
    )


def test_reopened_within_the_second_of_its_resolution_is_open(spec: Spec) -> None:
    spec(
        complaints="""
            opened | resolved | reopened
            -------+----------+---------
            -40    | -10      | -10
        """,
        expect="""
            feature               | A
            ----------------------+--
            complaints_unresolved | 1
        """,
    )


def test_a_reopening_before_the_resolution_is_settled(spec: Spec) -> None:
    """Reopened, then resolved again: a new version of the case says so."""
    spec(
        complaints="""
            case | opened | known | resolved | reopened
            -----+--------+-------+----------+---------
            k    | -40    | -40   | -30      |
            k    | -40    | -20   | -30      | -20
            k    | -40    | -5    | -5       | -20
        """,
        expect="""
            feature                    | day -25 | day -10 | day 0
            ---------------------------+---------+---------+------
            complaints_unresolved      | 0       | 1       | 0
            complaints_reopened_30d    | 0       | 1       | 1
            days_since_last_resolution | 5       | 20      | 5
        """,
    )


def test_due_times(spec: Spec) -> None:
    """A keeps one of four promises; B has until tonight; C was promised nothing.

    In order: in time to the second, late by a second, open and overdue, open and not yet due.
    """
    spec(
        complaints="""
            account | opened | due | resolved
            --------+--------+-----+-------------
            A       | -20    | -10 | -10
            A       | -20    | -10 | -10 00:00:01
            A       | -20    |  -1 |
            A       | -20    |  10 |
            B       |  -5    |   0 |
            C       | -20    |     | -10
        """,
        expect="""
            feature                 | A   | B | C    | D
            ------------------------+-----+---+------+-----
            resolved_late_share_30d | 2/4 | 0 | null | null
            complaints_overdue      | 1   | 0 | 0    | 0
            complaints_unresolved   | 2   | 1 | 0    | 0
        """,
    )


def test_repeated_is_beyond_the_first_of_a_category(spec: Spec) -> None:
    """Delivery three times and quality twice in 90 days; what has no category repeats nothing."""
    spec(
        complaints="""
            opened | category
            -------+---------
            -80    | delivery
            -70    | delivery
            -60    | quality
            -20    | delivery
            -10    | quality
             -9    |
             -8    |
        """,
        expect="""
            feature                 | A | B
            ------------------------+---+--
            complaints_repeated_90d | 3 | 0
            complaints_repeated_30d | 0 | 0
            complaints_count_90d    | 7 | 0
        """,
    )


def test_complaints_per_order(spec: Spec) -> None:
    """Two lines of an order are one order, a return is none; B complains about an old order."""
    spec(
        complaints="""
            account | opened
            --------+-------
            A       | -10
            B       | -10
        """,
        orders="""
            account | order | day | amount
            --------+-------+-----+-------
            A       | o1    | -25 |  10.00
            A       | o1    | -25 |  10.00
            A       | o2    | -20 |  10.00
            A       | r1    | -15 | -10.00
            B       | o3    | -60 |  10.00
        """,
        expect="""
            feature                  | A   | B
            -------------------------+-----+-----
            complaints_per_order_30d | 1/2 | null
            complaints_per_order_90d | 1/2 | 1
        """,
    )


def test_what_nobody_recorded_is_unknown_not_zero(spec: Spec) -> None:
    """A's stages were never recorded, half of B's were, C has no complaint: C's zeros are zeros."""
    spec(
        complaints="""
            account | opened | due | answered | answers recorded | resolved | resolutions recorded
            --------+--------+-----+----------+------------------+----------+---------------------
            A       | -20    | -10 |          | no               |          | no
            B       | -20    | -10 |          | no               |          | no
            B       | -12    |  -6 | -10      | yes              |          | yes
        """,
        expect="""
            feature                    | A    | B    | C
            ---------------------------+------+------+-----
            complaints_count_30d       | 1    | 2    | 0
            first_response_days_30d    | null | 2    | null
            complaints_unanswered      | null | 0    | 0
            oldest_unanswered_days     | null | null | null
            resolution_days_30d        | null | 12   | null
            resolved_late_share_30d    | null | 1    | null
            complaints_unresolved      | null | 1    | 0
            oldest_unresolved_days     | null | 12   | null
            unresolved_days_total      | null | 12   | 0
            complaints_overdue         | null | 1    | 0
            days_since_last_resolution | null | null | null
            days_since_last_complaint  | 20   | 12   | null
        """,
    )


def test_repetition_is_unknown_where_no_category_is_recorded(spec: Spec) -> None:
    spec(
        complaints="""
            opened | category
            -------+---------
            -60    | late
            -50    | late
            -10    |
        """,
        expect="""
            feature                 | A    | B
            ------------------------+------+--
            complaints_repeated_30d | null | 0
            complaints_repeated_90d | 1    | 0
        """,
    )
