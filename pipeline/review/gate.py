"""The gate: rules by which a version stays out of use until somebody sets them aside, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from pipeline.config.form import GateConfig
from pipeline.review.keep_list_gate import keep_list_objections
from pipeline.review.slices import Slice
from pipeline.training.evaluation import CHAMPION, MODEL, RIVAL, Evaluation, gain_over
from pipeline.training.keep_list_measures import KeepListEvaluation


class Learned(NamedTuple):
    """Until when a version learned, and until when each source that it learned from is complete."""

    label_end: date
    complete_until: Mapping[str, datetime]
    leakage: str


def objections(
    gate: GateConfig,
    evaluation: Evaluation,
    slices: Sequence[Slice],
    learned: Learned,
    champion_label_end: date | None,
    keep_list: KeepListEvaluation | None = None,
) -> list[str]:
    """What stands against a version, a sentence each; empty where the gate is open.

    evaluation, keep_list: with the champion beside where there is one to compare with. keep_list:
    for departure, whose list is judged by the margin that it catches, in place of AUC and slices.
    """
    if keep_list is not None:
        return [
            *_leakage(learned),
            *_chance(evaluation),
            *keep_list_objections(keep_list),
            *_stale(gate, learned, champion_label_end),
        ]
    return [
        *_leakage(learned),
        *_chance(evaluation),
        *_baselines(gate, evaluation),
        *_champion(gate, evaluation),
        *_calibration(gate, evaluation),
        *_slices(gate, slices, CHAMPION if CHAMPION in evaluation.scorers else RIVAL),
        *_stale(gate, learned, champion_label_end),
    ]


def _leakage(learned: Learned) -> Iterator[str]:
    if learned.leakage != "passed":
        yield f"leakage report: {learned.leakage}"


def _chance(evaluation: Evaluation) -> Iterator[str]:
    auc = evaluation.of("auc")
    if math.isfinite(auc.low) and auc.low <= 0.5:
        yield f"AUC {auc.value:.4f} is no better than chance (95 % from {auc.low:.3f})"


def _baselines(gate: GateConfig, evaluation: Evaluation) -> Iterator[str]:
    auc = evaluation.of("auc")
    for name in evaluation.scorers:
        if name in (MODEL, CHAMPION):
            continue
        gain = evaluation.of(gain_over(name))
        if not gain.value >= gate.least_gain:
            yield (
                f"AUC {auc.value:.4f} against {evaluation.value('auc', name):.4f} of the baseline "
                f"{name}: a gain of {gain.value:+.4f}, at least {gate.least_gain:+.4f} is asked"
            )


def _champion(gate: GateConfig, evaluation: Evaluation) -> Iterator[str]:
    if CHAMPION not in evaluation.scorers:
        return
    gain = evaluation.of(gain_over(CHAMPION))
    if gain.value < -gate.champion_loss and gain.high < 0:
        yield (
            f"AUC {evaluation.value('auc'):.4f} against {evaluation.value('auc', CHAMPION):.4f} of "
            f"the champion: {gain.value:+.4f} ({gain.low:+.3f} to {gain.high:+.3f}); a loss "
            f"of at most {gate.champion_loss:.4f} is allowed"
        )


def _calibration(gate: GateConfig, evaluation: Evaluation) -> Iterator[str]:
    error = evaluation.value("calibration_error")
    by_chance = evaluation.value("calibration_error_limit")
    most = max(gate.calibration_error, by_chance)
    if not error <= most:
        yield f"calibration error {error:.3f}, at most {most:.3f} is allowed"


def _slices(gate: GateConfig, slices: Sequence[Slice], rival: str) -> Iterator[str]:
    for one in slices:
        worse = one.gain.value < -gate.slice_loss and one.gain.high < 0
        if worse and one.accounts >= gate.least_slice:
            yield (
                f"slice {one.dimension} = {one.name}: AUC {-one.gain.value:.3f} below the "
                f"{rival}'s ({one.gain.low:+.3f} to {one.gain.high:+.3f}), at most "
                f"{gate.slice_loss:.3f} is allowed"
            )


def _stale(gate: GateConfig, learned: Learned, champion: date | None) -> Iterator[str]:
    orders = learned.complete_until["orders"]
    for name, until in learned.complete_until.items():
        lag = (orders - until).days
        if lag > gate.max_lag_days:
            yield f"stale data: {name} end {lag} days before the orders ({until:%Y-%m-%d})"
    if champion is not None and learned.label_end < champion:
        yield (f"stale data: it learned until {learned.label_end}, the champion until {champion}")
