"""Reads every source of a config into the engine as its canonical table, or says all that is wrong.

The order is: files, columns, values, versions, the cut at `known_before`. What cannot be used is
collected as findings, over all tables, before anything is refused; `validate` shows the same
findings as `train` and `score` refuse by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from features.contract import REPS, TABLES
from pipeline.config import Config
from pipeline.engines.duckdb import DuckDBEngine, EngineBroken
from pipeline.errors import DataError
from pipeline.sources.account_choice import check_choices, exclude_accounts
from pipeline.sources.findings import (
    FileLineage,
    Finding,
    LoadedTable,
    Report,
    Severity,
    at_most,
)
from pipeline.sources.one_table import load_table
from pipeline.sources.plausibility import Plausibility
from pipeline.sources.reading import Reader, readable_paths
from pipeline.wording import listed, shortened

__all__ = ["FileLineage", "LoadedTable", "Sources", "load_sources", "read_all", "readable_paths"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Sources:
    """The canonical tables that the engine now holds, and what was found in reading them.

    tables: by name. currency: of all money, None where neither config nor orders say.
    """

    tables: Mapping[str, LoadedTable]
    currency: str | None
    report: Report

    @property
    def absent(self) -> tuple[str, ...]:
        """The canonical tables that the config does not name."""
        return self.report.absent

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is likely a mistake, yet no reason to refuse."""
        return self.report.of(Severity.WARNING)

    @property
    def departures_inferred(self) -> bool:
        """Whether departures of our representatives follow from touches, for want of a source."""
        return "touches" in self.tables and "reps" not in self.tables

    def provided(self) -> dict[str, frozenset[str]]:
        """For each table at hand, its columns that hold what a source said or is inferred."""
        provided = {name: table.provided for name, table in self.tables.items()}
        if self.departures_inferred:
            provided["reps"] = frozenset(REPS.stored())
        return provided

    def lineage(self) -> dict[str, list[dict[str, Any]]]:
        """For each table, the files it was read from: path as written, bytes, sha256."""
        return {
            name: [
                {"path": file.path, "bytes": file.bytes, "sha256": file.sha256}
                for file in table.lineage
            ]
            for name, table in self.tables.items()
        }


def load_sources(
    config: Config,
    engine: DuckDBEngine,
    known_before: date | None = None,
    progress: Progress | None = None,
) -> Sources:
    """Read all sources into the engine as tables of their canonical names.

    known_before: leave out what became known on that day or later, stages and versions included.
    progress: told what is being read. DataError or MissingInput with all that is wrong; TryAgain
    where a file changed meanwhile.
    """
    report = read_all(config, engine, known_before, progress)
    if report.errors:
        raise report.refusal(config.path)
    currencies = _currencies(engine) or ([config.currency] if config.currency else [])
    return Sources(
        {table.name: table for table in report.tables},
        currencies[0] if currencies else None,
        report,
    )


def read_all(
    config: Config,
    engine: DuckDBEngine,
    known_before: date | None = None,
    progress: Progress | None = None,
    plausibility: Plausibility | None = None,
) -> Report:
    """Read all sources as far as they can be read, and report everything that is wrong.

    plausibility: looks for what is odd, as well.
    """
    until = None if known_before is None else datetime.combine(known_before, time())
    reader = Reader(config, engine)
    findings: list[Finding] = []
    tables: list[LoadedTable] = []
    try:
        with closing(reader):
            for name in (name for name in TABLES if name in config.sources):
                if progress:
                    progress(f"reading {name}")
                loaded, found = load_table(
                    reader, engine, config, TABLES[name], until, plausibility
                )
                findings += at_most(found)
                if loaded is not None:
                    tables.append(loaded)
            if plausibility is not None:
                findings += plausibility.of_tables()
    except EngineBroken as error:
        said = shortened(str(error).rpartition("Original error: ")[2], 300)
        raise DataError(
            f"{config.path}: sources.{name}: reading it has broken the query engine: {said}\n"
            "Look for values far out of any range; in a `.sql` mapping, take out what is special."
        ) from error
    reader.check_unchanged()
    findings += check_choices(engine, tables, config.accounts)
    tables, found = exclude_accounts(engine, tables, config.accounts.exclude)
    findings += found
    if "orders" in {table.name for table in tables}:
        findings += _one_currency(config, _currencies(engine))
    absent = tuple(name for name in TABLES if name not in config.sources)
    findings += _absences(config, absent)
    return Report(tuple(findings), tuple(tables), absent)


def _currencies(engine: DuckDBEngine) -> list[str]:
    if not engine.has_table("orders"):
        return []
    found = engine.rows(
        "SELECT DISTINCT currency FROM orders WHERE currency IS NOT NULL ORDER BY currency"
    )
    return [currency for (currency,) in found]


def _one_currency(config: Config, found: list[str]) -> list[Finding]:
    if len(found) > 1:
        what = f"several currencies: {listed(found)}"
        advice = (
            "give at the top level of the config `currency: ...`, the one to count in, and "
            "`rates: {path: rates.csv}`, a file with the columns day, currency and rate (what one "
            "of yours costs in it); or convert the amounts in a `.sql` mapping"
        )
    elif found and config.currency and found != [config.currency]:
        what = f"the amounts are in {found[0]}, the config says {config.currency}"
        advice = f"set `currency: {found[0]}`, or convert the amounts in a `.sql` mapping"
    else:
        return []
    return [
        Finding(Severity.ERROR, what, "orders", column="currency", count=len(found), advice=advice)
    ]


def _absences(config: Config, absent: tuple[str, ...]) -> list[Finding]:
    """What the config leaves out, where something follows from it."""
    findings = []
    for name in absent:
        families = [family.name for family in config.feature_families if family.table == name]
        if name == "orders":
            what = "not in the config: nothing can be labelled, trained or scored"
            findings.append(Finding(Severity.WARNING, what, name))
        elif name == "reps" and "touches" not in absent:
            what = "not in the config: departures are inferred from 60 days without any touch"
            findings.append(Finding(Severity.NOTE, what, name))
        elif families:
            what = f"not in the config: the features of {listed(families)} are left out"
            findings.append(Finding(Severity.NOTE, what, name))
    return findings
