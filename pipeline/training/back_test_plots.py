"""The drawings of a back-test that a training and a review share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from models.out_of_time import OutOfTime
from pipeline.config import Config
from pipeline.tracking import plots
from pipeline.tracking.plot_style import png
from pipeline.training.evaluation import MODEL, Evaluation

REORDER_HAZARD = "reorder_hazard"  # the name of a drawing of `pipeline.tracking.model_plots`


def last_test(config: Config, rows: OutOfTime, test: date) -> tuple[OutOfTime, str]:
    """The rows of a test snapshot that are measured, and the subtitle of what is drawn of them."""
    last = rows.untreated().at(test)
    accounts = f"{len(last.label):,} accounts"
    return last, f"{config.name}, test snapshot {test}, {accounts}, {_label(config)}"


def compare_scorers(
    config: Config, rows: OutOfTime, evaluation: Evaluation, scorers: Mapping[str, str]
) -> dict[str, bytes]:
    """Draw scorers beside each other: curves of the last test snapshot, and AUC over all; as PNG.

    scorers: by the name that each has in the drawings, the model first.
    """
    tests = evaluation.tests
    last, subtitle = last_test(config, rows, tests[-1])
    scores = {MODEL: last.published_risk, **last.baselines}
    curves = {name: (last.label, scores[scorer]) for name, scorer in scorers.items()}
    auc = {
        name: [evaluation.value("auc", scorer, test) for test in tests]
        for name, scorer in scorers.items()
    }
    intervals = [evaluation.of("auc", snapshot=test)[1:] for test in tests]
    return {
        "roc": png(plots.roc(curves, subtitle)),
        "precision_recall": png(plots.precision_recall(curves, subtitle)),
        "gain": png(plots.gain(curves, config.scoring.call_capacity, subtitle)),
        "backtest": png(plots.backtest(auc, tests, f"{config.name}, {_label(config)}", intervals)),
    }


def _label(config: Config) -> str:
    return f"{config.label.definition} {config.label.horizon_days} days"
