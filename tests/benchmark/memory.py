"""How much memory commands take: `make bench-memory`.

An input ten times as large as the limit that the config sets, and the demo. What counts is the
memory of a command with all processes that it starts, shared pages counted once (PSS), looked at
twenty times a second. Writes docs/benchmarks-memory.md. Linux only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

FOLDER = Path("var/bench/memory")
PAGE = Path("docs/benchmarks-memory.md")
LIMIT_MIB, TIMES = 256, 10
LINES_PER_GIB = 14_000_000  # of the order lines below, as text
LOOK_SECONDS = 0.05
DEFECTION = Path(sys.executable).with_name("defection")
SETTING = "engine.memory_mib"

LINES = """
    SELECT 'A' || lpad(CAST(hash(n * 7) % 20000 AS VARCHAR), 6, '0') AS account_id,
        'O' || n // 3 AS order_id, n % 3 + 1 AS line_id,
        TIMESTAMP '2024-01-01' + INTERVAL (hash(n // 3) % 63072000) SECOND AS occurred_at,
        round(hash(n * 3) % 100000 / 100, 2) AS amount, 1 + n % 9 AS quantity,
        'product ' || hash(n) % 5000 AS product_id, 'category ' || hash(n * 11) % 40 AS category,
        'EUR' AS currency
    FROM range({lines}) AS lines(n)
"""
CONFIG = f"""
name: large
sources: {{orders: {{path: orders.csv}}}}
snapshots: {{first: 2025-03-01, last: 2025-09-01, every: month}}
backtest: {{last: 2}}
engine: {{memory_mib: {LIMIT_MIB}}}
tracking: {{folder: mlflow}}
output: out
"""


@dataclass(frozen=True)
class Measured:
    """How a command ended, and the most memory that it held, in MiB."""

    command: str
    code: int
    said: str
    mib: float
    seconds: float


def main() -> int:
    """Measure, and write the page; 1 where a command ended as none may."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    orders = FOLDER / "orders.csv"
    _write_lines(orders)
    (FOLDER / "large.yaml").write_text(CONFIG, encoding="utf-8")
    large = orders.stat().st_size / 2**20
    print(f"{large:,.0f} MiB of order lines, a limit of {LIMIT_MIB} MiB", flush=True)
    found = []
    for command in (["validate"], ["features", "--as-of", "2025-12-31"], ["train"]):
        found.append(_measured([str(DEFECTION), *command, "--config", "large.yaml"], FOLDER, {}))
        print(_line(found[-1]), flush=True)
    demo = FOLDER / "demo"
    shutil.copytree("configs", demo / "configs")
    size = {"CONFIG": "configs/demo.yaml", "AS_OF": "", "ACCOUNTS": "2000", "MONTHS": "30"}
    tour = _measured([sys.executable, "-m", "pipeline.tour", "--simulate"], demo, size)
    print(_line(tour), flush=True)
    PAGE.write_text("\n".join(_page(large, found, tour)) + "\n", encoding="utf-8")
    shutil.rmtree(FOLDER)
    refused = [m for m in found if m.code and (m.code != 78 or SETTING not in m.said)]
    return int(bool(refused or tour.code))


def _write_lines(path: Path) -> None:
    lines = int(LIMIT_MIB * TIMES / 1024 * LINES_PER_GIB)
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '2GB'")
        connection.execute(f"COPY ({LINES.format(lines=lines)}) TO '{path}' (HEADER)")


def _measured(command: list[str], folder: Path, variables: Mapping[str, str]) -> Measured:
    began, most = time.monotonic(), 0.0
    log = folder / "measured.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            most = max(most, sum(_pss(pid) for pid in _tree(process.pid)))
            time.sleep(LOOK_SECONDS)
    name = " ".join(part for part in command if not part.startswith("/"))
    seconds = time.monotonic() - began
    return Measured(name, process.returncode, log.read_text(), most / 1024, seconds)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return
    for child in children:
        yield from _tree(int(child))


def _pss(pid: int) -> int:
    """KiB of a process, pages that it shares divided among those who share them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _line(found: Measured) -> str:
    ended = "done" if found.code == 0 else f"refused ({found.code}), `{SETTING}` named"
    if found.code not in (0, 78) or (found.code == 78 and SETTING not in found.said):
        ended = f"WRONG: {found.code}"
    return f"| {found.command} | {ended} | {found.mib:,.0f} MiB | {found.seconds:,.0f} s |"


def _page(large: float, found: list[Measured], tour: Measured) -> Iterator[str]:
    yield "# How much memory commands take"
    yield ""
    yield "Written by `make bench-memory`: the figures of the last run, not promises. The most that"
    yield "a command held with all its processes (PSS). The machine did other work beside."
    yield ""
    yield f"{date.today()}."
    yield ""
    yield f"## An input of {large:,.0f} MiB under `engine.memory_mib: {LIMIT_MIB}`"
    yield ""
    yield "Order lines as CSV. The limit is the engine's; the program around it takes the rest."
    yield ""
    yield from ("| command | ended | most memory | took |", "|---|---|---:|---:|")
    yield from map(_line, found)
    yield ""
    yield "## The demo"
    yield ""
    yield "2,000 accounts over 30 months: simulate, validate, train, review, promote, score."
    yield ""
    yield from ("| command | ended | most memory | took |", "|---|---|---:|---:|")
    yield _line(tour)


if __name__ == "__main__":
    sys.exit(main())
