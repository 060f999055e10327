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
