"""What each command does after its arguments are read, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.catalogue import catalogue
from features.families import FAMILIES
from pipeline import console, openlineage
from pipeline.config import Config
from pipeline.config.playbook import load_playbook
from pipeline.errors import CheckFailed, DataError
from pipeline.guards.compare import Level
from pipeline.output_files import short, write_parquet, write_text
from pipeline.scoring.guard import COMPARED, NOT_NEEDED, guard_of_champion
from pipeline.sources import load_sources
from pipeline.sources.figures import figures
from pipeline.sources.findings import Severity
from pipeline.sources.page import write_page
from pipeline.sources.quarantine import write_quarantine
from pipeline.sources.validation import report_lines, validate
from pipeline.tables.derived import make_derived_tables
from pipeline.tables.label_definitions import label_of
from pipeline.tables.shards import split_into_shards
from pipeline.tables.training_table import selected_features, snapshot_features
from pipeline.tracking.registry import CHAMPION
from pipeline.tracking.runs import open_tracking
from pipeline.training.preparation import open_engine, prepare
from pipeline.wording import counted, listed

if TYPE_CHECKING:
    from pipeline.review.review import Reviewed
    from pipeline.scoring.publication import Publication
    from pipeline.tracking.promotions import Promotion
    from pipeline.training.record import Registered

_SHOWN = 10  # accounts of a list that the terminal shows


def run_validate(config: Config, *, strict: bool = False) -> None:
    """Check the playbook and the sources, print the report, write it beside the rows set aside.

    The sources are compared with those of the newest publication and of the champion's training.

    Raises what the report says where the contract is broken, and what is wrong with the playbook;
    strict: CheckFailed where there are warnings, or differences that `score` would refuse.
    """
    load_playbook(config.scoring.playbook, config.features.own_families)
    with open_engine(config) as engine, console.steps() as steps:
        steps.begin("Validating the sources")
        report = validate(config, engine, steps.detail("Validating the sources"))
        write_quarantine(engine, report, config.output)
        counts = figures(engine, report)
        steps.begin("Comparing the sources with those before")
        guard = None if report.errors else guard_of_champion(engine, report.tables, config)
    path = config.output / "validation" / "validation.json"
    compared = {} if guard is None else {COMPARED: guard.to_json()}
    write_text(path, json.dumps(report.to_json() | compared, indent=2, default=str) + "\n")
    write_page(path.with_suffix(".html"), config.name, report, counts, guard)
    for line in report_lines(report, "" if guard is None else guard.total()):
        console.say(line)
    for line in guard.tables() if guard is not None else ():
        console.say(line)
    console.say(f"Written to {short(path)}, and as a page to {short(path.with_suffix('.html'))}")
    if report.errors:
        raise DataError("the sources break the contract; see above")
    refused = 0 if guard is None else len(guard.of(Level.REFUSED))
    warnings = len(report.of(Severity.WARNING)) - refused
    warnings += 0 if guard is None else len(guard.of(Level.WARNED))
    if strict and (warnings or refused):
        said = [f"{counted(warnings, 'warning')} about the sources"] if warnings else []
        if refused:
            said.append(f"{counted(refused, 'difference')} that `score` would refuse")
        raise CheckFailed(
            f"{' and '.join(said)}; see above. Correct them, or validate without --strict."
        )


def run_table(config: Config, out: Path | None, only: Sequence[str] = ()) -> None:
    """Write the training table as Parquet; only: the families to build, all if there are none."""
    config = config.only(only)
    with open_engine(config) as engine, console.steps() as steps:
        prepared = prepare(engine, config, steps)
    path = out or _place(config, "training_table", only)
    table = prepared.table
    sample = table.sample()
    frame = table.frame if sample is None else table.frame.assign(weight=table.of_frame("weight"))
    write_parquet(path, frame)
    console.say(f"{'snapshot':<12}{'accounts':>10}{'defected':>10}")
    for as_of, rows in table.accounts().assign(defected=frame["defected"]).groupby("as_of"):
        rate = np.average(rows["defected"], weights=rows["stands_for"])
        console.say(
            f"{pd.Timestamp(str(as_of)):%Y-%m-%d}  {rows['stands_for'].sum():>10,.0f}{rate:>10.1%}"
        )
    for as_of in prepared.immature:
        console.say(f"{as_of}  {'dropped: its label is not complete yet':>20}")
    console.say(f"{len(frame):,} rows, {len(table.selection.features)} features: {short(path)}")
    if sample:
        console.say(f"{sample}; the column weight says for how many, 0 for none")
    _say_left_out(prepared.table.selection.left_out)


def run_features(
    config: Config,
    as_of: date,
    out: Path | None,
    only: Sequence[str] = (),
    *,
    whole_cohort: bool,
) -> None:
    """Write the feature table of one snapshot as Parquet; only: as for `run_table`."""
    config = config.only(only)
    with open_engine(config) as engine, console.steps() as steps:
        steps.begin("Reading the sources")
        sources = load_sources(config, engine)
        make_derived_tables(engine, sources)
        split_into_shards(engine, config.engine, steps.begin, console.complain)
        selection = selected_features(config, sources)
        frame = snapshot_features(
            engine,
            config,
            selection,
            as_of,
            whole_cohort=whole_cohort,
            progress=steps.detail("Building features"),
        )
        steps.know(as_of=as_of, rows=len(frame))
    path = out or _place(config, f"features_{as_of}", only)
    write_parquet(path, frame)
    console.say(
        f"{counted(len(frame), 'account')}, {counted(len(selection.features), 'feature')} as of "
        f"{as_of}: {short(path)}"
    )
    _say_left_out(selection.left_out)


def run_train(config: Config, until: date | None) -> tuple[Registered, Reviewed]:
    """Train, register and review a challenger; print what was measured."""
    from pipeline.review.review import review_trained
    from pipeline.training.keep_list_report import lines as keep_list_lines
    from pipeline.training.record import telling_of_version
    from pipeline.training.reporting import chance_line, coverage_line, table, value_line
    from pipeline.training.train import train
    from pipeline.training.win_back_report import lines as win_back_lines

    with openlineage.told(f"{config.name}.train", console.complain) as data:
        with console.steps() as steps:
            registered = train(config, steps, until)
            with telling_of_version(open_tracking(config), config, registered.run_id):
                steps.know(version=registered.version)
                reviewed = review_trained(steps, config, registered)
        sources = registered.trained.prepared.sources.lineage()
        data.inputs = openlineage.sources_read(config.path, sources)
        data.outputs = [openlineage.model(config.tracking.model_name, registered.version)]
    trained = registered.trained
    frame = trained.prepared.table.frame
    console.say(
        f"{config.name}: {len(frame):,} rows of {frame['account_id'].nunique():,} accounts, "
        f"{frame['as_of'].nunique()} snapshots, "
        f"{len(trained.prepared.table.selection.features)} features; defection is "
        f"{label_of(trained.prepared.config.label).says}"
    )
    if trained.prepared.by_size:
        console.say(trained.prepared.by_size)
    if sample := trained.prepared.table.sample():
        console.say(sample)
    for line in table(trained.evaluation):
        console.say(line)
    console.say(chance_line(trained.evaluation))
    for line in keep_list_lines(trained.keep_list) if trained.keep_list else ():
        console.say(line)
    for line in (*trained.horizons.lines(), trained.labels.line()):
        console.say(line)
    for line in win_back_lines(trained.win_back):
        console.say(line)
    console.say(trained.leakage.line())
    console.say(value_line(trained.value))
    console.say(coverage_line(trained.value_coverage))
    for warning in trained.prepared.sources.warnings:
        console.complain("\n".join(warning.lines()))
    if trained.prepared.immature:
        dropped = ", ".join(str(day) for day in trained.prepared.immature)
        console.say(f"Dropped, because the label is not complete yet: {dropped}")
    _say_left_out(trained.prepared.table.selection.left_out)
    console.say(
        f"Registered as version {registered.version} of {config.tracking.model_name}, alias "
        "challenger"
    )
    _say_reviewed(reviewed, notes=False)
    return registered, reviewed


def run_review(config: Config, version: str, reveal: Path | None) -> None:
    """Review a version beside the champion; print the differences and what the gate says."""
    from pipeline.review.review import review

    with console.steps() as steps:
        reviewed = review(config, steps, version, reveal)
        steps.know(version=reviewed.version)
    _say_reviewed(reviewed)
    if reveal is not None:
        console.say(f"With the names of accounts, for this house only: {short(reveal)}")


def _say_reviewed(reviewed: Reviewed, *, notes: bool = True) -> None:
    from pipeline.review.reporting import lines

    for line in lines(reviewed, notes=notes):
        console.say(line)


def run_backtest(config: Config) -> None:
    """Compare families, ways to calibrate, labels and horizons out of time; print the tables."""
    from pipeline.training.backtest import run as backtest

    with console.steps() as steps:
        found = backtest.backtest(config, steps)
    for line in backtest.lines(found):
        console.say(line)
    console.say(f"\nLogged as run {found.run_id}; see `defection ui`.")


def run_tune(config: Config, trials: int, seconds: float | None) -> None:
    """Search for better settings of the model; print what was found."""
    from pipeline.training import tuning

    with console.steps() as steps:
        tuned = tuning.tune(config, steps, trials, seconds)
    if tuned.resumed:
        console.say(f"Resumed: {tuned.resumed} of the trials were there already.")
    for line in tuning.lines(tuned):
        console.say(line)
    console.say(f"All trials: {short(tuned.journal)}, and a run in the MLflow UI.")


def run_promote(config: Config, version: str, by: str, reason: str, *, override: bool) -> None:
    """Make a version the champion and record who and why."""
    from pipeline.scoring.score import require_scorable

    registry = open_tracking(config).registry
    promotion = registry.promote(
        version,
        by,
        reason,
        override=override,
        require=lambda chosen: require_scorable(config, registry, chosen),
    )
    _say_champion(config, promotion)
    for objection in promotion.overridden:
        console.say(f"Set aside: {objection}")


def run_rollback(config: Config, by: str, reason: str) -> None:
    """Put the champion before into use again and record who and why."""
    from pipeline.scoring.score import require_scorable

    registry = open_tracking(config).registry
    promotion = registry.rollback(
        by, reason, require=lambda chosen: require_scorable(config, registry, chosen)
    )
    _say_champion(config, promotion)


def _say_champion(config: Config, promotion: Promotion) -> None:
    before = f", in place of version {promotion.previous}" if promotion.previous else ""
    again = " again" if promotion.rollback else ""
    console.say(
        f"Version {promotion.version} of {config.tracking.model_name} is now the champion{again}"
        f"{before}. By {promotion.by}: {promotion.reason}"
    )


def run_history(config: Config) -> None:
    """Print the promotions, oldest first."""
    promotions = open_tracking(config).registry.history()
    if not promotions:
        console.say("Nothing has been promoted yet.")
    for entry in promotions:
        console.say(
            f"{entry.number:>3}  {entry.at}  version {entry.version}"
            f"{f' after {entry.previous}' if entry.previous else ''}"
            f"{', rolled back' if entry.rollback else ''}"
            f"{', over objections' if entry.overridden else ''}"
            f"{'' if entry.took_effect else ', which did not take effect'}"
            f"{', deleted since' if entry.deleted else ''}"
            f"  {entry.by}: {entry.reason}"
        )
        for objection in entry.set_aside():
            console.say(f"     set aside: {objection}")


def run_status(config: Config, on: date | None) -> None:
    """Print the state of the installation; CheckFailed where it is late or damaged.

    on: the day that late is measured against, at noon of the config's zone; now if absent.
    """
    from pipeline.status.status import lines, status

    zone = ZoneInfo(config.timezone)
    now = datetime.now(zone) if on is None else datetime.combine(on, time(12), zone)
    with console.steps() as steps:
        steps.begin("Looking at the store and the publications")
        found = status(config, now)
    for line in lines(found):
        console.say(line)
    wrong = [line.what for line in found if line.wrong]
    if wrong:
        raise CheckFailed(f"To be put right, see above: {listed(wrong)}.")


def run_restore(config: Config, copy: str) -> None:
    """Repair the MLflow store and print what was done."""
    said = open_tracking(config).restore(copy)
    for sentence in said or ["The MLflow store is sound; nothing was changed."]:
        console.say(sentence)


def run_score(
    config: Config, as_of: date, model: str, *, replay: bool, accept: str | None = None
) -> Publication:
    """Score a snapshot, publish, and print the top of the list; arguments as for `score`.

    An error is kept for `status` where the list of the champion was asked for.
    """
    from pipeline.scoring.last_attempt import kept
    from pipeline.scoring.publication import SCORES
    from pipeline.scoring.score import score

    is_list = model == CHAMPION and not replay
    attempt = kept(config.output / SCORES, as_of) if is_list else nullcontext()
    with openlineage.told(f"{config.name}.score", console.complain) as data:
        with attempt, console.steps() as steps:
            publication = score(config, steps, as_of, model, replay=replay, accept=accept)
        manifest = publication.manifest
        used = openlineage.model(manifest["model"]["name"], manifest["model"]["version"])
        sources = manifest["inputs"]["sources"]
        data.inputs = [*openlineage.sources_read(config.path, sources), used]
        files = manifest.get("files", {})  # a publication of before may not have them
        data.outputs = [
            openlineage.file(publication.folder / name, digest) for name, digest in files.items()
        ]
    if not publication.new:
        console.say(f"Already published, from the same inputs: {short(publication.folder)}")
        if accept is not None:
            console.complain(NOT_NEEDED)
        _say_trial(publication)
        _say_database(config, publication)
        return publication
    for line in publication.manifest["source_notes"]:
        console.complain(line)
    if publication.manifest["note"]:
        console.say(publication.manifest["note"])
    _say_list(publication.folder)
    _say_left_out(publication.manifest["features_left_out"])
    if absent := publication.manifest["key_accounts_not_scored"]:
        console.say(
            f"Not scored, though named in `scoring.key_accounts`: {listed(absent, 5)}. Check the "
            "ids; accounts that departed long ago are not scored."
        )
    console.say(
        f"{publication.manifest['rows']['scores']:,} accounts scored as of {as_of} with version "
        f"{publication.manifest['model']['version']}; "
        f"{publication.manifest['rows']['call_list']} on the call list: "
        f"{short(publication.folder / 'call_list.html')}"
    )
    _say_trial(publication)
    _say_database(config, publication)
    return publication


def run_dry_run(
    config: Config, as_of: date, model: str, *, replay: bool, accept: str | None = None
) -> None:
    """Print what `run_score` would read and write; writes nothing."""
    from pipeline.scoring.dry_run import dry_run, lines

    with console.steps() as steps:
        found = dry_run(config, steps, as_of, model, replay=replay, accept=accept)
    for line in lines(found):
        console.say(line)
    _say_left_out(found.read.selection.left_out)


def run_explain(config: Config, account: str, as_of: date, model: str) -> None:
    """Print all that is known of one account at a snapshot; writes nothing."""
    from pipeline.scoring.explain import explain
    from pipeline.scoring.explain_lines import lines

    with console.steps() as steps:
        explained = explain(config, steps, account, as_of, model)
    for line in lines(explained):
        console.say(line)


def run_monitor(config: Config, as_of: date, model: str) -> None:
    """Look at the model's inputs and outcomes, publish the report; CheckFailed on an alarm."""
    from pipeline.monitoring.lines import lines
    from pipeline.monitoring.monitor import monitor

    with console.steps() as steps:
        found = monitor(config, steps, as_of, model)
    for line in lines(found.report):
        console.say(line)
    again = "" if found.publication.new else "Already published, from the same inputs: "
    console.say(f"{again}{short(found.page)}")
    if found.alarms:
        raise CheckFailed(
            f"{counted(len(found.alarms), 'feature')} drifted from what training knows.\n"
            + "\n".join(found.report["drift"]["look_at"])
            + f"\nAll of it: {short(found.page)}. If the change is real and here to stay, train "
            "again; until then take the list with care."
        )


def run_simulate(
    out: Path,
    accounts: int,
    months: int,
    seed: int,
    world: str = "standard",
    effect: str = "usual",
) -> None:
    """Write a simulated market."""
    from pipeline.market import simulate

    with console.steps() as steps:
        rows = simulate(
            out,
            accounts=accounts,
            months=months,
            seed=seed,
            world=world,
            effect=effect,
            progress=steps.counted("Simulating"),
        )
    counts = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    console.say(f"A simulated market, not real customers: {counts} in {short(out)}")
    console.say(f"World: {world}; effect: {effect}")


def run_catalogue(config: Config | None) -> None:
    """Print the catalogue of a config's features; that of ours without one."""
    if config is None:
        text = catalogue(list(FAMILIES.values()))
    else:
        text = catalogue(config.feature_families, config.features.windows_days)
    console.say(text.rstrip("\n"))


def _place(config: Config, table: str, only: Sequence[str]) -> Path:
    """Where a table goes by default; that of some families does not replace that of all."""
    return (
        config.output / f"{'_'.join((table, *(config.features.families if only else ())))}.parquet"
    )


def _say_list(folder: Path) -> None:
    from pipeline.scoring.list_status import KEEP, WIN_BACK
    from pipeline.scoring.listing import listed_rows

    scores = pq.read_table(folder / "scores.parquet")
    keep, win_back = listed_rows(scores, KEEP), listed_rows(scores, WIN_BACK)
    console.say(
        f"{'rank':>4}  {'account':<12}{'risk':>6}{'value':>12}{'score':>12}  {'tier':<6}"
        f"{'silent':>9}  name"
    )
    for row in keep.slice(0, _SHOWN).to_pylist():
        risk = "" if row["risk"] is None else f"{row['risk']:.1%}"
        console.say(
            f"{row['rank']:>4}  {row['account_id']:<12}{risk:>6}"
            f"{row['call_value']:>z12,.0f}{row['call_score']:>z12,.0f}  {row['tier']:<6}"
            f"{row['days_silent']:>4.0f} days  {row['name'] or ''}"
        )
    if win_back.num_rows:
        console.say(
            f"To win back, {counted(win_back.num_rows, 'account')}, with the chance of ordering "
            "again within 180 days:"
        )
        for row in win_back.slice(0, _SHOWN // 2).to_pylist():
            again = "" if row["reorder_180"] is None else f"{row['reorder_180']:.1%}"
            console.say(
                f"{row['rank_in_list']:>4}  {row['account_id']:<12}{again:>6}"
                f"{row['call_value']:>z12,.0f}{'':>12}  {row['tier']:<6}"
                f"{row['days_silent']:>4.0f} days  {row['name'] or ''}"
            )


def _say_trial(publication: Publication) -> None:
    if publication.manifest.get("trial"):
        version = publication.manifest["model"]["version"]
        console.say(
            f"This is a trial: version {version} is not that of the last promotion. latest.json is "
            "as it was, and no later list is compared with this one."
        )


def _say_database(config: Config, publication: Publication) -> None:
    sink, manifest = config.scoring.postgresql, publication.manifest
    if sink is not None and not (manifest["replay"] or manifest.get("trial")):
        revision = publication.folder.name.replace("=", " ")
        console.say(
            f"The scores ({revision}) are in the table {sink.table} of the PostgreSQL server that "
            f"{sink.url_variable} names"
        )


def _say_left_out(left_out: Mapping[str, Sequence[str]]) -> None:
    if left_out:
        wanting = sorted({name for names in left_out.values() for name in names})
        console.say(f"Left out: {len(left_out)} features, for want of {', '.join(wanting)}")
