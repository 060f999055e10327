"""Spark: runs a task for each shard on its executors, and reads what its catalog and files have.

A task is Python code of ours that runs DuckDB on the rows of its shard. Our packages are sent
along; an executor's Python needs DuckDB, pyarrow and sqlglot in the versions of this machine. What
a task reads and writes lies in `engine.work_folder`, or in the engine's own folder where executors
are on this machine.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from pipeline.engines.mirror import Mirror
from pipeline.engines.shards import Progress, Task
from pipeline.errors import ConfigError, DefectionError, MissingInput, ServiceUnavailable
from pipeline.scratch import ScratchFolder
from pipeline.wording import counted, listed, shortened

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ON_EXECUTORS = ("duckdb", "pyarrow", "sqlglot")
_LOOK_SECONDS = 0.5  # between two looks at how far a job is
_END_SECONDS = 5.0  # that a Java process that was killed may still be seen
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",  # what matters of it is in our messages
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
_OF_ONE_MACHINE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
_ABSENT = "TABLE_OR_VIEW_NOT_FOUND", "PATH_NOT_FOUND"


class SparkCluster:
    """A Spark application, begun where it is first needed; use as a context manager.

    master: such as local[*], spark://host:7077, yarn or k8s://address. settings: of Spark, before
    ours. work_folder: a path or an address that this machine and all executors reach; None where
    they are on this machine. `folder`: a private one at that path; None without such a path.
    `mirror`: one at that address. ServiceUnavailable where Spark is not there or does not answer.
    """

    def __init__(
        self, master: str, settings: Mapping[str, str], work_folder: Path | str | None
    ) -> None:
        self._master, self._settings = master, settings
        self._own = ScratchFolder()
        self._shared = ScratchFolder(work_folder) if isinstance(work_folder, Path) else None
        self.folder = None if self._shared is None else self._shared.path
        self.mirror: Mirror | None = None
        if isinstance(work_folder, str):
            self.mirror = Mirror(f"{work_folder.rstrip('/')}/defection-{uuid4().hex}")
        self._seconds: dict[int, float] = defaultdict(float)
        self._gateway: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with ExitStack() as closing:  # in the opposite order, each whatever the others raise
            if self._shared is not None:
                closing.callback(self._shared.close)
            closing.callback(self._own.close)
            if self._gateway is not None:
                closing.callback(self._end_java)
            if "session" in self.__dict__:
                if self.mirror is not None:
                    closing.callback(self.mirror.remove)
                closing.callback(self._stop)

    @property
    def slots(self) -> int:
        """Tasks that run at once."""
        with self._explained():
            slots: int = self.session.sparkContext.defaultParallelism
        return slots

    def __call__(self, task: Task, count: int, progress: Progress | None = None) -> None:
        """Do a task for each shard, side by side; a runner of `pipeline.engines.shards`.

        A task that is lost with its executor is done again elsewhere.
        """
        context = self.session.sparkContext
        with self._explained(), _watched(context, count, progress):
            told = context.parallelize(range(count), count).map(_Told.of(task)).collect()
        for number, seconds, error in told:
            if error is not None:
                raise error
            self._seconds[number] += seconds

    def times(self) -> str | None:
        """How long the shards took, in a sentence; None where none was worked on."""
        if not self._seconds:
            return None
        longest = max(self._seconds, key=lambda number: self._seconds[number])
        shortest = min(self._seconds.values())
        return (
            f"Spark worked on {counted(len(self._seconds), 'shard')}, {shortest:.1f} to "
            f"{self._seconds[longest]:.1f} s each (shard {longest + 1} longest), "
            f"{sum(self._seconds.values()):.0f} s in all"
        )

    def write_table(self, name: str, place: Path) -> None:
        """Write the rows of a table of the catalog to a folder of this machine, as Parquet."""
        with self._explained(name):
            self._write(self.session.table(name), place)

    def write_files(self, address: str, kind: str, place: Path) -> None:
        """The same of the Parquet or CSV files at an address; every value of CSV is a text."""
        with self._explained(address):
            reader = self.session.read
            if kind == "csv":
                reader = reader.options(header=True, inferSchema=False, escape='"', multiLine=True)
            self._write(reader.format(kind).load(address), place)

    def _write(self, rows: DataFrame, place: Path) -> None:
        shared = place if self.folder is None else self.folder / place.name
        if self.mirror is None:
            rows.write.mode("overwrite").parquet(shared.as_uri())
            if shared != place:
                shutil.move(shared, place)
            return
        rows.write.mode("overwrite").parquet(f"{self.mirror.for_spark}/{place.name}")
        self.mirror.fetch(place.name, place.parent)
        self.mirror.remove(place.name)

    @cached_property
    def session(self) -> SparkSession:
        """The application, begun."""
        if find_spec("pyspark") is None:
            raise ServiceUnavailable(
                "`engine.kind: spark` needs PySpark, which is not installed: "
                "pip install 'defection-risk[spark]'. It runs on Java 17 or newer."
            )
        import pyspark
        from pyspark.errors import PySparkException
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession

        conf = pyspark.SparkConf().setMaster(self._master).setAppName("defection")
        local = self._master.startswith("local")
        ours = {**_SETTINGS, **(_OF_ONE_MACHINE if local else {})}
        ours["spark.local.dir"] = str(self._own.path)
        conf.setAll([*{**ours, **self._settings}.items()])
        log = self._own.path / "spark.log"
        logging.getLogger("py4j").setLevel(logging.CRITICAL + 1)
        logging.getLogger().addFilter(_is_not_py4js)  # it uses both
        interrupted = signal.getsignal(signal.SIGINT)
        try:
            with log.open("wb") as stderr, warnings.catch_warnings(action="ignore"):
                self._gateway = launch_gateway(conf, {"stderr": stderr})
                context = pyspark.SparkContext(conf=conf, gateway=self._gateway)
                session: SparkSession = SparkSession(context)
        except PySparkException as error:
            raise ServiceUnavailable(
                f"Spark does not start: {_last_line(log) or _said(error)}. It needs Java 17 or "
                "newer: `java -version` should say so, or JAVA_HOME name it."
            ) from error
        except Exception as error:  # of py4j, whatever the Java side says
            said = _said(error)
            if "stopped SparkContext" in said:
                said = "no master is there, or it has another version of Spark"
            raise ServiceUnavailable(
                f"Spark does not answer at `engine.master` {self._master}: {said}"
            ) from error
        if threading.current_thread() is threading.main_thread():
            # PySpark's own asks Java in the midst of a question; `_watched` cancels the jobs.
            signal.signal(signal.SIGINT, interrupted)
        here = sys.executable if local else context.pythonExec
        context.pythonExec = self._settings.get("spark.pyspark.python", here)
        context.addPyFile(str(_packed(self._own.path / "defection_risk.zip")))
        return session

    def _stop(self) -> None:
        """Stop the application; of one without Java, nothing stays for others to ask."""
        import pyspark
        from pyspark.sql import SparkSession

        with _java_may_be_gone():
            self.session.stop()
        pyspark.SparkContext._active_spark_context = None
        SparkSession._instantiatedSession = SparkSession._activeSession = None

    def _end_java(self) -> None:
        """What the next application sets counts for it alone, also for its Java."""
        import pyspark

        pyspark.SparkContext._gateway = pyspark.SparkContext._jvm = None
        with _java_may_be_gone():
            self._gateway.shutdown()
        self._gateway.proc.stdin.close()
        self._gateway.proc.wait()

    def _java_has_ended(self, error: Exception) -> bool:
        """Whether an error is that of a Java process that ends; it may still be about to."""
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        if self._gateway is None:
            return False
        answered = isinstance(error, Py4JJavaError | PySparkException)
        with suppress(subprocess.TimeoutExpired):
            self._gateway.proc.wait(0 if answered else _END_SECONDS)
        return self._gateway.proc.poll() is not None

    @contextmanager
    def _explained(self, what: str | None = None) -> Iterator[None]:
        """Say of an error of Spark's what a user can mend; what: that is read."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            yield
        except (Py4JError, PySparkException, ConnectionError) as error:
            said = _said(error)
            if self._java_has_ended(error):
                raise ServiceUnavailable(
                    "The Java process of Spark on this machine was ended. Was it out of memory? "
                    "`spark.driver.memory` in `engine.settings` is what it may take."
                ) from error
            condition = error.getCondition() if isinstance(error, PySparkException) else None
            if what is not None and condition in _ABSENT:
                raise MissingInput(f"{what}: Spark does not find it: {said}") from error
            if what is None:
                raise ServiceUnavailable(
                    f"Spark gave up on the shards: {said}. Its executors need a Python with "
                    f"{listed(_versions())} (`spark.pyspark.python`), and must reach "
                    "`engine.work_folder`."
                ) from error
            raise ServiceUnavailable(f"{what}: Spark cannot read it: {said}") from error


@dataclass(frozen=True)
class _Told:
    """A task that tells how long it took, or what is wrong that another try would not mend."""

    task: Task
    versions: Mapping[str, str]

    @classmethod
    def of(cls, task: Task) -> _Told:
        return cls(task, _versions_by_name())

    def __call__(self, number: int) -> tuple[int, float, DefectionError | None]:
        began = time.monotonic()
        error: DefectionError | None = None
        try:
            self._refuse_other_versions()
            self.task(number)
        except ConfigError as found:
            error = ConfigError(str(found))
        return number, time.monotonic() - began, error

    def _refuse_other_versions(self) -> None:
        here = _versions_by_name()
        if here != self.versions:
            raise ConfigError(
                f"An executor has {listed(_versions())}, this machine has "
                f"{listed(f'{name} {number}' for name, number in self.versions.items())}. Install "
                "the same versions there, and name that Python with `spark.pyspark.python`."
            )


@contextmanager
def _watched(context: Any, count: int, progress: Progress | None) -> Iterator[None]:
    """Tell how many shards are done while the block waits for them."""
    done = threading.Event()

    @_java_may_be_gone()
    def watch() -> None:
        tracker = context.statusTracker()
        while not done.wait(_LOOK_SECONDS):
            stages = map(tracker.getStageInfo, tracker.getActiveStageIds())
            ready = sum(stage.numCompletedTasks for stage in stages if stage is not None)
            if progress:
                progress(f"{ready} of {counted(count, 'shard')} done")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except BaseException:
        with _java_may_be_gone():
            context.cancelAllJobs()
        raise
    finally:
        done.set()
        watcher.join()


def _is_not_py4js(record: logging.LogRecord) -> bool:
    """Whether something else than py4j logs, whose errors are told in our words."""
    return Path(record.pathname).parent.name != "py4j"


@contextmanager
def _java_may_be_gone() -> Iterator[None]:
    """Within it nothing is wrong where Spark's Java does not answer any more."""
    from py4j.protocol import Py4JError

    with suppress(Py4JError, ConnectionError):
        yield


def _packed(place: Path) -> Path:
    """Our packages, as executors import them."""
    import features
    import pipeline

    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in (features, pipeline):
            folder = Path(package.__path__[0])
            for file in sorted(folder.rglob("*.py")):
                archive.write(file, Path(package.__name__, file.relative_to(folder)))
    return place


def _versions_by_name() -> dict[str, str]:
    return {name: version(name) for name in _ON_EXECUTORS}


def _versions() -> list[str]:
    return [f"{name} {number}" for name, number in _versions_by_name().items()]


def _said(error: Exception) -> str:
    """The line of an error of Spark's that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[0].startswith("["):  # [CONDITION] what it means
        return shortened(lines[0].rstrip("."), 400)
    telling = [line for line in lines if "Error" in line or "Exception" in line] or lines
    return shortened(telling[-1].rstrip(".") if telling else type(error).__name__, 400)


def _last_line(log: Path) -> str:
    """The last line of what Java said on its way; empty where it said nothing."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return shortened(next((line.strip() for line in reversed(lines) if line.strip()), ""), 300)
