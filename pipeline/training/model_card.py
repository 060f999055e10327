"""The model card: what a version is for, what it was made of, how good it is, where it ends.

After Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from models.bootstrap import Interval
from pipeline.config import Config
from pipeline.scoring.about_list import NOTE
from pipeline.tables.cohort import cohort_of
from pipeline.tables.label_definitions import label_of
from pipeline.tables.tiers import TIERS
from pipeline.training.evaluation import (
    ALL,
    COHORT,
    EXPECTED_LOSS,
    MODEL,
    PROBABILITIES,
    Evaluation,
    Key,
    gain_over,
)
from pipeline.training.keep_list_report import markdown as keep_list_markdown
from pipeline.training.reporting import chance_line, coverage_line, treated_lines, value_line
from pipeline.training.trained import Trained
from pipeline.training.win_back_report import markdown as win_back_markdown

_MEASURES = {
    "auc": ("AUC", 4),
    "average_precision": ("average precision", 4),
    "brier": ("Brier score", 4),
    "calibration_error": ("calibration error", 3),
    "precision_at_capacity": ("precision at capacity", 3),
    "lift_at_capacity": ("lift at capacity", 2),
    "profit": ("profit of the calls", 0),
}

_LIMITS = """\
- It tells who is likely to leave, not why, and not whom a call would keep: what an account has in
  common with others that left need not be the cause.
- It speaks of accounts in the cohort only; others are not scored.
- Risks rest on how the accounts of a snapshot compare with each other. It scores whole cohorts, and
  refuses fewer than half of the smallest that it learned from.
- Before a year of comparable history it knows no season, and its level may be off by as much as the
  season moves.
- Exits that leave no trace beforehand (closures, takeovers) are beyond it, and beyond any model.
- Accounts that were called because of an earlier list may have stayed because of it. Those recorded
  are left out of the figures (`backtest.treated`); where many are called, outcomes say less and
  less of what would have happened without.
- Figures are of the past, on accounts like those. A new assortment, prices or a merger may change
  what silence means."""

_WATCH = """\
- The share of defectors beside the mean risk, once horizons are over.
- How the features are distributed beside the snapshots learned from, above all days of silence.
- Late rows: a source that falls behind makes everybody look silent.
- The worst tier and the worst test snapshot above, before the mean."""


def model_card(config: Config, trained: Trained) -> str:
    """Markdown, a page long."""
    label = label_of(config.label)
    parts = [
        f"# Model card: {config.name}",
        "",
        "## Purpose",
        "",
        "Ranks the accounts of a supplier by the risk that they defect, so that those who own them "
        "call the right ones in time. The risk is a probability and supports a decision; it makes "
        "none. It is not meant for prices, credit or judging persons.",
        "",
        *_note(trained),
        "## Definitions",
        "",
        f"- Defection: {label.says}; late rows count for {label.maturity.reporting_lag_days} days.",
        f"- Cohort: accounts {cohort_of(config)}.",
        f"- Snapshot: midnight in {config.timezone}; only what had happened and was known counts.",
        "",
        "## Data",
        "",
        *_data(trained),
        "",
        "## Model",
        "",
        *_model(trained),
        "",
        "## Figures",
        "",
        *_figures(config, trained),
        "",
        *_keep_list(trained),
        *_win_back(trained),
        "## Limits",
        "",
        _LIMITS,
        "",
        "## What to watch",
        "",
        _WATCH,
    ]
    return "\n".join(parts) + "\n"


def _note(trained: Trained) -> Iterator[str]:
    """What to keep in mind about the lists of this version."""
    if note := trained.model.metadata.get(NOTE):
        yield f"**{note}**"
        yield ""


def _data(trained: Trained) -> Iterator[str]:
    prepared = trained.prepared
    yield "| table | rows | quarantined | complete until |"
    yield "|---|---|---|---|"
    for name, loaded in prepared.sources.tables.items():
        until = f"{loaded.complete_until:%Y-%m-%d %H:%M}" if loaded.complete_until else ""
        yield f"| {name} | {loaded.rows:,} | {loaded.quarantined:,} | {until} |"
    frame, dataset = prepared.table.frame, prepared.table.dataset
    snapshots = frame["as_of"]
    rate = float(np.average(dataset.label, weights=dataset.stands_for))
    if sample := prepared.table.sample():
        yield ""
        yield sample
    yield ""
    yield (
        f"{len(frame):,} rows of {frame['account_id'].nunique():,} accounts at "
        f"{snapshots.nunique()} snapshots, {snapshots.min():%Y-%m-%d} to "
        f"{snapshots.max():%Y-%m-%d}; {rate:.1%} defected. The last outcome "
        f"used was complete on {trained.model.label_end}."
    )
    returned = {r.days: r for r in trained.labels.returns}
    if (year := returned.get(365)) and year.share is not None:
        yield (
            f"Of the defectors of whom a further year is known, {year.share:.1%} ordered again "
            "within it: defection here need not be for good."
        )
    yield ""
    yield trained.leakage.line()


def _model(trained: Trained) -> Iterator[str]:
    model = trained.model
    families = Counter(f.family for f in trained.prepared.table.selection.features)
    listed = ", ".join(f"{count} of {family}" for family, count in families.items())
    yield (
        f"LightGBM, the mean of {len(model.booster_texts)} learners on ranks within the snapshot; "
        f"{len(model.names)} features: {listed}. Calibrated on rolling out-of-time predictions "
        f"(way: {model.metadata['calibration_way']}). The ten that gain most:"
    )
    yield ""
    yield ", ".join(f"`{name}`" for name in list(model.importance())[:10])
    left_out = trained.prepared.table.selection.left_out
    if left_out:
        yield ""
        yield f"{len(left_out)} features are left out for want of sources (features_left_out.json)."


def _figures(config: Config, trained: Trained) -> Iterator[str]:
    evaluation = trained.evaluation
    tests = ", ".join(map(str, evaluation.tests))
    yield (
        f"Out of time: each test snapshot ({tests}) predicted by a model that could have existed "
        "then. Means over them; 95 % intervals by a bootstrap over accounts."
    )
    yield ""
    others = [name for name in evaluation.scorers if name != MODEL]
    yield f"| | model (95 %) | {' | '.join(others)} |"
    yield "|---|---|" + "---|" * len(others)
    for measure, (says, digits) in _MEASURES.items():
        cells = [_cell(evaluation, measure, name, digits) for name in others]
        found = evaluation.of(measure)
        yield f"| {says} | {_between(found, digits)} | {' | '.join(cells)} |"
    gains = ", ".join(
        f"{_between(evaluation.of(gain_over(name)), 4, sign='+')} over {name}" for name in others
    )
    yield ""
    yield f"Gain in AUC on the same draws of accounts: {gains}."
    yield ""
    yield f"{chance_line(evaluation)}."
    yield ""
    yield "| tier | accounts | defected | AUC (95 %) | calibration error (95 %) |"
    yield "|---|---|---|---|---|"
    for tier in (ALL, *TIERS):
        accounts = evaluation.of("accounts", COHORT, group=tier).value
        rate = evaluation.of("base_rate", COHORT, group=tier).value
        auc = evaluation.figures.get(Key("mean", tier, "auc", MODEL))
        error = evaluation.figures.get(Key("mean", tier, "calibration_error", MODEL))
        yield (
            f"| {tier} | {accounts:,.0f} | {rate:.1%} | {_between(auc, 3)} | {_between(error, 3)} |"
        )
    terms = config.scoring.profit
    loss = evaluation.value("profit", EXPECTED_LOSS)
    yield ""
    yield (
        f"Profit: of {config.scoring.call_capacity} calls a snapshot, if {terms.accept_rate:.0%} "
        f"of the defectors called stay and bring {terms.value_days} days' value, a call costs "
        f"{terms.contact_cost:,.0f} and offers {terms.incentive_share:.0%} of the value. Ranked by "
        f"risk x value the same calls earn {loss:,.0f}. These are assumptions, not measured."
    )
    further = (
        *trained.horizons.lines(),
        value_line(trained.value),
        coverage_line(trained.value_coverage),
        *treated_lines(evaluation),
    )
    for line in further:
        yield ""
        yield f"{line}."


def _keep_list(trained: Trained) -> Iterator[str]:
    if trained.keep_list is not None:
        yield "## Keep list"
        yield ""
        yield from keep_list_markdown(trained.keep_list)
        yield ""


def _win_back(trained: Trained) -> Iterator[str]:
    if trained.win_back.hazard:
        yield "## Win-back list"
        yield ""
        yield from win_back_markdown(trained.win_back)


def _cell(evaluation: Evaluation, measure: str, scorer: str, digits: int) -> str:
    if measure in ("brier", "calibration_error") and scorer not in PROBABILITIES:
        return ""
    return f"{evaluation.value(measure, scorer):,.{digits}f}"


def _between(found: Interval | None, digits: int, sign: str = "") -> str:
    if found is None or math.isnan(found.value):
        return "cannot be said"  # nobody of the tier defected, or everybody
    value, low, high = (f"{number:{sign},.{digits}f}" for number in found)
    return f"{value} ({low} to {high})"
