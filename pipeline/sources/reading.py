"""Where the rows of a source come from: files, a query over raw inputs, or a PostgreSQL server.

CSV is read as text, every column, with the dialect that the config says: a sniffer that guesses
drops rows and renames columns silently. Types are given later, column by column, by `casts`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path

from pipeline import console
from pipeline.config import Config, FileOptions, SourceConfig
from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine, QueryError, QueryTooLong
from pipeline.engines.query_trees import QueryTree
from pipeline.errors import ConfigError, DataError
from pipeline.sources.files import SourceFile, find, inspect, matches
from pipeline.sources.findings import MOST_EXAMPLES, Example, FileLineage, Finding, Severity
from pipeline.sources.headers import refuse_many
from pipeline.sources.rewriting import RAGGED, ROW, ragged_advice
from pipeline.sources.servers import (
    SCHEME,
    SPARK,
    Copy,
    copied,
    copied_by_spark,
    whole_table,
)
from pipeline.sources.unusable import Unusable
from pipeline.special_files import is_utf8, special_kind
from pipeline.wording import counted, listed, shortened

QUERY_VIEW = "_mapped_by_query"
MOST_NESTED = 200
"""Brackets of a query within one another, or signs such as - before a value; the parser takes
minutes over thousands of them."""

_TOO_LONG = "the query took longer than `engine.mapping_seconds`"
_TOO_LONG_ADVICE = "does it end? if so, make it read less, or raise `engine.mapping_seconds`"

_RAGGED = {  # by the engine's name of the error
    "MISSING COLUMNS": (
        "fewer than the header's {columns} columns",
        RAGGED["fewer"],
    ),
    "TOO MANY COLUMNS": (
        "more than the header's {columns} columns",
        RAGGED["more"],
    ),
    "UNQUOTED VALUE": ("a quote that does not end where its value ends", 'write quotes as ""'),
    "LINE SIZE OVER MAXIMUM": ("longer than 2 MB", "is a quote missing in the file?"),
}


@dataclass(frozen=True)
class Part:
    """Rows that come with the same columns of the same types.

    types: the columns as the source names them, and their SQL types. names: SQL of their values in
    `scan`, a FROM clause. located: a FROM clause of the same rows with `_file`, an index into
    `files`, and `_row` (both null where a query made the row).
    """

    types: Mapping[str, str]
    names: Mapping[str, str]
    scan: str
    located: str
    files: tuple[SourceFile, ...] = ()

    def each_file(self) -> tuple[Part, ...]:
        """The same rows, a file each; itself where no file is behind it."""
        return tuple(_of_files(self.types, self.names, (file,)) for file in self.files) or (self,)


@dataclass(frozen=True)
class Twice:
    """A file and one before it with the same bytes, as the config has them."""

    file: str
    first: str

    def finding(self, table: str, *, counts_once: bool) -> Finding:
        """An error, or a note where a key or `dedupe` lets the rows count once."""
        what = f"has the same bytes as {self.first}: its rows "
        severity, counts = Severity.ERROR, "would count twice"
        if counts_once:
            severity, counts = Severity.NOTE, "count once"
        advice = "" if counts_once else "remove one of the two files"
        return Finding(severity, what + counts, table, self.file, advice=advice)


@dataclass(frozen=True)
class Origin:
    """All that a table is read from.

    name: the file or files, as the config has them. twice: files of the same bytes as another one;
    for files that a query reads they are refused before.
    """

    name: str
    parts: tuple[Part, ...]
    files: tuple[SourceFile, ...]
    lineage: tuple[FileLineage, ...]
    is_query: bool = False
    twice: tuple[Twice, ...] = ()


class Reader:
    """Opens the sources of a config; looks at every file once, however many tables use it."""

    def __init__(self, config: Config, engine: DuckDBEngine) -> None:
        self._config = config
        self._engine = engine
        self._written = config.as_written()
        self._inspected: dict[tuple[object, ...], SourceFile] = {}
        self._inputs: dict[str, tuple[SourceFile, ...]] | None = None
        self._input_findings: list[Finding] = []
        self._inputs_broken = False
        self._copies: dict[str, Mapping[str, Copy | Unusable]] = {}

    def open(self, table: str) -> tuple[Origin | None, list[Finding]]:
        """The origin of a table, or what is wrong with its files."""
        source = self._config.sources[table]
        if source.url_variable is not None:
            return self._open_server(table, source.url_variable, source)
        if source.from_spark:
            return self._open_spark(table, source)
        if source.sql is not None:
            return self._open_query(table, source.sql)
        assert source.path is not None
        written = self._written["sources"][table]["path"]
        files, findings = self._files(table, source.path, written, source)
        if findings:
            return None, findings
        try:
            parts = tuple(self._parts(files))
        except QueryError as error:
            return None, [_unreadable(table, written, error)]
        lineage = tuple(file.lineage for file in files)
        twice = tuple(self._twice(files))
        origin = Origin(written, parts, files, lineage, twice=twice)
        return origin, list(_left_out(table, written, files))

    def limited(self, table: str) -> AbstractContextManager[None]:
        """Within it the query that maps a table has its time, and no more; others have no limit."""
        source = self._config.sources[table]
        if source.sql is None or source.url_variable is not None:
            return nullcontext()

        def give_up() -> None:
            console.fail_at_once(
                f"{self._config.path}: sources.{table}: {_TOO_LONG}, and could not be ended: the "
                f"process was\n{_TOO_LONG_ADVICE}",
                DataError.exit_code,
            )

        return self._engine.within(self._config.engine.mapping_seconds, give_up)

    def check_unchanged(self) -> None:
        """TryAgain where a file that was read has changed since it was looked at."""
        for file in self._inspected.values():
            file.check_unchanged()

    def close(self) -> None:
        """Take the raw inputs away, so that nothing but the canonical tables is left."""
        for name in (QUERY_VIEW, *(self._inputs or ())):
            self._engine.execute(f"DROP VIEW IF EXISTS {quoted(name)}")

    def why_unreadable(self, table: str, origin: Origin, error: QueryError) -> list[Finding]:
        """What is wrong with the rows of an origin that could not be read through."""
        found = [
            finding
            for file in origin.files
            if file.format == "csv"
            for finding in self._ragged(table, file)
        ]
        return found or [_unreadable(table, origin.name, error, is_query=origin.is_query)]

    def _files(
        self, table: str, place: Path, written: str, options: FileOptions
    ) -> tuple[tuple[SourceFile, ...], list[Finding]]:
        files, findings = [], []
        try:
            found = find(place, written, options)
        except Unusable as problem:
            return (), [problem.finding(table, written)]
        for path, name in found:
            decimal = options.decimal if isinstance(options, SourceConfig) else "."
            told = (getattr(options, field) for field in FileOptions.model_fields)
            key = (path, name, decimal, *told)
            try:
                if key not in self._inspected:
                    self._inspected[key] = inspect(
                        path.resolve(), name, options, self._engine, decimal
                    )
                files.append(self._inspected[key])
            except Unusable as problem:
                findings.append(problem.finding(table, name))
        return tuple(files), findings

    def _twice(self, files: Sequence[SourceFile]) -> Iterator[Twice]:
        """Files of the same bytes as one before; empty ones do not matter."""
        first: dict[tuple[object, ...], SourceFile] = {}
        for file in files:
            folders = [part for part in file.path.parts if "=" in part]
            same = first.setdefault((file.lineage.sha256, *folders), file)
            if same is not file and same.path != file.path and self._has_rows(file):
                yield Twice(file.lineage.path, same.lineage.path)

    def _has_rows(self, file: SourceFile) -> bool:
        try:
            return bool(self._engine.rows(f"SELECT 1 FROM {_scan([file])} LIMIT 1"))
        except QueryError:  # told when all of it is read
            return True

    def _parts(self, files: Iterable[SourceFile]) -> Iterator[Part]:
        """Files with the same header and types together, so that few scans read many files."""
        described = []
        for file in files:
            if file.format == "csv":
                types = dict.fromkeys((*file.columns, *file.partitions), "VARCHAR")
            else:
                rows = self._engine.rows(f"DESCRIBE SELECT * FROM {_scan([file])}")
                types = {row[0]: row[1] for row in rows if row[0] != ROW}
            said = (file.format, file.delimiter, file.numbered, file.partitions, file.instants)
            shape = (*said, *types.items())
            described.append((tuple(map(str, shape)), types, file))
        for _, group in groupby(sorted(described, key=lambda d: d[0]), key=lambda d: d[0]):
            described_alike = list(group)
            types = described_alike[0][1]
            alike = tuple(file for _, _, file in described_alike)
            names = _names(alike, types)
            types |= dict.fromkeys(alike[0].instants, "TIMESTAMP WITH TIME ZONE")
            yield _of_files(types, names, alike)

    def _open_server(
        self, table: str, variable: str, source: SourceConfig
    ) -> tuple[Origin | None, list[Finding]]:
        written = self._server_name(table)
        if variable not in self._copies:
            self._copies[variable] = self._copy_server(variable)
        copy = self._copies[variable][written]
        if isinstance(copy, Unusable):
            return None, [copy.finding(table, written)]
        asked = () if source.sql is None else (_query_lineage(source.sql, written),)
        part = self._unlocated(copy.scan)
        return Origin(written, (part,), (), (*asked, copy.lineage), source.sql is not None), []

    def _open_spark(self, table: str, source: SourceConfig) -> tuple[Origin | None, list[Finding]]:
        written = source.address or f"{SPARK}{source.catalog_table}"
        try:
            copy = copied_by_spark(self._engine, source, written)
        except Unusable as problem:
            return None, [problem.finding(table, written)]
        return Origin(written, (self._unlocated(copy.scan),), (), (copy.lineage,)), []

    def _server_name(self, table: str) -> str:
        wanted = self._written["sources"][table]
        return f"{SCHEME}{wanted['url_variable']}/{wanted['table'] or wanted['sql']}"

    def _copy_server(self, variable: str) -> dict[str, Copy | Unusable]:
        """Copies of all that the config reads from one server, so that it is of one moment."""
        queries, unusable = {}, {}
        for table, source in self._config.sources.items():
            if source.url_variable == variable:
                try:
                    query = whole_table(source.table) if source.table else _text_of(source.sql)
                    queries[self._server_name(table)] = query
                except Unusable as problem:
                    unusable[self._server_name(table)] = problem
        return copied(self._engine, variable, queries) | unusable

    def _open_query(self, table: str, path: Path) -> tuple[Origin | None, list[Finding]]:
        written = self._written["sources"][table]["sql"]
        try:
            text = _text_of(path)
        except Unusable as problem:
            return None, [problem.finding(table, written)]
        if nesting(text) > MOST_NESTED:
            what = f"brackets or signs are nested more than {MOST_NESTED} deep"
            return None, [Unusable(what, "write the query flatter").finding(table, written)]
        inputs = self._open_inputs()
        if self._inputs_broken:
            # told once, with the first table whose query may need them
            findings, self._input_findings = self._input_findings, []
            return None, findings
        try:
            if not self._engine.is_one_query(text):
                raise ConfigError(
                    f"{path}: should be one SELECT and nothing else; it is run as a query over the "
                    f"inputs {listed(inputs)}"
                )
            self._refuse_reaching(text, inputs)
            with self.limited(table):
                self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {QUERY_VIEW} AS {text}")
                part = self._unlocated(QUERY_VIEW)
        except Unusable as problem:
            return None, [problem.finding(table, written)]
        except QueryError as error:
            return None, [_unreadable(table, written, error, is_query=True)]
        files = tuple(file for found in inputs.values() for file in found)
        lineage = (_query_lineage(path, written), *(file.lineage for file in files))
        return Origin(written, (part,), files, lineage, True), []

    def _refuse_reaching(self, text: str, inputs: Mapping[str, Sequence[SourceFile]]) -> None:
        """Unusable where something else than its inputs decides what a query gives."""
        tree = QueryTree(self._engine, text)
        if foreign := [*tree.foreign_tables(inputs)]:
            there = f"the config's `inputs`: {listed(inputs)}" if inputs else "`inputs`: none yet"
            raise Unusable(listed(foreign), f"name what the query reads in {there}")
        columns = {name for files in inputs.values() for file in files for name in file.columns}
        if unstable := [*tree.unstable_calls(columns)]:
            raise Unusable(
                f"its answer depends on more than its inputs: {listed(unstable)}",
                "write the value out, or take it from a column of an input",
            )

    def _unlocated(self, scan: str) -> Part:
        """The rows of a FROM clause that are not those of a file."""
        types = {row[0]: row[1] for row in self._engine.rows(f"DESCRIBE SELECT * FROM {scan}")}
        refuse_many(types)
        located = f"(SELECT NULL AS _file, NULL AS _row, * FROM {scan})"
        return Part(types, {name: quoted(name) for name in types}, scan, located)

    def _open_inputs(self) -> dict[str, tuple[SourceFile, ...]]:
        """The config's raw inputs as views of their names, made on first use."""
        if self._inputs is None:
            self._inputs = {}
            for name, options in self._config.inputs.items():
                written = self._written["inputs"][name]["path"]
                files, findings = self._files(name, options.path, written, options)
                findings += [each.finding(name, counts_once=False) for each in self._twice(files)]
                self._inputs[name] = files
                self._input_findings += findings
                if not findings:
                    self._make_view(name, written, files)
            self._inputs_broken = bool(self._input_findings)
        return self._inputs

    def _make_view(self, name: str, written: str, files: Sequence[SourceFile]) -> None:
        try:
            rows = " UNION ALL BY NAME ".join(
                f"SELECT {', '.join(f'{n} AS {quoted(c)}' for c, n in part.names.items())} "
                f"FROM {part.scan}"
                for part in self._parts(files)
            )
            self._engine.execute(f"CREATE TEMP VIEW {quoted(name)} AS {rows}")
        except QueryError as error:
            self._input_findings.append(_unreadable(name, written, error))

    def _ragged(self, table: str, file: SourceFile) -> Iterator[Finding]:
        """The rows of a CSV file that the engine cannot cut into the header's columns."""
        scan = _scan([file], "store_rejects = true, rejects_limit = 0")
        try:
            self._engine.rows(f"SELECT count(COLUMNS(*)) FROM {scan}")
            found = self._engine.rows(
                "SELECT CAST(error_type AS VARCHAR), count(DISTINCT line), "
                f"list_slice(list(DISTINCT line ORDER BY line), 1, {MOST_EXAMPLES}), "
                "arg_min(csv_line, line) FROM reject_errors GROUP BY ALL ORDER BY ALL"
            )
        except QueryError:  # not a matter of single rows
            return
        finally:
            for name in ("reject_errors", "reject_scans"):
                self._engine.execute(f"DROP TABLE IF EXISTS {name}")
        for kind, count, lines, first in found:
            what, advice = _RAGGED.get(
                kind, (f"cannot be read ({kind.lower()})", "export it again")
            )
            if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
                advice = ragged_advice(first, file.delimiter) or advice
            yield Finding(
                Severity.ERROR,
                f"{counted(count, 'row')}: {what.format(columns=len(file.columns))}",
                table,
                file.lineage.path,
                count=count,
                examples=tuple(
                    Example(first if line == lines[0] else "", key=f"line {line:,}")
                    for line in lines
                ),
                advice=advice,
            )


def readable_paths(config: Config) -> list[Path]:
    """The files that the engine must be able to read: patterns and folders spelled out, sorted.

    What is not there is left out; loading says so.
    """
    places = [part.path for part in (*config.sources.values(), *config.inputs.values())]
    found = {path.resolve() for place in places if place for path in matches(place)}
    return sorted(path for path in found if is_utf8(path))


def nesting(text: str) -> int:
    """How many brackets of a text are open at once, or signs stand in a row, at most.

    Those in its strings count too, those behind -- do not.
    """
    text = re.sub(r"--[^\n]*", "", text)
    steps = (1 if sign in "([{" else -1 for sign in re.sub(r"[^()\[\]{}]", "", text))
    rows = re.findall(r"(?i)(?:(?:[-+~!@]|\bnot\b)\s*){2,}", text)
    signs = (len(re.findall(r"(?i)not|[-+~!@]", row)) for row in rows)
    return max(*accumulate(steps, initial=0), *signs, 0)


def _of_files(
    types: Mapping[str, str], names: Mapping[str, str], files: tuple[SourceFile, ...]
) -> Part:
    located = " UNION ALL ".join(
        f"SELECT {number} AS _file, {_row(file)} AS _row, * FROM {_scan([file])}"
        for number, file in enumerate(files)
    )
    return Part(types, names, _scan(files), f"({located})", files)


def _scan(files: Sequence[SourceFile], more: str = "") -> str:
    paths = literal([str(file.read_from) for file in files])
    if files[0].partitions:
        paths += ", hive_partitioning = true, hive_types_autocast = false"
    if files[0].format == "parquet":
        return f"read_parquet({paths})"
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(files[0].columns)))
    if files[0].numbered:
        columns += f", '{ROW}': 'VARCHAR'"
    return (
        f"read_csv({paths}, auto_detect = false, header = true, strict_mode = true, "
        f"delim = {literal(files[0].delimiter)}, quote = '\"', escape = '\"', "
        f"columns = {{{columns}}}{', ' + more if more else ''})"
    )


def _names(files: Sequence[SourceFile], types: Mapping[str, str]) -> dict[str, str]:
    """SQL of the value of each column in the scan of files that are alike."""
    names = {}
    for place, name in enumerate(types):
        names[name] = quoted(name)
        if files[0].format == "csv" and name not in files[0].partitions:
            names[name] = f"c{place}"
            if any(file.is_guarded for file in files):
                names[name] = f"regexp_replace(c{place}, '^=\"(.*)\"$', '\\1')"
        if name in files[0].instants:
            names[name] = f"timezone('UTC', CAST({quoted(name)} AS TIMESTAMP))"
    return names


def _row(file: SourceFile) -> str:
    if file.numbered:
        return f"CAST({ROW} AS BIGINT)"
    return "file_row_number + 1" if file.format == "parquet" else "row_number() OVER () + 1"


def _text_of(path: Path | None) -> str:
    """The text of a mapping; Unusable where it cannot be read."""
    assert path is not None
    try:
        if kind := special_kind(path):
            raise Unusable(f"is {kind}, not a file", "write the query to a file, and name that")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        what, advice = f"cannot be read: {error.strerror}", f"looked for {path}"
        raise Unusable(what, advice, missing=True) from None
    except UnicodeDecodeError as error:
        what = f"byte {error.start:,} is not UTF-8 text"
        raise Unusable(what, "save it as UTF-8") from None


def _query_lineage(path: Path, written: str) -> FileLineage:
    content = path.read_bytes()
    return FileLineage(written, len(content), hashlib.sha256(content).hexdigest())


def _left_out(table: str, name: str, files: Sequence[SourceFile]) -> Iterator[Finding]:
    """What is worth knowing of how the files of a table are read."""
    for option in ("skip_rows", "footer_rows"):
        count = sum(getattr(file.left_out, option) for file in files)
        if count:
            what = f"{counted(count, 'row')} left out by `{option}`"
            yield Finding(Severity.NOTE, what, table, name, count=count)
    for column in sorted({column for file in files for column in file.instants}):
        yield Finding(
            Severity.NOTE,
            "stored as INT96: read as moments in UTC, as Spark writes them",
            table,
            name,
            column,
            advice="if they are times of a clock on the wall, read the file by a `.sql` mapping: "
            f"timezone('UTC', {quoted(column)})",
        )
    if any(file.is_guarded for file in files):
        yield Finding(
            Severity.WARNING,
            'values are written as ="...", a spreadsheet\'s form of text; read without it',
            table,
            name,
            advice="export the file without this form if the program can",
        )
    errors = sum(file.error_cells for file in files)
    if errors:
        yield Finding(
            Severity.WARNING,
            f"{counted(errors, 'cell')} of the workbook hold an error such as #N/A: read as empty",
            table,
            name,
            count=errors,
            advice="correct the formulas, and save it again",
        )


def _unreadable(table: str, name: str, error: QueryError, *, is_query: bool = False) -> Finding:
    if isinstance(error, QueryTooLong):
        what = f"{_TOO_LONG} and was ended"
        return Finding(Severity.ERROR, what, table, name, advice=_TOO_LONG_ADVICE)
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    advice = "correct the query; it reads the config's `inputs` by their names"
    if not is_query:
        advice = "export it again; in CSV, look for mixed line ends and stray quotes"
    return Finding(
        Severity.ERROR,
        f"cannot be read: {shortened(' '.join(said[:2]), 300)}",
        table,
        name,
        advice=advice,
    )
