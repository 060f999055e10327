"""Records a training in MLflow: one run with everything a reviewer needs, and a new version."""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Iterator, Mapping, MutableSequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from models import measures
from pipeline.config import Config
from pipeline.errors import CheckFailed, ServiceUnavailable
from pipeline.monitoring.reference import reference_of
from pipeline.output_files import short, write_text
from pipeline.refusals import writing
from pipeline.scratch import ScratchFolder
from pipeline.tables.label_definitions import label_of
from pipeline.tracking import model_plots, plots
from pipeline.tracking.plot_style import png
from pipeline.tracking.runs import Run, Tracking
from pipeline.training import label_audit, win_back_report
from pipeline.training.back_test_plots import REORDER_HAZARD, compare_scorers, last_test
from pipeline.training.evaluation import (
    COHORT,
    MEAN,
    MODEL,
    RIVAL,
    gain_over,
)
from pipeline.training.inputs import input_tags, log_inputs
from pipeline.training.keep_list_report import metrics as keep_list_metrics
from pipeline.training.keep_list_report import texts as keep_list_texts
from pipeline.training.keep_list_report import verdict_line
from pipeline.training.leakage import LeakageReport, markdown
from pipeline.training.model_card import model_card
from pipeline.training.preparation import Prepared
from pipeline.training.reporting import (
    chance_line,
    coverage_metrics,
    metrics,
    said,
    table,
    treated_lines,
    value_line,
)
from pipeline.training.size_comparison import compare_with_size
from pipeline.training.trained import Trained
from pipeline.training.win_back import BY_THEMSELVES_DAYS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Registered:
    """A training with the version it was registered as; plots: its PNG drawings, by name."""

    version: int
    run_id: str
    trained: Trained
    plots: Mapping[str, bytes]


SIZE_TAG = "compared_with_size"  # how the keep list compares with one sorted by size

_STRONGEST = 10  # features whose dependence is drawn
_DRAWN = 2_000  # accounts at most, over which it is


def record(tracking: Tracking, config: Config, trained: Trained) -> Registered:
    """Log one run and register its model as the challenger.

    ServiceUnavailable where MLflow goes away meanwhile; then what was trained is kept in a folder.
    """
    try:
        return _recorded(tracking, config, trained)
    except ServiceUnavailable as error:
        kept = _keep(config, trained)
        raise ServiceUnavailable(
            f"{error} What was trained and measured is kept in {short(kept)}; no version was "
            "registered: train again when MLflow answers, and the same data give the same model."
        ) from error


def _recorded(tracking: Tracking, config: Config, trained: Trained) -> Registered:
    headline, card = _headline(config, trained), model_card(config, trained)
    tags = input_tags(config, trained.prepared.sources) | {
        "kind": "training",
        "leakage": trained.leakage.verdict,
        "label_end": str(trained.model.label_end),
    }
    if trained.keep_list is not None:
        tags[SIZE_TAG] = compare_with_size(trained.keep_list).answer
    name = _run_name(config, trained.prepared)
    with (
        telling_of_version(tracking, config) as begun,
        tracking.run(name, tags=tags, description=headline) as run,
    ):
        begun.append(run.id)
        drawn = _plots(config, trained)
        _log(run, config, trained, drawn)
        _log_splits(run, trained)
        run.text("model_card.md", card)
        with ScratchFolder() as scratch:
            _save_model(scratch.path, trained)
            version = run.register(scratch.path, trained.model.columns, description=card, tags=tags)
    return Registered(version, run.id, trained, drawn)


@contextmanager
def telling_of_version(
    tracking: Tracking, config: Config, *runs: str
) -> Iterator[MutableSequence[str]]:
    """Where the block breaks off, note on the error the version that its runs have registered.

    runs: by their ids; those that begin in the block are appended to what it is given.
    """
    begun = [*runs]
    try:
        yield begun
    except BaseException as error:
        with suppress(Exception):  # it must not hide the cause
            for version in filter(None, map(tracking.registry.registered_by, begun)):
                error.add_note(
                    f"Version {version} of {config.tracking.model_name} is registered, and no "
                    f"review has looked at it: defection review --version {version} "
                    f"--config {shlex.quote(short(config.path))}"
                )
        raise


def _save_model(folder: Path, trained: Trained) -> None:
    for part in (trained.model, trained.value, reference_of(trained.prepared.table), trained.held):
        part.save(folder)


def _keep(config: Config, trained: Trained) -> Path:
    """Write what a training gave where no run could, in place of what was kept before."""
    kept = config.output / "not_recorded"
    shutil.rmtree(kept, ignore_errors=True)
    with writing(kept):
        (kept / "model").mkdir(parents=True)
        _save_model(kept / "model", trained)
    for name, text in _measured(trained).items():
        write_text(kept / name, text)
    write_text(kept / "model_card.md", model_card(config, trained))
    return kept


def _measured(trained: Trained) -> dict[str, str]:
    evaluation = trained.evaluation
    return {
        "evaluation.csv": evaluation.frame().to_csv(index=False, float_format="%.8g"),
        "evaluation.txt": "\n".join([*table(evaluation), chance_line(evaluation)]) + "\n",
        **({} if trained.keep_list is None else keep_list_texts(trained.keep_list)),
    }


def refuse(
    tracking: Tracking, config: Config, prepared: Prepared, leakage: LeakageReport
) -> NoReturn:
    """Log a run that ends with its leakage report, FAILED, and stop with what the report says."""
    tags = input_tags(config, prepared.sources) | {"leakage": leakage.verdict}
    with tracking.run(_run_name(config, prepared), tags=tags, description=leakage.line()) as run:
        log_inputs(run, config, prepared)
        _log_leakage(run, leakage)
        raise CheckFailed(
            f"Training stopped: {leakage.refusal()}\n"
            f"The whole report is leakage_report.md of run {run.id}: see `defection ui`."
        )


def _run_name(config: Config, prepared: Prepared) -> str:
    """Data, label and date."""
    until = prepared.sources.tables["orders"].complete_until
    label = f"{config.label.definition} {config.label.horizon_days}d"
    return f"{config.name} {label}, data until {until:%Y-%m-%d}"


def _headline(config: Config, trained: Trained) -> str:
    """Markdown: the figures that a version is known by."""
    evaluation = trained.evaluation
    names = [*(name for name in evaluation.scorers if name != MODEL), MODEL]
    rows = "\n".join(
        f"| {snapshot} | {evaluation.value('accounts', COHORT, snapshot):,.0f} "
        f"| {evaluation.value('base_rate', COHORT, snapshot):.1%} "
        + "".join(f"| {evaluation.value('auc', name, snapshot):.4f} " for name in names)
        + f"| {said(evaluation.of(gain_over(RIVAL), snapshot=snapshot))} |"
        for snapshot in [*evaluation.tests, MEAN]
    )
    return (
        f"Risk that an account of `{config.name}` defects, as a calibrated probability; "
        f"defection is {label_of(config.label).says}.\n\n"
        "Out of time, each test snapshot by a model that could have existed then:\n\n"
        f"| test snapshot | accounts | defected | AUC {' | AUC '.join(names)} "
        f"| gain over {RIVAL} (95 %) |\n|{'---|' * (len(names) + 4)}\n"
        + rows
        + "".join(f"\n\n{line}" for line in treated_lines(evaluation))
        + ("" if trained.keep_list is None else f"\n\n{verdict_line(trained.keep_list)}")
        + f"\n\n{trained.leakage.line()}\n\n{value_line(trained.value)}\n"
    )


def _log_leakage(run: Run, leakage: LeakageReport) -> None:
    run.json("leakage_report.json", leakage.to_json())
    run.text("leakage_report.md", markdown(leakage))


def _log(run: Run, config: Config, trained: Trained, drawn: Mapping[str, bytes]) -> None:
    evaluation = trained.evaluation
    log_inputs(run, config, trained.prepared)
    _log_leakage(run, trained.leakage)
    run.json("label_audit.json", trained.labels.to_json())
    run.text("label_audit.md", label_audit.markdown(trained.labels))
    run.json("horizons.json", trained.horizons.to_json())
    run.params(
        {
            "data.label_end": str(trained.model.label_end),
            "value_at_stake.basis": trained.value.basis,
            "value_at_stake.outcome_end": str(trained.value.outcome_end),
        }
    )
    run.metrics(metrics(evaluation))
    run.metrics(coverage_metrics(trained.value_coverage))
    if trained.win_back.hazard:
        run.metrics(win_back_report.metrics(trained.win_back))
        run.json("win_back.json", win_back_report.to_json(trained.win_back))
    if trained.keep_list is not None:
        run.metrics(keep_list_metrics(trained.keep_list))
        run.json("compared_with_size.json", compare_with_size(trained.keep_list)._asdict())
    for name, text in _measured(trained).items():
        run.text(name, text)
    run.plots(drawn)


def _log_splits(run: Run, trained: Trained) -> None:
    """A run for each snapshot that was predicted out of time, under the run of the training."""
    out_of_time = trained.out_of_time.untreated()
    for split in out_of_time.splits:
        rows = out_of_time.at(split.snapshot)
        risk = rows.published_risk
        measured = {
            "auc": measures.auc(rows.label, risk),
            "average_precision": measures.average_precision(rows.label, risk),
            "brier": measures.brier(rows.label, risk),
            "calibration_error": measures.calibration_error(rows.label, risk),
            "base_rate": measures.mean(rows.label),
            "mean_risk": measures.mean(risk),
        }
        run.child(
            f"{'test' if split.is_test else 'earlier'} snapshot {split.snapshot}",
            {
                "split.snapshot": split.snapshot,
                "split.is_test": split.is_test,
                "split.training_rows": split.training_rows,
                "split.training_snapshots": len(split.training_snapshots),
                "split.latest_label_complete": split.latest_label_complete,
                "split.calibrated_on": split.calibrated_on,
                "split.calibration_way": split.way or "none yet",
            },
            {
                "accounts": float(len(rows)),
                **{
                    name: value if math.isfinite(value) else None
                    for name, value in measured.items()
                },
            },
        )


def _plots(config: Config, trained: Trained) -> dict[str, bytes]:
    """The last test snapshot's curves, what the registered model uses, and AUC over time."""
    out_of_time, evaluation, test = trained.out_of_time, trained.evaluation, trained.tests[-1]
    last, subtitle = last_test(config, out_of_time, test)
    risk, tier = last.published_risk, trained.facts.group[~out_of_time.treated]
    registered = f"{config.name}, the registered model"
    gains = trained.model.importance()
    families = {
        feature.name: feature.family for feature in trained.prepared.table.selection.features
    }
    scorers = {name: name for name in evaluation.scorers}
    of_reorders = {}
    if any(share.rows for share in trained.win_back.hazard):
        of_reorders[REORDER_HAZARD] = png(_reorder_hazard(config, trained))
    return {
        **compare_scorers(config, out_of_time, evaluation, scorers),
        **of_reorders,
        "calibration": png(plots.calibration(last.label, risk, subtitle)),
        "risk_by_tier": png(
            plots.risk_by_tier(
                last.label, risk, tier[out_of_time.untreated().rows_at(test)], subtitle
            )
        ),
        "importance": png(plots.importance(gains, families, registered)),
        "family_importance": png(model_plots.family_importance(gains, families, registered)),
        "dependence": png(_dependence(config, trained, list(gains)[:_STRONGEST])),
    }


def _reorder_hazard(config: Config, trained: Trained) -> Figure:
    steps = trained.win_back.hazard
    return model_plots.reorder_hazard(
        [(step.first, step.last) for step in steps],
        [step.rows for step in steps],
        [step.share for step in steps],
        BY_THEMSELVES_DAYS,
        f"{config.name}, departed accounts that nobody acted on, at all snapshots",
    )


def _dependence(config: Config, trained: Trained, names: list[str]) -> Figure:
    """What the strongest features add, over the newest cohort that was learned from."""
    dataset, model = trained.prepared.table.dataset, trained.model
    cohort = dataset.cohort(dataset.snapshots()[-1])
    drawn = np.unique(np.linspace(0, len(cohort) - 1, min(len(cohort), _DRAWN)).astype(int))
    told = model.explain(cohort.features, cohort.names, drawn.tolist())
    columns = [told.names.index(name) for name in names]
    units = {f.name: f.unit for f in trained.prepared.table.selection.features}
    return model_plots.dependence(
        np.column_stack([cohort.column(name)[drawn] for name in names]),
        told.contributions[:, columns],
        names,
        units,
        f"{config.name}, the registered model, {len(drawn):,} accounts of {cohort.as_of}",
    )
