"""Which runs are open: whoever leaves closes its own, and the next job those of a killed one.

Each job has a file in a folder beside the store, locked by its process, which the kernel undoes
however that ends; its runs carry the file's name as a tag. The file is there before the runs, so a
run without its process is always found.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import TryAgain
from pipeline.locks import exclusive
from pipeline.termination import asked_to_end

OPENED_TAG = "opened_by"
_FOLDER = ".open_runs"
_LOOK_SECONDS = 30  # that another job's look at a new file may take


@contextmanager
def closing(client: Any, store_folder: Path, experiment_id: str) -> Iterator[str]:
    """The tag of the runs of the block; those still open when it breaks off are closed.

    As FAILED by an error, as KILLED by SIGTERM, Ctrl-C or an exit. A store that fails as well
    leaves them to the next job.
    """
    with _held(store_folder / _FOLDER) as place:
        try:
            yield place.name
        except BaseException as error:
            killed = isinstance(error, KeyboardInterrupt | SystemExit) or asked_to_end()
            status = "KILLED" if killed else "FAILED"
            try:
                _close(client, experiment_id, place.name, status)
            except Exception as second:  # it must not hide the cause
                error.add_note(f"Nor could its runs be marked {status}: {type(second).__name__}")
            else:
                place.unlink()
            raise
        place.unlink()


def close_abandoned(client: Any, store_folder: Path, experiment_id: str) -> None:
    """Mark the runs whose process has died as KILLED, and their half-logged models as FAILED."""
    for place in (store_folder / _FOLDER).glob("*"):
        try:
            with exclusive(place, "closing a run that was killed"):
                _close(client, experiment_id, place.name, "KILLED")
                place.unlink(missing_ok=True)
        except TryAgain:  # its process lives
            continue


@contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """Hold a new file of the folder."""
    while True:
        place = folder / uuid.uuid4().hex
        with exclusive(place, "logging a run", _LOOK_SECONDS):
            if not place.exists():  # another job found it before it was locked, and removed it
                continue
            yield place
            return


def _close(client: Any, experiment_id: str, name: str, status: str) -> None:
    opened = f"attributes.status = 'RUNNING' AND tags.{OPENED_TAG} = '{name}'"
    for run in client.search_runs([experiment_id], opened):
        of_it = f"source_run_id = '{run.info.run_id}'"
        for model in client.search_logged_models([experiment_id], of_it):
            if model.status == "PENDING":
                client.finalize_logged_model(model.model_id, "FAILED")
        client.set_terminated(run.info.run_id, status)
