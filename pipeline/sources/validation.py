"""`validate`: reads the sources, checks the contract, and reports every violation at once."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import MissingInput
from pipeline.sources.findings import Report, report_lines
from pipeline.sources.load import Progress, read_all
from pipeline.sources.plausibility import Plausibility

__all__ = ["Report", "report_lines", "validate"]


def validate(config: Config, engine: DuckDBEngine, progress: Progress | None = None) -> Report:
    """Check all sources, and whether they are plausible.

    The loaded tables and `quarantine_<table>` stay in the engine.
    MissingInput, with everything else that was found, where a file is not there.
    """
    report = read_all(config, engine, progress=progress, plausibility=Plausibility(config))
    if report.exit_code == MissingInput.exit_code:
        raise report.refusal(config.path)
    return report
