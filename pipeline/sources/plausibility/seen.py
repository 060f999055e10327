"""A loaded table as the checks see it, with the way back to the rows of its files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from features.contract import Table
from pipeline.config import FileOptions, SourceConfig
from pipeline.engines import quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.casts import raw_name
from pipeline.sources.findings import MOST_EXAMPLES, Example, Finding, LoadedTable, Severity
from pipeline.sources.reading import Origin
from pipeline.sources.staging import MappedPart, Staging


@dataclass(frozen=True)
class Seen:
    """A table in the engine, and what it was made of.

    read: the rows of the files, those set
    aside included.
    """

    engine: DuckDBEngine
    table: Table
    origin: Origin
    staging: Staging
    source: SourceConfig
    loaded: LoadedTable
    read: int
    _distinct: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The canonical name of the table, which needs no quotes."""
        return self.table.name

    def has(self, *columns: str) -> bool:
        """Whether the source has all these columns of the contract."""
        return self.loaded.mapped.issuperset(columns)

    def ids(self, column: str) -> str:
        """A table of the ids of a column: id, and often, the rows that have it."""
        name = f"_ids_{self.name}_{column}"
        if name not in self._distinct:
            found = quoted(column)
            self.engine.make(
                name,
                f"SELECT {found} AS id, count(*) AS often FROM {self.name} "
                f"WHERE {found} IS NOT NULL GROUP BY {found}",
            )
            self._distinct.add(name)
        return name

    def forget(self) -> None:
        """Remove the tables of ids."""
        self.engine.drop(*self._distinct)
        self._distinct.clear()

    def files(self) -> Iterator[MappedPart]:
        """What the table was read from, a file each; all rows where no file is behind them."""
        for part in self.staging.parts:
            yield from part.each_file()

    def source_column(self, column: str) -> str:
        """The source's name of a column of the contract, as a query needs it."""
        return identifier(self.staging.parts[0].columns[column])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The answer of a query over the loaded tables."""
        return self.engine.rows(query)

    def examples(self, condition: str, shown: str) -> tuple[Example, ...]:
        """The first rows of the files of which a condition is true.

        condition, shown: SQL over the stored columns of the table; shown: a text. Rows of a query
        have no place in a file; their key is named instead.
        """
        if self.origin.is_query or not self.origin.files:
            named = next((c for c in (*self.table.key, *self.table.names) if self.has(c)), None)
            key = "NULL" if named is None else quoted(self.table.column(named).stored_name)
            found = self.rows(
                f"SELECT {key}, {shown} FROM {self.name} WHERE {condition} "
                f"ORDER BY ALL LIMIT {MOST_EXAMPLES}"
            )
            return tuple(Example(text, key=f"{named} {key}") for key, text in found)
        return self.examples_of_files(self.staging.parts, condition, shown)

    def examples_of_files(
        self, parts: Sequence[MappedPart], condition: str, shown: str
    ) -> tuple[Example, ...]:
        """The same for some of the files; the raw columns may be used, too."""
        files = [file.lineage.path for part in parts for file in part.part.files]
        before, selects = 0, []
        for part in parts:
            rows = self.staging.typed(part, located=True)
            selects.append(
                f"SELECT _file + {before} AS _file, _row, {shown} FROM ({rows}) WHERE {condition}"
            )
            before += len(part.part.files)
        query = " UNION ALL ".join(selects)
        found = self.rows(f"{query} ORDER BY ALL LIMIT {MOST_EXAMPLES}")
        if not files:
            return tuple(Example(text) for _, _, text in found)
        return tuple(Example(text, files[file], row) for file, row, text in found)

    def examples_as_read(self, column: str, condition: str) -> tuple[Example, ...]:
        """The same with the values of a column, as the files have them where there are files."""
        from_files = self.origin.files and not self.origin.is_query
        name = raw_name(column) if from_files else self.table.column(column).stored_name
        return self.examples(condition, f"CAST({quoted(name)} AS VARCHAR)")

    def warning(
        self,
        what: str,
        column: str = "",
        count: int | None = None,
        examples: tuple[Example, ...] = (),
        advice: str = "",
        file: str = "",
    ) -> Finding:
        """A warning about this table; file: if not all of its files."""
        place = file or self.origin.name
        return Finding(Severity.WARNING, what, self.name, place, column, count, examples, advice)

    def note(
        self, what: str, column: str = "", count: int | None = None, advice: str = ""
    ) -> Finding:
        """Something worth knowing about this table."""
        return Finding(Severity.NOTE, what, self.name, "", column, count, advice=advice)

    def mapping(self, why: str, change: Mapping[str, str], where: str = "") -> str:
        """What to write so that columns are read as something else: a `.sql` mapping, to paste.

        change: by the contract's name, an SQL expression in which {} stands for the source's
        column. where: a condition on the rows that stay, with the source's columns.
        """
        written = self.source.model_dump(mode="json", exclude_unset=True)
        if "path" in written:
            written["path"] = self.origin.name
        only = f" WHERE {where}" if where else ""
        if self.origin.is_query:
            listed = ", ".join(
                f"{expression.replace('{}', name)} AS {name}" for name, expression in change.items()
            )
            return (
                f"{why}, in the query: SELECT * REPLACE ({listed})"
                if listed
                else (f"{why}, in the query:{only}")
            )
        rows = f"{self.name}_rows"
        if self.source.table is not None:
            query = f"{self.select(change)} FROM {self.source.table}{only}"
            kept = {k: v for k, v in written.items() if k not in ("table", "columns")}
            return "\n".join(
                (
                    f"{why}, in a `.sql` mapping:",
                    f"sources: {{{self.name}: {_flow({**kept, 'sql': f'{self.name}.sql'})}}}",
                    f"{self.name}.sql: {query}",
                )
            )
        of_file = {k: v for k, v in written.items() if k in FileOptions.model_fields}
        kept = {
            k: v for k, v in written.items() if k not in of_file and k not in ("columns", "sql")
        }
        return "\n".join(
            (
                f"{why}, in a `.sql` mapping:",
                f"inputs: {{{rows}: {_flow(of_file)}}}",
                f"sources: {{{self.name}: {_flow({'sql': f'{self.name}.sql', **kept})}}}",
                f"{self.name}.sql: {self.select(change)} FROM {rows}{only}",
            )
        )

    def select(self, change: Mapping[str, str]) -> str:
        """A SELECT of the mapped columns under the contract's names; change: as for `mapping`."""
        source = self.staging.parts[0].columns
        made = {
            name: change.get(name, "{}").replace("{}", identifier(source[name]))
            for name in self.table.names
            if name in source
        }
        return "SELECT " + ", ".join(
            value if value == name else f"{value} AS {name}" for name, value in made.items()
        )


def identifier(name: str) -> str:
    """A column's name as a query needs it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else quoted(name)


def _flow(content: Mapping[str, Any]) -> str:
    """Keys and values as YAML on one line."""
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in content.items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_./][\w./-]*", value):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
