"""`score` killed at any moment, and two at once: the short version of `make crash`."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from kill_score import URL, WRITING, Scored, kill_again_and_again
from project import AS_OF, FIRST_LIST, Project
from publications import contents, differences, faults

pytestmark = pytest.mark.slow

KILLS, KILLS_WITH_SINK = 5, 2


@pytest.fixture
def scored(trained: Project, tmp_path: Path) -> Scored:
    """The shared project's model in a project of its own, with one list before."""
    for path in ("config.yaml", "mlflow"):
        copy = shutil.copytree if (trained.folder / path).is_dir() else shutil.copy
        copy(trained.folder / path, tmp_path / path)
    project = Project(tmp_path)
    assert project.defection("score", "--as-of", FIRST_LIST).returncode == 0
    keep = tmp_path / "keep"
    keep.mkdir()
    return Scored(project, keep)


def test_fault_32_a_killed_score_leaves_everything_whole_and_the_next_one_completes(scored) -> None:
    found = kill_again_and_again(scored, KILLS, seed=7)
    assert found.faults == []
    assert sum(found.state.values()) >= KILLS


def test_fault_32_a_score_killed_while_it_writes_to_postgresql_leaves_all_rows_or_none(
    scored, database
) -> None:
    scored.variables[URL] = os.environ[database]
    scored.project.change(scoring={"postgresql": {"url_variable": URL}})
    found = kill_again_and_again(scored, KILLS_WITH_SINK, seed=7, sink=os.environ[database])
    assert found.faults == []


def test_fault_35_of_two_at_once_one_publishes_and_the_other_is_told_who_holds_the_lock(
    scored,
) -> None:
    scored.undisturbed()
    scored.put_back()
    with scored.start() as first:
        assert first.until(WRITING)
        first.send(signal.SIGSTOP)
        second = scored.project.defection("score", "--as-of", AS_OF)
        assert second.returncode == 75
        assert f"Another job is still publishing scores as of {AS_OF}: " in second.stderr
        assert f"process {first.pid}, started 20" in second.stderr
        assert contents(scored.root) == scored.before
        first.send(signal.SIGCONT)
        assert first.end() == 0
    assert [*faults(scored.root, scored.before)] == []
    assert [*differences(scored.folder, scored.keep / "after")] == []
    again = scored.project.defection("score", "--as-of", AS_OF)
    assert again.returncode == 0 and "Already published" in again.stdout


def test_the_check_sees_what_is_not_whole(scored) -> None:
    """A check that cannot fail shows nothing: each fault made by hand is told."""
    scored.undisturbed()
    whole = contents(scored.root)

    def told() -> str:
        return " ".join(faults(scored.root, scored.before))

    assert told() == ""
    manifest = scored.folder / "manifest.json"
    kept = manifest.read_text()
    manifest.unlink()
    assert "half a publication" in told()
    manifest.write_text(json.dumps(json.loads(kept) | {"inputs": {}}))
    assert "the inputs are not those" in told()
    manifest.write_text(kept)
    with (scored.folder / "call_list.csv").open("a") as file:
        file.write("more")
    assert "the files are not those of the manifest" in told()
    assert "call_list.csv has other bytes" in [*differences(scored.folder, scored.keep / "after")]
    (scored.root / "latest.json").write_text('{"path": "as_of=2026-01-01/model_version=9"}')
    assert "which is no publication" in told()
    shutil.rmtree(scored.root / f"as_of={FIRST_LIST}")
    assert "was published before, and is gone" in told()
    scored.put_back()
    assert contents(scored.root) == scored.before != whole
