"""What a query reads and calls, by the engine's own parse of it and its own catalogue.

For text that is somebody else's: nothing is guessed of the dialect, so nothing is overlooked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.wording import shortened, unknown

_ROWS_OUT_OF_VALUES = {
    *("generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest")
}
"""Functions in a FROM clause whose rows come from their arguments alone."""

_CLOCKS = {
    *("current_date", "current_time", "current_timestamp", "current_localtime"),
    *("current_localtimestamp", "localtime", "localtimestamp"),
}
"""What the catalogue does not list, or lists as stable though it reads the clock."""

_UNSTABLE = """
SELECT DISTINCT lower(function_name) FROM duckdb_functions()
WHERE stability <> 'CONSISTENT' AND function_name <> 'error' -- which gives no value
"""

_SAMPLED = {"reservoir_quantile"}  # draws at random, and the catalogue does not say so


class QueryTree:
    """One SELECT, parsed. QueryError where the text is not one."""

    # What the catalogue says of the engine's own functions, which is the same in every engine.
    _judged: ClassVar[dict[str, bool]] = {}
    _listed: ClassVar[set[str]] = set()

    def __init__(self, engine: DuckDBEngine, query: str) -> None:
        self._engine = engine
        self._tree = _parsed(engine, query)

    def foreign_tables(self, tables: Collection[str]) -> Iterator[str]:
        """A sentence for each table or function in a FROM clause that is none of `tables`.

        Names that the query itself defines, and rows made of values, may be read.
        """
        known = {name.lower(): name for name in tables}
        yield from dict.fromkeys(_foreign(self._tree, known, frozenset()))

    def unstable_calls(self, columns: Collection[str] = ()) -> Iterator[str]:
        """The functions whose answer differs from run to run, once each; columns: no functions."""
        hidden = {column.lower() for column in columns}
        yield from dict.fromkeys(self._unstable(self._tree, hidden))

    def _unstable(self, node: Any, hidden: Collection[str]) -> Iterator[str]:
        if isinstance(node, list):
            for each in node:
                yield from self._unstable(each, hidden)
        if not isinstance(node, dict):
            return
        if node.get("class") == "FUNCTION":
            name = str(node["function_name"]).lower()
            if self._is_unstable(name, len(node["arguments"])):
                yield f"{name}()"
        elif node.get("class") == "COLUMN_REF" and len(node["column_names"]) == 1:
            name = str(node["column_names"][0]).lower()
            if name in _CLOCKS - {*hidden}:
                yield name
        if (sample := node.get("sample")) and not sample.get("repeatable"):
            yield "a sample without REPEATABLE"
        for each in node.values():
            yield from self._unstable(each, hidden)

    def _is_unstable(self, name: str, arguments: int) -> bool:
        if name == "age":  # of one moment: until today
            return arguments == 1
        if not self._listed:
            self._listed.update(name for (name,) in self._engine.rows(_UNSTABLE))
        if name not in self._judged:
            self._judged[name] = name in self._listed | _CLOCKS | _SAMPLED  # also for recursion
            self._judged[name] = self._judged[name] or any(map(self._is_reaching, self._of(name)))
        return self._judged[name]

    def _of(self, macro: str) -> Iterator[Any]:
        """The definitions of one of the engine's macros, parsed; none where it is no macro."""
        found = self._engine.rows(
            "SELECT macro_definition FROM duckdb_functions() "
            "WHERE function_name = ? AND function_type = 'macro'",
            [macro],
        )
        for (definition,) in found:
            yield _parsed(self._engine, f"SELECT {definition}")

    def _is_reaching(self, tree: Any) -> bool:
        """Whether a macro reads what the engine holds, or calls what is unstable."""
        return any(True for _ in (*_foreign(tree, {}, frozenset()), *self._unstable(tree, ())))


def _parsed(engine: DuckDBEngine, query: str) -> Any:
    answer = json.loads(engine.rows("SELECT json_serialize_sql(?)", [query])[0][0])
    if answer.pop("error"):
        raise QueryError(answer["error_message"])
    return answer


def _foreign(node: Any, known: dict[str, str], defined: frozenset[str]) -> Iterator[str]:
    """As `foreign_tables`; defined: names that queries around this part of it define."""
    if isinstance(node, list):
        for each in node:
            yield from _foreign(each, known, defined)
    if not isinstance(node, dict):
        return
    for each in node.get("cte_map", {}).get("map", ()):
        name, query = each["key"].lower(), dict(each["value"]["query_node"])
        # Within its own query, up to where it recurs, the name is that of a table.
        recurring = query.pop("right", None) if query["type"] == "RECURSIVE_CTE_NODE" else None
        yield from _foreign(query, known, defined)
        defined |= {name}
        yield from _foreign(recurring, known, defined)
    kind = node.get("type")
    if kind == "BASE_TABLE":
        path = node["qualified_name"]["path"]
        name = ".".join(path)
        if len(path) > 1 or name.lower() not in {*known, *defined}:
            yield f"it reads {unknown(shortened(name), known.values(), 'input')}"
    elif kind == "TABLE_FUNCTION":
        name = str(node["function"]["function_name"]).lower()
        if name not in _ROWS_OUT_OF_VALUES:
            yield f"it reads {shortened(name)}(), which is no input"
    elif kind == "SHOW_REF" and node.get("query") is None:
        yield "it reads what the engine holds, which is no input"
    for key, each in node.items():
        if key != "cte_map":
            yield from _foreign(each, known, defined)
