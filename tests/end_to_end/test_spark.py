"""What Spark computes and reads is what this machine computes and reads, byte for byte."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
import yaml
from project import AS_OF, Project
from spark_cluster import cluster, executors, has_spark

from pipeline.engines.spark import SparkCluster
from pipeline.errors import MissingInput, ServiceUnavailable

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not has_spark(), reason="no Spark: make setup-spark, and Java 17 or newer"),
]

LOCAL = {"kind": "spark", "master": "local[2]", "shards": 3}


def training_table(project: Project) -> bytes:
    place = project.folder / "table.parquet"
    said = project.done("table", "--out", place)
    spark = "kind: spark" in project.config.read_text()
    assert ("Spark worked on 3 shards" in said) == spark
    return place.read_bytes()


def features(project: Project) -> bytes:
    place = project.folder / "features.parquet"
    project.done("features", "--as-of", AS_OF, "--out", place)
    return place.read_bytes()


def test_a_training_table_is_that_of_this_machine(project: Project) -> None:
    here = training_table(project)
    project.change(engine=LOCAL)
    assert training_table(project) == here


class Modules:
    """A task that leaves behind which modules are there once a shard was opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> None:
        """Import what a task of ours needs."""
        import pipeline.tables.values_table  # noqa: F401

        (self.folder / str(number)).write_text(" ".join(sys.modules))


def test_executors_need_no_pandas(tmp_path: Path) -> None:
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with SparkCluster("local[2]", {}, None) as spark:
        spark(Modules(tmp_path), 2)
    for number in ("0", "1"):
        modules = (tmp_path / number).read_text().split()
        assert "duckdb" in modules
        assert not {"pandas", "sklearn", "mlflow", "pydantic"} & {*modules}


def test_sources_may_be_tables_of_a_catalog_and_files_that_spark_reads(
    project: Project, market: Path, tmp_path: Path
) -> None:
    here = features(project)
    catalog = {
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(tmp_path / "warehouse"),
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={tmp_path / 'derby.log'}",
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={tmp_path / 'metastore'};create=true"
        ),
    }
    with SparkCluster("local[2]", catalog, None) as spark:
        session = spark.session
        session.sql("CREATE DATABASE sales")
        orders = session.read.parquet(str(market / "orders.parquet"))
        orders.write.saveAsTable("sales.orders")
        session.read.parquet(str(market / "reps.parquet")).write.csv(
            str(tmp_path / "reps"), header=True
        )
        with pytest.raises(MissingInput, match=r"sales\.order: Spark does not find it"):
            spark.write_table("sales.order", tmp_path / "absent")
        with pytest.raises(MissingInput, match="absent: Spark does not find it"):
            spark.write_files((tmp_path / "absent").as_uri(), "parquet", tmp_path / "absent")
    sources = yaml.safe_load(project.config.read_text())["sources"]
    project.change(
        engine=LOCAL | {"settings": catalog},
        sources=sources
        | {
            "orders": {"catalog_table": "sales.orders"},
            "touches": {"address": (market / "touches.parquet").as_uri()},
            "reps": {"address": (tmp_path / "reps").as_uri(), "format": "csv"},
        },
    )
    assert features(project) == here


@pytest.mark.starts_process
def test_a_cluster_that_loses_an_executor_gives_the_same(trained: Project, tmp_path: Path) -> None:
    """Two workers that share nothing with this machine but an address; one is killed at work."""
    shared, place = tmp_path / "shared", tmp_path / "cluster"
    shared.mkdir()
    place.mkdir()
    killed: list[int] = []

    def kill_one_at_work() -> None:
        while not [*shared.glob("*/answers/*/*.parquet")]:
            time.sleep(0.05)
        killed.append(executors(place)[0])
        os.kill(killed[0], signal.SIGKILL)

    with cluster(place) as master:
        trained.change(
            engine={
                "kind": "spark",
                "master": master,
                "work_folder": shared.as_uri(),
                "shards": 6,
                "task_memory_mib": 512,
                "settings": {
                    "spark.pyspark.python": sys.executable,
                    "spark.executor.memory": "512m",
                    "spark.driver.host": "127.0.0.1",
                },
            }
        )
        killer = Thread(target=kill_one_at_work, daemon=True)
        killer.start()
        trained.done("score", "--as-of", AS_OF)
        killer.join()
    here, there = sorted(trained.scores.glob(f"as_of={AS_OF}/*/*"))
    assert killed
    for name in ("scores.parquet", "features.parquet", "call_list.csv"):
        assert (there / name).read_bytes() == (here / name).read_bytes()
    assert [*shared.iterdir()] == []


def test_a_java_that_was_killed_is_said_and_another_one_begins() -> None:
    from pyspark.sql import SparkSession

    for _ in range(2):
        with SparkCluster("local[2]", {}, None) as spark:
            assert spark.slots == 2
            child = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            for number in child:
                if b"SparkSubmit" in Path(f"/proc/{number}/cmdline").read_bytes():
                    os.kill(int(number), signal.SIGKILL)
            with pytest.raises(ServiceUnavailable, match=r"Java process of Spark .* was ended"):
                spark(time.sleep, 2)
        assert SparkSession.getActiveSession() is None  # MLflow would ask it


def test_an_unreachable_master_is_said(project: Project, tmp_path: Path) -> None:
    project.change(
        engine={"kind": "spark", "master": "spark://127.0.0.1:1", "work_folder": str(tmp_path)}
    )
    refused = project.defection("features", "--as-of", AS_OF)
    assert refused.returncode == 69
    assert "at `engine.master` spark://127.0.0.1:1: no master is there" in refused.stderr
