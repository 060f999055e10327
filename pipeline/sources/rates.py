"""Amounts of several currencies, turned into the config's by the rate of the day of the order."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa

from features.contract import ORDERS
from pipeline.config.form import RatesConfig
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.findings import MOST_EXAMPLES, Example, Finding, Severity
from pipeline.special_files import special_kind
from pipeline.wording import as_yaml, counted, listed

OLD_DAYS = 92  # after the last rate of a currency, from which on a line's rate is warned of

_RATES, _CONVERTED = "_rates", "_converted"
Rate = tuple[date, str, float]


def convert_amounts(
    engine: DuckDBEngine, mapped: frozenset[str], choice: RatesConfig, currency: str
) -> list[Finding]:
    """Convert the loaded orders to one currency, and say what was converted and what could not be.

    mapped: the contract's columns that the source has. A line without a currency is in `currency`.
    """
    if "currency" not in mapped:
        what = "the config has `rates`, but the source has no currency"
        advice = "map it: `columns: {currency: ...}`, or take `rates` out of the config"
        return [Finding(Severity.ERROR, what, ORDERS.name, "", "currency", advice=advice)]
    rates, findings = read_rates(choice)
    if findings:
        return findings
    days, currencies, values = zip(*rates, strict=True)
    table = {"day": pa.array(days), "currency": currencies, "rate": pa.array(values, pa.float64())}
    engine.register(_RATES, pa.table(table))
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {_CONVERTED} AS SELECT line.*, rates.rate, rates.day FROM ("
        f"SELECT rowid AS row, order_id, currency, occurred_at, deleted FROM {ORDERS.name} "
        f"WHERE currency <> {literal(currency)}) AS line ASOF LEFT JOIN {_RATES} AS rates "
        "ON line.currency = rates.currency AND line.occurred_at >= rates.day"
    )
    engine.execute(
        f"UPDATE {ORDERS.name} SET amount_cents = CAST(round(amount_cents / rate) AS BIGINT), "
        f"margin_cents = CAST(round(margin_cents / rate) AS BIGINT), "
        f"currency = {literal(currency)} FROM {_CONVERTED} AS converted "
        f"WHERE {ORDERS.name}.rowid = converted.row AND (rate IS NOT NULL OR converted.deleted)"
    )
    findings = list(_of_currencies(engine, choice, currency))
    engine.execute(f"DROP TABLE {_CONVERTED}")
    engine.drop(_RATES)
    return findings


def read_rates(choice: RatesConfig) -> tuple[list[Rate], list[Finding]]:
    """The rates of a CSV file: from which day on, of which currency, units of it for one of ours.

    A month stands for its first day.
    """
    names = {name: choice.columns.get(name, name) for name in ("day", "currency", "rate")}
    try:
        if kind := special_kind(choice.path):
            return [], [_wrong(choice.path, f"is {kind}, not a file", "write it to a file")]
        with choice.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or ())
            rows = list(reader)
    except FileNotFoundError:
        return [], [_wrong(choice.path, "no such file", "correct `rates.path`", missing=True)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return [], [_wrong(choice.path, f"not readable: {error}", "write it as CSV in UTF-8")]
    absent = [name for name, theirs in names.items() if theirs not in header]
    if absent:
        columns = ", ".join(
            f"{name}: {'...' if name in absent else as_yaml(theirs)}"
            for name, theirs in names.items()
        )
        advice = (
            f"say which they are: `rates: {{path: {as_yaml(choice.path.name)}, "
            f"columns: {{{columns}}}}}`; rate is what one of `currency` costs in the other"
        )
        what = f"there is no column for {listed(absent)}; there are {listed(header)}"
        return [], [_wrong(choice.path, what, advice)]
    rates: dict[tuple[date, str], float] = {}
    for number, row in enumerate(rows, start=2):
        written = {name: (row[theirs] or "").strip() for name, theirs in names.items()}
        try:
            on = written["day"]
            day = date.fromisoformat(f"{on}-01" if len(on) == len("2025-01") else on)
            rate = float(written["rate"])
        except ValueError:
            day, rate = date.min, 0.0
        if not 0 < rate < float("inf") or not written["currency"]:
            shown = ", ".join(f"{name} '{text}'" for name, text in written.items())
            what = f"row {number}: not a day or month, a currency and a rate: {shown}"
            return [], [_wrong(choice.path, what, "write them such as 2025-01, USD, 1.05")]
        if (day, written["currency"]) in rates:
            what = f"row {number}: a second rate of {written['currency']} from {day} on"
            return [], [_wrong(choice.path, what, "keep the one that counts")]
        rates[day, written["currency"]] = rate
    if not rates:
        return [], [_wrong(choice.path, "no rates", "export it again")]
    return [(day, of, rate) for (day, of), rate in rates.items()], []


def _of_currencies(engine: DuckDBEngine, choice: RatesConfig, currency: str) -> Iterator[Finding]:
    rows = engine.rows(
        "SELECT currency, count(rate), count_if(rate IS NULL), "
        f"count_if(occurred_at > day + INTERVAL {OLD_DAYS} DAY) FROM {_CONVERTED} "
        "WHERE NOT deleted GROUP BY currency ORDER BY currency"
    )
    for of, converted, unknown, old in rows:
        if converted:
            what = f"{counted(converted, 'row')} in {of}: converted to {currency}"
            yield _finding(Severity.NOTE, what, converted)
        if unknown:
            ids = engine.rows(
                f"SELECT DISTINCT order_id FROM {_CONVERTED} WHERE rate IS NULL "
                f"AND currency = {literal(of)} ORDER BY 1 LIMIT {MOST_EXAMPLES}"
            )
            yield _finding(
                Severity.ERROR,
                f"{counted(unknown, 'row')} in {of} on days before the first rate of {of}",
                unknown,
                f"add the rates to {choice.path.name}",
                tuple(Example(str(order), key="order_id") for (order,) in ids),
            )
        if old:
            what = f"{counted(old, 'row')} in {of} more than {OLD_DAYS} days after the rate before"
            yield _finding(Severity.WARNING, what, old, f"bring {choice.path.name} up to date")


def _finding(
    severity: Severity,
    what: str,
    count: int,
    advice: str = "",
    examples: tuple[Example, ...] = (),
) -> Finding:
    return Finding(severity, what, ORDERS.name, "", "currency", count, examples, advice)


def _wrong(path: Path, what: str, advice: str, *, missing: bool = False) -> Finding:
    return Finding(Severity.ERROR, what, "", f"rates, {path.name}", advice=advice, missing=missing)
