"""What `validate` finds odd in exports that can be read, and what it leaves alone.

Each example is a small project. An odd one has exactly the warnings whose words it names; a plain
one has none. Warnings name the rows, and the advice says what to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from features.contract import TABLES
from pipeline.commands import run_validate
from pipeline.config import load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import CheckFailed
from pipeline.sources import load_sources
from pipeline.sources.findings import Severity
from pipeline.sources.validation import validate

HEAD = "account_id,order_id,occurred_at,amount"
PLAIN = ("K100,R1,2025-01-15,100.50", "K100,R2,2025-02-15,80.00", "K200,R3,2025-02-20,12.00")
COMPLAINTS = "complaint_id,account_id,opened_at"
TOUCHES = "account_id,contact_id,rep_id,occurred_at"


@dataclass(frozen=True)
class Example:
    """A project. says: words of its warnings, one text for each; none: it is plain.

    options: of the orders in the config. more: further lines of the config.
    """

    name: str
    files: dict[str, str]
    says: tuple[tuple[str, ...], ...] = ()
    options: str = ""
    more: str = "currency: EUR"
    path: str = "orders.csv"


def text(head: str, *rows: str) -> str:
    """A CSV file."""
    return "\n".join((head, *rows)) + "\n"


def odd(name: str, *words: str, orders: tuple[str, ...] = PLAIN, **more: object) -> Example:
    """An example with one warning, which has all these words."""
    return drawn(name, (words,), orders, **more)


def plain(name: str, orders: tuple[str, ...] = PLAIN, **more: object) -> Example:
    """An example without any warning."""
    return drawn(name, (), orders, **more)


def drawn(name, says, orders, *, head=HEAD, options="", config="currency: EUR", path="orders.csv",
          **files) -> Example:  # fmt: skip
    """files: further tables by name, each a tuple of lines, the header first."""
    contents = {f"{table}.csv": text(*lines) for table, lines in files.items()}
    if isinstance(orders, dict):
        contents |= {f"{path}/{file}": text(head, *rows) for file, rows in orders.items()}
    else:
        contents["orders.csv"] = text(head, *orders)
    return Example(name, contents, says, options, config, path)


def monthly(account: str, months: int, amount: Callable[[int], str], order: str = "R") -> list[str]:
    """An order of an account on the tenth of each month."""
    return [
        f"{account},{order}{account}{i},{2023 + i // 12}-{i % 12 + 1:02d}-10,{amount(i)}"
        for i in range(months)
    ]


def many_accounts(count: int, lines: int = 3) -> list[str]:
    """Lines of as many accounts."""
    return [
        row for i in range(count) for row in monthly(f"C{i:03d}", lines, lambda n: f"{n + 9}.5")
    ]


def cash(lines: int, account: str = "9999") -> tuple[str, ...]:
    """Sixty accounts, and one with as many lines more."""
    start = date(2024, 1, 1)
    extra = [
        f"{account},X{i},{start + timedelta(days=i % 300)},{i % 7 + 3}.25" for i in range(lines)
    ]
    return (*many_accounts(60), *extra)


def booked(order: str, invoice: str, late: int = 3, count: int = 8) -> tuple[str, ...]:
    """Sales that are in the file as an order and as an invoice, some days later."""
    rows = []
    for i in range(count):
        day, account, cents = date(2024, 3, 1) + timedelta(days=9 * i), f"K{i % 3}", 1000 + 137 * i
        rows.append(f"{account},{order.format(i)},{day},{cents / 100:.2f}")
        rows.append(f"{account},{invoice.format(i)},{day + timedelta(days=late)},{cents / 100:.2f}")
    return tuple(rows)


def complaints(*accounts: str) -> tuple[str, ...]:
    """A complaint of each account."""
    return (COMPLAINTS, *(f"C{i},{a},2025-02-0{i % 9 + 1}" for i, a in enumerate(accounts)))


def touches(*accounts: str) -> tuple[str, ...]:
    """A touch with each account."""
    return (TOUCHES, *(f"{a},P{i},V1,2025-02-1{i % 9}" for i, a in enumerate(accounts)))


def ids(*accounts: str) -> tuple[str, ...]:
    """An order of each account, of different amounts that are no sums of others."""
    return tuple(
        f"{a},R{i},2025-01-{i % 28 + 1:02d},{7 + 3 * i}.50" for i, a in enumerate(accounts)
    )


UK = ("K1,R1,13/02/2025,100.00", "K1,R2,03/02/2025,80.00")
US = ("K9,U1,02/13/2025,55.00", "K9,U2,03/02/2025,45.00")
BOTH = ', datetime_format: ["%d/%m/%Y", "%m/%d/%Y"]'
SALESFORCE = ("0015g00000AbCdEAAV", "0015g00000AbCdeAAF", "0015g00000XyZwVAAA")
SHORT = tuple(each[:15] for each in SALESFORCE)
REBOOKED = (
    "K100,INV1,2025-01-15,1000.00", "K100,CN1,2025-03-28,-1000.00",
    "K100,INV2,2025-03-28,1000.00", "K200,INV3,2025-03-20,12.00",
)  # fmt: skip

ODD = [
    # amounts
    odd("amounts: thousands with a point", "3 amounts", "thousands: \".\"", "decimal: \",\"",
        orders=("K1,R1,2025-01-15,1.250", "K1,R2,2025-02-15,12.400",
                                    "K2,R3,2025-02-20,3.075", "K3,R4,2025-02-21,980")),
    odd("amounts: thousands with a comma, read as decimals", "2 amounts", "thousands: \",\"",
        orders=('K1,R1,2025-01-15,"1,250"', 'K2,R2,2025-02-15,"-2,400"'),
        options=', decimal: ","'),
    odd("amounts: one file of a folder", "de.csv", "2 amounts",
        orders={"de.csv": ("K1,R1,2025-01-15,1.250", "K1,R2,2025-02-15,3.000"),
                "uk.csv": ("K2,R3,2025-02-20,12.50", "K2,R4,2025-02-21,7.25")}, path="o"),
    odd("amounts: margins too", "orders.margin", "2 amounts", head=HEAD + ",margin",
        orders=("K1,R1,2025-01-15,1250.00,1.100", "K1,R2,2025-02-15,3000.00,2.900")),
    odd("amounts: a currency of two decimals in its own column", "2 amounts",
        head=HEAD + ",currency", config="{}",
        orders=("K1,R1,2025-01-15,1.250,USD", "K1,R2,2025-02-15,3.000,USD")),
    odd("amounts: the price of one unit", "'Unit Price' has the name of a price", "2.0 x 16.0",
        'TRY_CAST("Unit Price" AS DECIMAL(18, 4)) * TRY_CAST("Qty" AS DECIMAL(18, 4)) AS amount',
        head="account_id,order_id,occurred_at,Unit Price,Qty",
        orders=("K1,R1,2025-01-15,16.00,2", "K1,R2,2025-02-15,20.00,1"),
        options=", columns: {amount: Unit Price, quantity: Qty}"),
    odd("amounts: the price of one unit, with a decimal comma", "2.0 x 12.5",
        "replace(replace(\"Preis\", '.', ''), ',', '.')",
        head="account_id,order_id,occurred_at,Preis,Menge",
        orders=('K1,R1,2025-01-15,"12,50",2', 'K1,R2,2025-02-15,"20,00",1'),
        options=", thousands: '.', columns: {amount: Preis, quantity: Menge}"),
    # ids: spelling
    odd("ids: capitals", "differ only in blanks or capitals", "row 4: 'k100', elsewhere 'K100'",
        "upper(trim(account_id))", orders=ids("K100", "K100", "k100", "K200")),
    odd("ids: a blank inside", "differ only in blanks", orders=ids("K100", "K100", "K 100", "K2")),
    odd("ids: names as ids", "'ACME Ltd' and 'Acme Ltd'",
        orders=ids("Acme Ltd", "ACME Ltd", "Acme Ltd", "Bolt")),
    odd("ids: leading zeros in one table", "leading zeros or a tail",
        orders=ids("00123", "00123", "123", "00777")),
    odd("ids: a tail .0 in one table", "leading zeros or a tail",
        orders=ids("123", "123", "123.0", "777")),
    odd("ids: contacts", "touches.contact_id", "differ only",
        touches=(TOUCHES, "K100,p7,V1,2025-01-01", "K200,P7,V1,2025-01-02")),
    odd("ids: products", "orders.product_id", head=HEAD + ",product_id",
        orders=("K1,R1,2025-01-15,10.50,ab-1", "K1,R2,2025-02-15,3.00,AB-1")),
    # ids: shapes
    odd("ids: scientific notation", "1 id: in scientific notation", "row 3: 1.23457E+11",
        orders=ids("K100", "1.23457E+11", "K200")),
    odd("ids: scientific notation with a comma, of orders", "orders.order_id", "scientific",
        orders=('K1,"4,5E+09",2025-01-15,10.50', "K1,R2,2025-02-15,3.00")),
    odd("ids: an error cell", "error of a spreadsheet's cell", "row 2: #N/A",
        orders=ids("#N/A", "K1", "K2")),
    odd("ids: a German error cell", "error of a spreadsheet's cell",
        orders=ids("#BEZUG!", "K1", "K2")),
    odd("ids: a column too narrow", "error of a spreadsheet's cell", orders=ids("######", "K1")),
    odd("ids: a form of text", 'written as ="..."', "without this form",
        orders=('"=""0000100""",R1,2025-01-15,100.50', "0000200,R2,2025-02-15,3.00"),
        complaints=complaints("0000100")),
    odd("ids: a formula", "a formula of a spreadsheet", orders=ids("=A1&B1", "K1", "K2")),
    odd("ids: an apostrophe", "apostrophe", "ltrim(account_id, '''')",
        orders=ids("'00100", "K1", "K2")),
    odd("ids: a word for nothing", "a word for no value", 'nulls: ["NULL"]',
        orders=ids("NULL", "NULL", "K1", "K2")),
    odd("ids: thousands", "signs between thousands", "row 2: 10,023",
        orders=('"10,023",R1,2025-01-15,10.50', '"9,024",R2,2025-02-15,3.00')),
    odd("ids: two in one cell", "a separator inside", "row 4: K1;K2",
        orders=ids("K1", "K2", "K1;K2")),
    odd("ids: two with a bar", "a separator inside", orders=ids("K1", "K2", "K3", "K7|K8")),
    # ids: matching
    odd("match: leading zeros", "none of the 2 accounts of complaints is in orders",
        "leaving out leading zeros", "lpad(", orders=ids("0000010023", "0000010024"),
        complaints=complaints("10023", "10024")),
    odd("match: leading zeros, the other way", "1 of 2 accounts of touches is not in orders",
        "leading zeros", orders=ids("23", "124", "999"), touches=touches("00023", "124")),
    odd("match: Salesforce, 15 in complaints", "none of the 2", "left(account_id, 15)",
        "orders.sql", orders=ids(*SALESFORCE), complaints=complaints(*SHORT[:2])),
    odd("match: Salesforce, 18 in touches", "none of the 2", "left(account_id, 15)",
        "touches.sql", orders=ids(*SHORT), touches=touches(*SALESFORCE[:2])),
    odd("match: a tail .0", "a tail such as .0", orders=ids("10023", "10024", "5"),
        complaints=complaints("10023.0", "10024.0")),
    odd("match: zeros and tail", "leading zeros and a tail", "lpad(",
        orders=ids("0010023", "0010024"), complaints=complaints("10023.0", "10024.0")),
    odd("match: capitals", "leaving out blanks and capitals", "upper(replace(account_id, ' ', ''))",
        orders=ids("K100", "K200"), complaints=complaints("k100", "K200")),
    odd("match: a blank inside", "leaving out blanks and capitals", orders=ids("K100", "K200"),
        complaints=complaints("K 100", "K200")),
    odd("match: dashes", "leaving out separators", orders=ids("10-023", "10-024"),
        complaints=complaints("10023", "10024")),
    odd("match: another prefix", "none of the 2", "leaving out everything but digits",
        orders=ids("DE-10023", "DE-10024"), complaints=complaints("AC10023", "AC10024")),
    odd("match: other ids altogether", "none of the 3 accounts of touches is in orders", "columns:",
        orders=ids("K1", "K2"), touches=touches("x@y.example", "z@y.example", "q@y.example")),
    odd("match: master data", "none of the 2 accounts of accounts is in orders",
        orders=ids("0001", "0002"), accounts=("account_id,name", "1,Muster", "2,Beispiel")),
    odd("match: representatives", "touches.rep_id", "representatives of touches",
        touches=(TOUCHES, "K100,P1,V7,2025-01-01", "K200,P2,V8,2025-01-02"),
        reps=("rep_id,left_on,known_at", "v7,,2025-01-01", "V8,,2025-01-01")),
    # total rows
    odd("total: named", "sum of all other rows", "row 5: Total 192.50", "footer_rows: 1",
        orders=(*PLAIN, "Total,Total,2025-02-28,192.50")),
    odd("total: of returns", "sum of all other rows",
        orders=("K1,R1,2025-01-01,-5.00", "K1,R2,2025-01-02,-7.50", "K2,R3,2025-01-03,-1.00",
                "Sum,Sum,2025-02-28,-13.50")),
    odd("total: in one file of a folder", "o/jan.csv", "sum of all other rows",
        "WHERE account_id <> 'Summe'",
        orders={"jan.csv": (*PLAIN, "Summe,Summe,2025-01-31,192.50"), "feb.csv": PLAIN}, path="o"),
    drawn("total: in each file of a folder", (("o/jan.csv", "sum of"), ("o/feb.csv", "sum of")),
          {"jan.csv": (*PLAIN, "Total,Total,2025-01-31,192.50"),
           "feb.csv": (*PLAIN, "K7,R7,2025-02-03,1.25", "Total,Total,2025-02-28,193.75")},
          path="o"),
    drawn("total: without a key", (("sum of all other rows", "row 5: 192.50"), ("quarantined",)),
          (*PLAIN, ",Total,2025-02-28,192.50"), options=", max_quarantined_share: 0.5"),
    # date orders
    odd("dates: two orders in one folder", "o/us.csv", "1 date fits both", "row 3: 03/02/2025",
        "strptime(occurred_at, '%m/%d/%Y')", orders={"uk.csv": UK, "us.csv": US}, path="o",
        options=BOTH),
    odd("dates: nobody can tell", "no date of this file", orders=UK[1:], options=BOTH),
    odd("dates: mixed in one file", "fit both", orders=(*UK, *US), options=BOTH),
    odd("dates: with a clock", "fit both",
        orders=("K1,R1,03/02/2025 10:00,80.00", "K1,R2,05/02/2025 11:00,70.00"),
        options=', datetime_format: ["%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"]'),
    # odd dates
    odd("dates: before 1990", "1 date before 1990", "row 2: 1970-01-01", 'nulls: ["1970-01-01"]',
        orders=("K9,R0,1970-01-01,12.00", *PLAIN)),
    odd("dates: a delivery in 1900", "orders.delivered_at", "before 1990",
        head=HEAD + ",delivered_at",
        orders=tuple(f"{row},{day}" for row, day in zip(
            PLAIN, ("2025-01-20", "1900-01-01", ""), strict=True))),
    odd("dates: a delivery after the end", "orders.delivered_at", "after 2025-03-01",
        head=HEAD + ",delivered_at", options=", complete_until: 2025-03-01",
        orders=tuple(f"{row},{day}" for row, day in zip(
            PLAIN, ("2025-01-20", "2025-09-17", ""), strict=True))),
    odd("dates: a delivery years ahead", "orders.delivered_at", "2052-02-17",
        head=HEAD + ",delivered_at", orders=tuple(f"{row},{day}" for row, day in zip(
            PLAIN, ("2025-01-20", "2052-02-17", ""), strict=True))),
    odd("dates: ordered after we knew", "orders.occurred_at", "after 2025-02-20",
        head=HEAD + ",known_at", orders=(
            "K1,R1,2025-01-15,5.50,2025-01-15", "K1,R2,2025-02-15,6.50,2025-02-20",
            "K1,R3,2025-12-15,7.50,2025-02-16")),
    # zero
    odd("zero: a third of the lines", "1 line of zero value (25.0%)", "row 5: 0.00",
        orders=(*PLAIN, "K3,R4,2025-02-21,0.00")),
    # booked twice
    odd("twice: order and invoice", "booked twice", "'AB0'", "'RE1000'",
        "NOT starts_with(order_id, 'RE')", orders=booked("AB{}", "RE100{}")),
    odd("twice: numbers of two ranges", "booked twice", "NOT regexp_full_match(order_id, '0*9",
        orders=booked("45000{}", "90010{}")),
    odd("twice: the invoice on the same day", "booked twice", orders=booked("SO-{}", "INV-{}", 0)),
    odd("twice: open orders beside", "booked twice",
        orders=(*booked("AB{}", "RE{}"), "K1,AB91,2024-05-01,99.90", "K2,AB92,2024-05-02,88.80")),
    # rebooked
    odd("rebooked: on one day", "1 credit note", "NOT IN ('CN1', 'INV2')", orders=REBOOKED),
    odd("rebooked: of several lines", "1 credit note", orders=(
        "K1,A,2025-01-15,10.00", "K1,A,2025-01-15,5.50", "K1,B,2025-02-20,-10.00",
        "K1,B,2025-02-20,-5.50", "K1,C,2025-02-20,15.50", "K2,D,2025-02-21,3.00")),
    # cash sales
    odd("cash: no master data", "an account without a name has 100 of 280 lines",
        "exclude: ['9999']", orders=cash(100)),
    odd("cash: no name in the master data", "an account without a name", orders=cash(100),
        accounts=("account_id,name", *(f"C{i:03d},Firm {i}" for i in range(60)), "9999,")),
    # merges
    odd("merges: a circle", "1 circle of merged accounts", "K1 into K2 into K1",
        orders=ids("K1", "K2", "K3"), account_merges=(
            "from_id,into_id,known_at", "K1,K2,2025-01-01", "K2,K1,2025-01-02")),
]  # fmt: skip

NAMES = ("account_id,name", "k100,Kappa Ltd", "K100,Karla Inc", "K200,Zeta")
PLAIN_ONES = [
    plain("as it should be"),
    plain("prospects in touches", touches=touches("K100", "K200", "P1", "P2", "P3")),
    plain("one prospect alone", touches=touches("P1")),
    plain("prospects in the master data",
          accounts=("account_id,name", "K100,A", "P1,B", "P2,C", "P3,D")),
    plain("complaints of merged accounts", orders=ids("K1", "K2"), complaints=complaints("K0"),
          account_merges=("from_id,into_id,known_at", "K0,K1,2025-01-01")),
    plain("a currency with three decimals", ("K1,R1,2025-01-15,1.250", "K2,R2,2025-02-15,3.075"),
          config="currency: KWD"),
    plain("three decimals in the currency's column", head=HEAD + ",currency", config="{}",
          orders=("K1,R1,2025-01-15,1.250,BHD", "K2,R2,2025-02-15,3.075,BHD")),
    plain("three decimals, one below one", ("K1,R1,2025-01-15,0.250", "K2,R2,2025-02-15,3.075")),
    plain("three decimals, one of a thousand",
          ("K1,R1,2025-01-15,1250.125", "K2,R2,2025-02-15,3.075")),
    plain("some fractions of three digits", ("K1,R1,2025-01-15,1.25", "K2,R2,2025-02-15,3.075")),
    plain("whole amounts", ("K1,R1,2025-01-15,1250", "K2,R2,2025-02-15,3")),
    plain("the last row as large as others", (*PLAIN, "K100,R4,2025-02-28,192.50")),
    plain("a new account with half of all", (*PLAIN, "Total Energies,R4,2025-02-28,192.51")),
    plain("Total Energies", ids("Total Energies", "K1", "K2", "Total Energies")),
    plain("two rows before an equal sum", ("K1,R1,2025-01-01,5.00", "K1,R2,2025-01-02,7.00",
                                           "K2,R3,2025-01-03,12.00")),
    plain("twenty accounts", tuple(
        row for i in range(20) for row in monthly(f"K{i}", 12, lambda n: f"{n * 7 % 11 + 20}.90"))),
    plain("a fixed amount every month", tuple(row for i in range(6)
                                              for row in monthly(f"K{i}", 30, lambda n: "100.00"))),
    plain("numbers that run through, one amount", tuple(
        f"K{i % 3},{i + 1},{date(2024, 1, 1) + timedelta(days=2 * i)},50.00" for i in range(120))),
    plain("numbers that run through, by account", tuple(
        f"K{a},{a * 24 + i + 1},{date(2024, 1, 1) + timedelta(days=14 * i)},{20 + a}.00"
        for a in range(8) for i in range(24))),
    plain("two channels", tuple(
        f"K{i % 5},{'WEB' if i * 7 % 3 else 'TEL'}{i},{date(2024, 1, 1) + timedelta(days=3 * i)},"
        f"{(i * 37) % 90 + 10}.00" for i in range(90))),
    plain("repeat orders on one day", ("K1,R1,2025-01-15,50.00", "K1,R2,2025-01-15,50.00",
                                       "K2,R3,2025-01-16,50.00", "K2,R4,2025-01-16,50.00")),
    plain("a return and another order on one day", (
        "K1,R1,2025-01-15,50.00", "K1,G1,2025-02-15,-50.00", "K1,R2,2025-02-15,75.00")),
    plain("a return of one line of two", (
        "K1,R1,2025-01-15,50.00", "K1,R1,2025-01-15,8.00", "K1,G1,2025-02-15,-8.00",
        "K1,R2,2025-02-15,50.00")),
    plain("one chance among many returns", (
        *REBOOKED, *(row for i in range(60) for row in (
            f"S{i},O{i},2024-05-01,{i + 3}.00", f"S{i},G{i},2024-06-01,-{i + 3}.00")))),
    plain("open orders", head=HEAD + ",promised_at,delivered_at", orders=(
        "K1,R1,2025-01-15,50.00,2025-02-01,2025-02-03", "K1,R2,2025-02-15,60.00,2025-09-01,",
        "K2,R3,2025-02-20,12.00,2026-12-01,")),
    plain("a delivery after the last order", head=HEAD + ",delivered_at", orders=(
        "K1,R1,2025-01-15,50.00,2025-02-03", "K1,R2,2025-02-15,60.00,2025-03-20")),
    plain("a customer since 1975", accounts=(
        "account_id,name,opened_on", "K100,Old,1975-05-01", "K200,New,2020-01-01")),
    plain("notice given", touches=touches("K100"), reps=(
        "rep_id,left_on,known_at", "V1,2025-12-31,2025-01-05")),
    plain("few lines of zero value", (*PLAIN, "K100,R5,2025-02-21,0.00", "K1,R6,2025-02-22,8.00",
                                      "K1,R7,2025-02-23,9.25")),
    plain("Salesforce ids that differ in case", ids(*SHORT)),
    plain("capitals that tell two customers", ids("K100", "k100", "K200"), accounts=NAMES),
    plain("formatted numbers", ids("123.456.789", "123.456.780", "987.654.321")),
    plain("ids of two parts", ids("1000|K1", "1000|K2", "2000|K1")),
    plain("names with commas", tuple(row.replace("K100", '"Smith, Jones & Co"') for row in PLAIN)),
    plain("order numbers with a sign", ("K1,#1001,2025-01-15,10.50", "K2,#1002,2025-02-15,3.00")),
    plain("ids with an E", ids("12E5", "1E", "E10")),
    plain("NA is Namibia", ids("NA", "DE", "FR")),
    plain("two formats that never meet", ("K1,R1,13.02.2025,10.50", "K2,R2,2025-02-15,3.00"),
          options=', datetime_format: ["%d.%m.%Y", "%Y-%m-%d"]'),
    plain("two formats, the first shown right", UK, options=BOTH),
    plain("a large customer with a name", cash(100), accounts=(
        "account_id,name", *(f"C{i:03d},Firm {i}" for i in range(60)), "9999,Great Customer")),
    plain("no account is large", cash(12)),
    plain("a price of the whole line", head="account_id,order_id,occurred_at,Total Price,Qty",
          orders=("K1,R1,2025-01-15,32.00,2", "K1,R2,2025-02-15,20.00,1"),
          options=", columns: {amount: Total Price, quantity: Qty}"),
    plain("prices that grow with the quantity",
          head="account_id,order_id,occurred_at,product_id,Price,Qty",
          orders=("K1,R1,2025-01-15,P,32.00,2", "K1,R2,2025-02-15,P,16.00,1",
                  "K2,R3,2025-02-15,Q,9.00,3", "K2,R4,2025-02-16,Q,6.00,2"),
          options=", columns: {amount: Price, quantity: Qty}"),
    plain("prices of one unit where nobody buys two",
          head="account_id,order_id,occurred_at,Price,Qty",
          orders=("K1,R1,2025-01-15,16.00,1", "K1,R2,2025-02-15,20.00,1"),
          options=", columns: {amount: Price, quantity: Qty}"),
    plain("a merge undone and turned round", ids("K1", "K2"), account_merges=(
        "from_id,into_id,known_at,deleted", "K1,K2,2025-01-01,false", "K1,K2,2025-02-01,true",
        "K2,K1,2025-02-02,false")),
    plain("a chain of merges", ids("K1", "K2", "K3"), account_merges=(
        "from_id,into_id,known_at", "K1,K2,2025-01-01", "K2,K3,2025-01-02")),
]  # fmt: skip


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Example], list[str]]]:
    """Validate an example; the texts of its warnings. One engine for all."""
    place = tmp_path_factory.mktemp("plausible")
    with DuckDBEngine([place], threads=1) as engine:

        def read(example: Example) -> list[str]:
            folder = place / f"{len(list(place.iterdir()))}"
            for name, content in example.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(content, encoding="utf-8")
            others = [
                f for f in example.files if f.removesuffix(".csv") in TABLES and f != "orders.csv"
            ]
            sources = f"  orders: {{path: {example.path}{example.options}}}\n" + "".join(
                f"  {f.removesuffix('.csv')}: {{path: {f}}}\n" for f in others
            )
            (folder / "c.yaml").write_text(
                "name: small\nsnapshots: {first: 2025-02-01, last: 2025-06-01}\n"
                + f"{example.more.removeprefix('{}')}\nsources:\n{sources}"
            )
            engine.drop(*TABLES)
            report = validate(load_config(folder / "c.yaml"), engine)
            assert not report.errors, report.errors
            return ["\n".join(f.lines()) for f in report.of(Severity.WARNING)]

        yield read


@pytest.mark.parametrize("example", ODD, ids=lambda example: example.name)
def test_what_is_odd_is_named_with_its_rows_and_what_to_write(reading, example: Example) -> None:
    warnings = reading(example)
    assert len(warnings) == len(example.says), "\n".join(warnings)
    for words in example.says:
        assert any(all(word in warning for word in words) for warning in warnings), "\n".join(
            warnings
        )


@pytest.mark.parametrize("example", PLAIN_ONES, ids=lambda example: example.name)
def test_what_is_plain_is_left_alone(reading, example: Example) -> None:
    assert reading(example) == []


def test_strict_fails_on_warnings_and_the_page_shows_them_as_text(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(text(HEAD, *ids("K1", "K2", "k1", "<b>;K1", "K1")))
    (tmp_path / "c.yaml").write_text(
        "name: small\nsnapshots: {first: 2025-02-01, last: 2025-06-01}\noutput: out\n"
        "sources: {orders: {path: orders.csv}}\n"
    )
    config = load_config(tmp_path / "c.yaml")
    run_validate(config)
    with pytest.raises(CheckFailed, match="2 warnings about the sources"):
        run_validate(config, strict=True)
    page = (tmp_path / "out" / "validation" / "validation.html").read_text()
    assert "differ only in blanks or capitals" in page and "orders.sql: SELECT" in page
    assert "&lt;b&gt;;K1" in page and "<b>" not in page and "<script" not in page
    assert "2025-01: 5" in page and "&lt; 100: 4" in page  # rows of a month, lines by amount


def test_ids_are_read_without_what_is_around_them(tmp_path: Path) -> None:
    around = ("K1", " K1", "K1 ", "K1\u00a0", '"=""K1"""', "K 1", "   ")
    (tmp_path / "orders.csv").write_text(text(HEAD, *ids(*around)))
    (tmp_path / "c.yaml").write_text(
        "name: small\nsnapshots: {first: 2025-02-01, last: 2025-06-01}\n"
        "sources: {orders: {path: orders.csv, max_quarantined_share: 0.5}}\n"
    )
    config = load_config(tmp_path / "c.yaml")
    with DuckDBEngine([tmp_path], threads=1) as engine:
        said = [
            f.what for f in load_sources(config, engine).report.findings if f.column == "account_id"
        ]
        accounts = engine.rows("SELECT account_id, count(*) FROM orders GROUP BY 1 ORDER BY 1")
    assert accounts == [("K 1", 1), ("K1", 5)]
    assert said == [
        "3 values: blanks before or after the id, which are taken off",
        "1 row quarantined: account_id of nothing but blanks",
    ]
