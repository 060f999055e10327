"""Inputs from which little or nothing can be learned end in a clear message or an honest answer."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from project import AS_OF, Project, make_project

from pipeline.market import simulate


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some sixty accounts in the cohort, far fewer than features."""
    folder = tmp_path_factory.mktemp("tiny")
    simulate(folder, accounts=90, months=24, seed=3, end=AS_OF)
    return folder


def test_a_single_snapshot_has_no_earlier_one_to_learn_from(project: Project) -> None:
    project.take_few_features()
    first, last = date(2025, 5, 1), date(2025, 5, 1)
    project.change(snapshots={"first": first, "last": last, "every": "month"})
    done = project.defection("train")
    assert done.returncode == 65
    assert "2025-05-01: 0 earlier snapshots with complete labels, 2 needed" in done.stderr
    assert "give more history" in done.stderr


def test_a_source_without_rows_is_refused_and_named(project: Project, market: Path) -> None:
    empty = project.folder / "complaints.parquet"
    pq.write_table(pq.read_table(market / "complaints.parquet").slice(0, 0), empty)
    sources = {name: {"path": str(market / f"{name}.parquet")} for name in ("orders", "touches")}
    project.change(sources=sources | {"complaints": {"path": str(empty)}})
    done = project.defection("train")
    assert done.returncode == 65
    assert "0 rows; at least 1 is needed" in done.stderr
    assert "take `sources.complaints` out of the config" in done.stderr


@pytest.mark.long
@pytest.mark.trains
def test_with_fewer_accounts_than_features_the_answer_is_as_wide_as_it_should_be(
    tmp_path: Path, tiny: Path
) -> None:
    project = make_project(tmp_path, tiny)
    project.change(features={})  # all windows
    done = project.defection("train")
    assert done.returncode == 0, done.stderr
    assert "248 features" in done.stdout
    (mean,) = (line for line in done.stdout.splitlines() if line.startswith("mean"))
    low, high = (float(part) for part in mean.split("(")[1].split(")")[0].split(" to "))
    assert high - low > 0.05  # nobody should read much into it


@pytest.mark.long
@pytest.mark.trains
def test_a_family_that_knows_nothing_of_anybody_does_no_harm(tmp_path: Path, tiny: Path) -> None:
    project = make_project(tmp_path, tiny)
    touches = pq.read_table(tiny / "touches.parquet")
    strangers = pc.binary_join_element_wise("stranger", touches["account_id"].cast(pa.string()), "")
    place = touches.column_names.index("account_id")
    pq.write_table(
        touches.set_column(place, "account_id", strangers), project.folder / "touches.parquet"
    )
    sources = {name: {"path": str(tiny / f"{name}.parquet")} for name in ("orders",)}
    project.change(
        sources=sources | {"touches": {"path": "touches.parquet"}},
        features={"families": ["order_history", "contact_breadth"]},
    )
    done = project.defection("train")
    assert done.returncode == 0, done.stderr
    assert "Registered as version 1" in done.stdout
