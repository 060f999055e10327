"""Where queries run: one engine, embedded DuckDB; and PostgreSQL servers as a source and a sink.

`postgresql` has what reading from a server and writing to one share. Its driver is imported only
where a server is used.
"""

from pipeline.engines.duckdb import DuckDBEngine as Engine
from pipeline.engines.sql_text import literal, quoted

__all__ = ["Engine", "literal", "quoted"]
