"""An installation that is damaged, moved or changed by hand: each refusal says how to repair it.

Every repair here is the command that the message names, and nothing else.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Container, Iterable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from damaged_files import DAMAGE
from project import AS_OF, FIRST_LIST, Project

from pipeline.config import load_config
from pipeline.scoring.lists import LISTS
from pipeline.scoring.score import FILES
from pipeline.status.known_files import OUTPUT, TRACKING, strangers, unknown


def long_but(quick: Container[Any], cases: Iterable[Any]) -> list[Any]:
    """The cases, of which all but some are for the long tests."""
    return [pytest.param(*case, marks=() if case in quick else pytest.mark.long) for case in cases]


LISTED = str(AS_OF)
ON = ("status", "--on", LISTED)
SCORE = ("score", "--as-of", LISTED)
STALE = ("score", "--as-of", "2026-03-01")  # the extract is too old for it
EXPLAIN = ("explain", "--account", "A000001", "--as-of", LISTED)
MONITOR = ("monitor", "--as-of", LISTED)
SAID = ("--by", "a test", "--reason", "to see")


def folder_of(project: Project, as_of: str) -> Path:
    return project.scores / f"as_of={as_of}" / "model_version=1" / "revision=1"


def advised(text: str) -> list[list[str]]:
    """The commands that a message names, as somebody pastes them."""
    return [shlex.split(found) for found in re.findall(r"defection (\w.*? --config \S+)", text)]


def follow(project: Project, text: str, number: int = 0) -> CompletedProcess[str]:
    """Run a command of a message, with a name and a reason where it asks for them."""
    said = {"NAME": "a test", "TEXT": "repaired"}
    *words, _, _ = advised(text)[number]
    done = project.defection(*(said.get(word, word) for word in words))
    assert done.returncode == 0, done.stderr
    return done


def sound(project: Project) -> None:
    done = project.defection(*ON)
    assert done.returncode == 0, done.stdout + done.stderr


def refused(project: Project, *command: object, code: int = 78) -> str:
    ended = project.defection(*command)
    assert ended.returncode == code, (command, ended.stdout, ended.stderr)
    return ended.stderr


# --- status -------------------------------------------------------------------------------------


def test_status_says_when_the_next_list_is_due(trained) -> None:
    for on, code, says in (
        ("2026-01-07", 0, "due on 2026-01-08"),
        ("2026-01-08", 0, "due since 2026-01-08"),
        ("2026-01-09", 1, "late: it was due on 2026-01-08, 1 day ago"),
    ):
        ended = trained.defection("status", "--on", on)
        assert ended.returncode == code, ended.stderr
        assert says in ended.stdout and "version 1 of small, promoted" in ended.stdout
    assert advised(ended.stdout)[0][:3] == ["score", "--as-of", "2026-01-09"]
    latest = json.loads((trained.scores / "latest.json").read_text())
    assert latest["next_due"] == "2026-01-08T00:00:00+00:00"
    assert latest["next_late"] == "2026-01-09T00:00:00+00:00"


def test_status_writes_nothing(trained) -> None:
    (trained.folder / "out" / "notes.txt").write_text("mine")
    before = {file: file.read_bytes() for file in trained.files()}
    said = trained.done(*ON)
    assert "1 file of others: out/notes.txt" in said
    assert {file: file.read_bytes() for file in trained.files()} == before


def test_status_says_what_was_refused_last(trained) -> None:
    said = refused(trained, *STALE, code=65)
    content = json.loads(trained.refused.read_text())
    assert said.startswith(f"defection: {content['why'][:99]}") and content["exit_code"] == 65
    ended = trained.defection(*ON)
    assert ended.returncode == 0, ended.stderr
    assert f"as of 2026-03-01, with exit code 65: {content['why']}\n" in ended.stdout
    assert advised(ended.stdout)[0][:4] == [*STALE, "--dry-run"]
    assert strangers(load_config(trained.config)) == []
    assert trained.defection("status", "--on", "2026-03-01").returncode == 1  # it is late

    refused(trained, *STALE, "--model", 1, code=65)  # what may be a trial or a replay is no list
    refused(trained, *STALE, "--replay", code=65)
    refused(trained, "score", "--as-of", "2026-02-30", code=64)
    assert json.loads(trained.refused.read_text()) == content
    trained.done(*SCORE)  # an earlier list does not settle it
    assert trained.refused.exists()
    trained.refused.write_text(json.dumps(content | {"as_of": LISTED}))
    trained.done(*SCORE)
    assert not trained.refused.exists()
    assert "last attempt" not in trained.done(*ON)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"as_of": "2026-01-02"}', "[" * 100_000, '{"as_of": 1, "at": null}'],
    ids=range(6),
)
def test_a_record_of_a_refusal_that_cannot_be_read_is_ignored_with_a_line(
    trained, content: str
) -> None:
    trained.refused.write_text(content)
    said = trained.done(*ON)
    assert "scores/refused.json" in said and "cannot be read, and is ignored" in said
    assert "Already published" in trained.done(*SCORE)
    assert not trained.refused.exists()


def test_status_knows_every_file_that_is_written(trained) -> None:
    assert strangers(load_config(trained.config)) == []
    for folder, patterns in (
        (trained.folder / "out", OUTPUT),
        (trained.folder / "mlflow", TRACKING),
    ):
        (folder / "scores").mkdir(exist_ok=True)
        (folder / "scores" / "mine.txt").touch()
        assert [path.name for path in unknown(folder, patterns)] == ["mine.txt"]


@pytest.mark.long
@pytest.mark.trains
def test_status_knows_every_file_that_any_command_writes(trained) -> None:
    trained.register_again()
    for command in (
        ("validate",),
        ("features", "--as-of", LISTED, "--only", "order_history"),
        ("table",),
        ("train",),
        ("tune", "--trials", 1),
        ("review", "--version", 3),
        MONITOR,
        (*MONITOR, "--model", 2),
        (*SCORE, "--model", 2),
        STALE,
        ("score", "--as-of", "2025-06-01", "--replay"),
        ("promote", "--version", 3, *SAID, "--override"),
        ("rollback", *SAID),
        ("restore", "--copy", "newest"),
    ):
        ended = trained.defection(*command)
        assert ended.returncode in (65,) if command == STALE else (0, 1), (command, ended.stderr)
    assert strangers(load_config(trained.config)) == []
    assert trained.refused.exists()
    written = {file.relative_to(trained.folder) for file in trained.files()}
    for root in ("out/trials", "out/trials/monitor", "out/replays", "mlflow/copies"):
        assert any(Path(root) in file.parents for file in written), root


# --- publications -------------------------------------------------------------------------------

CUTS = ("missing", "cut", "edited")


@pytest.mark.parametrize(
    ("as_of", "name"),
    long_but(
        [(LISTED, "manifest.json")],
        ((as_of, name) for as_of in (LISTED, FIRST_LIST) for name in FILES),
    ),
)
def test_fault_53_56_status_names_a_damaged_list_and_score_publishes_it_again(
    trained, as_of: str, name: str
) -> None:
    file = folder_of(trained, as_of) / name
    content = file.read_bytes()
    for damaged in CUTS:
        DAMAGE[damaged](file)
        said = trained.defection(*ON)
        assert said.returncode == 1
        assert f"scores/as_of={as_of}/model_version=1/revision=1" in said.stdout
        assert name in said.stdout
        again = ["score", "--as-of", as_of]
        assert advised(said.stdout)[0][:3] == again
        file.unlink(missing_ok=True)
        file.write_bytes(content)
    DAMAGE["cut"](file)
    dry = trained.done(*again, "--dry-run")
    assert f"Would write out/scores/as_of={as_of}/model_version=1/revision=2" in dry


@pytest.mark.long
@pytest.mark.parametrize("damaged", CUTS)
@pytest.mark.parametrize("names", [["scores.parquet"], ["manifest.json"], [*LISTS]], ids=str)
def test_fault_54_56_explain_and_monitor_go_on_without_a_damaged_list(
    trained, names: list[str], damaged: str
) -> None:
    """They compare with the tables of earlier lists; nothing else of a publication is read."""
    for name in names:
        DAMAGE[damaged](folder_of(trained, FIRST_LIST) / name)
    for command in (EXPLAIN, MONITOR):
        ended = trained.defection(*command)
        assert ended.returncode in (0, 1), ended.stderr  # 1: an alarm of the monitor
        pages = names[0].startswith("call_list")
        assert (f"as_of={FIRST_LIST}" in ended.stderr) == (not pages)


@pytest.mark.long
@pytest.mark.parametrize(
    ("as_of", "name"), [(LISTED, "call_list.html"), (FIRST_LIST, "scores.parquet")]
)
def test_fault_53_what_is_published_again_is_sound(trained, as_of: str, name: str) -> None:
    DAMAGE["edited"](folder_of(trained, as_of) / name)
    follow(trained, trained.defection(*ON).stdout)
    sound(trained)


@pytest.mark.long
def test_a_list_published_between_two_others_is_said_to_come_before_the_later_one(trained) -> None:
    trained.done("score", "--as-of", "2025-12-26")
    said = trained.done(*ON)
    assert "its changes are not counted from as_of=2025-12-26, which is there now" in said
    assert "revision=2" in follow(trained, said).stdout
    assert "not counted" not in trained.done(*ON)
    DAMAGE["edited"](folder_of(trained, "2025-12-26") / "call_list.csv")  # which no list reads
    assert "not counted" not in trained.defection(*ON).stdout


def test_fault_55_without_the_newest_list_the_pointer_is_behind(trained) -> None:
    shutil.rmtree(folder_of(trained, LISTED))
    said = trained.defection(*ON)
    assert said.returncode == 1 and "names another list than the newest" in said.stdout
    assert advised(said.stdout)[0][:3] == ["score", "--as-of", FIRST_LIST]


@pytest.mark.long
@pytest.mark.parametrize("damaged", DAMAGE)
def test_fault_55_a_damaged_pointer_is_named_and_rewritten(trained, damaged: str) -> None:
    DAMAGE[damaged](trained.scores / "latest.json")
    said = trained.defection(*ON)
    assert said.returncode == 1 and "scores/latest.json" in said.stdout
    assert "Already published" in follow(trained, said.stdout).stdout
    sound(trained)


# --- the store ----------------------------------------------------------------------------------


@pytest.mark.parametrize("damaged", long_but({("cut",)}, ((how,) for how in DAMAGE)))
def test_fault_58_a_damaged_store_is_restored_by_the_command_that_is_named(
    trained, damaged: str
) -> None:
    DAMAGE[damaged](trained.folder / "mlflow" / "mlflow.db")
    messages = {
        refused(trained, *command)
        for command in (SCORE, EXPLAIN, MONITOR, ("history",), ("promote", "--version", 1, *SAID))
    }
    (message,) = messages
    assert "mlflow.db" in message and "promotion_history-small.json" in message
    status = trained.defection(*ON)
    assert status.returncode == 1 and advised(status.stdout)[0] == advised(message)[0]
    assert "was restored from" in follow(trained, message).stdout
    sound(trained)
    kept = list(trained.folder.glob("mlflow/copies/damaged-*/mlflow.db"))
    assert len(kept) == (damaged != "missing")


def test_fault_58_without_a_copy_the_message_says_what_is_left(trained) -> None:
    shutil.rmtree(trained.folder / "mlflow" / "copies")
    (trained.folder / "mlflow" / "mlflow.db").unlink()
    message = refused(trained, *SCORE)
    assert "No copy of it is in" in message
    assert "start again with an empty store: versions count from 1" in message
    assert [words[0] for words in advised(message)] == ["train", "promote"]
    assert "No sound copy of" in refused(trained, "restore")
    (move,) = (shlex.split(line) for line in message.splitlines() if line.startswith("  mv "))
    assert move[1:] == [str(trained.folder / name) for name in ("mlflow", "mlflow-before")]
    shutil.move(*move[1:])
    assert "Train one first" in refused(trained, *SCORE)


@pytest.mark.long
@pytest.mark.parametrize("damaged", DAMAGE)
@pytest.mark.parametrize("name", ["promotion_history-small.json", "copies/*.db"])
def test_fault_58_what_lies_beside_the_store_is_looked_at_too(
    trained, name: str, damaged: str
) -> None:
    file = sorted((trained.folder / "mlflow").glob(name))[-1]
    DAMAGE[damaged](file)
    ended = trained.defection(*ON)
    if name.startswith("copies") and damaged == "missing":
        assert ended.returncode == 0
        return
    assert ended.returncode == 1 and file.name in ended.stdout
    if name.startswith("copies"):
        file.unlink()  # as it says
    else:
        assert "is written again" in follow(trained, ended.stdout).stdout
    sound(trained)


@pytest.mark.long
@pytest.mark.parametrize("damaged", CUTS)
def test_fault_26_58_every_file_of_the_champion(trained, damaged: str) -> None:
    """Its native files are checked by their hashes; nothing else of the store's files is read."""
    artifacts = trained.folder / "mlflow" / "artifacts"
    files = [path for path in artifacts.rglob("*") if path.is_file() and path.stat().st_size]
    native = [path for path in files if path.parent.name == "native"]
    for file in native:
        content = file.read_bytes()
        DAMAGE[damaged](file)
        for command in (SCORE, EXPLAIN, MONITOR):
            ended = trained.defection(*command)
            assert ended.returncode in (65, 66) and "from a backup" in ended.stderr, file
        said = trained.defection(*ON)
        assert said.returncode == 1 and "version 1 of small" in said.stdout, file
        file.write_bytes(content)
    for file in set(files) - {*native}:
        DAMAGE[damaged](file)
    sound(trained)
    assert "Already published" in trained.done(*SCORE)


ALL = (
    SCORE,
    EXPLAIN,
    MONITOR,
    ("history",),
    ("train",),
    ("review", "--version", 1),
    ("promote", "--version", 1, *SAID),
    ("rollback", *SAID),
)


@pytest.mark.parametrize("commands", [(SCORE, EXPLAIN), pytest.param(ALL, marks=pytest.mark.long)])
def test_fault_59_a_moved_installation_gives_one_answer_until_it_is_adopted(
    world, tmp_path, commands: tuple[Any, ...]
) -> None:
    moved = Project(Path(shutil.copytree(world.folder, tmp_path / "moved")))
    (message,) = {refused(moved, *command) for command in commands}
    assert str(world.folder) in message and str(moved.folder) in message
    assert moved.defection(*ON).returncode == 1
    follow(moved, message)
    sound(moved)


# --- the gate -----------------------------------------------------------------------------------


@pytest.mark.long
def test_fault_60_another_version_publishes_a_trial(trained) -> None:
    trained.register_again()
    before = {file: file.read_bytes() for file in trained.scores.rglob("*") if file.is_file()}
    said = trained.done(*SCORE, "--model", 2)
    assert "This is a trial: version 2 is not that of the last promotion" in said
    trial = trained.folder / f"out/trials/as_of={LISTED}/model_version=2/revision=1"
    manifest = json.loads((trial / "manifest.json").read_text())
    assert manifest["trial"] and manifest["previous_as_of"] == f"as_of={FIRST_LIST}"
    assert {file: file.read_bytes() for file in before} == before
    later = trained.done("score", "--as-of", "2026-01-02", "--dry-run")
    assert f"list before   out/scores/as_of={LISTED}/model_version=1/revision=1" in later
    sound(trained)
    again = trained.done(*SCORE, "--model", 1)  # the promoted version by its number is no trial
    assert "Already published" in again and "trial" not in again


def test_fault_60_a_dry_run_says_that_it_is_a_trial(trained) -> None:
    trained.register_again()
    said = trained.done(*SCORE, "--model", "2", "--dry-run")
    assert f"Would write out/trials/as_of={LISTED}/model_version=2/revision=1" in said
    assert "As a trial" in said


def test_fault_61_an_alias_moved_by_hand_is_refused_and_put_back(trained) -> None:
    client = trained.register_again()
    client.set_registered_model_alias("small", "champion", "2")
    messages = {refused(trained, *command) for command in (SCORE, EXPLAIN, MONITOR)}
    (message,) = messages
    assert "it stands for version 2" in message and "that of version 1" in message
    assert [words[0] for words in advised(message)] == ["restore", "review", "promote"]
    assert trained.defection(*ON).returncode == 1
    assert "alias champion stands for version 1 again" in follow(trained, message).stdout
    sound(trained)


def test_fault_62_a_version_deleted_by_hand_is_said_to_be_deleted(trained) -> None:
    client = trained.register_again()
    trained.done("promote", "--version", 2, *SAID, "--override")
    assert "the champion, version 1: defection review --version 2" in trained.done("history")
    client.delete_model_version("small", "2")
    history = trained.done("history")
    assert "version 2 after 1, over objections, deleted since" in history
    assert "set aside: it was not compared with the champion, version 1\n" in history
    assert "did not take effect" not in history
    message = refused(trained, *SCORE)
    assert "version 2" in message and "was deleted" in message
    assert "Version 1 of small is now the champion again" in follow(trained, message).stdout
    sound(trained)


SHORTER = ({"label": {"definition": "inactivity", "horizon_days": 30}}, "for something else")


@pytest.mark.parametrize(
    ("section", "says"),
    long_but(
        [SHORTER],
        [
            SHORTER,
            ({"features": {"families": ["complaint_latency"]}}, "features that are not there"),
            ({"features": {"resolution_days": 10}}, "other definitions"),
        ],
    ),
)
def test_fault_63_a_version_that_the_config_cannot_score_with_is_not_promoted(
    trained, section: dict[str, Any], says: str
) -> None:
    trained.register_again()
    trained.change(**section)
    promote = ("promote", "--version", 2, *SAID, "--override")
    before = trained.done("history")
    assert says in refused(trained, *promote)
    assert trained.done("history") == before


def test_fault_61_a_store_older_than_its_record_makes_no_list(trained) -> None:
    """Somebody put back an old mlflow.db; the record of promotions lies beside it."""
    trained.register_again()
    old = (trained.folder / "mlflow" / "mlflow.db").read_bytes()
    record = trained.folder / "mlflow" / "promotion_history-small.json"
    (first,) = json.loads(record.read_text())
    later = {**first, "number": 2, "version": 2, "previous": 1, "by": "B. Boss"}
    record.write_text(json.dumps([first, later]))
    message = refused(trained, *SCORE)
    assert "records promotion 2, of version 2 by B. Boss" in message
    assert (trained.folder / "mlflow" / "mlflow.db").read_bytes() == old
    restore, promote = advised(message)
    assert restore[:3] == ["restore", "--copy", "newest"]
    assert promote[:3] == ["promote", "--version", "2"]
    assert trained.defection(*ON).returncode == 1
