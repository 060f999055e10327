"""What each feature of `contact_breadth` says, drawn.

Day 0 is the snapshot, `-30` the midnight 30 days before it.
"""

from __future__ import annotations

from drawn import Spec


def test_who_carries_the_relationship(spec: Spec) -> None:
    """Ann talks most, and to two of us; Bob and Cem each once. Nobody ever talked to B.

    Who began the talk with Cem is not recorded.
    """
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
            busiest_rep_share_30d       | 3/5 | null
            account_initiated_share_30d | 2/4 | null
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
            dyads_lapsed_30d     | 3 | 0
            dyads_lapsed_90d     | 2 | 0
            dyads_lapsed_180d    | 1 | 0
        """,
    )


def test_roles_departments_and_seniority_levels_lapsed(spec: Spec) -> None:
    """The plant is silent since day -200; Ann moved from purchasing to the board."""
    spec(
        touches="""
            contact | day  | role     | department | seniority
            --------+------+----------+------------+----------
            Cem     | -400 | owner    | board      | executive
            Ann     | -300 | buyer    | purchasing | manager
            Bob     | -200 | engineer | plant      | staff
            Ann     |  -50 | buyer    | purchasing | manager
            Ann     |  -10 | buyer    | board      | director
        """,
        expect="""
            feature                      | A | B
            -----------------------------+---+--
            roles_lapsed_30d             | 1 | 0
            roles_lapsed_180d            | 1 | 0
            departments_lapsed_30d       | 2 | 0
            departments_lapsed_90d       | 1 | 0
            seniority_levels_lapsed_30d  | 2 | 0
            seniority_levels_lapsed_90d  | 1 | 0
            seniority_levels_count_30d   | 1 | 0
            seniority_levels_count_90d   | 2 | 0
            seniority_levels_count_365d  | 3 | 0
        """,
    )


def test_a_contact_is_new_once(spec: Spec) -> None:
    """Bob is new; Ann, silent for more than a year, is not; Cem came exactly 90 days ago."""
    spec(
        touches="""
            contact | day
            --------+-------------
            Ann     | -400
            Dora    |  -91 23:59:59
            Cem     |  -90
            Bob     |  -20
            Ann     |  -10
            Bob     |   -5
        """,
        expect="""
            feature           | A | B
            ------------------+---+--
            contacts_new_30d  | 1 | 0
            contacts_new_90d  | 2 | 0
            contacts_new_365d | 3 | 0
        """,
    )


def test_contacts_gained_and_lost(spec: Spec) -> None:
    """A keeps Ann, loses Bob, gains Cem and Dora: three of four. B gains one, C loses one."""
    spec(
        touches="""
            account | contact | day
            --------+---------+----
            A       | Ann     | -40
            A       | Bob     | -60
            A       | Ann     | -10
            A       | Cem     | -30
            A       | Dora    |  -5
            B       | Eve     | -20
            C       | Fay     | -40
            D       | Gil     | -61
        """,
        expect="""
            feature             | A   | B | C  | D
            --------------------+-----+---+----+-----
            contacts_change_30d | 2/4 | 1 | -1 | null
        """,
    )


def test_handovers(spec: Spec) -> None:
    """A: Sue, then Tom came after Rob, who was the first. B has only ever known Rob."""
    spec(
        touches="""
            account | rep | day
            --------+-----+-----
            A       | Rob | -200
            A       | Sue |  -80
            A       | Rob |  -60
            A       | Tom |  -20
            A       | Sue |  -10
            B       | Rob |  -10
        """,
        expect="""
            feature                  | A  | B    | C
            -------------------------+----+------+-----
            handovers_count_30d      | 1  | 0    | 0
            handovers_count_90d      | 2  | 0    | 0
            handovers_count_365d     | 2  | 0    | 0
            days_since_last_handover | 20 | null | null
        """,
    )


def test_two_representatives_in_the_first_second_are_one_handover(spec: Spec) -> None:
    spec(
        touches="""
            rep | day
            ----+----
            Rob | -10
            Sue | -10
        """,
        expect="""
            feature                  | A
            -------------------------+---
            handovers_count_30d      | 1
            days_since_last_handover | 10
        """,
    )


def test_a_touch_dated_back_moves_an_arrival(spec: Spec) -> None:
    """Bob and Sue seemed to come on day -20; since day -10 we know that they met on day -100."""
    spec(
        touches="""
            contact | rep | day  | known
            --------+-----+------+------
            Ann     | Rob | -300 | -300
            Bob     | Sue |  -20 |  -20
            Bob     | Sue | -100 |  -10
        """,
        expect="""
            feature                  | day -15 | day -10 | day 0
            -------------------------+---------+---------+------
            contacts_new_30d         | 1       | 1       | 0
            contacts_new_180d        | 1       | 1       | 1
            handovers_count_30d      | 1       | 1       | 0
            handovers_count_180d     | 1       | 1       | 1
            days_since_last_handover | 5       | 10      | 100
        """,
    )


def test_representatives_who_have_left(spec: Spec) -> None:
    """Sue gave notice for day 2; that Rob left is known on day 3; Tom stays, Uma is not listed.

    Gone is who left before the snapshot, from when we know it. B had no touch.
    """
    spec(
        touches="""
            rep | day
            ----+----
            Rob | -20
            Rob | -10
            Sue | -10
            Tom |  -5
            Uma |  -5
        """,
        reps="""
            rep | left | known
            ----+------+------
            Rob |  -8  |   3
            Sue |   2  | -40
            Tom |      | -40
        """,
        expect="""
            feature                 | day 0 | day 2 | day 3 | day 4 | B, day 4
            ------------------------+-------+-------+-------+-------+---------
            departed_reps_share_30d | 0     | 0     | 1/5   | 3/5   | null
        """,
    )


def test_representatives_who_come_back(spec: Spec) -> None:
    """Since day -10 Rob is back, and that Sue left has turned out to be an error."""
    spec(
        touches="""
            rep | day
            ----+----
            Rob | -60
            Sue | -60
            Tom | -60
        """,
        reps="""
            rep | left | known | deleted
            ----+------+-------+--------
            Rob | -50  | -50   |
            Sue | -40  | -50   |
            Tom | -30  | -50   |
            Rob |      | -10   |
            Sue | -40  | -10   | yes
        """,
        expect="""
            feature                 | day -45 | day -35 | day -20 | day -5
            ------------------------+---------+---------+---------+-------
            departed_reps_share_90d | 1/3     | 2/3     | 1       | 1/3
        """,
    )


def test_the_effective_number_of_contacts(spec: Spec) -> None:
    """A: one person; B: three alike; C: shares of 1/2, 1/4 and 1/4 are worth 2 to the 1.5th."""
    spec(
        touches="""
            account | contact | day
            --------+---------+----
            A       | Ann     | -20
            A       | Ann     | -10
            B       | Bob     | -20
            B       | Cem     | -20
            B       | Dora    | -10
            C       | Eve     | -20
            C       | Eve     | -10
            C       | Fay     | -10
            C       | Gil     | -10
        """,
        expect="""
            feature                | A | B | C              | D
            -----------------------+---+---+----------------+-----
            contacts_effective_30d | 1 | 3 | 2.828427124746 | null
        """,
    )


def test_who_began_is_unknown_where_nobody_records_it(spec: Spec) -> None:
    spec(
        touches="""
            day | begun by
            ----+---------
            -60 | account
            -10 |
        """,
        expect="""
            feature                     | A
            ----------------------------+-----
            account_initiated_share_30d | null
            account_initiated_share_90d | 1
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


def test_the_rhythm_of_a_clockwork_does_not_vary(spec: Spec) -> None:
    """A: every 10 days within the year; B: gaps of 10 and of 30 days; C: a single gap."""
    spec(
        touches="""
            account | day
            --------+-----------
            A       | -400
            A       |  -40
            A       |  -30 08:00
            A       |  -30 17:00
            A       |  -20
            B       |  -50
            B       |  -40
            B       |  -10
            C       |  -20
            C       |  -10
        """,
        expect="""
            feature             | A | B   | C    | D
            --------------------+---+-----+------+-----
            touch_gap_variation | 0 | 1/2 | null | null
        """,
    )


def test_the_key_contact(spec: Spec) -> None:
    """A: Ann, though Bob was touched last. B: as many touches each, Bob's the later.

    C and D: what lies more than a year back does not count. E: both touches in one second.
    """
    spec(
        touches="""
            account | contact | day
            --------+---------+-----
            A       | Ann     |  -90
            A       | Ann     |  -75
            A       | Ann     |  -30
            A       | Bob     |  -20
            A       | Bob     |  -10
            B       | Ann     |  -50
            B       | Ann     |  -20
            B       | Bob     |  -45
            B       | Bob     |  -15
            C       | Ann     | -366
            C       | Ann     |  -20
            D       | Ann     | -366
            E       | Ann     |   -5
            E       | Ann     |   -5
        """,
        expect="""
            feature                      | A  | B   | C    | D    | E
            -----------------------------+----+-----+------+------+-----
            days_since_key_contact       | 30 | 15  | 20   | null | 5
            key_contact_silence_over_gap | 1  | 1/2 | null | null | null
        """,
    )


def test_roles_and_the_like_that_nobody_records_are_unknown(spec: Spec) -> None:
    """Of A's touches, one records them; of C's, none; B has no touch."""
    spec(
        touches="""
            account | contact | day | role  | department | seniority
            --------+---------+-----+-------+------------+----------
            A       | Ann     | -60 | buyer | purchasing | manager
            A       | Ann     | -10 |       |            |
            C       | Cem     | -60 |       |            |
        """,
        expect="""
            feature                     | A    | B | C
            ----------------------------+------+---+-----
            roles_count_30d             | null | 0 | 0
            roles_count_90d             | 1    | 0 | null
            roles_lapsed_30d            | 1    | 0 | null
            departments_count_30d       | null | 0 | 0
            departments_count_90d       | 1    | 0 | null
            departments_lapsed_30d      | 1    | 0 | null
            seniority_levels_count_30d  | null | 0 | 0
            seniority_levels_count_90d  | 1    | 0 | null
            seniority_levels_lapsed_30d | 1    | 0 | null
        """,
    )
