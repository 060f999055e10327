"""Rows of a PostgreSQL server or of Spark, copied once to where the engine reads them at will.

All that is read from one server is of one moment. A copy is sorted: the server gives rows in any
order, and the same rows have the same SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import SourceConfig
from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.errors import ServiceUnavailable
from pipeline.sources.findings import FileLineage
from pipeline.sources.unusable import Unusable
from pipeline.wording import shortened

if TYPE_CHECKING:
    from pipeline.engines.postgresql_source import ReadTransaction

SCHEME = "postgresql:"
"""Before what is called by the variable of its server, where others are files."""

SPARK = "spark:"
"""Before a table of Spark's catalog."""

_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMPTZ")


@dataclass(frozen=True)
class Copy:
    """Rows of a server. scan: a FROM clause of them; lineage: the content that was found."""

    scan: str
    lineage: FileLineage


def whole_table(name: str) -> str:
    """The query of all rows of a table; name: its own, or schema.table."""
    return f"SELECT * FROM {'.'.join(quoted(part) for part in name.split('.'))}"


def copied(
    engine: DuckDBEngine, variable: str, queries: Mapping[str, str]
) -> dict[str, Copy | Unusable]:
    """What queries find, all as of one moment, by how messages call them.

    variable: of the environment; holds the connection string. Unusable where the server refuses a
    query; ServiceUnavailable where there is no answer.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise ServiceUnavailable(
            "A source with `url_variable` needs psycopg, which is not installed: "
            "pip install 'defection-risk[postgresql]'."
        )
    from pipeline.engines.postgresql_source import ReadTransaction

    copies: dict[str, Copy | Unusable] = {}
    with ReadTransaction(variable) as server:
        for written, query in queries.items():
            try:
                copies[written] = _copied(engine, server, query, written, variable)
            except Unusable as problem:
                copies[written] = problem
    return copies


def _copied(
    engine: DuckDBEngine, server: ReadTransaction, query: str, written: str, variable: str
) -> Copy:
    from pipeline.engines.postgresql_source import RefusedQuery

    name = hashlib.sha256(written.encode()).hexdigest()
    text, place = (engine.folder / f"{name}.{form}" for form in ("csv", "parquet"))
    try:
        columns = server.export(query, text)
        scan = (
            f"read_csv({literal(str(text))}, auto_detect = false, header = false, "
            f"delim = ',', quote = '\"', escape = '\"', columns = {{"
            + ", ".join(f"{literal(c)}: {literal(_as_text(kind))}" for c, kind in columns.items())
            + "})"
        )
        values = ", ".join(f"{_value(c, kind)} AS {quoted(c)}" for c, kind in columns.items())
        return _sorted(engine, f"SELECT {values} FROM {scan}", place, written)
    except RefusedQuery as error:
        advice = f"correct it, or what the user of {variable} may read"
        what = f"the server refuses it: {shortened(str(error), 300)}"
        raise Unusable(what, advice, missing=error.unknown) from None
    except QueryError as error:
        raise _unreadable(error, "cast the column to text in a query, with `sql`") from None
    finally:
        text.unlink(missing_ok=True)


def copied_by_spark(engine: DuckDBEngine, source: SourceConfig, written: str) -> Copy:
    """What Spark reads for a source; written: how messages call it.

    MissingInput where Spark does not find it, ServiceUnavailable where it cannot read it, Unusable
    where its rows cannot be put in order.
    """
    assert engine.cluster is not None
    name = hashlib.sha256(written.encode()).hexdigest()
    folder, place = engine.folder / f"{name}.spark", engine.folder / f"{name}.parquet"
    if source.catalog_table is not None:
        engine.cluster.write_table(source.catalog_table, folder)
    else:
        assert source.address is not None and source.address_format is not None
        engine.cluster.write_files(source.address, source.address_format, folder)
    files = literal([str(file) for file in sorted(folder.glob("*.parquet"))])
    try:
        return _sorted(engine, f"SELECT * FROM read_parquet({files})", place, written)
    except QueryError as error:
        raise _unreadable(error, "leave the column out, or cast it, in a view of Spark's") from None
    finally:
        shutil.rmtree(folder)


def _unreadable(error: QueryError, advice: str) -> Unusable:
    what = f"cannot be read: {shortened(str(error).partition(chr(10))[0], 300)}"
    return Unusable(what, advice)


def _sorted(engine: DuckDBEngine, rows: str, place: Path, written: str) -> Copy:
    engine.execute(f"COPY ({rows} ORDER BY ALL) TO {literal(str(place))} (FORMAT parquet)")
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    lineage = FileLineage(written, place.stat().st_size, digest)
    return Copy(f"read_parquet({literal(str(place))})", lineage)


def _as_text(kind: str) -> str:
    """The type in which a column of PostgreSQL is read; its times reach further than ours."""
    return "VARCHAR" if kind in _TIMES else kind


def _value(column: str, kind: str) -> str:
    """SQL of the values of a column; a time that the engine cannot hold is infinite."""
    name = quoted(column)
    if kind not in _TIMES:
        return name
    beyond = f"CASE WHEN ends_with({name}, 'BC') THEN '-infinity' ELSE 'infinity' END"
    value = f"COALESCE(TRY_CAST({name} AS {kind}), CAST({beyond} AS {kind}))"
    return f"CASE WHEN {name} IS NOT NULL THEN {value} END"
