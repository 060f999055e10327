"""`score --dry-run`: what a real run would do, and nothing done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from project import FIRST_LIST

from pipeline.errors import CannotWrite
from pipeline.locks import exclusive
from pipeline.output_files import require_writable

AS_OF = "2025-12-24"


def contents(folder: Path) -> dict[Path, bytes]:
    """Everything that lies in a project, the MLflow store and the locks included."""
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def test_it_says_what_a_real_run_then_does_and_writes_nothing(trained) -> None:
    before = contents(trained.folder)
    with exclusive(trained.scores / ".lock", "publishing in a test"):
        dry = trained.defection("score", "--as-of", AS_OF, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert contents(trained.folder) == before

    place = f"out/scores/as_of={AS_OF}/model_version=1/revision=1"
    said = dry.stdout.splitlines()
    assert f"Would write {place}" in said
    assert "  model         version 1 of small" in said
    days = sorted(day.name for day in trained.scores.glob("as_of=*"))
    newest = [day for day in days if day < f"as_of={AS_OF}"][-1]
    assert any(f"  list before   out/scores/{newest}/model_version=1/" in line for line in said)

    assert trained.defection("score", "--as-of", AS_OF).returncode == 0
    manifest = json.loads((trained.folder / place / "manifest.json").read_text())
    files = {file.name for file in (trained.folder / place).iterdir()}
    start = said.index(f"Would write {place}") + 1
    assert {line.strip() for line in said[start : start + len(files)]} == files
    accounts = manifest["rows"]["scores"]
    assert f"Would score {accounts} accounts" in said
    for name, (file,) in manifest["inputs"]["sources"].items():
        (line,) = (line for line in said if line.startswith(f"  {name} "))
        assert said[said.index(line) + 1] == f"    {file['path']}"
    assert "complete until 2025-12-3" in dry.stdout

    published = contents(trained.folder)
    again = trained.defection("score", "--as-of", AS_OF, "--dry-run")
    assert again.returncode == 0
    assert f"already published, from the same inputs: {place}" in again.stdout
    assert contents(trained.folder) == published


def test_changed_inputs_would_be_a_further_revision(trained) -> None:
    trained.change(scoring={"call_capacity": 17})
    dry = trained.defection("score", "--as-of", FIRST_LIST, "--dry-run")
    place = f"as_of={FIRST_LIST}/model_version=1"
    assert f"Would write out/scores/{place}/revision=2\n" in dry.stdout


def test_the_table_of_the_database_is_named_and_not_written(trained, monkeypatch) -> None:
    monkeypatch.setenv("SCORES_URL", "host=/nowhere password=secret")
    trained.change(scoring={"postgresql": {"url_variable": "SCORES_URL", "table": "risks"}})
    dry = trained.defection("score", "--as-of", AS_OF, "--dry-run")
    replay = trained.defection("score", "--as-of", "2025-06-01", "--dry-run", "--replay")
    assert dry.returncode == 0, dry.stderr
    assert f"rows of {AS_OF} and version 1 in the table risks" in dry.stdout
    assert "SCORES_URL" in dry.stdout and "secret" not in dry.stdout
    assert replay.returncode == 0, replay.stderr
    assert "Would write out/replays/as_of=2025-06-01" in replay.stdout
    assert "risks" not in replay.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--as-of", "2026-03-01"), 65, "orders is complete until 2025-12-3"),
        (("--as-of", AS_OF, "--model", "chempion"), 78, "champion"),
        (("--as-of", "2025-06-01"), 78, "would use the future"),
        (("--as-of", "yesterday"), 64, "not a date"),
    ],
)
def test_it_ends_as_a_real_run_would(trained, arguments, code, said) -> None:
    before = contents(trained.folder)
    for further in ((), ("--dry-run",)):
        done = trained.defection("score", *arguments, *further)
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr
    if trained.refused.exists():  # by the real run, for `status`
        trained.refused.unlink()
    assert contents(trained.folder) == before


def test_a_source_that_the_model_needs_and_a_folder_that_cannot_be_are_told(trained) -> None:
    config = trained.config.read_text()
    sources = {"orders": {"path": str(_path_of_orders(config))}}
    try:
        trained.change(sources=sources)
        lost = [trained.defection("score", "--as-of", AS_OF, *dry) for dry in ((), ("--dry-run",))]
        trained.config.write_text(config)
        trained.change(output="config.yaml")
        barred = [
            trained.defection("score", "--as-of", AS_OF, *dry) for dry in ((), ("--dry-run",))
        ]
    finally:
        trained.config.write_text(config)
    assert [done.returncode for done in lost] == [78, 78]
    assert [done.stderr for done in lost] == [lost[0].stderr] * 2
    assert [done.returncode for done in barred] == [73, 73]


def test_looking_whether_a_folder_can_be_written_makes_nothing(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    require_writable(tmp_path / "not" / "yet")
    with pytest.raises(CannotWrite, match="a part of the path is a file"):
        require_writable(tmp_path / "file" / "scores")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def _path_of_orders(config: str) -> Path:
    import yaml

    return Path(yaml.safe_load(config)["sources"]["orders"]["path"])
