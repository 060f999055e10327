"""Several ways to calibrate, and the rule that chooses among them.

Each way is fitted at every snapshot on what was known then, and predicts the snapshot. So each has
a record out of time, and the choice at a later snapshot rests on the part of it whose labels were
complete by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.ages import Ages
from models.calibration import LogitCalibrator, fit_calibrator, horizon_of
from models.dataset import DateArray, FloatArray
from models.isotonic import IsotonicCalibrator, fit_isotonic
from models.pooled import PooledCalibrator
from models.season import (
    LAST_YEAR,
    LAST_YEAR_AND_TREND,
    LATEST,
    PRIOR_OBSERVATIONS,
    Season,
    independent_observations,
)

RAW, LASTING, WEIGHED = "raw", "lasting", "season weighed"
ISOTONIC, POOLED = "isotonic", "pooled"

WAYS = {
    RAW: "the model's own probabilities",
    ISOTONIC: "rising steps, fitted to the latest snapshots",
    LASTING: "slope and intercept where they stand out from how snapshots differ",
    LATEST: "slope, and the level of the latest known snapshot",
    LAST_YEAR: "slope, and the level of the same season last year",
    LAST_YEAR_AND_TREND: "the same, moved by how this year differs from last year",
    POOLED: "slope drawn towards 1, and the mean of three levels: own, by age, last year's by age",
    WEIGHED: "between `lasting` and `last year`, by how far each has been off",
}
"""The ways by name. The last one is the usual one, unless told otherwise."""

ISOTONIC_SNAPSHOTS = 3
"""Rising steps follow whatever they see, so they see the latest snapshots alone."""

FEWEST_OBSERVATIONS = 3.0
"""Snapshots with horizons that do not overlap, before another way than the usual one is thought
of; with fewer, how much they differ from each other is not known either."""

STANDARD_ERRORS = 2.0
"""By how many of its standard errors a way must be better than the usual one."""


class Calibrator(Protocol):
    """Turns raw probabilities of one snapshot into risks."""

    @property
    def method(self) -> str:
        """What was fitted."""

    def apply(
        self,
        raw: FloatArray,
        as_of: date | None = None,
        stands_for: FloatArray | None = None,
        age: FloatArray | None = None,
    ) -> FloatArray:
        """Return the risk, in (0, 1), of raw probabilities (n,); NaN stays NaN.

        as_of: the snapshot that all rows belong to, a whole cohort; then what is known of its level
        counts. stands_for: how many of its accounts each row stands for, (n,); 1 each by default.
        age: days since the first order, (n,); NaN where unknown.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `calibrator_from` reads back without loss."""


@dataclass(frozen=True, eq=False)
class Known:
    """Out-of-time predictions whose labels are known, (n,) each, at least one.

    label, as_of, label_complete: see `Dataset`. raw: uncalibrated. weight: what each row counts.
    rates, ages: what every snapshot whose label is known says, also those that were not predicted:
    the share of defectors of each, and by age.
    """

    label: NDArray[Any]
    raw: FloatArray
    as_of: DateArray
    label_complete: DateArray
    weight: FloatArray
    rates: Mapping[date, float] = field(default_factory=dict)
    ages: Ages = field(default_factory=Ages)


def fit_ways(known: Known) -> dict[str, Calibrator]:
    """Fit each of `WAYS`."""
    weighed = fit_calibrator(
        known.label, known.raw, known.as_of, known.label_complete, known.rates, known.weight
    )
    latest = known.as_of >= np.unique(known.as_of)[-ISOTONIC_SNAPSHOTS:][0]
    rates = weighed.season.rates

    def level(reference: str) -> LogitCalibrator:
        return replace(weighed, season=Season(rates, 1.0, reference))

    found: dict[str, Calibrator] = {
        RAW: LogitCalibrator(1.0, 0.0, "identity"),
        ISOTONIC: fit_isotonic(known.label[latest], known.raw[latest], known.weight[latest]),
        LASTING: replace(weighed, season=Season({}, 0.0)),
        LATEST: level(LATEST),
        LAST_YEAR: level(LAST_YEAR),
        LAST_YEAR_AND_TREND: level(LAST_YEAR_AND_TREND),
        POOLED: PooledCalibrator(weighed.slope ** _trust(known), known.ages),
        WEIGHED: weighed,
    }
    return {way: found[way] for way in WAYS}


def _trust(known: Known) -> float:
    """Return how far a slope is followed, 0-1; a model gets better, and its slope nearer to 1."""
    observations = _independent(known.as_of, known.label_complete)
    return observations / (PRIOR_OBSERVATIONS + observations)


def _independent(as_of: DateArray, label_complete: DateArray) -> float:
    days = [day.item() for day in np.unique(as_of)]
    return independent_observations(days, horizon_of(as_of, label_complete))


def choose(known: Known, risks: Mapping[str, FloatArray], usual: str = WEIGHED) -> str:
    """Return the way to take next, from how each has done so far.

    risks: of each way, (n,); rows where it is NaN for want of a calibrator are left out. usual: the
    way that is taken unless another has proved better. The Brier scores of the snapshots are
    compared pairwise with those of the usual way. Another one is taken if it is better by two
    standard errors, over at least three snapshots' worth of outcomes; among several, the best.
    """
    told = ~np.isnan(risks[usual])
    if not told.any():
        return usual
    as_of, label, weight = known.as_of[told], known.label[told], known.weight[told]
    _, codes = np.unique(as_of, return_inverse=True)
    independent = _independent(as_of, known.label_complete[told])
    if independent < FEWEST_OBSERVATIONS:
        return usual
    scores = {
        way: np.bincount(codes, weight * np.square(risk[told] - label)) / np.bincount(codes, weight)
        for way, risk in risks.items()
    }
    gains = {way: scores[usual] - score for way, score in scores.items()}
    better = {
        way: float(gain.mean())
        for way, gain in gains.items()
        if gain.mean() > STANDARD_ERRORS * gain.std(ddof=1) / np.sqrt(independent)
    }
    return max(better, key=lambda way: better[way], default=usual)


def calibrator_from(values: Mapping[str, Any]) -> Calibrator:
    """Rebuild a calibrator from its `to_dict`; DamagedModel when it cannot be."""
    match values.get("method"):
        case "isotonic":
            return IsotonicCalibrator.from_dict(values)
        case "pooled":
            return PooledCalibrator.from_dict(values)
        case _:
            return LogitCalibrator.from_dict(values)
