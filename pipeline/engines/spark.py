"""Spark, for what one machine's memory cannot hold: here in this process, on local threads.

A table is a folder of Parquet files under a name. Spark would otherwise put off every step until
the last one asks for it, and then take each as often as it is asked for.
"""

from __future__ import annotations

import itertools
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import DataFrame, SparkSession

from pipeline.engines.translation import SPARK, in_pandas, translated
from pipeline.errors import ServiceUnavailable
from pipeline.memory import limit_bytes
from pipeline.scratch import ScratchFolder

# Errors only; the second logger's level is the one that a Python session would set for all.
_LOGGING = """
rootLogger.level = error
logger.python.name = org.apache.spark.api.python.PythonGatewayServer
logger.python.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n
"""


class SparkEngine:
    """One Spark session; use as a context manager. A process has room for one at a time.

    memory_bytes: 0.6 of what there is when None; beyond it Spark spills to `spill_folder` (a
    private temporary folder when None), where its tables are, too. settings: of Spark, before
    those here.
    """

    def __init__(
        self,
        *,
        threads: int = 2,
        memory_bytes: int | None = None,
        spill_folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._scratch = ScratchFolder(spill_folder)
        self._folder = self._scratch.path
        self._numbers = itertools.count()
        self._tables: dict[str, Path] = {}
        logging = self._folder / "log4j2.properties"
        logging.write_text(_LOGGING)
        chosen = {
            "spark.driver.memory": f"{(memory_bytes or limit_bytes()) // 2**20}m",
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging.as_uri()}",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.authenticate": "true",
            "spark.driver.maxResultSize": "0",
            "spark.local.dir": str(self._folder / "spill"),
            "spark.sql.warehouse.dir": str(self._folder / "warehouse"),
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.timestampType": "TIMESTAMP_NTZ",
            "spark.sql.ansi.enabled": "true",  # a sum that overflows is an error
            "spark.sql.shuffle.partitions": str(16 * threads),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            **(settings or {}),
        }
        builder = SparkSession.builder.master(f"local[{threads}]").appName("defection")
        for name, value in chosen.items():
            builder = builder.config(name, value)
        try:
            with warnings.catch_warnings():  # of a newer pandas than Spark uses; here it uses none
                warnings.simplefilter("ignore", FutureWarning)
                self._session = builder.getOrCreate()
        except PySparkRuntimeError as error:
            self._scratch.close()
            raise ServiceUnavailable(
                f"Spark does not start: {error}. It needs Java 17 or newer on the PATH."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.stop()
        self._scratch.close()

    def make(self, name: str, *queries: str) -> None:
        """Keep the answers of queries as the table `name`, in place of one of that name."""
        made = self._place()
        answer = None
        for query in queries:
            answer = self._answer(query)
            answer.write.parquet(str(made), mode="append")
        assert answer is not None
        self._put(name, made, self._session.read.schema(answer.schema).parquet(str(made)))

    def register(self, name: str, table: pa.Table | pd.DataFrame) -> None:
        """Copy an in-memory table into the engine under `name`, in place of one of that name."""
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False)
        made = self._place()
        made.mkdir()
        pq.write_table(table, made / "rows.parquet")
        self._put(name, made, self._session.read.parquet(str(made)))

    def _place(self) -> Path:
        return self._folder / f"table_{next(self._numbers)}"

    def _put(self, name: str, made: Path, rows: DataFrame) -> None:
        self.drop(name)
        rows.createTempView(name)
        self._tables[name] = made

    def drop(self, *names: str) -> None:
        """Remove tables, where they are there."""
        for name in names:
            if self.has_table(name):
                self._session.catalog.dropTempView(name)
                shutil.rmtree(self._tables.pop(name))

    def has_table(self, name: str) -> bool:
        """Whether the engine holds a table of that name."""
        return name in self._tables

    def rows(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query as tuples; for small answers."""
        return [tuple(row) for row in self._answer(query, values).collect()]

    def frame(self, query: str, values: Sequence[Any] | None = None) -> pd.DataFrame:
        """A query's answer as a pandas table."""
        return in_pandas(self._answer(query, values).toArrow())

    def _answer(self, query: str, values: Sequence[Any] | None = None) -> DataFrame:
        text = translated(query, SPARK, bound=bool(values))
        return self._session.sql(text, args=list(values) if values else None)
