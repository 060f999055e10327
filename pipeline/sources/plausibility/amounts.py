"""Amounts whose decimal sign may be one between thousands: 1.250 for one thousand two hundred."""

from __future__ import annotations

from collections.abc import Iterator

from features.contract import Kind
from pipeline.config import Config
from pipeline.engines import quoted
from pipeline.sources.casts import is_text, raw_name
from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.sources.staging import MappedPart
from pipeline.wording import counted

THREE_DECIMALS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
"""The currencies of ISO 4217 that have three decimals."""


def thousands_as_decimals(seen: Seen, config: Config) -> Iterator[Finding]:
    """Files in which every fraction of the amounts has exactly three digits.

    Not where an amount rules thousands out: 0.125, 1250.000, or 1250 without any sign.
    """
    if getattr(seen.source, "thousands", None) or _has_three_decimals(seen, config):
        return
    sign = seen.source.decimal
    group = rf"[^0-9]*[1-9]\d{{0,2}}\{sign}\d{{3}}[^0-9]*"
    for column in (c for c in seen.table.columns if c.kind is Kind.MONEY):
        raw = quoted(raw_name(column.name))
        fits = f"regexp_full_match({raw}, '{group}')"
        small = f"NOT contains({raw}, '{sign}') AND length(trim({raw}, ' +-')) < 4"
        for part in _files_with_text(seen, column.name):
            rows = f"FROM ({seen.staging.typed(part)}) WHERE {raw} IS NOT NULL"
            if seen.rows(f"SELECT 1 {rows} AND NOT ({fits} OR ({small})) LIMIT 1"):
                continue
            count = seen.rows(f"SELECT count(*) {rows} AND {fits}")[0][0]
            if not count:
                continue
            file = part.part.files[0].lineage.path if part.part.files else ""
            cents = quoted(column.stored_name)
            other = "." if sign == "," else ","
            yield seen.warning(
                f"{counted(count, 'amount')} with a '{sign}' have exactly three digits behind it, "
                "and none has another number of digits: are these thousands?",
                column.name,
                count,
                seen.examples_of_files(
                    [part], fits, f"concat({raw}, ' read as ', {cents} / 100.0)"
                ),
                f'if they are, set `thousands: "{sign}"` and `decimal: "{other}"` in '
                f'`sources.{seen.name}`; if they are decimals, `thousands: "{other}"` '
                "says so and ends this warning",
                file,
            )


def _files_with_text(seen: Seen, column: str) -> Iterator[MappedPart]:
    """The files, each by itself, that hold the column as text."""
    for part in seen.files():
        source = part.columns.get(column)
        if source is not None and is_text(part.part.types[source]):
            yield part


def _has_three_decimals(seen: Seen, config: Config) -> bool:
    if config.currency in THREE_DECIMALS:
        return True
    if not seen.has("currency"):
        return False
    return any(
        currency in THREE_DECIMALS
        for (currency,) in seen.rows(f"SELECT DISTINCT currency FROM {seen.name}")
    )
