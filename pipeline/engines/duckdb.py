"""Embedded DuckDB, the engine, locked down before it sees a statement.

It reads the named inputs and its own spill folder, nothing else: no network, no extensions, no
further files, and the settings cannot be changed back by a statement (a `.sql` mapping is
somebody else's text).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb
import pyarrow as pa

from pipeline.engines.sql_text import literal, quoted
from pipeline.errors import CannotWrite, ConfigError
from pipeline.memory import at_most, limit_bytes
from pipeline.scratch import ScratchFolder
from pipeline.termination import interruption

if TYPE_CHECKING:  # pandas is not wanted where only shards are worked on
    import pandas as pd

    from pipeline.engines.shards import Shards
    from pipeline.engines.spark import SparkCluster

QueryError = duckdb.Error
"""What a statement that cannot be understood or carried out raises."""

QueryTooLong = duckdb.InterruptException
"""The kind of it that ends a statement `within` a time that is over."""

EngineBroken = duckdb.FatalException
"""The kind of it after which the engine answers nothing any more."""

_NO_ROOM = ("No space left on device", "max_temp_directory_size", "Disk quota exceeded")
_INTERRUPTED = "Query interrupted"  # which DuckDB raises in place of what the signal's handler did
_SLACK_BYTES = 256 << 20  # what is not the engine's: Python, Arrow, stacks of threads
_AGAIN_SECONDS = 0.1  # an interruption between two statements is forgotten, so it is said again
_ROWS_AT_ONCE = 2**16
_TIMES = 50  # and then given up, after five seconds


class DuckDBEngine:
    """One DuckDB connection; use as a context manager.

    readable: files and folders that statements may read. memory_bytes: beyond it the engine spills
    to `spill_folder` (a private temporary folder when None); 0.6 of what there is when None.
    shards: of its tables, where they were split; see `pipeline.tables.shards`. cluster: that works
    on shards; None where this machine does.
    """

    shards: Shards | None = None
    cluster: SparkCluster | None = None

    def __init__(
        self,
        readable: Sequence[Path] = (),
        *,
        threads: int = 2,
        memory_bytes: int | None = None,
        spill_folder: Path | None = None,
    ) -> None:
        self._spill = ScratchFolder(spill_folder)
        self._connection = duckdb.connect(":memory:")
        limit = memory_bytes or limit_bytes()
        self.limit_bytes = limit
        self._limit = f"{limit / 2**20:,.0f} MiB"
        folders = [str(p.resolve()) + "/" for p in readable if p.is_dir()]
        files = [str(p.resolve()) for p in readable if not p.is_dir()]
        settings: dict[str, Any] = {
            "threads": threads,
            "memory_limit": f"{limit}B",
            "temp_directory": str(self._spill.path),
            "preserve_insertion_order": False,
            # Joins have their smaller side on the right. Left to guess, DuckDB takes a filtered
            # scan of millions of rows for a small one and builds its hash table of that.
            "disabled_optimizers": "build_side_probe_side",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_progress_bar": False,
            "allowed_directories": [*folders, str(self._spill.path)],
            "allowed_paths": files,
            "enable_external_access": False,
            "lock_configuration": True,
        }
        # Global, so that `beside` has it too; else a zoned time's date depends on the machine.
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        self._connection.execute("SET TimeZone = 'UTC'")
        for name, value in settings.items():
            self._connection.execute(f"SET {name} = {literal(value)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        self._spill.close()

    @contextmanager
    def beside(self) -> Iterator[Self]:
        """Further tables, under any names, within the same limits of memory and threads.

        Use as a context manager; its tables are gone at the end. Its statements can read this
        engine's tables as `beyond(name)`, and never by the name alone. One at a time.
        """
        other = copy(self)
        other.shards = None
        other._connection = self._connection.cursor()
        try:
            other._connection.execute("ATTACH ':memory:' AS beside")
            other._connection.execute("USE beside")
            yield other
        finally:
            other._connection.close()
            self._connection.execute("DETACH DATABASE IF EXISTS beside")

    @contextmanager
    def within(self, seconds: float, give_up: Callable[[], object]) -> Iterator[None]:
        """End the statements of the block once so much time is over, with QueryTooLong.

        For somebody else's text, which may never end by itself, or ask for a value larger than the
        memory, which is refused then as well. give_up: called in another thread where a statement
        has not ended some seconds after that, as one that is busy with a single value does not.
        """
        done = threading.Event()

        def watch() -> None:
            done.wait(seconds)
            for _ in range(_TIMES):
                self.interrupt()
                if done.wait(_AGAIN_SECONDS):
                    return
            give_up()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            with at_most(self.limit_bytes + _SLACK_BYTES):
                yield
        finally:
            done.set()
            watcher.join()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say of a statement that was broken off what a user can mend, or which signal it was."""
        try:
            yield
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            if not any(sign in str(error) for sign in _NO_ROOM):
                if isinstance(error, duckdb.IOException):
                    raise
                raise ConfigError(
                    f"The memory that the engine may take, {self._limit}, is too little for this, "
                    "although it sets aside on disk what it can. Set `engine.memory_mib` or "
                    "`engine.memory_share` higher, or `engine.threads` lower."
                ) from error
            raise CannotWrite(
                f"{self._spill.path.parent}: there is no room to set aside what does not fit into "
                "memory. Free some space there, or set `engine.spill_folder` to a folder with "
                "more of it, or `engine.memory_mib` or `engine.memory_share` higher."
            ) from error
        except RuntimeError as error:
            if str(error) != _INTERRUPTED:
                raise
            raise interruption() from None

    @staticmethod
    def beyond(name: str) -> str:
        """A table of the engine that this one lies beside, for a statement."""
        return f"memory.main.{quoted(name)}"

    @property
    def folder(self) -> Path:
        """A private folder that statements may read; it is gone when the engine is closed."""
        return self._spill.path

    def interrupt(self) -> None:
        """End the statement that another thread has this engine run, if it runs one and is open."""
        with suppress(duckdb.ConnectionException):
            self._connection.interrupt()

    def is_one_query(self, sql: str) -> bool:
        """Whether a text is a single SELECT; QueryError where it cannot be parsed."""
        statements = self._connection.extract_statements(sql)
        return [s.type for s in statements] == [duckdb.StatementType.SELECT]

    def execute(self, sql: str, values: Sequence[Any] | None = None) -> None:
        """Run a statement whose result is not wanted."""
        with self._explained():
            self._connection.execute(sql, values)

    def rows(
        self, sql: str, values: Sequence[Any] | dict[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of a query as tuples; for small answers."""
        with self._explained():
            answer: list[tuple[Any, ...]] = self._connection.execute(sql, values).fetchall()
        return answer

    def frame(self, sql: str, values: Sequence[Any] | None = None) -> pd.DataFrame:
        """A query's answer as a pandas table."""
        with self._explained():
            answer: pd.DataFrame = self._connection.execute(sql, values).df()
        return answer

    def arrow(self, sql: str, values: Sequence[Any] | None = None) -> pa.Table:
        """A query's answer as an Arrow table; the way to Parquet without pandas in between."""
        with self._explained():
            return self._connection.sql(sql, params=values).to_arrow_table()

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """A query's answer some rows after the other, in no given order.

        To be read to its end before the engine is asked anything else.
        """
        with self._explained():
            yield from self._connection.sql(sql).to_arrow_reader(_ROWS_AT_ONCE)

    def has_table(self, name: str) -> bool:
        """Whether the engine holds a table or a view of that name."""
        return bool(
            self.rows(
                "SELECT 1 FROM duckdb_tables() "
                "WHERE database_name = current_database() AND table_name = $name UNION ALL "
                "SELECT 1 FROM duckdb_views() "
                "WHERE database_name = current_database() AND view_name = $name",
                {"name": name},
            )
        )

    def make(self, name: str, *queries: str) -> None:
        """Keep the answers of queries as the table `name`, in place of one of that name."""
        first, *others = queries
        self.execute("BEGIN")  # added one by one, answers of many columns take four times as long
        try:
            self.execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS {first}")
            for query in others:
                self.execute(f"INSERT INTO {quoted(name)} {query}")
            self.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise

    def make_view(self, name: str, query: str) -> None:
        """Let `name` stand for the answer of a query, which is asked each time anew."""
        self.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {query}")

    def register(self, name: str, table: pa.Table | pd.DataFrame) -> None:
        """Copy an in-memory table into the engine under `name`, in place of one of that name."""
        self._connection.register("_incoming", table)
        self.make(name, "SELECT * FROM _incoming")
        self._connection.unregister("_incoming")

    def drop(self, *names: str) -> None:
        """Remove tables, where they are there, and answers of shards."""
        for name in names:
            if self.shards is not None and self.shards.answers(name):
                self._connection.execute(f"DROP VIEW IF EXISTS {quoted(name)}")
                self.shards.remove(name)
            else:
                self._connection.execute(f"DROP TABLE IF EXISTS {quoted(name)}")
