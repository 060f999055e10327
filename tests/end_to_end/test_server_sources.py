"""The same sources in a PostgreSQL server as in files give the same features, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from project import AS_OF, Project

pytest.importorskip("psycopg", reason="psycopg is not installed: make setup")

import psycopg

from pipeline.engines import quoted
from pipeline.engines.postgresql import copied, postgresql_type


def _type(kind: pa.DataType) -> str:
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    return "TIMESTAMPTZ" if zoned else postgresql_type(kind)


def test_features_do_not_depend_on_where_the_sources_lie(
    project: Project, market: Path, database: str
) -> None:
    features = ("features", "--as-of", AS_OF, "--out", project.folder / "features.parquet")
    project.done(*features)
    from_files = (project.folder / "features.parquet").read_bytes()

    sources = yaml.safe_load(project.config.read_text())["sources"]
    with psycopg.connect(os.environ[database]) as connection:
        connection.execute("CREATE SCHEMA market")
        for name in sources:
            rows = pq.read_table(market / f"{name}.parquet")
            columns = (f"{quoted(f.name)} {_type(f.type)}" for f in rows.schema)
            connection.execute(f"CREATE TABLE market.{name} ({', '.join(columns)})".encode())
            copied(connection, f"market.{name}", rows)
    server = {"url_variable": database}
    (project.folder / "orders.sql").write_text("SELECT * FROM market.orders ORDER BY random()")
    project.change(
        sources={name: server | {"table": f"market.{name}"} for name in sources}
        | {"orders": server | {"sql": "orders.sql"}}
    )
    project.done(*features)
    assert (project.folder / "features.parquet").read_bytes() == from_files
