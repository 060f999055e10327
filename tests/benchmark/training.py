"""How long `train` takes, step by step, and what it takes a row: `make bench-training`.

Two simulated markets, each trained and reviewed in a process of its own with the demo's choices and
three horizons; the second has two and a half times the accounts and a third more snapshots. Writes
docs/benchmarks-training.md and, with all steps, var/bench/training.json. SIZES=20000 for one only.
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
SEED = 11
END = date(2026, 1, 1)
IMMATURE = 4  # monthly snapshots up to the end whose 90 days and lag are not over


def config_of(accounts: int) -> Config:
    """The demo's config over a market that is simulated once."""
    months, snapshots = SIZES[accounts]
    market = FOLDER / f"market_{accounts}"
    if not (market / "truth.parquet").exists():
        print(f"simulating {accounts:,} accounts over {months} months", flush=True)
        simulate(market, accounts=accounts, months=months, seed=SEED, end=END)
    content = yaml.safe_load(Path("configs/demo.yaml").read_text(encoding="utf-8"))
    content["sources"] = {name: {"path": f"{name}.parquet"} for name in content["sources"]}
    first = pd.Timestamp(END) - pd.DateOffset(months=snapshots + IMMATURE - 1)
    content["snapshots"] = {"first": first.date(), "last": END, "every": "month"}
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


def measure(accounts: int) -> dict[str, Any]:
    """One market trained and reviewed, from an empty store."""
    config, clock = config_of(accounts), Clock()
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
    """One measurement if named on the command line; else those of SIZES, or all."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
        return
    asked = [int(size) for size in os.environ.get("SIZES", "").split()] or [*SIZES]
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = {}
    for accounts in asked:
        config_of(accounts)
        load = os.getloadavg()[0]
        done = subprocess.run(
            [sys.executable, __file__, str(accounts)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{accounts:,} accounts failed:\n{done.stderr}")
        found[accounts] = {**json.loads(done.stdout.splitlines()[-1]), "load": load}
    result = {"on": date.today().isoformat(), "machine": machine(), "sizes": found}
    (FOLDER.parent / "training.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    text = page(result)
    print(text)
    if asked == [*SIZES]:
        Path("docs/benchmarks-training.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
