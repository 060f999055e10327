"""Which runs are open: a job that is killed cannot close its own, so the next job does.

Each open run has a file in a folder beside the store, locked by its process, which the kernel
undoes however that ends; the run carries the file's name as a tag. The file is there before the
run, so a run without its process is always found.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import TryAgain
from pipeline.locks import exclusive

OPENED_TAG = "opened_by"
_FOLDER = ".open_runs"
_LOOK_SECONDS = 30  # that another job's look at a new file may take


@contextmanager
def held(store_folder: Path) -> Iterator[Path]:
    """Hold a new file; its name is the tag of the runs of the block.

    Whoever has closed them removes it; one that stays behind tells the next job of them.
    """
    place = store_folder / _FOLDER / uuid.uuid4().hex
    with exclusive(place, "logging a run", _LOOK_SECONDS):
        yield place


def close_abandoned(client: Any, store_folder: Path, experiment_id: str) -> None:
    """Mark the runs whose process has died as KILLED, and their half-logged models as FAILED."""
    for place in (store_folder / _FOLDER).glob("*"):
        try:
            with exclusive(place, "closing a run that was killed"):
                _close(client, experiment_id, place.name)
                place.unlink(missing_ok=True)
        except TryAgain:  # its process lives
            continue


def _close(client: Any, experiment_id: str, name: str) -> None:
    opened = f"attributes.status = 'RUNNING' AND tags.{OPENED_TAG} = '{name}'"
    for run in client.search_runs([experiment_id], opened):
        of_it = f"source_run_id = '{run.info.run_id}'"
        for model in client.search_logged_models([experiment_id], of_it):
            if model.status == "PENDING":
                client.finalize_logged_model(model.model_id, "FAILED")
        client.set_terminated(run.info.run_id, "KILLED")
