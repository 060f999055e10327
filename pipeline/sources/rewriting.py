"""A copy of a CSV file in the one form that the engine reads without error.

Lines above the header and below the rows are left out, lines end in one way, and each row has its
number in the file beside it. It is made only where a look at the bytes says that it is needed.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import FileOptions
from pipeline.sources.findings import MOST_EXAMPLES, Example
from pipeline.sources.unusable import Unusable
from pipeline.wording import as_yaml, counted, shortened

ROW = "_source_row"
"""The column of a copy that holds the number of a row in the file."""
RAGGED = {
    "fewer": "quote values that hold line ends",
    "more": "quote values that hold the delimiter, or set `delimiter`",
}
"""What to do about rows with fewer or more columns than the header."""
_TOTAL = re.compile(
    r"(?i)(grand |sub)?-?(total|sum|summe|gesamt|zwischensumme|somme|totale|suma)\b"
)
LARGEST_FIELD = 1 << 24
"""Characters of a value; a longer one is the rest of a file whose quote does not end."""

Numbered = tuple[int, list[Any]]
"""A row with its number as a spreadsheet counts, from 1."""


@dataclass
class LeftOut:
    """How many rows the config leaves out, by the option that does."""

    skip_rows: int = 0
    footer_rows: int = 0


def rewrite(
    path: Path, copy: Path, delimiter: str, columns: int, above: int, options: FileOptions
) -> LeftOut:
    """Write the rows of a CSV file in UTF-8 to a copy, with a header and commas; what is left out.

    above: lines that are not rows at all, such as `sep=;`. Unusable where a row has more or fewer
    columns than the header.
    """
    csv.field_size_limit(LARGEST_FIELD)
    left_out = LeftOut()
    bad: dict[str, list[Example]] = {}
    counts: dict[str, int] = {}
    with (
        path.open(encoding="utf-8-sig", newline="") as source,
        copy.open("w", encoding="utf-8", newline="") as target,
    ):
        for _ in range(above + options.header_row[0] - 1):
            source.readline()
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*(f"c{place}" for place in range(columns)), ROW])
        try:
            for _ in options.header_row:
                next(reader, None)
            numbered = enumerate(reader, options.header_row[-1] + 1)
            for number, row in body(_without_end_of_file(numbered), options, left_out):
                if len(row) > columns and not any(row[columns:]):
                    del row[columns:]
                if len(row) != columns:
                    kind = "fewer" if len(row) < columns else "more"
                    counts[kind] = counts.get(kind, 0) + 1
                    if len(bad.setdefault(kind, [])) < MOST_EXAMPLES:
                        bad[kind].append(Example(delimiter.join(row), row=number))
                    continue
                writer.writerow([*row, number])
        except csv.Error as error:
            raise Unusable(
                f"line {above + options.header_row[0] - 1 + reader.line_num:,} cannot be read: "
                f"{error}",
                'write quotes within a value as "", and end each quoted value with a quote',
            ) from None
    for kind, examples in bad.items():
        raise Unusable(
            f"{counted(counts[kind], 'row')}: {kind} than the header's {columns} columns",
            ragged_advice(examples[0].value, delimiter) or RAGGED[kind],
            examples=tuple(examples),
            count=counts[kind],
        )
    return left_out


def body(rows: Iterable[Numbered], options: FileOptions, left_out: LeftOut) -> Iterator[Numbered]:
    """The rows without those that the config leaves out, and without empty ones."""
    last: deque[Numbered] = deque()
    for number, row in rows:
        first = next((str(cell) for cell in row if str(cell).strip()), None)
        if first is None and len(row) < 2:
            continue
        if first and options.skip_rows and first.strip().startswith(options.skip_rows):
            left_out.skip_rows += 1
            continue
        last.append((number, row))
        if len(last) > options.footer_rows:
            yield last.popleft()
    left_out.footer_rows = len(last)


def ragged_advice(line: str, delimiter: str) -> str:
    """The option that leaves out a row, where it is clearly a total or a title; else ""."""
    filled = [text for cell in line.split(delimiter) if (text := cell.strip(' "'))]
    if len(filled) != 1 and not (filled and _TOTAL.match(filled[0])):
        return ""
    word = shortened(filled[0], 20).rstrip("\u2026")
    return (
        f"if it is no row, leave it out with `skip_rows: {as_yaml([word])}`, or "
        "`footer_rows: 1` where it is the last"
    )


def _without_end_of_file(rows: Iterable[Numbered]) -> Iterator[Numbered]:
    """Without the control character with which DOS ends a file."""
    before: Numbered | None = None
    for numbered in rows:
        if before is not None:
            yield before
        before = numbered
    if before is not None and before[1]:
        number, row = before
        row[-1] = row[-1].removesuffix("\x1a")
        if row != [""]:
            yield number, row
