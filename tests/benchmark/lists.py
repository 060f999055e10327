"""What the keep list catches where the truth is known: `make bench-lists`.

Each market (WORLD, EFFECT, a seed of SEEDS, ACCOUNTS, MONTHS) is simulated and prepared once and
kept under var/bench/lists. Models are fitted and predict every three months; the last four of these
snapshots are the tests, judged by the truth. SECTIONS: lists, ablation, calibration, win_back,
value, key_accounts.
Prints tables and writes all figures to var/bench/lists.json; those of the usual size and of seeds
that a commit drew (`seeds`) also to docs/benchmarks-lists.md.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from clock import Clock, machine
from list_market import INACTIVITY_DAYS, Judge, Market, judge
from list_reorders import win_back
from list_truth import HORIZON_DAYS, Floats, Records, calibration, measure
from list_values import key_accounts_that_left, value_intervals
from lists_page import BESIDE_WIN_BACK, CALL_SCORE, FAMILIES, SIZE, SUBSETS, TRUTH, page, part
from seeds import seeds_of

from models.dataset import Dataset
from models.departures import departure_learners, rolling_departures
from models.gradient_boosting import Trees
from models.learner import Learner, fit_together
from models.out_of_time import OutOfTime, rolling
from pipeline.errors import UsageError
from pipeline.market.worlds import world_of
from pipeline.scoring.listing import KEEP_SHARE

ACCOUNTS, MONTHS = 3_000, 48
RESULTS = Path("var/bench/lists.json")
PAGE = Path("docs/benchmarks-lists.md")


class Predicted:
    """A market with what models say of its rows (n,), all features being put into bins once."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.size = judge.rows["size"].to_numpy(dtype=np.float64)
        self._trees = Trees(judge.settings)

    @cached_property
    def departures(self) -> tuple[Floats, Floats]:
        """The onset and the departure risk."""
        return self._departures(self.judge.table.dataset, self._trees)

    @cached_property
    def taught_the_truth(self) -> Floats:
        """The chance to leave within the horizon, by the same learner and the true dates."""
        judge, dataset = self.judge, self.judge.table.dataset
        leaves = judge.leaves_within(HORIZON_DAYS)
        learner = Learner(
            replace(dataset, label=leaves.astype(np.int8), learnable=None),
            judge.tests,
            judge.settings,
            self._trees,
        )
        found = rolling([learner], judge.tests, {}, judge.kept.comparable_from, only=judge.apart)
        return self._of_rows(found, found.published_risk)

    @cached_property
    def inactivity(self) -> Floats:
        """The risk of no order within 90 days."""
        judge = self.judge
        labels = judge.table.horizon_dataset(INACTIVITY_DAYS)
        learner = Learner(labels, judge.tests, judge.settings, self._trees)
        comparable_from = judge.kept.comparable_from
        found = rolling([learner], judge.tests, {}, comparable_from, only=judge.apart)
        return self._of_rows(found, found.published_risk)

    def onset_of(self, families: Collection[str]) -> Floats:
        """The onset by the features of some families only."""
        table = self.judge.table
        features = [one.name for one in table.selection.features if one.family in families]
        dataset = replace(table.dataset, panel=table.dataset.panel.only(features))
        return self._departures(dataset, Trees(self.judge.settings))[0]

    def _departures(self, dataset: Dataset, trees: Trees) -> tuple[Floats, Floats]:
        judge, table = self.judge, self.judge.table
        learners = departure_learners(
            dataset, table.slipped, table.overdue, judge.tests, judge.settings, trees
        )
        days = [day for day in judge.apart if day in learners.onset.predictable]
        both = (learners.onset, learners.slip)
        fit_together([pair for one in both for pair in one.wanted(days)], None)
        comparable_from = judge.kept.comparable_from
        found = rolling_departures(learners, judge.tests, {}, comparable_from, only=days)
        return (
            self._of_rows(found.onset, found.onset.published_risk),
            self._of_rows(found.departure, found.departure.published_risk),
        )

    def _of_rows(self, found: OutOfTime, values: Floats) -> Floats:
        keys = pd.MultiIndex.from_arrays([found.account, pd.to_datetime(found.as_of)])
        wanted = pd.MultiIndex.from_frame(self.judge.rows[["account_id", "as_of"]])
        return pd.Series(values, keys).reindex(wanted).to_numpy(dtype=np.float64)


def lists(market: Predicted) -> Records:
    """What each ranking catches."""
    rows, size = market.judge.rows, market.size
    onset, departure = market.departures
    silence = market.judge.table.dataset.column("days_since_last_order")[rows["row"]]
    scores = {
        CALL_SCORE: onset * size,
        SIZE: size,
        TRUTH: rows["leaves_90"].to_numpy() * size,
        BESIDE_WIN_BACK: onset * size,
        "taught the truth": market.taught_the_truth * size,
        "silence x size": silence * size,
        "risk_90 x size": market.inactivity * size,
        "departure risk x size": departure * size,
    }
    return measure(rows, scores, parts={BESIDE_WIN_BACK: KEEP_SHARE})


def ablation(market: Predicted) -> Records:
    """What the call score catches by the features of some families only."""
    size = market.size
    scores = {SIZE: size}
    for name, families in SUBSETS.items():
        every = len(families) == len(FAMILIES)
        onset = market.departures[0] if every else market.onset_of(families)
        scores[name] = onset * size
    return measure(market.judge.rows, scores)


def calibrated(market: Predicted) -> Records:
    """What departure risks said and what accounts did."""
    onset, departure = market.departures
    return calibration(market.judge.rows, departure, onset * market.size)


SECTIONS: dict[str, Callable[[Predicted], Records]] = {
    "lists": lists,
    "ablation": ablation,
    "calibration": calibrated,
    "win_back": lambda market: win_back(market.judge),
    "value": lambda market: value_intervals(market.judge),
    "key_accounts": lambda market: key_accounts_that_left(market.judge),
}


def run(market: Market, sections: Collection[str]) -> dict[str, Any]:
    """The sections of one market, each a list of records, and what its steps took."""
    clock = Clock()
    predicted = Predicted(judge(market, clock))
    found: dict[str, Any] = {}
    for section in sections:
        clock.begin(section)
        found[section] = [{"seed": market.seed, **one} for one in SECTIONS[section](predicted)]
    rows = predicted.judge.rows
    active = rows.groupby("as_of").size().to_dict()
    found["tests"] = {f"{day:%Y-%m-%d}": count for day, count in active.items()}
    found["steps"] = clock.lasted()
    return found


def main() -> None:
    """All markets asked for; see the module's text."""
    seeds, commit = seeds_of(_asked("SEEDS", "1"))
    sections = _asked("SECTIONS", "lists").replace(",", " ").split()
    if unknown := set(sections) - set(SECTIONS):
        raise SystemExit(f"SECTIONS names {unknown.pop()}. Choose among {', '.join(SECTIONS)}.")
    accounts, months = int(_asked("ACCOUNTS", str(ACCOUNTS))), int(_asked("MONTHS", str(MONTHS)))
    worlds, effects = (
        _asked(name, usual).replace(",", " ").split()
        for name, usual in (("WORLD", "standard"), ("EFFECT", "usual"))
    )
    try:
        for world, effect in product(worlds, effects):
            world_of(world, effect)
    except UsageError as error:
        raise SystemExit(str(error)) from error
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for world, effect in product(worlds, effects):
        named = commit or ",".join(map(str, seeds))
        key = f"{world} {effect} {accounts} {months} {len(seeds)} {named} {' '.join(sections)}"
        result: dict[str, Any] = {
            "world": world,
            "effect": effect,
            "accounts": accounts,
            "months": months,
            "seeds": seeds,
            "drawn_from": commit,
            "runs": results.get(key, {}).get("runs", 0) + 1,
            "on": date.today().isoformat(),
            "machine": machine(),
            "load": os.getloadavg()[0],
            "code": _code(),
            "steps": {},
            "tests": {},
            **{name: [] for name in sections},
        }
        for seed in seeds:
            print(f"{world}, effect {effect}, seed {seed}", end=" ... ", flush=True)
            found = run(Market(world, effect, accounts, months, seed), sections)
            for name in sections:
                result[name] += found[name]
            result["steps"][str(seed)] = found["steps"]
            result["tests"][str(seed)] = found["tests"]
            print(f"{sum(took['seconds'] for took in found['steps'].values()):.0f} s", flush=True)
        results[key] = result
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, default=float) + "\n", "utf-8")
        print("\n".join(["", *part(result)]), flush=True)
    reported = [one for one in results.values() if _is_reported(one)]
    if commit and reported:
        PAGE.write_text(page(reported), "utf-8")


def _is_reported(result: dict[str, Any]) -> bool:
    size = (result["accounts"], result["months"])
    return bool(result["drawn_from"]) and size == (ACCOUNTS, MONTHS)


def _asked(name: str, usual: str) -> str:
    return os.environ.get(name, "").strip() or usual


def _code() -> str:
    """The commit at which the code is, and whether it differs."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
