"""The list beside the one before: who is new, up, down, the same, unlisted or left, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.scoring.list_status import LISTED, NO_LIST

NEW = "new"  # on the list and not on the one before, or not scored then
UP, DOWN, SAME = "up", "down", "same"  # the risk
UNLISTED = "unlisted"  # on the list before, and no more
LEFT = "left"  # scored before, and no longer in the cohort

_NOT_RECORDED = "not recorded"  # the list status of a publication that did not know of any

_KEPT = (
    *("account_id", "name", "owner_id", "horizon_days", "currency", "tier", "best_tier"),
    *("key_account", "last_order_at", "last_touch_at"),
)


def with_changes(
    scores: pa.Table,
    previous: Path | None,
    effects: pd.DataFrame | None,
    least_change: float,
) -> pa.Table:
    """The scores with `change_kind` and the effects behind `change`; empty without `previous`.

    effects: see `pipeline.scoring.effects.effects`. least_change: of the risk; less is the same.
    """
    if previous is None:
        return scores
    frame = scores.select(["account_id", "list_status", "change"]).to_pandas()
    then = frame["account_id"].map(_status_in(previous))
    listed, listed_then = frame["list_status"] == LISTED, then == LISTED
    change = frame["change"].to_numpy(dtype=np.float64)
    kind = np.select(
        [then.isna() | (listed & ~listed_then & (then != _NOT_RECORDED)), listed_then & ~listed],
        [NEW, UNLISTED],
        np.select(
            [(change >= least_change) & (change > 0), (change <= -least_change) & (change < 0)],
            [UP, DOWN],
            SAME,
        ),
    )
    now, before = scores["list"].to_pandas(), frame["account_id"].map(_list_in(previous))
    kind[(listed & before.notna() & (now != before)).to_numpy()] = NEW  # on the other list
    columns: dict[str, Any] = {"change_kind": kind}
    if effects is not None:
        columns |= effects.reindex(frame["account_id"])
    for name, values in columns.items():
        place = scores.schema.get_field_index(name)
        field = scores.schema.field(place)
        scores = scores.set_column(place, field, pa.array(values, field.type, from_pandas=True))
    return scores


def accounts_that_left(
    scores: pa.Table, previous: Path | None, merged: Mapping[str, str], model_version: int
) -> pa.Table:
    """Rows like those of `scores` for the accounts that were scored before, and are not now.

    They have no rank and no risk now; what else is said of them is what was said then. The best
    rank of then first. merged: accounts that have become part of another, and of which;
    they have not left if that is scored now, or was scored then, and so has left itself.
    """
    if previous is None:
        return scores.slice(0, 0)
    then = pq.read_table(previous / "scores.parquet")
    then = then.filter(pc.is_valid(then["rank"]))
    now = {*scores["account_id"].to_pylist()}
    told = now | {*then["account_id"].to_pylist()}
    gone_on = now | {account for account, into in merged.items() if into in told}
    here = pa.array(sorted(gone_on), pa.string())
    then = then.filter(pc.invert(pc.is_in(then["account_id"], here)))
    then = then.sort_by([("rank", "ascending")])
    rows = then.num_rows
    given = {
        **{name: then[name] for name in _KEPT if name in then.column_names},
        "as_of": pa.repeat(scores["as_of"][0], rows),
        "previous_risk": then["risk"],
        "list": pa.repeat(NO_LIST, rows),
        "list_status": pa.repeat(LEFT, rows),
        "change_kind": pa.repeat(LEFT, rows),
        "model_version": pa.repeat(model_version, rows),
    }
    return pa.table(
        {
            field.name: given[field.name].cast(field.type)
            if field.name in given
            else pa.nulls(rows, field.type)
            for field in scores.schema
        }
    )


def _list_in(folder: Path) -> pd.Series:
    """The list that an account was on in a publication, by account_id; none for one on none."""
    table = pq.read_table(folder / "scores.parquet")
    if "list" not in table.column_names:  # by a program that had one list only
        return pd.Series(dtype=object)
    frame = table.filter(pc.not_equal(table["list"], NO_LIST)).select(["account_id", "list"])
    found: pd.Series = frame.to_pandas().set_index("account_id")["list"]
    return found


def _status_in(folder: Path) -> pd.Series:
    """The list status of the accounts that a publication scored, by account_id."""
    table = pq.read_table(folder / "scores.parquet")
    if "list_status" not in table.column_names:  # by a program that did not know of it
        table = table.append_column("list_status", pa.repeat(_NOT_RECORDED, table.num_rows))
    frame = table.select(["account_id", "rank", "list_status"]).to_pandas()
    status: pd.Series = frame[frame["rank"].notna()].set_index("account_id")["list_status"]
    return status
