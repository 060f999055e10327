"""The SQLite file of the MLflow store: copied, restored, adopted; drawn files, no MLflow."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from damaged_files import DAMAGE

from pipeline.errors import ConfigError, TryAgain
from pipeline.locks import exclusive
from pipeline.tracking.runs import Tracking
from pipeline.tracking.store_file import KEPT, StoreFile


def drawn(folder: Path, note: str = "first") -> StoreFile:
    """A file with the tables that matter, and a note by which it is recognised."""
    folder.mkdir(exist_ok=True)
    file = StoreFile(folder, "defection {} --config mine.yaml".format)
    with closing(sqlite3.connect(file.path)) as store, store:
        store.execute("CREATE TABLE registered_models (name VARCHAR(256))")
        store.execute("CREATE TABLE experiments (name VARCHAR(9), artifact_location VARCHAR(256))")
        store.execute("CREATE TABLE runs (artifact_uri VARCHAR(200))")
        store.execute("INSERT INTO experiments VALUES ('ours', ?)", (file.artifacts,))
        store.execute("INSERT INTO experiments VALUES ('Default', '/elsewhere/mlruns/0')")
        store.execute("INSERT INTO runs VALUES (?)", (f"{file.artifacts}/r1/artifacts",))
        store.execute("INSERT INTO registered_models VALUES (?)", (note,))
    return file


def note(file: StoreFile, new: str = "") -> str:
    with closing(sqlite3.connect(file.path)) as store, store:
        if new:
            store.execute("UPDATE registered_models SET name = ?", (new,))
        ((found,),) = store.execute("SELECT name FROM registered_models").fetchall()
    return str(found)


def test_the_last_copies_are_kept_and_the_newest_sound_one_comes_back(tmp_path) -> None:
    file = drawn(tmp_path)
    for number in range(KEPT + 2):
        note(file, f"note {number}")
        file.save()
    assert len(file.copies()) == KEPT
    DAMAGE["cut"](file.copies()[-1])
    note(file, "lost")
    for journal in ("-journal", "-wal"):
        Path(f"{file.path}{journal}").write_bytes(b"of the damaged file")
    said = file.put_back()
    assert note(file) == f"note {KEPT}"  # the newest is damaged
    assert file.copies()[-2].name in said
    (aside,) = file.copies_folder.glob("damaged-*")
    assert sorted(kept.name for kept in aside.iterdir()) == [
        "mlflow.db",
        "mlflow.db-journal",
        "mlflow.db-wal",
    ]
    file.put_back(file.copies()[0].name)
    assert note(file) == "note 2"
    with pytest.raises(ConfigError, match=r"No sound copy mlflow-1\.db .*that is: mlflow-2"):
        file.put_back("mlflow-1.db")


def test_a_damaged_file_is_not_copied_over_sound_copies(tmp_path) -> None:
    file = drawn(tmp_path)
    file.save()
    before = file.copies()
    DAMAGE["edited"](file.path)
    with pytest.raises(ConfigError, match="is damaged"):
        file.save()
    assert file.copies() == before and file.damaged_copies() == {}


def test_fault_58_a_few_bytes_that_are_missing_are_seen(tmp_path) -> None:
    file = drawn(tmp_path)
    file.path.write_bytes(file.path.read_bytes()[:-10])
    with pytest.raises(ConfigError, match="its end is missing"):
        file.require_sound()


def test_a_first_use_that_was_killed_is_no_damage(tmp_path) -> None:
    file = StoreFile(tmp_path, str)
    assert not file.exists() and file.damage() == ""
    file.path.touch()
    assert not file.exists() and file.damage() == ""
    (tmp_path / "promotion_history-a.json").write_text(json.dumps([]))
    with pytest.raises(ConfigError, match="is missing or empty"):
        file.exists()


def test_fault_59_a_copied_file_names_files_of_its_own_folder_once_it_is_adopted(tmp_path) -> None:
    first = drawn(tmp_path / "first")
    first.require_sound()
    second = StoreFile(tmp_path / "second", "defection {} --config mine.yaml".format)
    (tmp_path / "second").mkdir()
    second.path.write_bytes(first.path.read_bytes())
    with pytest.raises(ConfigError, match=r"was moved or copied.*restore --config mine"):
        second.require_sound()
    assert second.take_over().endswith(f"{second.artifacts} again.")
    second.require_sound()
    with closing(sqlite3.connect(second.path)) as store:
        ((uri,),) = store.execute("SELECT artifact_uri FROM runs").fetchall()
        others = store.execute("SELECT artifact_location FROM experiments").fetchall()
    assert uri == f"{second.artifacts}/r1/artifacts"
    assert others == [(second.artifacts,), ("/elsewhere/mlruns/0",)]
    assert second.take_over() == ""
    first.require_sound()


def test_a_store_in_use_is_not_restored(tmp_path) -> None:
    drawn(tmp_path).save()
    with (
        exclusive(tmp_path / ".open_runs" / "job", "logging a run"),
        pytest.raises(TryAgain, match="still logging a run"),
    ):
        Tracking(tmp_path, "ours", "ours").restore("newest")
