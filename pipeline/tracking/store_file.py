"""The SQLite file of our own MLflow store: looked at before use, copied, restored.

`<tracking.folder>/copies/` has the last three copies, `mlflow-<UTC time>.db`, taken by SQLite's own
backup. A file that a copy has replaced lies beside them, in `damaged-<UTC time>/`.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import ConfigError, TryAgain
from pipeline.refusals import writing
from pipeline.scratch import ScratchFolder

KEPT = 3  # copies
NEWEST = "newest"
_WAIT_SECONDS = 20  # for another job's transaction
_JOURNALS = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a file; of that file alone


class StoreFile:
    """`mlflow.db` in the tracking folder, which may not be there yet.

    command: makes a command of its words, for messages.
    """

    def __init__(self, folder: Path, command: Callable[[str], str]) -> None:
        self._folder = folder
        self._command = command
        self.path = folder / "mlflow.db"
        self.copies_folder = folder / "copies"

    @property
    def artifacts(self) -> str:
        """Where the store's files lie, as a URI."""
        return (self._folder / "artifacts").as_uri()

    def exists(self) -> bool:
        """Whether there is anything in it; ConfigError where it is gone, or was emptied."""
        if self._is_there():
            return True
        if self._was_used():
            raise self._broken(self.damage())
        return False

    def damage(self) -> str:
        """What is wrong with the file, in words; empty where it is sound or was never there."""
        if not self._is_there():
            return "is missing or empty" if self._was_used() else ""
        return _damage_of(self.path, filled=self._was_used())

    def require_sound(self) -> None:
        """ConfigError where the file is damaged, or names files of another place."""
        if why := self.damage():
            raise self._broken(why)
        if elsewhere := self._elsewhere():
            raise ConfigError(
                f"The MLflow store was moved or copied: {self.path} names files in "
                f"{elsewhere[0]}, not in {self.artifacts}. Nothing is read from there. Let the "
                f"store use its own folder: {self._command('restore')}"
            )

    def schema(self) -> str:
        """The revision of MLflow's schema that it has; empty for a store that was never used."""
        if not self._is_there() or not self._was_used():
            return ""
        with _opened(self.path) as store:
            if "alembic_version" not in _tables_of(store):
                return ""
            return str(
                next(iter(store.execute("SELECT version_num FROM alembic_version")), [""])[0]
            )

    def broken(self, why: str) -> ConfigError:
        """The error for a file that turned out to be damaged while it was used."""
        return self._broken(f"is damaged ({why})")

    def copies(self) -> list[Path]:
        """The copies there are, oldest first."""
        return sorted(self.copies_folder.glob("mlflow-*.db"))

    def damaged_copies(self) -> dict[Path, str]:
        """What is wrong with each copy that is not sound, in words."""
        return {copy: why for copy in self.copies() if (why := _damage_of(copy))}

    def save(self) -> None:
        """Copy the file, and keep the last copies. ConfigError where it is damaged."""
        with (
            writing(self.copies_folder),
            _opened(self.path) as source,
        ):
            self.copies_folder.mkdir(parents=True, exist_ok=True)
            with ScratchFolder(self.copies_folder) as scratch:
                copy = scratch.path / f"mlflow-{_now()}.db"
                try:
                    _copy(source, copy)
                except sqlite3.DatabaseError as error:
                    raise self.broken(str(error)) from error
                if why := _damage_of(copy, filled=False):
                    raise self._broken(why)
                copy.rename(self.copies_folder / copy.name)
            for old in self.copies()[:-KEPT]:
                old.unlink(missing_ok=True)

    def put_back(self, name: str = NEWEST) -> str:
        """Replace the file by a copy, and keep it aside; returns what was done.

        name: of the copy; by default the newest sound one. ConfigError where there is none.
        """
        sound = [copy for copy in self.copies() if not _damage_of(copy)]
        chosen = [copy for copy in sound if name in (NEWEST, copy.name)]
        if not chosen:
            there = ", ".join(copy.name for copy in sound)
            raise ConfigError(
                f"No sound copy {'' if name == NEWEST else name + ' '}of {self.path} is in "
                f"{self.copies_folder}. "
                + (f"Choose one that is: {there}." if there else self._anew())
            )
        with writing(self._folder):
            aside = self._set_aside()
            with ScratchFolder(self._folder) as scratch, _opened(chosen[-1]) as source:
                new = scratch.path / self.path.name
                _copy(source, new)
                new.rename(self.path)
        return f"{self.path} was restored from {chosen[-1].name}" + (
            f"; the file that was there is in {aside}." if aside else "."
        )

    def take_over(self) -> str:
        """Let the file name the files of its own folder; returns what was done, if anything."""
        moved = self._elsewhere()
        with writing(self.path), _opened(self.path) as store, store:
            columns = store.execute(
                "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
                "WHERE m.type = 'table' AND c.type LIKE 'VARCHAR%' AND (c.name LIKE '%uri' "
                "OR c.name LIKE '%location' OR c.name = 'source')"
            ).fetchall()
            for old in moved:
                for table, column in columns:
                    store.execute(
                        f'UPDATE "{table}" SET "{column}" = ? || substr("{column}", ?) '
                        f'WHERE substr("{column}", 1, ?) = ?',
                        (self.artifacts, len(old) + 1, len(old), old),
                    )
        return f"{self.path} names the files of {self.artifacts} again." if moved else ""

    def _is_there(self) -> bool:
        return self.path.is_file() and self.path.stat().st_size > 0

    def _was_used(self) -> bool:
        """Whether something lies beside it that only a store that was used leaves."""
        beside = (self._folder / "artifacts").glob("*"), self._histories(), self.copies()
        return any(any(True for _ in found) for found in beside)

    def _histories(self) -> list[Path]:
        return sorted(self._folder.glob("promotion_history-*.json"))

    def _elsewhere(self) -> list[str]:
        """The folders of files that the store names besides its own."""
        if not self._is_there():
            return []
        with _opened(self.path) as store:
            if "experiments" not in _tables_of(store):
                return []
            found = store.execute("SELECT DISTINCT artifact_location FROM experiments")
            return sorted(
                where
                for (where,) in found
                if where and where.endswith("/artifacts") and where != self.artifacts
            )

    def _set_aside(self) -> Path | None:
        """Keep the file and its journals elsewhere; the file stays until it is replaced."""
        journals = [Path(f"{self.path}{suffix}") for suffix in _JOURNALS]
        journals = [journal for journal in journals if journal.exists()]
        if not self.path.exists() and not journals:
            return None
        aside = self.copies_folder / f"damaged-{_now()}"
        aside.mkdir(parents=True)
        if self.path.exists():
            shutil.copy2(self.path, aside)
        for journal in journals:
            journal.rename(aside / journal.name)
        return aside

    def _broken(self, why: str) -> ConfigError:
        said = f"The MLflow store {self.path} {why}."
        if histories := self._histories():
            names = ", ".join(str(path) for path in histories)
            said += f" Who promoted which version is also in {names}."
        if not self.copies():
            return ConfigError(f"{said} No copy of it is in {self.copies_folder}. {self._anew()}")
        return ConfigError(
            f"{said} Restore it from its newest copy, {self.copies()[-1].name}: "
            + self._command("restore")
        )

    def _anew(self) -> str:
        away = self._folder.with_name(f"{self._folder.name}-before")
        while away.exists():
            away = away.with_name(f"{away.name}-before")
        return (
            f"Bring {self.path.name} back from a backup of your own. Or start again with an empty "
            "store: versions count from 1, and the history of promotions stays in the folder that "
            f"is moved away:\n  mv {shlex.quote(str(self._folder))} {shlex.quote(str(away))}"
            f"\n  {self._command('train')}"
            f"\n  {self._command('promote --version 1 --by NAME --reason TEXT')}"
        )


def _copy(source: sqlite3.Connection, into: Path) -> None:
    """Write all that a file holds into a new one; OSError where there is no room for it."""
    try:
        with closing(sqlite3.connect(into)) as target:
            source.backup(target)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(into)) from error


def _damage_of(path: Path, *, filled: bool = True) -> str:
    """What is wrong with a file, in words. filled: whether it must have tables."""
    try:
        with _opened(path) as store:
            ((said, *_), *_) = store.execute("PRAGMA quick_check(1)").fetchall()
            ((page, *_),) = store.execute("PRAGMA page_size").fetchall()
            if path.stat().st_size % page:  # which SQLite fills up with zeros
                said = "its end is missing"
            tables = _tables_of(store)
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise TryAgain(
                f"Another job is writing to {path}. Try again when it has ended."
            ) from error
        said, tables = str(error), set()
    if said != "ok":
        return f"is damaged ({' '.join(said.split())[:200]})"
    return "has no models" if filled and "registered_models" not in tables else ""


def _tables_of(store: sqlite3.Connection) -> set[str]:
    return {name for (name,) in store.execute("SELECT name FROM sqlite_master")}


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, never created; what a killed job left in its journal is undone by SQLite."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_WAIT_SECONDS)
    with closing(connection):
        yield connection


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
