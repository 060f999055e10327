"""Dates that fit two of the declared formats, such as 03/02/2025, in files that disagree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from features.contract import Kind
from pipeline.config import Config
from pipeline.engines import literal, quoted
from pipeline.sources.casts import in_format, is_text, plain_text, raw_name
from pipeline.sources.findings import Finding
from pipeline.sources.likely import may_collide
from pipeline.sources.plausibility.seen import Seen
from pipeline.wording import counted


def two_date_orders(seen: Seen, config: Config) -> Iterator[Finding]:
    """Files with dates that two formats read differently, unless others in it fit the first alone.

    The first format that fits is taken, so such dates are right only where the file has that order.
    """
    reading = seen.staging.reading
    for column in (c for c in seen.table.columns if c.kind is Kind.TIME):
        formats = reading.formats_of(column.name)
        pairs = [pair for pair in combinations(formats, 2) if may_collide(*pair)]
        raw = quoted(raw_name(column.name))
        for part in seen.files():
            source = part.columns.get(column.name)
            if source is None or not is_text(part.part.types[source]):
                continue
            for first, second in pairs:
                text = plain_text(raw, reading)
                one, other = (in_format(text, form, reading) for form in (first, second))
                both, of_first, of_second = seen.rows(
                    f"SELECT count_if({one} <> {other}), "
                    f"count_if({one} IS NOT NULL AND {other} IS NULL), "
                    f"count_if({one} IS NULL AND {other} IS NOT NULL) "
                    f"FROM ({seen.staging.typed(part)})"
                )[0]
                if not both or (of_first and not of_second):
                    continue
                file = part.part.files[0].lineage.path if part.part.files else ""
                known = (
                    f"{_fitting(of_second)} only '{second}'"
                    if of_second
                    else "no date of this file shows which one is right"
                )
                yield seen.warning(
                    f"{_fitting(both)} both '{first}' and '{second}', read as the first; {known}",
                    column.name,
                    both,
                    seen.examples_of_files([part], f"{one} <> {other}", raw),
                    _advice(seen, column.name, first, second, file),
                    file,
                )


def _fitting(count: int) -> str:
    return f"{counted(count, 'date')} {'fits' if count == 1 else 'fit'}"


def _advice(seen: Seen, column: str, first: str, second: str, file: str) -> str:
    others = [each.lineage.path for each in seen.origin.files if each.lineage.path != file]
    parsed = "%" in first and "%" in second  # iso, serial days and epochs have no strptime
    if not others or seen.origin.is_query or not parsed:
        return f"if '{second}' is right, declare it alone: `datetime_format: \"{second}\"`"
    rest = others[0] if len(others) == 1 else "..."
    one, other = (
        seen.select({column: f"strptime({{}}, {literal(form)})"}) for form in (first, second)
    )
    return "\n".join(
        (
            f"if '{second}' is right here, read this file by itself, in a `.sql` mapping:",
            f"inputs: {{{seen.name}_rows: {{path: {rest}}}, {seen.name}_apart: {{path: {file}}}}}",
            f"sources: {{{seen.name}: {{sql: {seen.name}.sql}}}}",
            f"{seen.name}.sql: {one} FROM {seen.name}_rows UNION ALL {other} "
            f"FROM {seen.name}_apart",
        )
    )
