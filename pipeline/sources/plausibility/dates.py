"""Dates that nobody meant: long ago, or after the source ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from features.contract import Column, Kind
from pipeline.engines import literal, quoted
from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.wording import counted

FIRST_YEAR = 1990
_FOUNDED = {"opened_on"}  # a customer may well be older
_PLANNED = {"promised_at", "due_at", "left_on", "as_of"}  # may lie ahead
_A_YEAR = timedelta(days=366)


def odd_dates(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """Dates before 1990, and dates after the end of the source that are no plans.

    What follows an event, such as a delivery, may be newer than the last event known: where the
    config does not say how far the source is complete, it has a year.
    """
    for seen in tables.values():
        columns = [
            c
            for c in seen.table.columns
            if c.kind is Kind.TIME and not c.settles and seen.has(c.name)
        ]
        ends = {c.name: end for c in columns if (end := _end(seen, c)) is not None}
        old = {c.name for c in columns} - _FOUNDED
        asked = [
            *(f"count_if({quoted(c)} < TIMESTAMP '{FIRST_YEAR}-01-01')" for c in sorted(old)),
            *(f"count_if({_after(c, ends[c])})" for c in sorted(ends)),
        ]
        if not asked:
            continue
        counts = seen.rows(f"SELECT {', '.join(asked)} FROM {seen.name}")[0]
        for name, count in zip(sorted(old), counts, strict=False):
            if count:
                yield _ancient(seen, name, count)
        for name, count in zip(sorted(ends), counts[len(old) :], strict=True):
            if count:
                yield seen.warning(
                    f"{counted(count, 'date')} after {ends[name]}, up to which the source is "
                    "complete",
                    name,
                    count,
                    seen.examples_as_read(name, _after(name, ends[name])),
                    f"correct them, or set `complete_until` in `sources.{seen.name}` if the "
                    "source goes further; a plan is no event",
                )


def _ancient(seen: Seen, name: str, count: int) -> Finding:
    examples = seen.examples_as_read(name, f"{quoted(name)} < TIMESTAMP '{FIRST_YEAR}-01-01'")
    shown = examples[0].value if examples else ""
    return seen.warning(
        f"{counted(count, 'date')} before {FIRST_YEAR}",
        name,
        count,
        examples,
        f'correct them; if they stand for no date, set `nulls: ["{shown}"]` in '
        f"`sources.{seen.name}`",
    )


def _end(seen: Seen, column: Column) -> datetime | None:
    if column.name in _PLANNED or not seen.table.events:
        return None
    if column.name in ("known_at", seen.table.occurred) or seen.source.complete_until:
        return seen.loaded.complete_until
    try:
        return seen.loaded.complete_until + _A_YEAR
    except OverflowError:
        return None


def _after(name: str, end: datetime) -> str:
    return f"{quoted(name)} > TIMESTAMP {literal(str(end))}"
