"""Rows split by account into shards, so that a shard bounds the memory and not all rows.

A shard is a number. A split table is a folder of Parquet files per shard; whoever works on a shard
opens an engine of its own, which sees the rows of that shard alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.engines.duckdb import DuckDBEngine
from pipeline.engines.sql_text import literal, quoted

SHARD_OF = "shard_of"
"""The table (account_id, shard) of the engine that is split."""

Task = Callable[[int], None]
"""What is done for a shard, by its number; it can be pickled."""


def run(task: Task, count: int, progress: Callable[[str], None] | None = None) -> None:
    """Do a task for each shard, one after another; progress is told which one begins."""
    for number in range(count):
        if progress:
            progress(f"shard {number + 1} of {count}")
        task(number)


@dataclass(frozen=True)
class Shards:
    """Where the rows of each shard lie, and what its engine may take.

    folder: readable and writable; `tables/TABLE/shard=N/*.parquet` has the rows of shard N, from 0
    on, `tables/TABLE/*.parquet` what every shard has, `answers/NAME/N.parquet` what shard N
    answers. threads, memory_bytes, spill_folder: see `DuckDBEngine`.
    """

    folder: Path
    count: int
    threads: int
    memory_bytes: int
    spill_folder: Path | None

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
            for place in sorted(self._tables.iterdir()):
                engine.make_view(place.name, self.scan(place.name, number))
            yield engine

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

    def share(self, engine: DuckDBEngine, table: str) -> None:
        """Give every shard all rows of a table."""
        place = self._emptied(table)
        place.mkdir()
        self._write(engine, f"SELECT * FROM {quoted(table)}", place / "all.parquet")

    def forget(self, table: str) -> None:
        """Take a table from all shards."""
        shutil.rmtree(self._tables / table, ignore_errors=True)

    def write_answer(self, engine: DuckDBEngine, table: str, number: int) -> None:
        """Keep a table of a shard's engine as the shard's part of the answer of that name."""
        place = self._answers / table
        place.mkdir(parents=True, exist_ok=True)
        self._write(engine, f"SELECT * FROM {quoted(table)}", place / f"{number}.parquet")

    def collect(self, engine: DuckDBEngine, answer: str) -> None:
        """Make the view of an answer, the parts of all shards; `remove` takes it away."""
        files = [self._answers / answer / f"{number}.parquet" for number in range(self.count)]
        listed = literal([str(file) for file in files])
        engine.make_view(answer, f"SELECT * FROM read_parquet({listed})")

    def answers(self, name: str) -> bool:
        """Whether there is an answer of that name."""
        return (self._answers / name).exists()

    def remove(self, answer: str) -> None:
        """Remove the files of an answer."""
        shutil.rmtree(self._answers / answer)

    @property
    def _tables(self) -> Path:
        return self.folder / "tables"

    @property
    def _answers(self) -> Path:
        return self.folder / "answers"

    def _emptied(self, table: str) -> Path:
        self.forget(table)
        self._tables.mkdir(parents=True, exist_ok=True)
        return self._tables / table

    def _write(self, engine: DuckDBEngine, query: str, place: Path) -> None:
        engine.execute(f"COPY ({query}) TO {literal(str(place))} (FORMAT parquet)")
