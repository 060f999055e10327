"""What each feature of `order_history` says, drawn.

Day 0 is the snapshot, `-30` the midnight 30 days before it. Amounts are in units of the currency.
"""

from __future__ import annotations

from drawn import Spec


def test_orders_lines_days_and_money(spec: Spec) -> None:
    """Two orders on two days; one of them has two lines. B has never ordered anything."""
    spec(
        orders="""
            order | line | day       | amount | margin | product
            ------+------+-----------+--------+--------+--------
            o1    | 1    | -10 09:00 | 100.00 |  30.00 | chairs
            o1    | 2    | -10 09:00 |  49.50 |  10.25 | desks
            o2    | 1    |  -5 16:30 |  30.50 |  -0.25 | chairs
        """,
        expect="""
            feature                | A   | B
            -----------------------+-----+-----
            orders_count_30d       | 2   | 0
            order_days_count_30d   | 2   | 0
            order_lines_count_30d  | 3   | 0
            spend_30d              | 180 | 0
            margin_30d             | 40  | 0
            order_value_mean_30d   | 90  | null
            products_count_30d     | 2   | 0
            return_lines_count_30d | 0   | 0
            returns_share_30d      | 0   | null
        """,
    )


def test_several_orders_on_one_day_are_one_order_day(spec: Spec) -> None:
    spec(
        orders="""
            order | day       | amount
            ------+-----------+-------
            o1    | -10 09:00 |  10.00
            o2    | -10 09:00 |  10.00
            o3    | -10 23:59 |  10.00
        """,
        expect="""
            feature              | A
            ---------------------+--
            orders_count_30d     | 3
            order_days_count_30d | 1
        """,
    )


def test_returns_and_free_goods_are_no_orders(spec: Spec) -> None:
    """A return takes nothing away from orders, spend or margin; a free sample is no order line."""
    spec(
        orders="""
            order | day       | amount | margin | product
            ------+-----------+--------+--------+--------
            o1    | -20       | 200.00 |  50.00 | desks
            r1    | -12 12:00 | -50.00 | -10.00 | desks
            r1    | -12 12:00 | -30.00 |  -5.00 | lamps
            o2    |  -3       |   0.00 |  -2.00 | samples
        """,
        expect="""
            feature                | A
            -----------------------+-----
            orders_count_30d       | 1
            order_days_count_30d   | 1
            order_lines_count_30d  | 1
            spend_30d              | 200
            margin_30d             | 50
            products_count_30d     | 1
            return_lines_count_30d | 2
            returns_share_30d      | 0.4
            days_since_last_order  | 20
            days_since_last_return | 11.5
        """,
    )


def test_an_account_that_only_returns_has_no_share_of_returns(spec: Spec) -> None:
    """What was ordered before the window does not count in it."""
    spec(
        orders="""
            order | day | amount
            ------+-----+--------
            o1    | -60 |  200.00
            r1    | -10 | -200.00
        """,
        expect="""
            feature           | A
            ------------------+-----
            returns_share_30d | null
            returns_share_90d | 1
        """,
    )


def test_an_unknown_margin_adds_nothing_and_an_unnamed_product_is_none(spec: Spec) -> None:
    spec(
        orders="""
            order | day | amount | margin | product
            ------+-----+--------+--------+--------
            o1    | -10 |  80.00 |        |
            o2    |  -9 |  20.00 |   5.00 | chairs
        """,
        expect="""
            feature            | A
            -------------------+----
            spend_30d          | 100
            margin_30d         | 5
            products_count_30d | 1
        """,
    )


def test_windows_include_their_first_moment(spec: Spec) -> None:
    """Exactly 30, 90, 180, 365 days before is inside; a second more is not."""
    spec(
        orders="""
            order | day           | amount | product
            ------+---------------+--------+--------
            o1    |   -1 23:59:59 |   1.00 | a
            o2    |  -30          |   2.00 | b
            o3    |  -31 23:59:59 |   4.00 | c
            o4    |  -90          |   8.00 | d
            o5    |  -91 23:59:59 |  16.00 | e
            o6    | -180          |  32.00 | f
            o7    | -181 23:59:59 |  64.00 | g
            o8    | -365          | 128.00 | h
            o9    | -366 23:59:59 | 256.00 | i
        """,
        expect="""
            feature                | A
            -----------------------+--------------
            orders_count_30d       | 2
            orders_count_90d       | 4
            orders_count_180d      | 6
            orders_count_365d      | 8
            spend_30d              | 3
            spend_90d              | 15
            spend_180d             | 63
            spend_365d             | 255
            products_count_180d    | 6
            days_since_first_order | 365 + 1/86400
        """,
    )


def test_products_lapsed(spec: Spec) -> None:
    """Chairs were ordered again, lamps long ago, desks and shelves are lapsed for 90 days."""
    spec(
        orders="""
            order | day  | product
            ------+------+--------
            o1    | -400 | lamps
            o2    | -200 | chairs
            o3    | -200 | desks
            o4    | -100 | shelves
            o5    |  -40 | chairs
        """,
        expect="""
            feature              | A | B
            ---------------------+---+--
            products_count_365d  | 3 | 0
            products_lapsed_30d  | 3 | 0
            products_lapsed_90d  | 2 | 0
            products_lapsed_180d | 1 | 0
        """,
    )


def test_change_compares_a_window_with_the_one_before(spec: Spec) -> None:
    """A slows down, B starts, C stops, D is level, E did nothing in either window."""
    spec(
        orders="""
            account | order | day | amount
            --------+-------+-----+-------
            A       | a1    | -60 |  10.00
            A       | a2    | -50 |  10.00
            A       | a3    | -31 |  10.00
            A       | a4    | -30 |  10.00
            B       | b1    | -29 |  10.00
            C       | c1    | -31 |  10.00
            D       | d1    | -45 |  10.00
            D       | d2    | -15 |  30.00
            E       | e1    | -61 |  10.00
        """,
        expect="""
            feature           | A    | B | C  | D   | E
            ------------------+------+---+----+-----+-----
            orders_change_30d | -1/2 | 1 | -1 | 0   | null
            spend_change_30d  | -1/2 | 1 | -1 | 1/2 | null
        """,
    )


def test_an_order_with_lines_in_both_windows_is_an_order_of_the_last(spec: Spec) -> None:
    spec(
        orders="""
            order | line | day | amount
            ------+------+-----+-------
            o1    | 1    | -40 |  10.00
            o1    | 2    | -20 |  10.00
        """,
        expect="""
            feature           | A
            ------------------+--
            orders_count_30d  | 1
            orders_count_90d  | 1
            orders_change_30d | 1
            spend_change_30d  | 0
        """,
    )


def test_days_since_the_first_and_the_last(spec: Spec) -> None:
    """However long ago; B has only returned goods, C has only ordered, D is new."""
    spec(
        orders="""
            account | order | day           | amount
            --------+-------+---------------+-------
            A       | o1    | -900          |  10.00
            A       | o2    | -400 06:00    |  10.00
            A       | r1    | -399          | -10.00
            B       | r2    |   -7          | -10.00
            C       | o3    |  -12 18:00    |  10.00
            D       | o4    |   -1 23:59:59 |  10.00
        """,
        expect="""
            feature                | A      | B    | C     | D
            -----------------------+--------+------+-------+--------
            days_since_last_order  | 399.75 | null | 11.25 | 1/86400
            days_since_first_order | 900    | null | 11.25 | 1/86400
            days_since_last_return | 399    | 7    | null  | null
        """,
    )


def test_rhythm_is_the_median_gap_between_order_days(spec: Spec) -> None:
    """A orders 10, 20 and 40 days apart and has been silent for 30.

    Neither hours matter, nor when we knew. B has two order days only, C one, D two of which one
    is too old to count.
    """
    spec(
        orders="""
            account | order | day        | known
            --------+-------+------------+------
            A       | a1    | -100       |
            A       | a2    |  -90 23:00 |
            A       | a3    |  -90 08:00 | -70
            A       | a4    |  -70       |
            A       | a5    |  -30       | -20
            B       | b1    | -365       |
            B       | b2    | -360 12:00 |
            C       | c1    |   -5       |
            C       | c2    |   -5 17:00 |
            D       | d1    | -366       |
            D       | d2    |   -3       |
        """,
        expect="""
            feature                | A   | B       | C    | D    | E
            -----------------------+-----+---------+------+------+-----
            usual_order_gap        | 20  | 5       | null | null | null
            silence_over_usual_gap | 1.5 | 359.5/5 | null | null | null
        """,
    )


def test_what_no_line_records_is_unknown_not_zero(spec: Spec) -> None:
    """The last 30 days record neither margin nor product; the 60 days before them do."""
    spec(
        orders="""
            order | day | amount | margin | product
            ------+-----+--------+--------+--------
            o1    | -60 |  20.00 |   5.00 | chairs
            o2    | -10 |  80.00 |        |
        """,
        expect="""
            feature             | A    | B
            --------------------+------+--
            margin_30d          | null | 0
            margin_90d          | 5    | 0
            products_count_30d  | null | 0
            products_count_90d  | 1    | 0
            products_lapsed_30d | 1    | 0
        """,
    )
    spec(
        orders="""
            order | day | amount
            ------+-----+-------
            o1    | -60 |  20.00
        """,
        expect="""
            feature             | A
            --------------------+-----
            products_lapsed_30d | null
        """,
    )
