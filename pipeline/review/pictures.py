"""The drawings of a review: challenger and champion on the same rows, side by side."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.config import Config
from pipeline.review.comparison import Comparison
from pipeline.review.page import Picture
from pipeline.tracking import plots
from pipeline.tracking.plot_style import png
from pipeline.training.back_test_plots import REORDER_HAZARD, compare_scorers, last_test
from pipeline.training.evaluation import CHAMPION, MODEL, RIVAL


def pictures(
    config: Config, comparison: Comparison, of_training: Mapping[str, bytes]
) -> list[Picture]:
    """Curves of the last test snapshot, calibration of both, and AUC over all test snapshots.

    of_training: what the training drew, by name; without a champion it is all but one picture.
    """
    evaluation, rows, rival = comparison.evaluation, comparison.rows, comparison.rival
    day = evaluation.tests[-1]
    last, subtitle = last_test(config, rows, day)
    drawn = dict(of_training)
    scorers = {name: name for name in evaluation.scorers}
    if rival == CHAMPION:
        scorers = {"challenger": MODEL, CHAMPION: CHAMPION, RIVAL: RIVAL}
    if rival == CHAMPION or not drawn:
        drawn |= compare_scorers(config, rows, evaluation, scorers)
    if not of_training:
        drawn["calibration"] = png(plots.calibration(last.label, last.published_risk, subtitle))
    of_rival = plots.calibration(last.label, last.baselines[rival], f"{rival}: {subtitle}")
    own, *_ = scorers
    error = {
        name: evaluation.value("calibration_error", scorer, day)
        for name, scorer in ((own, MODEL), (rival, rival))
    }
    areas = ", ".join(
        f"{name} {evaluation.value('auc', scorer):.3f}" for name, scorer in scorers.items()
    )
    over_time = "; ".join(
        f"{name} "
        + ", ".join(f"{evaluation.value('auc', scorer, test):.3f}" for test in evaluation.tests)
        for name, scorer in scorers.items()
    )
    calls = f"{config.scoring.call_capacity:,} calls"
    of_reorders = []
    if REORDER_HAZARD in drawn:
        says = "Departed accounts that order again without a call, by days since patience ended"
        of_reorders = [Picture(drawn[REORDER_HAZARD], says)]
    return [
        Picture(drawn["roc"], f"ROC curves; mean area: {areas}"),
        Picture(drawn["precision_recall"], f"Precision and recall at {day}, all cuts"),
        *(
            Picture(figure, f"Calibration of the {name} at {day}: error {error[name]:.3f}")
            for name, figure in ((own, drawn["calibration"]), (rival, png(of_rival)))
        ),
        Picture(drawn["gain"], f"Defectors reached by {calls}, and the lift"),
        Picture(drawn["backtest"], f"AUC at each test snapshot: {over_time}"),
        *of_reorders,
    ]
