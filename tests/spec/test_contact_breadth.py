"""What each feature of `contact_breadth` says, drawn.

Day 0 is the snapshot, `-30` the midnight 30 days before it.
"""

from __future__ import annotations

from drawn import Spec


def test_who_carries_the_relationship(spec: Spec) -> None:
    """Ann talks most, and to two of us; Bob and Cem each once. Nobody ever talked to B."""
    spec(
        touches="""
            contact | rep | day       | role     | department | begun by
            --------+-----+-----------+----------+------------+---------
            Ann     | Rob | -20 10:00 | buyer    | purchasing | account
            Ann     | Rob | -10 10:00 | buyer    | purchasing | us
            Ann     | Sue | -10 10:00 | buyer    | purchasing | us
            Bob     | Sue |  -8 15:00 | engineer | plant      | account
            Cem     | Sue |  -7 09:00 | buyer    |            |
        """,
        expect="""
            feature                     | A   | B
            ----------------------------+-----+-----
            touches_count_30d           | 5   | 0
            contacts_count_30d          | 3   | 0
            reps_count_30d              | 2   | 0
            dyads_count_30d             | 4   | 0
            roles_count_30d             | 2   | 0
            departments_count_30d       | 2   | 0
            busiest_contact_share_30d   | 3/5 | null
            account_initiated_share_30d | 2/5 | null
        """,
    )


def test_a_contact_with_two_roles_counts_for_both(spec: Spec) -> None:
    spec(
        touches="""
            contact | day | role     | department
            --------+-----+----------+-----------
            Ann     | -20 | buyer    | purchasing
            Ann     | -10 | engineer | plant
        """,
        expect="""
            feature               | A
            ----------------------+--
            contacts_count_30d    | 1
            roles_count_30d       | 2
            departments_count_30d | 2
        """,
    )


def test_the_same_names_in_other_pairs_are_other_pairs(spec: Spec) -> None:
    spec(
        touches="""
            contact | rep | day
            --------+-----+----
            x       | yz  | -10
            xy      | z   | -10
        """,
        expect="""
            feature         | A
            ----------------+--
            dyads_count_30d | 2
        """,
    )


def test_windows_include_their_first_moment(spec: Spec) -> None:
    """Exactly 30, 90, 180, 365 days before is inside; a second more is not."""
    spec(
        touches="""
            contact | day
            --------+--------------
            a       |   -1 23:59:59
            b       |  -30
            c       |  -31 23:59:59
            d       |  -90
            e       |  -91 23:59:59
            f       | -180
            g       | -181 23:59:59
            h       | -365
            b       | -366 23:59:59
        """,
        expect="""
            feature                    | A
            ---------------------------+----
            contacts_count_30d         | 2
            contacts_count_90d         | 4
            contacts_count_180d        | 6
            contacts_count_365d        | 8
            touches_count_365d         | 8
            busiest_contact_share_90d  | 1/4
            busiest_contact_share_365d | 1/8
        """,
    )


def test_contacts_and_representatives_lapsed(spec: Spec) -> None:
    """Ann stays; Bob is silent since day -100; Cem left too long ago to be missed.

    Rob handed over to Sue.
    """
    spec(
        touches="""
            contact | rep | day
            --------+-----+-----
            Cem     | Rob | -400
            Ann     | Rob | -200
            Bob     | Rob | -100
            Ann     | Sue |  -40
        """,
        expect="""
            feature              | A | B
            ---------------------+---+--
            contacts_lapsed_30d  | 2 | 0
            contacts_lapsed_90d  | 1 | 0
            contacts_lapsed_180d | 0 | 0
            reps_lapsed_30d      | 2 | 0
            reps_lapsed_90d      | 1 | 0
            reps_lapsed_180d     | 0 | 0
        """,
    )


def test_change_compares_a_window_with_the_one_before(spec: Spec) -> None:
    """A falls from three touches to one, B starts, C stops, D had none in either window."""
    spec(
        touches="""
            account | day
            --------+----
            A       | -60
            A       | -45
            A       | -31
            A       | -30
            B       |  -1
            C       | -60
            D       | -61
        """,
        expect="""
            feature            | A    | B | C  | D
            -------------------+------+---+----+-----
            touches_change_30d | -1/2 | 1 | -1 | null
        """,
    )


def test_touches_per_order(spec: Spec) -> None:
    """Two lines of an order are one order, a return is none; B does not order in 30 days."""
    spec(
        touches="""
            account | day
            --------+----
            A       | -20
            A       | -10
            A       |  -5
            B       |  -5
        """,
        orders="""
            account | order | day | amount
            --------+-------+-----+-------
            A       | o1    | -15 |  10.00
            A       | o1    | -15 |  10.00
            A       | o2    |  -4 |  10.00
            A       | r1    |  -3 | -10.00
            B       | o3    | -40 |  10.00
        """,
        expect="""
            feature               | A   | B
            ----------------------+-----+-----
            touches_per_order_30d | 3/2 | null
            touches_per_order_90d | 3/2 | 1
        """,
    )


def test_days_since_the_first_the_last_and_the_last_senior_touch(spec: Spec) -> None:
    """Managers, directors and executives are senior, however the source writes them."""
    spec(
        touches="""
            account | day        | seniority
            --------+------------+----------
            A       | -800       | executive
            A       |  -90 06:00 | Director
            A       |  -14 12:00 | staff
            A       |   -2 18:00 |
            B       |  -10       | MANAGER
            C       |  -10       |
        """,
        expect="""
            feature                      | A     | B  | C    | D
            -----------------------------+-------+----+------+-----
            days_since_last_touch        | 1.25  | 10 | 10   | null
            days_since_last_senior_touch | 89.75 | 10 | null | null
            days_since_first_touch       | 800   | 10 | 10   | null
        """,
    )


def test_rhythm_is_the_median_gap_between_days_with_a_touch(spec: Spec) -> None:
    """A: gaps of 10, 20 and 40 days, silent for 30. B: gaps of 5 and 10. C: one day only."""
    spec(
        touches="""
            account | day
            --------+-----------
            A       | -100
            A       |  -90 23:00
            A       |  -90 08:00
            A       |  -70
            A       |  -30
            B       | -365
            B       | -360
            B       | -350
            C       |   -5
            C       |   -5 17:00
            D       | -366
            D       |   -3
        """,
        expect="""
            feature                      | A   | B       | C    | D
            -----------------------------+-----+---------+------+-----
            usual_touch_gap              | 20  | 7.5     | null | null
            silence_over_usual_touch_gap | 1.5 | 350/7.5 | null | null
        """,
    )


def test_roles_and_departments_that_nobody_records_are_unknown(spec: Spec) -> None:
    spec(
        touches="""
            contact | day | role  | department
            --------+-----+-------+-----------
            Ann     | -60 | buyer | purchasing
            Ann     | -10 |       |
        """,
        expect="""
            feature               | A    | B
            ----------------------+------+--
            roles_count_30d       | null | 0
            roles_count_90d       | 1    | 0
            departments_count_30d | null | 0
            departments_count_90d | 1    | 0
        """,
    )
