"""A family of one's own, through the real command line and under the laws."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from families_under_test import EXAMPLE
from project import Project

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [
    "early_orders_share_90d",
    "busiest_weekday_share_90d",
    "order_weekdays_count_90d",
    "visits_count_90d",
    "order_days_after_visit",
]


@pytest.fixture
def own(project: Project) -> Project:
    """A project with the documented example registered beside our order history."""
    (project.folder / "families").mkdir()
    shutil.copy(EXAMPLE, project.folder / "families")
    project.change(
        features={
            "families": ["order_history", "order_timing"],
            "own_families": {"order_timing": "families/order_timing.py"},
            "windows_days": [90],
        }
    )
    return project


def test_its_features_are_built_beside_ours_or_alone(own) -> None:
    for arguments in ((), ("--only", "order_timing")):
        done = own.defection("features", "--as-of", "2026-01-01", *arguments)
        assert done.returncode == 0, done.stderr
    both = pq.read_table(own.folder / "out/features_2026-01-01.parquet").to_pandas()
    alone = pq.read_table(own.folder / "out/features_2026-01-01_order_timing.parquet").to_pandas()
    assert list(alone.columns) == ["account_id", "as_of", *COLUMNS]
    assert both[alone.columns].equals(alone)
    assert {"orders_count_90d"} < {*both.columns} - {*alone.columns}
    moving = alone[COLUMNS].nunique()
    assert (moving > 2).all(), moving
    ordered = both["orders_count_90d"] > 0
    assert both.loc[ordered, "early_orders_share_90d"].between(0, 1).all()
    assert both.loc[ordered, "busiest_weekday_share_90d"].between(1 / 7, 1).all()
    assert both["early_orders_share_90d"].isna().equals(~ordered)


def test_a_training_table_of_one_family(own) -> None:
    done = own.defection("table", "--only", "order_timing")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(own.folder / "out/training_table_order_timing.parquet")
    assert table.column_names == [
        *("account_id", "as_of", *COLUMNS),
        *("label_complete", "defected", "treated"),
    ]


def test_a_family_without_its_sources_is_refused(own, market) -> None:
    own.change(
        sources={"orders": {"path": str(market / "orders.parquet")}},
        features={"families": ["order_history", "contact_breadth"]},
    )
    done = own.defection("features", "--as-of", "2026-01-01", "--only", "contact_breadth")
    assert done.returncode == 78
    assert "no feature of contact_breadth can be computed, for want of reps, touches" in done.stderr


def test_its_catalogue(own) -> None:
    done = own.defection("catalogue")
    assert "| `order_days_after_visit` | Days with an order line in the 30 days" in done.stdout
    assert "contacts_count" not in done.stdout


@pytest.mark.parametrize("command", [("features", "--as-of", "2026-01-01"), ("table",)])
@pytest.mark.parametrize(
    ("family", "said"),
    [
        ("order_timin", "did you mean 'order_timing'?"),
        ("contact_breadth", "leaves this family out"),
    ],
)
def test_a_family_that_is_not_configured(own, command, family, said) -> None:
    before = own.files()
    done = own.defection(*command, "--only", family)
    assert done.returncode == 64
    assert said in done.stderr
    assert own.files() == before


def test_a_broken_file_is_told_without_a_traceback(own) -> None:
    (own.folder / "families" / "order_timing.py").write_text("from features import nothing\n")
    done = own.defection("features", "--as-of", "2026-01-01")
    assert done.returncode == 78
    assert "order_timing.py, line 1: does not load: ImportError: cannot import" in done.stderr
    assert "Traceback" not in done.stderr
    shown = own.defection("--debug", "features", "--as-of", "2026-01-01")
    assert "Traceback" in shown.stderr
    (own.folder / "families" / "order_timing.py").unlink()
    assert own.defection("features", "--as-of", "2026-01-01").returncode == 66


LEAK = """
from features.definition import Definition, Family
from features.populations import Population
from features.values import Count

lines = Population("lines", "orders"{since})
value = Definition("lines_number", "Order lines.", "lines", "never null", Count(lines))
FAMILY = Family("{name}", "Lines.", "orders", (value,))
"""


@pytest.mark.long
@pytest.mark.starts_process
def test_the_laws_catch_a_leak_in_a_family_of_ones_own(tmp_path) -> None:
    """Who leaves `known_at` out sees a row before it was known."""
    files = []
    for name, since in (("sound", ""), ("leaky", ", since=('occurred_at',)")):
        files.append(tmp_path / f"{name}.py")
        files[-1].write_text(LEAK.format(name=name, since=since))
    laws = ["-k", "test_truncation and (sound or leaky)", "tests/laws/test_leakage_laws.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *laws],
        cwd=ROOT,
        env=os.environ
        | {"DEFECTION_FAMILIES": os.pathsep.join(map(str, files)), "LAWS_EXAMPLES": "15"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "lines_number of" in done.stdout
    assert re.findall(r"FAILED \S+\[(\w+)\]", done.stdout) == ["leaky"]
    assert "1 failed, 1 passed" in done.stdout
