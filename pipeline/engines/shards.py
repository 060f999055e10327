"""Rows split by account into shards, so that a shard bounds the memory and not all rows.

A shard is a number. A split table is a folder of Parquet files per shard; whoever works on a shard
opens an engine of its own, which sees the rows of that shard alone. A runner decides where that is:
in threads of this process, or on a cluster (`pipeline.engines.spark`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from pipeline.engines.duckdb import DuckDBEngine
from pipeline.engines.mirror import Mirror
from pipeline.engines.sql_text import literal, quoted
from pipeline.scratch import ScratchFolder
from pipeline.wording import counted

SHARD_OF = "shard_of"
"""The table (account_id, shard) of the engine that is split."""

Task = Callable[[int], None]
"""What is done for a shard, by its number; it can be pickled."""

Progress = Callable[[str], None]

_TABLES, _ANSWERS = "tables", "answers"
_SHARD = "shard="
_AGAIN_SECONDS = 0.1  # an interruption between two statements is forgotten, so it is said again

_open: set[DuckDBEngine] = set()
"""The engines of the shards that this process works on."""


class Runner(Protocol):
    """Does a task for each shard, by numbers from 0 on; progress is told how far it is."""

    def __call__(self, task: Task, count: int, progress: Progress | None = None) -> None:
        """All of them, or the error of the first that failed."""


@dataclass(frozen=True)
class SideBySide:
    """The runner of one machine: so many shards at once, each in a thread of this process.

    Whatever ends one of them, a signal included, ends them all.
    """

    at_once: int

    def __call__(self, task: Task, count: int, progress: Progress | None = None) -> None:
        """Do the task for each shard."""
        with ThreadPoolExecutor(self.at_once) as threads:
            left = {threads.submit(task, number) for number in range(count)}
            try:
                while left:
                    if progress:
                        progress(f"{count - len(left)} of {counted(count, 'shard')} done")
                    done, left = wait(left, return_when=FIRST_COMPLETED)
                    for one in done:
                        one.result()
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                while wait(left, _AGAIN_SECONDS).not_done:
                    for engine in [*_open]:
                        engine.interrupt()
                raise


@dataclass(frozen=True)
class Shards:
    """Where the rows of each shard lie, and what its engine may take.

    folder: readable and writable; `tables/TABLE/shard=N/*.parquet` has the rows of shard N, from 0
    on, `tables/TABLE/*.parquet` what every shard has, `answers/NAME/N.parquet` what shard N
    answers. threads, memory_bytes, spill_folder: of the engine of a shard, see `DuckDBEngine`.
    at_once: shards that this machine works on side by side. mirror: has the same for those who do
    not see the folder.
    """

    folder: Path
    count: int
    threads: int
    memory_bytes: int
    spill_folder: Path | None
    at_once: int = 1
    mirror: Mirror | None = None

    @contextmanager
    def work_on(self, number: int) -> Iterator[DuckDBEngine]:
        """The same as `open` for a task, wherever it runs: from the mirror, if there is one."""
        if self.mirror is None:
            with self.open(number) as engine:
                yield engine
            return
        with ScratchFolder() as scratch:
            self.mirror.fetch(_TABLES, scratch.path, lambda path: _is_of(path, number))
            here = replace(self, folder=scratch.path, mirror=None)
            with here.open(number) as engine:
                yield engine

    @contextmanager
    def open(self, number: int) -> Iterator[DuckDBEngine]:
        """An engine with the tables of a shard; use as a context manager."""
        engine = DuckDBEngine(
            [self.folder],
            threads=self.threads,
            memory_bytes=self.memory_bytes,
            spill_folder=self.spill_folder,
        )
        with engine:
            _open.add(engine)
            try:
                for place in sorted(self._tables.iterdir()):
                    engine.make_view(place.name, self.scan(place.name, number))
                yield engine
            finally:
                _open.discard(engine)

    def scan(self, table: str, number: int | None = None) -> str:
        """SQL: the rows of a table in a shard; those of all shards where no number is given."""
        place, of = self._tables / table, "*" if number is None else number
        files = [*place.glob("*.parquet"), *place.glob(f"shard={of}/*.parquet")]
        listed = literal([str(file) for file in sorted(files)])
        return f"SELECT * FROM read_parquet({listed}, hive_partitioning = false)"

    def split(self, engine: DuckDBEngine, table: str) -> None:
        """Give each shard the rows of its accounts; accounts that are in none go to the first."""
        place = self._emptied(table)
        engine.execute(
            f"COPY (SELECT rows.*, COALESCE({SHARD_OF}.shard, 0) AS shard "
            f"FROM {quoted(table)} AS rows "
            f"LEFT JOIN {SHARD_OF} ON {SHARD_OF}.account_id = rows.account_id) "
            f"TO {literal(str(place))} (FORMAT parquet, PARTITION_BY (shard))"
        )
        place.mkdir(exist_ok=True)
        self._write(engine, f"SELECT * FROM {quoted(table)} LIMIT 0", place / "none.parquet")
        self._put(place)

    def share(self, engine: DuckDBEngine, table: str) -> None:
        """Give every shard all rows of a table."""
        place = self._emptied(table)
        place.mkdir()
        self._write(engine, f"SELECT * FROM {quoted(table)}", place / "all.parquet")
        self._put(place)

    def forget(self, table: str) -> None:
        """Take a table from all shards."""
        shutil.rmtree(self._tables / table, ignore_errors=True)
        if self.mirror is not None:
            self.mirror.remove(f"{_TABLES}/{table}")

    def write_answer(self, engine: DuckDBEngine, table: str, number: int) -> None:
        """Keep a table of a shard's engine as the shard's part of the answer of that name.

        It is there whole or not at all, so that a task may be done again, also by two at once.
        """
        query, name = f"SELECT * FROM {quoted(table)}", f"{number}.parquet"
        if self.mirror is not None:
            self._write(engine, query, engine.folder / name)
            self.mirror.put(engine.folder / name, f"{_ANSWERS}/{table}/{name}")
            return
        place = self._answers / table
        place.mkdir(parents=True, exist_ok=True)
        begun = place / f"{name}.{uuid4().hex}"
        self._write(engine, query, begun)
        begun.replace(place / name)

    def collect(self, engine: DuckDBEngine, answer: str) -> None:
        """Make the view of an answer, the parts of all shards; `remove` takes it away."""
        if self.mirror is not None:
            self.mirror.fetch(f"{_ANSWERS}/{answer}", self.folder)
        files = [self._answers / answer / f"{number}.parquet" for number in range(self.count)]
        listed = literal([str(file) for file in files])
        engine.make_view(answer, f"SELECT * FROM read_parquet({listed})")

    def answers(self, name: str) -> bool:
        """Whether there is an answer of that name."""
        return (self._answers / name).exists()

    def remove(self, answer: str) -> None:
        """Remove the files of an answer."""
        shutil.rmtree(self._answers / answer)
        if self.mirror is not None:
            self.mirror.remove(f"{_ANSWERS}/{answer}")

    @property
    def _tables(self) -> Path:
        return self.folder / _TABLES

    @property
    def _answers(self) -> Path:
        return self.folder / _ANSWERS

    def _put(self, place: Path) -> None:
        if self.mirror is not None:
            self.mirror.put(place, place.relative_to(self.folder).as_posix())

    def _emptied(self, table: str) -> Path:
        self.forget(table)
        self._tables.mkdir(parents=True, exist_ok=True)
        return self._tables / table

    def _write(self, engine: DuckDBEngine, query: str, place: Path) -> None:
        engine.execute(f"COPY ({query}) TO {literal(str(place))} (FORMAT parquet)")


def _is_of(path: str, number: int) -> bool:
    """Whether a file below the tables is one that a shard reads: its own, or every shard's."""
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return not folder.startswith(_SHARD) or folder == f"{_SHARD}{number}"
