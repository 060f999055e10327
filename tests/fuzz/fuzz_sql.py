"""`.sql` mappings: damaged queries, other statements, and those that reach out or never end."""

from __future__ import annotations

import re
from random import Random

import duckdb
from damage import VALUES, damaged, move
from fuzz_csv import ROWS
from fuzz_input import BAD_CONFIG, DATA, LIMITS, OK, FuzzInput
from small_files import CONFIG, as_csv, config, good_rows

from pipeline.sources.reading import MOST_NESTED, nesting

_GOOD = (
    "SELECT from_id, into_id, known_at FROM raw",
    "SELECT r.from_id, r.into_id, min(r.known_at) AS known_at FROM raw AS r GROUP BY ALL",
    "WITH kept AS (SELECT * FROM raw WHERE from_id <> '') SELECT from_id, into_id, "
    "CAST(known_at AS TIMESTAMP) AS known_at, false AS deleted FROM kept ORDER BY 1 LIMIT 5",
    "SELECT from_id, into_id, known_at FROM raw UNION ALL SELECT 'X' || from_id, into_id, known_at "
    "FROM raw -- twice",
    "FROM raw SELECT from_id, 'Z' AS into_id, DATE '2024-01-05' AS known_at",
)
_REACHING = (
    *("read_csv('{}')", "read_text('{}')", "read_blob('{}')", "glob('{}*')", "read_parquet('{}')"),
    *("'{}'", "read_json('{}')", "read_ndjson_objects('{}')", "sniff_csv('{}')", "duckdb_logs()"),
    *("sqlite_scan('{}', 't')", "parquet_metadata('{}')", "query('FROM read_text(''{}'')')"),
    *("query_table('raw')", "duckdb_settings()", "duckdb_secrets()", "pragma_version()"),
    *("which_secret('{}', 's3')", "read_csv('http://127.0.0.1:9/x.csv')", "read_duckdb('{}')"),
)
_OUTSIDE = (
    "/etc/hostname",
    "/proc/self/environ",
    "../secret.txt",
    "s3://b/k",
    "config.yaml",
    "~/x",
)
_STATEMENTS = (
    *("ATTACH '/tmp/x.db'", "COPY raw TO 'x.csv'", "INSTALL httpfs", "LOAD httpfs", "PRAGMA x"),
    *(
        "SET threads = 9",
        "SET enable_external_access = true",
        "RESET ALL",
        "DROP VIEW raw",
        "CALL x()",
    ),
    *("CREATE TABLE t AS SELECT 1", "INSERT INTO raw VALUES (1)", "DELETE FROM raw", "VACUUM"),
    *("EXPORT DATABASE 'x'", "IMPORT DATABASE 'x'", "USE memory", "DETACH memory", "CHECKPOINT"),
    *("BEGIN TRANSACTION", "EXPLAIN SELECT 1", "DESCRIBE raw", "SHOW TABLES", "SUMMARIZE raw"),
    *("PREPARE p AS SELECT 1", "EXECUTE p", "CREATE MACRO m() AS 1", "VALUES (1)", "TABLE raw"),
    *("PIVOT raw ON from_id USING count(*)", "UPDATE raw SET from_id = 1", "SELECT 1; SELECT 2"),
    *("CREATE SECRET s (TYPE s3)", "SET VARIABLE v = 1", "COMMENT ON VIEW raw IS 'x'", ";", "--"),
)
_VALUES = (
    *("getenv('HOME')", "getvariable('v')", "current_setting('temp_directory')", "random()"),
    *("error('no')", "from_id::INTEGER", "1 / 0", "[from_id]", "{'a': from_id}", "NULL", "raw"),
    *("(SELECT from_id FROM raw)", "count(*)", "row_number() OVER ()", "unnest([1, 2])", "$1", "?"),
    *("INTERVAL 1 DAY", "'a'::BLOB", "uuid()", "now()", "MAP {'a': 1}", "TIME '10:00'", "1e308"),
    *("10::HUGEINT ** 30", "from_id[1:-1]", "TIMESTAMPTZ '2024-01-05'", "'x' COLLATE nocase", "*"),
    *("x -> x", "COLUMNS(*)", "repeat('x', 2000)", "chr(0)", "chr(7)", "'infinity'::TIMESTAMP"),
)
_ENDLESS = (
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t) SELECT i AS from_id, "
    "i AS into_id, DATE '2024-01-05' AS known_at FROM t",
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i FROM t) SELECT count(*) AS from_id, "
    "'x' AS into_id, DATE '2024-01-05' AS known_at FROM t",
    "SELECT a.range AS from_id, b.range AS into_id, DATE '2024-01-05' AS known_at "
    "FROM range(1000000) AS a, range(1000000) AS b",
    "SELECT count(*) AS from_id, 'x' AS into_id, DATE '2024-01-05' AS known_at "
    "FROM range(1000000000) AS a, range(1000000000) AS b WHERE a.range * b.range = 7",
    "SELECT 1 AS from_id, sum(sin(range)) AS into_id, DATE '2024-01-05' AS known_at "
    "FROM range(1000000000000)",
)
_TOKENS = (
    *_VALUES,
    *_STATEMENTS,
    *VALUES,
    "FROM",
    "SELECT",
    "WHERE",
    "(",
    ")",
    ",",
    ";",
    "--",
    "/*",
)


def draw(random: Random) -> FuzzInput:
    """One mapping over one small input."""
    chance = random.random()
    if chance < 0.015:
        family, text = "sql endless", random.choice(_ENDLESS)
    elif chance < 0.15:
        family, text = "sql reaching", _reaching(random)
    else:
        family, text = "sql", _changed(random)
    content = text.encode(errors="replace")
    if random.random() < 0.05:
        content = damaged(random, content)
    sections = {"inputs": {"raw": {"path": "raw.csv"}}, "engine": LIMITS}
    files = {
        CONFIG: config({"account_merges": {"sql": "merges.sql"}}, **sections),
        "merges.sql": content,
        "raw.csv": as_csv(good_rows("account_merges", ROWS)),
    }
    codes = _codes(content)
    if family != "sql" and content == text.encode() and "query_table" not in text:
        codes -= {OK}  # nothing but the inputs is read, and nothing takes for ever
    return FuzzInput(family, files, codes)


def _codes(content: bytes) -> frozenset[int]:
    """78 for whatever is no single query, 65 for what cannot be parsed."""
    try:
        text = content.decode()
        if nesting(text) > MOST_NESTED:
            return frozenset({DATA})
        statements = duckdb.extract_statements(text)
    except (UnicodeDecodeError, duckdb.Error):
        return frozenset({DATA})
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        return frozenset({BAD_CONFIG})
    return frozenset({OK, DATA})


def _reaching(random: Random) -> str:
    source = random.choice(_REACHING).replace("{}", random.choice(_OUTSIDE))
    query = random.choice(_GOOD)
    if random.random() < 0.5:
        return query.replace("raw", source)
    return f"SELECT * FROM {source}"


def _changed(random: Random) -> str:
    text = random.choice(_GOOD)
    for _ in range(random.choice((1, 1, 2, 3))):
        text = _token(random, text)
    return text


def _token(random: Random, text: str) -> str:
    parts = re.findall(r"\w+|\s+|.", text, re.DOTALL) or [""]
    at = random.randrange(len(parts))
    match random.randrange(12):
        case 0 | 1 | 2 as how:
            move(random, parts, at, how)
        case 3 | 4:
            parts[at] = random.choice(_TOKENS)
        case 5 | 6:
            return text.replace("from_id", random.choice(_VALUES) + " AS from_id", 1)
        case 7:
            return random.choice(_STATEMENTS)
        case 8:
            return f"{text}; {random.choice(_STATEMENTS)}"
        case 9:
            deep = random.choice((2, 100, 900, 3000))
            return f"SELECT * FROM {'(SELECT * FROM ' * deep}({text}){')' * deep}"
        case 10:
            opening, closing = random.choice((("(", ")"), ("[", "]"), ("NOT ", ""), ("- ", "")))
            deep = random.choice((10, 400, 3000, 20_000))
            parts[at] = opening * deep + "1" + closing * deep
        case 11:
            parts[at] = f"{parts[at]} AS {random.choice(VALUES)}"
    return "".join(parts)
