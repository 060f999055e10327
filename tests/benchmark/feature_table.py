"""Times the feature table, each measurement in a process of its own: `make bench`.

Prints a table, writes var/bench/feature_table.json and docs/benchmarks.md. Lines from BENCH_LINES,
a list of numbers of order lines (2000000,20000000 if absent); the pandas idiom has PANDAS_SECONDS.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from benchmark_page import page
from generated_events import AS_OFS, TABLES, make_events
from pandas_idiom import FEATURES, feature_table, read

from features.definition import DEFAULT_WINDOWS
from features.families import FAMILIES
from features.values import Value
from pipeline.config.form import EngineConfig
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.tables.cohort import make_active_cohort
from pipeline.tables.shards import split_into_shards
from pipeline.tables.values_table import make_values_table

FOLDER = Path("var/bench")
LINES = "2000000,20000000"
PANDAS_SECONDS = 900
MEMORY_LIMIT_GB = 7.0  # of the engine; the process needs about a gigabyte more
COHORT_DAYS = 180

# What the steps of a plan work on, by the first word of their names.
KINDS = {
    "account": "scans: rows with numbers for accounts and keys",
    "key": "scans: rows with numbers for accounts and keys",
    "scan": "scans: rows with numbers for accounts and keys",
    "cells": "rows summed by account and day",
    "sums": "counts and totals",
    "standing": "value tiers",
    "moments": "first and last moments",
    "days": "days with a row, and rows by product",
    "chains": "gaps and repurchases: neighbouring days",
    "unsettled": "gaps and repurchases: neighbouring days",
    "repurchases": "gaps and repurchases: neighbouring days",
    "order": "gaps and repurchases: neighbouring days",
    "touch": "gaps and repurchases: neighbouring days",
    "of": "medians and last gaps",
    "counts": "distinct orders, products, people",
    "distinct": "distinct orders, products, people",
    "ranges": "orders: their values",
    "largest": "orders: their values",
    "keys": "concentration over contacts and categories",
    "reduced": "concentration over contacts and categories",
    "per": "concentration over contacts and categories",
    "sightings": "arrivals and handovers",
    "moved": "arrivals and handovers",
    "contact": "arrivals and handovers",
    "rep": "arrivals and handovers",
    "waits": "waits by Kaplan and Meier",
    "last": "orders around complaints",
    "around": "orders around complaints",
    "wanted": "answers side by side",
    "joined": "answers side by side",
    "joining": "answers side by side",
    "cohort": "cohort",
    "split": "splitting the events by account",
    "comparing": "value tiers",
    "shard": "shards",
}


def values(names: set[str] | None = None) -> dict[str, Value]:
    """All features, or some of them, by name."""
    return {
        feature.name: feature.value
        for family in FAMILIES.values()
        for feature in family.features(DEFAULT_WINDOWS)
        if names is None or feature.name in names
    }


def measure_ours(
    events: Path, as_ofs: list[date], wanted: dict[str, Value], keep: str = "", shards: int = 1
) -> dict[str, Any]:
    """The table on our engine; the events are in the engine before the clock starts.

    shards: the parts; splitting the events is within the time.
    """
    marks: list[tuple[str, float]] = []
    limit = float(os.environ.get("BENCH_MEMORY_GB", MEMORY_LIMIT_GB))
    with DuckDBEngine([events], threads=2, memory_bytes=int(limit * 1e9)) as engine:
        for table in TABLES:
            engine.make(table, f"SELECT * FROM '{(events / table).resolve()}.parquet'")
        began = time.perf_counter()
        marks.append(("split", began))
        if shards > 1:
            engine.execute("ALTER TABLE orders ADD COLUMN line_id VARCHAR")  # part of their key
            split_into_shards(engine, EngineConfig(shards=shards, threads=2))
        marks.append(("cohort", time.perf_counter()))
        make_active_cohort(engine, "cohort", as_ofs, COHORT_DAYS)
        make_values_table(
            engine,
            "feature_table",
            wanted,
            as_ofs,
            rows="cohort",
            progress=lambda name: marks.append((name, time.perf_counter())),
        )
        ended = time.perf_counter()
        ((rows,),) = engine.rows("SELECT COUNT(*) FROM feature_table")
        if keep:
            engine.frame("SELECT * FROM feature_table").to_parquet(keep)
            engine.frame("SELECT * FROM cohort").to_parquet(keep + ".cohort")
    kinds: Counter[str] = Counter()
    ends = [*(at for _, at in marks[1:]), ended]
    for (name, at), end in zip(marks, ends, strict=True):
        kinds[KINDS.get(name.split("_")[0].split(" ")[0], name)] += end - at
    return {
        "seconds": ended - began,
        "rows": rows,
        "features": len(wanted),
        "snapshots": len(as_ofs),
        "groups": dict(kinds.most_common()),
        "dearest": sorted(
            ((end - at, name) for (name, at), end in zip(marks, ends, strict=True)), reverse=True
        )[:10],
    }


def measure_floor(events: Path) -> dict[str, Any]:
    """One scan of the order lines with a group-by, the median of five."""
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute(f"CREATE TABLE orders AS SELECT * FROM '{events}/orders.parquet'")
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        connection.execute(
            "SELECT account_id, COUNT(*), SUM(amount_cents) FROM orders GROUP BY ALL"
        ).fetchall()
        seconds.append(time.perf_counter() - began)
    return {"seconds": float(np.median(seconds))}


def measure_pandas(events: Path, ours: str) -> dict[str, Any]:
    """The pandas idiom on the same rows and features; its numbers must be ours."""
    tables = read(events)
    cohort = pd.read_parquet(ours + ".cohort")
    cohort["as_of"] = pd.to_datetime(cohort["as_of"]).dt.date
    began = time.perf_counter()
    answer = feature_table(tables, AS_OFS, cohort)
    seconds = time.perf_counter() - began
    frame = pd.read_parquet(ours)
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    same = frame.set_index(["account_id", "as_of"]).loc[answer.index, list(answer.columns)]
    np.testing.assert_allclose(answer.to_numpy(float), same.to_numpy(float), rtol=1e-9)
    return {"seconds": seconds, "rows": len(answer), "features": len(answer.columns)}


MEASUREMENTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "floor": measure_floor,
    "ours": lambda events: measure_ours(events, AS_OFS, values()),
    "in_8_shards": lambda events: measure_ours(events, AS_OFS, values(), shards=8),
    "one_snapshot": lambda events: measure_ours(events, AS_OFS[-1:], values()),
    "ours_on_pandas_features": lambda events: measure_ours(
        events, AS_OFS, values(set(FEATURES)), str(events / "ours.parquet")
    ),
    "pandas": lambda events: measure_pandas(events, str(events / "ours.parquet")),
}


def apart(measurement: str, lines: int) -> dict[str, Any]:
    """A measurement in a process of its own, with that process's peak memory."""
    limit = PANDAS_SECONDS if measurement == "pandas" else None
    command = [sys.executable, __file__, measurement, str(lines)]
    try:
        done = subprocess.run(command, timeout=limit, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return {"seconds": None, "limit": limit}
    if done.returncode:
        raise SystemExit(f"{measurement} at {lines:,} lines failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    """One measurement if named on the command line; else all, in turn."""
    if len(sys.argv) > 1:
        measurement, lines = sys.argv[1], int(sys.argv[2])
        answer = MEASUREMENTS[measurement](FOLDER / str(lines))
        answer["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(json.dumps(answer))
        return
    sizes = [int(text) for text in (os.environ.get("BENCH_LINES") or LINES).split(",")]
    result: dict[str, Any] = {
        "on": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, "
        f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1024**3:.0f} GiB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"DuckDB {duckdb.__version__}, pandas {pd.__version__}",
        "sizes": {},
    }
    for lines in sizes:
        print(f"{lines:,} order lines: making events", flush=True)
        make_events(FOLDER / str(lines), lines)
        measured: dict[str, Any] = {}
        for measurement in MEASUREMENTS:
            measured[measurement] = apart(measurement, lines)
            seconds = measured[measurement]["seconds"]
            said = f"{seconds:8.2f} s" if seconds is not None else "  not done"
            print(f"  {said}  {measurement}", flush=True)
        result["sizes"][str(lines)] = measured
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "feature_table.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    text = page(result)
    Path("docs/benchmarks.md").write_text(text, "utf-8")
    print(text)
    print(f"Written to {FOLDER / 'feature_table.json'} and docs/benchmarks.md")


if __name__ == "__main__":
    main()
