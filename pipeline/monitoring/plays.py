"""Results by play: whom the lists named with it, who was acted on, and who left all the same.

An account counts once a play, by the first list that named it with the play. Acted on means that
an action on it is dated within the horizon of that list. Who is acted on is no accident: the
shares of defectors of those acted on and of the others say nothing about what acting does. Only
what a coin decided does (`pipeline.monitoring.coin`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import Config
from pipeline.engines import Engine
from pipeline.monitoring.coin import coins, defected
from pipeline.monitoring.past import Past
from pipeline.scoring.list_status import DELAYED, HELD_OUT, LISTED
from pipeline.tables.actions import ACTIONS

NO_PLAY = "no play"
OTHERS = "others"
FEWEST_ALIKE = 5  # results told in the same words; what is told of one account may name it
_COLUMNS = ("account_id", "play", "list_status", "tier", "key_account")


Labels = Callable[[pd.DataFrame], pd.DataFrame]
"""From account_id and as_of of some accounts to account_id, as_of, defected of those whose label is
complete."""


def plays(
    engine: Engine, config: Config, pasts: Sequence[Past], labels: Labels, as_of: date
) -> dict[str, Any]:
    """Count by play, over publications oldest first; as plain values."""
    if not pasts:
        return {"why_not": "There is no earlier list.", "plays": [], "coins": []}
    named = pd.concat([past.scores(*_COLUMNS).assign(as_of=past.as_of) for past in pasts])
    named = named[named["list_status"].isin([LISTED, HELD_OUT, DELAYED])]
    named["as_of"] = pd.to_datetime(named["as_of"]).astype("datetime64[s]")
    named["play"] = named["play"].fillna(NO_PLAY)
    # What is counted of an account: its first list with a play, and its first list of a year.
    first = ~named.duplicated(["account_id", "play", "list_status"])
    first |= ~named.assign(year=named["as_of"].dt.year).duplicated(["account_id", "year"])
    named = named[first]
    known = labels(named[["account_id", "as_of"]].drop_duplicates())
    known = known.assign(as_of=pd.to_datetime(known["as_of"]).astype("datetime64[s]"))
    named = named.merge(
        known[["account_id", "as_of", "defected"]], on=["account_id", "as_of"], how="left"
    )
    listed = named[named["list_status"] == LISTED].drop_duplicates(["account_id", "play"])
    if engine.has_table(ACTIONS.table):
        listed = _with_actions(engine, listed, config.label.horizon_days, as_of)
        why_not = None
    else:
        listed = listed.assign(acted=False, result=None)
        why_not = "No outcomes are recorded (`sources.outcomes`): nobody can say who was acted on."
    found = [_play(str(play), rows) for play, rows in listed.groupby("play")]
    found.sort(key=lambda play: (-play["listed"], play["play"]))
    return {"why_not": why_not, "plays": found, "coins": coins(config.scoring.hold_out, named)}


def _with_actions(
    engine: Engine, listed: pd.DataFrame, horizon_days: int, as_of: date
) -> pd.DataFrame:
    """The listed accounts with `acted` and the result of the first action in the horizon."""
    actions = engine.frame(
        'SELECT account_id, "date" AS acted_at, result FROM outcomes WHERE NOT deleted '
        "AND known_at < ? AND (superseded_at IS NULL OR superseded_at >= ?) "
        'ORDER BY "date", account_id',
        [as_of, as_of],
    )
    found = listed[["account_id", "as_of"]].drop_duplicates().merge(actions, on="account_id")
    days = (pd.to_datetime(found["acted_at"]) - found["as_of"]).dt.days
    found = found[(days >= 0) & (days < horizon_days)]
    found = found.drop_duplicates(["account_id", "as_of"])[["account_id", "as_of", "result"]]
    merged = listed.merge(found.assign(acted=True), on=["account_id", "as_of"], how="left")
    merged["acted"] = merged["acted"].notna()
    return merged


def _play(play: str, rows: pd.DataFrame) -> dict[str, Any]:
    acted = rows["acted"].to_numpy(dtype=np.bool_)
    results = rows.loc[acted, "result"].fillna("not recorded").value_counts()
    named = results[results >= FEWEST_ALIKE]
    told = {str(result): int(count) for result, count in named.items()}
    if rest := int(results.sum() - named.sum()):
        told[OTHERS] = rest
    return {
        "play": play,
        "listed": len(rows),
        "acted": int(acted.sum()),
        "results": told,
        "acted_ripe": defected(rows[acted]),
        "not_acted_ripe": defected(rows[~acted]),
    }
