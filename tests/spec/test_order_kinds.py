"""What the lines of the orders count as: drawn lines, what is loaded of them, what follows.

Days count from day 0; see tests/support/drawn.py. Beside the drawn accounts there is a market whose
median gap is 20 days, so that whoever has ordered every 20 days has departed after 80.
"""

from __future__ import annotations

from pathlib import Path

import kinds
import pytest
from kinds import Source, said

from pipeline.errors import ConfigError, DataError


@pytest.fixture
def judge(tmp_path: Path):
    """Load drawn orders beside the market; compare what is seen, and what `validate` says.

    beside: the kind of the market's lines.
    """
    opened: list[Source] = []

    def judging(*, orders: str, expect: str, says: str, beside: str = "", **rules: object) -> None:
        lines = kinds.rows(orders) + kinds.market(beside)
        source = Source(tmp_path, lines, **({"orders": rules} if rules else {}))
        opened.append(source)
        report = source.load().report
        assert said(report) == [line.strip() for line in says.splitlines() if line.strip()]
        kinds.check(source.engine, expect)

    yield judging
    for source in opened:
        source.engine.__exit__(None, None, None)


# --- call-offs ---------------------------------------------------------------------------------

FRAME = """
    account | order | kind     | day  | promised | amount
    K       | frame | call_off | -110 | -105     | 100
    K       | frame | call_off | -110 | -75      | 100
    K       | frame | call_off | -110 | -45      | 100
    K       | frame | call_off | -110 | -15      | 100
    K       | frame | call_off | -110 | 15       | 100
    """


def test_call_offs_are_order_days_on_the_day_for_which_they_are_promised(judge) -> None:
    """A frame order of one day, delivered every 30 days: the account orders every 30 days.

    What is promised for later is no order yet. The call-offs of each day are an order of their own,
    so that they are no bulk order.
    """
    judge(
        orders=FRAME,
        call_offs_at="promised_at",
        says="note: 5 rows of kind call_off: counted on the day for which they are promised",
        expect="""
        account | at  | last | state    | orders_count_365d | largest_order_share_365d | spend_365d
        K       | -50 | -75  | active   | 2                 | 1/2                      | 200
        K       | 0   | -15  | active   | 4                 | 1/4                      | 400
        K       | 16  | 15   | active   | 5                 | 1/5                      | 500
        K       | 200 | 15   | departed | 5                 | 1/5                      | 500
        """,
    )


def test_call_offs_are_order_days_on_their_own_day_unless_the_config_says_otherwise(judge) -> None:
    judge(
        orders=FRAME,
        says="note: 5 rows of kind call_off: counted on the day of occurred_at",
        expect="""
        account | last | state    | orders_count_365d | spend_365d
        K       | -110 | departed | 1                 | 500
        """,
    )


def test_a_call_off_without_a_later_promise_stays_on_its_day(judge) -> None:
    """No promise, one before the order, and 9999 for "open": none is a day to count on."""
    judge(
        orders="""
        account | order | kind     | day | promised | amount
        K       | a     | call_off | -50 |          | 100
        K       | b     | call_off | -40 | -45      | 100
        K       | c     | call_off | -30 | 2900000  | 100
        K       | d     | call_off | -20 | -10      | 100
        """,
        call_offs_at="promised_at",
        says="""
        note: 1 row of kind call_off: counted on the day for which they are promised
        note: 3 rows of kind call_off: counted on the day of occurred_at
        """,
        expect="""
        account | at  | last | order_days_count_365d
        K       | -35 | -40  | 2
        K       | -15 | -30  | 3
        K       | 0   | -10  | 4
        """,
    )


def test_a_call_off_that_is_withdrawn_was_an_order_until_then(judge) -> None:
    judge(
        orders="""
        account | order | line | kind     | day | known | promised | amount | deleted
        K       | f     | 1    | call_off | -90 | -90   | -60      | 100    | no
        K       | f     | 2    | call_off | -90 | -90   | -30      | 100    | no
        K       | f     | 2    | call_off | -90 | -10   | -30      | 100    | yes
        """,
        call_offs_at="promised_at",
        says="note: 2 rows of kind call_off: counted on the day for which they are promised",
        expect="""
        account | at  | last
        K       | -20 | -30
        K       | 0   | -60
        """,
    )


# --- invoices ----------------------------------------------------------------------------------


def test_the_invoices_of_an_order_are_no_orders_and_no_money(judge) -> None:
    """One order, billed in two parts: an order day, and its money once."""
    judge(
        orders="""
        account | order | line | kind    | day | amount
        K       | o     | 1    | order   | -90 | 100
        K       | o     | 2    | invoice | -60 | 70
        K       | o     | 3    | invoice | -5  | 30
        """,
        says="note: 2 rows of kind invoice: not counted, as they bill the order of their order_id",
        expect="""
        account | last | state    | orders_count_365d | order_lines_count_365d | spend_365d
        K       | -90  | departed | 1                 | 1                      | 100
        """,
    )


def test_where_there_are_only_invoices_they_are_the_orders(judge) -> None:
    """A history of invoices, before a system that records orders: nothing is lost or warned of.

    The ids begin again at 1, and an order is not of an older invoice.
    """
    judge(
        orders="""
        account | order | kind    | day  | amount
        K       | 1     | invoice | -900 | 100
        K       | 2     | invoice | -880 | 100
        K       | 1     | order   | -20  | 100
        """,
        says="""
        note: 2 rows of kind invoice: counted as orders, as no order has their order_id
        """,
        expect="""
        account | at   | last | spend_365d
        K       | -870 | -880 | 200
        K       | 0    | -20  | 100
        """,
    )


def test_invoices_beside_orders_under_ids_of_their_own_are_warned_of(judge, tmp_path) -> None:
    """Nobody can tell whether these invoices bill the orders; the config can."""
    orders = """
        account | order | kind    | day | amount
        K       | o1    | order   | -90 | 100
        K       | i1    | invoice | -60 | 100
        """
    judge(
        orders=orders,
        says="warning: 1 row of kind invoice: counted as orders, as no order has their order_id, "
        "1 of them beside orders",
        expect="""
        account | last | spend_365d
        K       | -60  | 200
        """,
    )
    judge(
        orders=orders,
        invoices="never",
        says="note: 1 row of kind invoice: not counted (`orders.invoices: never`)",
        expect="""
        account | last | spend_365d
        K       | -90  | 100
        """,
    )


def test_an_invoice_counts_until_its_order_is_known(judge) -> None:
    """The order was entered late: what was known in between is not rewritten.

    Withdrawing the order does not make its invoice an order again.
    """
    judge(
        orders="""
        account | order | line | kind    | day | known | amount | deleted
        K       | o     | 1    | order   | -50 | -20   | 100    | no
        K       | o     | 1    | order   | -50 | -10   | 100    | yes
        K       | o     | 2    | invoice | -40 | -40   | 100    | no
        """,
        says="note: 1 row of kind invoice: not counted, as they bill the order of their order_id",
        expect="""
        account | at  | last | spend_365d
        K       | -30 | -40  | 100
        K       | -15 | -50  | 100
        K       | 0   |      | 0
        """,
    )


def test_an_invoice_of_an_order_does_not_undo_a_departure(judge) -> None:
    """The last order is from day -100; what was billed on day -30 is not another."""
    orders = "account | order | kind | day | amount\n"
    orders += "".join(f"K | o{n} | order | {n} | 100\n" for n in range(-300, -99, 20))
    judge(
        orders=orders + "K | o-100 | invoice | -30 | 100\n",
        says="note: 1 row of kind invoice: not counted, as they bill the order of their order_id",
        expect="""
        account | at  | last | due | state
        K       | -30 | -100 | -80 | active
        K       | -20 | -100 | -80 | departed
        """,
    )


# --- no decision of the account ----------------------------------------------------------------


def test_bonuses_renewals_and_samples_are_no_orders_and_no_money(judge) -> None:
    """An account that stopped ordering is silent, whatever is booked on it of itself."""
    judge(
        orders="""
        account | order | kind    | day  | amount | margin
        K       | o     | order   | -100 | 100    | 30
        K       | w     | renewal | -30  | 250    | 200
        K       | b     | bonus   | -20  | -40    | -40
        K       | s     | sample  | -10  | 0      | -5
        """,
        says="""
        note: 1 row of kind bonus: not counted, as no decision of the account (-40.00 in all)
        note: 1 row of kind renewal: not counted, as no decision of the account (250.00 in all)
        note: 1 row of kind sample: not counted, as no decision of the account (0.00 in all)
        """,
        expect="""
        account | last | state    | spend_365d | margin_365d | return_lines_count_365d
        K       | -100 | departed | 100        | 30          | 0
        """,
    )


def test_the_invoice_of_a_renewal_is_no_order_either(judge) -> None:
    judge(
        orders="""
        account | order | kind    | day | amount
        K       | o     | order   | -90 | 100
        K       | w     | renewal | -30 | 250
        K       | w     | invoice | -20 | 250
        """,
        says="""
        note: 1 row of kind invoice: not counted, as they bill the order of their order_id
        note: 1 row of kind renewal: not counted, as no decision of the account (250.00 in all)
        """,
        expect="""
        account | last | spend_365d
        K       | -90  | 100
        """,
    )


def test_an_order_found_to_be_a_renewal_counts_until_that_is_known(judge) -> None:
    judge(
        orders="""
        account | order | line | kind    | day | known | amount
        K       | o     | 1    | order   | -90 | -90   | 100
        K       | p     | 1    | order   | -50 | -50   | 100
        K       | p     | 1    | renewal | -50 | -20   | 100
        """,
        says="note: 1 row of kind renewal: not counted, as no decision of the account (100.00 in "
        "all)",
        expect="""
        account | at  | last | spend_365d
        K       | -30 | -50  | 200
        K       | 0   | -90  | 100
        """,
    )


def test_a_credit_is_a_return_without_goods(judge) -> None:
    judge(
        orders="""
        account | order | kind   | day | amount
        K       | o     | order  | -90 | 100
        K       | c     | credit | -20 | -10
        K       | d     | credit | -10 | 15
        """,
        says="note: 1 row of kind credit: a positive amount is taken as negative",
        expect="""
        account | last | spend_365d | returns_share_365d
        K       | -90  | 100        | 1/4
        """,
    )


# --- cancelled ---------------------------------------------------------------------------------


def test_a_cancelled_order_counts_until_the_cancellation_is_known(judge) -> None:
    """It was cancelled on day -20: a list of day -30 saw it, a list of today does not.

    Day -30: (5 x 20 + 70 + 40) / 8 = 26.25 days, so the next order was due on day -24.
    """
    expect = """
        account | at  | last | due | state    | spend_365d
        K       | -30 | -50  | -24 | active   | 700
        K       | 0   | -120 | -100 | departed | 600
        """
    begin = "".join(f"K | o{n} | order | {n} | | 100\n" for n in range(-220, -119, 20))
    judge(
        orders="account | order | kind | day | cancelled | amount\n"
        + begin
        + "K | p | cancelled | -50 | -20 | 100",
        says="note: 1 row with cancelled_at: counted until then",
        expect=expect,
    )
    versions = "account | order | line | kind | day | known | amount\n"
    versions += "".join(f"K | o{n} | 1 | order | {n} | {n} | 100\n" for n in range(-220, -119, 20))
    judge(
        orders=versions
        + "K | p | 1 | order | -50 | -50 | 100\nK | p | 1 | cancelled | -50 | -20 | 100",
        says="note: 1 row of kind cancelled: the line is counted until known_at",
        expect=expect,
    )


def test_cancelled_at_needs_no_kinds_and_can_be_taken_back(judge) -> None:
    """A line that was cancelled before it was known never counts."""
    judge(
        orders="""
        account | order | line | day | known | cancelled | amount
        K       | a     | 1    | -90 | -90   |           | 100
        K       | b     | 1    | -80 | -80   |           | 100
        K       | b     | 1    | -80 | -60   | -62       | 100
        K       | b     | 1    | -80 | -40   |           | 100
        K       | c     | 1    | -30 | -25   | -28       | 100
        """,
        says="note: 2 rows with cancelled_at: counted until then",
        expect="""
        account | at  | last
        K       | -70 | -80
        K       | -50 | -90
        K       | 0   | -80
        """,
    )


def test_a_status_without_a_time_is_warned_of(judge) -> None:
    """Nobody knows when it was cancelled: it never counts, which the past did not know."""
    judge(
        orders="""
        account | order | kind      | day | cancelled | amount
        K       | a     | order     | -90 |           | 100
        K       | b     | cancelled | -50 |           | 100
        """,
        says="warning: 1 row of kind cancelled: never counted, as nothing says when they were "
        "cancelled",
        expect="""
        account | at  | last
        K       | -40 | -90
        K       | 0   | -90
        """,
    )


# --- a credit and its rebooking ----------------------------------------------------------------


def test_a_credit_with_its_rebooking_cancels_out(judge) -> None:
    """The invoice had a wrong address. The account did not order, and no goods came back."""
    judge(
        orders="""
        account | order | kind    | day | amount
        K       | i1    | invoice | -90 | 100
        K       | c1    | credit  | -10 | -100
        K       | i2    | invoice | -10 | 100
        """,
        beside="invoice",
        says="""
        note: 1 row of kind credit: cancelled out with an invoice that books the amount again on \
the same day
        note: 166 rows of kind invoice: counted as orders, as no order has their order_id
        """,
        expect="""
        account | at | last | state    | orders_count_365d | spend_365d | returns_share_365d
        K       | 0  | -90  | departed | 1                 | 100        | 0
        """,
    )


def test_a_credit_alone_or_of_another_amount_is_none_with_a_rebooking(judge) -> None:
    """a: another amount; b: another day; c: nothing was booked before that is booked again."""
    judge(
        orders="""
        account | order | kind    | day | amount
        a       | a1    | invoice | -90 | 100
        a       | a2    | credit  | -10 | -100
        a       | a3    | invoice | -10 | 90
        b       | b1    | invoice | -90 | 100
        b       | b2    | credit  | -10 | -100
        b       | b3    | invoice | -9  | 100
        c       | c2    | credit  | -10 | -100
        c       | c3    | invoice | -10 | 100
        """,
        beside="invoice",
        says="note: 170 rows of kind invoice: counted as orders, as no order has their order_id",
        expect="""
        account | last | spend_365d | return_lines_count_365d
        a       | -10  | 190        | 1
        b       | -9   | 200        | 1
        c       | -10  | 100        | 1
        """,
    )


def test_of_two_invoices_beside_a_credit_one_is_an_order(judge) -> None:
    """The second of day -10 is a new order that costs the same; three credits cancel no more."""
    judge(
        orders="""
        account | order | kind    | day | amount
        K       | i1    | invoice | -90 | 100
        K       | c1    | credit  | -10 | -100
        K       | i2    | invoice | -10 | 100
        K       | i3    | invoice | -10 | 100
        """,
        beside="invoice",
        says="""
        note: 1 row of kind credit: cancelled out with an invoice that books the amount again on \
the same day
        note: 167 rows of kind invoice: counted as orders, as no order has their order_id
        """,
        expect="""
        account | last | orders_count_365d | spend_365d | return_lines_count_365d
        K       | -10  | 2                 | 200        | 0
        """,
    )


def test_both_count_until_both_are_known_and_when_one_changes(judge) -> None:
    """The credit is known on day -9, the invoice on day -7, another amount of it on day -3."""
    judge(
        orders="""
        account | order | line | kind    | day | known | amount
        K       | i1    | 1    | invoice | -90 | -90   | 100
        K       | c1    | 1    | credit  | -10 | -9    | -100
        K       | i2    | 1    | invoice | -10 | -7    | 100
        K       | i2    | 1    | invoice | -10 | -3    | 120
        """,
        beside="invoice",
        says="""
        note: 1 row of kind credit: cancelled out with an invoice that books the amount again on \
the same day
        note: 167 rows of kind invoice: counted as orders, as no order has their order_id
        """,
        expect="""
        account | at | last | spend_365d | return_lines_count_365d
        K       | -9 | -90  | 100        | 0
        K       | -8 | -90  | 100        | 1
        K       | -5 | -90  | 100        | 0
        K       | 0  | -10  | 220        | 1
        """,
    )


def test_the_rebooked_invoice_of_an_order_takes_its_credit_along(judge) -> None:
    """The order has its money once, though the second invoice does not count in any case."""
    judge(
        orders="""
        account | order | line | kind    | day | amount
        K       | o     | 1    | order   | -90 | 100
        K       | o     | 2    | invoice | -80 | 100
        K       | c     | 1    | credit  | -10 | -100
        K       | o     | 3    | invoice | -10 | 100
        """,
        says="""
        note: 1 row of kind credit: cancelled out with an invoice that books the amount again on \
the same day
        note: 1 row of kind invoice: not counted, as they bill the order of their order_id
        """,
        expect="""
        account | last | spend_365d | return_lines_count_365d
        K       | -90  | 100        | 0
        """,
    )


# --- words, signs, mistakes --------------------------------------------------------------------


def test_the_config_says_what_the_words_of_the_source_mean(judge) -> None:
    """Capitals and blanks around do not matter. An empty cell is an order, or a return."""
    judge(
        orders="""
        account | order | kind  | day | amount
        K       | o1    | ZOR   | -90 | 100
        K       | o1    | zre   | -80 | 100
        K       | o1    | Retour | -70 | -10
        K       | o2    |       | -60 | 50
        K       | o2    |       | -50 | -20
        K       | o3    | order | -40 | 7
        """,
        kinds={"zor": "order", "ZRE": "invoice", "Retour": "return"},
        says="note: 1 row of kind invoice: not counted, as they bill the order of their order_id",
        expect="""
        account | last | spend_365d | return_lines_count_365d | returns_share_365d
        K       | -40  | 157        | 2                       | 30/157
        """,
    )


def test_a_return_is_negative_whatever_its_sign(judge) -> None:
    judge(
        orders="""
        account | order | kind   | day | amount | margin
        K       | o     | order  | -90 | 100    | 40
        K       | r     | return | -80 | 25     | 10
        """,
        says="note: 1 row of kind return: a positive amount is taken as negative",
        expect="""
        account | last | spend_365d | returns_share_365d | margin_returned_share_365d
        K       | -90  | 100        | 1/4                | 1/4
        """,
    )


def test_a_row_of_an_unknown_kind_is_set_aside(judge) -> None:
    judge(
        orders="""
        account | order | kind     | day | amount
        K       | o     | order    | -90 | 100
        K       | p     | Proforma | -80 | 100
        """,
        says="warning: 1 row quarantined: not one of order, call_off, invoice, return, "
        "credit, bonus, renewal, sample, cancelled",
        expect="""
        account | last | spend_365d
        K       | -90  | 100
        """,
    )


@pytest.mark.parametrize(
    ("header", "rules", "error"),
    [
        ("order", {"kinds": {"ZOR": "order"}}, "`orders.kinds`, but the source has no order_kind"),
        ("order", {"invoices": "never"}, "`orders.invoices`, but the source has no order_kind"),
        ("kind", {"call_offs_at": "promised_at"}, "but the source has no promised_at"),
    ],
)
def test_rules_for_columns_that_are_not_there_are_refused(tmp_path, header, rules, error) -> None:
    lines = kinds.rows(f"account | {header} | day | amount\nK | order | -9 | 100")
    source = Source(tmp_path, lines, orders=rules)
    with source.engine, pytest.raises(DataError, match=error):
        source.load()


def test_words_of_the_config_that_cannot_be_told_apart_are_refused(tmp_path) -> None:
    lines = kinds.rows("account | kind | day | amount\nK | order | -9 | 100")
    with pytest.raises(ConfigError, match="two words differ only in capitals or blanks"):
        Source(tmp_path, lines, orders={"kinds": {"ZOR": "order", "zor": "invoice"}})
    with pytest.raises(ConfigError, match="order kind"):
        Source(tmp_path, lines, orders={"kinds": {"ZOR": "orders"}})
