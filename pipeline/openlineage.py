"""OpenLineage events of a job: that it began, and how it ended, with what it read and wrote.

Events of version 2-0-2 of the standard (https://openlineage.io) go to the file that
`OPENLINEAGE_FILE` names, a JSON object a line, and to the server at `OPENLINEAGE_URL`; nowhere if
neither is set. They are a courtesy to others: one that cannot be delivered is a warning, never the
job's end. They hold names, versions and SHA-256, and of an error its kind, because its text may
show rows.
"""

from __future__ import annotations

import json
import os
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

from pipeline.errors import DefectionError
from pipeline.sources.servers import SCHEME, SPARK
from pipeline.version import released_version

FILE_VARIABLE, URL_VARIABLE = "OPENLINEAGE_FILE", "OPENLINEAGE_URL"
KEY_VARIABLE, NAMESPACE_VARIABLE = "OPENLINEAGE_API_KEY", "OPENLINEAGE_NAMESPACE"
ENDPOINT = "api/v1/lineage"
TIMEOUT_SECONDS = 3

_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_VERSION = f"{_FACETS}/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
_ERROR = f"{_FACETS}/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"

Event = dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    """Something that a job reads or writes; version: a file's SHA-256, or a model's number."""

    namespace: str
    name: str
    version: str

    def told(self, producer: str) -> Event:
        """As the standard has it."""
        version = {"_producer": producer, "_schemaURL": _VERSION, "datasetVersion": self.version}
        return {"namespace": self.namespace, "name": self.name, "facets": {"version": version}}


@dataclass
class Datasets:
    """What a job has read and written, to be filled in before it ends."""

    inputs: list[DataSet] = field(default_factory=list)
    outputs: list[DataSet] = field(default_factory=list)


def file(path: Path, sha256: str) -> DataSet:
    """A file."""
    return DataSet("file", os.path.normpath(path.absolute()), sha256)


def model(name: str, version: int) -> DataSet:
    """A version of a registered model."""
    return DataSet("mlflow", f"models:/{name}", str(version))


def sources_read(config: Path, sources: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[DataSet]:
    """The files of all sources, and what was read from servers.

    config: the config's file, which their paths are relative to. sources: see
    `pipeline.sources.load.Sources.lineage`.
    """
    found = []
    for source in (source for files in sources.values() for source in files):
        written = source["path"]
        if written.startswith(SCHEME):
            found.append(DataSet("postgresql", written.removeprefix(SCHEME), source["sha256"]))
            continue
        if written.startswith(SPARK):
            found.append(DataSet("spark", written.removeprefix(SPARK), source["sha256"]))
            continue
        if "://" in written:
            scheme, _, rest = written.partition("://")
            host, _, path = rest.partition("/")
            found.append(DataSet(f"{scheme}://{host}", f"/{path}", source["sha256"]))
            continue
        place = Path() if written.startswith("${") else config.parent
        found.append(file(place / os.path.expandvars(written), source["sha256"]))
    return found


@contextmanager
def told(job: str, warn: Callable[[str], None]) -> Iterator[Datasets]:
    """Tell that a job begins, and how it ends; an error goes on.

    job: its name. warn: takes a warning, at most one.
    """
    deliver = _Delivery(warn)
    data = Datasets()
    if not deliver.wanted:
        yield data
        return
    run_id = str(uuid.uuid4())

    def tell(kind: str, facets: Event | None = None) -> None:
        deliver(_event(kind, run_id, job, data, facets or {}))

    tell("START")
    try:
        yield data
    except KeyboardInterrupt:
        tell("ABORT")
        raise
    except BaseException as error:
        tell("FAIL", {"errorMessage": _error(error)})
        raise
    tell("COMPLETE")


def _event(kind: str, run_id: str, job: str, data: Datasets, facets: Event) -> Event:
    producer = _producer()
    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "producer": producer,
        "schemaURL": _SPEC,
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": os.environ.get(NAMESPACE_VARIABLE) or "defection", "name": job},
        "inputs": [dataset.told(producer) for dataset in data.inputs],
        "outputs": [dataset.told(producer) for dataset in data.outputs],
    }


def _producer() -> str:
    return f"urn:defection-risk:{released_version()}"


def _error(error: BaseException) -> Event:
    code = f", exit code {error.exit_code}" if isinstance(error, DefectionError) else ""
    return {
        "_producer": _producer(),
        "_schemaURL": _ERROR,
        "message": type(error).__name__ + code,
        "programmingLanguage": "PYTHON",
    }


class _Delivery:
    """Delivers events; a place that has failed is not tried again, lest it hold the job up."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._warned = False
        ways = {FILE_VARIABLE: _append, URL_VARIABLE: _post}
        self._ways = {name: way for name, way in ways.items() if os.environ.get(name)}

    @property
    def wanted(self) -> bool:
        return bool(self._ways)

    def __call__(self, event: Event) -> None:
        text = json.dumps(event)
        for variable, way in [*self._ways.items()]:
            try:
                way(os.environ[variable], text)
            except (OSError, ValueError, HTTPException) as error:
                del self._ways[variable]
                self._complain(variable, error)

    def _complain(self, variable: str, error: Exception) -> None:
        if self._warned:
            return
        self._warned = True
        # Not its text, which may hold the address with a password.
        self._warn(
            f"OpenLineage events cannot be delivered to what {variable} names "
            f"({type(error).__name__}); the job goes on without them. Correct it, or unset it."
        )


def _append(path: str, text: str) -> None:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a", encoding="utf-8") as file:
        file.write(text + "\n")  # in one piece, so that two jobs at once do not mix theirs


def _post(address: str, text: str) -> None:
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("no address of the web")
    head = {"Content-Type": "application/json"}
    if key := os.environ.get(KEY_VARIABLE):
        head["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"{address.rstrip('/')}/{ENDPOINT}", text.encode(), head)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass
