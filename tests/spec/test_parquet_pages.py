"""What is looked at in the pages of a Parquet file before the engine reads them."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_files import as_parquet, config, good_rows

from pipeline.config import load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources import readable_paths
from pipeline.sources.findings import finding_lines
from pipeline.sources.parquet_pages import BadPage, Chunk, check_pages
from pipeline.sources.validation import validate

ROWS = 5000
TABLE = pa.table(
    {
        "text": [f"value {number * 7919 % 10007}" for number in range(ROWS)],
        "few": [("a", "b", None)[number % 3] for number in range(ROWS)],
        "list": [[number] * (number % 4) or None for number in range(ROWS)],
        "nothing": pa.nulls(ROWS, pa.float64()),
    }
)


def written(**choices: object) -> bytes:
    """The table in pages of some hundred bytes, so that each column has many."""
    file = io.BytesIO()
    size = {"data_page_size": 512, "write_batch_size": 64, "row_group_size": 2000}
    pq.write_table(TABLE, file, **size, **choices)
    return file.getvalue()


def chunks(content: bytes) -> list[Chunk]:
    """Where the pages of each column lie, as Arrow says it."""
    found = pq.read_metadata(io.BytesIO(content))
    groups = [found.row_group(number) for number in range(found.num_row_groups)]
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    return [
        Chunk(
            column.path_in_schema,
            column.dictionary_page_offset or column.data_page_offset,
            column.num_values,
            column.compression != "UNCOMPRESSED",
        )
        for column in columns
    ]


def number(value: int, bytes_wide: int) -> bytes:
    """A number from 0 on of Thrift's compact protocol, in as many bytes as asked for."""
    last = bytes_wide - 1
    return bytes(value << 1 >> 7 * n & 127 | (128 if n < last else 0) for n in range(bytes_wide))


def wide(content: bytes, at: int) -> int:
    """How many bytes a number takes."""
    return next(n for n, byte in enumerate(content[at:], 1) if byte < 128)


def page_that_lies(content: bytes) -> bytes:
    """The first page of the second format says that it is uncompressed, and 8 bytes long."""
    start = chunks(content)[0].start
    room = start + 3  # behind the type, and the mark of the field
    assert content[start:room:2] == b"\x15\x15"
    end = room + wide(content, room)
    flag = content.index(b"\x11", end + 1)  # `is_compressed`: true
    shrunk = content[:room] + number(8, end - room) + content[end:flag]
    return shrunk + b"\x12" + content[flag + 1 :]


@pytest.mark.parametrize("pages", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_what_honest_writers_write_passes(
    tmp_path: Path, pages: str, codec: str, dictionary: bool
) -> None:
    content = written(data_page_version=pages, compression=codec, use_dictionary=dictionary)
    (tmp_path / "t.parquet").write_bytes(content)
    check_pages(tmp_path / "t.parquet", chunks(content))


@pytest.mark.parametrize("change", ["first", "later"])
def test_each_page_of_a_column_is_looked_at(tmp_path: Path, change: str) -> None:
    content = written(data_page_version="2.0", compression="snappy", use_dictionary=False)
    place = {"first": 0, "later": content.index(b"\x15\x06\x15", 3000)}[change]
    start = place or chunks(content)[0].start
    damaged = content[:start] + b"\xff" + content[start + 1 :]
    (tmp_path / "t.parquet").write_bytes(damaged)
    with pytest.raises(BadPage, match=f"'text' at byte {start:,} is damaged"):
        check_pages(tmp_path / "t.parquet", chunks(content))


def test_a_page_whose_sizes_contradict_each_other_never_reaches_the_engine(tmp_path: Path) -> None:
    """DuckDB 2.0.0 would write beyond its buffer: with a larger page, the process dies of it."""
    (tmp_path / "config.yaml").write_bytes(config({"reps": {"path": "reps.parquet"}}))
    choices = {"data_page_version": "2.0", "compression": "snappy", "use_dictionary": False}
    rows = pq.read_table(io.BytesIO(as_parquet(good_rows("reps", 400), "reps")))
    pq.write_table(rows, tmp_path / "reps.parquet", **choices)
    assert errors(tmp_path) == []
    honest = (tmp_path / "reps.parquet").read_bytes()
    (tmp_path / "reps.parquet").write_bytes(page_that_lies(honest))
    stored = pq.read_metadata(io.BytesIO(honest)).row_group(0).column(0).total_compressed_size
    error, advice = errors(tmp_path)
    assert error.startswith(
        "error: reps, reps.parquet: the page of 'rep_id' at byte 4 is damaged: it is not "
        "compressed, and has "
    )
    assert error.endswith(" bytes for 8") and stored > 800
    assert advice == "    -> export it again"


def errors(folder: Path) -> list[str]:
    """What `validate` says of a folder's config."""
    found = load_config(folder / "config.yaml")
    with DuckDBEngine(readable_paths(found), threads=1) as engine:
        return list(finding_lines(validate(found, engine).errors))


@pytest.mark.parametrize("start", [-(2**63), -1, 2**62, 2**63 - 1])
def test_a_chunk_may_be_said_to_lie_anywhere(tmp_path: Path, start: int) -> None:
    (tmp_path / "t.parquet").write_bytes(_PAGES)
    with pytest.raises(BadPage, match="damaged"):
        check_pages(tmp_path / "t.parquet", [Chunk("text", start, 1, compressed=True)])


@given(st.data())
def test_no_bytes_of_a_file_end_in_another_error(data: st.DataObject) -> None:
    """Nor does it stay for long where the description asks for more than there is."""
    content = bytearray(_PAGES)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    asked = [replace(chunk, values=data.draw(_VALUES)) for chunk in chunks(_PAGES)]
    with TemporaryDirectory() as folder:
        place = Path(folder) / "t.parquet"
        place.write_bytes(content)
        with suppress(BadPage):
            check_pages(place, asked)


_PAGES = written(data_page_version="2.0", compression="snappy")
_VALUES = st.sampled_from([2**63 - 1, ROWS, 1, 0])
