"""Rows of a PostgreSQL server, copied once to where the engine reads them as often as it likes.

The copy is sorted: the server gives rows in any order, and the same rows have the same SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.util

from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.errors import ServiceUnavailable
from pipeline.sources.findings import FileLineage
from pipeline.sources.unusable import Unusable
from pipeline.wording import shortened

SCHEME = "postgresql:"
"""Before what is called by the variable of its server, where others are files."""


def whole_table(name: str) -> str:
    """The query of all rows of a table; name: its own, or schema.table."""
    return f"SELECT * FROM {'.'.join(quoted(part) for part in name.split('.'))}"


def copied(
    engine: DuckDBEngine, variable: str, query: str, written: str
) -> tuple[str, FileLineage]:
    """A FROM clause of what a query finds, and the content that was found.

    variable: of the environment; holds the connection string. written: how messages call it.
    Unusable where the server refuses the query; ServiceUnavailable where there is no answer.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise ServiceUnavailable(
            "A source with `url_variable` needs psycopg, which is not installed: "
            "pip install 'defection-risk[postgresql]'."
        )
    from pipeline.engines.postgresql_source import RefusedQuery, exported

    name = hashlib.sha256(written.encode()).hexdigest()
    text, place = (engine.folder / f"{name}.{form}" for form in ("csv", "parquet"))
    try:
        columns = exported(variable, query, text)
        scan = (
            f"read_csv({literal(str(text))}, auto_detect = false, header = false, "
            f"delim = ',', quote = '\"', escape = '\"', columns = {{"
            + ", ".join(f"{literal(column)}: {literal(kind)}" for column, kind in columns.items())
            + "})"
        )
        engine.execute(f"COPY (FROM {scan} ORDER BY ALL) TO {literal(str(place))} (FORMAT parquet)")
    except RefusedQuery as error:
        advice = f"correct it, or what the user of {variable} may read"
        what = f"the server refuses it: {shortened(str(error), 300)}"
        raise Unusable(what, advice, missing=error.unknown) from None
    except QueryError as error:
        what = f"cannot be read: {shortened(str(error).partition(chr(10))[0], 300)}"
        raise Unusable(what, "cast the column to text in a query, with `sql`") from None
    finally:
        text.unlink(missing_ok=True)
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    lineage = FileLineage(written, place.stat().st_size, digest)
    return f"read_parquet({literal(str(place))})", lineage
