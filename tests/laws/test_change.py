"""Why a risk moved: the model, the time and the data, whatever the market did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from feature_tables import load
from generated import forks
from hypothesis import given
from laws import FORKS_PER_BATCH, Fork, law, telling
from taught import learner, uncalibrated
from worlds import Row, World, complete, cut, midnight, named, together

from features.definition import Feature, Selection
from features.families import FAMILIES
from models.risk_model import RiskModel
from pipeline.config import Config, load_config
from pipeline.engines import Engine
from pipeline.scoring.effects import effects
from pipeline.sources import Sources
from pipeline.sources.findings import LoadedTable, Report
from pipeline.tables.derived import make_derived_tables
from pipeline.tables.training_table import snapshot_features

EVER = datetime(2030, 1, 1)
TABLES = frozenset({"orders", "touches", "complaints", "reps"})
NAMES = (
    "days_since_last_order",
    "orders_count_90d",
    "spend_365d",
    "spend_tier",
    "touches_count_90d",
    "complaints_count_90d",
)


def model_of(features: tuple[Feature, ...], seed: int) -> RiskModel:
    """A model that goes by all features."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(400, len(features)))
    names = tuple(feature.name for feature in features)
    defected = table.sum(axis=1) + random.normal(size=400) > 0
    return uncalibrated((learner(table, names, defected),), (0.5,), names, cohort=1)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(
        "name: small\nsources: {orders: {path: o.csv}}\nengine: {threads: 1}\n"
        "label: {definition: inactivity}\n"
        "snapshots: {first: 2020-01-01, last: 2026-01-01}\ncohort: {days: 2000}\n"
    )
    return load_config(path)


@pytest.fixture(scope="module")
def selection() -> Selection:
    family_tables = {family.table for family in FAMILIES.values()}
    assert family_tables <= TABLES
    every = [f for family in FAMILIES.values() for f in family.features((90, 365))]
    found = {feature.name: feature for feature in every}
    return Selection(tuple(found[name] for name in NAMES), {})


def sources() -> Sources:
    """As they are loaded: what the effects ask of them is which there are."""
    tables = {
        name: LoadedTable(name, 1, frozenset(), frozenset(), 0, 0, EVER, (), True)
        for name in (*TABLES, "account_merges")
    }
    return Sources(tables, None, Report((), (), ()))


class Scored:
    """A world in an engine, scored then and now."""

    def __init__(self, engine: Engine, config: Config, selection: Selection) -> None:
        self.engine, self.config, self.selection = engine, config, selection
        self.names = [feature.name for feature in selection.features]

    def hold(self, world: World) -> None:
        load(self.engine, world)
        self.engine.drop("account_identity")
        make_derived_tables(self.engine, sources())

    def risks(self, model: RiskModel, as_of: date) -> tuple[pd.DataFrame, pd.Series]:
        frame = snapshot_features(self.engine, self.config, self.selection, as_of)
        risk = model.risk(frame[self.names].to_numpy(dtype=np.float64), self.names, as_of)
        return frame, pd.Series(risk, frame["account_id"])

    def publish(
        self, folder: Path, model: RiskModel, as_of: date, complete_until: datetime = EVER
    ) -> pd.Series:
        """The list before; complete_until: of all sources of then."""
        frame, risk = self.risks(model, as_of)
        folder.mkdir(exist_ok=True)
        frame.to_parquet(folder / "features.parquet")
        pd.DataFrame({"account_id": risk.index, "risk": risk.to_numpy()}).to_parquet(
            folder / "scores.parquet"
        )
        manifest = {
            "as_of": str(as_of),
            "inputs": {"features_sha256": self.selection.digest()},
            "complete_until": {name: str(complete_until) for name in sources().tables},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return risk

    def effects(self, model: RiskModel, as_of: date, now: pd.Series, folder: Path) -> pd.DataFrame:
        found = effects(
            self.config, self.engine, sources(), self.selection, model, as_of, now, folder
        )
        assert isinstance(found, pd.DataFrame), found
        return found


def snapshots_of(batch: Fork) -> Iterator[date]:
    """Snapshots after the moment at which the futures part."""
    yield from (as_of for as_of in batch.as_ofs if as_of > batch.moment)


def test_the_effects_add_up_and_know_what_they_are_of(engine, config, selection, tmp_path) -> None:
    """For worlds with a past before `moment`, at which the list before was made, and a future.

    They add up to the change. The same model has no effect. Where nothing became known since, the
    data have none; and what became known since changes nothing in the other two.
    """
    old, new = model_of(selection.features, 1), model_of(selection.features, 2)
    scored = Scored(engine, config, selection)
    seen = {"data": 0, "model": 0, "time": 0, "both": 0}

    def side_by_side(worlds: list[World]) -> World:
        return together(named(world, f"{n}|") for n, world in enumerate(worlds))

    @law(share=0.5, per_batch=FORKS_PER_BATCH)
    @given(forks(TABLES))
    @telling
    def holds(batch: Fork) -> None:
        as_of = next(snapshots_of(batch), None)
        world, then = side_by_side(batch.worlds), batch.moment
        scored.hold(world)
        frame, _ = scored.risks(old, then)
        if as_of is None or frame.empty:
            return
        risk_then = scored.publish(tmp_path / "then", old, then)
        frame, risk_old = scored.risks(old, as_of)
        if frame.empty:
            return
        _, risk_new = scored.risks(new, as_of)

        same = scored.effects(old, as_of, risk_old, tmp_path / "then")
        change = (risk_old - risk_then)[same.index]
        np.testing.assert_allclose(same.sum(axis=1), change, atol=1e-12)
        assert (same["change_by_model"] == 0).all()
        other = scored.effects(new, as_of, risk_new, tmp_path / "then")
        change = (risk_new - risk_then)[other.index]
        np.testing.assert_allclose(other.sum(axis=1), change, atol=1e-12)
        seen["model"] += (other["change_by_model"] != 0).sum()
        seen["data"] += (same["change_by_data"] != 0).sum()
        seen["time"] += (same["change_by_time"] != 0).sum()
        # Nothing was changed in the engine that the sources are in.
        pd.testing.assert_series_equal(scored.risks(old, as_of)[1], risk_old)

        past = side_by_side([cut(world, midnight(then)) for world in batch.worlds])
        scored.hold(past)
        frame, risk = scored.risks(old, as_of)
        if not frame.empty:
            alone = scored.effects(old, as_of, risk, tmp_path / "then")
            assert (alone["change_by_data"] == 0).all()
            both = alone.index.intersection(same.index)
            early = ["change_by_model", "change_by_time"]
            pd.testing.assert_frame_equal(alone.loc[both, early], same.loc[both, early])
            seen["both"] += len(both)

    holds()
    assert all(seen.values()), seen


def order(account: str, at: datetime) -> Row:
    return {
        "account_id": account,
        "order_id": f"{account} {at}",
        "occurred_at": at,
        "amount_cents": 100,
    }


def test_what_the_extract_before_lacked_is_data_though_it_was_known_by_then(
    engine, config, selection, tmp_path
) -> None:
    """The extract of 1 February went to 20 January 8:00; now there is an order of the day after."""
    complete_until = datetime(2024, 1, 20, 8)
    seen = [order(account, datetime(2024, 1, 3)) for account in "AB"]
    seen.append(order("C", complete_until))  # its last row
    late = order("A", datetime(2024, 1, 21))
    model, then, now = model_of(selection.features, 1), date(2024, 2, 1), date(2024, 2, 8)
    scored = Scored(engine, config, selection)
    scored.hold(complete({"orders": seen}))
    scored.publish(tmp_path / "then", model, then, complete_until)
    _, unchanged = scored.risks(model, now)
    without = scored.effects(model, now, unchanged, tmp_path / "then")
    assert (without["change_by_data"] == 0).all()

    scored.hold(complete({"orders": [*seen, late]}))
    _, risk = scored.risks(model, now)
    found = scored.effects(model, now, risk, tmp_path / "then")
    time = ["change_by_model", "change_by_time"]
    pd.testing.assert_frame_equal(found[time], without[time])
    assert found.loc["A", "change_by_data"] == pytest.approx(risk["A"] - unchanged["A"])
    assert found.loc["A", "change_by_data"] != 0


def test_effects_that_cannot_be_told_apart_are_not_told(
    engine, config, selection, tmp_path
) -> None:
    orders = [order(account, datetime(2024, 1, day)) for account in "ABC" for day in (3, 9)]
    scored = Scored(engine, config, selection)
    scored.hold(complete({"orders": orders}))
    model, day = model_of(selection.features, 1), date(2024, 3, 1)
    scored.publish(tmp_path / "then", model, date(2024, 2, 1))
    _, now = scored.risks(model, day)
    assert len(scored.effects(model, day, now, tmp_path / "then")) == 3
    large = replace(model, smallest_cohort=7)
    told = effects(config, engine, sources(), selection, large, day, now, tmp_path / "then")
    assert str(told).startswith("the model cannot score the accounts of then: 3 accounts are too")
    fewer = Selection(selection.features[:2], {})
    told = effects(config, engine, sources(), fewer, model, day, now, tmp_path / "then")
    assert told == "the publication before had other features"
