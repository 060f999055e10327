"""What files become once they are loaded, on tables small enough to check by eye."""

from __future__ import annotations

import hashlib
import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.contract import TABLES
from pipeline.config import Config, load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import TryAgain
from pipeline.sources import Sources, load_sources, readable_paths

ORDERS = """account_id,order_id,occurred_at,amount
A1,O1,2024-01-05 10:00:00,12.50
A2,O2,2024-01-06,-3
"""


def project(folder: Path, sources: str, **more: str) -> Config:
    """A config over files in `folder`; more: further lines, by key."""
    text = "name: small\nsnapshots: {first: 2024-02-01, last: 2024-06-01}\nsources:\n"
    text += "".join(f"  {line}\n" for line in sources.strip().splitlines())
    text += "".join(f"{key}: {value}\n" for key, value in more.items())
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


class Loaded:
    """Sources in an engine of their own."""

    def __init__(self, config: Config, known_before: date | None = None) -> None:
        self.engine = DuckDBEngine(readable_paths(config), threads=1)
        self.sources: Sources = load_sources(config, self.engine, known_before)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.engine.rows(sql)


@pytest.fixture
def load(tmp_path):
    """Write files, load the sources over them, close the engine in the end."""
    opened: list[Loaded] = []

    def loading(
        sources: str, files: dict[str, str], known_before: date | None = None, **more: str
    ) -> Loaded:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        opened.append(Loaded(project(tmp_path, sources, **more), known_before))
        return opened[-1]

    yield loading
    for loaded in opened:
        loaded.engine.__exit__(None, None, None)


def test_orders_from_csv(load):
    loaded = load("orders: {path: o.csv}", {"o.csv": ORDERS})
    assert loaded.rows("SELECT * FROM orders ORDER BY order_id") == [
        (
            *("A1", "O1", None, datetime(2024, 1, 5, 10), datetime(2024, 1, 5, 10), 1250),
            *(None, None, None, None, None, None, None, False, None),
        ),
        (
            *("A2", "O2", None, datetime(2024, 1, 6), datetime(2024, 1, 6), -300),
            *(None, None, None, None, None, None, None, False, None),
        ),
    ]
    table = loaded.sources.tables["orders"]
    assert table.mapped == {"account_id", "order_id", "occurred_at", "amount"}
    assert table.provided == {
        *("account_id", "order_id", "occurred_at", "amount_cents"),
        *("known_at", "deleted", "superseded_at"),
    }
    assert (table.rows, table.quarantined, table.is_event) == (2, 0, True)
    assert table.complete_until == datetime(2024, 1, 6)
    content = ORDERS.encode()
    assert loaded.sources.lineage() == {
        "orders": [
            {
                "path": "o.csv",
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        ]
    }
    assert set(loaded.sources.absent) == TABLES.keys() - {"orders"}


@pytest.mark.parametrize("name", TABLES)
def test_a_loaded_table_has_the_columns_and_types_of_the_contract(load, name):
    table = TABLES[name]
    sample = {
        "id": "x",
        "text": "t",
        "time": "2024-01-05",
        "money": "1",
        "number": "2",
        "flag": "1",
    }
    values = [
        "y"
        if c.name == "into_id"
        else "0"
        if c.name == "deleted"
        else (*c.allowed, *c.words, sample[c.kind])[0]
        for c in table.columns
    ]
    text = ",".join(table.names) + "\n" + ",".join(values) + "\n"
    loaded = load(f"{name}: {{path: t.csv}}", {"t.csv": text})
    described = loaded.rows(f"DESCRIBE {name}")
    assert {row[0]: row[1] for row in described} == table.stored()
    assert loaded.sources.tables[name].mapped == set(table.names)
    assert loaded.sources.provided()[name] == table.stored().keys()


def test_only_the_empty_text_is_missing_and_ids_stay_text(load):
    text = "account_id,order_id,occurred_at,amount,category\n"
    text += '00123,NA,2024-01-05,1,null\nnull,nan,2024-01-05,1,""\n"a,b",1e5,2024-01-05,1,\n'
    loaded = load("orders: {path: o.csv}", {"o.csv": text})
    assert loaded.rows("SELECT account_id, order_id, category FROM orders ORDER BY ALL") == [
        ("00123", "NA", "null"),
        ("a,b", "1e5", None),
        ("null", "nan", None),
    ]


@pytest.mark.parametrize(
    ("prefix", "encoding", "option"),
    [
        (b"\xef\xbb\xbf", "utf-8", ""),
        (b"", "cp1252", ", encoding: cp1252"),
        (b"", "utf-16", ", encoding: utf-16"),
    ],
)
def test_fault_1_other_encodings_give_the_same_table(load, prefix, encoding, option):
    text = ORDERS.replace("A1", "Müller")
    loaded = load(f"orders: {{path: o.csv{option}}}", {"o.csv": prefix + text.encode(encoding)})
    assert loaded.rows("SELECT account_id FROM orders ORDER BY 1") == [("A2",), ("Müller",)]
    content = prefix + text.encode(encoding)
    lineage = loaded.sources.tables["orders"].lineage[0]
    assert lineage.sha256 == hashlib.sha256(content).hexdigest()


def test_semicolons_decimal_commas_and_day_first_dates(load):
    text = "Kunde;order_id;Datum;amount;Menge\nA1;O1;03/04/2025 10:00;1234,565;0,5\n"
    loaded = load(
        "orders: {path: o.csv, delimiter: ';', decimal: ',', datetime_format: '%d/%m/%Y %H:%M', "
        "columns: {account_id: Kunde, occurred_at: Datum, quantity: Menge}}",
        {"o.csv": text},
    )
    assert loaded.rows("SELECT account_id, occurred_at, amount_cents, quantity FROM orders") == [
        ("A1", datetime(2025, 4, 3, 10), 123457, Decimal("0.5"))
    ]


def test_money_is_rounded_half_away_from_zero(load):
    cases = {
        "1.005": 101,
        "-1.005": -101,
        "2.675": 268,
        "1.0049999": 100,
        "0.1": 10,
        "1e3": 100_000,
        "+7.": 700,
        ".5": 50,
        "10000000000000": 10**15,
    }
    head = "account_id,order_id,occurred_at,amount\n"
    text = head + "".join(f"A,{number},2024-01-05,{number}\n" for number in cases)
    loaded = load("orders: {path: o.csv}", {"o.csv": text})
    assert dict(loaded.rows("SELECT order_id, amount_cents FROM orders")) == cases


def write_orders(path: Path, **columns: pa.Array) -> None:
    rows = len(next(iter(columns.values())))
    standing = {
        "account_id": pa.array([f"A{n}" for n in range(rows)]),
        "order_id": pa.array([f"O{n}" for n in range(rows)]),
        "occurred_at": pa.array([datetime(2024, 1, 5)] * rows),
        "amount": pa.array([1.0] * rows),
    }
    pq.write_table(pa.table(standing | columns), path)


def test_parquet_numbers_become_cents_whatever_their_type(load, tmp_path):
    values = [1.005, -1.005, 2.675, 83.39999999999999, 123456789.125, 9e12 + 0.25]
    cents = [101, -101, 268, 8340, 12345678913, 900000000000025]
    write_orders(tmp_path / "o.parquet", amount=pa.array(values), margin=pa.array([7] * 6))
    loaded = load("orders: {path: o.parquet}", {})
    assert loaded.rows("SELECT amount_cents FROM orders ORDER BY order_id") == [(c,) for c in cents]
    assert loaded.rows("SELECT DISTINCT margin_cents FROM orders") == [(700,)]
    decimals = pa.array([Decimal("1.005"), Decimal("-2.994")], pa.decimal128(20, 3))
    write_orders(tmp_path / "o.parquet", amount=decimals)
    loaded = load("orders: {path: o.parquet}", {})
    assert loaded.rows("SELECT amount_cents FROM orders ORDER BY order_id") == [(101,), (-299,)]


def test_whole_number_ids_become_their_digits(load, tmp_path):
    write_orders(tmp_path / "o.parquet", account_id=pa.array([123, 2**60]))
    loaded = load("orders: {path: o.parquet}", {})
    assert loaded.rows("SELECT account_id FROM orders ORDER BY 1") == [(str(2**60),), ("123",)]


def test_an_optional_column_that_is_empty_throughout_may_have_any_type(load, tmp_path):
    write_orders(tmp_path / "o.parquet", promised_at=pa.nulls(2), line_id=pa.array(["1", "2"]))
    loaded = load("orders: {path: o.parquet}", {})
    assert loaded.rows("SELECT DISTINCT promised_at FROM orders") == [(None,)]
    assert "promised_at" in loaded.sources.tables["orders"].mapped


def test_fault_18_times_are_wall_time_of_the_config_to_the_second(load, tmp_path):
    text = "account_id,contact_id,rep_id,occurred_at\n" + "".join(
        f"A,{n},R,{stamp}\n"
        for n, stamp in enumerate(
            [
                "2024-01-05 10:00:00.999",
                "2024-01-05T10:00:00Z",
                "2024-07-05T10:00:00Z",
                "2024-01-05 10:00+05:30",
                "2024-01-05",
                "2024-03-31T01:30:00Z",
            ]
        )
    )
    loaded = load("touches: {path: t.csv}", {"t.csv": text}, timezone="Europe/Berlin")
    assert loaded.rows("SELECT occurred_at FROM touches ORDER BY contact_id") == [
        (datetime(2024, 1, 5, 10),),
        (datetime(2024, 1, 5, 11),),
        (datetime(2024, 7, 5, 12),),
        (datetime(2024, 1, 5, 5, 30),),
        (datetime(2024, 1, 5),),
        (datetime(2024, 3, 31, 3, 30),),
    ]


def test_naive_times_of_another_zone_are_converted_but_days_are_not(load):
    head = "account_id,contact_id,rep_id,occurred_at\n"
    text = head + "A,1,R,2024-01-05 20:00:00\nA,2,R,2024-07-05 20:00:00\nA,3,R,2024-01-05\n"
    loaded = load(
        "touches: {path: t.csv, timezone: America/New_York}",
        {"t.csv": text},
        timezone="Europe/Berlin",
    )
    assert loaded.rows("SELECT occurred_at FROM touches ORDER BY contact_id") == [
        (datetime(2024, 1, 6, 2),),
        (datetime(2024, 7, 6, 2),),
        (datetime(2024, 1, 5),),
    ]


def test_declared_formats_are_tried_in_turn(load):
    head = "account_id,contact_id,rep_id,occurred_at\n"
    text = head + "A,1,R,05.01.24\nA,2,R,05.01.24 20:00\nA,3,R,05.01.24 20:00 +0100\n"
    loaded = load(
        "touches: {path: t.csv, timezone: America/New_York, "
        "datetime_format: ['%d.%m.%y', '%d.%m.%y %H:%M', '%d.%m.%y %H:%M %z']}",
        {"t.csv": text},
        timezone="Europe/Berlin",
    )
    assert loaded.rows("SELECT occurred_at FROM touches ORDER BY contact_id") == [
        (datetime(2024, 1, 5),),
        (datetime(2024, 1, 6, 2),),
        (datetime(2024, 1, 5, 20),),
    ]


def test_parquet_stamps_of_all_kinds(load, tmp_path):
    moment = datetime(2024, 1, 5, 10, 0, 0, 999_000)
    for kind, expected in [
        (pa.timestamp("ns"), datetime(2024, 1, 5, 10)),
        (pa.timestamp("us"), datetime(2024, 1, 5, 10)),
        (pa.timestamp("ms"), datetime(2024, 1, 5, 10)),
        (pa.timestamp("us", tz="UTC"), datetime(2024, 1, 5, 11)),
        (pa.timestamp("ns", tz="UTC"), datetime(2024, 1, 5, 11)),
        (pa.date32(), datetime(2024, 1, 5)),
    ]:
        value = moment.date() if kind == pa.date32() else moment
        write_orders(tmp_path / "o.parquet", occurred_at=pa.array([value], kind))
        loaded = load("orders: {path: o.parquet}", {}, timezone="Europe/Berlin")
        assert loaded.rows("SELECT occurred_at FROM orders") == [(expected,)], kind


COMPLAINTS = """complaint_id,account_id,opened_at,first_response_at,\
first_response_known_at,resolved_at
C1,A1,2024-01-05,2024-01-06,2024-01-08,2024-01-09
C2,A1,2024-01-05,2024-01-06,,
C3,A2,2024-01-05,,2024-01-08,
"""


def test_stages_are_known_when_they_happen_unless_said_otherwise(load):
    loaded = load("complaints: {path: c.csv}", {"c.csv": COMPLAINTS})
    assert loaded.rows(
        "SELECT complaint_id, day(first_response_at), day(first_response_known_at), "
        "day(resolved_at), day(resolved_known_at), reopened_at, reopened_known_at "
        "FROM complaints ORDER BY 1"
    ) == [
        ("C1", 6, 8, 9, 9, None, None),
        ("C2", 6, 6, None, None, None, None),
        ("C3", None, None, None, None, None, None),
    ]
    assert loaded.rows(
        "SELECT DISTINCT first_response_recorded, resolved_recorded, reopened_recorded "
        "FROM complaints"
    ) == [(True, True, False)]
    table = loaded.sources.tables["complaints"]
    assert {"resolved_known_at", "resolved_recorded"} <= table.provided
    assert not {"reopened_at", "reopened_known_at", "reopened_recorded"} & table.provided
    assert table.complete_until == datetime(2024, 1, 9)


def test_when_a_stage_was_known_says_nothing_without_the_stage(load):
    text = "complaint_id,account_id,opened_at,resolved_known_at\nC1,A,2024-01-05,2024-01-09\n"
    loaded = load("complaints: {path: c.csv}", {"c.csv": text})
    assert loaded.rows("SELECT resolved_known_at, resolved_recorded FROM complaints") == [
        (None, False)
    ]
    table = loaded.sources.tables["complaints"]
    assert not {"resolved_known_at", "resolved_recorded"} & table.provided
    assert table.complete_until == datetime(2024, 1, 5)


def test_a_stage_dated_at_the_end_of_time_says_nothing_about_the_source(load):
    text = "complaint_id,account_id,opened_at,resolved_at\nC1,A,2024-01-05,9999-12-31\n"
    loaded = load("complaints: {path: c.csv}", {"c.csv": text})
    assert loaded.sources.tables["complaints"].complete_until == datetime(2024, 1, 5)


def test_a_stage_before_all_dates_says_nothing_about_the_source_either(load):
    loaded = load("reps: {path: r.csv}", {"r.csv": "rep_id,left_on\nR1,0000-01-01\n"})
    assert loaded.sources.tables["reps"].complete_until == datetime(1900, 1, 1)


def test_a_row_may_say_that_its_stages_were_not_recorded(load):
    text = "complaint_id,account_id,opened_at,resolved_at,stages_recorded\n"
    text += "C1,A,2024-01-05,,false\nC2,A,2024-01-05,,\nC3,A,2024-01-05,,yes\n"
    loaded = load("complaints: {path: c.csv}", {"c.csv": text})
    assert loaded.rows(
        "SELECT resolved_recorded, reopened_recorded FROM complaints ORDER BY complaint_id"
    ) == [(False, False), (True, False), (True, False)]


VERSIONS = """complaint_id,account_id,opened_at,known_at,severity,deleted
C1,A1,2024-01-05,2024-01-05,low,
C1,A1,2024-01-05,2024-01-05,low,
C1,A1,2024-01-05,2024-02-10,high,
C1,A1,2024-01-05,2024-03-01,high,true
C2,A1,2024-01-05,2024-02-01,low,
C2,A1,2024-01-05,2024-01-06,low,
"""


def test_a_version_counts_until_the_next_one_is_known(load):
    loaded = load("complaints: {path: c.csv}", {"c.csv": VERSIONS})
    assert loaded.rows(
        "SELECT complaint_id, severity, known_at, superseded_at, deleted FROM complaints "
        "ORDER BY complaint_id, known_at"
    ) == [
        ("C1", "low", datetime(2024, 1, 5), datetime(2024, 2, 10), False),
        ("C1", "high", datetime(2024, 2, 10), datetime(2024, 3, 1), False),
        ("C1", "high", datetime(2024, 3, 1), None, True),
        ("C2", "low", datetime(2024, 1, 6), datetime(2024, 2, 1), False),
        ("C2", "low", datetime(2024, 2, 1), None, False),
    ]


def test_a_version_that_withdraws_its_key_needs_no_more_than_its_moment(load):
    text = "complaint_id,account_id,opened_at,known_at,deleted\n" + "".join(
        f"C{n},A,2024-01-05,2024-01-05,\n" for n in range(40)
    )
    loaded = load("complaints: {path: c.csv}", {"c.csv": text + "C1,,,2024-02-01,1\nC2,,,,1\n"})
    assert loaded.rows("SELECT complaint_id FROM complaints WHERE superseded_at IS NOT NULL") == [
        ("C1",)
    ]
    assert loaded.rows("SELECT reason, row FROM quarantine_complaints") == [
        ("deleted, but not when", 43)
    ]


def test_before_a_day_only_what_was_known_before_it_exists(load):
    loaded = load("complaints: {path: c.csv}", {"c.csv": VERSIONS}, date(2024, 2, 10))
    current = "SELECT complaint_id, severity, known_at FROM complaints WHERE superseded_at IS NULL"
    assert sorted(loaded.rows(current)) == [
        ("C1", "low", datetime(2024, 1, 5)),
        ("C2", "low", datetime(2024, 2, 1)),
    ]
    assert loaded.sources.tables["complaints"].rows == 3
    assert loaded.sources.tables["complaints"].complete_until == datetime(2024, 2, 10)
    loaded = load("complaints: {path: c.csv}", {"c.csv": VERSIONS}, date(2024, 2, 11))
    assert sorted(loaded.rows(current)) == [
        ("C1", "high", datetime(2024, 2, 10)),
        ("C2", "low", datetime(2024, 2, 1)),
    ]


def test_a_day_after_the_end_of_a_source_does_not_make_it_more_complete(load):
    loaded = load("orders: {path: o.csv}", {"o.csv": ORDERS}, date(2024, 5, 1))
    assert loaded.sources.tables["orders"].complete_until == datetime(2024, 1, 6)
    assert loaded.sources.tables["orders"].rows == 2


def test_before_a_day_a_stage_known_later_has_not_happened(load):
    stages = (
        "SELECT complaint_id, day(first_response_at), day(first_response_known_at), "
        "day(resolved_at), day(resolved_known_at), first_response_recorded "
        "FROM complaints ORDER BY 1"
    )
    files = {"c.csv": COMPLAINTS}
    assert load("complaints: {path: c.csv}", files, date(2024, 1, 8)).rows(stages) == [
        ("C1", None, None, None, None, True),
        ("C2", 6, 6, None, None, True),
        ("C3", None, None, None, None, True),
    ]
    assert load("complaints: {path: c.csv}", files, date(2024, 1, 9)).rows(stages)[0] == (
        *("C1", 6, 8, None, None, True),
    )


def test_before_a_day_a_delivery_of_later_is_not_known(load):
    text = "account_id,order_id,occurred_at,amount,delivered_at\n"
    text += "A,O1,2024-01-05,1,2024-01-07\nA,O2,2024-01-05,1,2024-01-08\nA,O3,2024-01-08,1,\n"
    loaded = load("orders: {path: o.csv}", {"o.csv": text}, date(2024, 1, 8))
    assert loaded.rows("SELECT order_id, delivered_at FROM orders ORDER BY 1") == [
        ("O1", datetime(2024, 1, 7)),
        ("O2", None),
    ]


def test_order_lines_have_versions_only_where_they_have_a_line_id(load):
    text = "account_id,order_id,line_id,occurred_at,known_at,amount\n"
    text += "A,O1,1,2024-01-05,2024-01-05,10\nA,O1,1,2024-01-05,2024-01-09,12\n"
    loaded = load("orders: {path: o.csv}", {"o.csv": text})
    superseded = "SELECT amount_cents, superseded_at FROM orders ORDER BY amount_cents"
    assert loaded.rows(superseded) == [(1000, datetime(2024, 1, 9)), (1200, None)]
    loaded = load("orders: {path: o.csv, columns: {category: line_id}}", {"o.csv": text})
    assert [row[1] for row in loaded.rows(superseded)] == [datetime(2024, 1, 9), None]
    without = text.replace("line_id", "position")
    loaded = load("orders: {path: o.csv}", {"o.csv": without})
    assert loaded.rows(superseded) == [(1000, None), (1200, None)]


def test_lines_that_repeat_are_counted_and_dropped_on_request_alone(load):
    files = {"o.csv": ORDERS + "A2,O2,2024-01-06,-3\n" * 2}
    kept = load("orders: {path: o.csv}", files)
    assert (kept.sources.tables["orders"].rows, kept.sources.tables["orders"].repeated) == (4, 2)
    dropped = load("orders: {path: o.csv, dedupe: true}", files)
    table = dropped.sources.tables["orders"]
    assert (table.rows, table.repeated) == (2, 2)


def test_undated_master_data_are_known_from_the_start(load):
    loaded = load(
        "accounts: {path: a.csv}\nreps: {path: r.csv}\naccount_merges: {path: m.csv}",
        {
            "a.csv": "account_id,name,opened_on\nA1,One,2020-05-01\nA2,Two,\n",
            "r.csv": "rep_id,left_on\nR1,2024-03-01\nR2,\n",
            "m.csv": "from_id,into_id,known_at\n",
        },
    )
    start = datetime(1900, 1, 1)
    assert loaded.rows("SELECT account_id, known_at FROM accounts ORDER BY 1") == [
        ("A1", datetime(2020, 5, 1)),
        ("A2", start),
    ]
    assert loaded.rows("SELECT rep_id, known_at FROM reps ORDER BY 1") == [
        ("R1", datetime(2024, 3, 1)),
        ("R2", start),
    ]
    assert loaded.sources.tables["account_merges"].rows == 0
    assert not any(table.is_event for table in loaded.sources.tables.values())


def test_a_query_maps_raw_inputs(load):
    loaded = load(
        "orders: {sql: q/orders.sql}\ncomplaints: {sql: q/complaints.sql}",
        {
            "raw/a.csv": "Invoice,Customer ID,When,Net\n1,A1,2024-01-05,10\nC2,A1,2024-01-07,-4\n",
            "raw/b.csv": "Net,When,Customer ID,Invoice\n5,2024-01-06,A2,3\n",
            "q/orders.sql": '-- goods\nSELECT "Customer ID" AS account_id, Invoice AS order_id, '
            "\"When\" AS occurred_at, Net AS amount FROM invoices WHERE Invoice NOT LIKE 'C%'; --",
            "q/complaints.sql": 'SELECT Invoice AS complaint_id, "Customer ID" AS account_id, '
            "\"When\" AS opened_at FROM invoices WHERE Invoice LIKE 'C%'",
        },
        inputs="{invoices: {path: raw/*.csv}}",
    )
    assert loaded.rows("SELECT order_id, amount_cents FROM orders ORDER BY 1") == [
        ("1", 1000),
        ("3", 500),
    ]
    assert loaded.rows("SELECT complaint_id, account_id FROM complaints") == [("C2", "A1")]
    files = [file.path for file in loaded.sources.tables["orders"].lineage]
    assert files == ["q/orders.sql", "raw/a.csv", "raw/b.csv"]
    assert not loaded.engine.has_table("invoices")


@pytest.mark.parametrize("place", ["parts", "parts/*.csv", "parts/part-?.csv"])
def test_a_folder_or_a_pattern_is_one_table(load, place):
    other = "amount,occurred_at,order_id,account_id\n7,2024-01-08,O3,A3\n"
    loaded = load(
        f'orders: {{path: "{place}"}}',
        {"parts/part-1.csv": ORDERS, "parts/part-2.csv": other, "parts/README": "no rows"},
    )
    assert loaded.rows("SELECT order_id, amount_cents FROM orders ORDER BY 1") == [
        ("O1", 1250),
        ("O2", -300),
        ("O3", 700),
    ]
    files = [file.path for file in loaded.sources.tables["orders"].lineage]
    assert files == ["parts/part-1.csv", "parts/part-2.csv"]


def test_what_a_writer_leaves_in_a_folder_is_not_read(load):
    leavings = {"parts/_SUCCESS.csv": "", "parts/.part-2.csv.crc": "x", "parts/.part-2.csv": "x"}
    loaded = load("orders: {path: parts}", {"parts/part-1.csv": ORDERS, **leavings})
    assert [f.path for f in loaded.sources.tables["orders"].lineage] == ["parts/part-1.csv"]


def test_bad_rows_are_set_aside_with_their_reasons(load):
    good = "".join(f"C{n},A1,2024-01-05,2024-01-06\n" for n in range(100))
    bad = ",A1,2024-01-05,\nB1,,2024-01-05,2024-01-04\nB2,A1,1899-01-01,\n"
    head = "complaint_id,account_id,opened_at,resolved_at\n"
    loaded = load(
        "complaints: {path: c.csv, complete_until: 2024-06-01}",
        {"c.csv": head + good + bad + "B3,A1,2024-06-02,\n"},
    )
    assert loaded.sources.tables["complaints"].quarantined == 4
    assert loaded.sources.tables["complaints"].rows == 100
    assert loaded.sources.tables["complaints"].complete_until == datetime(2024, 6, 1)
    assert loaded.rows("SELECT * FROM quarantine_complaints ORDER BY row") == [
        ("no complaint_id", "c.csv", 102, None, "A1", "2024-01-05", None),
        (
            "no account_id; resolved_at before opened_at",
            *("c.csv", 103, "B1", None, "2024-01-05", "2024-01-04"),
        ),
        (
            "opened_at before 1900-01-01 or after 2200-01-01",
            *("c.csv", 104, "B2", "A1", "1899-01-01", None),
        ),
        (
            "after complete_until, 2024-06-01 00:00:00",
            *("c.csv", 105, "B3", "A1", "2024-06-02", None),
        ),
    ]


def test_planned_orders_and_circular_merges_are_set_aside(load):
    planned = "".join(f"A,O{n},2024-01-05,2024-01-05,1\n" for n in range(40))
    planned = f"account_id,order_id,occurred_at,known_at,amount\n{planned}"
    merges = "from_id,into_id,known_at\n" + "".join(f"A{n},B,2024-01-05\n" for n in range(40))
    loaded = load(
        "orders: {path: o.csv, complete_until: 2024-02-01}\naccount_merges: {path: m.csv}",
        {
            "o.csv": planned + "A,O,2024-02-02,2024-01-05,1\nA,P,2024-02-01,2024-02-01,1\n",
            "m.csv": merges + "C,C,2024-01-05\nD,B,2300-01-01\n",
        },
    )
    assert loaded.rows("SELECT reason, order_id FROM quarantine_orders") == [
        ("after complete_until, 2024-02-01 00:00:00", "O")
    ]
    assert loaded.rows("SELECT reason, from_id FROM quarantine_account_merges") == [
        ("merged into itself", "C"),
        ("known_at before 1900-01-01 or after 2200-01-01", "D"),
    ]


def test_the_currency_is_the_config_s_or_the_orders_own(load):
    assert load("orders: {path: o.csv}", {"o.csv": ORDERS}).sources.currency is None
    loaded = load("orders: {path: o.csv}", {"o.csv": ORDERS}, currency="EUR")
    assert loaded.sources.currency == "EUR"
    text = "account_id,order_id,occurred_at,amount,currency\nA,O,2024-01-05,1,GBP\n"
    assert load("orders: {path: o.csv}", {"o.csv": text}).sources.currency == "GBP"


def test_a_file_that_changes_meanwhile_is_tried_again(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(ORDERS)
    config = project(tmp_path, "orders: {path: o.csv}\nreps: {path: r.csv}")
    (tmp_path / "r.csv").write_text("rep_id\nR1\n")

    def writer(step: str) -> None:
        if step == "reading reps":
            path.write_text(ORDERS + "A3,O3,2024-01-07,1\n")

    with (
        DuckDBEngine(readable_paths(config)) as engine,
        pytest.raises(TryAgain, match=r"o\.csv: changed while it was read"),
    ):
        load_sources(config, engine, progress=writer)


def test_readable_paths_spell_out_patterns_and_leave_out_what_is_not_there(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(ORDERS)
    config = project(
        tmp_path,
        'orders: {path: "*.csv"}\ntouches: {path: none.csv}',
        inputs="{raw: {path: a.csv}}",
    )
    assert readable_paths(config) == [tmp_path / "a.csv", tmp_path / "b.csv"]


@pytest.mark.real_data
@pytest.mark.skipif(
    "DEFECTION_DATA" not in os.environ, reason="DEFECTION_DATA does not say where the data are"
)
def test_the_published_invoices_give_the_reference_rows(load, monkeypatch):
    folder = Path(os.environ["DEFECTION_DATA"]).resolve()
    monkeypatch.setenv("DATA", str(folder / "online_retail_ii" / "online_retail_ii.parquet"))
    goods = "\"Customer ID\" IS NOT NULL AND regexp_matches(StockCode, '^\\d{5}')"
    loaded = load(
        "orders: {sql: orders.sql}\ncomplaints: {sql: complaints.sql}",
        {
            "orders.sql": 'SELECT "Customer ID" AS account_id, Invoice AS order_id, InvoiceDate AS '
            "occurred_at, Quantity * Price AS amount FROM invoices "
            f"WHERE {goods} AND Invoice NOT LIKE 'C%' AND Quantity > 0 AND Price > 0",
            "complaints.sql": 'SELECT DISTINCT Invoice AS complaint_id, "Customer ID" '
            "AS account_id, min(InvoiceDate) OVER (PARTITION BY Invoice) AS opened_at "
            "FROM invoices "
            f"WHERE {goods} AND Invoice LIKE 'C%' AND Quantity < 0",
        },
        inputs='{invoices: {path: "${DATA}"}}',
    )
    count = "SELECT count(*), count(DISTINCT account_id) FROM "
    assert loaded.rows(count + "orders") == [(788_187, 5_852)]
    assert loaded.rows(count + "complaints") == [(7_282, 2_444)]
    assert loaded.sources.tables["orders"].complete_until == datetime(2011, 12, 9, 12, 50)
    assert loaded.sources.lineage()["orders"][1]["path"] == "${DATA}"
