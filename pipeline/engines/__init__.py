"""Where queries run: embedded DuckDB, PostgreSQL, Spark; from one text, in DuckDB's dialect.

`protocol` says what an engine can do, `translation` holds all that differs between them, and each
engine has a module of its own, so that its driver is imported only where it is used.
"""

from pipeline.engines.protocol import Engine, literal, quoted

__all__ = ["Engine", "literal", "quoted"]
