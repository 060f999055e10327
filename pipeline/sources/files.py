"""The files behind a source: which there are, whether each can be read, and its SHA-256."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import FileOptions
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.errors import TryAgain
from pipeline.invisible import escaped
from pipeline.sources.archives import (
    check_workbook,
    is_old_workbook,
    is_packed,
    is_workbook,
    unpack,
)
from pipeline.sources.findings import FileLineage
from pipeline.sources.headers import HEAD, header_of, refuse_twice
from pipeline.sources.parquet_pages import BadPage, Chunk, check_pages
from pipeline.sources.rewriting import LeftOut, rewrite
from pipeline.sources.unusable import Unusable
from pipeline.sources.workbooks import write_sheet
from pipeline.special_files import is_utf8, special_kind
from pipeline.wording import shortened

FORMATS = {
    **{".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"},
    **{".xlsx": "xlsx", ".xlsm": "xlsx"},
}
_ARCHIVE = "zip"
_CALLED = {"csv": "CSV", "parquet": "Parquet", "xlsx": "XLSX"}
_UTF8 = {"utf-8", "utf-8-sig", "ascii"}
_PACK = "pack it with gzip or zip, or unpack it"
_OTHER_CONTENT = {
    b"PAR1": ("is a Parquet file", "set `format: parquet`"),
    b"PK\x03\x04": ("is an Excel workbook", "set `format: xlsx`"),
    b"\xd0\xcf\x11\xe0": ("is an Excel workbook (.xls)", "save it as .xlsx or CSV"),
    b"BZh": ("is packed with bzip2", _PACK),
    b"\xfd7zXZ": ("is packed with xz", _PACK),
    b"\x28\xb5\x2f\xfd": ("is packed with zstd", _PACK),
    b"7z\xbc\xaf": ("is packed with 7-Zip", _PACK),
}
_PARTITION = re.compile(r"([A-Za-z_]\w*)=.*")
_SEPARATOR = re.compile(r"(?i)\ufeff?\"?sep=(.)\"?[;,\t]*(\r\n|\n|\r)")
"""The line that Excel reads and never shows."""
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


@dataclass(frozen=True)
class SourceFile:
    """One file that was read through once and found whole.

    read_from: what the engine reads; a copy where that cannot read the file as it is. format: of
    what it reads, csv or parquet. columns: the names in the header. delimiter: between the columns
    of CSV. head: the first rows, as far as they are known. numbered: read_from has the numbers of
    the rows in a column. is_guarded: values stand in ="...", as spreadsheets need. left_out: rows
    that the config leaves out. instants: columns of Parquet that hold moments as INT96. lengths:
    of columns that a workbook stores as whole numbers, the fewest and the most digits.
    error_cells: of all sheets of a workbook.
    """

    lineage: FileLineage
    path: Path
    read_from: Path
    format: str
    columns: tuple[str, ...]
    seen: tuple[int, int]
    delimiter: str = ","
    head: tuple[tuple[str, ...], ...] = ()
    numbered: bool = False
    is_guarded: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    instants: frozenset[str] = frozenset()
    lengths: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    error_cells: int = 0

    @property
    def partitions(self) -> tuple[str, ...]:
        """The columns that the folders above the file hold, as in `year=2025/orders.csv`."""
        return _partitions(self.lineage.path)

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
        return sorted(_inside(place))
    if place.exists():
        return [place]
    root, pattern = _split(place)
    if not re.search(r"[*?\[]", str(pattern)):
        return []
    return sorted(
        path for path in root.glob(str(pattern)) if path.is_file() and not path.name.startswith(".")
    )


def _inside(folder: Path) -> Iterator[Path]:
    """The files of a folder, and of those below it that are called as `year=2025`."""
    for path in folder.iterdir():
        if path.is_dir() and _PARTITION.fullmatch(path.name):
            yield from _inside(path)
        elif path.is_file() and not path.name.startswith((".", "_", "~$")):
            yield path


def _partitions(written: str) -> tuple[str, ...]:
    found = (_PARTITION.fullmatch(part) for part in PurePath(written).parts[:-1])
    return tuple(match[1] for match in found if match)


def _format_of(name: str) -> str | None:
    """The format that a file's name tells; that of an archive's content is not known yet."""
    path = PurePath(name.lower().removesuffix(".gz"))
    return _ARCHIVE if path.suffix == ".zip" else FORMATS.get(path.suffix)


def _refuse_table_formats(folder: Path) -> None:
    """Unusable for folders whose files hold rows that the table has no more."""
    lakes = {"Delta": folder / "_delta_log", "Hudi": folder / ".hoodie"}
    kind = next((kind for kind, log in lakes.items() if log.is_dir()), None)
    if kind is None and any((folder / "metadata").glob("*.metadata.json")):
        kind = "Iceberg"
    if kind:
        raise Unusable(
            f"the folder is a {kind} table; its files hold rows that were deleted or replaced",
            "export its present rows as Parquet",
        )


def find(place: Path, written: str, options: FileOptions) -> list[tuple[Path, str]]:
    """The files to read at a place, each with its path as the config would write it.

    Of a folder's files, those of the format, or of one known format. Unusable where there are
    none.
    """
    try:
        found = _matches(place)
        if place.is_dir():
            _refuse_table_formats(place)
    except OSError as error:
        what, advice = (
            f"cannot be looked at: {error.strerror}",
            "check the path and its permissions",
        )
        raise Unusable(what, advice, missing=True) from None
    except ValueError as error:
        raise Unusable(f"is no pattern: {error}", "** stands alone between two /") from None
    if place.is_dir() and options.format is None:
        found = [path for path in found if _format_of(path.name)]
        formats = {form for path in found if (form := _format_of(path.name)) in _CALLED}
        if len(formats) > 1:
            raise Unusable(
                f"the folder holds {' and '.join(sorted(_CALLED[form] for form in formats))}",
                "set `format`",
            )
    if not found:
        if place.is_dir():
            what = "the folder holds no CSV, Parquet or XLSX file"
            advice = "set `format`, or fill it"
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
        (path, escaped(written if path == place else str(folder / path.relative_to(root))))
        for path in found
    ]


def inspect(
    path: Path, written: str, options: FileOptions, engine: DuckDBEngine, decimal: str = "."
) -> SourceFile:
    """Read a file through once: is it what its format says, and what is its hash?

    engine: the one that is going to read it; copies go to its folder. decimal: the sign of numbers
    in text. Unusable where it cannot be read.
    """
    try:
        if not is_utf8(path):
            raise Unusable("its name is no UTF-8", "rename the file or its folder")
        if kind := special_kind(path):
            raise Unusable(f"is {kind}, not a file", "write its content to a file, and name that")
        seen = _state(path)
        if seen[0] == 0:
            raise Unusable("0 rows: the file is empty", "at least a header and 1 row are needed")
        content, name = path, path.name
        copy = _copy_of(engine.folder, path, written, options)
        packed = options.format != "xlsx" and is_packed(path)
        if packed:
            content = copy.with_suffix(".unpacked")
            name = unpack(path, options.member, tuple(FORMATS), content)
        form = options.format or _format_of(name)
        if form is None and is_old_workbook(content):
            form = "xlsx"
        if form is None or form == _ARCHIVE:
            raise Unusable(
                f"its suffix '{PurePath(name).suffix}' is no known format",
                "set `format: csv`, `parquet` or `xlsx`",
            )
        _refuse_idle_options(form, options)
        if form == "csv":
            found = _inspect_csv(content, written, options, copy, seen)
        elif form == "xlsx":
            found = _inspect_workbook(content, written, options, copy, seen, decimal)
        else:
            found = _inspect_parquet(content, written, engine, seen)
        lineage = found.lineage
        if packed:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            lineage = FileLineage(written, seen[0], digest)
    except OSError as error:
        raise Unusable(
            f"cannot be read: {error.strerror or error}", "check its permissions", missing=True
        ) from None
    return replace(found, path=path, lineage=lineage)


def _refuse_idle_options(form: str, options: FileOptions) -> None:
    """Unusable where an option says nothing about files of the format."""
    idle = {"csv": ("sheet",), "xlsx": ("delimiter", "encoding")}
    for name in idle.get(form, ("sheet", "delimiter", "header_row", "skip_rows", "footer_rows")):
        if getattr(options, name) != FileOptions.model_fields[name].default:
            raise Unusable(f"`{name}` is not for files of {_CALLED[form]}", "take it out")


def _copy_of(copies: Path, path: Path, written: str, options: FileOptions) -> Path:
    """Where a copy of a file may be written; below folders that hold the same columns."""
    told = repr([getattr(options, name) for name in FileOptions.model_fields])
    name = hashlib.sha256(f"{path}\0{written}\0{told}".encode()).hexdigest()
    parts = [part for part in PurePath(written).parts[:-1] if _PARTITION.fullmatch(part)]
    folder = copies.joinpath(name, *parts) if parts else copies
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.copy"


class _Look:
    """What a cheap look at the bytes of a CSV file, chunk by chunk, says about it."""

    def __init__(self) -> None:
        self.crlf = self.cr = self.lf = 0
        self.is_guarded = False
        self._last = b""

    def at(self, chunk: bytes) -> None:
        self.lf += chunk.count(b"\n")
        if b"\r" in chunk or self._last == b"\r":
            self.cr += chunk.count(b"\r")
            self.crlf += chunk.count(b"\r\n") + (self._last + chunk[:1] == b"\r\n")
        self.is_guarded = self.is_guarded or b'="' in chunk or self._last + chunk[:1] == b'="'
        self._last = chunk[-1:]

    @property
    def is_mixed(self) -> bool:
        """Whether lines end in ways that the engine does not read, or the file in Ctrl-Z."""
        lone = self.cr > self.crlf or (self.crlf > 0 and self.lf > self.crlf)
        return lone or self._last == b"\x1a"


def _inspect_csv(
    path: Path, written: str, options: FileOptions, copy: Path, seen: tuple[int, int]
) -> SourceFile:
    encoding = options.encoding or "utf-8"
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder(encoding)()
    head, done, read_from, look = "", 0, path, _Look()
    with ExitStack() as stack:
        source = stack.enter_context(path.open("rb"))
        decoded = None
        if encoding not in _UTF8:
            read_from = copy.with_suffix(".decoded")
            decoded = stack.enter_context(read_from.open("wb"))
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
            if decoded is not None:
                chunk = text.encode()
                decoded.write(chunk)
            look.at(chunk)
        try:
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            pending = len(decoder.getstate()[0])
            raise _wrong_encoding(error, done - pending, b"", encoding) from None
    lineage = FileLineage(written, done, digest.hexdigest())
    separator = _SEPARATOR.match(head)
    delimiter = options.delimiter or (separator[1] if separator else None)
    if separator and separator[1] != delimiter:
        raise Unusable(
            f'its first line says `sep={separator[1]}`, the config `delimiter: "{delimiter}"`',
            f'set `delimiter: "{separator[1]}"`, or remove that line',
        )
    text = head[separator.end() :] if separator else head.removeprefix("\ufeff")
    header, rows = _head(text, delimiter or ",", options)
    _refuse_other_delimiter(header, delimiter)
    columns = header_of(header, rows, options)
    found = SourceFile(
        *(lineage, path, read_from, "csv", columns, seen, delimiter or ",", rows),
        is_guarded=look.is_guarded,
    )
    if (
        separator
        or look.is_mixed
        or options.header_row != (1,)
        or options.skip_rows
        or options.footer_rows
        or any("\n" in cell or "\r" in cell for row in header for cell in row)
        or any(len(row) > len(columns) and not any(row[len(columns) :]) for row in rows[1:])
        or head.startswith('\ufeff"')
    ):
        above = 1 if separator else 0
        left_out = rewrite(read_from, copy, found.delimiter, len(columns), above, options)
        found = replace(found, read_from=copy, delimiter=",", numbered=True, left_out=left_out)
    return found


def _head(
    text: str, delimiter: str, options: FileOptions
) -> tuple[list[list[str]], tuple[tuple[str, ...], ...]]:
    """The rows of the header, and those at the beginning of the file as far as they can be read."""
    rows: list[tuple[str, ...]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(tuple(row))
            if len(rows) == HEAD:
                break
        lines = io.StringIO(text, newline="")
        for _ in range(options.header_row[0] - 1):
            lines.readline()
        reader = csv.reader(lines, delimiter=delimiter)
        header = [row for _, row in zip(options.header_row, reader, strict=False)]
    except csv.Error as error:
        raise Unusable(f"the header cannot be read: {error}", "export it again") from None
    return header, tuple(rows)


def _refuse_other_delimiter(header: list[list[str]], delimiter: str | None) -> None:
    """Unusable where the header is one column that holds what other files have between columns."""
    if not header or len(header[-1]) != 1:
        return
    name = header[-1][0]
    found = next(
        (sign for sign in (";", "\t", "|", ",") if sign in name and sign != delimiter), None
    )
    if found:
        shown = "\\t" if found == "\t" else found
        raise Unusable(
            f"the header is a single column: '{shortened(name)}'",
            f'set `delimiter: "{shown}"`; and `decimal: ","` if amounts look like 12,50',
        )


def _inspect_workbook(
    path: Path,
    written: str,
    options: FileOptions,
    copy: Path,
    seen: tuple[int, int],
    decimal: str,
) -> SourceFile:
    if is_old_workbook(path):
        raise Unusable(
            "is a workbook of before 2007 (.xls), or has a password",
            "save it as .xlsx, without one",
        )
    if not is_workbook(path):
        raise Unusable("is no workbook in the format XLSX", "save it again, or set `format`")
    errors = check_workbook(path)
    sheet = write_sheet(path, copy, decimal, options)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    lineage = FileLineage(written, seen[0], digest)
    return SourceFile(
        *(lineage, path, copy, "parquet", sheet.columns, seen),
        head=sheet.head,
        numbered=True,
        left_out=sheet.left_out,
        lengths=sheet.lengths,
        error_cells=errors,
    )


def _refuse_other_content(start: bytes, encoding: str) -> None:
    if start.lstrip()[:20].lower().startswith((b"<html", b"<table", b"<!doctype", b"<?xml")):
        raise Unusable(
            "is not CSV text: it is a page of HTML or XML",
            "open it in a spreadsheet and save it as .xlsx or CSV",
        )
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
    likely = "`encoding: utf-16`"
    if not utf16:
        around = error.object[max(error.start - 30, 0) : error.start + 30]
        word = re.split(rb"[^\w\x80-\xff -]", around[: min(error.start, 30)])[-1]
        word += re.split(rb"[^\w\x80-\xff -]", around[min(error.start, 30) :])[0]
        shown = shortened(word.decode("cp1252", errors="replace"))
        likely = f"`encoding: cp1252`: '{shown}' is then read"
    return Unusable(
        f"byte {at:,} (0x{value:02x}) is not {encoding} text",
        f"set `encoding` for this file, e.g. {likely}",
    )


def _inspect_parquet(
    path: Path, written: str, engine: DuckDBEngine, seen: tuple[int, int]
) -> SourceFile:
    try:
        schema = pq.read_metadata(path).schema
        columns = tuple(schema.to_arrow_schema().names)
        instants = frozenset(
            column.path
            for column in map(schema.column, range(len(schema)))
            if column.physical_type == "INT96"
        )
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
    refuse_twice(columns)
    return SourceFile(lineage, path, path, "parquet", columns, seen, instants=instants)


def _split(place: Path) -> tuple[Path, PurePath]:
    """The part of a place that is there, and the rest, which can only be a pattern."""
    root = place
    while not root.exists() and root != root.parent:
        root = root.parent
    return root, place.relative_to(root)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
