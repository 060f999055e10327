"""Every file that the program writes, by where it lies; anything else there is not its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.config import Config
from pipeline.monitoring.monitor import MONITOR, PAGE, REPORT
from pipeline.pseudonyms import KEY_FILE
from pipeline.scoring.last_attempt import REFUSED
from pipeline.scoring.publication import (
    LATEST,
    LOCK,
    MANIFEST,
    REPLAYS,
    SCORES,
    TRIALS,
    UNFINISHED,
)
from pipeline.scoring.score import FILES
from pipeline.scratch import PREFIX

ANYTHING = "**"  # at the end of a pattern: all files below
ROOTS = (SCORES, REPLAYS, TRIALS)
MONITORS = (MONITOR, f"{TRIALS}/{MONITOR}")
_PLACE = "as_of=*/model_version=*/revision=*"
_SCRATCH = (f"*{PREFIX}*/{ANYTHING}", f"*/*{PREFIX}*/{ANYTHING}")  # gone with their process


def _publications(root: str, files: Sequence[str]) -> Iterator[str]:
    yield from (f"{root}/{LOCK}", f"{root}/{LATEST}", f"{root}/{UNFINISHED}/{ANYTHING}")
    yield from (f"{root}/{_PLACE}/{name}" for name in files)


OUTPUT = (
    *(pattern for root in ROOTS for pattern in _publications(root, FILES)),
    f"{SCORES}/{REFUSED}",
    *(pattern for root in MONITORS for pattern in _publications(root, (REPORT, PAGE, MANIFEST))),
    KEY_FILE,
    "validation/validation.json",
    "validation/validation.html",
    "validation/quarantine_*.parquet",
    "training_table*.parquet",
    "features_*.parquet",
    "tune/*.jsonl",
    "tune/*.lock",
    f"not_recorded/{ANYTHING}",
    *_SCRATCH,
)
"""Under `output`."""

TRACKING = (
    "mlflow.db",
    "mlflow.db-journal",
    "mlflow.db-wal",
    "mlflow.db-shm",
    "copies/mlflow-*.db",
    f"copies/damaged-*/{ANYTHING}",
    "promotion_history-*.json",
    ".initialise.lock",
    ".promotion.lock",
    ".open_runs/*",
    f"artifacts/{ANYTHING}",
    *_SCRATCH,
)
"""Under `tracking.folder`."""


def strangers(config: Config) -> list[Path]:
    """The files under both folders that the program does not write."""
    output, tracking = config.output.resolve(), config.tracking.folder.resolve()
    return [
        *unknown(output, OUTPUT, within=tracking),
        *unknown(tracking, TRACKING, within=output),
    ]


def unknown(folder: Path, patterns: Sequence[str], within: Path | None = None) -> Iterator[Path]:
    """The files of a folder that no pattern has.

    within: a folder that may lie in it and is looked at by itself.
    """
    aside = within if within != folder and within and within.is_relative_to(folder) else None
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or (aside is not None and path.is_relative_to(aside)):
            continue
        parts = path.relative_to(folder).parts
        if not any(_matches(parts, pattern.split("/")) for pattern in patterns):
            yield path


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if pattern[-1] == ANYTHING:
        pattern = pattern[:-1]
        parts = parts[: len(pattern)] if len(parts) > len(pattern) else ()
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))
