"""Which column of a source is which of the contract's, and what is missing or left over."""

from __future__ import annotations

from collections.abc import Mapping

from features.contract import Table
from pipeline.sources.findings import Finding, Severity
from pipeline.sources.reading import Origin, Part
from pipeline.sources.staging import MappedPart
from pipeline.wording import counted, listed, nearest, shortened


def map_columns(
    table: Table, origin: Origin, named: Mapping[str, str]
) -> tuple[tuple[MappedPart, ...], list[Finding]]:
    """The columns of each part, and what is wrong with them.

    named: the contract's name of a column: the source's, as configured; a column that it does not
    name is found under the contract's own name.
    """
    parts = tuple(
        MappedPart(
            part,
            {
                name: named.get(name, name)
                for name in table.names
                if named.get(name, name) in part.types
            },
        )
        for part in origin.parts
    )
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
    findings += _left_over(table, origin, parts)
    return parts, findings


def _missing(
    table: Table, origin: Origin, mapped: MappedPart, named: Mapping[str, str]
) -> list[Finding]:
    findings = []
    for name in table.names:
        wanted = named.get(name, name)
        if name in mapped.columns or (name not in named and not table.column(name).required):
            continue
        free = [source for source in mapped.part.types if source not in mapped.columns.values()]
        near = nearest(wanted, free)
        near = shortened(near) if near else None
        what = f"there is no column '{shortened(wanted)}'"
        there = listed(map(shortened, mapped.part.types))
        what += f"; the nearest is '{near}'" if near else f"; there are {there}"
        findings.append(
            Finding(
                Severity.ERROR,
                what if name in named else f"the required column is missing: {what}",
                table.name,
                _file(origin, mapped.part),
                name,
                advice=f"map it in the config: `columns: {{{name}: {near or '...'}}}`"
                if not origin.is_query
                else f"name it in the query: SELECT {near or '...'} AS {name}",
            )
        )
    return findings


def _left_over(table: Table, origin: Origin, parts: tuple[MappedPart, ...]) -> list[Finding]:
    """A warning of columns that nobody reads: perhaps a name is misspelt."""
    used = {source for mapped in parts for source in mapped.columns.values()}
    unused = [s for s in dict.fromkeys(s for m in parts for s in m.part.types) if s not in used]
    if not unused:
        return []
    open_names = [name for name in table.names if all(name not in m.columns for m in parts)]
    near = [(nearest(source, open_names), source) for source in unused]
    hints = [f"{name}: {shortened(source)}" for name, source in near if name]
    advice = f"if meant, map them: `columns: {{{', '.join(hints)}}}`"
    if origin.is_query:
        advice = f"if meant, name them in the query: {', '.join(hints)}"
    return [
        Finding(
            Severity.WARNING,
            f"{counted(len(unused), 'column')} not used: {listed(map(shortened, unused))}",
            table.name,
            origin.name,
            count=len(unused),
            advice=advice if hints else "",
        )
    ]


def _file(origin: Origin, part: Part) -> str:
    return listed((file.lineage.path for file in part.files), 3) if part.files else origin.name
