"""A table of what was done about accounts, as a project's source."""

from __future__ import annotations

import pandas as pd
import yaml
from project import Project

HEAD = "account_id,as_of,action,date,result,by,cause\n"


def add_outcomes(project: Project, rows: list[str]) -> None:
    """Write `outcomes.csv` with these rows, and let the config read it."""
    (project.folder / "outcomes.csv").write_text(HEAD + "".join(f"{row}\n" for row in rows))
    sources = yaml.safe_load(project.config.read_text())["sources"]
    project.change(sources=sources | {"outcomes": {"path": "outcomes.csv"}})


def call_in_september(project: Project) -> None:
    """Call a hundred accounts in the horizon of the last two test snapshots."""
    sources = yaml.safe_load(project.config.read_text())["sources"]
    accounts = pd.read_parquet(sources["accounts"]["path"])["account_id"].sort_values()
    add_outcomes(project, [f"{account},,call,2025-09-02,,R1,price" for account in accounts[:100]])
