"""The drawings of a review: challenger and champion on the same rows, side by side."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.review.comparison import Comparison
from pipeline.review.page import Picture
from pipeline.tracking import plots
from pipeline.training.evaluation import MODEL, RIVAL, published_risk


def pictures(config: Config, comparison: Comparison) -> list[Picture]:
    """Curves of the last test snapshot, calibration of both, and AUC over all test snapshots."""
    evaluation, rival = comparison.evaluation, comparison.rival
    day = evaluation.tests[-1]
    last = comparison.rows.untreated().at(day)
    risk = published_risk(last)
    subtitle = f"{config.name}, test snapshot {day}, {len(last.label):,} accounts"
    scores = {"challenger": risk, **{name: last.baselines[name] for name in (rival, RIVAL)}}
    curves = {name: (last.label, score) for name, score in scores.items()}
    auc = {
        name: evaluation.value("auc", MODEL if name == "challenger" else name) for name in scores
    }
    areas = ", ".join(f"{name} {value:.3f}" for name, value in auc.items())
    error = {
        name: evaluation.value("calibration_error", MODEL if name == "challenger" else name, day)
        for name in ("challenger", rival)
    }
    over_time = {
        name: [
            evaluation.value("auc", MODEL if name == "challenger" else name, test)
            for test in evaluation.tests
        ]
        for name in scores
    }
    return [
        Picture(plots.roc(curves, subtitle), f"ROC curves; mean area: {areas}"),
        Picture(
            plots.precision_recall(curves, subtitle), f"Precision and recall at {day}, all cuts"
        ),
        *(
            Picture(
                plots.calibration(last.label, scores[name], f"{name}: {subtitle}"),
                f"Calibration of the {name} at {day}: error {error[name]:.3f}",
            )
            for name in ("challenger", rival)
        ),
        Picture(
            plots.gain(curves, config.scoring.call_capacity, subtitle),
            f"Defectors reached by {config.scoring.call_capacity:,} calls, and the lift",
        ),
        Picture(
            plots.backtest(
                over_time,
                list(evaluation.tests),
                config.name,
                [evaluation.of("auc", snapshot=test)[1:] for test in evaluation.tests],
            ),
            "AUC at each test snapshot: "
            + "; ".join(
                f"{name} " + ", ".join(f"{value:.3f}" for value in values)
                for name, values in over_time.items()
            ),
        ),
    ]
