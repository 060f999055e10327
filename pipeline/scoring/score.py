"""Scores one snapshot with a registered model and publishes the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.contact_breadth import touches
from features.contract import TABLES
from features.definition import Selection, select
from features.values import Last
from models import drift, risk_model, value_at_stake
from models.drift import Reference
from models.errors import FeatureMismatch
from models.risk_model import DAYS_PAST_PATIENCE, RiskModel
from models.value_at_stake import ValueAtStake
from pipeline import console
from pipeline.config import Config
from pipeline.config.form import PostgresqlConfig
from pipeline.config.playbook import Playbook, load_playbook
from pipeline.console import Steps
from pipeline.engines import Engine, quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import ConfigError, DataError, UsageError
from pipeline.guards import profile
from pipeline.guards.crossings import expected_crossings
from pipeline.guards.measure import measure
from pipeline.guards.profile import Profile
from pipeline.scoring.about_list import SORTED_BY_SIZE, about_list
from pipeline.scoring.change import accounts_that_left, with_changes
from pipeline.scoring.columns import SCHEMA_VERSION
from pipeline.scoring.cooldown import last_action, lists_acted_on, resting
from pipeline.scoring.database import require_database, write_to_database
from pipeline.scoring.earlier import EarlierLists, earlier_lists, earlier_risk
from pipeline.scoring.effects import effects
from pipeline.scoring.guard import COMPARED, Guard, checked_reason, command_of, guard_sources
from pipeline.scoring.known_features import require_known
from pipeline.scoring.list_status import KEEP, WIN_BACK
from pipeline.scoring.listing import listed_rows, with_list_status
from pipeline.scoring.lists import LISTS, write_lists
from pipeline.scoring.main_contacts import main_contact_roles
from pipeline.scoring.next_list import next_list
from pipeline.scoring.publication import (
    MANIFEST,
    MEANING,
    NEXT_LIST,
    REPLAYS,
    SCORES,
    TRIALS,
    Publication,
    newest_before,
    publish,
    read_manifest,
    while_newest,
)
from pipeline.scoring.reason_columns import with_reasons
from pipeline.scoring.reasons import explained
from pipeline.scoring.score_table import Predicted, score_table, shown_values
from pipeline.scoring.win_back import BEFORE_LAST_ORDER, margin_before_last_order
from pipeline.scratch import ScratchFolder
from pipeline.sources import Sources, load_sources
from pipeline.sources.account_choice import chosen_accounts
from pipeline.sources.quarantine import write_quarantine
from pipeline.tables.cohort import cohort_rule
from pipeline.tables.derived import make_derived_tables
from pipeline.tables.identity import merged_by
from pipeline.tables.shards import split_into_shards
from pipeline.tables.training_table import (
    float_columns,
    model_columns,
    selected_features,
    snapshot_features,
)
from pipeline.tracking.registry import CHAMPION, ModelVersion, Registry
from pipeline.tracking.runs import open_tracking
from pipeline.tracking.settled_label import with_label_of
from pipeline.training.preparation import open_engine, refuse_stale, require_orders
from pipeline.version import code_version, released_version
from pipeline.wording import counted, listed

FILES = ("scores.parquet", "features.parquet", profile.FILE, *LISTS, MANIFEST)
"""What a publication holds."""

_ROWS_AT_ONCE = 2**16


@dataclass(frozen=True)
class Request:
    """What is to be scored, with which model and playbook, and which publications came before.

    trial: whether another version than that of the last promotion scores. previous: the newest.
    acted_on: see `pipeline.scoring.cooldown.lists_acted_on`. reference: what
    the features were like in training; None for a model that was registered without.
    """

    config: Config
    as_of: date
    version: int
    model: RiskModel
    value: ValueAtStake
    playbook: Playbook
    model_sha256: Mapping[str, str]
    trial: bool = False
    reference: Reference | None = None
    training: Profile | None = None
    previous: Path | None = None
    acted_on: Mapping[date, Path | None] = field(default_factory=dict)
    earlier: EarlierLists = field(default_factory=EarlierLists)

    @property
    def learned_until(self) -> date:
        """The end of what the model learned from; an earlier date's scores would use the future."""
        years = self.value.outcome_end
        return max(self.model.label_end, date.fromisoformat(years) if years else date.min)


@dataclass(frozen=True)
class Prepared:
    """All that is read before an account is scored.

    root: the folder to publish in. lists: that of the publications that count as lists before.
    inputs: what decides the content; see `publish`. command, reason: see `Guard`.
    """

    request: Request
    sources: Sources
    selection: Selection
    root: Path
    lists: Path
    inputs: Mapping[str, Any]
    command: str
    reason: str

    @property
    def is_replay(self) -> bool:
        """Whether it is a look at the past with a model of later, and no publication."""
        return self.request.as_of < self.request.learned_until

    @property
    def sink(self) -> PostgresqlConfig | None:
        """The table that the scores also go to; none for a replay or a trial."""
        return self.request.config.scoring.postgresql if self.root.name == SCORES else None

    def guard(self, engine: DuckDBEngine) -> Guard | None:
        """The sources beside what they were like before; None for a replay."""
        if self.is_replay:
            return None
        request = self.request
        return guard_sources(
            engine,
            [*self.sources.tables.values()],
            request.config,
            root=self.lists,
            as_of=request.as_of,
            version=request.version,
            training=request.training,
            command=self.command,
            reason=self.reason,
        )

    def require_alike(self, guard: Guard, engine: DuckDBEngine) -> None:
        """What `Guard.require_alike` raises, and with it what no reason given can accept."""
        try:
            guard.require_alike()
        except DataError as error:
            if why := self._cannot_score(engine):
                raise DataError(f"{error}\nA reason is not enough. {why}") from None
            raise

    def _cannot_score(self, engine: DuckDBEngine) -> str:
        """Why the cohort cannot be scored, in words; empty where it can."""
        try:
            self.require_cohort(engine)
        except (DataError, FeatureMismatch) as error:
            return str(error)
        return ""

    def require_cohort(self, engine: DuckDBEngine) -> int:
        """Count the cohort. DataError or FeatureMismatch where it cannot be scored."""
        request = self.request
        cohort_rule(engine, request.config).make(engine, "cohort", [request.as_of])
        ((accounts,),) = engine.rows("SELECT COUNT(*) FROM cohort")
        require_accounts(request.config, request.as_of, accounts)
        request.model.require([each.name for each in self.selection.features], accounts)
        return int(accounts)


def score(
    config: Config,
    steps: Steps,
    as_of: date,
    model: str = "champion",
    *,
    replay: bool = False,
    accept: str | None = None,
) -> Publication:
    """Score the active cohort at `as_of` and publish under `scores`, a replay under `replays`.

    model: an alias or a version number; another version than that of the last promotion publishes
    under `trials`. replay: allow an `as_of` that the model's training labels reach beyond. accept:
    why sources that differ much from before are right. Errors: ConfigError for an unknown model,
    one trained for another label, or an `as_of` before the end of its labels; DataError for sources
    that are stale at `as_of`, or too different from before; UsageError for `accept` with `replay`.
    """
    with open_engine(config) as engine:
        ready = prepared(engine, config, steps, as_of, model, replay=replay, accept=accept)
        write_quarantine(engine, ready.sources.report, config.output)
        steps.begin("Looking at what is published")
        publication = publish(
            ready.root,
            as_of,
            ready.request.version,
            ready.inputs,
            lambda folder: _write(folder, engine, ready, steps),
        )
    steps.know(rows=publication.manifest["rows"]["scores"])
    if (sink := ready.sink) is not None:
        steps.begin("Writing to PostgreSQL")
        while_newest(publication.folder, lambda folder: write_to_database(sink, folder))
    return publication


def prepared(
    engine: DuckDBEngine,
    config: Config,
    steps: Steps,
    as_of: date,
    model: str,
    *,
    replay: bool,
    accept: str | None = None,
) -> Prepared:
    """Find the model and read the sources into the engine; nothing is written.

    Arguments and errors: as for `score`, but for sources that differ from before.
    """
    reason = checked_reason(accept)
    if replay and reason:
        raise UsageError(
            "--accept goes with a list, and --replay makes none: it is not compared with before. "
            "Leave one of the two out."
        )
    steps.know(as_of=as_of)
    steps.begin("Finding the model")
    request = requested(config, as_of, model)
    steps.know(version=request.version)
    until = request.learned_until
    if as_of < until and not replay:
        raise ConfigError(
            f"Model version {request.version} learned from what happened until "
            f"{until}; scoring {as_of} with it would use the future. "
            "Score a later date, or pass --replay to see knowingly what it says of the past."
        )
    request = replace(request, trial=request.trial and as_of >= until)  # a replay is no trial
    folder = REPLAYS if as_of < until else TRIALS if request.trial else SCORES
    root = config.output / folder
    lists = config.output / (REPLAYS if folder == REPLAYS else SCORES)
    if folder == SCORES:
        require_database(config.scoring.postgresql)
    steps.begin("Reading the sources")
    sources, selection = sources_for(engine, request, steps)
    config = request.config
    meaning, cooldown = config.meaning_of_risk(), config.scoring.cooldown_days
    previous = newest_before(lists, as_of, meaning)
    acted_on = lists_acted_on(engine, lists, as_of, cooldown, meaning)
    earlier = earlier_lists(lists, as_of, meaning, config.scoring)
    inputs = {
        "as_of": str(as_of),
        "config_sha256": config.digest(),
        "features_sha256": selection.digest(),
        "model_version": request.version,
        "model_sha256": dict(request.model_sha256),
        "playbook_sha256": request.playbook.sha256,
        "previous_sha256": _sha256_of(previous),
        "acted_on_sha256": {str(day): _sha256_of(found) for day, found in acted_on.items()},
        "earlier_lists_sha256": dict(earlier.inputs),
        "program": released_version(),
        "sources": sources.lineage(),
    }
    request = replace(request, previous=previous, acted_on=acted_on, earlier=earlier)
    command = command_of(config, as_of, model)
    return Prepared(request, sources, selection, root, lists, inputs, command, reason)


def requested(config: Config, as_of: date, model: str) -> Request:
    """Find the playbook and the model, an alias or a version number, that is to score a snapshot.

    `champion` is the version of the last promotion. ConfigError where there is no such model, where
    the alias `champion` was moved by hand, or where the model was trained for another label.
    """
    playbook = load_playbook(config.scoring.playbook, config.features.own_families)
    registry = open_tracking(config).registry
    last = registry.last_promotion()
    version = registry.in_use() if model == CHAMPION else registry.resolve(model)
    config, loaded, value, reference, training = _loaded(config, registry, version)
    return Request(
        config,
        as_of,
        version.version,
        loaded,
        value,
        playbook,
        version.sha256,
        trial=last is None or last.version != version.version,
        reference=reference,
        training=training,
    )


def require_scorable(config: Config, registry: Registry, version: ModelVersion) -> None:
    """Refuse a version that this config cannot score with, as far as the sources do not decide it.

    ConfigError where it was trained for another label or with other definitions of its features,
    FeatureMismatch where it needs features that the config leaves out, and what `download` raises.
    """
    config, model, *_ = _loaded(with_label_of(config, version), registry, version)
    everything = {name: frozenset(table.stored()) for name, table in TABLES.items()}
    selection = select(config.feature_families, config.features.windows_days, everything)
    refuse_other_definitions(config, selection, model, version.version)
    model.require([feature.name for feature in selection.features], accounts=0)


def _loaded(
    config: Config, registry: Registry, version: ModelVersion
) -> tuple[Config, RiskModel, ValueAtStake, Reference | None, Profile | None]:
    """A model with what was stored beside it, and the config as it scores with it."""
    with ScratchFolder() as folder:
        files = registry.download(version, folder.path)
        loaded = replace(
            risk_model.load(files, expected_sha256=version.sha256),
            threads=config.engine.all_threads,
        )
        value = value_at_stake.load(files)
        reference, training = drift.load(files), profile.load(files)
    if loaded.metadata.get(SORTED_BY_SIZE) and config.ranking == "departure":
        config = config.sorted_by_size()
    _refuse_other_meaning(config, loaded, version.version)
    return config, loaded, value, reference, training


def sources_for(engine: DuckDBEngine, request: Request, steps: Steps) -> tuple[Sources, Selection]:
    """Read the sources into the engine; also the features that they can answer.

    DataError where they are too old for the snapshot or have no orders, ConfigError where the model
    learned from other definitions of its features.
    """
    config = request.config
    sources = load_sources(config, engine)
    require_orders(config, sources)
    refuse_stale(config, sources, request.as_of)
    make_derived_tables(engine, sources)
    split_into_shards(engine, config.engine, steps.begin, console.complain)
    selection = selected_features(config, sources)
    refuse_other_definitions(config, selection, request.model, request.version)
    return sources, selection


def require_accounts(config: Config, as_of: date, accounts: int) -> None:
    """DataError where the cohort has no accounts."""
    if not accounts:
        raise DataError(
            f"No account is in the cohort as of {as_of}: there is nobody to score. Check the date "
            "and the orders."
        )


def _sha256_of(publication: Path | None) -> str | None:
    return read_manifest(publication)["inputs_sha256"] if publication else None


def _refuse_other_meaning(config: Config, model: RiskModel, version: int) -> None:
    """A risk speaks of one label, horizon and cohort; it is not passed off as another."""
    meant = config.meaning_of_risk()
    other = [
        f"{name} was {model.metadata.get(name)}, the config says {value}"
        for name, value in meant.items()
        if model.metadata.get(name) != value
    ]
    if other:
        raise ConfigError(
            f"Model version {version} was trained for something else: {'; '.join(other)}. "
            f"Use the config it was trained with, or train with {config.path}."
        )


def refuse_other_definitions(
    config: Config, selection: Selection, model: RiskModel, version: int
) -> None:
    """ConfigError where the model learned from features whose definitions have changed since.

    A feature keeps its name when its definition changes.
    """
    learned: dict[str, str] = model.metadata.get("definitions", {})
    now = selection.definitions()
    other = [name for name in model.names if name in now and learned.get(name) != now[name]]
    if other:
        raise ConfigError(
            f"Model version {version} learned from other definitions of "
            f"{counted(len(other), 'feature')}: {listed(other, 5)}. Score with the "
            "`features.resolution_days`, the own families and the program that it was trained "
            f"with, or train with {config.path}."
        )


def scored(
    engine: Engine, sources: Sources, selection: Selection, request: Request, steps: Steps
) -> tuple[pd.DataFrame, pa.Table]:
    """The features of the cohort, a row an account, and its table of scores, ranked.

    DataError where nobody is in the cohort.
    """
    config, as_of = request.config, request.as_of
    last_touch = Last(touches) if "touches" in sources.tables else None
    shown = {**shown_values(last_touch), **last_action(engine, config.scoring.cooldown_days)}
    steps.begin("Building the features")
    frame = snapshot_features(
        engine,
        config,
        selection,
        as_of,
        besides=shown,
        progress=steps.detail("Building the features"),
    )
    require_accounts(config, as_of, len(frame))
    request.model.require([each.name for each in selection.features], len(frame))
    steps.begin("Scoring the cohort")
    told = frame
    if config.ranking != "risk":
        orders = frame[["account_id", "last_order_on"]]
        before = margin_before_last_order(engine, orders, as_of, request.value.margin_share)
        told = frame.assign(**{BEFORE_LAST_ORDER: before})
    scores = score_table(
        told,
        predicted(request.model, frame, as_of),
        request.value,
        as_of=as_of,
        ranking=config.ranking,
        horizon_days=config.label.horizon_days,
        scoring=config.scoring,
        model_version=request.version,
        previous=earlier_risk(request.previous),
        currency=sources.currency,
        people=_people(engine, as_of),
        named=_named_key_accounts(config, engine, as_of),
    )
    return frame, scores


def predicted(model: RiskModel, frame: pd.DataFrame, as_of: date) -> Predicted:
    """What the model says of a snapshot's accounts; see `Predicted`."""
    features, names = float_columns(frame)
    by_horizon = model.risk_by_horizon(features, names, as_of)
    reorder = model.reorder_chances(features, names, as_of)
    if model.departure is not None:
        departures = model.departure_risks(features, names, as_of)
        return Predicted(departures.departure, by_horizon, departures, reorder)
    main = model.horizon_days
    risk = model.risk(features, names, as_of) if main is None else by_horizon[main]
    active = np.ones(len(frame), dtype=np.bool_)
    if DAYS_PAST_PATIENCE in frame:
        active = (frame[DAYS_PAST_PATIENCE] < 0).to_numpy()
    return Predicted(
        np.where(active, risk, np.nan),
        {days: np.where(active, risks, np.nan) for days, risks in by_horizon.items()},
        reorder=reorder,
    )


def _write_features(path: Path, frame: pd.DataFrame, names: list[str]) -> None:
    """Write columns of a frame, some rows after the other, as they may be too many to copy."""
    with ExitStack() as opened:
        writer = None
        for first in range(0, len(frame), _ROWS_AT_ONCE):
            rows = frame.iloc[first : first + _ROWS_AT_ONCE][names]
            block = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()
            writer = writer or opened.enter_context(pq.ParquetWriter(path, block.schema))
            writer.write_table(block)


def _write(folder: Path, engine: DuckDBEngine, ready: Prepared, steps: Steps) -> Mapping[str, Any]:
    """Write all files of a publication but the manifest, and return the manifest's entries."""
    request, sources, selection = ready.request, ready.sources, ready.selection
    config, as_of = request.config, request.as_of
    steps.begin("Comparing the sources with those before")
    guard = ready.guard(engine)
    if guard is not None:
        ready.require_alike(guard, engine)
    held = measure(engine, sources.tables.values(), as_of)
    frame, scores = scored(engine, sources, selection, request, steps)
    if guard is not None and DAYS_PAST_PATIENCE in frame:
        past = frame[DAYS_PAST_PATIENCE].to_numpy()
        guard = guard.with_crossings(past, as_of)
        guard.require_alike()
        slips = scores.select(["account_id", "slip_chance"]).to_pandas().set_index("account_id")
        chances = frame["account_id"].map(slips["slip_chance"]).to_numpy()
        crossings = expected_crossings(past, chances, config.label.silence.shortest)
        held = replace(held, crossings=crossings)
    held.save(folder)
    if request.reference is not None and not ready.is_replay:
        require_known(frame, request.reference, config.scoring.least_known)
    names = model_columns(frame, selection)
    risk = scores.select(["account_id", "risk"]).to_pandas().set_index("account_id")["risk"]
    rests = resting(frame, risk, request.acted_on, config.scoring)
    scores = with_list_status(
        scores,
        config.scoring,
        as_of,
        rests,
        earlier=request.earlier,
        one_off=set(chosen_accounts(engine, sources.tables.keys(), config.accounts.one_off)),
    )
    listed = listed_rows(scores)["account_id"].to_pylist()
    steps.begin("Explaining the accounts to call")
    roles = main_contact_roles(engine, listed, as_of)
    to_keep = listed_rows(scores, KEEP)["account_id"].to_pylist()
    reasons = explained(config, request.model, frame, to_keep, sources.currency, roles)
    scores = with_reasons(scores, reasons, request.playbook)
    steps.begin("Comparing with the list before")
    moved = _effects(engine, sources, request, selection, risk)
    told = moved if isinstance(moved, pd.DataFrame) else None
    scores = with_changes(scores, request.previous, told, config.scoring.least_change)
    left = accounts_that_left(scores, request.previous, merged_by(engine, as_of), request.version)
    steps.begin("Writing the publication")
    pq.write_table(pa.concat_tables([scores, left]), folder / "scores.parquet")
    _write_features(folder / "features.parquet", frame, ["account_id", "as_of", *names])
    to_call = listed_rows(scores)
    about = about_list(config, request.model, request.value.basis, sources, as_of, scores.num_rows)
    if guard is not None and (note := guard.note()):
        about = replace(about, note=f"{about.note} {note}".strip())
    write_lists(folder, to_call, left, engine, sources, about)
    return {
        "config": config.name,
        MEANING: config.meaning_of_risk(),
        "as_of": str(as_of),
        "model": {"name": config.tracking.model_name, "version": request.version},
        "schema_version": SCHEMA_VERSION,
        "rows": {
            "scores": scores.num_rows,
            "call_list": to_call.num_rows,
            "keep": _listed_on(to_call, KEEP),
            "win_back": _listed_on(to_call, WIN_BACK),
            "left": left.num_rows,
        },
        "list_status": dict(Counter(scores["list_status"].to_pylist())),
        "change_not_explained": moved if isinstance(moved, str) else None,
        "complete_until": {
            name: str(table.complete_until) for name, table in sources.tables.items()
        },
        "previous_as_of": request.previous.parent.parent.name if request.previous else None,
        **({NEXT_LIST: next_list(config, as_of).entries()} if ready.root.name == SCORES else {}),
        "label_end": str(request.model.label_end),
        "replay": ready.is_replay,
        "trial": request.trial,
        COMPARED: None if guard is None else guard.to_json(),
        "source_notes": [
            *("\n".join(each.lines()) for each in sources.report.findings if each.shown_by_score),
            *(guard.warnings() if guard is not None else ()),
        ],
        "call_value": about.call_value,
        "note": about.note,
        "win_back": about.win_back,
        "value_at_stake": {
            "basis": request.value.basis,
            "learned_from": list(request.value.snapshots),
            "outcome_end": request.value.outcome_end,
        },
        "not_yet_known": {name: _rows_known_since(engine, name, as_of) for name in sources.tables},
        "quarantined": {name: table.quarantined for name, table in sources.tables.items()},
        "features_left_out": dict(selection.left_out),
        "key_accounts_not_scored": sorted(
            _named_key_accounts(config, engine, as_of) - {*scores["account_id"].to_pylist()}
        ),
        "columns_without_data": [
            name for name in scores.column_names if scores[name].null_count == scores.num_rows
        ],
        "horizons_left_out": request.model.metadata.get("horizons_left_out", {}),
        "code_version": code_version(),
    }


def _listed_on(listed: pa.Table, name: str) -> int:
    return int(pc.sum(pc.equal(listed["list"], name)).as_py() or 0)


def _rows_known_since(engine: DuckDBEngine, table: str, as_of: date) -> int:
    """Rows that the snapshot does not see, because they were not known before it."""
    query = f"SELECT COUNT(*) FROM {quoted(table)} WHERE known_at >= ?"
    ((rows,),) = engine.rows(query, [as_of])
    return int(rows)


def _effects(
    engine: DuckDBEngine,
    sources: Sources,
    request: Request,
    selection: Selection,
    risk: pd.Series,
) -> pd.DataFrame | str:
    """See `pipeline.scoring.effects`; a sentence where it is not asked or there is none before."""
    if request.previous is None:
        return "there is no publication before"
    if not request.config.scoring.explain_change:
        return "scoring.explain_change is false"
    return effects(
        request.config,
        engine,
        sources,
        selection,
        request.model,
        request.as_of,
        risk,
        request.previous,
    )


def _named_key_accounts(config: Config, engine: Engine, as_of: date) -> set[str]:
    """The accounts that the config names as key accounts, or that they had become by then."""
    merged = merged_by(engine, as_of)
    return {merged.get(account, account) for account in config.scoring.key_accounts.named}


def _people(engine: Engine, as_of: date) -> pd.DataFrame:
    """Name and owner of each account as known at the snapshot; for display only."""
    if not engine.has_table("accounts"):
        return pd.DataFrame({"name": [], "owner_id": []}, dtype="object")
    return engine.frame(
        "SELECT account_id, name, owner_id FROM accounts WHERE NOT deleted AND known_at < ? "
        "AND (superseded_at IS NULL OR superseded_at >= ?) ORDER BY account_id",
        [as_of, as_of],
    ).set_index("account_id")
