"""Tables of an engine, and beside them: other names, the same limits."""

from __future__ import annotations

import pytest

from pipeline.engines.duckdb import DuckDBEngine, QueryError

USED = "SELECT SUM(memory_usage_bytes) FROM duckdb_memory()"
SETTINGS = "SELECT name, value FROM duckdb_settings() WHERE name <> 'search_path' ORDER BY name"


@pytest.fixture
def engine():
    with DuckDBEngine(threads=1, memory_bytes=2**28) as engine:
        engine.make("orders", "SELECT 1 AS amount")
        engine.make("reps", "SELECT 7 AS rep")
        yield engine


def test_a_table_is_made_by_all_its_queries_or_stays_as_it_was(engine) -> None:
    engine.make("orders", "SELECT 2 AS amount", "SELECT 3")
    assert sorted(engine.rows("FROM orders")) == [(2,), (3,)]
    with pytest.raises(QueryError, match="nothing_there"):
        engine.make("orders", "SELECT 4 AS amount", "FROM nothing_there")
    assert sorted(engine.rows("FROM orders")) == [(2,), (3,)]


def test_tables_of_the_same_name_stay_apart(engine) -> None:
    with engine.beside() as beside:
        assert not beside.has_table("orders")
        with pytest.raises(QueryError, match="reps"):  # never the engine's own by mistake
            beside.rows("SELECT * FROM reps")
        beside.make("orders", f"SELECT amount + 1 FROM {beside.beyond('orders')}")
        assert beside.rows("FROM orders") == [(2,)]
        assert engine.rows("FROM orders") == [(1,)]
        assert not beside.has_table("reps") and engine.has_table("reps")
    with engine.beside() as again:
        assert not again.has_table("orders")
    assert engine.rows("FROM orders") == [(1,)]


def test_both_live_within_one_limit_and_the_same_settings(engine) -> None:
    with engine.beside() as beside:
        assert beside.rows(SETTINGS) == engine.rows(SETTINGS)
        ((before,),) = engine.rows(USED)
        beside.make("numbers", "SELECT range AS number FROM range(1000000)")
        ((after,),) = engine.rows(USED)
        assert after > before
        for setting in ("memory_limit = '1TB'", "enable_external_access = true"):
            with pytest.raises(QueryError):
                beside.execute(f"SET {setting}")
