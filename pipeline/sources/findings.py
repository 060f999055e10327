"""What reading the sources found: the loaded tables, and every violation of the contract."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from features.contract import UNDATED
from pipeline.errors import DataError, DefectionError, MissingInput
from pipeline.invisible import escaped
from pipeline.wording import counted, shortened

MOST_EXAMPLES = 5
MOST_OF_A_KIND = 20
"""Findings that differ in nothing but their file and what it holds."""


class Severity(StrEnum):
    """error: nothing may be built on this. warning: likely a mistake. note: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Example:
    """One offending value.

    row: as a spreadsheet counts, the header of a CSV file being row 1 and empty lines left out;
    the first row of a Parquet file is row 1. None where a query made the row; then `key` names it.
    """

    value: str
    file: str = ""
    row: int | None = None
    key: str = ""

    def __str__(self) -> str:
        where = f"row {self.row:,}" if self.row is not None else self.key
        return ": ".join(part for part in (where, shortened(self.value)) if part)


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, how often, and what to do about it.

    count: of rows, values or keys, exact; None where counting makes no sense. missing: the thing
    that is wrong is that a file is not there. shown_by_score: a note that matters for a list, too.
    """

    severity: Severity
    what: str
    table: str = ""
    file: str = ""
    column: str = ""
    count: int | None = None
    examples: tuple[Example, ...] = ()
    advice: str = ""
    missing: bool = False
    shown_by_score: bool = False

    def lines(self) -> list[str]:
        """The finding as text, the first line for itself, the others indented."""
        place = ".".join(part for part in (self.table, self.column) if part)
        head = ", ".join(part for part in (place, self.file) if part)
        said = [": ".join(part for part in (self.severity, head, self.what) if part)]
        several = len({example.file for example in self.examples}) > 1
        for example in self.examples:
            said.append(f"    {example.file}, {example}" if several else f"    {example}")
        said = [escaped(line) for line in said]  # names of files, too
        if self.advice:
            first, *further = self.advice.splitlines()
            said += [f"    -> {first}", *(f"       {line}" for line in further)]
        return said


@dataclass(frozen=True)
class FileLineage:
    """One file that a table was read from: its path as the config has it, and its content."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class LoadedTable:
    """A canonical table in the engine.

    rows: that it holds. mapped: the contract's columns that the source has. provided: the loaded
    columns that hold what a source said. quarantined: rows set aside, in `quarantine_<name>`.
    repeated: lines without a key that repeat another exactly. complete_until: wall time up to
    which the source is complete. is_event: its rows are things that happened.
    """

    name: str
    rows: int
    mapped: frozenset[str]
    provided: frozenset[str]
    quarantined: int
    repeated: int
    complete_until: datetime
    lineage: tuple[FileLineage, ...]
    is_event: bool

    @property
    def is_dated(self) -> bool:
        """Whether any of its rows says when it became known."""
        return self.complete_until > UNDATED


@dataclass(frozen=True)
class Report:
    """All findings, the tables that could be loaded, and those that the config does not name."""

    findings: tuple[Finding, ...]
    tables: tuple[LoadedTable, ...]
    absent: tuple[str, ...]

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(found for found in self.findings if found.severity is severity)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings on which nothing may be built."""
        return self.of(Severity.ERROR)

    @property
    def exit_code(self) -> int:
        """66 where a file is missing, 65 where the data break the contract, else 0."""
        if any(found.missing for found in self.errors):
            return MissingInput.exit_code
        return DataError.exit_code if self.errors else 0

    def refusal(self, config: Path) -> DefectionError:
        """All errors as one: what a command that needs the sources stops with."""
        head = f"{config}: {counted(len(self.errors), 'error')} in the sources"
        text = "\n".join([head, *finding_lines(self.errors)])
        return MissingInput(text) if self.exit_code == MissingInput.exit_code else DataError(text)

    def to_json(self, *, examples: bool = True) -> dict[str, Any]:
        """The report as plain values, for `validation.json`.

        examples: with the values that offend, which are not for everybody's eyes.
        """
        left_out = {"missing", "shown_by_score"} | (set() if examples else {"examples"})
        return {
            "errors": len(self.errors),
            "warnings": len(self.of(Severity.WARNING)),
            "notes": len(self.of(Severity.NOTE)),
            "findings": [
                {
                    key: value
                    for key, value in asdict(found).items()
                    if key not in left_out and value not in ("", None, ())
                }
                for found in self.findings
            ],
            "tables": {
                table.name: {
                    "rows": table.rows,
                    "quarantined": table.quarantined,
                    "repeated": table.repeated,
                    "complete_until": table.complete_until.isoformat(sep=" "),
                    "columns": sorted(table.mapped),
                    "files": [asdict(file) for file in table.lineage],
                }
                for table in self.tables
            },
            "absent": list(self.absent),
        }


def at_most(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, of each kind the first 20 and one for the rest."""
    kinds: dict[tuple[str, ...], list[Finding]] = {}
    for found in findings:
        what = re.sub(r"'.*?'|[\d,.]+", "", found.what)
        kinds.setdefault((found.severity, found.table, found.column, what), []).append(found)
    for alike in kinds.values():
        yield from alike[:MOST_OF_A_KIND]
        rest = len(alike) - MOST_OF_A_KIND
        if rest > 0:
            what = f"the same of {counted(rest, 'more file')}: {alike[-1].what}"
            yield replace(alike[-1], what=what, file="", examples=(), count=rest)


def report_lines(report: Report, compared: str = "") -> list[str]:
    """The whole report as plain text lines: tables, findings by severity, and a total.

    compared: what the total says of the sources beside those before.
    """
    said = [
        f"{table.name}: {counted(table.rows, 'row')}"
        + (f", complete until {table.complete_until:%Y-%m-%d %H:%M:%S}" if table.is_dated else "")
        + (f", {table.quarantined:,} quarantined" if table.quarantined else "")
        for table in report.tables
    ]
    for severity in Severity:
        said += finding_lines(report.of(severity))
    total = ", ".join(counted(len(report.of(severity)), severity.value) for severity in Severity)
    said.append(f"{total}; {compared}" if compared else total)
    return said


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """The findings as plain text lines, one after the other."""
    return [line for found in findings for line in found.lines()]
