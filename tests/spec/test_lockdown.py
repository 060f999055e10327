"""A `.sql` mapping is somebody else's text: what it cannot reach, tried.

It can read the config's inputs by their names. Files beside them, the environment, the network,
extensions and settings are out of reach, and nothing can be written.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from pipeline.config import Config, load_config
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.errors import ConfigError, DataError
from pipeline.sources import load_sources, readable_paths

CANARY = "sings only outside"
READ = "'A' AS account_id, 'O' AS order_id, DATE '2024-01-05' AS occurred_at, 1 AS amount"
REFUSED = (ConfigError, DataError)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config over one input and a mapping; beside them a file that is not in the config."""
    (tmp_path / "raw.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text(f"account_id\n{CANARY}\n")
    (tmp_path / "config.yaml").write_text(
        "name: small\nsnapshots: {first: 2024-02-01, last: 2024-06-01}\n"
        "inputs: {raw: {path: raw.csv}}\nsources: {orders: {sql: orders.sql}}\n"
    )
    return tmp_path


def loaded(project: Path, mapping: str) -> list[tuple[object, ...]]:
    """The account ids that a mapping gives; ABOVE in it leads out of the private folder."""
    config: Config = load_config(project / "config.yaml")
    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        above = "../" * len(engine.folder.parts) + str(project).lstrip("/")
        text = mapping.replace("ABOVE", f"{engine.folder}/{above}")
        (project / "orders.sql").write_text(text)
        load_sources(config, engine)
        return engine.rows("SELECT account_id FROM orders")


def test_a_mapping_reads_the_inputs_by_their_names(project: Path) -> None:
    assert loaded(project, f"SELECT {READ} FROM raw") == [("A",)]


@pytest.mark.parametrize(
    "source",
    [
        "read_csv('{secret}')",
        "read_text('{secret}')",
        "read_blob('{secret}')",
        "read_parquet('{secret}')",
        "read_json('{secret}')",
        "sniff_csv('{secret}')",
        "'{secret}'",
        "glob('{folder}/*')",
        "read_text('{folder}/../{name}/secret.csv')",
        "read_text('file://{secret}')",
        "read_text('ABOVE/secret.csv')",
        "read_text('/proc/self/environ')",
        "read_text('/proc/self/cwd/config.yaml')",
        "read_csv('/dev/stdin')",
        "parquet_metadata('{secret}')",
        "query('SELECT * FROM read_text(''{secret}'')')",
    ],
)
def test_a_mapping_reads_no_other_file(project: Path, source: str) -> None:
    secret = project / "secret.csv"
    place = source.format(secret=secret, folder=project, name=project.name)
    with pytest.raises(REFUSED) as refused:
        loaded(project, f"SELECT {READ} FROM {place}")
    assert CANARY not in str(refused.value)


def test_the_engine_itself_writes_nothing_outside_its_private_folder(project: Path) -> None:
    with DuckDBEngine(threads=1) as engine:
        with pytest.raises(QueryError, match=r"(?i)permission"):
            engine.execute(f"COPY (SELECT 1) TO {literal(str(project / 'made.csv'))}")
        with pytest.raises(QueryError, match=r"(?i)permission"):
            engine.execute(f"ATTACH {literal(str(project / 'made.db'))}")
    assert not [*project.glob("made*")]


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT {} FROM read_csv('RAW')", "read_csv()"),
        ("SELECT {} FROM 'RAW'", "unknown input"),
        ("SELECT {} FROM read_blob('FOLDER/*')", "read_blob()"),
        ("SELECT {} FROM duckdb_settings()", "duckdb_settings()"),
        ("SELECT {} FROM duckdb_settings", "unknown input 'duckdb_settings'"),
        ("SELECT {} FROM duckdb_views()", "duckdb_views()"),
        ("SELECT {} FROM information_schema.tables", "unknown input 'information_schema.tables'"),
        ("SELECT {} FROM pg_catalog.pg_views", "unknown input 'pg_catalog.pg_views'"),
        ("SELECT {} FROM sqlite_master", "unknown input 'sqlite_master'"),
        ("SELECT {} FROM (SHOW ALL TABLES)", "what the engine holds"),
        ("SELECT {} FROM query_table('accounts')", "query_table()"),
        ("SELECT {} FROM query('FROM accounts')", "query()"),
        ("SELECT {} FROM accounts", "unknown input 'accounts'"),
        ("SELECT {} FROM main.accounts", "unknown input 'main.accounts'"),
        ("SELECT {} FROM memory.main.accounts", "unknown input 'memory.main.accounts'"),
        ("SELECT {} FROM raw WHERE a IN (SELECT name FROM accounts)", "'accounts'"),
        ("SELECT {}, (SELECT max(name) FROM accounts) FROM raw", "'accounts'"),
        ("WITH accounts AS (SELECT * FROM accounts) SELECT {} FROM accounts", "'accounts'"),
        ("WITH RECURSIVE accounts AS (FROM accounts UNION FROM accounts) SELECT {}", "'accounts'"),
        ("SELECT {} FROM (WITH accounts AS (SELECT 1) FROM accounts), accounts", "'accounts'"),
        ("SELECT {} FROM raw UNION ALL BY NAME SELECT name FROM accounts", "'accounts'"),
        ("SELECT {} FROM raw, LATERAL (SELECT name FROM accounts)", "'accounts'"),
        ("SELECT {} FROM config", "unknown input 'config'"),  # a variable of Python
        ("SELECT {}, pg_get_viewdef(0) FROM raw", "pg_get_viewdef()"),
        ("SELECT {}, get_block_size('memory') FROM raw", "get_block_size()"),
        ("SELECT {}, current_setting('temp_directory') FROM raw", "current_setting()"),
    ],
)
def test_fault_65_a_mapping_reads_nothing_that_the_engine_holds_but_inputs(
    project: Path, query: str, what: str
) -> None:
    (project / "accounts.csv").write_text(f"account_id,name\nA,{CANARY}\n")
    text = (project / "config.yaml").read_text()
    sources = "sources: {accounts: {path: accounts.csv}, "
    (project / "config.yaml").write_text(text.replace("sources: {", sources))
    query = query.replace("RAW", str(project / "raw.csv")).replace("{}", READ)
    with pytest.raises(DataError) as refused:
        loaded(project, query.replace("FOLDER", "ABOVE"))
    assert what in str(refused.value)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT {} FROM raw WHERE a IN (SELECT a FROM RAW)",
        "WITH first AS (SELECT a FROM raw), second AS (FROM first) SELECT {} FROM Second AS s",
        "WITH raw AS (SELECT a FROM raw) SELECT {} FROM raw",
        "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t WHERE i < 3) "
        "SELECT {} FROM t WHERE i = 1",
        "SELECT {} FROM range(1), unnest([1]), (VALUES (1)) AS v(x), LATERAL (SELECT x)",
        "SELECT {} FROM raw PIVOT (count(*) FOR a IN ('1'))",
        "SELECT {} FROM raw USING SAMPLE reservoir(5 ROWS) REPEATABLE (3)",
        "SELECT {}, age(DATE '2024-01-02', DATE '2024-01-01'), list_sum([1]), a AS current_date "
        "FROM raw QUALIFY row_number() OVER (ORDER BY a) = 1",
        "SELECT {}, CASE WHEN a = '2' THEN error('no') END, [x + 1 FOR x IN [1]] FROM raw",
    ],
)
def test_fault_65_a_mapping_may_be_any_query_over_its_inputs(project: Path, query: str) -> None:
    assert loaded(project, query.replace("{}", READ)) == [("A",)]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("now()", "now()"),
        ("random()", "random()"),
        ("uuid()", "uuid()"),
        ("today()", "today()"),
        ("CURRENT_DATE", "current_date"),
        ("current_timestamp", "current_timestamp"),
        ("localtime", "localtime"),
        ("current_localtimestamp()", "current_localtimestamp()"),
        ("age(DATE '2024-01-01')", "age()"),
        ("ago(INTERVAL 1 DAY)", "ago()"),
        ("list_transform([1], lambda x: x + random())", "random()"),
        ("nextval('s')", "nextval()"),
        ("(SELECT reservoir_quantile(a, 0.5) FROM raw)", "reservoir_quantile()"),
        ("(SELECT max(a) FROM raw USING SAMPLE 3 ROWS)", "sample"),
    ],
)
def test_fault_66_a_mapping_gives_the_same_from_run_to_run(
    project: Path, call: str, named: str
) -> None:
    with pytest.raises(DataError, match="depends on more than its inputs") as refused:
        loaded(project, f"SELECT {READ}, {call} AS x FROM raw")
    assert named in str(refused.value)


@pytest.mark.parametrize("address", ["http://{server}/x.csv", "s3://{server}/x.csv"])
def test_a_mapping_asks_nobody_on_the_network(project: Path, address: str) -> None:
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        place = address.format(server=f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(REFUSED):
            loaded(project, f"SELECT {READ} FROM read_csv('{place}')")
        try:
            server.accept()
            asked.set()
        except TimeoutError:
            pass
    assert not asked.is_set()


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH '{folder}/made.db'",
        "COPY (SELECT 1) TO '{folder}/made.csv'",
        "EXPORT DATABASE '{folder}/made'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA disable_profiling",
        "CREATE SECRET s (TYPE s3)",
        "CALL pragma_version()",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE orders",
        "",
    ],
)
def test_a_mapping_is_one_query_and_no_other_statement(project: Path, statement: str) -> None:
    with pytest.raises(ConfigError, match="should be one SELECT and nothing else"):
        loaded(project, statement.format(folder=project))
    assert not [*project.glob("made*")]


@pytest.mark.parametrize("expression", ["getenv('CANARY')", "current_setting('secret_directory')"])
def test_a_mapping_learns_nothing_of_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch, expression: str
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    try:
        rows = loaded(project, f"SELECT {READ.replace(repr('A'), expression)}")
    except REFUSED as refused:
        assert CANARY not in str(refused)
    else:
        assert CANARY not in str(rows)


def test_settings_cannot_be_changed_back() -> None:
    with DuckDBEngine(threads=1) as engine:
        for statement in (
            "SET enable_external_access = true",
            "SET allowed_directories = ['/']",
            "SET memory_limit = '1TB'",
            "SET autoload_known_extensions = true",
            "RESET temp_directory",
        ):
            with pytest.raises(QueryError, match=r"(?i)locked|cannot"):
                engine.execute(statement)
