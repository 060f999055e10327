"""The challenger beside the champion: both recipes' out-of-time predictions of the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.out_of_time import OutOfTime
from pipeline.errors import ConfigError
from pipeline.review.recipe import Predicted
from pipeline.review.slices import Slice, sliced, slices_of, worst_first
from pipeline.training.evaluation import (
    CHAMPION,
    RIVAL,
    Evaluation,
    published_risk,
)
from pipeline.training.measuring import evaluated, facts_of

_DRAWS = 300
"""Behind the interval of a slice: there are many slices, and rough intervals tell enough."""


@dataclass(frozen=True)
class Comparison:
    """What was measured of a challenger, beside the champion where there is one to compare with.

    rows: its out-of-time predictions, with the champion's among the baselines. slices: worst first.
    """

    rows: OutOfTime
    evaluation: Evaluation
    slices: tuple[Slice, ...]

    @property
    def rival(self) -> str:
        """Whom the challenger is compared with: the champion, or the logistic baseline."""
        return CHAMPION if CHAMPION in self.evaluation.scorers else RIVAL


def compare(challenger: Predicted, champion: OutOfTime | None) -> Comparison:
    """Measure the challenger, by tiers and slices, with the assumptions of its config.

    champion: what its recipe predicts of the same snapshots. ConfigError where the two have not
    predicted the same accounts.
    """
    config, rows = challenger.config, challenger.out_of_time
    beside = {}
    if champion is not None:
        shared = sorted({s.snapshot for s in rows.splits} & {s.snapshot for s in champion.splits})
        rows, champion = rows.at(*shared), champion.at(*shared)
        if not np.array_equal(rows.account, champion.account):
            raise ConfigError("the two have not predicted the same accounts")
        beside = {CHAMPION: published_risk(champion)}
    rows = replace(rows, baselines={**rows.baselines, **beside})
    challenger = replace(challenger, out_of_time=rows)
    facts = facts_of(config, challenger.dataset, rows, challenger.prepared.table.last_year())
    evaluation = evaluated(config, rows, challenger.tests, facts)
    rival = CHAMPION if beside else RIVAL
    slim = replace(rows, baselines={rival: rows.baselines[rival]})
    slices = list(slices_of("tier", evaluation, facts, rival))
    for dimension, names in sliced(challenger).items():
        groups = tuple(sorted({*names.tolist()}))
        by = replace(facts, group=names, groups=groups)
        found = evaluated(config, slim, challenger.tests, by, _DRAWS)
        slices += slices_of(dimension, found, by, rival)
    return Comparison(rows, evaluation, tuple(worst_first(slices)))
