"""The scores in a table of a PostgreSQL server, beside the published files."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config.form import PostgresqlConfig
from pipeline.errors import ConfigError, DefectionError, ServiceUnavailable
from pipeline.output_files import short
from pipeline.scoring.columns import SCHEMA_VERSION
from pipeline.scoring.publication import read_manifest

KEY = ("account_id", "as_of", "model_version")


def require_database(sink: PostgresqlConfig | None) -> None:
    """Say before the work begins what would stop it at its end."""
    if sink is None:
        return
    if importlib.util.find_spec("psycopg") is None:
        raise ServiceUnavailable(
            "`scoring.postgresql` needs psycopg, which is not installed: "
            "pip install 'defection-risk[postgresql]'."
        )
    if not os.environ.get(sink.url_variable):
        raise ConfigError(
            f"`scoring.postgresql` is set, but not the environment variable {sink.url_variable}. "
            "Put the connection string in it, such as postgresql://user@server/database."
        )


def write_to_database(sink: PostgresqlConfig, folder: Path) -> None:
    """Put the scores of a publication into the table, in place of those of its date and version.

    The column `revision` says of which revision they are.
    The files stay published whatever happens here; the same command again goes on from there.
    """
    from pipeline.engines.postgresql_sink import REVISION, replace_rows

    scores = pq.read_table(folder / "scores.parquet")
    revision = int(folder.name.removeprefix("revision="))
    scores = scores.append_column(REVISION, pa.repeat(pa.scalar(revision, pa.int32()), len(scores)))
    whose = f"the scores of {read_manifest(folder)['config']}, schema {SCHEMA_VERSION}"
    (first,) = scores.slice(0, 1).select(["as_of", "model_version"]).to_pylist()
    try:
        replace_rows(sink.url_variable, sink.table, scores, KEY, first, whose)
    except DefectionError as error:
        raise type(error)(
            f"{error} The files of revision {revision} are published whole in {short(folder)}, and "
            "replace any earlier one; the same command again writes them to the server."
        ) from None
