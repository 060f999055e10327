"""Every command that writes: killed, ended, without room, and two at once.

The short version of `make crash`; faults 32 to 38 of the catalogue.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
import room
from command_line import DEFECTION, environment
from commands import CHALLENGED, COMMANDS, DATABASE_VARIABLE, EMPTY, Command
from kill_commands import Killed, with_database
from namespaces import WHY_NOT, possible
from project import AS_OF
from publications import contents, differences, faults
from small_worlds import TABLE, World, small_world
from store import Stored
from wholeness import faults as project_faults

from pipeline.scoring.score import FILES

pytestmark = [pytest.mark.crash, pytest.mark.starts_process, pytest.mark.trains]
needs_namespace = pytest.mark.skipif(not possible(), reason=WHY_NOT)

KILLS = 2
FIRST = f"as_of={AS_OF}/model_version=1/revision=1"
BY_TITLE = {command.title: command for command in COMMANDS}
ON_FILES = [title for title, command in BY_TITLE.items() if not command.to_database]
TO_MLFLOW = {"train", "backtest", "promote", "rollback", "restore"}  # and nowhere else
LOGGED = [
    title
    for title, command in BY_TITLE.items()
    if command.world != EMPTY and not command.to_database and title != "score"
]
READ_ONLY = None  # of the bytes that are to spare
WRITES_LITTLE = {"tune"}  # less than the pages that are left
LONG = {  # and the steps in which each is ended; the last writes
    "features": ["Reading the sources"],
    "table": ["Reading the sources", "Building features and labels at 13 snapshots"],
    "train": ["Checking for leakage", "Logging to MLflow", "Writing the review"],
    "tune": ["Trying settings"],
    "backtest": ["Logging to MLflow"],
    "review": ["Writing the review"],
    "score": ["Building the features", "Writing the publication"],
    "monitor": ["Logging to MLflow"],
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A small project in all its states."""
    with small_world() as world:
        yield world


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[World]:
    """The same with a PostgreSQL server."""
    with with_database(world) as there:
        if not there:
            pytest.skip("no PostgreSQL server: apt-get install postgresql")
        yield world


@pytest.fixture(scope="module")
def known(world: World) -> Callable[[str], Killed]:
    """A command by its title, run once undisturbed."""
    found: dict[str, Killed] = {}

    def known(title: str) -> Killed:
        if title not in found:
            found[title] = Killed(world, BY_TITLE[title])
        return found[title]

    return known


@pytest.mark.parametrize("title", ON_FILES)
def test_fault_32_a_killed_command_leaves_everything_whole_and_the_next_one_completes(
    title, known
) -> None:
    found = known(title).again_and_again(KILLS, seed=7, say=False)
    assert found.faults == []
    assert sum(found.state.values()) >= KILLS


def test_fault_32_a_score_killed_while_it_writes_to_postgresql_leaves_all_rows_or_none(
    served, known
) -> None:
    found = known("score to PostgreSQL").again_and_again(KILLS, seed=7, say=False)
    assert found.faults == []


@pytest.mark.parametrize(
    ("title", "step"), [(title, step) for title, steps in LONG.items() for step in steps]
)
def test_fault_33_a_command_that_is_ended_clears_up_and_says_so(title, step, world, known) -> None:
    killed = known(title)
    killed.put_back()
    assert step in killed.at, [*killed.at]
    if title == "train":  # with processes of its own beside it, which get the signal as well
        world.project.change(model={"trees": 20, "threads": 1})
    with world.start(killed.command, killed.signs) as run:
        assert run.until(step, 0.05)
        run.send(signal.SIGTERM)
        code = run.end()
    assert code == 143, run.log
    assert "ended by SIGTERM" in run.log[-1]
    assert [*project_faults(world, killed.command, killed.after, done=False)] == []
    assert [*world.temporary.iterdir()] == []
    assert [*world.folder.rglob("*defection-scratch-*")] == []
    assert [*world.folder.rglob(".unfinished/*")] == []
    states = {status for _, status in Stored(world.folder).runs.values()}
    assert "RUNNING" not in states


@needs_namespace
@pytest.mark.parametrize(
    ("title", "spare"),
    [
        *((title, 8192) for title in ON_FILES if title not in TO_MLFLOW),
        *((title, READ_ONLY) for title in ("features", "score")),
    ],
)
def test_fault_37_without_room_for_the_outputs_a_command_says_where(
    title, spare, world, known
) -> None:
    """And leaves everything as it was; with room again it does what it should."""
    killed = known(title)
    place = world.folder / {"simulate": "simulated"}.get(title, "out")
    ended = room.without_room(world, killed.command, killed.after, place, spare=spare)
    if spare and title in WRITES_LITTLE:
        assert ended.code == 0, ended.said
    else:
        assert ended.code == 73, ended.said
        assert place.name in ended.said
        assert any(what in ended.said for what in ("ree some space", "writable"))
    assert ended.code_with_room in killed.command.may_say, ended.said_with_room
    assert ended.faults == ()


@needs_namespace
@pytest.mark.parametrize(
    ("title", "spare"),
    [
        *((title, 12288) for title in LOGGED),
        *((title, READ_ONLY) for title in ("train", "promote")),
    ],
)
def test_fault_37_without_room_for_mlflow_a_command_says_where(title, spare, world, known) -> None:
    killed = known(title)
    place = world.folder / "mlflow"
    ended = room.without_room(world, killed.command, killed.after, place, spare=spare)
    assert ended.code == 73, ended.said
    assert "mlflow" in ended.said
    assert ended.code_with_room in killed.command.may_say, ended.said_with_room
    assert ended.faults == ()


@needs_namespace
@pytest.mark.parametrize("title", ["train", "score"])
def test_fault_37_without_room_for_temporary_files_a_command_says_where(
    title, world, known
) -> None:
    killed = known(title)
    ended = room.without_room(world, killed.command, killed.after, world.temporary, spare=4 * 4096)
    assert ended.code == 73, ended.said
    assert "TMPDIR" in ended.said
    assert ended.code_with_room == 0, ended.said_with_room
    assert ended.faults == ()


def test_fault_38_a_connection_lost_during_the_load_is_rolled_back(served, known) -> None:
    killed = known("score to PostgreSQL")
    killed.put_back()
    with psycopg.connect(served.variables[DATABASE_VARIABLE], autocommit=True) as theirs:
        theirs.execute(
            "CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;"
            f"CREATE TRIGGER slowly BEFORE INSERT ON {TABLE} "
            "FOR EACH ROW EXECUTE FUNCTION slowly()".encode()
        )
        with served.start(killed.command, killed.signs) as run:
            assert run.until("Writing to PostgreSQL")
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%'"
            while not theirs.execute(cut.encode()).fetchall():
                time.sleep(0.01)
            assert run.end() == 69
        theirs.execute(f"DROP TRIGGER slowly ON {TABLE}".encode())
    said = json.loads(run.log[-1])["message"]
    assert "broke off" in said and "as before" in said and "published whole" in said
    assert [*project_faults(served, killed.command, killed.after, done=False)] == []
    again = run_beside(served, killed.command)
    assert again.wait() == 0
    assert [*project_faults(served, killed.command, killed.after, done=True)] == []


def run_beside(world: World, command: Command) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(DEFECTION), *world.words(command)],
        cwd=world.folder,
        env=environment(**world.environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("title", ON_FILES)
def test_fault_35_two_at_once_both_succeed_or_the_second_is_told_of_the_first(
    title, world, known
) -> None:
    killed = known(title)
    killed.put_back()
    jobs = [run_beside(world, killed.command) for _ in range(2)]
    ended = [(job.communicate()[0], job.returncode) for job in jobs]
    codes = sorted(code for _, code in ended)
    assert codes[0] == 0 and codes[1] in {75, *killed.command.may_say}, ended
    for said, code in ended:
        if code == 75:
            assert "Another job is still" in said and ", started 20" in said
    assert [*project_faults(world, killed.command, killed.after, done=True)] == []


def test_fault_35_of_two_at_once_one_publishes_and_the_other_is_told_who_holds_the_lock(
    world, known
) -> None:
    killed = known("score")
    killed.put_back()
    scores = world.folder / "out" / "scores"
    before = contents(scores)
    with world.start(killed.command, killed.signs) as first:
        assert first.until("Writing the publication")
        first.send(signal.SIGSTOP)
        second = run_beside(world, killed.command)
        said, _ = second.communicate()
        assert second.returncode == 75
        assert f"Another job is still publishing scores as of {AS_OF}: " in said
        assert f"process {first.pid}, started 20" in said
        assert contents(scores) == before
        first.send(signal.SIGCONT)
        assert first.end() == 0
    assert [*project_faults(world, killed.command, killed.after, done=True)] == []
    again = run_beside(world, killed.command)
    said, _ = again.communicate()
    assert again.returncode == 0 and "Already published" in said


def test_the_check_sees_what_is_not_whole(world, known) -> None:
    """A check that cannot fail shows nothing: each fault made by hand is told."""
    killed = known("score")
    shutil.rmtree(world.folder)
    shutil.copytree(killed.after, world.folder)
    root, folder = world.folder / "out" / "scores", world.folder / "out" / "scores" / FIRST
    before = contents(killed.world.keep / CHALLENGED / "out" / "scores")

    def told() -> str:
        return " ".join(faults(root, before))

    assert told() == ""
    manifest = folder / "manifest.json"
    kept = manifest.read_text()
    manifest.unlink()
    assert "half a publication" in told()
    manifest.write_text(json.dumps(json.loads(kept) | {"inputs": {}}))
    assert "the inputs are not those" in told()
    manifest.write_text(kept)
    with (folder / "call_list.csv").open("a") as file:
        file.write("more")
    assert "the files are not those of the manifest" in told()
    published = killed.after / "out" / "scores" / FIRST
    assert "call_list.csv has other bytes" in [*differences(folder, published, FILES)]
    (root / "latest.json").write_text('{"path": "as_of=2026-01-01/model_version=9"}')
    assert "which is no publication" in told()
    for place in before:
        (root / place).unlink()
        break
    assert "was published before, and is gone" in told()


def test_the_check_sees_an_mlflow_store_that_is_not_whole(world, known) -> None:
    killed = known("promote")
    killed.put_back()
    stored = Stored(world.folder)

    def told(*, done: bool = False) -> str:
        return " ".join(project_faults(world, killed.command, killed.after, done=done))

    assert told() == ""
    assert "the aliases are" in told(done=True)
    exported = world.folder / "mlflow" / "promotion_history-small.json"
    entries = json.loads(exported.read_text())
    exported.write_text(json.dumps([entries[0] | {"number": 5}]))
    assert "has the promotions [5] of [1]" in told()
    (native,) = [
        path
        for path in (world.folder / "mlflow").rglob("booster*.txt")
        if stored.homes[stored.versions[1][1].rpartition("/")[2]].endswith(
            str(path.parents[2].relative_to(world.folder))
        )
    ][:1]
    os.truncate(native, 10)
    assert "the files of version 1 are not those" in told()
