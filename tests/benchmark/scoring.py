"""How long `score` takes, step by step: `make bench-scoring`.

A model learned from a small simulated market scores a large one of the same kind and date, with a
publication before to compare with; and one million rows. Each measurement is a process of its own,
figures are medians. Writes docs/benchmarks-scoring.md and, with all runs, var/bench/scoring.json.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
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
AS_OF, BEFORE = date(2026, 1, 1), date(2025, 12, 22)
LEARNED = {"accounts": 2_000, "months": 30, "seed": 7}
SCORED = {"accounts": 60_000, "months": 14, "seed": 7}  # of whom some 50,000 are in the cohort
CALLS = (200, 5_000)  # the default, and many
ROWS = 1_000_000
RUNS = 3
QUIET = Steps(None)


def config_of(market: Path, calls: int = CALLS[0]) -> Config:
    """The demo's config over a market, with one store of models."""
    content = yaml.safe_load(Path("configs/demo.yaml").read_text(encoding="utf-8"))
    content["sources"] = {name: {"path": f"{name}.parquet"} for name in content["sources"]}
    content["scoring"]["call_capacity"] = calls
    content["tracking"] = {"folder": "../mlflow", "experiment": "bench", "model_name": "bench"}
    content["output"] = f"../out_{calls}"
    path = market / f"config_{calls}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


def prepared() -> None:
    """Markets, a champion, and the publications before; what is there already is kept."""
    markets = {name: FOLDER / name for name in ("learned", "scored")}
    for name, asked in (("learned", LEARNED), ("scored", SCORED)):
        if not (markets[name] / "truth.parquet").exists():
            print(f"simulating {asked['accounts']:,} accounts", flush=True)
            simulate(markets[name], **asked, end=AS_OF)
    if not (FOLDER / "mlflow").exists():
        print("training", flush=True)
        config = config_of(markets["learned"])
        train(config, QUIET, None)
        open_tracking(config).registry.promote(
            "1", "a benchmark", "the first version", override=True
        )
    for calls in CALLS:
        config = config_of(markets["scored"], calls)
        if not (config.output / "scores" / f"as_of={BEFORE}").exists():
            print(f"publishing the list before, {calls:,} calls", flush=True)
            score(config, QUIET, BEFORE, accept="a market of another size")


def measure_cohort(calls: int) -> dict[str, Any]:
    """The large market scored and published."""
    config, clock = config_of(FOLDER / "scored", calls), Clock()
    shutil.rmtree(config.output / "scores" / f"as_of={AS_OF}", ignore_errors=True)
    publication = score(config, clock, AS_OF, accept="a market of another size")
    steps = clock.lasted()
    files = {path.name: path.stat().st_size for path in publication.folder.iterdir()}
    return {"steps": steps, "rows": publication.manifest["rows"], "bytes": files}


def measure_rows() -> dict[str, Any]:
    """From features in memory to calibrated risks over all horizons."""
    config = config_of(FOLDER / "scored")
    model = requested(config, AS_OF, "champion").model
    published = config.output / "scores" / f"as_of={BEFORE}" / "model_version=1" / "revision=1"
    known = pd.read_parquet(published / "features.parquet", columns=list(model.names))
    drawn = np.random.default_rng(1).integers(len(known), size=ROWS)
    features = known.to_numpy(dtype=np.float64)[drawn]
    clock = Clock()
    clock.begin("rows")
    risks = model.risk_by_horizon(features, model.names, AS_OF)
    assert all(np.isfinite(risk).all() and len(risk) == ROWS for risk in risks.values())
    told = clock.lasted()
    return {"steps": told, "features": len(model.names), "features_gb": features.nbytes / 1024**3}


MEASUREMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    **{f"cohort_{calls}": lambda calls=calls: measure_cohort(calls) for calls in CALLS},
    "rows": measure_rows,
}


def apart(measurement: str) -> dict[str, Any]:
    """A measurement in a process of its own, with its peak memory and the load before."""
    load = os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, __file__, measurement], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{measurement} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**answer, "load": load}


def main() -> None:
    """One measurement if named on the command line; else all, several times in turn."""
    if len(sys.argv) > 1:
        answer = MEASUREMENTS[sys.argv[1]]()
        answer["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(json.dumps(answer))
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    prepared()
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in MEASUREMENTS}
    for _ in range(RUNS):
        for name, found in runs.items():
            found.append(apart(name))
            total = sum(step["seconds"] for step in found[-1]["steps"].values())
            print(f"{total:8.1f} s  {name}", flush=True)
    result = {
        "on": date.today().isoformat(),
        "machine": machine(),
        "load": fmean(run["load"] for found in runs.values() for run in found),
        "accounts": SCORED["accounts"],
        "months": SCORED["months"],
        "features": runs["rows"][0]["features"],
        "runs": runs,
    }
    (FOLDER.parent / "scoring.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    text = page(result)
    Path("docs/benchmarks-scoring.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
