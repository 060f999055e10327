"""Scores one snapshot with a registered model and publishes the result."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.contact_breadth import touches
from features.values import Last
from models import risk_model
from models.risk_model import RiskModel
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.engine import Engine
from pipeline.errors import ConfigError, DataError
from pipeline.scoring.call_list import write_call_list
from pipeline.scoring.publication import Publication, newest_before, publish
from pipeline.scoring.score_table import score_table, shown_values
from pipeline.sources import Sources, load_sources
from pipeline.tables.identity import make_identity_table
from pipeline.tables.training_table import selected_features, snapshot_features
from pipeline.tracking.runs import open_tracking
from pipeline.training.preparation import open_engine
from pipeline.version import code_version


@dataclass(frozen=True)
class Request:
    """Everything that decides what is published."""

    config: Config
    as_of: date
    version: int
    model: RiskModel
    inputs: Mapping[str, Any]


def score(
    config: Config, steps: Steps, as_of: date, model: str = "champion", *, replay: bool = False
) -> Publication:
    """Score the active cohort at `as_of` and publish.

    model: an alias or a version number. replay: allow an `as_of` that the model's training labels
    reach beyond, to rebuild an old list. Errors: ConfigError for an unknown model or an `as_of`
    before the end of its labels, DataError for sources that are stale at `as_of`.
    """
    steps.begin("Finding the model")
    registry = open_tracking(config).registry
    version = registry.resolve(model)
    with tempfile.TemporaryDirectory(prefix="defection-") as folder:
        files = registry.download(version, Path(folder))
        loaded = risk_model.load(files, expected_sha256=version.sha256)
    if as_of < loaded.label_end and not replay:
        raise ConfigError(
            f"Model version {version.version} learned from what happened until "
            f"{loaded.label_end}; scoring {as_of} with it would use the future. "
            "Score a later date, or pass --replay to rebuild an old list knowingly."
        )
    with open_engine(config) as engine:
        steps.begin("Reading the sources")
        sources = load_sources(config, engine)
        _refuse_stale(config, sources, as_of)
        make_identity_table(engine)
        request = Request(
            config,
            as_of,
            version.version,
            loaded,
            {
                "as_of": str(as_of),
                "config_sha256": config.digest(),
                "model_version": version.version,
                "model_sha256": dict(version.sha256),
                "sources": sources.lineage(),
            },
        )
        steps.begin("Scoring and publishing")
        return publish(
            config.output / "scores",
            as_of,
            version.version,
            request.inputs,
            lambda folder: _write(folder, engine, sources, request),
        )


def _refuse_stale(config: Config, sources: Sources, as_of: date) -> None:
    """A silence model takes an extract that ends early for accounts that fell silent."""
    limit = timedelta(days=config.scoring.max_staleness_days)
    midnight = datetime.combine(as_of, time())
    stale = [
        f"{name} is complete until {table.complete_until:%Y-%m-%d %H:%M}"
        for name, table in sources.tables.items()
        if table.is_event and midnight - table.complete_until > limit
    ]
    if stale:
        raise DataError(
            f"The sources are too old to score {as_of}: {'; '.join(stale)}; at most "
            f"{config.scoring.max_staleness_days} days are allowed "
            "(`scoring.max_staleness_days`). In a stale extract every account looks lost. "
            "Extract the data again, or say with `complete_until` how far a source that simply "
            "had no newer rows is complete."
        )


def _write(folder: Path, engine: Engine, sources: Sources, request: Request) -> Mapping[str, Any]:
    """Write all files of a publication but the manifest, and return the manifest's entries."""
    config, as_of = request.config, request.as_of
    selection = selected_features(config, sources)
    last_touch = Last(touches) if "touches" in sources.tables else None
    frame = snapshot_features(engine, config, selection, as_of, besides=shown_values(last_touch))
    if frame.empty:
        raise DataError(
            f"No account has an order in the {config.cohort.days} days before {as_of}: there is "
            "nobody to score. Check the date and `cohort.days`."
        )
    names = [feature.name for feature in selection.features]
    risk = request.model.risk(frame[names].to_numpy(dtype=np.float64), names)
    previous, previous_path = _previous_risk(config, as_of)
    scores = score_table(
        frame,
        risk,
        as_of=as_of,
        horizon_days=config.label.horizon_days,
        bands=config.scoring.bands,
        model_version=request.version,
        previous=previous,
        people=_people(engine, as_of),
    )
    pq.write_table(scores, folder / "scores.parquet")
    features = pa.Table.from_pandas(frame[["account_id", "as_of", *names]], preserve_index=False)
    pq.write_table(features.replace_schema_metadata(), folder / "features.parquet")
    listed = write_call_list(folder / "call_list.csv", scores, config.scoring.call_capacity)
    return {
        "config": config.name,
        "as_of": str(as_of),
        "model": {"name": config.tracking.model_name, "version": request.version},
        "rows": {"scores": scores.num_rows, "call_list": listed},
        "complete_until": {
            name: str(table.complete_until) for name, table in sources.tables.items()
        },
        "previous": previous_path,
        "features_left_out": dict(selection.left_out),
        "columns_without_data": [
            name for name in scores.column_names if scores[name].null_count == scores.num_rows
        ],
        "code_version": code_version(),
    }


def _previous_risk(config: Config, as_of: date) -> tuple[pd.Series, str | None]:
    """The risks published last before `as_of`, by account_id, and where they lie."""
    root = config.output / "scores"
    folder = newest_before(root, as_of)
    if folder is None:
        return pd.Series(dtype="float64"), None
    table = pq.read_table(folder / "scores.parquet", columns=["account_id", "risk"]).to_pandas()
    return table.set_index("account_id")["risk"], folder.relative_to(root).as_posix()


def _people(engine: Engine, as_of: date) -> pd.DataFrame:
    """Name and owner of each account as known at the snapshot; for display only."""
    if not engine.has_table("accounts"):
        return pd.DataFrame({"name": [], "owner_id": []}, dtype="object")
    return engine.frame(
        "SELECT account_id, name, owner_id FROM accounts WHERE NOT deleted AND known_at < ? "
        "AND (superseded_at IS NULL OR superseded_at >= ?) ORDER BY account_id",
        [as_of, as_of],
    ).set_index("account_id")
