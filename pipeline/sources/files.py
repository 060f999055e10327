"""The files behind a source: which there are, whether each can be read, and its SHA-256."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import FileOptions
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.errors import TryAgain
from pipeline.sources.findings import FileLineage, Finding, Severity
from pipeline.sources.parquet_pages import BadPage, Chunk, check_pages
from pipeline.wording import listed, shortened

FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_UTF8 = {"utf-8", "utf-8-sig", "ascii"}
_OTHER_CONTENT = {
    b"PAR1": ("is a Parquet file", "set `format: parquet`"),
    b"\x1f\x8b": ("is compressed", "decompress it"),
    b"PK\x03\x04": ("is an Excel workbook or a zip archive", "export it as CSV or Parquet"),
}
# Where the engine begins to read each column of a row group, and how many values it wants of it.
_CHUNKS = """
    SELECT path_in_schema, coalesce(
        CASE WHEN dictionary_page_offset >= 4 THEN dictionary_page_offset END, data_page_offset, 0
    ), greatest(num_values, row_group_num_rows), compression
    FROM parquet_metadata({})
"""
_DEEPEST_LIST = 8  # the engine's time doubles with each further one: 26 take many seconds
_CHUNK = 1 << 20
_HEADER_CHARACTERS = 1 << 20


class Unusable(Exception):
    """A file that cannot be read as it is; what is wrong and what to do."""

    def __init__(self, what: str, advice: str, *, missing: bool = False) -> None:
        super().__init__(what)
        self.what, self.advice, self.missing = what, advice, missing

    def finding(self, table: str, file: str) -> Finding:
        """The same as a finding about a file of a table."""
        return Finding(
            Severity.ERROR, self.what, table, file, advice=self.advice, missing=self.missing
        )


@dataclass(frozen=True)
class SourceFile:
    """One file that was read through once and found whole.

    read_from: what the engine reads; a copy in UTF-8 where the text is in another encoding.
    columns: the names in the header. delimiter: between the columns of CSV.
    """

    lineage: FileLineage
    path: Path
    read_from: Path
    format: str
    columns: tuple[str, ...]
    seen: tuple[int, int]
    delimiter: str = ","

    def check_unchanged(self) -> None:
        """TryAgain where somebody wrote to the file since."""
        if not self.path.exists() or _state(self.path) != self.seen:
            raise TryAgain(
                f"{self.lineage.path}: changed while it was read; run again when its writer is done"
            )


def matches(place: Path) -> list[Path]:
    """The files that a place names: itself, a folder's files, or what a pattern finds; sorted.

    None where the place cannot be looked at, or is a pattern that cannot be meant.
    """
    try:
        return _matches(place)
    except (OSError, ValueError):
        return []


def _matches(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(
            path
            for path in place.iterdir()
            if path.is_file() and not path.name.startswith((".", "_"))
        )
    if place.exists():
        return [place]
    root, pattern = _split(place)
    if not re.search(r"[*?\[]", str(pattern)):
        return []
    return sorted(
        path for path in root.glob(str(pattern)) if path.is_file() and not path.name.startswith(".")
    )


def find(place: Path, written: str, options: FileOptions) -> list[tuple[Path, str]]:
    """The files to read at a place, each with its path as the config would write it.

    Of a folder's files, those of the format, or of one known format. Unusable where there are
    none.
    """
    try:
        found = _matches(place)
    except OSError as error:
        what, advice = (
            f"cannot be looked at: {error.strerror}",
            "check the path and its permissions",
        )
        raise Unusable(what, advice, missing=True) from None
    except ValueError as error:
        raise Unusable(f"is no pattern: {error}", "** stands alone between two /") from None
    if place.is_dir() and options.format is None:
        found = [path for path in found if path.suffix.lower() in FORMATS]
        if len({FORMATS[path.suffix.lower()] for path in found}) > 1:
            raise Unusable("the folder holds both CSV and Parquet", "set `format`")
    if not found:
        if place.is_dir():
            what, advice = "the folder holds no CSV or Parquet file", "set `format`, or fill it"
        elif re.search(r"[*?\[]", written):
            what, advice = "no file matches", f"looked for {place}"
        else:
            what, advice = "no such file or folder", f"looked for {place}"
        raise Unusable(what, advice, missing=True)
    root, pattern = _split(place)
    folder, parts = PurePath(written), pattern.parts
    if parts and folder.parts[-len(parts) :] == parts:
        folder = PurePath(*folder.parts[: -len(parts)])
    return [
        (path, written if path == place else str(folder / path.relative_to(root))) for path in found
    ]


def inspect(path: Path, written: str, options: FileOptions, engine: DuckDBEngine) -> SourceFile:
    """Read a file through once: is it what its format says, and what is its hash?

    engine: the one that is going to read it; text in another encoding is copied to its folder, as
    UTF-8. Unusable where it cannot be read.
    """
    form = options.format or FORMATS.get(path.suffix.lower())
    if form is None:
        raise Unusable(
            f"its suffix '{path.suffix}' is no known format", "set `format: csv` or `parquet`"
        )
    try:
        seen = _state(path)
        if seen[0] == 0:
            raise Unusable("0 rows: the file is empty", "at least a header and 1 row are needed")
        if form == "csv":
            found = _inspect_csv(path, written, options, engine.folder, seen)
        else:
            found = _inspect_parquet(path, written, engine, seen)
    except OSError as error:
        raise Unusable(
            f"cannot be read: {error.strerror or error}", "check its permissions", missing=True
        ) from None
    lowered = [name.lower() for name in found.columns]
    twice = sorted(
        {n for n, low in zip(found.columns, lowered, strict=True) if lowered.count(low) > 1}
    )
    if twice:
        raise Unusable(
            f"the header names a column twice (capitals aside): {listed(map(shortened, twice))}",
            "rename or remove one of them",
        )
    return found


def _inspect_csv(
    path: Path, written: str, options: FileOptions, copies: Path, seen: tuple[int, int]
) -> SourceFile:
    encoding = options.encoding or "utf-8"
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(encoding)()
    head, done, read_from = "", 0, path
    with ExitStack() as stack:
        source = stack.enter_context(path.open("rb"))
        copy = None
        if encoding not in _UTF8:
            name = hashlib.sha256(f"{path}\0{encoding}".encode()).hexdigest()
            read_from = copies / f"{name}.csv"
            copy = stack.enter_context(read_from.open("w", encoding="utf-8", newline=""))
        while chunk := source.read(_CHUNK):
            if done == 0:
                _refuse_other_content(chunk, encoding)
            digest.update(chunk)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=len(chunk) < _CHUNK)
            except UnicodeError as error:
                raise _wrong_encoding(error, done - pending, chunk, encoding) from None
            done += len(chunk)
            if len(head) < _HEADER_CHARACTERS:
                head += text[:_HEADER_CHARACTERS]
            if copy is not None:
                copy.write(text)
        try:
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            pending = len(decoder.getstate()[0])
            raise _wrong_encoding(error, done - pending, b"", encoding) from None
    lineage = FileLineage(written, done, digest.hexdigest())
    columns = _header(head.removeprefix("\ufeff"), options.delimiter)
    return SourceFile(lineage, path, read_from, "csv", columns, seen, options.delimiter or ",")


def _refuse_other_content(start: bytes, encoding: str) -> None:
    for magic, (what, advice) in _OTHER_CONTENT.items():
        if start.startswith(magic):
            raise Unusable(f"is not CSV text: it {what}", advice)
    at = start[:2].find(b"\0")
    if at >= 0 and encoding in _UTF8:
        raise Unusable(
            f"byte {at} is NUL, which text does not begin with",
            f"set `encoding: utf-16-{'le' if at else 'be'}` if it was saved as Unicode text",
        )


def _wrong_encoding(error: UnicodeError, before: int, chunk: bytes, encoding: str) -> Unusable:
    if not isinstance(error, UnicodeDecodeError):  # a form of text whose mark, say, is missing
        return Unusable(f"is not {encoding} text: {error}", "set another `encoding` for this file")
    at = before + error.start
    utf16 = at == 0 and chunk.startswith((b"\xff\xfe", b"\xfe\xff"))
    value = error.object[error.start]
    return Unusable(
        f"byte {at:,} (0x{value:02x}) is not {encoding} text",
        f"set `encoding` for this file, e.g. `encoding: {'utf-16' if utf16 else 'cp1252'}`",
    )


def _header(text: str, delimiter: str | None) -> tuple[str, ...]:
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or ","), [])
    except csv.Error as error:
        raise Unusable(f"the header cannot be read: {error}", "export it again") from None
    if len(first) == 1 and not delimiter:
        found = next((sign for sign in (";", "\t", "|") if sign in first[0]), None)
        if found:
            shown = "\\t" if found == "\t" else found
            raise Unusable(
                f"the header is a single column: '{shortened(first[0])}'",
                f'set `delimiter: "{shown}"`; and `decimal: ","` if amounts look like 12,50',
            )
    return tuple(name or f"column_{place}" for place, name in enumerate(first, 1))


def _inspect_parquet(
    path: Path, written: str, engine: DuckDBEngine, seen: tuple[int, int]
) -> SourceFile:
    try:
        schema = pq.read_metadata(path).schema
        columns = tuple(schema.to_arrow_schema().names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, PermissionError):
            raise
        raise Unusable("is not a whole Parquet file; is it cut off?", "export it again") from None
    try:
        # Asked of Arrow, a damaged description of a column's chunks would abort the process.
        chunks = engine.rows(_CHUNKS.format(literal(str(path))))
    except QueryError as error:
        said = shortened(str(error).partition("\n")[0], 200)
        raise Unusable(f"its description cannot be read: {said}", "export it again") from None
    codecs_used = {codec for *_, codec in chunks}
    if "BROTLI" in codecs_used:
        raise Unusable(
            "is compressed with Brotli, which is refused", "write it with zstd or snappy"
        )
    for column in map(schema.column, range(len(schema))):
        if column.max_repetition_level > _DEEPEST_LIST:
            raise Unusable(
                f"the column '{shortened(column.path)}' is nested {column.max_repetition_level} "
                f"deep; at most {_DEEPEST_LIST} are read",
                "write it flat, or leave it out",
            )
    try:
        check_pages(
            path,
            (
                Chunk(shortened(column), start, values, codec != "UNCOMPRESSED")
                for column, start, values, codec in chunks
            ),
        )
    except BadPage as error:
        raise Unusable(str(error), "export it again") from None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    lineage = FileLineage(written, seen[0], digest)
    return SourceFile(lineage, path, path, "parquet", columns, seen)


def _split(place: Path) -> tuple[Path, PurePath]:
    """The part of a place that is there, and the rest, which can only be a pattern."""
    root = place
    while not root.exists() and root != root.parent:
        root = root.parent
    return root, place.relative_to(root)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
