"""A training table that is a sample, beside the whole one.

Of so few accounts a sample is rough; that it says the same of many is shown in tests/laws.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from project import Project, make_project

from models import measures
from models.dataset import Dataset
from models.out_of_time import rolling
from pipeline.config import Config, load_config
from pipeline.console import Steps
from pipeline.tables.training_table import TrainingTable
from pipeline.training import choices
from pipeline.training.evaluation import Facts
from pipeline.training.label_audit import LabelAudit, audit_labels
from pipeline.training.leakage import LeakageReport, examine
from pipeline.training.learners import learners_of
from pipeline.training.preparation import open_engine, prepare

pytestmark = pytest.mark.long

MOST_ROWS = 1_200
KEYS = ["account_id", "as_of"]

Built = tuple[Config, TrainingTable, LabelAudit, LeakageReport]


def built(project: Project, most_rows: int) -> Built:
    """The table, its audit and its leakage report; the config allows no sample so small."""
    project.take_few_features()
    config = load_config(project.config)
    config = config.model_copy(
        update={"model": config.model.model_copy(update={"most_rows": most_rows})}
    )
    with open_engine(config) as engine:
        prepared = prepare(engine, config, Steps(None))
        table = prepared.table
        until = prepared.sources.tables["orders"].complete_until
        audit = audit_labels(engine, config.label, table.accounts(), until)
        report = examine(engine, config, prepared.sources, table, table.dataset, Steps(None))
    return config, table, audit, report


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, market: Path) -> Built:
    return built(make_project(tmp_path_factory.mktemp("whole"), market), 150_000)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, market: Path) -> Built:
    return built(make_project(tmp_path_factory.mktemp("sample"), market), MOST_ROWS)


def test_a_kept_row_is_the_row_of_the_whole_table(whole: Built, sample: Built) -> None:
    every, kept = whole[1].frame, sample[1].frame
    assert len(kept) < 0.8 * len(every)
    assert whole[1].sample() is None
    assert f"{len(kept):,} of " in str(sample[1].sample())
    same = every.merge(kept[KEYS], on=KEYS).reset_index(drop=True)
    pd.testing.assert_frame_equal(same, kept)


def test_the_tests_and_the_snapshot_before_them_have_all_accounts(
    whole: Built, sample: Built
) -> None:
    counts = [found[1].frame.groupby("as_of").size() for found in (whole, sample)]
    assert (counts[0].index == counts[1].index).all()
    assert (counts[0][-3:] == counts[1][-3:]).all()
    assert (counts[1][:-3] < counts[0][:-3]).all()
    dataset = sample[1].dataset
    weight = pd.Series(dataset.weight).groupby(dataset.as_of).sum().to_numpy()
    assert weight == pytest.approx(counts[0].to_numpy(), rel=0.2)
    mature_for_all = np.isin(dataset.as_of, sample[1].horizon_dataset(180).as_of)
    learned = (dataset.weight > 0) & mature_for_all
    assert learned.sum() == pytest.approx(MOST_ROWS, rel=0.2)


def test_rates_ranks_and_audit_stand_for_all_accounts(whole: Built, sample: Built) -> None:
    rates = [found[1].dataset.rates() for found in (whole, sample)]
    gaps = [abs(rates[0][day] - rates[1][day]) for day in rates[0]]
    assert np.mean(gaps) < 0.06
    here = np.isin(_keys(whole[1].dataset), _keys(sample[1].dataset))
    ranks = whole[1].panel.ranks[whole[1].dataset.row[here]]
    off = np.abs(ranks - sample[1].panel.ranks[sample[1].dataset.row])
    assert np.nanmean(off) < 0.02
    groups = [{(g.as_of, g.tier): g for g in found[2].groups} for found in (whole, sample)]
    for tier in ("all", "A", "B", "C"):
        one, other = (found[None, tier] for found in groups)
        assert other.accounts == pytest.approx(one.accounts, rel=0.2)
        assert other.defected == pytest.approx(one.defected, abs=0.08)


def test_the_leakage_check_does_not_miss_what_was_not_drawn(sample: Built) -> None:
    report = sample[3]
    assert report.passed
    assert report.point_in_time.accounts > 50


def test_a_model_of_the_sample_predicts_all_accounts_of_the_tests(
    whole: Built, sample: Built
) -> None:
    areas = []
    for config, table, *_ in (whole, sample):
        settings, tests = (
            choices.model_settings(config),
            choices.test_snapshots(config, table.dataset),
        )
        found = rolling(learners_of(table, tests, settings).together, tests, {})
        last = found.at(tests[-1])
        areas.append(measures.auc(last.label, last.raw))
        facts = Facts.of(table, found, 365)
        assert len(facts.value) == len(found)
        assert len(last) == (whole[1].frame["as_of"] == pd.Timestamp(tests[-1])).sum()
    assert areas[1] == pytest.approx(areas[0], abs=0.05)


def _keys(dataset: Dataset) -> np.ndarray:
    return np.array([f"{a} {day}" for a, day in zip(dataset.account, dataset.as_of, strict=True)])
