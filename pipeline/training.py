"""From sources to a registered challenger: table, baselines, back-test, final fit, one run."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from features.catalogue import catalogue
from features.families import FAMILIES
from models.baselines import recency_rule, rfm_logistic
from models.dataset import Dataset
from models.out_of_time import OutOfTime, rolling
from models.recipe import Recipe
from models.risk_model import RiskModel, fit_final
from models.screening import too_good
from models.settings import ModelSettings
from pipeline import evaluation as evaluations
from pipeline import plots
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.engine import Engine
from pipeline.errors import CheckFailed, DataError
from pipeline.evaluation import MODEL, RIVAL, Evaluation
from pipeline.identity import make_identity_table
from pipeline.snapshots import snapshot_dates
from pipeline.sources import Sources, load_sources, readable_paths
from pipeline.table import TrainingTable, maturity, training_table
from pipeline.tracking import Run, Tracking
from pipeline.version import code_version


@dataclass(frozen=True)
class Prepared:
    """The training table of a config and where it comes from."""

    table: TrainingTable
    sources: Sources
    immature: tuple[date, ...]


@dataclass(frozen=True)
class Trained:
    """What one training leaves behind: the registered version and what was measured."""

    version: int
    run_id: str
    evaluation: Evaluation
    prepared: Prepared


def open_engine(config: Config) -> Engine:
    """The engine with the config's limits, able to read the config's inputs."""
    return Engine(
        readable_paths(config),
        threads=config.engine.threads,
        memory_share=config.engine.memory_share,
        spill_folder=config.engine.spill_folder,
    )


def prepare(config: Config, steps: Steps, until: date | None = None) -> Prepared:
    """Read the sources and build the training table over all mature snapshots.

    until: use only what was known before this date, as if it were today.
    """
    with open_engine(config) as engine:
        steps.begin("Reading the sources")
        sources = load_sources(config, engine, known_before=until)
        make_identity_table(engine)
        wanted = snapshot_dates(
            config.snapshots.first, config.snapshots.last, config.snapshots.every
        )
        complete_until = sources.tables["orders"].complete_until
        mature, immature = maturity(config).split(wanted, complete_until)
        if not mature:
            raise DataError(
                f"No snapshot has a complete label: the first is {wanted[0]}, its label is complete "
                f"on {maturity(config).label_complete(wanted[0])}, and the orders are complete "
                f"until {complete_until:%Y-%m-%d %H:%M}. Choose earlier snapshots in `snapshots`, a "
                "shorter `label.horizon_days`, or a newer extract."
            )
        steps.begin(f"Building features and labels at {len(mature)} snapshots")
        table = training_table(
            engine, config, sources, mature, steps.detail("Building features and labels")
        )
    return Prepared(table, sources, tuple(immature))


def train(config: Config, steps: Steps, until: date | None = None) -> Trained:
    """Train, back-test, log and register; never promotes."""
    prepared = prepare(config, steps, until)
    dataset = prepared.table.dataset()
    _refuse_nonsense(dataset)
    tests = _tests(config, dataset)
    settings = ModelSettings(**config.model.model_dump())
    steps.begin("Fitting the models of the back-test")

    def fitted(done: int, total: int, snapshot: date) -> None:
        steps.begin(f"Fitting: as of {snapshot}", total=total)
        for _ in range(done):
            steps.advance()

    out_of_time = rolling(dataset, tests, settings, baselines=_baselines(config), progress=fitted)
    steps.begin("Measuring")
    evaluation = evaluations.evaluate(out_of_time, tests, config.scoring.call_capacity)
    steps.begin("Fitting the final model")
    model = fit_final(dataset, out_of_time, settings)
    steps.begin("Logging to MLflow")
    tracking = open_tracking(config)
    name = f"{config.name} {config.label.definition} {config.label.horizon_days}d"
    with tracking.run(name, tags=_tags(config)) as run:
        _log(run, config, prepared, evaluation, out_of_time, model, tests)
        with tempfile.TemporaryDirectory(prefix="defection-") as folder:
            model.save(Path(folder))
            version = run.register(
                Path(folder),
                model.names,
                description=_headline(config, evaluation),
                tags=_version_tags(config, model),
            )
        return Trained(version, run.id, evaluation, prepared)


def open_tracking(config: Config) -> Tracking:
    """The config's MLflow store."""
    settings = config.tracking
    return Tracking(settings.folder, settings.experiment, settings.model_name)


def _baselines(config: Config) -> dict[str, Recipe]:
    """The rules that a sales manager has anyway, on the same rows."""
    window = max(config.features.windows_days)
    return {
        "recency": recency_rule("days_since_last_order"),
        RIVAL: rfm_logistic(
            recency="days_since_last_order",
            frequency=f"orders_count_{window}d",
            spend=f"spend_{window}d",
        ),
    }


def _refuse_nonsense(dataset: Dataset) -> None:
    if len(set(dataset.label.tolist())) < 2:
        share = "every" if dataset.label[0] else "no"
        raise DataError(
            f"Nothing can be learned: {share} account defects in all {len(dataset.label):,} rows. "
            "Check the mapping of `orders` and `label.horizon_days`."
        )
    suspicious = too_good(dataset)
    if suspicious:
        named = ", ".join(f"{name} (AUC {auc:.3f})" for name, auc in suspicious.items())
        raise CheckFailed(
            f"Training stopped: a single feature separates the classes almost perfectly: {named}. "
            "That is nearly always a column written after the fact. Check the known_at stamps of "
            "its source, or leave the feature's family out."
        )


def _tests(config: Config, dataset: Dataset) -> list[date]:
    """The configured test snapshots for which there are rows."""
    present = sorted({day.item() for day in dataset.as_of})
    if config.backtest.test_snapshots:
        tests = [day for day in config.backtest.test_snapshots if day in present]
    else:
        tests = present[-(config.backtest.last or 0) :]
    if not tests:
        raise DataError(
            "None of the test snapshots has a complete label: "
            f"the mature snapshots reach from {present[0]} to {present[-1]}. "
            "Choose `backtest.test_snapshots` among them."
        )
    return tests


def _tags(config: Config) -> dict[str, str]:
    return {
        "code_version": code_version(),
        "config_sha256": config.digest(),
        "label": config.label.definition,
        "horizon_days": str(config.label.horizon_days),
    }


def _version_tags(config: Config, model: RiskModel) -> dict[str, str]:
    return {**_tags(config), "label_end": str(model.label_end)}


def _headline(config: Config, evaluation: Evaluation) -> str:
    """Markdown: the figures that a version is known by."""
    rows = "\n".join(
        f"| {report.as_of} | {report.rows:,} | {report.base_rate:.1%} "
        f"| {report.measures['auc']['recency']:.4f} | {report.measures['auc'][RIVAL]:.4f} "
        f"| {report.measures['auc'][MODEL]:.4f} "
        f"| {report.gain.difference:+.4f} ({report.gain.low:+.4f} to {report.gain.high:+.4f}) |"
        for report in evaluation.snapshots
    )
    return (
        f"Risk that an account of `{config.name}` places no order within "
        f"{config.label.horizon_days} days, as a calibrated probability.\n\n"
        "Out of time, each test snapshot by a model that could have existed then:\n\n"
        "| test snapshot | accounts | defected | AUC recency | AUC logistic | AUC model "
        "| gain over logistic (95 %) |\n|---|---|---|---|---|---|---|\n" + rows + "\n"
    )


def _log(
    run: Run,
    config: Config,
    prepared: Prepared,
    evaluation: Evaluation,
    out_of_time: OutOfTime,
    model: RiskModel,
    tests: Sequence[date],
) -> None:
    table = prepared.table
    run.params(config.flat())
    run.params(
        {
            "data.rows": len(table.frame),
            "data.accounts": table.frame["account_id"].nunique(),
            "data.features": len(table.selection.features),
            "data.label_end": str(model.label_end),
            "data.immature_snapshots": len(prepared.immature),
        }
    )
    for report in evaluation.snapshots:
        run.metrics(_metrics(report))
    run.metrics(
        {
            "mean/auc": evaluation.mean("auc", MODEL),
            **{f"mean/auc_{name}": evaluation.mean("auc", name) for name in ("recency", RIVAL)},
            "mean/calibration_error": evaluation.mean("calibration_error", MODEL),
            "mean/brier": evaluation.mean("brier", MODEL),
            f"all/auc_gain_over_{RIVAL}": evaluation.pooled_gain.difference,
            f"all/auc_gain_over_{RIVAL}_low": evaluation.pooled_gain.low,
            f"all/auc_gain_over_{RIVAL}_high": evaluation.pooled_gain.high,
        }
    )
    for name, loaded in prepared.sources.tables.items():
        for file in loaded.lineage:
            run.dataset(name, file.path, file.sha256, loaded.rows)
    run.json("lineage.json", prepared.sources.lineage())
    run.json("features_left_out.json", dict(table.selection.left_out))
    families = [FAMILIES[name] for name in config.features.families]
    run.text("feature_catalogue.md", catalogue(families, config.features.windows_days))
    run.file(config.path, "config")
    run.text("evaluation.txt", "\n".join(evaluations.table(evaluation)) + "\n")
    _log_plots(run, config, prepared, evaluation, out_of_time, model, tests)


def _metrics(report: evaluations.SnapshotReport) -> dict[str, float | None]:
    group = str(report.as_of)
    found: dict[str, float | None] = {
        f"{group}/accounts": report.rows,
        f"{group}/base_rate": report.base_rate,
        f"{group}/mean_risk": report.mean_risk,
        f"{group}/training_rows": report.training_rows,
        f"{group}/auc_gain_over_{RIVAL}": report.gain.difference,
        f"{group}/auc_gain_over_{RIVAL}_low": report.gain.low,
        f"{group}/auc_gain_over_{RIVAL}_high": report.gain.high,
    }
    for measure, scorers in report.measures.items():
        for scorer, value in scorers.items():
            found[f"{group}/{measure}" + ("" if scorer == MODEL else f"_{scorer}")] = value
    return found


def _log_plots(
    run: Run,
    config: Config,
    prepared: Prepared,
    evaluation: Evaluation,
    out_of_time: OutOfTime,
    model: RiskModel,
    tests: Sequence[date],
) -> None:
    last = out_of_time.at(tests[-1])
    subtitle = (
        f"{config.name}, test snapshot {tests[-1]}, {len(last.label):,} accounts, "
        f"{config.label.definition} {config.label.horizon_days} days"
    )
    curves = {
        name: (last.label, score) for name, score in {MODEL: last.risk, **last.baselines}.items()
    }
    families = {feature.name: feature.family for feature in prepared.table.selection.features}
    figures = {
        "roc": plots.roc(curves, subtitle),
        "precision_recall": plots.precision_recall(curves, subtitle),
        "calibration": plots.calibration(last.label, last.risk, subtitle),
        "gain": plots.gain(curves, config.scoring.call_capacity, subtitle),
        "importance": plots.importance(
            model.booster.importance(), families, f"{config.name}, the registered model"
        ),
        "backtest": plots.backtest(
            {
                name: [report.measures["auc"][name] for report in evaluation.snapshots]
                for name in evaluation.snapshots[0].measures["auc"]
            },
            list(tests),
            f"{config.name}, {config.label.definition} {config.label.horizon_days} days",
        ),
    }
    for name, figure in figures.items():
        run.figure(f"plots/{name}.png", figure)
