"""One extract, scored as of one day and of the next: what the calendar alone changes."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from project import Project

from models.risk_model import RiskModel, load
from pipeline.config import load_config
from pipeline.tracking.runs import open_tracking

DAYS = ("2025-12-16", "2025-12-17")  # the middle between two monthly snapshots of the year before
POINT = 0.01


def published(project: Project, as_of: str) -> tuple[pd.Series, pd.DataFrame]:
    """The risks and the features of a list, by account."""
    (folder,) = project.scores.glob(f"as_of={as_of}/*/*")
    risks, known = (
        pd.read_parquet(folder / f"{name}.parquet").set_index("account_id")
        for name in ("scores", "features")
    )
    return risks.loc[known.index, "risk"], known


def champion(project: Project, folder: Path) -> RiskModel:
    registry = open_tracking(load_config(project.config)).registry
    return load(registry.download(1, folder))


@pytest.mark.long
def test_fault_73_the_calendar_alone_moves_no_risk_by_a_point_a_day(
    trained: Project, tmp_path_factory
) -> None:
    shutil.rmtree(trained.scores)
    for day in DAYS:
        trained.done("score", "--as-of", day)
    risks, known = published(trained, DAYS[1])
    model = champion(trained, tmp_path_factory.mktemp("model"))
    features = known[list(model.columns)].to_numpy(dtype="float64")

    def risk(day: date) -> np.ndarray:
        return model.risk(features, model.columns, day)

    first, second = map(date.fromisoformat, DAYS)
    assert np.array_equal(risk(second), risks.to_numpy())
    by_calendar = np.abs(risk(second) - risk(first))
    assert 0 < by_calendar.max() < POINT  # the season counts
