"""The rows that were set aside, kept as files for whoever corrects them at the source."""

from __future__ import annotations

from pathlib import Path

from pipeline.engines import quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.output_files import write_parquet
from pipeline.refusals import writing
from pipeline.sources.findings import Report


def write_quarantine(engine: DuckDBEngine, report: Report, output: Path) -> None:
    """Write `validation/quarantine_<table>.parquet` under `output`, in place of older ones.

    Their rows are as the source has them, with the reason, the file and the row in it.
    """
    folder = output / "validation"
    names = {f"quarantine_{table.name}" for table in report.tables if table.quarantined}
    for name in sorted(names):
        write_parquet(folder / f"{name}.parquet", engine.frame(f"SELECT * FROM {quoted(name)}"))
    with writing(folder):
        for old in folder.glob("quarantine_*.parquet"):
            if old.stem not in names:
                old.unlink(missing_ok=True)  # another job may be faster
