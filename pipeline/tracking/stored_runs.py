"""What a finished run has said: read back for those who review it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import MissingInput
from pipeline.scratch import ScratchFolder
from pipeline.tracking.store import Store


@dataclass(frozen=True)
class StoredRun:
    """A run as MLflow keeps it. data: SHA-256 in hex of the files of each data set."""

    id: str
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    data: Mapping[str, frozenset[str]]


def stored_run(store: Store, run_id: str) -> StoredRun:
    """Read a run."""
    with store.errors():
        run = store.client().get_run(run_id)
    data: dict[str, set[str]] = {}
    for use in run.inputs.dataset_inputs:
        digest = next((tag.value for tag in use.tags if tag.key == "sha256"), use.dataset.digest)
        data.setdefault(use.dataset.name, set()).add(digest)
    return StoredRun(
        id=run.info.run_id,
        name=run.info.run_name,
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        data={name: frozenset(digests) for name, digests in data.items()},
    )


def stored_json(store: Store, run_id: str, path: str) -> Any:
    """A JSON file of a run. MissingInput where it is not there."""
    from mlflow.exceptions import MlflowException

    with ScratchFolder() as scratch:
        try:
            with store.errors():
                found = store.client().download_artifacts(run_id, path, str(scratch.path))
        except MlflowException as error:
            raise MissingInput(
                f"Run {run_id} has no {path}: an older version of this program made it, or it was "
                "deleted. Train again: defection train"
            ) from error
        return json.loads(Path(found).read_text(encoding="utf-8"))
