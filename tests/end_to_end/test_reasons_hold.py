"""Reasons agree with the model: without one, the risk that was published would be lower."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from project import AS_OF, Project, make_project

from models import risk_model
from models.risk_model import RiskModel
from pipeline.config import load_config
from pipeline.market import simulate
from pipeline.scoring.listing import listed_rows
from pipeline.scoring.main_contacts import main_contact_roles
from pipeline.scoring.reason_groups import placed_features
from pipeline.scoring.reasons import MOST, SMALLEST, explained, stated
from pipeline.sources import load_sources
from pipeline.tracking.runs import open_tracking
from pipeline.training.preparation import open_engine

CAPACITY = 100
SMALLEST_SHARE = 0.95


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A list of some 100 accounts of a market of 2,000."""
    market = tmp_path_factory.mktemp("larger_market")
    simulate(market, accounts=2000, months=30, seed=7, end=AS_OF)
    project = make_project(tmp_path_factory.mktemp("larger"), market)
    project.change(
        features={},  # all windows
        model={"threads": 1},
        backtest={"last": 1},
        scoring={"call_capacity": CAPACITY},
    )
    project.done("train")
    project.use_first_version()
    project.done("score", "--as-of", AS_OF)
    return project


def lower_without(
    model: RiskModel, cohort: pd.DataFrame, as_of: date, row: int, names: list[str]
) -> bool:
    """Whether the account's risk falls if these features, where known, are the cohort's medians."""
    features = cohort[list(model.names)].to_numpy(dtype=np.float64)
    columns = [model.names.index(name) for name in names]
    known = [column for column in columns if not np.isnan(features[row, column])]
    usual = features.copy()
    usual[row, known] = np.nanmedian(features[:, known], axis=0)
    before, after = (model.risk(each, model.names, as_of)[row] for each in (features, usual))
    return bool(after < before)


@pytest.mark.long
@pytest.mark.trains
@pytest.mark.starts_process  # which simulate
def test_without_a_stated_reason_the_published_risk_would_be_lower(
    scored: Project, tmp_path: Path
) -> None:
    config = load_config(scored.config)
    registry = open_tracking(config).registry
    model = risk_model.load(registry.download(registry.resolve("champion"), tmp_path))
    (folder,) = scored.scores.glob(f"as_of={AS_OF}/*/*")
    cohort = pd.read_parquet(folder / "features.parquet")
    row_of = {account: row for row, account in enumerate(cohort["account_id"])}
    listed = listed_rows(pq.read_table(folder / "scores.parquet")).to_pylist()
    placed = placed_features(config.feature_families, config.features.windows_days)
    accounts = [row["account_id"] for row in listed]
    with open_engine(config) as engine:
        load_sources(config, engine)
        roles = main_contact_roles(engine, accounts, AS_OF)
    assert roles
    told = explained(config, model, cohort, accounts, "EUR", roles)
    published, unchecked = {}, {}
    for row in listed:
        account = row["account_id"]
        reasons = stated(told[account])
        texts = [row[f"reason_{place}"] for place in (1, 2, 3)]
        assert [text for text in texts if text] == [reason.text for reason in reasons]
        groups = [
            [name for name in model.names if placed[name].group == reason.group]
            for reason in reasons
        ]
        lower = [lower_without(model, cohort, AS_OF, row_of[account], group) for group in groups]
        if lower:
            published[account] = all(lower)
        strong = [reason for reason in told[account] if reason.text and reason.adds >= SMALLEST]
        if strong:
            unchecked[account] = all(reason.at_median < 0 for reason in strong[:MOST])
    assert (
        len(published) >= 0.8 * len(listed) >= 0.8 * CAPACITY
    )  # most accounts have a reason at all
    assert np.mean([*published.values()]) >= SMALLEST_SHARE
    assert np.mean([*unchecked.values()]) >= SMALLEST_SHARE  # and without the counter-check
