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
            order_days_ever        | 2      | 0    | 1     | 1
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


def test_margin_shares(spec: Spec) -> None:
    """A line without a margin says nothing of the share; what B sells loses, C records nothing.

    Returns take 12 of A's 40 back; the return without a margin takes back nothing known.
    """
    spec(
        orders="""
            account | order | day | amount | margin
            --------+-------+-----+--------+-------
            A       | a1    | -10 | 100.00 |  30.00
            A       | a2    |  -9 |  60.00 |  10.00
            A       | a3    |  -8 | 840.00 |
            A       | r1    |  -5 | -50.00 | -12.00
            A       | r2    |  -5 | -50.00 |
            B       | b1    | -10 | 100.00 | -20.00
            B       | r3    |  -5 | -10.00 |  -2.00
            C       | c1    | -60 | 100.00 |  25.00
            C       | c2    | -10 | 100.00 |
            C       | r4    |  -5 | -20.00 |  -5.00
        """,
        expect="""
            feature                   | A   | B    | C    | D
            --------------------------+-----+------+------+-----
            margin_share_30d          | 1/4 | -1/5 | null | null
            margin_share_90d          | 1/4 | -1/5 | 1/4  | null
            margin_returned_share_30d | 0.3 | null | null | null
            margin_returned_share_90d | 0.3 | null | 1/5  | null
        """,
    )


def test_the_largest_order_is_the_sum_of_its_lines_in_the_window(spec: Spec) -> None:
    """No line of o1 is as large as o2, but together they are, as long as both are inside."""
    spec(
        orders="""
            order | line | day | amount
            ------+------+-----+-------
            o1    | 1    | -40 |  30.00
            o1    | 2    | -20 |  30.00
            o2    | 1    | -10 |  40.00
            r1    | 1    |  -5 | -90.00
        """,
        expect="""
            feature                 | A   | B
            ------------------------+-----+-----
            largest_order_share_30d | 4/7 | null
            largest_order_share_90d | 0.6 | null
        """,
    )


def test_categories(spec: Spec) -> None:
    """Paper is lapsed for 30 days; C's orders of the last 30 days, and all of D's, name none."""
    spec(
        orders="""
            account | order | day  | category
            --------+-------+------+---------
            A       | a1    | -400 | lamps
            A       | a2    | -100 | tools
            A       | a3    |  -60 | paper
            A       | a4    |  -10 | tools
            A       | a5    |  -10 |
            C       | c1    |  -60 | tools
            C       | c2    |  -10 |
            D       | d1    |  -10 |
        """,
        expect="""
            feature               | A | B | C    | D
            ----------------------+---+---+------+-----
            categories_count_30d  | 1 | 0 | null | null
            categories_count_90d  | 2 | 0 | 1    | null
            categories_count_365d | 2 | 0 | 1    | null
            categories_lapsed_30d | 1 | 0 | 1    | null
            categories_lapsed_90d | 0 | 0 | 0    | null
        """,
    )


def test_category_concentration(spec: Spec) -> None:
    """A spends 60, 30 and 10 % on three categories; returns and lines without one do not count.

    B buys one category only, C's are a second too old, D names none.
    """
    spec(
        orders="""
            account | order | day           | amount | category
            --------+-------+---------------+--------+---------
            A       | a1    | -365          |  40.00 | tools
            A       | a2    |  -90          |  20.00 | tools
            A       | a3    |  -60          |  30.00 | paper
            A       | a4    |   -1          |  10.00 | lamps
            A       | a5    |   -1          | 900.00 |
            A       | r1    |   -1          | -60.00 | tools
            B       | b1    |   -9          |   5.00 | tools
            C       | c1    | -366 23:59:59 |   5.00 | tools
            D       | d1    |   -9          |   5.00 |
        """,
        expect="""
            feature                | A    | B | C    | D    | E
            -----------------------+------+---+------+------+-----
            category_concentration | 0.46 | 1 | null | null | null
        """,
    )


def test_change_on_last_year_compares_with_the_same_days_a_year_before(spec: Spec) -> None:
    """The older 30 days begin 395 days before, and the 365th day before is past their end.

    A buys twice as often; B stopped, and its history begins with the older days; C's begins a
    second later: too short. D has ordered in neither. E's order has lines in both.
    """
    spec(
        orders="""
            account | order | line | day           | amount
            --------+-------+------+---------------+-------
            A       | a1    | 1    | -700          |  10.00
            A       | a2    | 1    | -366 23:59:59 |  10.00
            A       | a3    | 1    | -365          |  99.00
            A       | a4    | 1    |  -30          |  10.00
            A       | a5    | 1    |   -1          |  20.00
            B       | b1    | 1    | -395          |  10.00
            C       | c1    | 1    | -395 00:00:01 |  10.00
            C       | c2    | 1    |   -5          |  10.00
            D       | d1    | 1    | -500          |  10.00
            D       | d2    | 1    | -200          |  10.00
            E       | e1    | 1    | -500          |  10.00
            E       | e2    | 1    | -380          |  10.00
            E       | e2    | 2    |  -10          |  30.00
        """,
        expect="""
            feature                        | A   | B  | C    | D    | E   | F
            -------------------------------+-----+----+------+------+-----+-----
            orders_change_on_last_year_30d | 1/3 | -1 | null | null | 0   | null
            spend_change_on_last_year_30d  | 1/2 | -1 | null | null | 1/2 | null
        """,
    )


def test_a_history_too_short_for_last_years_season_gets_one_from_an_order_known_late(
    spec: Spec,
) -> None:
    spec(
        orders="""
            order | day  | known
            ------+------+------
            o1    | -800 | 4
            o2    |  -10 |
        """,
        expect="""
            feature                         | day 0 | day 5
            --------------------------------+-------+------
            orders_change_on_last_year_30d  | null  | 1
            spend_change_on_last_year_180d  | null  | 1
        """,
    )


def test_price_change_compares_with_the_purchase_before(spec: Spec) -> None:
    """A's pens: 2.00 each, then 2.50, then 2.50; 75 is paid for what was 65 at the price before.

    B pays a tenth less for pens and more for desks; that desks are dear is no change of price.
    C bought nothing twice.
    """
    spec(
        orders="""
            account | order | day | amount | product | quantity
            --------+-------+-----+--------+---------+---------
            A       | a1    | -80 |  10.00 | pens    |  5
            A       | a2    | -50 |  50.00 | pens    | 20
            A       | a3    | -20 |  25.00 | pens    | 10
            B       | b1    | -60 | 100.00 | pens    | 50
            B       | b2    | -50 |  90.00 | pens    | 50
            B       | b3    | -20 | 300.00 | desks   |  1
            B       | b4    | -10 | 310.00 | desks   |  1
            C       | c1    | -60 |  10.00 | pens    |  5
            C       | c2    | -50 | 100.00 | desks   |  1
        """,
        expect="""
            feature           | A    | B    | C
            ------------------+------+------+-----
            price_change_90d  | 2/13 | 0    | null
            price_change_30d  | null | 1/30 | null
            price_change_365d | 2/13 | 0    | null
        """,
    )


def test_a_day_with_a_product_has_one_price(spec: Spec) -> None:
    """On the first day A pays 2.00 and 3.00, 2.50 in the mean; B pays two prices on one day only.

    What has no product, no quantity, or one of zero, has no price; a return is no purchase.
    """
    spec(
        orders="""
            account | order | day       | amount | product | quantity
            --------+-------+-----------+--------+---------+---------
            A       | a1    | -50 09:00 |  20.00 | pens    | 10
            A       | a2    | -50 17:00 |  30.00 | pens    | 10
            A       | a3    | -45       |  90.00 | pens    |
            A       | a4    | -44       |  90.00 | pens    |  0
            A       | a5    | -43       |  90.00 |         |  1
            A       | r1    | -42       | -20.00 | pens    |  1
            A       | a6    | -40       |  10.00 | pens    |  2.5
            B       | b1    | -40 09:00 |  20.00 | pens    | 10
            B       | b2    | -40 17:00 |  30.00 | pens    | 10
        """,
        expect="""
            feature          | A   | B
            -----------------+-----+-----
            price_change_90d | 0.6 | null
        """,
    )


def test_price_change_needs_both_days_in_the_window(spec: Spec) -> None:
    """The step from 31 to 30 days before has left, that from 30 to 29 has not."""
    spec(
        orders="""
            account | order | day           | amount | product | quantity
            --------+-------+---------------+--------+---------+---------
            A       | a1    | -31 23:59:59  |  10.00 | pens    | 1
            A       | a2    | -30           |  20.00 | pens    | 1
            B       | b1    | -30           |  20.00 | pens    | 1
            B       | b2    | -29           |  30.00 | pens    | 1
        """,
        expect="""
            feature          | A    | B
            -----------------+------+----
            price_change_30d | null | 1/2
            price_change_90d | 1    | 1/2
        """,
    )


def test_a_purchase_known_late_splits_a_price_step_and_a_withdrawn_one_joins_two(
    spec: Spec,
) -> None:
    """A's second purchase is known from day 4 on, B's is withdrawn then."""
    spec(
        orders="""
            account | order | line | day | known | amount | product | quantity | deleted
            --------+-------+------+-----+-------+--------+---------+----------+--------
            A       | a1    | 1    | -60 |       |   1.00 | pens    | 1        |
            A       | a2    | 1    | -50 |     4 |   3.00 | pens    | 1        |
            A       | a3    | 1    | -40 |       |   2.00 | pens    | 1        |
            B       | b1    | 1    | -60 |       |   1.00 | pens    | 1        |
            B       | b2    | 1    | -50 |       |   3.00 | pens    | 1        |
            B       | b2    | 1    | -50 |     4 |   3.00 | pens    | 1        | yes
            B       | b3    | 1    | -40 |       |   2.00 | pens    | 1        |
        """,
        expect="""
            feature          | day 0 | day 5 | B, day 0 | B, day 5
            -----------------+-------+-------+----------+---------
            price_change_90d | 1     | 1/4   | 1/4      | 1
        """,
    )


def test_many_pieces_have_a_price_too(spec: Spec) -> None:
    """A million screws after one, and one screw after a million."""
    spec(
        orders="""
            account | order | day | amount   | product | quantity
            --------+-------+-----+----------+---------+---------
            A       | a1    | -60 |     0.02 | screws  |       1
            A       | a2    | -50 | 10000.00 | screws  | 1000000
            B       | b1    | -60 | 10000.00 | screws  | 1000000
            B       | b2    | -50 |     0.02 | screws  |       1
        """,
        expect="""
            feature          | A    | B
            -----------------+------+--
            price_change_90d | -1/2 | 1
        """,
    )


def test_a_mistyped_quantity_spoils_no_answer_of_another_account(spec: Spec) -> None:
    """A's first pens were a millionth of a pen: nothing can be said of their price."""
    spec(
        orders="""
            account | order | day | amount   | product | quantity
            --------+-------+-----+----------+---------+---------
            A       | a1    | -60 | 10000.00 | pens    | 0.000001
            A       | a2    | -50 |   100.00 | pens    | 900000
            B       | b1    | -60 |     1.00 | pens    | 1
            B       | b2    | -50 |     2.00 | pens    | 1
        """,
        expect="""
            feature          | A    | B
            -----------------+------+--
            price_change_90d | null | 1
        """,
    )


def test_a_price_a_hundred_times_the_other_is_a_mistake(spec: Spec) -> None:
    """Up or down; 99 times is believed. D's pens are the mistake, its desks became dearer."""
    spec(
        orders="""
            account | order | day | amount | product | quantity
            --------+-------+-----+--------+---------+---------
            A       | a1    | -60 |   1.00 | pens    | 1
            A       | a2    | -50 | 100.00 | pens    | 1
            B       | b1    | -60 | 100.00 | pens    | 1
            B       | b2    | -50 |   1.00 | pens    | 1
            C       | c1    | -60 |   1.00 | pens    | 1
            C       | c2    | -50 |  99.00 | pens    | 1
            D       | d1    | -60 |   1.00 | pens    | 1
            D       | d2    | -50 |   1.00 | pens    | 100
            D       | d3    | -60 |  20.00 | desks   | 1
            D       | d4    | -50 |  30.00 | desks   | 1
        """,
        expect="""
            feature          | A    | B    | C  | D
            -----------------+------+------+----+----
            price_change_90d | null | null | 98 | 1/2
        """,
    )


def test_deliveries_late_and_overdue(spec: Spec) -> None:
    """Delivered exactly at the promised time is in time, a second later is late.

    What was promised before the snapshot and comes after it is late already, and overdue until it
    comes: e arrives on day 3, four days late. What is promised for later is not due yet; what was
    never promised cannot be late.
    """
    spec(
        orders="""
            order | day | promised  | delivered
            ------+-----+-----------+-------------
            a     | -40 | -20 12:00 | -20 12:00
            b     | -40 | -20 12:00 | -20 12:00:01
            c     | -40 | -20       | -25
            d     | -40 | -10       |
            e     | -40 |  -1       | 3
            f     | -40 |   0       |
            g     | -40 |   9       |
            h     | -40 |           | -5
        """,
        expect="""
            feature                   | day 0    | day 4        | B
            --------------------------+----------+--------------+-----
            late_deliveries_share_30d | 3/5      | 4/6          | null
            delivery_delay_mean_30d   | 1/259200 | 1 + 1/345600 | null
            deliveries_overdue        | 2        | 2            | 0
        """,
    )


def test_a_promise_counts_when_it_is_due_a_delivery_when_it_arrives(spec: Spec) -> None:
    """A's line was promised 40 days ago and came 10 days ago. B only sent something back."""
    spec(
        orders="""
            account | order | day | amount | promised | delivered
            --------+-------+-----+--------+----------+----------
            A       | o1    | -60 |  10.00 | -40      | -10
            B       | r1    | -60 | -10.00 | -40      |
        """,
        expect="""
            feature                   | A    | B
            --------------------------+------+-----
            late_deliveries_share_30d | null | null
            late_deliveries_share_90d | 1    | null
            delivery_delay_mean_30d   | 30   | null
            delivery_delay_mean_90d   | 30   | null
            deliveries_overdue        | 0    | 0
        """,
    )


def test_a_promise_that_slips_is_the_newest_one_that_we_knew(spec: Spec) -> None:
    """Promised for 20 days ago; five days ago the date was overwritten."""
    spec(
        orders="""
            order | line | day | known | promised
            ------+------+-----+-------+---------
            o1    | 1    | -60 |       | -20
            o1    | 1    | -60 |    -5 |   3
        """,
        expect="""
            feature                   | day -5 | day 0 | day 4
            --------------------------+--------+-------+------
            late_deliveries_share_30d | 1      | null  | 1
            deliveries_overdue        | 1      | 0     | 1
        """,
    )


def test_gaps_between_order_days(spec: Spec) -> None:
    """A orders 10, 20 and 40 days apart, B like a clockwork, C twice, D once.

    A gap lies in a window when both its days do: the day 30 days before is inside.
    """
    spec(
        orders="""
            account | order | day
            --------+-------+-----------
            A       | a1    | -100
            A       | a2    |  -90 08:00
            A       | a3    |  -90 23:00
            A       | a4    |  -70
            A       | a5    |  -30
            B       | b1    |  -31 23:59
            B       | b2    |  -30
            B       | b3    |  -29
            B       | b4    |  -28 15:00
            C       | c1    |  -20
            C       | c2    |   -4
            D       | d1    |   -4
        """,
        expect="""
            feature                   | A    | B | C    | D    | E
            --------------------------+------+---+------+------+-----
            order_gap_mean_30d        | null | 1 | 16   | null | null
            order_gap_mean_90d        | 30   | 1 | 16   | null | null
            order_gap_mean_365d       | 70/3 | 1 | 16   | null | null
            last_order_gap            | 40   | 1 | 16   | null | null
            last_order_gap_over_usual | 2    | 1 | 1    | null | null
        """,
    )


def test_variation_is_standard_deviation_over_mean_of_all_gaps(spec: Spec) -> None:
    """A's gaps of 10 and 30 days are 10 around a mean of 20, as long as the first is in the year.

    B orders like a clockwork; C has two order days, however many orders.
    """
    spec(
        orders="""
            account | order | day
            --------+-------+-----------
            A       | a1    | -366
            A       | a2    | -365
            A       | a3    | -355
            A       | a4    | -325
            B       | b1    |  -30
            B       | b2    |  -20 18:00
            B       | b3    |  -10 06:00
            C       | c1    |  -30
            C       | c2    |  -20 09:00
            C       | c3    |  -20 10:00
        """,
        expect="""
            feature             | day 0 | day 1 | B, day 0 | C, day 0 | D, day 0
            --------------------+-------+-------+----------+----------+---------
            order_gap_variation | 1/2   | null  | 0        | null     | null
            last_order_gap      | 30    | 30    | 10       | 10       | null
        """,
    )


def test_the_expected_gap_counts_two_gaps_of_45_days_in(spec: Spec) -> None:
    """A's two gaps of 30 days make (60 + 90) / 4. B has ordered once, C long ago, D never."""
    spec(
        orders="""
            account | order | day
            --------+-------+-----------
            A       | a1    | -100
            A       | a2    |  -70 06:00
            A       | a3    |  -40
            B       | b1    |  -10 12:00
            C       | c1    | -400
        """,
        expect="""
            feature                   | A         | B      | C    | D
            --------------------------+-----------+--------+------+-----
            expected_order_gap        | 37.5      | 45     | 45   | null
            silence_over_expected_gap | 40/37.5   | 9.5/45 | 80/9 | null
            next_order_lateness       | 2.5       | -35.5  | 355  | null
        """,
    )


def test_an_order_known_late_splits_a_gap_from_then_on(spec: Spec) -> None:
    """The order of 60 days ago becomes known on day 4."""
    spec(
        orders="""
            order | day  | known
            ------+------+------
            o1    | -100 |
            o2    |  -60 | 4
            o3    |  -40 |
        """,
        expect="""
            feature                   | day 0 | day 4 | day 5
            --------------------------+-------+-------+-------
            usual_order_gap           | 60    | 60    | 30
            order_gap_mean_180d       | 60    | 60    | 30
            order_gap_variation       | null  | null  | 1/3
            last_order_gap            | 60    | 60    | 20
            last_order_gap_over_usual | 1     | 1     | 2/3
            expected_order_gap        | 50    | 50    | 37.5
            silence_over_expected_gap | 0.8   | 0.88  | 1.2
            next_order_lateness       | -10   | -6    | 7.5
        """,
    )


def test_an_order_withdrawn_later_joins_two_gaps_again(spec: Spec) -> None:
    """A loses the order in the middle on day 4, B its last one, C one of two lines of a day."""
    spec(
        orders="""
            account | order | line | day  | known | deleted
            --------+-------+------+------+-------+--------
            A       | a1    | 1    | -100 |       |
            A       | a2    | 1    |  -60 |       |
            A       | a2    | 1    |  -60 | 4     | yes
            A       | a3    | 1    |  -40 |       |
            B       | b1    | 1    | -100 |       |
            B       | b2    | 1    |  -60 |       |
            B       | b3    | 1    |  -40 |       |
            B       | b3    | 1    |  -40 | 4     | yes
            C       | c1    | 1    | -100 |       |
            C       | c2    | 1    |  -60 |       |
            C       | c2    | 2    |  -60 |       |
            C       | c2    | 2    |  -60 | 4     | yes
        """,
        expect="""
            feature                | day 0 | day 5 | B, day 0 | B, day 5 | C, day 0 | C, day 5
            -----------------------+-------+-------+----------+----------+----------+---------
            last_order_gap         | 20    | 60    | 20       | 40       | 40       | 40
            order_gap_mean_365d    | 30    | 60    | 30       | 40       | 40       | 40
            usual_order_gap        | 30    | 60    | 30       | 40       | 40       | 40
            order_gap_variation    | 1/3   | null  | 1/3      | null     | null     | null
            silence_over_usual_gap | 4/3   | 0.75  | 4/3      | 65/40    | 1.5      | 65/40
            next_order_lateness    | 2.5   | -5    | 2.5      | 65/3     | 50/3     | 65/3
        """,
    )


def test_tiers_begin_where_what_the_larger_bring_reaches_80_and_95_percent(spec: Spec) -> None:
    """Before C comes exactly 80 %, before E exactly 95 %; D and E are equal and stand by name.

    F has ordered nothing within the year; G never, so it has no tier. Returns do not count.
    """
    spec(
        orders="""
            account | order | day           | amount | margin
            --------+-------+---------------+--------+-------
            A       | a1    | -365          |  30.00 |   3.00
            A       | a2    |   -9          |  20.00 |   2.00
            A       | r1    |   -8          | -49.00 |  -4.90
            B       | b1    |   -9          |  30.00 |   3.00
            C       | c1    |   -9          |  10.00 |   1.00
            D       | d1    |   -9          |   5.00 |   0.50
            E       | e1    |   -9          |   5.00 |   0.50
            F       | f1    | -366 23:59:59 |  99.00 |   9.90
        """,
        expect="""
            feature     | A | B | C | D | E | F | G
            ------------+---+---+---+---+---+---+-----
            spend_tier  | 1 | 1 | 2 | 2 | 3 | 3 | null
            margin_tier | 1 | 1 | 2 | 2 | 3 | 3 | null
        """,
    )


def test_a_tier_compares_with_accounts_that_nobody_asks_for(spec: Spec) -> None:
    spec(
        orders="""
            account | order | day | amount
            --------+-------+-----+-------
            A       | a1    | -9  |  90.00
            B       | b1    | -9  |  10.00
        """,
        expect="""
            feature    | B
            -----------+--
            spend_tier | 2
        """,
    )


def test_margin_tiers_are_not_spend_tiers(spec: Spec) -> None:
    """B buys most and loses money, which takes nothing from what the others bring.

    Nobody recorded C's margin; of A's, that of one line.
    """
    spec(
        orders="""
            account | order | day | amount | margin
            --------+-------+-----+--------+-------
            A       | a1    | -9  |   5.00 |   4.00
            A       | a2    | -9  |   5.00 |
            B       | b1    | -9  | 900.00 | -50.00
            C       | c1    | -9  |  80.00 |
            D       | d1    | -9  |  10.00 |   1.00
        """,
        expect="""
            feature     | A | B | C    | D
            ------------+---+---+------+--
            spend_tier  | 3 | 1 | 2    | 3
            margin_tier | 1 | 3 | null | 2
        """,
    )


def test_a_merged_account_counts_for_the_other_in_tiers(spec: Spec) -> None:
    """From day 4 on B is part of C, which then is as large as A."""
    spec(
        orders="""
            account | order | day | amount
            --------+-------+-----+-------
            A       | a1    | -9  |  50.00
            B       | b1    | -9  |  30.00
            C       | c1    | -9  |  20.00
        """,
        account_merges="""
            from | into | known
            -----+------+------
            B    | C    | 4
        """,
        expect="""
            feature    | day 0 | B, day 0 | C, day 0 | day 5 | B, day 5 | C, day 5
            -----------+-------+----------+----------+-------+----------+---------
            spend_tier | 1     | 1        | 2        | 1     | null     | 1
        """,
    )
