"""What a reviewer goes through before a version is used, each item with its evidence.

What a rule can decide is decided; what a person has to judge says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.config.form import GateConfig
from pipeline.review.comparison import Comparison
from pipeline.review.keep_list_gate import outside
from pipeline.tracking.stored_runs import StoredRun
from pipeline.training.evaluation import (
    CHAMPION,
    COHORT,
    MODEL,
    TREATED,
    Evaluation,
    gain_over,
)
from pipeline.training.keep_list_measures import SLIP_CHANCE, KeepListEvaluation
from pipeline.training.keep_list_report import calibration_line, verdict_line
from pipeline.training.preparation import Prepared
from pipeline.training.size_comparison import BETTER, WORSE, compare_with_size
from pipeline.wording import counted, listed

MET, NOT_MET, JUDGE = "met", "not met", "for you to judge"


@dataclass(frozen=True)
class Item:
    """One question. state: `met`, `not met` or `for you to judge`."""

    part: str
    asks: str
    state: str
    evidence: str


def checklist(
    gate: GateConfig,
    comparison: Comparison,
    prepared: Prepared,
    run: StoredRun,
    labels: Mapping[str, Any],
) -> list[Item]:
    """All items. run: of the version's training; labels: its label_audit.json."""
    return [
        *_soundness(gate, comparison, run),
        *_data(prepared, run),
        *_outcomes(comparison.evaluation, labels),
        *_monitoring(),
        *_limits(gate, comparison, prepared),
    ]


def _soundness(gate: GateConfig, comparison: Comparison, run: StoredRun) -> Iterator[Item]:
    part, evaluation = "Soundness", comparison.evaluation
    leakage = run.tags.get("leakage", "not recorded")
    yield Item(
        part,
        "Can it have seen the future?",
        MET if leakage == "passed" else NOT_MET,
        f"leakage report {leakage}: leakage_report.md of the run",
    )
    logged, now = run.metrics.get("mean/auc"), evaluation.value("auc")
    if logged is not None:
        same = math.isclose(logged, now, abs_tol=1e-9)
        yield Item(
            part,
            "Can its figures be had again?",
            MET if same else JUDGE,
            f"mean AUC {now:.4f} here, {logged:.4f} when it was trained"
            + ("" if same else "; the data, the code or the dates have changed since"),
        )
    if comparison.keep_list is not None:
        yield from keep_list_items(part, comparison.keep_list)
        return
    baselines = [name for name in evaluation.scorers if name not in (MODEL, CHAMPION)]
    gains = {name: evaluation.of(gain_over(name)) for name in baselines}
    yield Item(
        part,
        "Does it beat every simple rule?",
        _met(all(gain.value >= gate.least_gain for gain in gains.values())),
        "gain in AUC: "
        + "; ".join(
            f"{g.value:+.4f} ({g.low:+.3f} to {g.high:+.3f}) over {n}" for n, g in gains.items()
        ),
    )
    error, limit = (
        evaluation.value(name) for name in ("calibration_error", "calibration_error_limit")
    )
    yield Item(
        part,
        "Do its probabilities mean what they say?",
        _met(error <= max(gate.calibration_error, limit)),
        f"calibration error {error:.3f}; chance alone explains {limit:.3f}, "
        f"the gate allows {gate.calibration_error:.3f}",
    )


def keep_list_items(part: str, found: KeepListEvaluation) -> Iterator[Item]:
    """What is asked of a list for departure, in place of AUC and calibration error."""
    answer = compare_with_size(found).answer
    yield Item(
        part,
        "Does the list catch more margin than one sorted by size?",
        {BETTER: MET, WORSE: NOT_MET}.get(answer, JUDGE),
        verdict_line(found),
    )
    exceeded = [
        group
        for group, one in found.calibration.items()
        if group != SLIP_CHANCE and outside(group, one) is not None
    ]
    yield Item(
        part,
        "Do its probabilities mean what they say?",
        _met(not exceeded),
        calibration_line(found),
    )


def _data(prepared: Prepared, run: StoredRun) -> Iterator[Item]:
    part, tables = "Data", prepared.sources.tables
    warnings = len(prepared.sources.warnings)
    yield Item(
        part,
        "Are these the data you expect?",
        JUDGE,
        "; ".join(f"{name} {table.rows:,} rows" for name, table in tables.items()),
    )
    yield Item(
        part,
        "Did validation find anything?",
        MET if not warnings else JUDGE,
        f"{counted(warnings, 'warning')}, "
        f"{counted(sum(table.quarantined for table in tables.values()), 'row')} quarantined: "
        "validation.json of the run",
    )
    now = {name: frozenset(f.sha256 for f in table.lineage) for name, table in tables.items()}
    changed = [name for name in now if run.data.get(name) != now[name]]
    yield Item(
        part,
        "Is it reviewed on the data it was trained on?",
        MET if not changed else JUDGE,
        f"changed since: {listed(changed)}" if changed else "the files are the same by SHA-256",
    )


def _outcomes(evaluation: Evaluation, labels: Mapping[str, Any]) -> Iterator[Item]:
    part = "Outcomes"
    rates = ", ".join(
        f"{evaluation.value('base_rate', COHORT, day):.1%} at {day}" for day in evaluation.tests
    )
    yield Item(part, "Do as many defect as you know of?", JUDGE, f"{rates} of the cohort")
    shares = {found["days"]: found["share"] for found in labels["returns"]}
    share = shares.get(365)
    yield Item(
        part,
        "Is a defector lost?",
        JUDGE,
        f"{share:.1%} order again within a further year" if share is not None else "not known yet",
    )
    treated = sum(int(evaluation.value(TREATED, COHORT, day)) for day in evaluation.tests)
    yield Item(
        part,
        "Were outcomes changed by calling?",
        MET if not treated else JUDGE,
        f"{counted(treated, 'row')} of accounts acted on are left out of the figures",
    )


def _monitoring() -> Iterator[Item]:
    yield Item(
        "Monitoring",
        "Will somebody see it go wrong?",
        JUDGE,
        "say who runs the monitor, how often, and who reads it; what to watch stands on "
        "the version's page",
    )


def _limits(gate: GateConfig, comparison: Comparison, prepared: Prepared) -> Iterator[Item]:
    part = "Limits"
    worst = next((s for s in comparison.slices if math.isfinite(s.gain.value)), None)
    if worst is not None:
        holds = worst.gain.value >= -gate.slice_loss or worst.gain.high >= 0
        yield Item(
            part,
            "Is it good enough where it is worst?",
            MET if holds else (NOT_MET if comparison.keep_list is None else JUDGE),
            f"{worst.dimension} = {worst.name}: AUC {worst.auc.value:.3f}, "
            f"{worst.gain.value:+.3f} on the {comparison.rival}",
        )
    untold = [f"{s.dimension} = {s.name}" for s in comparison.slices if math.isnan(s.auc.value)]
    yield Item(
        part,
        "For whom can nothing be said?",
        MET if not untold else JUDGE,
        listed(untold, 6) or "every slice was measured",
    )
    left_out = prepared.table.selection.left_out
    yield Item(
        part,
        "What does it not look at?",
        MET if not left_out else JUDGE,
        f"{counted(len(left_out), 'feature')} left out for want of sources: features_left_out.json"
        if left_out
        else "no feature is left out",
    )


def _met(holds: bool) -> str:
    return MET if holds else NOT_MET
