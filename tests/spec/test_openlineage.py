"""OpenLineage: what is told of a job, and that no listener can harm it."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline import openlineage
from pipeline.errors import DataError


class Listener:
    """A server on loopback that keeps what it is sent."""

    def __init__(self, status: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        self.keys: set[str | None] = set()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.events.append(json.loads(body))
                listener.paths.add(self.path)
                listener.keys.add(self.headers["Authorization"])
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def listening(status: int = 201) -> Iterator[Listener]:
    listener = Listener(status)
    thread = threading.Thread(target=listener.server.serve_forever)
    thread.start()
    try:
        yield listener
    finally:
        listener.server.shutdown()
        listener.server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FILE", "URL", "API_KEY", "NAMESPACE"):
        monkeypatch.delenv(f"OPENLINEAGE_{name}", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def require_the_standards_fields(event: dict[str, Any]) -> None:
    """What version 2-0-2 of the standard requires of a RunEvent, its datasets and its facets."""
    assert {"eventTime", "producer", "schemaURL", "run", "job"} <= event.keys()
    assert event["eventType"] in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert event["schemaURL"] == (
        "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    )
    assert event["producer"].startswith("urn:defection-risk:")
    assert str(uuid.UUID(event["run"]["runId"])) == event["run"]["runId"]
    assert event["job"]["namespace"] and event["job"]["name"]
    facets = [*event["run"]["facets"].values()]
    for dataset in (*event["inputs"], *event["outputs"]):
        assert dataset["namespace"] and dataset["name"]
        facets += dataset["facets"].values()
    for facet in facets:
        assert {"_producer", "_schemaURL"} <= facet.keys()


def run(warnings: list[str], error: BaseException | None = None) -> None:
    with openlineage.told("small.score", warnings.append) as data:
        data.inputs = [openlineage.file(Path("/data/orders.csv"), "a" * 64)]
        data.outputs = [openlineage.model("small", 3)]
        if error is not None:
            raise error


def test_a_job_that_is_done_is_told_to_the_server_and_the_file(monkeypatch, tmp_path) -> None:
    path, warnings = tmp_path / "lineage" / "events.jsonl", []
    with listening() as listener:
        monkeypatch.setenv("OPENLINEAGE_URL", listener.url + "/")
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "key")
        monkeypatch.setenv("OPENLINEAGE_FILE", str(path))
        run(warnings)
        run(warnings)
    assert warnings == []
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert written == listener.events
    for event in written:
        require_the_standards_fields(event)
    assert [event["eventType"] for event in written] == ["START", "COMPLETE"] * 2
    runs = [event["run"]["runId"] for event in written]
    assert runs[0] == runs[1] != runs[2] == runs[3]
    assert listener.paths == {"/api/v1/lineage"} and listener.keys == {"Bearer key"}
    assert written[0]["inputs"] == written[0]["outputs"] == []
    (read,), (made,) = written[1]["inputs"], written[1]["outputs"]
    assert (read["namespace"], read["name"]) == ("file", "/data/orders.csv")
    assert read["facets"]["version"]["datasetVersion"] == "a" * 64
    assert (made["namespace"], made["name"]) == ("mlflow", "models:/small")
    assert made["facets"]["version"]["datasetVersion"] == "3"
    assert written[0]["job"] == {"namespace": "defection", "name": "small.score"}


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (DataError("row 3: Anna Muster"), "FAIL", "DataError, exit code 65"),
        (ZeroDivisionError("division"), "FAIL", "ZeroDivisionError"),
        (KeyboardInterrupt(), "ABORT", None),
    ],
)
def test_a_job_that_fails_is_told_without_what_its_error_shows(
    monkeypatch, tmp_path, error, kind, says
) -> None:
    path = tmp_path / "events.jsonl"
    monkeypatch.setenv("OPENLINEAGE_FILE", str(path))
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "nightly")
    with pytest.raises(type(error)):
        run([], error)
    start, end = (json.loads(line) for line in path.read_text().splitlines())
    require_the_standards_fields(end)
    assert (start["eventType"], end["eventType"]) == ("START", kind)
    assert end["job"]["namespace"] == "nightly"
    assert end["run"]["facets"].get("errorMessage", {}).get("message") == says
    assert "Anna" not in path.read_text()


def refusing() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    "url",
    [pytest.param(refusing(), id="refusing"), "http://[", "file:///etc", "nonsense", "http://"],
)
def test_a_server_that_cannot_be_reached_is_one_warning(monkeypatch, tmp_path, url) -> None:
    path, warnings = tmp_path / "events.jsonl", []
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    monkeypatch.setenv("OPENLINEAGE_FILE", str(path))
    run(warnings)
    (warning,) = warnings
    assert "OPENLINEAGE_URL" in warning and "secret" not in warning
    assert len(path.read_text().splitlines()) == 2


def test_a_server_that_fails_or_never_answers_holds_nobody_up_twice(monkeypatch) -> None:
    warnings: list[str] = []
    with listening(500) as listener:
        monkeypatch.setenv("OPENLINEAGE_URL", listener.url)
        run(warnings)
    assert len(warnings) == 1 and len(listener.events) == 1
    monkeypatch.setattr(openlineage, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        run(warnings)
    assert 0.2 <= time.monotonic() - began < 2
    assert len(warnings) == 2 and "TimeoutError" in warnings[1]


def test_a_file_that_cannot_be_written_is_one_warning(monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OPENLINEAGE_FILE", str(tmp_path / "file" / "events.jsonl"))
    warnings: list[str] = []
    run(warnings)
    assert len(warnings) == 1 and "OPENLINEAGE_FILE" in warnings[0]


def test_nothing_is_told_where_nobody_asked(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    run([])
    assert [*tmp_path.iterdir()] == []


def test_paths_are_those_of_the_config_or_of_whoever_set_the_variable(
    monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("DATA", "exports/orders.csv")
    monkeypatch.chdir(tmp_path)
    sources = {"orders": [{"path": path, "sha256": "x"} for path in ("../o.csv", "${DATA}", "/o")]}
    found = openlineage.sources_read(Path("/project/configs/mine.yaml"), sources)
    assert [dataset.name for dataset in found] == [
        "/project/o.csv",
        str(tmp_path / "exports/orders.csv"),
        "/o",
    ]


def test_a_source_on_a_server_is_named_by_its_variable_and_not_by_what_is_in_it(
    monkeypatch,
) -> None:
    monkeypatch.setenv("SALES_URL", "postgresql://me:secret@server/db")
    sources = {"orders": [{"path": "postgresql:SALES_URL/sales.lines", "sha256": "x"}]}
    (found,) = openlineage.sources_read(Path("/project/configs/mine.yaml"), sources)
    assert (found.namespace, found.name) == ("postgresql", "SALES_URL/sales.lines")
