"""A market with its features, labels and truth, made once and kept on disk."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from clock import Clock

from models.settings import ModelSettings
from pipeline.config import Config, load_config
from pipeline.console import Steps
from pipeline.engines import Engine
from pipeline.market import simulate
from pipeline.market.wear import Cause
from pipeline.scoring.win_back import margin_before_last_order
from pipeline.tables.expected_orders import ExpectedOrders, expected_orders
from pipeline.tables.future.departures import LASTING_DAYS, silent_after
from pipeline.tables.label_definitions import DepartureLabel, label_of
from pipeline.tables.snapshots import Maturity
from pipeline.tables.training_table import TrainingTable
from pipeline.training.choices import model_settings
from pipeline.training.preparation import open_engine, prepare

FOLDER = Path("var/bench/lists")
END = date(2026, 1, 1)
MONTHS_BEFORE = 9  # of history before the first snapshot
TESTS, MONTHS_APART = 4, 3  # the last snapshots with a mature label
INACTIVITY_DAYS = 90
CODE = (  # what a kept table depends on, beside its market and its config
    "features",
    "pipeline/config",
    "pipeline/engines",
    "pipeline/market",
    "pipeline/sources",
    "pipeline/tables",
)


@dataclass(frozen=True)
class Market:
    """What `simulate` makes it from."""

    world: str
    effect: str
    accounts: int
    months: int
    seed: int

    @property
    def config(self) -> dict[str, Any]:
        """The demo's config with departure as the label."""
        content: dict[str, Any] = yaml.safe_load(Path("configs/demo.yaml").read_text("utf-8"))
        first = pd.Timestamp(END) - pd.DateOffset(months=self.months - MONTHS_BEFORE)
        return content | {
            "sources": {name: {"path": f"{name}.parquet"} for name in content["sources"]},
            "snapshots": {"first": first.date(), "last": END, "every": "month"},
            "label": {
                "definition": "departure",
                "horizons_days": [INACTIVITY_DAYS],
                "reporting_lag_days": content["label"]["reporting_lag_days"],
            },
            "backtest": {"last": (TESTS - 1) * MONTHS_APART + 1},  # these snapshots stay whole
            "output": "out",
        }

    @property
    def folder(self) -> Path:
        """Named after all that the kept table depends on."""
        digest = hashlib.sha256(json.dumps([asdict(self), self.config], default=str).encode())
        for folder in CODE:
            for file in sorted(Path(folder).rglob("*.py")):
                digest.update(f"{file}\0{file.stat().st_size}\0".encode() + file.read_bytes())
        return FOLDER / digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Kept:
    """What is kept of a market.

    table: its frame without the features, which are in its `features`. lasting: of the rows of the
    frame, 1 where its departure is lasting; NaN where that is not mature. before_last_order: of the
    rows of the table's departed panel, what the account brought in the year up to its last order.
    """

    table: TrainingTable
    comparable_from: date
    lasting: np.ndarray
    before_last_order: np.ndarray


@dataclass(frozen=True, eq=False)
class Judge:
    """A market to judge lists on: what a model may learn from, and the truth."""

    market: Market
    kept: Kept
    settings: ModelSettings

    @property
    def table(self) -> TrainingTable:
        """The training table, of active accounts."""
        return self.kept.table

    @cached_property
    def apart(self) -> list[date]:
        """Every third mature snapshot, the last one among them: the only ones predicted."""
        return self.table.dataset.snapshots()[::-1][::MONTHS_APART][::-1]

    @property
    def tests(self) -> list[date]:
        """The last of them."""
        return self.apart[-TESTS:]

    def leaves_within(self, days: int) -> np.ndarray:
        """Whether each row of the table's frame truly leaves within so many days, (n,)."""
        frame = self.table.frame
        told = pd.read_parquet(self.market.folder / "truth.parquet").drop_duplicates("account_id")
        left_on = told.set_index("account_id")["left_on"].reindex(frame["account_id"])
        left_in = (pd.to_datetime(left_on).to_numpy() - frame["as_of"]) / pd.Timedelta(days=1)
        return ((left_in >= 0) & (left_in < days)).to_numpy()

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The active accounts at the tests, by as_of, then account; see `list_truth.outcomes`.

        Beside those columns: account_id, as_of, tier, row (their number in the table's frame).
        """
        frame, table, folder = self.table.frame, self.table, self.market.folder
        years = table.years()
        share = years.past.last_year.margin_share()
        found = frame[["account_id", "as_of"]].assign(
            row=np.arange(len(frame)),
            size=np.maximum(table.of_frame("last_year"), 0),
            tier=table.of_frame("tier"),
            due=frame["defected"],
            lasting=self.kept.lasting,
            next_year=years.next_year.worth(share),
        )
        found = found[found["as_of"].isin(pd.to_datetime(self.tests))].copy()
        order = np.lexsort((found["account_id"].to_numpy(dtype=str), found["as_of"]))
        found = found.iloc[order].reset_index(drop=True)
        as_of = found["as_of"]

        told = pd.read_parquet(folder / "truth.parquet").drop_duplicates("account_id")
        told = told.set_index("account_id").reindex(found["account_id"])
        worn = [cause.name.lower() for cause in Cause if cause < Cause.CLOSURE]
        chance = pd.read_parquet(folder / "leaves_90.parquet")
        chance["month"] = pd.to_datetime(chance["month"])
        chance = chance.set_index(["account_id", "month"])["leaves_90"]
        orders = pd.read_parquet(
            folder / "orders.parquet", columns=["account_id", "occurred_at", "amount"]
        )
        orders = orders[orders["amount"] > 0]
        last = orders.groupby("account_id")["occurred_at"].max().dt.tz_localize(None)
        day = pd.Timedelta(days=1)
        return found.assign(
            left_in=(pd.to_datetime(told["left_on"]).to_numpy() - as_of) / day,
            influenceable=told["left_because"].isin(worn).to_numpy(),
            leaves_90=chance.reindex(pd.MultiIndex.from_frame(found[["account_id", "as_of"]]))
            .fillna(0)  # an account that has left cannot leave
            .to_numpy(),
            last_order_in=(last.reindex(found["account_id"]).to_numpy() - as_of) / day,
        )


def judge(market: Market, clock: Clock) -> Judge:
    """Return the market, simulated and prepared if it is not on disk yet."""
    folder = market.folder
    file, config_file = folder / "table.pickle", folder / "config.yaml"
    if not file.exists():
        clock.begin("simulation")
        simulate(
            folder,
            accounts=market.accounts,
            months=market.months,
            seed=market.seed,
            end=END,
            world=market.world,
            effect=market.effect,
        )
        config_file.write_text(yaml.safe_dump(market.config), encoding="utf-8")
        clock.begin("features and labels")
        kept = _prepare(load_config(config_file))
        unfinished = file.with_suffix(".unfinished")
        with unfinished.open("wb") as stream:
            pickle.dump(kept, stream)
        unfinished.replace(file)
    clock.begin("reading what is kept")
    with file.open("rb") as stream:
        kept = pickle.load(stream)
    return Judge(market, kept, model_settings(load_config(config_file)))


def _prepare(config: Config) -> Kept:
    label = label_of(config.label)
    assert isinstance(label, DepartureLabel)
    with open_engine(config) as engine:
        prepared = prepare(engine, config, Steps(None))
        frame = prepared.table.frame
        longer = Maturity(
            label.maturity.horizon_days + LASTING_DAYS, label.maturity.reporting_lag_days
        )
        complete_until = prepared.sources.tables["orders"].complete_until
        mature = longer.split(prepared.table.dataset.snapshots(), complete_until)[0]
        expected = expected_orders(engine, label.silence)
        silent = silent_after(engine, expected, frame, mature, label.maturity, LASTING_DAYS)
        brought = _before_last_order(engine, expected, prepared.table)
    lasting = np.where(frame["as_of"].isin(pd.to_datetime(mature)), silent, np.nan)
    table = prepared.table
    features = [feature.name for feature in table.selection.features]
    slim = replace(table, frame=table.frame.drop(columns=features))  # they are in `features`, too
    return Kept(slim, prepared.comparable_from, lasting, brought)


def _before_last_order(
    engine: Engine, expected: ExpectedOrders, table: TrainingTable
) -> np.ndarray:
    """What departed accounts brought while they still ordered, by the rows of their panel."""
    panel, share = table.departed_panel, table.years().past.last_year.margin_share()
    found = np.full(len(panel.account), np.nan)
    for day in np.unique(panel.as_of):
        state = expected.state(day.item()).set_index("account_id")
        here = np.flatnonzero(panel.as_of == day)
        rows = state.loc[panel.account[here]].reset_index()
        found[here] = margin_before_last_order(engine, rows, day.item(), share)
    return found
