"""How long `score` takes, step by step: `make bench-scoring`.

A model learned from a small simulated market scores a large one of the same kind and date, with a
publication before to compare with, and one of a million accounts. Each measurement is a process of
its own, figures are medians. Writes docs/benchmarks-scoring.md and, with all runs,
var/bench/scoring.json. MARKETS=scored for the smaller one only.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Collection
from datetime import date
from pathlib import Path
from statistics import fmean
from typing import Any

import duckdb
import yaml
from clock import Clock, machine
from scoring_page import page

from pipeline.config import Config, load_config
from pipeline.console import Steps
from pipeline.market import simulate
from pipeline.scoring.score import requested, score
from pipeline.tracking.runs import open_tracking
from pipeline.training.train import train

FOLDER = Path("var/bench/scoring")
AS_OF, BEFORE, TRAINED = date(2026, 1, 1), date(2025, 12, 22), date(2025, 12, 1)
SEED = 7
LEARNED = (2_000, 40)  # accounts, months
SCORED = (60_000, 14)
COPIES = 20  # of each account of the scored market, each an account of its own
MILLION_MIB = 3_072  # that the engine may take for them
RUNS = {  # market, calls: how often
    ("scored", 200): 3,  # the default
    ("scored", 5_000): 3,  # many
    ("million", 5_000): 1,
}
COPIED_IDS = ("account_id", "order_id", "contact_id", "complaint_id")
QUIET = Steps(None)


def config_of(market: str, calls: int) -> Config:
    """The demo's config over a market, with one store of models."""
    content = yaml.safe_load(Path("configs/demo.yaml").read_text(encoding="utf-8"))
    content["sources"] = {name: {"path": f"{name}.parquet"} for name in content["sources"]}
    content["scoring"]["call_capacity"] = calls
    content["tracking"] = {"folder": "../mlflow", "experiment": "bench", "model_name": "bench"}
    content["output"] = f"../out_{market}_{calls}"
    if market == "learned":
        content["snapshots"]["last"] = TRAINED
    if market == "million":
        content["engine"] = {"memory_mib": MILLION_MIB}
    path = FOLDER / market / f"config_{calls}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


def prepared(wanted: Collection[str]) -> None:
    """Markets, kept where they are there already; a champion and the publications before, anew."""
    for name, (accounts, months), end in (("learned", LEARNED, TRAINED), ("scored", SCORED, AS_OF)):
        if not (FOLDER / name / "truth.parquet").exists():
            print(f"simulating {accounts:,} accounts", flush=True)
            simulate(FOLDER / name, accounts=accounts, months=months, seed=SEED, end=end)
    if "million" in wanted and not (FOLDER / "million").exists():
        print(f"copying each account {COPIES} times", flush=True)
        copy_accounts(FOLDER / "scored", FOLDER / "million")
    for stale in (FOLDER / "mlflow", *FOLDER.glob("out_*")):  # may be of other code
        shutil.rmtree(stale, ignore_errors=True)
    print("training", flush=True)
    config = config_of("learned", 200)
    train(config, QUIET, None)
    open_tracking(config).registry.promote("1", "a benchmark", "the first version", override=True)
    for market, calls in RUNS:
        if market not in wanted or market == "million":
            continue
        print(f"publishing the list before, {market}, {calls:,} calls", flush=True)
        score(config_of(market, calls), QUIET, BEFORE, accept="a market of another size")


def copy_accounts(market: Path, target: Path) -> None:
    """Write each source with `COPIES` accounts in the place of each; the reps stay who they are."""
    target.mkdir()
    with duckdb.connect() as connection:
        for name in ("orders", "touches", "complaints", "accounts"):
            rows = connection.read_parquet(str(market / f"{name}.parquet"))
            columns = [
                f"{column} || '-' || copy AS {column}" if column in COPIED_IDS else column
                for column in rows.columns
            ]
            copies = f"SELECT {', '.join(columns)} FROM rows, range({COPIES}) AS copies(copy)"
            connection.sql(copies).write_parquet(str(target / f"{name}.parquet"))
    shutil.copy(market / "reps.parquet", target)


def measure(market: str, calls: int) -> dict[str, Any]:
    """A market scored and published."""
    config, clock = config_of(market, calls), Clock()
    shutil.rmtree(config.output / "scores" / f"as_of={AS_OF}", ignore_errors=True)
    publication = score(config, clock, AS_OF, accept="a market of another size")
    steps = clock.lasted()
    features = len(requested(config, AS_OF, "champion").model.names)
    return {"steps": steps, "rows": publication.manifest["rows"], "features": features}


def apart(market: str, calls: int) -> dict[str, Any]:
    """A measurement in a process of its own, with its peak memory and the load before."""
    load = os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, __file__, market, str(calls)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{market}, {calls:,} calls, failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**answer, "load": load}


def main() -> None:
    """One measurement if named on the command line; else all, several times in turn."""
    if len(sys.argv) > 1:
        answer = measure(sys.argv[1], int(sys.argv[2]))
        answer["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(json.dumps(answer))
        return
    wanted = os.environ.get("MARKETS", "").split() or ["scored", "million"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    prepared(wanted)
    times = {pair: count for pair, count in RUNS.items() if pair[0] in wanted}
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {pair: [] for pair in times}
    for number in range(max(times.values())):
        for pair, found in runs.items():
            if number < times[pair]:
                found.append(apart(*pair))
                total = sum(step["seconds"] for step in found[-1]["steps"].values())
                print(f"{total:8.1f} s  {pair[0]}, {pair[1]:,} calls", flush=True)
    result = {
        "on": date.today().isoformat(),
        "machine": machine(),
        "load": fmean(run["load"] for found in runs.values() for run in found),
        "accounts": SCORED[0],
        "months": SCORED[1],
        "copies": COPIES,
        "million_mib": MILLION_MIB,
        "runs": [*runs.values()],
    }
    (FOLDER.parent / "scoring.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    text = page(result)
    print(text)
    if len(wanted) > 1:
        Path("docs/benchmarks-scoring.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
