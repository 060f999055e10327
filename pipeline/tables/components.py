"""Which accounts must be computed together: those that are ever tied to each other.

Tied are accounts that were ever merged, also where the merge was undone or withdrawn; an account
and a parent it ever had; and accounts that versions of the same row name, such as an order that was
booked on one account and corrected to another. Snapshots before and after such a change need the
rows of both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from features.contract import ACCOUNT_MERGES, ACCOUNTS, TABLES
from pipeline.engines import Engine

ACCOUNT_ID = "account_id"


@dataclass(frozen=True)
class Component:
    """Accounts that are computed together; smallest: of their ids; rows: in all tables."""

    smallest: str
    accounts: int
    rows: int


def components(engine: Engine) -> pd.DataFrame:
    """account_id, component (the smallest id in it) and rows of every account, by account_id."""
    counted = [
        f"SELECT account_id, COUNT(*) AS rows FROM {table} GROUP BY account_id"
        for table in by_account(engine)
    ]
    if not counted:
        return pd.DataFrame({"account_id": [], "component": [], "rows": []})
    rows = engine.frame(
        "SELECT account_id, CAST(SUM(rows) AS BIGINT) AS rows "
        f"FROM ({' UNION ALL '.join(counted)}) AS counted GROUP BY account_id"
    ).set_index("account_id")["rows"]
    ties = [engine.frame(query) for query in _ties(engine)]
    one, other = (
        np.concatenate([np.empty(0, object), *(tie[name].to_numpy(object) for tie in ties)])
        for name in ("one", "other")
    )
    ids = pd.Index(np.unique(np.concatenate([rows.index.to_numpy(object), one, other])))
    ends = (ids.get_indexer(one), ids.get_indexer(other))
    graph = coo_matrix((np.ones(len(one), np.int8), ends), shape=(len(ids), len(ids)))
    _, label = connected_components(graph, directed=False)
    first = np.unique(label, return_index=True)[1]
    return pd.DataFrame(
        {
            "account_id": ids,
            "component": ids[first[label]],
            "rows": rows.reindex(ids, fill_value=0).to_numpy(np.int64),
        }
    )


def by_account(engine: Engine) -> list[str]:
    """The canonical tables that the engine holds and whose rows belong to an account."""
    return [
        name
        for name, table in TABLES.items()
        if ACCOUNT_ID in table.names and engine.has_table(name)
    ]


def assign(found: pd.DataFrame, count: int) -> tuple[npt.NDArray[np.int64], tuple[Component, ...]]:
    """Return the shard of each row of `components`, (n,), and the components that are alone.

    count: the shards among which components are spread by a hash of their smallest id. One with
    more rows than a shard's share gets a shard of its own, further ones. Shards are numbered from
    0 on, and none is empty.
    """
    by_component = found.groupby("component", sort=True)["rows"].agg(["size", "sum"])
    share = by_component["sum"].sum() / count
    large = by_component[by_component["sum"] > share]
    alone = [Component(name, size, rows) for name, size, rows in large.itertuples()]
    shard = {name: _hash(name) % count for name in by_component.index}
    shard |= {component.smallest: count + place for place, component in enumerate(alone)}
    numbers = found["component"].map(shard).to_numpy(np.int64)
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64), tuple(alone)


def _ties(engine: Engine) -> Iterator[str]:
    """SQL: pairs of accounts, `one` and `other`, that are tied."""
    if engine.has_table(ACCOUNT_MERGES.name):
        yield f"SELECT from_id AS one, into_id AS other FROM {ACCOUNT_MERGES.name}"
    if engine.has_table(ACCOUNTS.name):
        yield (
            f"SELECT DISTINCT account_id AS one, parent_id AS other FROM {ACCOUNTS.name} "
            "WHERE parent_id IS NOT NULL"
        )
    for name in by_account(engine):
        key = [column for column in TABLES[name].key if column in TABLES[name].stored()]
        if key and ACCOUNT_ID not in key:
            columns = ", ".join(key)
            yield (
                f"SELECT DISTINCT older.account_id AS one, newer.account_id AS other "
                f"FROM {name} AS newer JOIN (SELECT DISTINCT {columns}, account_id FROM {name} "
                f"WHERE superseded_at IS NOT NULL) AS older USING ({columns}) "
                "WHERE older.account_id <> newer.account_id"
            )


def _hash(name: str) -> int:
    """A whole number, always the same for the same id; not that of `pipeline.tables.sampling`."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[-8:])
