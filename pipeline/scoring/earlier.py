"""What earlier publications said, and whom their lists named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config.form import MONTH, ScoringConfig
from pipeline.scoring.list_status import DELAYED, LISTED
from pipeline.scoring.publication import date_of, newest_before, read_manifest


class Named(NamedTuple):
    """An account that a list named: which list, and who owned the account."""

    list: str
    owner_id: str | None


@dataclass(frozen=True)
class EarlierLists:
    """Whom earlier lists named.

    since: the date of the list before; None without one. named: accounts that it listed or delayed.
    of_month: accounts that earlier lists of the same calendar month listed, and lately: those that
    lists within the rest after a call did; both empty where capacity is counted by list. inputs:
    what the lists read were made from, by date.
    """

    since: date | None = None
    named: frozenset[str] = frozenset()
    of_month: Mapping[str, Named] = field(default_factory=dict)
    lately: frozenset[str] = frozenset()
    inputs: Mapping[str, str] = field(default_factory=dict)


NO_LISTS = EarlierLists()


def earlier_lists(
    root: Path, as_of: date, meaning: Mapping[str, Any], scoring: ScoringConfig
) -> EarlierLists:
    """Read the lists of the same meaning before a date; see `publication.newest_before`."""
    of_month: dict[str, Named] = {}
    lately: set[str] = set()
    inputs: dict[str, str] = {}
    named: frozenset[str] = frozenset()
    since = None
    for day, folder in _publications(root, as_of, meaning):
        rest = day >= as_of - timedelta(days=scoring.cooldown_days)
        this_month = (day.year, day.month) == (as_of.year, as_of.month)
        by_month = scoring.capacity_per == MONTH and (rest or this_month)
        if since is not None and not by_month:
            break
        columns = ["account_id", "list", "owner_id", "list_status"]
        table = pq.read_table(folder / "scores.parquet", columns=columns)
        listed = _with(table, LISTED)
        if since is None:
            since = day
            named = frozenset(_ids(listed)) | frozenset(_ids(_with(table, DELAYED)))
        if by_month:
            inputs[str(day)] = read_manifest(folder)["inputs_sha256"]
            if rest:
                lately |= set(_ids(listed))
            if this_month:
                rows = listed.select(columns[:-1]).to_pylist()
                of_month |= {row.pop("account_id"): Named(**row) for row in rows}
    return EarlierLists(since, named, of_month, frozenset(lately), inputs)


def earlier_risk(folder: Path | None) -> pd.Series:
    """The risks of a publication, by account_id; none where there is no publication."""
    if folder is None:
        return pd.Series(dtype="float64")
    table = pq.read_table(folder / "scores.parquet", columns=["account_id", "risk"]).to_pandas()
    risk: pd.Series = table.set_index("account_id")["risk"]
    return risk


def _publications(
    root: Path, as_of: date, meaning: Mapping[str, Any]
) -> Iterator[tuple[date, Path]]:
    """The publications before a date, newest first."""
    while (folder := newest_before(root, as_of, meaning)) is not None:
        as_of = date_of(folder)
        yield as_of, folder


def _with(table: pa.Table, status: str) -> pa.Table:
    return table.filter(pc.equal(table["list_status"], status))


def _ids(table: pa.Table) -> list[str]:
    ids: list[str] = table["account_id"].to_pylist()
    return ids
