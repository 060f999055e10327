"""The names in a header, and what is likely wrong where they stand elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from pipeline.config import FileOptions
from pipeline.sources.unusable import Unusable
from pipeline.wording import listed, shortened

HEAD = 30
"""Rows at the beginning of a file that are looked at for the header."""
MOST_COLUMNS = 5_000
_RULE = re.compile(r"[\s|+]*[-=_|+\s]{5,}")

Row = Sequence[str]


def header_of(header: Sequence[Row], head: Sequence[Row], options: FileOptions) -> tuple[str, ...]:
    """The names of the columns; those of several rows are joined by a blank.

    header: the rows that `header_row` names. head: the first rows of the file, the header among
    them. A cell without a name is called after its place. Unusable where the header is likely
    elsewhere, or names a column twice.
    """
    if not header or not any(cell.strip() for row in header for cell in row):
        rows = listed(map(str, options.header_row))
        raise Unusable(f"row {rows} holds no names", _header_row(head) or "correct `header_row`")
    if options.header_row == (1,):
        _refuse_lines_above(head)
    names = header[-1] if len(header) == 1 else _joined(header)
    columns = tuple(name if name.strip() else f"column_{n}" for n, name in enumerate(names, 1))
    refuse_twice(columns)
    return columns


def refuse_many(columns: Collection[str]) -> None:
    """Unusable where there are more columns than anybody can mean."""
    if len(columns) > MOST_COLUMNS:
        raise Unusable(
            f"{len(columns):,} columns; at most {MOST_COLUMNS:,} are read",
            "export the columns that are needed; is a line end missing in the header?",
        )


def refuse_twice(columns: Sequence[str]) -> None:
    """Unusable where two columns have one name, but for capitals; or where there are too many."""
    refuse_many(columns)
    lowered = Counter(name.lower() for name in columns)
    twice = sorted({name for name in columns if lowered[name.lower()] > 1})
    if twice:
        raise Unusable(
            f"the header names a column twice (capitals aside): {listed(map(shortened, twice))}",
            "rename or remove one of them",
        )


def row_with(names: Sequence[str], head: Sequence[Row]) -> int | None:
    """The row of the head, from 1, that holds most of the names, if one holds two or all."""
    wanted = {plain_name(name) for name in names}
    counts = [len(wanted & {plain_name(cell) for cell in row}) for row in head]
    most = max(counts, default=0)
    return counts.index(most) + 1 if most >= min(2, len(wanted)) and most else None


def plain_name(name: str) -> str:
    """A name without blanks around it, and with a plain one for any blanks within it."""
    return " ".join(re.sub(r"[\u200b-\u200f\u2060\ufeff]", "", name).split())


def _joined(header: Sequence[Row]) -> list[str]:
    """The name of each column from several rows; a name above stands for those to its right too."""
    width = max(map(len, header))
    filled = []
    for row in header[:-1]:
        cells: list[str] = []
        for place in range(width):
            cell = row[place].strip() if place < len(row) else ""
            cells.append(cell or (cells[-1] if cells else ""))
        filled.append(cells)
    last = [cell.strip() for cell in header[-1]]
    filled.append(last + [""] * (width - len(last)))
    return [" ".join(filter(None, names)) for names in zip(*filled, strict=True)]


def _refuse_lines_above(head: Sequence[Row]) -> None:
    advice = _header_row(head)
    rules = [n for n, row in enumerate(head, 1) if len(row) == 1 and _RULE.fullmatch(row[0])]
    if rules:
        also = f'; or read it with {advice} and `skip_rows: ["---"]`' if advice else ""
        raise Unusable(
            f"it is a printed list and not a table: row {rules[0]} is a line of signs",
            f"export it as a spreadsheet or CSV{also}",
        )
    if advice:
        raise Unusable(
            f"the header is a single column: '{shortened(_first(head[0]))}'",
            f"if it is a title above the table: {advice}",
        )


def _header_row(head: Sequence[Row]) -> str:
    """The option that names the header, where the first row is clearly none; else ""."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in head]
    if not filled or filled[0] > 1:
        return ""
    usual = Counter(count for count in filled if count > 1).most_common(1)
    if not usual:
        return ""
    row = next(n for n, count in enumerate(filled, 1) if count >= usual[0][0])
    return f"`header_row: {row}`"


def _first(row: Row) -> str:
    return next((cell for cell in row if cell.strip()), "")
