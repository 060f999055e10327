"""What is said of an evaluation: lines for the terminal, metrics for MLflow."""

from __future__ import annotations

import math

from models.bootstrap import Interval
from models.value_at_stake import INSIDE, ValueAtStake
from models.value_coverage import EVERYBODY, Coverage
from pipeline.training.evaluation import (
    ALL,
    COHORT,
    MEAN,
    MODEL,
    RIVAL,
    TREATED,
    Evaluation,
    gain_over,
)
from pipeline.wording import counted

CHIEF = (  # what a reviewer compares scorers and tiers by; the rest is for who looks closer
    "accounts",
    "base_rate",
    "auc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
    "precision_at_capacity",
    "lift_at_capacity",
    "profit",
)


def table(evaluation: Evaluation) -> list[str]:
    """The evaluation as lines of text: AUC of every scorer, the paired gain, calibration."""
    scorers = [*(name for name in evaluation.scorers if name != MODEL), MODEL]
    widths = [max(8, len(name) + 2) for name in scorers]
    names = "".join(f"{name:>{width}}" for name, width in zip(scorers, widths, strict=True))
    head = f"{'snapshot':<10}{'accounts':>9}{'defected':>10}{names}"
    gain, error = f"gain over {RIVAL} (95 %)", f"{RIVAL:>10}{MODEL:>7}"
    left = len(head) - sum(widths)
    above = f"{'':<{left}}{'AUC':>{widths[0]}}"
    lines = [f"{above:<{len(head) + 28}}{'calibration error':>17}", f"{head}{gain:>28}{error}"]
    for snapshot in [*evaluation.tests, MEAN]:
        auc = [evaluation.value("auc", name, snapshot) for name in scorers]
        lines.append(
            f"{snapshot!s:<10}{evaluation.value('accounts', COHORT, snapshot):>9,.0f}"
            f"{evaluation.value('base_rate', COHORT, snapshot):>10.1%}"
            + "".join(f"{value:>{width}.4f}" for value, width in zip(auc, widths, strict=True))
            + f"{said(evaluation.of(gain_over(RIVAL), snapshot=snapshot)):>28}"
            + f"{evaluation.value('calibration_error', RIVAL, snapshot):>10.3f}"
            + f"{evaluation.value('calibration_error', MODEL, snapshot):>7.3f}"
        )
    return lines + treated_lines(evaluation)


def treated_lines(evaluation: Evaluation) -> list[str]:
    """How many accounts are left out because they were acted on; nothing where none is."""
    left_out = sum(evaluation.value(TREATED, COHORT, test) for test in evaluation.tests)
    kept = sum(evaluation.value("accounts", COHORT, test) for test in evaluation.tests)
    return left_out_lines(int(left_out), int(left_out + kept))


def left_out_lines(treated: int, rows: int) -> list[str]:
    """How many rows of the test snapshots are of treated accounts; nothing where none is."""
    says = "acted on within the horizon (`backtest.treated`)"
    line = f"Left out: {treated:,} of {rows:,} rows of the test snapshots, of accounts {says}"
    return [line] if treated else []


def chance_line(evaluation: Evaluation) -> str:
    """How large a calibration error need not worry anybody; see `models.calibration_limit`."""
    limits = (evaluation.value("calibration_error_limit", MODEL, day) for day in evaluation.tests)
    return (
        "By chance alone a perfect model's calibration error stays below "
        f"{', '.join(f'{limit:.3f}' for limit in limits)} (99 in 100)"
    )


def said(gain: Interval) -> str:
    """A gain with its interval, on a line of text."""
    return f"{gain.value:+.4f} ({gain.low:+.3f} to {gain.high:+.3f})"


def metrics(evaluation: Evaluation) -> dict[str, float | None]:
    """Figures by test snapshot and by tier; all others, and more intervals, are in evaluation.csv.

    A chief measure over all that is NaN is logged as it is, for then the scores are broken;
    another that cannot be said, such as of a tier in which nobody defected, is left out.
    """
    found: dict[str, float | None] = {}
    for key, figure in evaluation.figures.items():
        own, whole = key.scorer in (MODEL, COHORT), key.group == ALL
        chief = key.measure in CHIEF
        if not (chief and (own or whole)) and not (own and whole):
            continue
        group = key.snapshot if whole else f"{key.snapshot}/tier_{key.group}"
        name = f"{group}/{key.measure}" + ("" if own else f"_{key.scorer}")
        known = math.isfinite(figure.value) or (own and whole and chief)
        found[name] = figure.value if known else None
        if own and whole and math.isfinite(figure.low):
            found |= {f"{name}_low": figure.low, f"{name}_high": figure.high}
    return found


def value_line(value: ValueAtStake) -> str:
    """What value at stake rests on, in a sentence."""
    if not value.learned:
        return (
            f"Value at stake: {value.basis}, without an interval; no snapshot yet has a complete "
            "year before and after it with enough accounts that stayed and that defected"
        )
    days = " to ".join(dict.fromkeys((value.snapshots[0], value.snapshots[-1])))
    return (
        f"Value at stake: next year's {value.basis} if an account stays less if it defects, "
        f"learned from {counted(len(value.snapshots), 'snapshot')}, {days}"
    )


def coverage_line(found: Coverage) -> str:
    """How often next year's margin lay in the interval, in a sentence."""
    if not found.snapshots:
        return (
            "Interval of next year's value: not judged yet; no snapshot has accounts that are "
            "known to have stayed a year, after earlier ones that were known by then"
        )
    tiers = ", ".join(
        f"tier {name} {share:.1%}" for name, share in found.inside.items() if name != EVERYBODY
    )
    days = " to ".join(dict.fromkeys((found.snapshots[0], found.snapshots[-1])))
    return (
        f"Interval of next year's value: holds {found.inside[EVERYBODY]:.1%} of the accounts that "
        f"stayed the year ({tiers}); {INSIDE:.0%} are meant; out of time, "
        f"{counted(found.rows, 'row')} of {counted(len(found.snapshots), 'snapshot')}, {days}"
    )


def coverage_metrics(found: Coverage) -> dict[str, float | None]:
    """Return the shares of `coverage_line` for MLflow."""
    return {
        "value_at_stake/coverage" + ("" if name == EVERYBODY else f"_tier_{name}"): share
        for name, share in found.inside.items()
    }
