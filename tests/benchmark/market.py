"""How well the recipe does on simulated markets, where the truth is known: `make bench-market`.

Every model here could have existed at its test snapshot. Writes docs/benchmarks-market.md and, with
all figures, var/bench/market.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from market_page import page

from models import measures
from models.auc_gain import auc_gain
from models.calibration_limit import calibration_limit
from models.dataset import Dataset
from models.gradient_boosting import Trees
from models.learner import Learner
from models.out_of_time import OutOfTime, learners, rolling, testable
from models.settings import ModelSettings
from models.value_at_stake import Years
from models.value_at_stake import fit as fit_value
from pipeline.config import load_config
from pipeline.console import Steps
from pipeline.market import simulate
from pipeline.tables.training_table import TrainingTable
from pipeline.training.backtest.ablation import Ablation, ablation
from pipeline.training.choices import baselines, model_settings
from pipeline.training.evaluation import PROBABILITIES, RIVAL
from pipeline.training.preparation import open_engine, prepare

FOLDER = Path("var/bench/markets")
TESTS = 3  # the last snapshots with a complete label
SHUFFLES = 20
DRAWS = 1000  # of accounts, behind each interval
CALLS, ACCEPTED, CALL_COSTS, ALIKE = 200, 0.3, 50.0, 10
QUIET = Steps(None)


@dataclass(frozen=True)
class Market:
    """A simulated market, and the choices of its config that differ from the demo's.

    snapshots: how many, the last ones of the history, a month apart.
    """

    accounts: int
    months: int
    seed: int
    snapshots: int
    horizon_days: int = 90

    @property
    def folder(self) -> Path:
        return FOLDER / f"{self.accounts}_{self.months}_{self.seed}"


@dataclass(frozen=True, eq=False)
class Table:
    """What a market gives to learn from."""

    market: Market
    table: TrainingTable
    dataset: Dataset
    shorter: list[Dataset]
    comparable_from: date
    settings: ModelSettings
    rules: Mapping[str, Any]

    @property
    def tests(self) -> list[date]:
        return testable(Learner(self.dataset, (), self.settings, Trees(self.settings)))[-TESTS:]

    def predicted(self, only: list[date] | None = None, *, rules: bool = True) -> OutOfTime:
        tests = only or self.tests
        together = learners(self.dataset, self.shorter, tests, self.settings)
        rules_beside = self.rules if rules else {}
        return rolling(together, tests, rules_beside, self.comparable_from, only=only)


def built(market: Market) -> Table:
    """Simulate the market, once, and build its training table."""
    folder = market.folder
    if not (folder / "truth.parquet").exists():
        simulate(folder, accounts=market.accounts, months=market.months, seed=market.seed)
    demo = yaml.safe_load(Path("configs/demo.yaml").read_text(encoding="utf-8"))
    last = pd.read_parquet(folder / "truth.parquet", columns=["month"])["month"].max()
    first = pd.Timestamp(last) - pd.DateOffset(months=market.snapshots - 1)
    demo["sources"] = {name: {"path": f"{name}.parquet"} for name in demo["sources"]}
    demo["snapshots"] = {"first": first.date(), "last": last, "every": "month"}
    demo["label"] |= {"horizon_days": market.horizon_days, "horizons_days": [90]}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(demo), encoding="utf-8")
    config = load_config(path)
    with open_engine(config) as engine:
        prepared = prepare(engine, config, QUIET)
    table = prepared.table
    return Table(
        market,
        table,
        table.dataset,
        [table.horizon_dataset(days) for days in table.shorter],
        prepared.comparable_from,
        model_settings(config),
        baselines(config, market.horizon_days),
    )


def truth(market: Market, rows: OutOfTime) -> pd.DataFrame | None:
    """chance, trading, for each row: of silence given the hidden state; who has not left yet.

    None for a horizon of which the market says nothing.
    """
    told = pd.read_parquet(market.folder / "truth.parquet")
    if f"silent_{market.horizon_days}" not in told:
        return None
    told.index = pd.MultiIndex.from_arrays([told["account_id"], pd.to_datetime(told["month"])])
    keys = pd.MultiIndex.from_arrays([rows.account, pd.to_datetime(rows.as_of)])
    found = told.rename(columns={f"silent_{market.horizon_days}": "chance"}).reindex(keys)
    return found[["chance", "trading"]].reset_index(drop=True)


def against_truth(table: Table, found: OutOfTime) -> dict[str, Any]:
    """Every scorer on the test snapshots, the truth among them; means over the snapshots.

    auc_of_trading: among the accounts that have not left yet, which nobody can see but the truth.
    """
    best = truth(table.market, found)
    scores = {"model": found.published_risk, **found.baselines}
    trading = np.ones(len(found), dtype=np.bool_)
    if best is not None:
        scores["truth"] = best["chance"].to_numpy(dtype=np.float64)
        trading = best["trading"].to_numpy(dtype=np.bool_)
    lines: dict[str, Any] = {}
    for name, score in scores.items():
        parts = [(found.label[here], score[here]) for here in _tests(table, found)]
        risky = name in (*PROBABILITIES, "truth")
        lines[name] = {
            "auc": np.mean([measures.auc(*part) for part in parts]),
            "auc_of_trading": np.mean(
                [
                    measures.auc(found.label[here][trading[here]], score[here][trading[here]])
                    for here in _tests(table, found)
                ]
            ),
            "average_precision": np.mean([measures.average_precision(*part) for part in parts]),
            "brier": np.mean([measures.brier(*part) for part in parts]) if risky else None,
            "calibration_errors": [measures.calibration_error(*part) for part in parts]
            if risky
            else None,
            "limits": [calibration_limit(score) for _, score in parts] if risky else None,
        }
    here = found.rows_at(*table.tests)
    tested = found.at(*table.tests)
    gains = {
        name: auc_gain(tested, scores["model"][here], score[here], DRAWS)
        for name, score in scores.items()
        if name in (RIVAL, "bg_nbd", "truth")
    }
    return {
        "scorers": lines,
        "gains": gains,
        "tests": [str(day) for day in table.tests],
        "rows": len(tested),
        "base_rate": float(tested.label.mean()),
        "training_snapshots": len(found.splits[-1].training_snapshots),
        "learned_rows": found.splits[-1].training_rows,
    }


def _tests(table: Table, found: OutOfTime) -> list[np.ndarray]:
    return [np.flatnonzero(found.as_of == np.datetime64(day, "D")) for day in table.tests]


def of_same_accounts(few: Market, many: Market) -> dict[str, float]:
    """AUC on the accounts of the smaller market, learned from it and from the larger one.

    An account lives the same life in both, so the very same rows are predicted. Uncalibrated: a
    calibrator does not change who is riskier. One model at a time: they need memory, not time.
    """
    scores: dict[int, pd.Series] = {}
    for market in (few, many):
        table = built(market)
        table = replace(table, settings=replace(table.settings, threads=1))
        found = table.predicted(only=table.tests, rules=False)
        keys = pd.MultiIndex.from_arrays([found.account, found.as_of])
        rows = pd.DataFrame({"raw": found.raw, "label": found.label}, index=keys)
        scores[market.accounts] = rows
        del table, found
    small, large = scores[few.accounts], scores[many.accounts].reindex(scores[few.accounts].index)
    day = small.index.get_level_values(1)
    found = {
        name: np.mean([measures.auc(small.label[day == d], raw[day == d]) for d in day.unique()])
        for name, raw in (("few", small.raw), ("many", large.raw))
    }
    return found | {"share": (found["few"] - 0.5) / (found["many"] - 0.5), "rows": len(small)}


def families(table: Table) -> Ablation:
    """What each family adds."""
    family_of = {feature.name: feature.family for feature in table.table.selection.features}
    return ablation(
        table.dataset, table.shorter, family_of, table.tests, table.settings, DRAWS, QUIET
    )


def shuffled(table: Table) -> list[float]:
    """AUC at the last test snapshot when labels are dealt anew among the accounts of a snapshot."""

    def dealt(dataset: Dataset, seed: int) -> Dataset:
        random, label = np.random.default_rng(seed), dataset.label.copy()
        for day in np.unique(dataset.as_of):
            here = np.flatnonzero(dataset.as_of == day)
            label[here] = label[random.permutation(here)]
        return replace(dataset, label=label)

    found = []
    for seed in range(SHUFFLES):
        other = replace(
            table,
            dataset=dealt(table.dataset, seed),
            shorter=[dealt(part, seed) for part in table.shorter],
        )
        last = table.tests[-1:]
        together = learners(other.dataset, other.shorter, last, table.settings)
        rows = rolling(together, (), {}, only=last)
        found.append(measures.auc(rows.label, rows.raw))
    return found


def value_at_stake(table: Table, tests: int = 4, apart: int = 3) -> dict[str, Any]:
    """Value at stake at snapshots whose next year is over, learned from years over by then.

    The list: who is called, by each ranking; what the calls earn if a share of the defectors called
    stay and then bring what the stayers most alike at the same snapshot brought. Risks are
    uncalibrated where no earlier one of these snapshots was over.
    """
    years = table.table.years()
    mature = np.unique(years.as_of[~np.isnan(years.next_year.worth(None))])
    snapshots = [day.item() for day in mature if _learnable(years, day)][::-apart][:tests]
    found = table.predicted(only=snapshots, rules=False)
    each = [_one_year(years, found, snapshot) for snapshot in sorted(snapshots)]
    totals = {key: sum(one["sums"][key] for one in each) for key in each[0]["sums"]}
    earned = {name: [one["earned"][name] for one in each] for name in each[0]["earned"]}
    return {"snapshots": [str(day) for day in sorted(snapshots)], "sums": totals, "earned": earned}


def _learnable(years: Years, day: np.datetime64) -> bool:
    known = (years.complete <= day) & ~np.isnan(years.next_year.worth(None))
    return len(np.unique(years.as_of[known])) >= 3


def _one_year(years: Years, found: OutOfTime, snapshot: date) -> dict[str, Any]:
    day = np.datetime64(snapshot, "D")
    model = fit_value(years.known_at(day))
    now = np.flatnonzero(years.as_of == day)
    past, outcome = years.past.rows(now), years.next_year.rows(now).worth(model.margin_share)
    left = years.defected[now] == 1
    stays, leaves = model.expected(past)
    told = np.where(left, leaves, stays)
    last = past.last_year.worth(model.margin_share)
    stake = model.at_stake(past).value
    rows = pd.Series(found.at(snapshot).published_risk, index=found.at(snapshot).account)
    risk = rows.reindex(years.account[now]).to_numpy()
    rate = past.rate(model.margin_share)
    would_bring = np.array([_alike(rate, outcome, ~left, value) for value in rate])
    gain = np.where(left, ACCEPTED * (would_bring - outcome), 0.0) - CALL_COSTS
    rankings = {
        "risk x value at stake": risk * stake,
        "risk x last year's number": risk * last,
        "risk": risk,
        "value at stake": stake,
    }
    return {
        "sums": {
            "outcome": float(np.abs(outcome).sum()),
            "error": float(np.abs(outcome - told).sum()),
            "error_last_year": float(np.abs(outcome - np.where(left, 0, last)).sum()),
            "stayers": float(outcome[~left].sum()),
            "stayers_told": float(stays[~left].sum()),
            "defectors": float(outcome[left].sum()),
            "defectors_told": float(leaves[left].sum()),
        },
        "earned": {
            name: float(gain[np.argsort(-score, kind="stable")[:CALLS]].sum())
            for name, score in rankings.items()
        },
    }


def _alike(rate: np.ndarray, outcome: np.ndarray, stayed: np.ndarray, value: float) -> float:
    near = np.argsort(np.abs(np.log1p(np.maximum(rate[stayed], 0)) - np.log1p(max(value, 0))))
    return float(np.mean(outcome[stayed][near[:ALIKE]]))


def sections() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name and figures of each section."""
    main = Market(5_000, 36, 1, snapshots=30)
    kept: dict[Market, Table] = {}

    def of(market: Market) -> Table:
        if market not in kept:
            kept.clear()
            kept[market] = built(market)
        return kept[market]

    yield "truth", lambda: against_truth(of(main), of(main).predicted())
    yield "families", lambda: asdict(families(of(main)))
    yield "shuffled", lambda: shuffled(of(main))
    few, many = (replace(main, accounts=count, snapshots=15) for count in (5_000, 50_000))
    yield "ten_times", lambda: of_same_accounts(few, many)
    yield "value", lambda: value_at_stake(of(Market(5_000, 60, 7, snapshots=54)))
    for name, market in {
        "rare": Market(2_000, 36, 2, snapshots=30, horizon_days=180),
        "frequent": Market(2_000, 36, 2, snapshots=30, horizon_days=7),
        "small": Market(500, 18, 3, snapshots=12),
    }.items():
        yield name, lambda market=market: against_truth(of(market), of(market).predicted())


def main() -> None:
    """All sections, or those named on the command line; the page from all that there are."""
    file = FOLDER.parent / "market.json"
    result = json.loads(file.read_text()) if file.exists() else {}
    wanted = sys.argv[1:]
    for name, measure in sections():
        if not wanted or name in wanted:
            print(f"{name} ...", flush=True)
            result[name] = measure()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(result, indent=2, default=float) + "\n", "utf-8")
    text = page(json.loads(file.read_text()))
    Path("docs/benchmarks-market.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
