"""OpenLineage events of the real command: what was read and written, to the byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from project import AS_OF

from pipeline.config import load_config


def test_a_score_tells_what_it_read_and_wrote_and_a_refused_one_that_it_failed(
    trained, tmp_path
) -> None:
    path = tmp_path / "score_events.jsonl"
    variables = {"OPENLINEAGE_FILE": str(path), "OPENLINEAGE_URL": "http://127.0.0.1:9"}
    done = trained.defection("score", "--as-of", AS_OF, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("OpenLineage events cannot be delivered to what OPENLINEAGE_URL")
    assert len(done.stderr.splitlines()) == 1
    refused = trained.defection("score", "--as-of", "2026-03-01", OPENLINEAGE_FILE=str(path))
    assert refused.returncode == 65

    start, complete, again, fail = (json.loads(line) for line in path.read_text().splitlines())
    kinds = [event["eventType"] for event in (start, complete, again, fail)]
    assert kinds == ["START", "COMPLETE", "START", "FAIL"]
    assert start["run"]["runId"] == complete["run"]["runId"] != again["run"]["runId"]
    assert complete["job"]["name"] == "small.score"
    read = {
        data["name"]: data["facets"]["version"]["datasetVersion"] for data in complete["inputs"]
    }
    assert read.pop("models:/small") == "1"
    sources = load_config(trained.config).sources
    assert {*read} == {str(Path(source.path).absolute()) for source in sources.values()}
    made = {
        data["name"]: data["facets"]["version"]["datasetVersion"] for data in complete["outputs"]
    }
    folder = trained.scores / f"as_of={AS_OF}" / "model_version=1" / "revision=1"
    assert {*made} == {str(file) for file in folder.iterdir() if file.name != "manifest.json"}
    for name, digest in (read | made).items():
        assert hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
    assert fail["run"]["facets"]["errorMessage"]["message"] == "DataError, exit code 65"
