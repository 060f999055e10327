"""How long `train` takes, step by step, and what it takes a row: `make bench-training`.

Two simulated markets, each trained and reviewed by both labels, in a process of its own, with the
demo's choices and three test snapshots; the second has two and a half times the accounts and a
third more snapshots. Writes docs/benchmarks-training.md and, with all steps,
var/bench/training.json. SIZES=20000 for one only, LABELS=departure for one label.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from clock import Clock, machine
from training_page import page

from models.dataset import Dataset
from models.gradient_boosting import Trees
from pipeline.config import Config, load_config
from pipeline.market import simulate
from pipeline.review.review import review_trained
from pipeline.training.train import train

FOLDER = Path("var/bench/training")
SIZES = {  # accounts: months of data, snapshots with a complete label
    20_000: (42, 27),
    50_000: (51, 36),
}
IMMATURE = {"departure": 8, "inactivity": 4}  # the last monthly snapshots, with outcomes to come
TESTS = 3
SEED = 11
END = date(2026, 1, 1)


def config_of(accounts: int, label: str) -> Config:
    """The demo's config with this label, over a market that is simulated once."""
    months, snapshots = SIZES[accounts]
    market = FOLDER / f"market_{accounts}"
    if not (market / "truth.parquet").exists():
        print(f"simulating {accounts:,} accounts over {months} months", flush=True)
        simulate(market, accounts=accounts, months=months, seed=SEED, end=END)
    content = yaml.safe_load(Path("configs/demo.yaml").read_text(encoding="utf-8"))
    content["sources"] = {name: {"path": f"{name}.parquet"} for name in content["sources"]}
    first = pd.Timestamp(END) - pd.DateOffset(months=snapshots + IMMATURE[label] - 1)
    content["snapshots"] = {"first": first.date(), "last": END, "every": "month"}
    content["label"]["definition"] = label
    content["backtest"]["last"] = TESTS
    content["tracking"] = {"folder": "mlflow", "experiment": "bench", "model_name": "bench"}
    content["output"] = "out"
    path = market / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


@contextmanager
def noting(fits: list[dict[str, float]]) -> Iterator[None]:
    """Note the rows, and the seconds of the processor, of every fit of trees in the block."""
    fit: Callable[[Trees, Dataset], str] = Trees.fit

    def noted(trees: Trees, training: Dataset) -> str:
        began = time.thread_time()  # one thread makes a fit
        text = fit(trees, training)
        fits.append({"rows": len(training), "cpu": time.thread_time() - began})
        return text

    Trees.fit = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Trees.fit = fit  # type: ignore[method-assign]


def measure(accounts: int, label: str) -> dict[str, Any]:
    """One market trained and reviewed, from an empty store."""
    config, clock = config_of(accounts, label), Clock()
    shutil.rmtree(config.tracking.folder, ignore_errors=True)
    fits: list[dict[str, float]] = []
    with noting(fits):
        registered = train(config, clock)
        reviewed = review_trained(clock, config, registered)
    trained = registered.trained
    table = trained.prepared.table
    return {
        "steps": list(clock.each()),
        "fits": fits,
        "months": SIZES[accounts][0],
        "snapshots": len(trained.prepared.table.dataset.snapshots()),
        "rows": round(float(table.dataset.stands_for.sum())),
        "kept": len(table.dataset),
        "features": len(table.selection.features),
        "auc": trained.evaluation.value("auc"),
        "calibration_error": trained.evaluation.value("calibration_error"),
        "repetitions": config.backtest.bootstrap_repetitions,
        "trees": config.model.trees,
        "objections": list(reviewed.objections),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def main() -> None:
    """One measurement if named on the command line; else those of SIZES and LABELS, or all."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
        return
    sizes = [int(size) for size in os.environ.get("SIZES", "").split()] or [*SIZES]
    labels = os.environ.get("LABELS", "").split() or [*IMMATURE]
    FOLDER.mkdir(parents=True, exist_ok=True)
    runs = []
    for accounts, label in product(sizes, labels):
        config_of(accounts, label)
        print(f"training on {accounts:,} accounts, {label}", flush=True)
        load = os.getloadavg()[0]
        done = subprocess.run(
            [sys.executable, __file__, str(accounts), label],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{accounts:,} accounts, {label}, failed:\n{done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        runs.append({"accounts": accounts, "label": label, "load": load, **found})
    result = {"on": date.today().isoformat(), "machine": machine(), "runs": runs}
    (FOLDER.parent / "training.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    text = page(result)
    print(text)
    if sizes == [*SIZES] and labels == [*IMMATURE]:
        Path("docs/benchmarks-training.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
