"""The published columns that say why: of the accounts that are listed, null for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.config.playbook import Playbook
from pipeline.scoring.reasons import MOST, Reason, stated

REASON_COLUMNS = (
    *(f"reason_{place}" for place in range(1, MOST + 1)),
    *(f"reason_family_{place}" for place in range(1, MOST + 1)),
    "controllable",
    "play",
    "play_owner",
)


def with_reasons(
    scores: pa.Table, reasons: Mapping[str, Sequence[Reason]], playbook: Playbook
) -> pa.Table:
    """Fill in the reasons and what to do; by account_id. An account not among them has none."""
    filled = {account: _columns(mine, playbook) for account, mine in reasons.items()}
    accounts = scores["account_id"].to_pylist()
    for name in REASON_COLUMNS:
        values = pa.array([filled.get(account, {}).get(name) for account in accounts], pa.string())
        scores = scores.set_column(scores.column_names.index(name), name, values)
    return scores


def _columns(reasons: Sequence[Reason], playbook: Playbook) -> dict[str, str | None]:
    """What is published of one account, by column; the strongest reason decides what to do."""
    published = stated(reasons)
    columns: dict[str, str | None] = {}
    for place, reason in enumerate(published, start=1):
        columns[f"reason_{place}"] = reason.text
        columns[f"reason_family_{place}"] = reason.group.family
    for reason in published[:1]:
        columns["controllable"] = playbook.answer(reason.group.name).controllable
        play = playbook.first_play(reason.group.name)
        columns |= {"play": play, "play_owner": playbook.plays[play].owner}
    return columns
