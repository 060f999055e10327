"""docs/benchmarks-market.md from the figures of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

HEAD = """# Benchmarks on simulated markets

Written by `make bench-market`: the figures of the last run of each section, not promises. The
market is that of [simulated-market.md](simulated-market.md), where the truth is known: `silent_90`
is the chance of silence given the hidden state, which nobody can beat. Every model here could have
existed at its test snapshot; figures are means over the last three snapshots with a complete label.
Intervals are of 95 %, by draws of whole accounts.
"""

Result = dict[str, Any]


def page(result: Result) -> str:
    """The page; result: as `market.main` gathers it, by section."""
    parts = {
        "truth": _truth,
        "ten_times": _ten_times,
        "families": _families,
        "shuffled": _shuffled,
        "value": _value,
    }
    lines = [HEAD]
    for name, section in parts.items():
        if name in result:
            lines += [*section(result[name]), ""]
    others = {
        "rare": "Rare defection: 2,000 accounts, 36 months, a horizon of 180 days",
        "frequent": "Frequent defection: 2,000 accounts, 36 months, a horizon of 7 days",
        "small": "A small history: 500 accounts, 18 months",
    }
    for name, title in others.items():
        if name in result:
            lines += [f"## {title}", "", *_scorers(result[name]), ""]
    return "\n".join(lines)


def _truth(found: Result) -> Iterator[str]:
    yield "## How near the truth: 5,000 accounts, 36 months"
    yield ""
    yield from _scorers(found)
    model, best = found["scorers"]["model"], found["scorers"]["truth"]
    yield ""
    yield (
        f"The gap to the truth is {best['auc'] - model['auc']:.4f} AUC, and "
        f"{best['auc_of_trading'] - model['auc_of_trading']:.4f} among those who have not left. "
        "The truth knows what no record tells: the bond itself, who has left already, how long a "
        "quiet spell will last, each account's own clock. How much of the gap records could close, "
        "it does not say."
    )


def _scorers(found: Result) -> Iterator[str]:
    yield (
        f"{found['rows']:,} rows at {', '.join(found['tests'])}, {found['base_rate']:.1%} "
        f"defected; the last model learned from {found['learned_rows']:,} rows of "
        f"{found['training_snapshots']} snapshots."
    )
    yield ""
    yield (
        "| | AUC | among those who have not left | average precision | Brier | calibration errors "
        "| limit by chance |"
    )
    yield "|---|---:|---:|---:|---:|---|---|"
    for name, figures in found["scorers"].items():
        yield (
            f"| {name} | {figures['auc']:.4f} | {figures['auc_of_trading']:.4f} "
            f"| {figures['average_precision']:.4f} | {_number(figures['brier'])} "
            f"| {_list(figures['calibration_errors'])} | {_list(figures['limits'])} |"
        )
    yield ""
    gains = ", ".join(
        f"{value:+.4f} ({low:+.4f} to {high:+.4f}) over {name}"
        for name, (value, low, high) in found["gains"].items()
        if name != "truth"
    )
    yield f"Gain of the model in AUC: {gains}."


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _list(values: list[float] | None) -> str:
    return "" if values is None else ", ".join(f"{value:.3f}" for value in values)


def _ten_times(found: Result) -> Iterator[str]:
    yield "## Ten times the accounts"
    yield ""
    yield (
        f"On the same {found['rows']:,} rows, of accounts that live the same life in a market of "
        "5,000 and in one of 50,000 (the last 15 snapshots of each): AUC learned from the smaller "
        f"{found['few']:.4f}, from the larger {found['many']:.4f}. (AUC - 0.5) of the smaller is "
        f"{found['share']:.1%} of that of the larger."
    )


def _families(found: Result) -> Iterator[str]:
    yield "## What each family adds"
    yield ""
    yield "| families | features | AUC | average precision |"
    yield "|---|---:|---:|---:|"
    for subset in found["subsets"]:
        yield (
            f"| {' + '.join(subset['families'])} | {subset['features']} | {subset['auc']:.4f} "
            f"| {subset['average_precision']:.4f} |"
        )
    yield ""
    yield "| adding | to | AUC gained |"
    yield "|---|---|---|"
    seen = set()
    for worth in (*found["added"], *found["left_out"]):
        key = (worth["family"], tuple(worth["to"]))
        value, low, high = worth["gain"]
        if key not in seen:
            yield (
                f"| {worth['family']} | {' + '.join(worth['to'])} "
                f"| {value:+.4f} ({low:+.4f} to {high:+.4f}) |"
            )
        seen.add(key)


def _shuffled(found: list[float]) -> Iterator[str]:
    yield "## Shuffled labels"
    yield ""
    yield (
        f"With the labels of each snapshot dealt anew among its accounts, {len(found)} times: mean "
        f"AUC {np.mean(found):.4f}, from {min(found):.4f} to {max(found):.4f}."
    )


def _value(found: Result) -> Iterator[str]:
    sums = found["sums"]
    yield "## Value at stake: 5,000 accounts, 60 months"
    yield ""
    yield (
        f"At {', '.join(found['snapshots'])}, learned from years that were over by then. Error: "
        "sum of |next year's margin - expectation for the class that the account turned out to be "
        f"of| over the sum of margins: {sums['error'] / sums['outcome']:.3f}; with last year's "
        f"number, and nothing after defection, {sums['error_last_year'] / sums['outcome']:.3f}. "
        f"Total of those who stayed {sums['stayers_told'] / sums['stayers'] - 1:+.0%}, of "
        f"defectors {sums['defectors_told'] / sums['defectors'] - 1:+.0%}."
    )
    yield ""
    yield (
        "200 calls a snapshot; 30 % of the defectors called stay and bring what the ten stayers "
        "most alike at the same snapshot brought in that year, less what the account brought as it "
        "was; a call costs 50 and gives nothing away. These are assumptions (decision 10)."
    )
    yield ""
    yield "| ranked by | earned a snapshot |"
    yield "|---|---:|"
    for name, earned in found["earned"].items():
        yield f"| {name} | {np.mean(earned):,.0f} |"
