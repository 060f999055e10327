"""Orders in several currencies: the rate of the order's day, and rates that are not there."""

from __future__ import annotations

from pathlib import Path

import kinds
import pytest
from kinds import Source

from pipeline.errors import ConfigError, DataError, MissingInput

# Day 0 is 2024-03-01, so day -29 is the first of February.
RATES = """month,currency,per_eur
2024-01,USD,1.05
2024-02,USD,1.10
2024-02-15,USD,1.25
2024-01,JPY,160
"""
NAMES = {"day": "month", "rate": "per_eur"}


def load(folder: Path, lines: str, rates: str | None = RATES, **choices: object) -> Source:
    if rates is not None:
        (folder / "rates.csv").write_text(rates, encoding="utf-8")
    given = {"path": "rates.csv", "columns": NAMES}
    sections = {"currency": "EUR", "rates": given} | choices
    return Source(folder, kinds.rows(lines), **sections)


def test_each_line_is_converted_at_the_rate_of_its_day(tmp_path) -> None:
    """Rates count from their day on; margins and returns are converted, and rounded to cents."""
    source = load(
        tmp_path,
        """
        account | order | day       | amount | margin | currency
        K       | a     | -40       | 105    | 21     | USD
        K       | b     | -29 00:00 | 110    |        | USD
        K       | c     | -16 23:59 | 110    |        | USD
        K       | d     | -15       | -125   | -0.02  | USD
        K       | e     | -10       | 1000   |        | JPY
        K       | f     | -9        | 7      | 2      | EUR
        K       | g     | -8        | 8      |        |
        """,
    )
    with source.engine:
        sources = source.load()
        found = source.engine.rows(
            "SELECT order_id, amount_cents, margin_cents, currency FROM orders ORDER BY order_id"
        )
        kinds.check(source.engine, "account | spend_365d\nK | 321.25")
    assert found == [
        ("a", 10000, 2000, "EUR"),
        ("b", 10000, None, "EUR"),
        ("c", 10000, None, "EUR"),
        ("d", -10000, -2, "EUR"),
        ("e", 625, None, "EUR"),
        ("f", 700, 200, "EUR"),
        ("g", 800, None, None),
    ]
    assert sources.currency == "EUR"
    said = [finding.what for finding in sources.report.findings if finding.column == "currency"]
    assert said == ["1 row in JPY: converted to EUR", "4 rows in USD: converted to EUR"]


def test_a_call_off_has_the_rate_of_the_day_on_which_it_was_called(tmp_path) -> None:
    source = load(
        tmp_path,
        """
        account | order | kind     | day | promised | amount | currency
        K       | a     | call_off | -40 | -5       | 105    | USD
        """,
        orders={"call_offs_at": "promised_at"},
    )
    with source.engine:
        source.load()
        kinds.check(source.engine, "account | last | spend_365d\nK | -5 | 100")


def test_a_line_long_after_the_last_rate_is_warned_of(tmp_path) -> None:
    source = load(tmp_path, "account | day | amount | currency\nK | 92 | 5 | JPY")
    with source.engine:
        (warning,) = source.load().warnings
    assert warning.what == "1 row in JPY more than 92 days after the rate before"


@pytest.mark.parametrize(
    ("rates", "orders", "error"),
    [
        (RATES, "K | -90 | 5 | USD", "1 row in USD on days before the first rate of USD"),
        (RATES, "K | -9 | 5 | CHF", "1 row in CHF on days before the first rate of CHF"),
        ("month,currency\n2024-01,USD\n", "K | -9 | 5 | USD", "there is no column for rate"),
        ("month,currency,per_eur\n", "K | -9 | 5 | USD", "no rates"),
        ("month,currency,per_eur\n2024-01,USD,0\n", "K | -9 | 5 | USD", "row 2: not a day or mon"),
        ('month,currency,per_eur\n2024-01,USD,"1,05"\n', "K | -9 | 5 | USD", "rate '1,05'"),
        ("month,currency,per_eur\n01/2024,USD,1\n", "K | -9 | 5 | USD", "day '01/2024'"),
        (RATES + "2024-01-01,USD,1\n", "K | -9 | 5 | USD", "row 6: a second rate of USD from 2024"),
    ],
)
def test_rates_that_are_missing_or_cannot_be_read_are_refused(
    tmp_path, rates, orders, error
) -> None:
    source = load(tmp_path, f"account | day | amount | currency\n{orders}", rates)
    with source.engine, pytest.raises(DataError, match=error):
        source.load()


def test_rates_need_a_file_a_currency_and_the_currency_of_each_line(tmp_path) -> None:
    line = "account | day | amount | currency\nK | -9 | 5 | USD"
    source = load(tmp_path, line, rates=None)
    with source.engine, pytest.raises(MissingInput, match=r"rates\.csv: no such file"):
        source.load()
    with pytest.raises(ConfigError, match="needs `currency`"):
        load(tmp_path, line, currency=None)
    source = load(tmp_path, "account | day | amount\nK | -9 | 5")
    with source.engine, pytest.raises(DataError, match="the source has no currency"):
        source.load()
