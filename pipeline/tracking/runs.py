"""Runs in MLflow: what was done with which data, and what came out. Never a row, never a name.

The explicit client of MLflow is used throughout, and none of its global state: no active run, no
autologging, no user name of the operating system recorded with every run.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.config import Config
from pipeline.errors import ConfigError, UsageError
from pipeline.locks import exclusive
from pipeline.redaction import without_credentials
from pipeline.refusals import writing
from pipeline.scratch import ScratchFolder
from pipeline.termination import sigterm_as_exit
from pipeline.tracking.open_runs import OPENED_TAG, close_abandoned, closing
from pipeline.tracking.registration import register
from pipeline.tracking.registry import NOT_FINITE_TAG, Registry
from pipeline.tracking.store import Store
from pipeline.tracking.stored_runs import StoredRun, stored_json, stored_run

_BATCH = 100  # values in one request: MLflow's limit for parameters and tags
_DIGEST_LENGTH = 36  # characters of a data set's digest: MLflow's limit
_DEFINITION_SECONDS = 60  # how long to wait while another process creates the experiment


class Tracking:
    """Runs of one experiment and versions of one model, in the store under `folder`.

    Nothing is read, written or imported before the first use; `connect` makes that happen at a
    moment of the caller's choice. config: the file that messages name. debug: let MLflow log.
    """

    def __init__(
        self,
        folder: Path,
        experiment: str,
        model_name: str,
        config: Path | None = None,
        *,
        debug: bool = False,
    ) -> None:
        self._store = Store(folder, config, debug=debug)
        self._experiment = experiment
        self._model_name = model_name
        self.registry = Registry(self._store, model_name)

    @property
    def uri(self) -> str:
        """The tracking URI without credentials, fit to be shown."""
        return self._store.shown

    def connect(self) -> None:
        """Import MLflow and open the store, creating it when it is new; seconds each."""
        self._store.client()

    def state(self) -> str:
        """What the store is, in words; the errors of `Store` where it is damaged."""
        if not self._store.is_own:
            self.connect()
            return f"{self.uri} answers"
        if not self._store.exists():
            return f"nothing in {self._store.folder} yet"
        copies = self._store.file.copies()
        newest = f", the newest {copies[-1].name}" if copies else ""
        return f"{self._store.file.path} is sound; {len(copies)} saved copies{newest}"

    def damaged_copies(self) -> dict[Path, str]:
        """What is wrong with copies of our own file, by copy."""
        return self._store.file.damaged_copies() if self._store.is_own else {}

    def restore(self, copy: str = "") -> list[str]:
        """Repair the store, and let the champion follow the last promotion; what was done.

        copy: the name of a copy of our own file to go back to. Raises as `Store.restore`;
        UsageError for the copy of a server's store.
        """
        if copy and not self._store.is_own:
            raise UsageError(
                f"{self.uri} is no store of ours: restore it where it runs, and leave out --copy."
            )
        said = self._store.restore(copy) if self._store.is_own else []
        return said + self.registry.put_back()

    @contextmanager
    def run(
        self, name: str, tags: Mapping[str, str] | None = None, description: str = ""
    ) -> Iterator[Run]:
        """One run, which ends FINISHED; FAILED by an error; KILLED by SIGTERM, Ctrl-C or an exit.

        So does a run under it that is still open. description: Markdown, shown on the run's page.
        While the run is open SIGTERM ends the program by SystemExit(143), unless the caller has a
        handler of its own. Runs that killed processes left open are closed first, as KILLED.
        """
        client = self._store.client()
        with sigterm_as_exit():
            with self._store.errors():
                experiment_id = self._experiment_id(client)
                close_abandoned(client, self._store.folder, experiment_id)
            with closing(client, self._store.folder, experiment_id) as opened:
                texts = {**(tags or {}), "mlflow.note.content": description, OPENED_TAG: opened}
                given = {key: value for key, value in texts.items() if value}
                with self._store.errors():
                    started = client.create_run(experiment_id, tags=given, run_name=name)
                run = Run(self._store, self._model_name, experiment_id, started.info.run_id, opened)
                yield run
                with self._store.errors():
                    client.set_terminated(run.id, "FINISHED")

    def stored(self, run_id: str) -> StoredRun:
        """What a run of this store has said."""
        return stored_run(self._store, run_id)

    def stored_json(self, run_id: str, path: str) -> Any:
        """A JSON file of a run. MissingInput where it is not there."""
        return stored_json(self._store, run_id, path)

    def reopened(self, run_id: str) -> Run:
        """A finished run, to which what was found out later is added."""
        return Run(self._store, self._model_name, "", run_id)

    def _experiment_id(self, client: Any) -> str:
        """The id of the experiment, which is created when it does not exist."""
        location = self._store.artifact_location
        lock = self._store.folder / ".initialise.lock"
        with exclusive(lock, "creating the MLflow experiment", _DEFINITION_SECONDS):
            found = client.get_experiment_by_name(self._experiment)
            if found is None:
                # The kind decides which columns the UI shows first; without it, those for chats.
                return str(
                    client.create_experiment(
                        self._experiment,
                        artifact_location=location,
                        tags={"mlflow.experimentKind": "custom_model_development"},
                    )
                )
        if found.lifecycle_stage != "active":
            raise ConfigError(
                f"The experiment {self._experiment} was deleted from {self.uri}. Set "
                "tracking.experiment to another name, or restore it: mlflow experiments restore "
                f"--experiment-id {found.experiment_id}"
            )
        return str(found.experiment_id)


def open_tracking(config: Config) -> Tracking:
    """The config's store; nothing is read or written until it is used."""
    settings = config.tracking
    return Tracking(settings.folder, settings.experiment, settings.model_name, config.path)


class Run:
    """One open run. Paths are relative to the run's artifacts and use forward slashes."""

    def __init__(
        self, store: Store, model_name: str, experiment_id: str, run_id: str, opened: str = ""
    ) -> None:
        self.id = run_id
        self._opened = opened
        self._store = store
        self._model_name = model_name
        self._experiment_id = experiment_id
        self._not_finite: set[str] = set()

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters as text, lists and mappings as JSON; 6,000 characters at most."""
        from mlflow.entities import Param

        self._log("params", [Param(key, _text(value)) for key, value in values.items()])

    def metrics(self, values: Mapping[str, float | None], step: int | None = None) -> None:
        """Log measures; "/" in a name groups charts. None is "not applicable" and is left out.

        NaN and infinities are logged as they are, and keep the run's model from being promoted.
        """
        from mlflow.entities import Metric

        known = {key: float(value) for key, value in values.items() if value is not None}
        now = int(time.time() * 1000)
        self._log("metrics", [Metric(key, value, now, step or 0) for key, value in known.items()])
        if unfit := {key for key, value in known.items() if not math.isfinite(value)}:
            self._not_finite |= unfit
            self.tags({NOT_FINITE_TAG: ", ".join(sorted(self._not_finite))})

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags of the run, over what they were."""
        from mlflow.entities import RunTag

        self._log("tags", [RunTag(key, value) for key, value in values.items()])

    def text(self, path: str, text: str) -> None:
        """Store a text file."""
        with self._store.errors():
            self._store.client().log_text(self.id, text, _inside(path))

    def json(self, path: str, value: object) -> None:
        """Store a value as indented JSON with sorted keys; NaN becomes null."""
        self.text(path, json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=False))

    def plots(self, drawn: Mapping[str, bytes]) -> None:
        """Store PNG drawings in the folder `plots`, each under its name."""
        with ScratchFolder() as scratch:
            for name, png in drawn.items():
                path = scratch.path / f"{name}.png"
                with writing(path):
                    path.write_bytes(png)
                self.file(path, "plots")

    def file(self, path: Path, folder: str = "") -> None:
        """Store a copy of a local file under its own name, in `folder` of the artifacts."""
        with self._store.errors():
            within = _inside(folder) if folder else None
            self._store.client().log_artifact(self.id, str(path), within)

    def dataset(
        self, name: str, source: str, digest: str, rows: int, context: str = "training"
    ) -> None:
        """Record which data went in; the data themselves are not stored.

        source: a file name or an address; credentials are cut out. digest: SHA-256 in hex of all
        of it. MLflow keeps 36 characters of a digest: it gets the first, and the whole stands in
        the data set's profile and in the tag "sha256" of this use of it.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(
            name=name,
            digest=digest[:_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": without_credentials(source)}),
            profile=json.dumps({"num_rows": rows, "sha256": digest}),
        )
        tags = [InputTag("mlflow.data.context", context), InputTag("sha256", digest)]
        with self._store.errors():
            self._store.client().log_inputs(self.id, datasets=[DatasetInput(data, tags)])

    def child(
        self, name: str, params: Mapping[str, object], metrics: Mapping[str, float | None]
    ) -> None:
        """A finished run under this one, such as of one split of a back-test."""
        client = self._store.client()
        with self._store.errors():
            tags = {"mlflow.parentRunId": self.id, OPENED_TAG: self._opened}
            started = client.create_run(self._experiment_id, tags=tags, run_name=name)
        under = Run(self._store, self._model_name, self._experiment_id, started.info.run_id)
        under.params(params)
        under.metrics(metrics)
        with self._store.errors():
            client.set_terminated(under.id, "FINISHED")

    def register(
        self,
        model_folder: Path,
        signature_columns: Sequence[str],
        description: str,
        tags: Mapping[str, str] | None = None,
    ) -> int:
        """Register the trained model's native files as a new version, and propose it.

        model_folder: as the model saved itself. signature_columns: its features in order.
        description: Markdown, the version's page. Returns the version, now alias `challenger`.
        """
        return register(
            self._store,
            self._model_name,
            self.id,
            self._experiment_id,
            model_folder,
            signature_columns,
            description,
            tags or {},
        )

    def _log(self, kind: str, entities: Sequence[Any]) -> None:
        client = self._store.client()
        with self._store.errors():
            for start in range(0, len(entities), _BATCH):
                client.log_batch(self.id, **{kind: entities[start : start + _BATCH]})


def _inside(path: str) -> str:
    """`path` unless it leaves the run's artifacts."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise ValueError(f"an artifact lies inside its run, and {path!r} does not")
    return str(parts)


def _text(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_plain(value), ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> Any:
    """The value in JSON's types: arrays become lists, NaN and infinities null, the rest text."""
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
