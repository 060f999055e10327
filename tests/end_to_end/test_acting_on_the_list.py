"""A list that is acted on: what was done comes back in, and the next list and training know it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from project import Project, make_project

HEAD = "account_id,as_of,action,date,result,by,cause\n"


def with_outcomes(project: Project, rows: list[str]) -> None:
    (project.folder / "outcomes.csv").write_text(HEAD + "".join(f"{row}\n" for row in rows))


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory, market: Path) -> Project:
    """A project whose accounts A* were called in September 2025, in the horizon of three tests."""
    project = make_project(tmp_path_factory.mktemp("acted"), market)
    accounts = pd.read_parquet(market / "accounts.parquet")["account_id"].sort_values()
    with_outcomes(project, [f"{account},,call,2025-09-02,,R1,price" for account in accounts[:100]])
    project.change(
        sources={
            **{
                name: {"path": str(market / f"{name}.parquet")}
                for name in ("orders", "touches", "complaints", "accounts", "reps")
            },
            "outcomes": {"path": "outcomes.csv"},
        }
    )
    return project


def test_the_next_training_leaves_treated_accounts_out_and_says_how_many(acted) -> None:
    done = acted.defection("train")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Left out: ")]
    assert "of accounts acted on within the horizon (`backtest.treated`)" in line
    done = acted.defection("table", "--out", acted.folder / "table.parquet")
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(acted.folder / "table.parquet")
    marked = table[table["treated"] == 1]
    assert set(marked["as_of"].astype(str)) == {"2025-07-01", "2025-08-01", "2025-09-01"}
    tests = table[table["as_of"].isin(pd.to_datetime(["2025-08-01", "2025-09-01"]))]
    assert line.startswith(f"Left out: {tests['treated'].sum()} of {len(tests)} rows")
