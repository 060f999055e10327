"""How exports write numbers, times and nothing, and what each text is taken for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from features.contract import ORDERS
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.casts import Reading, cast, raw_value
from pipeline.sources.likely import may_collide

BAD = "refused"


@dataclass(frozen=True)
class Source:
    """Options of a source, as the config gives them."""

    decimal: str = "."
    thousands: str | None = None
    units: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    formats: Any = ()
    zones: dict[str, str] = field(default_factory=dict)

    @property
    def reading(self) -> Reading:
        more = (self.thousands, self.units, self.nulls, self.zones, "sources.orders")
        return Reading(self.decimal, self.formats, "Europe/Berlin", "Europe/Berlin", *more)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine((), threads=1) as opened:
        yield opened


def read(engine: DuckDBEngine, column: str, text: Any, source: Source, sql_type: str) -> Any:
    """The value of a raw text, None for none, or BAD; and the advice where it is refused."""
    contract = ORDERS.column(column)
    made = cast(contract, sql_type, source.reading)
    value = raw_value("v", sql_type, source.nulls)
    raw = f'SELECT {value} AS "raw_{column}" FROM (SELECT CAST({literal(text)} AS {sql_type}) AS v)'
    typed = f'SELECT *, {made.value} AS "{contract.stored_name}" FROM ({raw})'
    faults = ", ".join(f"({check.condition})" for check in made.checks)
    query = f'SELECT "{contract.stored_name}", [{faults}] FROM ({typed})'
    ((found, failed),) = engine.rows(query)
    for check, bad in zip(made.checks, failed, strict=True):
        if bad:
            assert found is None
            assert check.refuses
            assert check.suggest is None or isinstance(check.suggest([str(text)], False), str)
            return BAD
    return found


GERMAN = Source(decimal=",", thousands=".")
FRENCH = Source(decimal=",", thousands=" ")
ENGLISH = Source(thousands=",")
SWISS = Source(thousands="'")
DOLLARS = Source(thousands=",", units=("$", "USD", "US$"))
EUROS = Source(decimal=",", thousands=".", units=("EUR", "\u20ac"))


@pytest.mark.parametrize(
    ("text", "source", "cents"),
    [
        ("1.234,56", GERMAN, 123456),
        ("1.234", GERMAN, 123400),
        ("12.400", GERMAN, 1240000),
        ("1234,5", GERMAN, 123450),
        ("980", GERMAN, 98000),
        ("1.234.567,8", GERMAN, 123456780),
        ("1.25", GERMAN, BAD),  # no thousand has two digits
        ("1.2345", GERMAN, BAD),
        ("1,234.56", GERMAN, BAD),
        (".234", GERMAN, BAD),
        ("1.234,56-", GERMAN, -123456),
        ("1,234.50", ENGLISH, 123450),
        ("1,23,456.00", ENGLISH, 12345600),
        ("12,50", ENGLISH, BAD),
        ("1\u202f234,56", FRENCH, 123456),
        ("2\u00a0000,00", FRENCH, 200000),
        ("2 000", FRENCH, 200000),
        ("1'234.50", SWISS, 123450),
        ("1\u2019234.50", SWISS, 123450),
        ("1,234.50", Source(), BAD),
        ("1.234,56", Source(), BAD),
        ("1 234", Source(), BAD),
        ("12,50", Source(), BAD),
        ("12.50", Source(decimal=","), BAD),
        ("250.00-", Source(), -25000),
        ("250.00 -", Source(), -25000),
        ("(250.00)", Source(), -25000),
        ("( 250 )", Source(), -25000),
        ("(-250)", Source(), BAD),
        ("-250-", Source(), BAD),
        ("\u2212250.00", Source(), -25000),
        ("\u2013 12,00", Source(decimal=","), -1200),
        ("'-75.63", Source(), -7563),
        ("'100.50", Source(), 10050),
        ("\u00a0100.50\u200b", Source(), 10050),
        ("1e3", Source(), 100000),
        ("1,5E+03", GERMAN, 150000),
        ("$1,234.50", DOLLARS, 123450),
        ("($250.00)", DOLLARS, -25000),
        ("-$250.00", DOLLARS, -25000),
        ("$-250.00", DOLLARS, -25000),
        ("$ (250.00)", DOLLARS, -25000),
        ("US$ 12", DOLLARS, 1200),
        ("12.00 USD", DOLLARS, 1200),
        ("\u20ac12,00", DOLLARS, BAD),
        ("1.234,56 \u20ac", EUROS, 123456),
        ("250,00- EUR", EUROS, -25000),
        ("$12.00", Source(), BAD),
        ("12 EUR", Source(), BAD),
        ("250.00 CR", Source(), BAD),  # a minus or a plus, depending on who keeps the books
        ("NULL", Source(nulls=("NULL", "-")), None),
        (" - ", Source(nulls=("NULL", "-")), None),
        ("NULL", Source(), BAD),
        ("-", Source(), BAD),
        ("#REF!", Source(), BAD),
        ("1-2", Source(), BAD),
        ("()", Source(), BAD),
        (".", GERMAN, BAD),
        ("12 34", FRENCH, BAD),
        ("1..234", GERMAN, BAD),
    ],
)
def test_an_amount(engine, text, source, cents):
    assert read(engine, "amount", text, source, "VARCHAR") == cents


def declared(*formats: str, **zones: str) -> Source:
    return Source(formats=formats, zones=zones)


@pytest.mark.parametrize(
    ("text", "source", "wall"),
    [
        ("2025-01-15 10:15:00 -0500", Source(), "2025-01-15 16:15:00"),
        ("2025-01-15 10:15:00 +01:00", Source(), "2025-01-15 10:15:00"),
        ("2025-01-15T10:15:00.000+0000", Source(), "2025-01-15 11:15:00"),
        ("2025-01-15 10:15:00 UTC", Source(), "2025-01-15 11:15:00"),
        ("2025-01-15 10:15:00 GMT", Source(), "2025-01-15 11:15:00"),
        ("2025-01-15 10:15 Z", Source(), "2025-01-15 11:15:00"),
        ("2025-01-15T10:15:00+02:00[Africa/Cairo]", Source(), "2025-01-15 09:15:00"),
        (" 2025-01-15 ", Source(), "2025-01-15 00:00:00"),
        ("'2025-01-15 10:00", Source(), "2025-01-15 10:00:00"),
        ("2025-02-30 10:00:00 +0100", Source(), BAD),
        ("2025-01-15 10:15:00 CET", Source(), BAD),
        ("2025-01-15 10:15:00 CET", declared(CET="+01:00"), "2025-01-15 10:15:00"),
        ("2025-07-15 10:15:00 CEST", declared(CET="+01:00", CEST="+02:00"), "2025-07-15 10:15:00"),
        ("2025-01-15 10:15:00 EST", declared(EST="-05:00"), "2025-01-15 16:15:00"),
        (
            "15.01.2025 10:15 EST",
            declared("%d.%m.%Y %H:%M %z", EST="-05:00"),
            "2025-01-15 16:15:00",
        ),
        ("1736942400000", declared("epoch_ms"), "2025-01-15 13:00:00"),
        ("1736942400", declared("epoch_s"), "2025-01-15 13:00:00"),
        ("1736942400.5", declared("epoch_s"), "2025-01-15 13:00:00"),
        ("1736942400000000", declared("epoch_us"), "2025-01-15 13:00:00"),
        ("1736942400000", declared("epoch_s"), BAD),
        ("1736942400", declared("epoch_ms"), BAD),  # it would be in January 1970
        ("1736942400000", Source(), BAD),
        ("0", declared("epoch_ms"), BAD),
        ("1736942400", declared("epoch_s", "epoch_ms"), "2025-01-15 13:00:00"),
        ("45672", declared("excel"), "2025-01-15 00:00:00"),
        ("45672.5", declared("excel"), "2025-01-15 12:00:00"),
        ("45672,4375", declared("excel"), "2025-01-15 10:30:00"),
        ("44210", declared("excel_1904"), "2025-01-15 00:00:00"),
        ("45672", Source(), BAD),
        ("2025-01-15", declared("excel"), BAD),
        ("2025-01-15", declared("excel", "iso"), "2025-01-15 00:00:00"),
        ("15.01.2025", declared("%d.%m.%Y", "iso"), "2025-01-15 00:00:00"),
        ("2025-01-15 10:00", declared("%d.%m.%Y", "iso"), "2025-01-15 10:00:00"),
        ("1/5/2025 3:04 PM", declared("%m/%d/%Y %I:%M %p"), "2025-01-05 15:04:00"),
        ("\u00a015.01.2025", declared("%d.%m.%Y"), "2025-01-15 00:00:00"),
        # two days: the first format counts, and `validate` warns
        ("03/04/2025", declared("%d/%m/%Y", "%m/%d/%Y"), "2025-04-03 00:00:00"),
        ("2025-03-04", declared("%Y-%d-%m", "iso"), "2025-04-03 00:00:00"),
        ("13/04/2025", declared("%d/%m/%Y", "%m/%d/%Y"), "2025-04-13 00:00:00"),
        ("05.01.24", declared("%d.%m.%y", "%d.%m.%Y"), "2024-01-05 00:00:00"),
        ("20250115", declared("%Y%m%d"), "2025-01-15 00:00:00"),
        ("00.00.0000", Source(formats=("%d.%m.%Y",), nulls=("00.00.0000",)), None),
        ("45672", Source(formats={"occurred_at": ("excel",)}), "2025-01-15 00:00:00"),
        ("45672", Source(formats={"known_at": ("excel",)}), BAD),
        ("2025-01-15", Source(formats={"known_at": ("excel",)}), "2025-01-15 00:00:00"),
    ],
)
def test_a_time(engine, text, source, wall):
    found = read(engine, "occurred_at", text, source, "VARCHAR")
    assert found == (datetime.fromisoformat(wall) if wall not in (BAD, None) else wall)


@pytest.mark.parametrize(
    ("number", "sql_type", "form", "wall"),
    [
        ("1736942400000", "BIGINT", "epoch_ms", "2025-01-15 13:00:00"),
        ("1736942400", "INTEGER", "epoch_s", "2025-01-15 13:00:00"),
        ("1736942400000", "DOUBLE", "epoch_ms", "2025-01-15 13:00:00"),
        ("45672.25", "DOUBLE", "excel", "2025-01-15 06:00:00"),
        ("45672", "DOUBLE", "excel", "2025-01-15 00:00:00"),
        ("1736942400000", "BIGINT", "epoch_s", BAD),
    ],
)
def test_a_time_that_is_a_number_in_parquet(engine, number, sql_type, form, wall):
    found = read(engine, "occurred_at", number, declared(form), sql_type)
    assert found == (datetime.fromisoformat(wall) if wall != BAD else BAD)


def test_a_time_that_is_a_number_needs_a_declared_format(engine):
    assert read(engine, "occurred_at", "1736942400000", Source(), "BIGINT") == BAD


@pytest.mark.parametrize(
    ("column", "texts", "source", "advice"),
    [
        (
            "amount",
            ["1.234,56", "12,00"],
            Source(),
            'write `decimal: ","` and `thousands: "."` in `sources.orders`: \'1.234,56\' is then '
            "1234.56",
        ),
        (
            "amount",
            ["1.234,56"],
            Source(decimal=","),
            "write `thousands: \".\"` in `sources.orders`: '1.234,56' is then 1234.56",
        ),
        (
            "amount",
            ["1\u202f234,56"],
            Source(decimal=","),
            "write `thousands: \" \"` in `sources.orders`: '1\\u202f234,56' is then 1234.56",
        ),
        (
            "amount",
            ["$1,234.50", "($250.00)"],
            Source(),
            'write `thousands: ","` and `units: ["$"]` in `sources.orders`: \'$1,234.50\' is then '
            "1234.50",
        ),
        (
            "amount",
            ["1,234"],
            Source(),
            'write in `sources.orders` `decimal: ","` if \'1,234\' is 1.234, or `thousands: ","` '
            "if '1,234' is 1234",
        ),
        (
            "amount",
            ["NULL"],
            Source(),
            "write `nulls: [\"NULL\"]` in `sources.orders` if 'NULL' stands for no value",
        ),
        ("amount", ["ten"], Source(), ""),
        (
            "amount",
            ["250.00 CR"],
            Source(),
            "'250.00 CR': if 'CR' is the side of an account, write the number that is meant in a "
            "`.sql` mapping",
        ),
        (
            "amount",
            ["12,5k"],
            Source(),
            "'12,5k': if 'k' is a factor, write the number that is meant in a `.sql` mapping",
        ),
        (
            "occurred_at",
            ["03/04/2025"],
            Source(),
            "write in `sources.orders` `datetime_format: \"%d/%m/%Y\"` if '03/04/2025' is 3 April "
            "2025, or `datetime_format: \"%m/%d/%Y\"` if '03/04/2025' is 4 March 2025",
        ),
        (
            "occurred_at",
            ["13/04/2025", "03/04/2025"],
            Source(),
            "write `datetime_format: \"%d/%m/%Y\"` in `sources.orders`: '13/04/2025' is then 13 "
            "April 2025",
        ),
        (
            "occurred_at",
            ["1736942400000"],
            Source(),
            "write `datetime_format: \"epoch_ms\"` in `sources.orders`: '1736942400000' is then "
            "2025-01-15 12:00 UTC (milliseconds since 1970)",
        ),
        (
            "occurred_at",
            ["45672"],
            Source(),
            "write `datetime_format: \"excel\"` in `sources.orders`: '45672' is then 2025-01-15 (a "
            "spreadsheet's days since 1899-12-30)",
        ),
        (
            "occurred_at",
            ["2025-01-15 10:00:00 CET"],
            Source(),
            "write `zones: {CET: \"+01:00\"}` in `sources.orders`: '2025-01-15 10:00:00 CET' ends "
            "in the name of a zone, whose offset that is",
        ),
        (
            "occurred_at",
            ["00.00.0000"],
            declared("%d.%m.%Y"),
            "write `nulls: [\"00.00.0000\"]` in `sources.orders` if '00.00.0000' stands for no "
            "value",
        ),
        (
            "occurred_at",
            ["90", "2820"],
            Source(),
            "'90' looks like a duration, such as minutes, and not like a time: add it to the time "
            "from which it counts in a `.sql` mapping, such as "
            "`CAST(opened AS TIMESTAMP) + to_minutes(TRY_CAST(minutes AS BIGINT))` with the names "
            "of your columns; docs/sources.md has a whole one",
        ),
        ("occurred_at", ["soon"], Source(), ""),
        ("occurred_at", ["2025-02-30"], Source(), ""),
    ],
)
def test_the_advice_names_the_likely_reading(column, texts, source, advice):
    checks = cast(ORDERS.column(column), "VARCHAR", source.reading).checks
    suggest = next(check.suggest for check in checks if check.suggest)
    assert suggest(texts, False) == advice


def test_what_is_advised_is_then_read(engine):
    """Each advice that names one reading, written as options, reads the text it was given for."""
    for text, source in [
        ("5.1.2025 10:30", declared("%d.%m.%Y %H:%M")),
        ("5 Jan 2025", declared("%d %b %Y")),
        ("January 5, 2025", declared("%B %d, %Y")),
        ("20250105T103000", declared("%Y%m%dT%H%M%S")),
        ("05.01.2025, 10:30:00", declared("%d.%m.%Y, %H:%M:%S")),
    ]:
        checks = cast(ORDERS.column("occurred_at"), "VARCHAR", Source().reading).checks
        assert checks[0].suggest is not None
        assert f'`datetime_format: "{source.formats[0]}"`' in checks[0].suggest([text], False)
        assert (
            read(engine, "occurred_at", text, source, "VARCHAR").date()
            == datetime(2025, 1, 5).date()
        )


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("%d/%m/%Y", "%m/%d/%Y", True),
        ("%d/%m/%y", "%y/%m/%d", True),
        ("%d.%m.%Y", "%d.%m.%Y %H:%M", False),
        ("%d.%m.%y", "%d.%m.%Y", False),
        ("%d.%m.%Y", "iso", False),
        ("%Y-%d-%m", "iso", True),
        ("%y%m%d", "excel", True),
        ("%d.%m.%Y", "excel", False),
        ("epoch_s", "epoch_ms", False),
    ],
)
def test_formats_that_may_read_one_text_as_two_times(one, other, collide):
    assert may_collide(one, other) is collide
