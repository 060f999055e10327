"""What tables and labels are made with, whichever engine it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import pandas as pd
import pyarrow as pa


class Engine(Protocol):
    """Holds tables and answers queries; use as a context manager, its tables are gone after it.

    Queries are single SELECTs in DuckDB's dialect over the tables that it holds. Their identifiers
    are lower-case, or quoted; `?` stands for the next of `values`. Text is compared and ordered by
    its code points.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def make(self, name: str, *queries: str) -> None:
        """Keep the answers of queries as the table `name`, in place of one of that name.

        Several queries have the same columns; each is asked once the one before is done.
        """
        ...

    def register(self, name: str, table: pa.Table | pd.DataFrame) -> None:
        """Copy an in-memory table into the engine under `name`, in place of one of that name."""
        ...

    def drop(self, *names: str) -> None:
        """Remove tables, where they are there."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether the engine holds a table of that name."""
        ...

    def rows(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query as tuples; for small answers."""
        ...

    def frame(self, query: str, values: Sequence[Any] | None = None) -> pd.DataFrame:
        """A query's answer as a pandas table."""
        ...


def quoted(name: str) -> str:
    """An identifier or text literal's body made safe for double quotes, with the quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A text, number or list as SQL; safe for any text."""
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)
