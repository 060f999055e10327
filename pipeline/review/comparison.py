"""The challenger beside the champion: both recipes' out-of-time predictions of the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.departures import OutOfTimeDepartures
from models.out_of_time import OutOfTime
from pipeline.errors import ConfigError
from pipeline.review.recipe import Predicted
from pipeline.review.slices import Slice, sliced, slices_of, worst_first
from pipeline.training.evaluation import (
    CHAMPION,
    RIVAL,
    Evaluation,
    evaluate_groups,
)
from pipeline.training.keep_list_measures import KeepListEvaluation
from pipeline.training.measuring import evaluated, measure, measure_keep_list

_DRAWS = 300
"""At most, behind the interval of a slice: there are many, and rough intervals tell enough."""


@dataclass(frozen=True)
class Comparison:
    """What was measured of a challenger, beside the champion where there is one to compare with.

    rows: its out-of-time predictions, with the champion's among the baselines. slices: worst first.
    keep_list: for departure, with the champion's list among the rankings.
    """

    rows: OutOfTime
    evaluation: Evaluation
    slices: tuple[Slice, ...]
    keep_list: KeepListEvaluation | None = None

    @property
    def rival(self) -> str:
        """Whom the challenger is compared with: the champion, or the logistic baseline."""
        return CHAMPION if CHAMPION in self.evaluation.scorers else RIVAL


def compare(
    challenger: Predicted,
    champion: OutOfTime | None,
    champion_departures: OutOfTimeDepartures | None = None,
) -> Comparison:
    """Measure the challenger, by tiers and slices, with the assumptions of its config.

    What its training measured is not measured again. champion: what its recipe predicts of the same
    snapshots; champion_departures: the same for departure. ConfigError where the two have not
    predicted the same accounts.
    """
    config, rows, measured = challenger.config, challenger.out_of_time, challenger.measured
    if champion is not None:
        shared = sorted({s.snapshot for s in rows.splits} & {s.snapshot for s in champion.splits})
        if len(shared) < len(rows.splits):
            rows, measured = rows.at(*shared), None
        champion = champion.at(*shared)
        if not np.array_equal(rows.account, champion.account):
            raise ConfigError("the two have not predicted the same accounts")
    tests = challenger.tests
    facts, evaluation = measured or measure(config, challenger.prepared.table, rows, tests)
    rival = RIVAL
    if champion is not None:
        rival, risk = CHAMPION, champion.published_risk
        beside = evaluated(config, replace(rows, baselines={CHAMPION: risk}), tests, facts)
        evaluation = evaluation.with_scorers_of(beside)
        rows = replace(rows, baselines={**rows.baselines, CHAMPION: risk})
    slim = replace(rows, baselines={rival: rows.baselines[rival]})
    slices = list(slices_of("tier", evaluation, facts, rival))
    repetitions = min(_DRAWS, config.backtest.bootstrap_repetitions)
    for dimension, names in sliced(replace(challenger, out_of_time=rows)).items():
        by = replace(facts, group=names, groups=tuple(sorted({*names.tolist()})))
        found = evaluate_groups(slim, by, tests, repetitions, config.model.all_threads)
        slices += slices_of(dimension, found, by, rival)
    keep_list = compared_keep_list(challenger, champion_departures)
    return Comparison(rows, evaluation, tuple(worst_first(slices)), keep_list)


def compared_keep_list(
    challenger: Predicted, champion: OutOfTimeDepartures | None
) -> KeepListEvaluation | None:
    """Measure the challenger's list, beside the champion's where there is one; see `compare`."""
    if challenger.departures is None or (champion is None and challenger.keep_list is not None):
        return challenger.keep_list
    return measure_keep_list(
        challenger.config,
        challenger.prepared.table,
        challenger.departures,
        challenger.tests,
        challenger.inactivity,
        champion,
    )
