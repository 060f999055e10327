"""Times the feature table, each measurement in a process of its own: `make bench`.

Prints a table, writes var/bench/feature_table.json and docs/benchmarks.md. Lines from BENCH_LINES,
a list of numbers of order lines (LINES if absent); the pandas idiom has PANDAS_SECONDS. What cannot
hold all rows in memory stops at MOST_IN_ONE_PIECE.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from benchmark_page import SHARDS, page
from generated_events import TABLES, make_events, snapshots
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
LINES = "2000000,20000000,100000000"
MOST_IN_ONE_PIECE = 20_000_000
PANDAS_SECONDS = 900
COHORT_DAYS = 180
LOOK_SECONDS = 0.2

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
    "reading": "reading the files",
}


def values(names: set[str] | None = None) -> dict[str, Value]:
    """All features, or some of them, by name."""
    return {
        feature.name: feature.value
        for family in FAMILIES.values()
        for feature in family.features(DEFAULT_WINDOWS)
        if names is None or feature.name in names
    }


def memory_gb(lines: int, shards: int) -> float:
    """What the engine may take; the process needs up to a gigabyte more."""
    if shards == 1:
        return 7.0
    return 3.0 if lines <= MOST_IN_ONE_PIECE else 6.0


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """The bytes in a folder, looked at again and again during the block."""
    seen, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            sizes = 0
            for path in folder.rglob("*"):
                with suppress(OSError):  # gone since
                    sizes += path.lstat().st_size if path.is_file() else 0
            seen.append(sizes)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def measure_ours(
    lines: int,
    wanted: dict[str, Value],
    *,
    as_ofs: list[date] | None = None,
    keep: bool = False,
    shards: int = 1,
) -> dict[str, Any]:
    """The table on our engine, from opening the files; shards: the parts."""
    events, as_ofs = folder_of(lines), as_ofs or snapshots(lines)
    marks: list[tuple[str, float]] = []
    spill, limit = (FOLDER / "spill").resolve(), int(memory_gb(lines, shards) * 1e9)
    spill.mkdir(exist_ok=True)
    began = time.perf_counter()
    with (
        DuckDBEngine([events], threads=2, memory_bytes=limit, spill_folder=spill) as engine,
        watched(engine.folder) as on_disk,
    ):
        marks.append(("reading", began))
        for table in TABLES:
            engine.make(table, f"SELECT * FROM '{(events / table).resolve()}.parquet'")
        if shards > 1:
            marks.append(("split", time.perf_counter()))
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
        columns = ", ".join(["account_id", "as_of", *sorted(wanted)])
        ((rows, bits),) = engine.rows(
            f"SELECT COUNT(*), BIT_XOR(HASH(one)) FROM (SELECT {columns} FROM feature_table) AS one"
        )
        if keep:
            engine.frame("SELECT * FROM feature_table").to_parquet(events / "ours.parquet")
            engine.frame("SELECT * FROM cohort").to_parquet(events / "cohort.parquet")
    kinds: Counter[str] = Counter()
    ends = [*(at for _, at in marks[1:]), ended]
    for (name, at), end in zip(marks, ends, strict=True):
        kinds[KINDS.get(name.split("_")[0].split(" ")[0], name)] += end - at
    return {
        "seconds": ended - began,
        "rows": rows,
        "hash": str(bits),
        "features": len(wanted),
        "snapshots": len(as_ofs),
        "disk_gb": max(on_disk) / 1e9,
        "groups": dict(kinds.most_common()),
    }


def measure_floor(lines: int) -> dict[str, Any]:
    """Reading the order lines, and one group-by."""
    began = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(
            "SELECT account_id, COUNT(*), SUM(amount_cents) "
            f"FROM '{folder_of(lines)}/orders.parquet' GROUP BY ALL"
        ).fetchall()
    return {"seconds": time.perf_counter() - began}


def measure_pandas(lines: int) -> dict[str, Any]:
    """The pandas idiom on the same files and features; its numbers must be ours."""
    events = folder_of(lines)
    cohort = pd.read_parquet(events / "cohort.parquet")
    cohort["as_of"] = pd.to_datetime(cohort["as_of"]).dt.date
    began = time.perf_counter()
    answer = feature_table(read(events), snapshots(lines), cohort)
    seconds = time.perf_counter() - began
    frame = pd.read_parquet(events / "ours.parquet")
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    same = frame.set_index(["account_id", "as_of"]).loc[answer.index, list(answer.columns)]
    np.testing.assert_allclose(answer.to_numpy(float), same.to_numpy(float), rtol=1e-9)
    return {
        "seconds": seconds,
        "rows": len(answer),
        "features": len(answer.columns),
        "snapshots": len(snapshots(lines)),
    }


MEASUREMENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "floor": measure_floor,
    "in_shards": lambda lines: measure_ours(lines, values(), shards=SHARDS),
    "ours": lambda lines: measure_ours(lines, values()),
    "one_snapshot": lambda lines: measure_ours(lines, values(), as_ofs=snapshots(lines)[-1:]),
    "ours_on_pandas_features": lambda lines: measure_ours(lines, values(set(FEATURES)), keep=True),
    "pandas": measure_pandas,
}
ANY_SIZE = ("floor", "in_shards")


def folder_of(lines: int) -> Path:
    """Where the events of a size are."""
    return FOLDER / str(lines)


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


def measured(lines: int) -> dict[str, Any]:
    """All measurements of a size, each said on the way."""
    found: dict[str, Any] = {}
    for name in MEASUREMENTS:
        if name in ANY_SIZE or lines <= MOST_IN_ONE_PIECE:
            one = found[name] = apart(name, lines) | {"load": os.getloadavg()[0]}
            said = "  not done" if one["seconds"] is None else f"{one['seconds']:8.2f} s"
            print(f"  {said}  {name}", flush=True)
    if "ours" in found and found["ours"]["hash"] != found["in_shards"]["hash"]:
        raise SystemExit(f"{lines:,} lines: the table of {SHARDS} shards is another one")
    return found


def main() -> None:
    """One measurement if named on the command line; else all, in turn."""
    if len(sys.argv) > 1:
        measurement, lines = sys.argv[1], int(sys.argv[2])
        answer = MEASUREMENTS[measurement](lines)
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
        make_events(folder_of(lines), lines)
        result["sizes"][str(lines)] = measured(lines)
    shutil.rmtree(FOLDER / "spill", ignore_errors=True)
    (FOLDER / "feature_table.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    text = page(result)
    Path("docs/benchmarks.md").write_text(text, "utf-8")
    print(text)
    print(f"Written to {FOLDER / 'feature_table.json'} and docs/benchmarks.md")


if __name__ == "__main__":
    main()
