"""What is said of data that break the contract: what, where, how often, and what to do."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Config, load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import ConfigError, DataError, MissingInput
from pipeline.sources import load_sources, readable_paths
from pipeline.sources.findings import Report, Severity, finding_lines
from pipeline.sources.validation import report_lines, validate

HEAD = "account_id,order_id,occurred_at,amount\n"
GOOD = "A1,O1,2024-01-05,10\n"


def project(folder: Path, sources: str, files: dict[str, str | bytes], **more: str) -> Config:
    """Files and a config over them; more: further lines, by key."""
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    text = "name: small\nsnapshots: {first: 2024-02-01, last: 2024-06-01}\nsources:\n"
    text += "".join(f"  {line}\n" for line in sources.strip().splitlines())
    text += "".join(f"{key}: {value}\n" for key, value in more.items())
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    return load_config(folder / "small.yaml")


@pytest.fixture
def check(tmp_path):
    """Write files and validate the sources over them."""

    def checking(sources: str, files: dict[str, str | bytes], **more: str) -> Report:
        config = project(tmp_path, sources, files, **more)
        with DuckDBEngine(readable_paths(config), threads=1) as engine:
            return validate(config, engine)

    return checking


def orders(check, content: str | bytes, options: str = "") -> list[str]:
    """The errors and warnings of a CSV file of orders."""
    report = check(f"orders: {{path: o.csv{options}}}", {"o.csv": content})
    return finding_lines(f for f in report.findings if f.severity is not Severity.NOTE)


def test_everything_is_told_at_once_over_all_tables(check):
    report = check(
        "orders: {path: o.csv}\ntouches: {path: t.csv}\ncomplaints: {path: c.csv}",
        {
            "o.csv": "acount_id,order_id,occurred_at,amount\nA,O1,03/04/2025,ten\nA,O2,,5\n",
            "t.csv": "account_id,contact_id,rep_id,occurred_at\n",
            "c.csv": "complaint_id,account_id,opened_at,known_at,severity\n"
            "C1,A,2024-01-05,2024-01-05,low\nC1,A,2024-01-05,2024-01-05,high\n",
        },
    )
    assert finding_lines(report.errors) == [
        "error: orders.account_id, o.csv: the required column is missing: there is no column "
        "'account_id'; the nearest is 'acount_id'",
        "    -> map it in the config: `columns: {account_id: acount_id}`",
        "error: orders.occurred_at, o.csv: 1 value: not a time; expected YYYY-MM-DD or YYYY-MM-DD "
        "HH:MM:SS, with Z or +HH:MM behind it where it is zoned",
        "    row 2: '03/04/2025'",
        '    -> write in `sources.orders` `datetime_format: ["iso", "%d/%m/%Y"]` if \'03/04/2025\' '
        'is 3 April 2025, or `datetime_format: ["iso", "%m/%d/%Y"]` if \'03/04/2025\' is 4 March '
        "2025",
        "error: orders.amount, o.csv: 1 value: not a number such as 1234.50",
        "    row 2: 'ten'",
        "    -> set `decimal`, `thousands` or `units`, or `nulls` where a word means no value",
        "error: orders, o.csv: 1 of 2 rows (50.0%) are quarantined; at most 5.0% may be",
        "    -> correct them, or raise `sources.orders.max_quarantined_share`",
        "error: touches, t.csv: 0 rows; at least 1 is needed",
        "    -> export it again, or take `sources.touches` out of the config",
        "error: complaints.complaint_id: 1 conflict: the same key, known at the same time, with "
        "different content",
        "    complaint_id C1 known at 2024-01-05 00:00:00",
        "    -> keep the one that counts, or give each version its own known_at",
    ]
    assert report.exit_code == 65


def test_train_and_score_refuse_with_the_same_words(tmp_path):
    config = project(tmp_path, "orders: {path: o.csv}", {"o.csv": HEAD + "A,O,03/04/2025,1\n"})
    with DuckDBEngine(readable_paths(config)) as engine:
        report = validate(config, engine)
    with DuckDBEngine(readable_paths(config)) as engine, pytest.raises(DataError) as refused:
        load_sources(config, engine)
    lines = str(refused.value).splitlines()
    assert lines == [f"{config.path}: 1 error in the sources", *finding_lines(report.errors)]
    assert refused.value.exit_code == 65


def test_missing_files_are_told_together_with_all_else(tmp_path):
    config = project(
        tmp_path,
        'orders: {path: none.csv}\ntouches: {path: "t-*.csv"}\ncomplaints: {sql: none.sql}\n'
        "reps: {path: r.csv}",
        {"r.csv": ""},
    )
    for read in (validate, load_sources):
        with DuckDBEngine(readable_paths(config)) as engine, pytest.raises(MissingInput) as refused:
            read(config, engine)
        assert str(refused.value).splitlines() == [
            f"{config.path}: 4 errors in the sources",
            "error: orders, none.csv: no such file or folder",
            f"    -> looked for {tmp_path / 'none.csv'}",
            "error: touches, t-*.csv: no file matches",
            f"    -> looked for {tmp_path / 't-*.csv'}",
            "error: complaints, none.sql: cannot be read: No such file or directory",
            f"    -> looked for {tmp_path / 'none.sql'}",
            "error: reps, r.csv: 0 rows: the file is empty",
            "    -> at least a header and 1 row are needed",
        ]
        assert refused.value.exit_code == 66


def test_a_path_that_cannot_be_looked_at(tmp_path):
    name = "x" * 300  # longer than any file system has it
    config = project(tmp_path, f'orders: {{path: {name}}}\ntouches: {{path: "t**.csv"}}', {})
    assert readable_paths(config) == []
    with DuckDBEngine() as engine, pytest.raises(MissingInput) as refused:
        validate(config, engine)
    assert str(refused.value).splitlines()[1:] == [
        f"error: orders, {name}: cannot be looked at: File name too long",
        "    -> check the path and its permissions",
        "error: touches, t**.csv: is no pattern: "
        "Invalid pattern: '**' can only be an entire path component",
        "    -> ** stands alone between two /",
    ]


def test_semicolons_are_seen_in_the_header(check):
    assert orders(check, "account_id;order_id;occurred_at;amount\nA;O;2024-01-05;1,5\n") == [
        "error: orders, o.csv: the header is a single column: "
        "'account_id;order_id;occurred_at;amount'",
        '    -> set `delimiter: ";"`; and `decimal: ","` if amounts look like 12,50',
    ]


def test_decimal_commas_are_never_guessed(check):
    text = HEAD.replace(",", ";") + "A;O1;2024-01-05;1,5\nA;O2;2024-01-05;1.234,5\n"
    assert orders(check, text, ", delimiter: ';'")[0:3] == [
        "error: orders.amount, o.csv: 2 values: not a number such as 1234.50",
        "    row 2: '1,5'",
        "    row 3: '1.234,5'",
    ]
    assert orders(check, text, ", delimiter: ';', decimal: ','")[0:2] == [
        "error: orders.amount, o.csv: 1 value: not a number such as 1234,50",
        "    row 3: '1.234,5'",
    ]


@pytest.mark.parametrize(
    ("content", "what", "advice"),
    [
        (
            (HEAD + "M\u00fcller,O,2024-01-05,1\n").encode("cp1252"),
            "byte 40 (0xfc) is not utf-8 text",
            "set `encoding` for this file, e.g. `encoding: cp1252`: 'M\u00fcller' is then read",
        ),
        (
            HEAD.encode("utf-16"),
            "byte 0 (0xff) is not utf-8 text",
            "set `encoding` for this file, e.g. `encoding: utf-16`",
        ),
        (
            HEAD.encode("utf-16-le"),
            "byte 1 is NUL, which text does not begin with",
            "set `encoding: utf-16-le` if it was saved as Unicode text",
        ),
        (
            b"\x1f\x8b\x08\0abc",
            "is packed, and damaged or cut off: Compressed file ended before the end-of-stream "
            "marker was r\u2026",
            "export it again",
        ),
        (
            b"PK\x03\x04abc",
            "is packed, and damaged or cut off: File is not a zip file",
            "export it again",
        ),
        (b"", "0 rows: the file is empty", "at least a header and 1 row are needed"),
        (
            b"account_id,order_id,occurred_at,amount,Amount\nA,O,2024-01-05,1,2\n",
            "the header names a column twice (capitals aside): Amount, amount",
            "rename or remove one of them",
        ),
    ],
)
def test_files_that_cannot_be_read_as_they_are(check, content, what, advice):
    assert orders(check, content) == [f"error: orders, o.csv: {what}", f"    -> {advice}"]


def test_the_offset_of_a_wrong_byte_far_inside_a_file(check):
    good = (GOOD * 60_000).encode()
    at = len(HEAD) + len(good) + 1
    content = HEAD.encode() + good + b"A\xe9,O,2024-01-05,1\n"
    assert f"byte {at:,} (0xe9) is not utf-8 text" in orders(check, content)[0]


def test_the_wrong_encoding_is_said_of_a_declared_one_too(check):
    content = (HEAD + "A\x81,O,2024-01-05,1\n").encode("latin-1")
    said = orders(check, content, ", encoding: cp1252")
    assert said[0] == "error: orders, o.csv: byte 40 (0x81) is not cp1252 text"


def test_a_declared_encoding_whose_mark_is_missing(check):
    content = (HEAD + GOOD).encode("utf-16-be")
    said = orders(check, content, ", encoding: utf-16")
    assert said == [
        "error: orders, o.csv: is not utf-16 text: UTF-16 stream does not start with BOM",
        "    -> set another `encoding` for this file",
    ]


def test_returns_are_counted(check):
    report = check("orders: {path: o.csv}", {"o.csv": HEAD + GOOD + "A,O2,2024-01-05,-3\n"})
    assert "note: orders.amount: 1 return (negative amounts): kept, and netted apart from the " in (
        "\n".join(finding_lines(report.findings))
    )


def test_a_header_alone(check):
    assert orders(check, HEAD)[0] == "error: orders, o.csv: 0 rows; at least 1 is needed"


def test_ragged_rows_name_their_lines(check):
    text = HEAD + GOOD + "A,O2,2024-01-05\n" + GOOD + "A,O3,2024-01-05,1,000\n" * 6
    assert orders(check, text) == [
        "error: orders, o.csv: 1 row: fewer than the header's 4 columns",
        "    line 3: A,O2,2024-01-05",
        "    -> quote values that hold line ends",
        "error: orders, o.csv: 6 rows: more than the header's 4 columns",
        "    line 5: A,O3,2024-01-05,1,000",
        "    line 6",
        "    line 7",
        "    line 8",
        "    line 9",
        "    -> quote values that hold the delimiter, or set `delimiter`",
    ]


def test_a_quote_that_never_ends(check):
    said = orders(check, HEAD + GOOD + '"A,O2,2024-01-05,1\n')
    assert said[0].endswith("1 row: a quote that does not end where its value ends")
    assert said[1].startswith("    line 3: ")


def test_values_are_examples_with_rows_and_an_exact_count(check):
    text = HEAD + GOOD * 10 + "A,O,2024-02-30,1\n" * 7 + "A,O,20240105,1\nA,O,infinity,1\n"
    said = orders(check, text)
    assert "9 values: not a time" in said[0]
    assert said[1:6] == [f"    row {row}: '2024-02-30'" for row in range(12, 17)]
    assert len(said) == 7


def test_a_declared_format_is_the_only_one(check):
    text = HEAD + "A,O1,2024-01-05,1\nA,O2,05.01.2024,1\n"
    said = orders(check, text, ', datetime_format: "%d.%m.%Y"')
    assert said == [
        "error: orders.occurred_at, o.csv: 1 value: not a time; expected %d.%m.%Y",
        "    row 2: '2024-01-05'",
        '    -> write `datetime_format: ["%d.%m.%Y", "iso"]` in `sources.orders`: '
        "'2024-01-05' is then read as ISO 8601",
    ]


def test_ids_hold_no_control_characters(check):
    said = orders(check, HEAD + "A\x07,O,2024-01-05,1\nB\0,O,2024-01-05,1\n" + GOOD)
    assert said[0] == (
        "error: orders.account_id, o.csv: 2 values: control or invisible characters, "
        "which an id cannot hold"
    )
    assert said[1:3] == ["    row 2: 'A\\x07'", "    row 3: 'B\\x00'"]


def test_rows_that_are_set_aside_are_warned_of(check):
    bad = ",O1,2024-01-05,1\nA,O2,2024-01-05,1e309\nA,O3,2024-01-05,-20000000000000\n"
    bad += f"A,O4,2024-01-05,nan\nA,{'x' * 1001},2024-01-05,1\nA,O5,0001-01-01,1\nA,O6,,1\n"
    said = orders(check, HEAD + GOOD * 200 + bad)
    assert [line for line in said if line.startswith(("error", "warning"))] == [
        "warning: orders.account_id, o.csv: 1 row quarantined: no account_id",
        "warning: orders.order_id, o.csv: 1 row quarantined: order_id longer than 1,000 characters",
        "warning: orders.occurred_at, o.csv: 1 row quarantined: no occurred_at",
        "warning: orders.occurred_at, o.csv: 1 row quarantined: "
        "occurred_at before 1900-01-01 or after 2200-01-01",
        "warning: orders.amount, o.csv: 3 rows quarantined: "
        "amount infinite or beyond 10,000,000,000,000",
    ]
    assert "    row 203: '1e309'" in said


def test_too_many_rows_set_aside_are_refused(check):
    text = HEAD + GOOD * 9 + ",O,2024-01-05,1\n"
    assert "1 of 10 rows (10.0%) are quarantined; at most 5.0% may be" in orders(check, text)[3]
    allowed = orders(check, text, ", max_quarantined_share: 0.1")
    assert not any(line.startswith("error") for line in allowed)


def test_conflicts_name_five_keys_and_count_all(check):
    head = "account_id,order_id,line_id,occurred_at,amount\n"
    rows = "".join(f"A,O{n},1,2024-01-05,{amount}\n" for n in range(7) for amount in (1, 2))
    assert orders(check, head + rows) == [
        "error: orders.order_id, line_id: 7 conflicts: the same key, known at the same time, with "
        "different content",
        *(f"    order_id O{n} line_id 1 known at 2024-01-05 00:00:00" for n in range(5)),
        "    -> keep the one that counts, or give each version its own known_at",
    ]


def test_several_currencies(check):
    head = "account_id,order_id,occurred_at,amount,currency\n"
    text = head + "A,O1,2024-01-05,1,EUR\nA,O2,2024-01-05,1,USD\nA,O3,2024-01-05,1,\n"
    assert orders(check, text) == [
        "error: orders.currency: several currencies: EUR, USD",
        "    -> give at the top level of the config `currency: ...`, the one to count in, and "
        "`rates: {path: rates.csv}`, a file with the columns day, currency and rate (what one of "
        "yours costs in it); or convert the amounts in a `.sql` mapping",
    ]


def test_another_currency_than_the_config_s(check):
    head = "account_id,order_id,occurred_at,amount,currency\n"
    report = check(
        "orders: {path: o.csv}", {"o.csv": head + "A,O1,2024-01-05,1,GBP\n"}, currency="EUR"
    )
    assert finding_lines(report.errors) == [
        "error: orders.currency: the amounts are in GBP, the config says EUR",
        "    -> set `currency: GBP`, or convert the amounts in a `.sql` mapping",
    ]


def test_columns_that_nobody_uses_are_a_warning(check):
    text = "account_id,order_id,occurred_at,amount,knownat,colour\nA,O,2024-01-05,1,2024-01-06,x\n"
    assert orders(check, text) == [
        "warning: orders, o.csv: 2 columns not used: knownat, colour",
        "    -> if meant, map them: `columns: {known_at: knownat}`",
    ]


def test_names_of_any_length_are_told_shortened(check):
    text = HEAD.strip() + f",{'x' * 70_000}\n" + GOOD.strip() + ",1\n"
    assert max(map(len, orders(check, text))) < 200
    assert max(map(len, orders(check, text.replace("account_id", "y" * 70_000)))) < 600


def test_a_mapped_column_that_is_not_there(check):
    said = orders(check, HEAD + GOOD, ", columns: {product_id: Artikel}")
    assert said[0] == (
        "error: orders.product_id, o.csv: there is no column 'Artikel'; "
        "there are account_id, order_id, occurred_at, amount"
    )


def test_a_column_that_happens_to_have_our_name_can_be_left_out(check):
    text = HEAD.strip() + ",line_id\nA1,O1,2024-01-05,10,1\nA1,O1,2024-01-05,20,1\n"
    assert orders(check, text)[0].startswith("error: orders.order_id, line_id: 1 conflict: ")
    assert orders(check, text, ", columns: {line_id: null}") == []


@pytest.mark.parametrize("until", ["2024-02-01T00:00:00Z", "'2024-02-01T00:00:00+02:00'"])
def test_the_end_of_a_source_is_wall_time(check, until):
    with pytest.raises(ConfigError, match="should be wall time in `timezone`, without an offset"):
        check(f"orders: {{path: o.csv, complete_until: {until}}}", {"o.csv": HEAD + GOOD})


def test_a_required_column_cannot_be_left_out(check):
    assert orders(check, HEAD + GOOD, ", columns: {account_id: null}") == [
        "error: orders.account_id, o.csv: the column is required, so it cannot be left out",
        "    -> name it: `columns: {account_id: ...}`",
    ]


def test_files_of_one_source_have_the_same_columns(check):
    report = check(
        'orders: {path: "o*.csv"}',
        {"o1.csv": HEAD + GOOD, "o2.csv": HEAD.strip() + ",line_id\nA1,O2,2024-01-05,1,1\n"},
    )
    assert finding_lines(report.errors) == [
        "error: orders.line_id, o1.csv: other files of this source have the column, this one does "
        "not",
        "    -> export all files with the same columns",
    ]


def test_a_mapped_column_that_one_file_lacks_is_told_once(check):
    report = check(
        'orders: {path: "o*.csv", columns: {line_id: Zeile}}',
        {"o1.csv": HEAD + GOOD, "o2.csv": HEAD.strip() + ",Zeile\nA1,O2,2024-01-05,1,1\n"},
    )
    assert [(f.file, f.column, f.what) for f in report.errors] == [
        (
            *("o1.csv", "line_id"),
            "there is no column 'Zeile'; there are account_id, order_id, occurred_at, amount",
        )
    ]


def test_examples_name_the_file_where_there_are_several(check):
    report = check(
        'orders: {path: "o*.csv"}',
        {
            "o1.csv": HEAD + GOOD + "A,O,soon,1\n",
            "o2.csv": "amount," + HEAD.replace(",amount", "") + "1,A,O,late\n",
        },
    )
    said = finding_lines(report.errors)
    assert "2 values: not a time" in said[0]
    assert said[1:3] == ["    o1.csv, row 3: 'soon'", "    o2.csv, row 2: 'late'"]


def parquet(path: Path, compression: str = "snappy", **columns: pa.Array) -> None:
    standing = {
        "account_id": pa.array(["A"]),
        "order_id": pa.array(["O"]),
        "occurred_at": pa.array([datetime(2024, 1, 5)]),
        "amount": pa.array([1.0]),
    }
    pq.write_table(pa.table(standing | columns), path, compression=compression)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("account_id", pa.array([12.0]), "account_id, o.parquet: 1 value: stored as DOUBLE"),
        ("account_id", pa.array([b"A"]), "account_id, o.parquet: 1 value: stored as BLOB"),
        ("occurred_at", pa.array([20240105]), "1 value: stored as BIGINT, which is not a time"),
        ("amount", pa.array([True]), "1 value: stored as BOOLEAN, which is not a number"),
        ("deleted", pa.array([0.5]), "1 value: stored as DOUBLE, which is not true or false"),
    ],
)
def test_parquet_columns_of_another_type_are_refused(check, tmp_path, column, values, said):
    parquet(tmp_path / "o.parquet", **{column: values})
    report = check("orders: {path: o.parquet}", {})
    assert said in finding_lines(report.errors)[0]


def test_advice_on_ids_that_became_floating(check, tmp_path):
    parquet(tmp_path / "o.parquet", account_id=pa.array([12.0]))
    report = check("orders: {path: o.parquet}", {})
    assert report.errors[0].advice == (
        "a column of whole numbers with gaps becomes floating: write it as text, or map it by a "
        "`.sql` file with CAST(CAST(account_id AS BIGINT) AS VARCHAR)"
    )


def test_rows_of_parquet_are_counted_from_one(check, tmp_path):
    parquet(tmp_path / "o.parquet", occurred_at=pa.array(["soon"]))
    report = check("orders: {path: o.parquet}", {})
    assert finding_lines(report.errors)[1] == "    row 1: 'soon'"


def test_infinite_amounts_of_parquet_are_set_aside(check, tmp_path):
    rows = {"account_id": pa.array(["A"] * 40), "order_id": pa.array(list("O" * 40))}
    rows["occurred_at"] = pa.array([datetime(2024, 1, 5)] * 40)
    rows["amount"] = pa.array([1.0] * 38 + [float("inf"), float("nan")])
    parquet(tmp_path / "o.parquet", **rows)
    report = check("orders: {path: o.parquet}", {})
    assert report.errors == ()
    assert finding_lines(report.of(Severity.WARNING))[:3] == [
        "warning: orders.amount, o.parquet: 2 rows quarantined: "
        "amount infinite or beyond 10,000,000,000,000",
        "    row 39: 'inf'",
        "    row 40: 'nan'",
    ]
    assert report.tables[0].rows == 38


def test_parquet_that_is_cut_off_or_compressed_with_brotli(check, tmp_path):
    parquet(tmp_path / "o.parquet")
    (tmp_path / "o.parquet").write_bytes((tmp_path / "o.parquet").read_bytes()[:-20])
    parquet(tmp_path / "t.parquet", compression="brotli")
    report = check("orders: {path: o.parquet}\ntouches: {path: t.parquet}", {})
    assert finding_lines(report.errors) == [
        "error: orders, o.parquet: is not a whole Parquet file; is it cut off?",
        "    -> export it again",
        "error: touches, t.parquet: is compressed with Brotli, which is refused",
        "    -> write it with zstd or snappy",
    ]


def test_a_day_beyond_the_last_moment_of_the_engine_sets_its_row_aside(check, tmp_path):
    days = pa.array([2**31 - 2], pa.int32()).cast(pa.date32())
    parquet(tmp_path / "o.parquet", occurred_at=days, promised_at=days)
    report = check("orders: {path: o.parquet, max_quarantined_share: 1}", {})
    aside = [finding for finding in report.of(Severity.WARNING) if "infinite" in finding.what]
    assert [finding.column for finding in aside] == ["occurred_at", "promised_at"]
    assert finding_lines(aside)[1] == "    row 1: '5881580-07-10'"


def test_a_parquet_file_with_a_damaged_description_of_its_columns(check, tmp_path):
    parquet(tmp_path / "o.parquet")
    content = (tmp_path / "o.parquet").read_bytes()
    required = content.replace(b"\x25\x02\x18\x08order_id", b"\x25\x00\x18\x08order_id")
    assert required != content  # its statistics contradict its schema: this aborted the process
    assert check("orders: {path: o.parquet}", {"o.parquet": required}).exit_code in (0, 65)
    no_text = content.replace(b"order_id", b"order_\xff\xff")
    report = check("orders: {path: o.parquet}", {"o.parquet": no_text})
    assert "is not a whole Parquet file" in report.errors[0].what


def test_lists_in_lists_in_lists_are_refused_before_they_are_read(check, tmp_path):
    kind = pa.int64()
    for _ in range(40):
        kind = pa.list_(kind)
    parquet(tmp_path / "o.parquet", colours=pa.nulls(1, kind))
    report = check("orders: {path: o.parquet}", {})
    assert "nested 40 deep; at most 8 are read" in report.errors[0].what


def test_a_mapping_that_never_ends_is_ended(check):
    endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) "
    report = check(
        "reps: {sql: r.sql}",
        {"r.sql": endless + "SELECT i AS rep_id FROM n"},
        engine="{mapping_seconds: 1, memory_share: 0.05}",
    )
    assert finding_lines(report.errors) == [
        "error: reps, r.sql: the query took longer than `engine.mapping_seconds` and was ended",
        "    -> does it end? if so, make it read less, or raise `engine.mapping_seconds`",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="nothing else bounds what is allocated")
def test_a_mapping_that_asks_for_a_value_larger_than_the_memory(check):
    with pytest.raises(ConfigError, match=r"Set `engine\.memory_mib`"):
        check("reps: {sql: r.sql}", {"r.sql": "SELECT len(range(3000000000)) AS rep_id"})


@pytest.mark.parametrize(
    "query",
    [f"SELECT a AS rep_id FROM {'(' * 3000}SELECT 1 AS a", f"SELECT {'- ' * 20_000}1 AS rep_id"],
)
def test_a_mapping_too_nested_to_be_parsed_in_time(check, query):
    report = check("reps: {sql: r.sql}", {"r.sql": query})
    assert "brackets or signs are nested more than 200 deep" in report.errors[0].what


def test_a_line_of_dashes_in_a_mapping_is_a_comment(check):
    query = f"{'-' * 500}\nSELECT 'R' AS rep_id -- - - {'- ' * 500}\n"
    assert check("reps: {sql: r.sql}", {"r.sql": query}).exit_code == 0


def test_a_value_that_breaks_the_engine(check, tmp_path):
    """The engine cannot write this moment as text, and then answers nothing any more."""
    moment = pa.array([-(2**63)], pa.int64()).cast(pa.timestamp("us"))
    orders = {"account_id": moment, "order_id": ["O"], "occurred_at": ["x"], "amount": ["1"]}
    pq.write_table(pa.table(orders), tmp_path / "o.parquet", write_statistics=False)
    with pytest.raises(DataError, match=r"sources\.orders: reading it has broken the query engine"):
        check("orders: {path: o.parquet}", {})


def test_a_query_that_does_not_fit_its_inputs(check):
    report = check(
        "orders: {sql: o.sql}",
        {"o.sql": "SELECT kunde AS account_id FROM raw", "r.csv": "customer\nA\n"},
        inputs="{raw: {path: r.csv}}",
    )
    said = finding_lines(report.errors)
    assert said[0].startswith("error: orders, o.sql: cannot be read: Binder Error")
    assert "kunde" in said[0]
    assert said[1] == "    -> correct the query; it reads the config's `inputs` by their names"


def test_a_ragged_input_of_a_query_is_told_of_its_file(check):
    report = check(
        "orders: {sql: o.sql}",
        {
            "o.sql": "SELECT a AS account_id, a AS order_id, b AS occurred_at, '1' AS amount "
            "FROM raw",
            "r.csv": "a|b\nA|2024-01-05\nA\n",
        },
        inputs="{raw: {path: r.csv, delimiter: '|'}}",
    )
    assert finding_lines(report.errors)[:2] == [
        "error: orders, r.csv: 1 row: fewer than the header's 2 columns",
        "    line 3: A",
    ]


def test_values_of_a_query_are_named_by_their_key(check):
    report = check(
        "orders: {sql: o.sql}",
        {
            "o.sql": "SELECT a AS account_id, o AS order_id, 'soon' AS occurred_at, 1 AS amount "
            "FROM raw",
            "r.csv": "a,o\nA,O7\n",
        },
        inputs="{raw: {path: r.csv}}",
    )
    assert finding_lines(report.errors)[1] == "    order_id O7: 'soon'"


def test_a_broken_input_is_told_once(check):
    report = check(
        "orders: {sql: o.sql}\ncomplaints: {sql: o.sql}",
        {"o.sql": "SELECT * FROM raw", "r.csv": ""},
        inputs="{raw: {path: r.csv}}",
    )
    assert [f.what for f in report.errors] == ["0 rows: the file is empty"]
    assert report.tables == ()


def test_what_is_taken_for_granted_is_noted(check):
    report = check("orders: {path: o.csv}", {"o.csv": HEAD + GOOD * 3})
    assert finding_lines(report.of(Severity.NOTE)) == [
        "note: orders: 2 rows exactly like another in every mapped column: kept",
        "    -> equal rows may be right, such as two of the same kind on one day; figures change",
        "       only if the same delivery of data was read twice. Then export orders again without",
        "       the repeat, or set `sources.orders.dedupe: true`, by which equal rows count once",
        "note: orders.known_at: not in the source: taken as occurred_at",
        "note: orders.line_id: not in the source: lines cannot have versions, "
        "and a corrected line counts twice",
        "note: touches: not in the config: the features of contact_breadth are left out",
        "note: complaints: not in the config: the features of complaint_latency are left out",
    ]


def test_a_back_filled_history_is_warned_of(check):
    head = HEAD.strip() + ",known_at\n"
    prompt = "".join(f"A,O{n},2024-01-05,1,2024-02-04\n" for n in range(90))
    late = "".join(f"A,P{n},2024-01-05,1,2024-02-05\n" for n in range(10))
    assert orders(check, head + prompt + late) == [
        "warning: orders.known_at: 10 rows (10.0%) known more than 30 days after occurred_at",
        "    -> was the history loaded in one go? then known_at is not when it was known",
    ]
    assert orders(check, head + prompt) == []


def test_a_lonely_last_order_is_refused(check):
    rows = "".join(f"A,O{n},2024-01-05,1\n" for n in range(2000))
    said = orders(check, HEAD + rows + "A,Z,2024-03-05,1\n")
    assert said[0] == (
        "error: orders.known_at: the last known stamp is 2024-03-05 00:00:00, yet only 1 row lie "
        "in the 30 days before it, of 2,000 in as many days usually"
    )
    assert orders(check, HEAD + rows) == []


def test_a_lonely_last_touch_is_warned_of(check):
    head = "account_id,contact_id,rep_id,occurred_at\n"
    rows = "".join("A,c,r,2024-01-05\n" for _ in range(2000))
    found = check("touches: {path: t.csv}", {"t.csv": head + rows + "A,c,r,2024-03-05\n"})
    told = [str(f.severity) for f in found.findings if f.what.startswith("the last known stamp")]
    assert told == ["warning"]


def test_rows_after_complete_until_are_set_aside_however_many(check):
    rows = "".join(f"A,O{n},2024-0{n % 9 + 1}-05,1\n" for n in range(900))
    options = ", complete_until: 2024-02-01, max_quarantined_share: 0"
    said = orders(check, HEAD + rows, options)
    assert [line for line in said if line.startswith("error")] == []
    assert "800 rows quarantined: after complete_until" in said[0]


def test_the_report_as_json_and_as_text(check):
    report = check("orders: {path: o.csv}", {"o.csv": HEAD + GOOD * 40 + "A,O,2024-01-05,1e99\n"})
    told = json.loads(json.dumps(report.to_json()))
    assert (told["errors"], told["warnings"], told["notes"]) == (0, 1, 5)
    assert told["findings"][0] == {
        "severity": "warning",
        "what": "1 row quarantined: amount infinite or beyond 10,000,000,000,000",
        "table": "orders",
        "file": "o.csv",
        "column": "amount",
        "count": 1,
        "examples": [{"value": "'1e99'", "file": "o.csv", "row": 42, "key": ""}],
        "advice": "such rows are set aside; correct them at the source",
    }
    assert told["tables"]["orders"]["rows"] == 40
    assert told["tables"]["orders"]["complete_until"] == "2024-01-05 00:00:00"
    absent = ["touches", "complaints", "accounts", "reps", "account_merges", "outcomes"]
    assert told["absent"] == absent
    lines = report_lines(report)
    assert lines[0] == "orders: 40 rows, complete until 2024-01-05 00:00:00, 1 quarantined"
    assert lines[-1] == "0 errors, 1 warning, 5 notes"
