"""Which column of a source is which of the contract's, and what is missing or left over."""

from __future__ import annotations

import re
from collections.abc import Mapping

from features.contract import Kind, Table
from pipeline.sources.findings import Finding, Severity
from pipeline.sources.headers import plain_name, row_with
from pipeline.sources.reading import Origin, Part
from pipeline.sources.staging import MappedPart
from pipeline.sources.workbooks import DIGITS
from pipeline.wording import as_yaml, counted, listed, nearest, shortened

_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def map_columns(
    table: Table, origin: Origin, named: Mapping[str, str | None]
) -> tuple[tuple[MappedPart, ...], list[Finding]]:
    """The columns of each part, and what is wrong with them.

    named: the contract's name of a column: the source's, as configured, None for a column to leave
    out; a column that it does not name is found under the contract's own name.
    """
    parts = tuple(MappedPart(part, _mapped(table, part, named)) for part in origin.parts)
    findings: list[Finding] = []
    for mapped in parts:
        findings += _missing(table, origin, mapped, named)
    everywhere = {name for mapped in parts for name in mapped.columns}
    for mapped in parts:
        findings += [
            Finding(
                Severity.ERROR,
                "other files of this source have the column, this one does not",
                table.name,
                _file(origin, mapped.part),
                name,
                advice="export all files with the same columns",
            )
            for name in table.names
            if name in everywhere - mapped.columns.keys()
            and not table.column(name).required
            and name not in named
        ]
    findings += _left_over(table, origin, parts, named)
    for mapped in parts:
        findings += _stored_as_numbers(table, mapped)
    return parts, findings


def _mapped(table: Table, part: Part, named: Mapping[str, str | None]) -> dict[str, str]:
    """The source's name of each column that the part has.

    Blanks around a name, and which blanks stand in it, do not count: nobody sees them.
    """
    plain: dict[str, list[str]] = {}
    for source in part.types:
        plain.setdefault(plain_name(source), []).append(source)
    columns = {}
    for name in table.names:
        wanted = named.get(name, name)
        if wanted is None:
            continue
        alike = plain.get(plain_name(wanted), [])
        if wanted in part.types:
            columns[name] = wanted
        elif len(alike) == 1 and part.files:
            columns[name] = alike[0]
    return columns


def _stored_as_numbers(table: Table, mapped: MappedPart) -> list[Finding]:
    """A warning of ids that a workbook stores as numbers, where digits are likely to be lost."""
    findings = []
    for name, source in mapped.columns.items():
        if table.column(name).kind is not Kind.ID:
            continue
        for file in mapped.part.files:
            shortest, longest = file.lengths.get(source, (0, 0))
            if longest > DIGITS:
                what = f"stored as numbers of {longest} digits, of which a workbook keeps {DIGITS}"
            elif shortest < longest:
                what = (
                    f"stored as numbers of {shortest} to {longest} digits: zeros before them, if "
                )
                what += "there were any, are lost"
            else:
                continue
            findings.append(
                Finding(
                    Severity.WARNING,
                    what,
                    table.name,
                    file.lineage.path,
                    name,
                    advice="format the column as text before the ids are filled in, or export CSV",
                )
            )
    return findings


def _missing(
    table: Table, origin: Origin, mapped: MappedPart, named: Mapping[str, str | None]
) -> list[Finding]:
    findings = []
    for name in table.names:
        wanted = named.get(name, name)
        if name in mapped.columns or (name not in named and not table.column(name).required):
            continue
        if wanted is None:
            if table.column(name).required:
                findings.append(
                    Finding(
                        Severity.ERROR,
                        "the column is required, so it cannot be left out",
                        table.name,
                        origin.name,
                        name,
                        advice=f"name it: `columns: {{{name}: ...}}`",
                    )
                )
            continue
        free = [source for source in mapped.part.types if source not in mapped.columns.values()]
        near = nearest(wanted, free)
        near = shortened(near) if near else None
        what = f"there is no column '{shortened(wanted)}'"
        there = listed(map(shortened, mapped.part.types))
        what += f"; the nearest is '{near}'" if near else f"; there are {there}"
        advice = _columns(table, named, {name: near or "..."}, "map it in the config")
        head = mapped.part.files[0].head if mapped.part.files else ()
        row = row_with([named.get(name) or name for name in table.names], head)
        if origin.is_query:
            advice = f"name it in the query: SELECT {near or '...'} AS {name}"
        elif row is not None and plain_name(wanted) in map(plain_name, head[row - 1]):
            advice = f"the names stand in row {row}: `header_row: {row}`"
        findings.append(
            Finding(
                Severity.ERROR,
                what if name in named else f"the required column is missing: {what}",
                table.name,
                _file(origin, mapped.part),
                name,
                advice=advice,
            )
        )
    return findings


def _left_over(
    table: Table,
    origin: Origin,
    parts: tuple[MappedPart, ...],
    named: Mapping[str, str | None],
) -> list[Finding]:
    """A warning of columns that nobody reads, but for those left out: a name may be misspelt."""
    left_out = {name for name, source in named.items() if source is None}
    used = {source for mapped in parts for source in mapped.columns.values()}
    folders = {name for mapped in parts for file in mapped.part.files for name in file.partitions}
    there = dict.fromkeys(source for mapped in parts for source in mapped.part.types)
    unused = [
        source
        for source in there
        if source not in used | folders and plain_name(source) not in left_out
    ]
    if not unused:
        return []
    open_names = [
        name
        for name in table.names
        if name not in left_out and all(name not in m.columns for m in parts)
    ]
    near = [(nearest(source, open_names), source) for source in unused]
    hints = {name: shortened(source) for name, source in near if name}
    advice = "nothing to do if none of them is needed"
    if hints:
        advice = _columns(table, named, hints, "if meant, map them")
        if origin.is_query:
            shown = ", ".join(f"{source} AS {name}" for name, source in hints.items())
            advice = f"if meant, name them in the query: SELECT {shown}"
    return [
        Finding(
            Severity.WARNING,
            f"{counted(len(unused), 'column')} not used: {listed(map(shortened, unused))}",
            table.name,
            origin.name,
            count=len(unused),
            advice=advice,
        )
    ]


def _columns(
    table: Table, named: Mapping[str, str | None], more: Mapping[str, str], why: str
) -> str:
    """The config's `columns` with more of them, to paste in place of what is there."""
    told = {**named, **more}
    written = (f"{name}: {'null' if of is None else _pasted(of)}" for name, of in told.items())
    where = f" in `sources.{table.name}`" if named else ""
    return f"{why}{where}: `columns: {{{', '.join(written)}}}`"


def _pasted(name: str) -> str:
    """A name as YAML takes it within braces."""
    plain = re.fullmatch(r"[A-Za-z_.][\w.]*( [\w.]+)*", name)
    return name if plain and name.lower() not in _YAML_WORDS else as_yaml(name)


def _file(origin: Origin, part: Part) -> str:
    return listed((file.lineage.path for file in part.files), 3) if part.files else origin.name
