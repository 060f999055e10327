"""What went into a run: the tags and records that every run has, whatever it measures."""

from __future__ import annotations

import hashlib

from features.catalogue import catalogue
from pipeline.config import Config
from pipeline.sources import Sources
from pipeline.tracking.runs import Run
from pipeline.training.preparation import Prepared
from pipeline.version import code_version, git_commit, lock_digest


def input_tags(config: Config, sources: Sources) -> dict[str, str]:
    """By which code, packages and config, from which data, and of which label."""
    digests = sorted(
        f"{name} {file.sha256}" for name, table in sources.tables.items() for file in table.lineage
    )
    return {
        "code_version": code_version(),
        **git_commit(),
        **lock_digest(),
        "config_sha256": config.digest(),
        "data_sha256": hashlib.sha256("\n".join(digests).encode()).hexdigest(),
        "label": config.label.definition,
        "ranking": config.ranking,
        "horizon_days": str(config.label.horizon_days),
    }


def log_inputs(run: Run, config: Config, prepared: Prepared) -> None:
    """What went in: choices, sources and features."""
    table = prepared.table
    run.params(config.flat())
    run.params(
        {
            "data.rows": len(table.frame),
            "data.accounts": table.frame["account_id"].nunique(),
            "data.features": len(table.selection.features),
            "data.immature_snapshots": len(prepared.immature),
            "data.until": prepared.until or "everything known",
            **{
                f"data.{name}.{fact}": value
                for name, loaded in prepared.sources.tables.items()
                for fact, value in (
                    ("rows", loaded.rows),
                    ("quarantined", loaded.quarantined),
                    ("complete_until", loaded.complete_until),
                )
            },
        }
    )
    for name, loaded in prepared.sources.tables.items():
        for file in loaded.lineage:
            run.dataset(name, file.path, file.sha256, loaded.rows)
    run.json("config.json", config.as_written())
    run.json("feature_definitions.json", table.selection.definitions())
    run.json("validation.json", prepared.sources.report.to_json(examples=False))
    run.json("lineage.json", prepared.sources.lineage())
    run.json("features_left_out.json", dict(table.selection.left_out))
    run.text(
        "feature_catalogue.md", catalogue(config.feature_families, config.features.windows_days)
    )
    mappings = [source.sql for source in config.sources.values() if source.sql]
    own = config.features.own_families
    families = [own[name] for name in config.features.families if name in own]
    for path in (config.path, *mappings, *families):
        run.file(path, "config")
