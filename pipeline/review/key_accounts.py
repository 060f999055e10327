"""The key accounts that another model would put into another band today, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pipeline.config import Config
from pipeline.console import Steps
from pipeline.scoring.reasons import Reason, explained
from pipeline.scoring.score import (
    refuse_other_definitions,
    requested,
    scored,
    sources_for,
)
from pipeline.tables.training_table import selected_features
from pipeline.training.preparation import Prepared, open_engine

_GROUPS = 2
"""Groups of features that are named for each account: those that moved it most."""


@dataclass(frozen=True)
class Moved:
    """A key account whose band changes. before, after: bands. risks: 0-1.

    why: for each group that moved it most, what it says and what it adds to the log odds by the
    champion and by the challenger.
    """

    account_id: str
    name: str | None
    before: str
    after: str
    risk_before: float
    risk_after: float
    why: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class Bands:
    """What both models say of the newest snapshot.

    counts: accounts by (band of the champion, band of the challenger). key_accounts: how many there
    are; moved: those of them whose band changes, the largest change of risk first.
    """

    as_of: date
    counts: Mapping[tuple[str, str], int]
    key_accounts: int
    moved: tuple[Moved, ...]


def newest_snapshot(config: Config, prepared: Prepared) -> date:
    """The last snapshot that could be scored with these data, its outcome being known or not."""
    ends = [table.complete_until for table in prepared.sources.tables.values() if table.is_event]
    limit = min(ends) + timedelta(days=config.scoring.max_staleness_days)
    mature: date = prepared.table.frame["as_of"].max().date()
    fresh = [day for day in prepared.immature if datetime.combine(day, time()) <= limit]
    return max([mature, *fresh])


def bands(
    challenger: Config, champion: Config, as_of: date, version: int, in_use: int, steps: Steps
) -> Bands:
    """Score a snapshot with both registered models; nothing is written.

    challenger, champion: the configs with the recipe of each. version, in_use: their numbers. Where
    no outcome is known yet, this says what would change, not which is better. Errors: as for
    `score`.
    """
    with open_engine(challenger) as engine:
        new = requested(challenger, as_of, str(version))
        old = requested(champion, as_of, str(in_use))
        sources, selection = sources_for(engine, new, steps)
        now, scores = scored(engine, sources, selection, new, steps)
        learned_from = selected_features(champion, sources)
        refuse_other_definitions(champion, learned_from, old.model, in_use)
        then, before = scored(engine, sources, learned_from, old, steps)
    columns = ["account_id", "name", "key_account", "risk", "risk_band"]
    both = (
        scores.select(columns)
        .to_pandas()
        .merge(
            before.select(["account_id", "risk", "risk_band"]).to_pandas(),
            on="account_id",
            suffixes=("", "_before"),
            validate="one_to_one",
        )
        .dropna(subset=["risk", "risk_before"])  # who departed has none
    )
    changed = both[both["key_account"] & (both["risk_band"] != both["risk_band_before"])]
    ids = changed["account_id"].tolist()
    # Groups are told here, not their sentences, so nobody's role is needed.
    why = explained(challenger, new.model, now, ids, sources.currency, roles={})
    why_before = explained(champion, old.model, then, ids, sources.currency, roles={})
    moved = [
        Moved(
            account_id=row["account_id"],
            name=row["name"],
            before=row["risk_band_before"],
            after=row["risk_band"],
            risk_before=row["risk_before"],
            risk_after=row["risk"],
            why=_why(why[row["account_id"]], why_before[row["account_id"]]),
        )
        for row in changed.to_dict("records")
    ]
    return Bands(
        as_of,
        both.groupby(["risk_band_before", "risk_band"]).size().to_dict(),
        int(both["key_account"].sum()),
        tuple(sorted(moved, key=lambda m: (-abs(m.risk_after - m.risk_before), m.account_id))),
    )


def _why(now: Sequence[Reason], before: Sequence[Reason]) -> tuple[tuple[str, float, float], ...]:
    adds = {reason.group.says: reason.adds for reason in now}
    added = {reason.group.says: reason.adds for reason in before}
    says = sorted(
        {*adds, *added}, key=lambda text: (-abs(adds.get(text, 0) - added.get(text, 0)), text)
    )
    return tuple((text, added.get(text, 0.0), adds.get(text, 0.0)) for text in says[:_GROUPS])
