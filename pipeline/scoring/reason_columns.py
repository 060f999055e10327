"""The published columns that say why: of the accounts that are listed, null for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.scoring.reasons import MOST, Reason, stated

REASON_COLUMNS = (
    *(f"reason_{place}" for place in range(1, MOST + 1)),
    *(f"reason_family_{place}" for place in range(1, MOST + 1)),
)


def with_reasons(scores: pa.Table, reasons: Mapping[str, Sequence[Reason]]) -> pa.Table:
    """Fill in the reasons; by account_id. An account that is not among them has none."""
    told = {account: _columns(mine) for account, mine in reasons.items()}
    accounts = scores["account_id"].to_pylist()
    for name in REASON_COLUMNS:
        values = pa.array([told.get(account, {}).get(name) for account in accounts], pa.string())
        scores = scores.set_column(scores.column_names.index(name), name, values)
    return scores


def _columns(reasons: Sequence[Reason]) -> dict[str, str | None]:
    """What is published of one account, by column."""
    columns: dict[str, str | None] = {}
    for place, reason in enumerate(stated(reasons), start=1):
        columns[f"reason_{place}"] = reason.text
        columns[f"reason_family_{place}"] = reason.group.family
    return columns
