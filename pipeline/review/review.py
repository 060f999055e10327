"""Reviews a version: measures it beside the champion, asks the gate, and writes the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from models.departures import OutOfTimeDepartures
from models.errors import DamagedModel, FeatureMismatch, TooLittleHistory
from models.out_of_time import OutOfTime
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.errors import ConfigError, DataError, MissingInput
from pipeline.output_files import write_text
from pipeline.pseudonyms import pseudonym, pseudonym_key
from pipeline.review.checklist import checklist
from pipeline.review.comparison import Comparison, compare
from pipeline.review.differences import Difference, differences
from pipeline.review.gate import Learned, objections
from pipeline.review.keep_list_gate import keep_list_notes
from pipeline.review.key_accounts import Bands, bands, newest_snapshot
from pipeline.review.page import About, review_page
from pipeline.review.pictures import pictures
from pipeline.review.recipe import Predicted, predicted, same_recipe, with_recipe
from pipeline.scoring.score import requested
from pipeline.tables.label_definitions import label_of
from pipeline.tracking.registry import ModelVersion
from pipeline.tracking.runs import Tracking, open_tracking
from pipeline.tracking.stored_runs import StoredRun
from pipeline.training.choices import baselines
from pipeline.training.keep_list import RISK_DAYS
from pipeline.training.measuring import Measured
from pipeline.training.preparation import Prepared
from pipeline.training.record import Registered

PAGE = "review.html"


# Why the champion's recipe may not be had: an older program, another label, a damaged file.
_NOT_TO_BE_HAD = (
    ConfigError, DataError, MissingInput, DamagedModel, FeatureMismatch, TooLittleHistory,
)  # fmt: skip


@dataclass(frozen=True)
class Reviewed:
    """A version with what the gate says against it. champion: in use, None without one.

    notes: what does not block it, but has to be known.
    """

    version: int
    champion: int | None
    objections: tuple[str, ...]
    comparison: Comparison
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Champion:
    """What the recipe of the version in use predicts, and whose band would change without it."""

    rows: OutOfTime
    bands: Bands
    departures: OutOfTimeDepartures | None = None


def review(
    config: Config, steps: Steps, version: str = "challenger", reveal: Path | None = None
) -> Reviewed:
    """Review a registered version on the data of the config.

    version: a number or an alias. reveal: where the page with the accounts' names goes, outside
    MLflow. The recipe predicts every snapshot anew, so this takes about as long as training.
    Errors: as for `train`; ConfigError where there is no such version.
    """
    steps.begin("Finding the version")
    tracking = open_tracking(config)
    chosen = tracking.registry.resolve(version)
    config = with_recipe(config, tracking.stored_json(chosen.run_id, "config.json"))
    requested(config, date.max, str(chosen.version))  # refuses one trained for something else
    until = tracking.stored(chosen.run_id).params.get("data.until", "")
    challenger = predicted(
        config,
        steps,
        date.fromisoformat(until) if until[:1].isdigit() else None,
        baselines(config, config.label.horizon_days),
        "the challenger",
    )
    return _reviewed(tracking, chosen, challenger, steps, reveal)


def review_trained(steps: Steps, config: Config, registered: Registered) -> Reviewed:
    """Review what has just been trained, by what was predicted, measured and drawn for it."""
    tracking, trained = open_tracking(config), registered.trained
    challenger = Predicted(
        trained.prepared.config,
        trained.prepared,
        trained.tests,
        trained.out_of_time,
        Measured(trained.facts, trained.evaluation),
        registered.plots,
        trained.departures,
        trained.keep_list,
        trained.horizons.predictions.get(RISK_DAYS),
    )
    chosen = tracking.registry.resolve(registered.version)
    return _reviewed(tracking, chosen, challenger, steps)


def _reviewed(
    tracking: Tracking,
    chosen: ModelVersion,
    challenger: Predicted,
    steps: Steps,
    reveal: Path | None = None,
) -> Reviewed:
    config = challenger.config
    in_use = tracking.registry.champion()
    other = in_use if in_use and in_use.version != chosen.version else None
    champion, not_compared = None, ""
    if other is not None:
        try:
            champion = _champion(tracking, chosen, other, challenger, steps)
        except _NOT_TO_BE_HAD as why:
            not_compared = f"not comparable with the champion, version {other.version}: {why}"
    steps.begin("Measuring")
    comparison = compare(
        challenger,
        champion.rows if champion else None,
        champion.departures if champion else None,
    )
    found = objections(
        config.gate,
        comparison.evaluation,
        comparison.slices,
        _learned(chosen, challenger.prepared),
        _label_end(other) if other else None,
        comparison.keep_list,
    )
    notes = keep_list_notes(comparison.keep_list) if comparison.keep_list else []
    against = tracking.registry.judge(
        chosen.version,
        [*([not_compared] if not_compared else []), *found],
        in_use.version if in_use else None,
    )
    steps.begin("Writing the review")
    run = tracking.stored(chosen.run_id)
    about = About(
        name=config.name,
        model=config.tracking.model_name,
        version=chosen.version,
        champion=in_use.version if in_use else None,
        in_use=in_use is not None and other is None,
        not_compared=not_compared,
        defection=label_of(config.label).says,
        learned_until=_label_end(chosen),
        code_version=chosen.tags.get("code_version", "unknown"),
        run_id=chosen.run_id,
        on=datetime.now(UTC).date(),
    )
    labels = tracking.stored_json(chosen.run_id, "label_audit.json")
    items = checklist(config.gate, comparison, challenger.prepared, run, labels)
    differing = _differences(tracking, run, other) if other and champion else []
    drawn = pictures(config, comparison, challenger.plots)
    moved = champion.bands if champion else None
    accounts = moved.moved if moved else ()

    def page(names: Mapping[str, str]) -> str:
        return review_page(about, against, comparison, moved, names, differing, items, drawn, notes)

    key = pseudonym_key(config.output) if accounts else b""
    hidden = {one.account_id: pseudonym(one.account_id, key) for one in accounts}
    of_training = tracking.reopened(chosen.run_id)
    of_training.text(PAGE, page(hidden))
    of_training.tags(tracking.registry.resolve(chosen.version).judgement())
    if reveal is not None:
        shown = {one.account_id: f"{one.account_id} {one.name or ''}".strip() for one in accounts}
        write_text(reveal, page(shown))
    return Reviewed(chosen.version, about.champion, tuple(against), comparison, tuple(notes))


def _champion(
    tracking: Tracking,
    chosen: ModelVersion,
    in_use: ModelVersion,
    challenger: Predicted,
    steps: Steps,
) -> _Champion:
    """The champion beside the challenger, on the challenger's data.

    A recipe that is the same predicts the same; it is not asked again. One of `_NOT_TO_BE_HAD`
    where it cannot be compared.
    """
    steps.begin("Finding the champion")
    theirs = with_recipe(challenger.config, tracking.stored_json(in_use.run_id, "config.json"))
    as_of = newest_snapshot(theirs, challenger.prepared)
    moved = bands(challenger.config, theirs, as_of, chosen.version, in_use.version, steps)
    if same_recipe(theirs, challenger.config):
        return _Champion(challenger.out_of_time, moved, challenger.departures)
    same_features = theirs.features == challenger.config.features
    found = predicted(
        theirs,
        steps,
        challenger.prepared.until,
        {},
        "the champion",
        challenger.prepared if same_features else None,
    )
    return _Champion(found.out_of_time, moved, found.departures)


def _learned(chosen: ModelVersion, prepared: Prepared) -> Learned:
    return Learned(
        label_end=_label_end(chosen),
        complete_until={
            name: table.complete_until
            for name, table in prepared.sources.tables.items()
            if table.is_event
        },
        leakage=chosen.tags.get("leakage", "not recorded"),
    )


def _label_end(version: ModelVersion) -> date:
    return date.fromisoformat(version.tags["label_end"])


def _differences(tracking: Tracking, run: StoredRun, in_use: ModelVersion) -> list[Difference]:
    definitions, before = (
        tracking.stored_json(run_id, "feature_definitions.json")
        for run_id in (run.id, in_use.run_id)
    )
    return differences(run, tracking.stored(in_use.run_id), definitions, before)
