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


def test_one_that_still_waits_among_others_counts_as_open_ended(spec: Spec) -> None:
    """A: two took 2 and 4 days, one has lasted 3 so far. All wait for 2 days, then two of three
    wait on, and how much longer only the one that took 4 tells: 2 + 2/3 * 2.

    B: what has lasted 3 days so far was still waiting when another ended after 3. C: two still
    wait; nobody knows how long beyond the longest of them, so there it ends.
    """
    spec(
        complaints="""
            account | opened | resolved
            --------+--------+---------
            A       | -20    | -18
            A       |  -3    |
            A       | -20    | -16
            B       | -20    | -17
            B       |  -3    |
            B       | -20    | -14
            C       | -20    | -18
            C       | -12    |  -8
            C       |  -6    |
            C       |  -5    |
        """,
        expect="""
            feature             | A       | B       | C             | D
            --------------------+---------+---------+---------------+-----
            resolution_days_30d | 2 + 4/3 | 3 + 6/3 | 2 + 6/4 + 4/4 | null
        """,
    )


def test_waits_end_at_a_limit(spec: Spec) -> None:
    """A month for the first response, 90 days for the resolution: A's response took 60 days.

    B: answered after 10 days, and waiting for 80: 10 days for both, 20 more for one of two.
    C: a response that is dated before the complaint took no time.
    """
    spec(
        complaints="""
            account | opened | answered | resolved
            --------+--------+----------+---------
            A       | -170   | -110     |
            B       |  -80   |  -70     | -70
            B       |  -80   |          |
            C       |  -10   |  -12     |
        """,
        expect="""
            feature                  | A  | B         | C
            -------------------------+----+-----------+---
            first_response_days_180d | 30 | 10 + 20/2 | 0
            resolution_days_180d     | 90 | 10 + 70/2 | 10
        """,
    )


def test_waits_of_a_second(spec: Spec) -> None:
    """Five answered at once and one a second later: the mean is a sixth of a second."""
    spec(
        complaints="""
            opened | answered
            -------+-------------
            -20    | -20
            -20    | -20
            -20    | -20
            -20    | -20
            -20    | -20
            -20    | -20 00:00:01
        """,
        expect="""
            feature                 | A
            ------------------------+---------
            first_response_days_30d | 1/518400
        """,
    )


def test_resolved_within_fourteen_days(spec: Spec) -> None:
    """Of A's, three are judged: in time to the second, late by a second, and still open.

    The two others, opened exactly 14 days ago and since, have time left. B's last second is over.
    """
    spec(
        complaints="""
            account | opened       | resolved    | resolutions recorded
            --------+--------------+-------------+---------------------
            A       | -20          | -6          |
            A       | -20          | -6 00:00:01 |
            A       | -20          |             |
            A       | -14          |             |
            A       |  -5          | -4          |
            B       | -15 23:59:59 |             |
            C       |  -5          | -4          |
            D       | -20          |             | no
        """,
        expect="""
            feature                   | A   | B | C    | D
            --------------------------+-----+---+------+-----
            resolved_slowly_share_30d | 2/3 | 1 | null | null
        """,
    )


def test_a_prompt_resolution_is_slow_until_it_is_known(spec: Spec) -> None:
    spec(
        complaints="""
            opened | resolved | resolution known
            -------+----------+-----------------
            -30    | -20      | -10
        """,
        expect="""
            feature                   | day -16 | day -15 | day -10 | day -9
            --------------------------+---------+---------+---------+-------
            resolved_slowly_share_90d | null    | 1       | 1       | 0
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


def test_the_share_of_resolutions_that_did_not_last(spec: Spec) -> None:
    """A: one of two resolved, the third is open. B's is open, C's reopenings are not recorded.

    E's was opened again and has been resolved once more: it was opened again all the same.
    """
    spec(
        complaints="""
            account | case | opened | known | resolved | reopened | reopenings recorded
            --------+------+--------+-------+----------+----------+--------------------
            A       | a1   | -40    | -40   | -30      | -20      | yes
            A       | a2   | -40    | -40   | -30      |          | yes
            A       | a3   | -40    | -40   |          |          | yes
            B       | b1   | -40    | -40   |          |          | yes
            C       | c1   | -40    | -40   | -30      |          | no
            E       | e1   | -40    | -40   | -30      |          | yes
            E       | e1   | -40    | -20   | -30      | -20      | yes
            E       | e1   | -40    | -10   | -10      | -20      | yes
        """,
        expect="""
            feature            | A   | B    | C    | D    | E, day -25 | E, day -15 | E
            -------------------+-----+------+------+------+------------+------------+--
            reopened_share_90d | 1/2 | null | null | null | 0          | 1          | 1
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


def test_severity(spec: Spec) -> None:
    """However the source writes it; what is graded otherwise or not at all weighs 1."""
    spec(
        complaints="""
            opened | severity | resolved
            -------+----------+---------
            -20    | critical | -18
            -10    | CRITICAL |
             -7    | High     |
             -5    | medium   |
             -4    | low      |
             -3    | urgent   |
             -2    |          |
        """,
        expect="""
            feature                     | A                        | B
            ----------------------------+--------------------------+--
            severe_complaints_count_30d | 3                        | 0
            unresolved_days_by_severity | 40 + 21 + 10 + 4 + 3 + 2 | 0
            unresolved_days_total       | 10 + 7 + 5 + 4 + 3 + 2   | 0
        """,
    )


def test_severity_is_unknown_where_it_is_not_recorded(spec: Spec) -> None:
    spec(
        complaints="""
            opened | severity
            -------+---------
            -60    | low
            -10    |
        """,
        expect="""
            feature                     | A    | B
            ----------------------------+------+--
            severe_complaints_count_30d | null | 0
            severe_complaints_count_90d | 0    | 0
        """,
    )


def test_a_severity_graded_again_counts_from_when_it_is_known(spec: Spec) -> None:
    spec(
        complaints="""
            case | opened | known | severity
            -----+--------+-------+---------
            k    | -20    | -20   | low
            k    | -20    | -10   | critical
        """,
        expect="""
            feature                     | day -10 | day -9
            ----------------------------+---------+-------
            severe_complaints_count_30d | 0       | 1
            unresolved_days_by_severity | 10      | 44
        """,
    )


def test_change_compares_a_window_with_the_one_before(spec: Spec) -> None:
    """A falls from three to one, B starts, C stops, D had none in either window."""
    spec(
        complaints="""
            account | opened
            --------+-------
            A       | -60
            A       | -45
            A       | -31
            A       | -30
            B       |  -1
            C       | -60
            D       | -61
        """,
        expect="""
            feature               | A    | B | C  | D
            ----------------------+------+---+----+-----
            complaints_change_30d | -1/2 | 1 | -1 | null
        """,
    )


def test_order_days_before_and_after_the_last_complaint(spec: Spec) -> None:
    """A ordered on 3 of the 90 days before and on 2 of the 30 since: twice as often.

    The day of the complaint is the first after it. B complained yesterday, C so long ago that the
    90 days after are over, D has not ordered since, E ordered long ago only, F never complained.
    """
    spec(
        complaints="""
            account | opened
            --------+----------
            A       | -300
            A       |  -30 09:00
            B       |   -1 20:00
            C       | -200
            D       |  -30
            E       |  -30
        """,
        orders="""
            account | order | day        | amount
            --------+-------+------------+-------
            A       | a0    | -121 23:00 |  10.00
            A       | a1    | -120       |  10.00
            A       | a2    |  -60       |  10.00
            A       | a3    |  -31 23:00 |  10.00
            A       | a4    |  -30 08:00 |  10.00
            A       | a5    |  -10 10:00 |  10.00
            A       | a6    |  -10 15:00 |  10.00
            A       | r1    |   -5       | -10.00
            B       | b1    |  -20       |  10.00
            B       | b2    |  -10       |  10.00
            B       | b3    |   -1 08:00 |  10.00
            C       | c1    | -250       |  10.00
            C       | c2    | -150       |  10.00
            C       | c3    | -110       |  10.00
            D       | d1    |  -60       |  10.00
            E       | e1    | -121       |  10.00
            F       | f1    |  -10       |  10.00
        """,
        expect="""
            feature                           | A   | B     | C | D  | E    | F
            ----------------------------------+-----+-------+---+----+------+-----
            order_days_change_after_complaint | 1/3 | 88/92 | 0 | -1 | null | null
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
            feature                     | A    | B    | C
            ----------------------------+------+------+-----
            complaints_count_30d        | 1    | 2    | 0
            first_response_days_30d     | null | 2    | null
            complaints_unanswered       | null | 0    | 0
            oldest_unanswered_days      | null | null | null
            resolution_days_30d         | null | 12   | null
            resolved_late_share_30d     | null | 1    | null
            complaints_unresolved       | null | 1    | 0
            oldest_unresolved_days      | null | 12   | null
            unresolved_days_total       | null | 12   | 0
            unresolved_days_by_severity | null | 12   | 0
            complaints_overdue          | null | 1    | 0
            days_since_last_resolution  | null | null | null
            days_since_last_complaint   | 20   | 12   | null
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
