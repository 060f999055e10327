"""One account whole: its risk and why, what to do, what moved, and what it did last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.errors import FeatureMismatch
from pipeline.config import Config
from pipeline.config.playbook import Playbook
from pipeline.console import Steps
from pipeline.engines import Engine
from pipeline.errors import DataError, DefectionError, UsageError
from pipeline.scoring.main_contacts import main_contact_roles
from pipeline.scoring.publication import SCORES, newest_before
from pipeline.scoring.reasons import Reason, explained
from pipeline.scoring.score import Request, requested, scored, sources_for
from pipeline.tables.cohort import cohort_rule
from pipeline.tables.label_definitions import label_of
from pipeline.tables.latest_events import Event, known_as, last_order_at, latest_events
from pipeline.training.preparation import open_engine

EVENTS = 5
"""Of each kind, that are shown."""


@dataclass(frozen=True)
class Before:
    """What the previous publication said of the account.

    risk: None where it was not scored then. reasons: from the features published then, by the model
    of now; empty where that cannot be told, and `why_not` says why.
    """

    as_of: str
    risk: float | None
    reasons: Sequence[Reason] = ()
    why_not: str = ""


@dataclass(frozen=True)
class Account:
    """An account at a snapshot.

    row: its published columns. scored: how many the cohort has; mean_risk: of theirs, 0-1. reasons:
    of its risk; a departed account has none.
    """

    row: Mapping[str, Any]
    scored: int
    mean_risk: float
    defection: str
    learned_until: date
    reasons: Sequence[Reason]
    playbook: Playbook
    before: Before | None
    events: Sequence[Event]


def explain(
    config: Config, steps: Steps, account: str, as_of: date, model: str = "champion"
) -> Account:
    """Explain the risk of one account; nothing is written.

    account: its id. model: an alias or a version number. Errors: as for `score`; DataError where
    the account is not in the cohort, UsageError where no source has it.
    """
    steps.know(as_of=as_of)
    steps.begin("Finding the model")
    request = requested(config, as_of, model)
    steps.know(version=request.version)
    config = request.config
    before = newest_before(config.output / SCORES, as_of, config.meaning_of_risk())
    request = replace(request, previous=before)
    with open_engine(config) as engine:
        steps.begin("Reading the sources")
        sources, selection = sources_for(engine, request, steps)
        frame, scores = scored(engine, sources, selection, request, steps)
        found = scores.filter(pc.equal(scores["account_id"], account)).to_pylist()
        if not found:
            raise _not_scored(engine, config, account, as_of)
        roles = main_contact_roles(engine, [account], as_of)
        reasons: Mapping[str, Sequence[Reason]] = {account: ()}
        if found[0]["crossed_on"] is None:  # reasons are those of the risk, of active accounts
            reasons = explained(config, request.model, frame, [account], sources.currency, roles)
        earlier = _before(engine, request, account, sources.currency)
        events = latest_events(engine, account, as_of, EVENTS, sources.currency)
    return Account(
        row=found[0],
        scored=scores.num_rows,
        mean_risk=float(np.nanmean(scores["risk"].to_numpy())),
        defection=label_of(config.label).says,
        learned_until=request.learned_until,
        reasons=reasons[account],
        playbook=request.playbook,
        before=earlier,
        events=events,
    )


def _not_scored(engine: Engine, config: Config, account: str, as_of: date) -> DefectionError:
    """Why the account has no risk at the snapshot."""
    into = known_as(engine, account, as_of)
    if into != account:
        return DataError(
            f"Account {account} had been merged into {into} by {as_of}: its orders count there. "
            f"Explain {into}."
        )
    last = last_order_at(engine, account, as_of)
    if last is not None:
        days = (as_of - last.date()).days
        return DataError(
            f"Account {account} is not in the cohort as of {as_of}: its last order known by then "
            f"was on {last:%Y-%m-%d}, {days} days before, and only accounts "
            f"{cohort_rule(engine, config).says} are scored. Choose an earlier --as-of to see how "
            "it went."
        )
    if latest_events(engine, account, as_of, 1, None):
        return DataError(
            f"Account {account} is not in the cohort as of {as_of}: no order of it was known by "
            "then, and only accounts that order are scored."
        )
    return UsageError(
        f"No source has an event of an account {account!r} before {as_of}. Ids are text, written "
        "exactly as in the sources; capitals and leading zeros count."
    )


def _before(engine: Engine, request: Request, account: str, currency: str | None) -> Before | None:
    """What the previous publication says of the account, if there is one."""
    folder = request.previous
    if folder is None:
        return None
    as_of = folder.parent.parent.name.removeprefix("as_of=")
    risk = _rows(folder / "scores.parquet", account, ["account_id", "risk"])
    if risk["risk"].null_count == risk.num_rows:  # not there, or told as lost
        return Before(as_of, None)
    published = Before(as_of, float(risk["risk"][0].as_py()))
    known = pq.read_table(folder / "features.parquet").to_pandas()
    if {*request.model.names} - {*known.columns}:
        return replace(published, why_not="other features were published then")
    try:
        roles = main_contact_roles(engine, [account], date.fromisoformat(as_of))
        found = explained(request.config, request.model, known, [account], currency, roles)
    except FeatureMismatch:
        return replace(published, why_not="too few accounts were published then")
    return replace(published, reasons=tuple(found[account]))


def _rows(path: Path, account: str, columns: list[str]) -> pa.Table:
    return pq.read_table(path, columns=columns, filters=[("account_id", "=", account)])
