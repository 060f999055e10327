"""What must hold of an MLflow store at any time, read from its tables and not by the program."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

FOLDER = "mlflow"


class Stored:
    """The tables of a store, as far as they matter here."""

    def __init__(self, project: Path) -> None:
        self.folder = project / FOLDER
        database = self.folder / "mlflow.db"
        self.sound = True
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _ASKED}
        if database.exists():
            with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True)) as connection:
                self.sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
                for name, (table, asked) in _ASKED.items():
                    if table in tables:
                        self._rows[name] = connection.execute(asked).fetchall()
        self.aliases = {alias: int(version) for alias, version in self._rows["aliases"]}
        self.versions = {int(v): (run, model) for v, run, model in self._rows["versions"]}
        self.homes = dict(self._rows["homes"])
        self.runs = {run: (name, status) for run, name, status in self._rows["runs"]}
        self.pending = [model for (model,) in self._rows["pending"]]

    def promotions(self) -> list[dict[str, Any]]:
        """As they were recorded, oldest first."""
        return [json.loads(value) for _, value in sorted(self._rows["promotions"])]

    def hashes(self, version: int) -> dict[str, str]:
        """Of the native files, as they were registered."""
        return {name[7:]: value for v, name, value in self._rows["hashes"] if int(v) == version}

    def files(self, version: int) -> dict[str, str]:
        """The hashes of the native files, as they are."""
        home = self.homes[self.versions[version][1].rpartition("/")[2]]
        native = Path(unquote(urlsplit(home).path)) / "artifacts" / "native"
        return {
            str(path.relative_to(native)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in native.rglob("*")
            if path.is_file()
        }

    def metrics(self, run: str) -> list[tuple[Any, ...]]:
        """Of a run: name, step, value."""
        return sorted(row[1:] for row in self._rows["metrics"] if row[0] == run)


_ASKED = {
    "aliases": (
        "registered_model_aliases",
        "SELECT alias, version FROM registered_model_aliases",
    ),
    "versions": ("model_versions", "SELECT version, run_id, source FROM model_versions"),
    "homes": ("logged_models", "SELECT model_id, artifact_location FROM logged_models"),
    "pending": ("logged_models", "SELECT model_id FROM logged_models WHERE status = 1"),
    "runs": ("runs", "SELECT run_uuid, name, status FROM runs"),
    "promotions": (
        "registered_model_tags",
        "SELECT key, value FROM registered_model_tags WHERE key LIKE 'promotion.%'",
    ),
    "hashes": (
        "model_version_tags",
        "SELECT version, key, value FROM model_version_tags WHERE key LIKE 'sha256.%'",
    ),
    "metrics": ("metrics", "SELECT run_uuid, key, step, value FROM metrics"),
}


@dataclass(frozen=True)
class Store:
    """The runs and the registered model.

    Done: no run is open, what the undisturbed run has logged is logged with the same measures, and
    the aliases stand as after it, over models with the same files.
    """

    def faults(self, now: Path, before: Path, after: Path, *, done: bool) -> Iterator[str]:
        found, was = Stored(now), Stored(before)
        if not found.sound:
            yield "the database is damaged"
        if gone := was.versions.keys() - found.versions.keys():
            yield f"version {min(gone)} is gone"
        for alias, version in found.aliases.items():
            if version not in found.versions:
                yield f"{alias} stands for version {version}, which is not there"
        for version in found.versions:
            if not found.hashes(version) or found.hashes(version) != found.files(version):
                yield f"the files of version {version} are not those that were registered"
        yield from _history_faults(found, was, done=done)
        if done:
            yield from self._not_done(found, was, Stored(after))

    def _not_done(self, found: Stored, was: Stored, wanted: Stored) -> Iterator[str]:
        for run, (name, status) in found.runs.items():
            if status == "RUNNING":
                yield f"run {run}, {name}, is open for ever"
        if found.pending:
            yield f"the logged model {found.pending[0]} is pending for ever"
        new = {run: named for run, named in found.runs.items() if run not in was.runs}
        for run, (name, _) in wanted.runs.items():
            if run in was.runs:
                continue
            same = [
                other
                for other, named in new.items()
                if named == (name, "FINISHED") and found.metrics(other) == wanted.metrics(run)
            ]
            if not same:
                yield f"no run {name} has finished with the measures of an undisturbed one"
        if found.aliases.keys() != wanted.aliases.keys():
            yield f"the aliases are {found.aliases}, not {wanted.aliases}"
        for alias in found.aliases.keys() & wanted.aliases.keys():
            if found.hashes(found.aliases[alias]) != wanted.hashes(wanted.aliases[alias]):
                yield f"{alias} is another model than after an undisturbed run"
        if files := [*(found.folder / ".open_runs").glob("*")]:
            yield f"{files[0]} is left behind"


def _history_faults(found: Stored, was: Stored, *, done: bool) -> Iterator[str]:
    records = found.promotions()
    if records[: len(was.promotions())] != was.promotions():
        yield "a promotion of before is gone from the history"
    if records:
        champion = found.aliases.get("champion")
        ends = {records[-1]["version"]} if done else {
            records[-1]["version"], records[-1]["previous"]
        }  # fmt: skip
        if champion not in ends:
            yield f"the champion is {champion}, and the history ends with {records[-1]}"
    for path in found.folder.glob("promotion_history-*.json"):
        exported = [entry["number"] for entry in json.loads(path.read_text())]
        numbers = [record["number"] for record in records]
        if exported != numbers[: len(exported)] or (done and exported != numbers):
            yield f"{path.name} has the promotions {exported} of {numbers}"
