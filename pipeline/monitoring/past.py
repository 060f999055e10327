"""The publications before a date: what they said, and whose label they said it of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.engines import Engine
from pipeline.scoring.publication import date_of, newest_before, read_manifest, version_of
from pipeline.tables.label_definitions import Label
from pipeline.tables.training_table import label_frame


@dataclass(frozen=True)
class Past:
    """A publication: its folder, date, model version and the hash of its inputs."""

    folder: Path
    as_of: date
    version: int
    inputs_sha256: str

    def scores(self, *columns: str) -> pd.DataFrame:
        """The accounts that were scored, with some columns; those published as lost are not."""
        table = pq.read_table(self.folder / "scores.parquet", columns=["rank", *columns])
        frame: pd.DataFrame = table.to_pandas()
        return frame[frame["rank"].notna()].drop(columns="rank").reset_index(drop=True)


def past_publications(root: Path, before: date, config: Config) -> list[Past]:
    """The publications of the same meaning with an earlier as_of, oldest first."""
    found: list[Past] = []
    meaning = config.meaning_of_risk()
    folder = newest_before(root, before, meaning)
    while folder is not None:
        found.append(_past(folder))
        folder = newest_before(root, found[-1].as_of, meaning)
    return found[::-1]


def one_a_week(pasts: Sequence[Past]) -> list[Past]:
    """Of each calendar week the last: nightly lists say nearly the same.

    pasts: oldest first, and so is the answer.
    """
    weeks = {past.as_of.isocalendar()[:2]: past for past in pasts}
    return list(weeks.values())


def newest_publication(root: Path, as_of: date, config: Config) -> Past | None:
    """The publication of a date, or the newest before it."""
    folder = newest_before(root, as_of + timedelta(days=1), config.meaning_of_risk())
    return None if folder is None else _past(folder)


def labels_of(engine: Engine, label: Label, scored: Sequence[tuple[date, Any]]) -> pd.DataFrame:
    """account_id, as_of, label_complete, defected, treated of accounts at their publications.

    scored: dates, and the ids of the accounts scored at each; all with a complete label. Asked by
    the very definition that training uses; see `pipeline.tables.labels`.
    """
    cohort = pa.table(
        {
            "account_id": pa.array(
                [account for _, accounts in scored for account in accounts], pa.string()
            ),
            "as_of": pa.array([day for day, accounts in scored for _ in accounts], pa.date32()),
        }
    )
    engine.register("cohort", cohort)
    return label_frame(engine, label, [day for day, _ in scored])


def _past(folder: Path) -> Past:
    return Past(
        folder,
        date_of(folder),
        version_of(folder),
        str(read_manifest(folder)["inputs_sha256"]),
    )
