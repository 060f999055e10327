"""Which features have moved further from training than the training snapshots from each other.

Two levels are judged of each feature: how high its known values stand among those of training (mean
rank, 0-1), and the share of nulls. What is usual is the mean of the training snapshots, of the same
season where that foretells it better; the spread is how far training snapshots lay from what those
at least half a year away would have foretold. It is learned mostly from all features of a group:
a few training snapshots say little of the spread of a single feature (Smyth, 2004, on variances
of many series shrunk to a common one).

An alarm is a distance that Student's t exceeds by chance, over both levels of all features
together, in the stated share of runs (Bonferroni). Features look back for months, so that
neighbouring snapshots repeat each other: a quarter of training counts as one independent
observation, what the group adds as three, and a short training alarms late. That this holds was
measured: docs/decisions/0015-monitoring.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.stats import t as student

from models.dataset import BoolArray, DateArray, FloatArray, IntArray
from models.drift import Reference

APART_DAYS = 182
"""Snapshots nearer than this share what they look back on, and foretell each other too well."""

SEASON_DAYS = 46
"""Days of the year, either way, that are the same season."""

SEASON_HELPS = 0.5
"""What is left of the squared error where the season is worth being told apart."""

GROUP_WEIGHT = 3.0
"""How much the group's spread counts, a feature's own counting 1."""

LARGEST_SQUARE = 25.0
"""Of a standardised spread in the group's mean: a feature that has just begun would fill it."""

INDEPENDENT_DAYS = 91
"""Of training, as one independent observation."""

GROUP_OBSERVATIONS = 3.0
"""What the spread of the group adds to these."""

FEWEST_SNAPSHOTS = 3
"""With another half a year away, below which no spread is known and nothing is judged."""

MIDDLE_ACCOUNTS = 5
"""Counted into each mean rank at the middle, so that a few known values move it little."""

_YEAR = 365.25
_LEAST_DEVIATION = 0.02  # of ranks or nulls between accounts: of a level that never varied
_LEAST_VARIANCE = 0.01


@dataclass(frozen=True, eq=False)
class Judgement:
    """The features of a snapshot beside those of training; (p,) each.

    psi: against all training snapshots; psi_usual, psi_season: the largest of a training snapshot,
    and of one of the same season, NaN where there is none. rank, nulls: the two levels now;
    usual_rank, usual_nulls: what is usual, of the season where `seasonal`. rank_distance,
    null_distance: from it, in spreads; NaN where no spread is known. limit: beyond which a distance
    is an alarm.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    psi: FloatArray
    psi_usual: FloatArray
    psi_season: FloatArray
    rank: FloatArray
    usual_rank: FloatArray
    nulls: FloatArray
    usual_nulls: FloatArray
    seasonal: BoolArray
    rank_distance: FloatArray
    null_distance: FloatArray
    limit: float

    @property
    def judged(self) -> bool:
        """Whether training reaches far enough to know any spread."""
        return bool(np.isfinite(self.limit))

    @property
    def distance(self) -> FloatArray:
        """The larger of both distances, whatever their sign, (p,)."""
        both = np.abs([self.rank_distance, self.null_distance])
        return np.asarray(both.max(axis=0), dtype=np.float64)

    @property
    def alarms(self) -> list[int]:
        """The features beyond the limit, furthest first."""
        beyond = np.flatnonzero(self.distance > self.limit)
        return [int(place) for place in beyond[np.argsort(-self.distance[beyond], kind="stable")]]


def judge(
    reference: Reference, counts: IntArray, as_of: date, false_alarm_rate: float
) -> Judgement:
    """Judge a snapshot whose accounts fall into the bins by `counts`, see `Reference.count`.

    false_alarm_rate: the share of runs, 0-1, that raise an alarm without any drift.
    """
    days = reference.snapshots
    now = np.datetime64(as_of, "D")
    season = _season_apart(days, now) <= SEASON_DAYS
    usual = reference.psi(reference.counts)
    levels, deviations = _levels(reference, reference.counts)
    level, deviation = (part[:, 0] for part in _levels(reference, counts[:, None]))
    groups = [f"{kind} {group}" for kind in ("rank", "null") for group in reference.groups]
    spread, seasonal = _spread(days, levels, deviations, groups)
    known_season = seasonal & season.any()
    expected = np.where(known_season, _mean(levels, season), levels.mean(axis=1))
    distance = (level - expected) / (deviation * spread)
    features = len(reference.names)
    return Judgement(
        names=reference.names,
        groups=reference.groups,
        psi=reference.psi(counts),
        psi_usual=usual.max(axis=1),
        psi_season=usual[:, season].max(axis=1) if season.any() else np.full(features, np.nan),
        rank=level[:features],
        usual_rank=expected[:features],
        nulls=level[features:],
        usual_nulls=expected[features:],
        seasonal=known_season[:features] | known_season[features:],
        rank_distance=distance[:features],
        null_distance=distance[features:],
        limit=_limit(days, len(level), false_alarm_rate) if np.isfinite(spread).all() else np.nan,
    )


def _limit(days: DateArray, levels: int, false_alarm_rate: float) -> float:
    """The distance that any of so many levels exceeds by chance in this share of runs."""
    freedom = GROUP_OBSERVATIONS + float((days[-1] - days[0]).astype(int)) / INDEPENDENT_DAYS
    return float(student.isf(false_alarm_rate / (2 * levels), freedom))


def _levels(reference: Reference, counts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Mean ranks, then null shares, and what chance among the accounts makes of each; (2p, t).

    counts: (p, t, bins).
    """
    of_training = reference.counts[..., :-1].sum(axis=1)
    share = of_training / np.maximum(of_training.sum(axis=1, keepdims=True), 1)
    rank = np.cumsum(share, axis=1) - share / 2  # of the middle of each bin
    known, accounts = counts[..., :-1].sum(axis=-1), np.maximum(counts.sum(axis=-1), 1)
    middle = MIDDLE_ACCOUNTS * 0.5
    mean_rank = (counts[..., :-1] @ rank[..., None])[..., 0] + middle
    mean_rank = mean_rank / (known + MIDDLE_ACCOUNTS)
    between = np.sqrt((share * (rank - 0.5) ** 2).sum(axis=1))
    rank_deviation = np.maximum(between, _LEAST_DEVIATION)[:, None] / np.sqrt(
        known + MIDDLE_ACCOUNTS
    )
    of_all = reference.counts
    null_share = (of_all[..., -1] / np.maximum(of_all.sum(axis=-1), 1)).mean(axis=1)
    variance = np.maximum(null_share * (1 - null_share), _LEAST_VARIANCE)
    null_deviation = np.sqrt(variance)[:, None] / np.sqrt(accounts)
    return (
        np.concatenate([mean_rank, counts[..., -1] / accounts]),
        np.concatenate([rank_deviation, null_deviation]),
    )


def _spread(
    days: DateArray, levels: FloatArray, deviations: FloatArray, groups: list[str]
) -> tuple[FloatArray, BoolArray]:
    """How many times chance's deviation training snapshots lay from what others foretold.

    Also whether the season foretells the level; (2p,) each. NaN where nothing can be known.
    """
    gap = np.abs((days[:, None] - days[None, :]).astype(int))
    others = gap >= APART_DAYS
    told = others.any(axis=1)
    if told.sum() < FEWEST_SNAPSHOTS:
        return np.full(len(levels), np.nan), np.zeros(len(levels), dtype=np.bool_)
    square = _squared_errors(levels, deviations, others)
    seasonal = np.zeros(len(levels), dtype=np.bool_)
    alike = others & (_season_apart(days[:, None], days[None, :]) <= SEASON_DAYS)
    if alike.any():
        same = alike.any(axis=1)
        by_season = _squared_errors(levels, deviations, alike)
        seasonal = by_season < SEASON_HELPS * _squared_errors(
            levels, deviations, others & same[:, None]
        )
        square = np.where(seasonal, by_season, square)
    common = np.empty(len(square))
    names = np.array(groups)
    for group in np.unique(names):
        here = names == group
        common[here] = np.minimum(square[here], LARGEST_SQUARE).mean()
    return np.sqrt((square + GROUP_WEIGHT * common) / (1 + GROUP_WEIGHT)), seasonal


def _squared_errors(levels: FloatArray, deviations: FloatArray, told_by: BoolArray) -> FloatArray:
    """Mean squared standardised error of the snapshots that others foretell, (2p,).

    told_by: (t, t), the snapshots whose mean foretells each.
    """
    here = told_by.any(axis=1)
    weights = told_by[here] / told_by[here].sum(axis=1, keepdims=True)
    error = (levels[:, here] - levels @ weights.T) / deviations[:, here]
    return np.asarray((error**2).mean(axis=1), dtype=np.float64)


def _mean(levels: FloatArray, some: BoolArray) -> FloatArray:
    """The mean over some snapshots, (2p,); of all where there are none."""
    chosen = levels[:, some] if some.any() else levels
    return np.asarray(chosen.mean(axis=1), dtype=np.float64)


def _season_apart(days: DateArray, others: DateArray | np.datetime64) -> FloatArray:
    """Days of the year between dates, 0 to half a year."""
    apart = np.abs((days - others).astype(int)) % _YEAR
    return np.asarray(np.minimum(apart, _YEAR - apart), dtype=np.float64)
