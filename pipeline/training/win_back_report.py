"""What is said of the win-back model: terminal, MLflow, model card, lists."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from models.bootstrap import Interval
from pipeline.training.evaluation import MODEL
from pipeline.training.win_back import (
    BY_THEMSELVES_DAYS,
    LEARNED_DAYS,
    ReorderReport,
    WinBack,
)


def lines(found: WinBack) -> list[str]:
    """Return what there is to say on the terminal; nothing without departed accounts."""
    said = [
        f"Win-back, out of time: order again within {one.days} days AUC "
        f"{_interval(one.auc[MODEL])}; "
        + ", ".join(f"{name} {_number(auc.value)}" for name, auc in _baselines(one).items())
        + f"; said {one.whole.said:.1%}, did {one.whole.did:.1%}"
        for one in found.reports
    ]
    said += [f"reorder_{days} stays empty: {why}" for days, why in found.left_out.items()]
    return [*said, *(line for line in (by_value_alone(found), by_themselves(found)) if line)]


def by_value_alone(found: WinBack) -> str:
    """Return why the list to win back is sorted by value alone, in a sentence; empty if not."""
    why = found.left_out.get(max(LEARNED_DAYS))
    if why is None:
        return ""
    return f"The list to win back is sorted by value alone: {why}."


def by_themselves(found: WinBack) -> str:
    """Return how many departed accounts return without an action of ours, in a sentence."""
    said = [
        (f"{one.share.value:.0%}", f"{one.first} to {one.last}") for one in found.bands if one.rows
    ]
    if not said:
        return ""
    (share, days), *others = said
    return (
        f"Without a call, {share} order again within {BY_THEMSELVES_DAYS} days where patience "
        f"ended {days} days before"
        + "".join(f", {share} where {days} days before" for share, days in others)
        + "."
    )


def to_json(found: WinBack) -> dict[str, Any]:
    """Return plain values."""
    return {
        "horizons": [
            {
                "days": one.days,
                "snapshots": [str(day) for day in one.snapshots],
                "auc": {name: auc._asdict() for name, auc in one.auc.items()},
                "gain": {name: gain._asdict() for name, gain in one.gain.items()},
                "whole": asdict(one.whole),
                "fifths": [asdict(part) for part in one.fifths],
            }
            for one in found.reports
        ],
        "left_out": {str(days): why for days, why in found.left_out.items()},
        f"order_again_within_{BY_THEMSELVES_DAYS}_days": {
            name: [{**vars(one), "share": one.share._asdict()} for one in shares if one.rows]
            for name, shares in (("bands", found.bands), ("hazard", found.hazard))
        },
    }


def metrics(found: WinBack) -> dict[str, float | None]:
    """Return the figures for MLflow; None for what cannot be said."""
    values: dict[str, float] = {}
    for one in found.reports:
        name = f"win_back/reorder_{one.days}"
        values |= {f"{name}/auc": one.auc[MODEL].value}
        values |= {f"{name}/auc_{other}": auc.value for other, auc in _baselines(one).items()}
        values |= {f"{name}/mean_chance": one.whole.said, f"{name}/base_rate": one.whole.did}
    for share in found.bands:
        values[f"win_back/order_again_30/{share.first}_to_{share.last}_days"] = share.share.value
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def markdown(found: WinBack) -> Iterator[str]:
    """Yield a section of the model card without its heading."""
    for one in found.reports:
        yield (
            f"Orders again within {one.days} days, untreated, out of time at "
            f"{len(one.snapshots)} snapshots ({one.whole.rows:,.0f} rows): "
            f"AUC {_interval(one.auc[MODEL])}; "
            + ", ".join(
                f"{name} {_interval(one.auc[name])}, gain {_interval(gain, '+')}"
                for name, gain in one.gain.items()
            )
            + "."
        )
        yield ""
        yield f"| fifth by reorder_{one.days} | rows | said | did |"
        yield "|---|---|---|---|"
        for number, part in enumerate(one.fifths, start=1):
            yield f"| {number} | {part.rows:,.0f} | {part.said:.1%} | {part.did:.1%} |"
        yield f"| all | {one.whole.rows:,.0f} | {one.whole.said:.1%} | {one.whole.did:.1%} |"
        yield ""
    for line in (by_value_alone(found), by_themselves(found)):
        if line:
            yield line
            yield ""


def _baselines(one: ReorderReport) -> Mapping[str, Interval]:
    return {name: auc for name, auc in one.auc.items() if name != MODEL}


def _interval(found: Interval, sign: str = "") -> str:
    value, low, high = (_number(number, sign) for number in found)
    return value if math.isnan(found.low) else f"{value} ({low} to {high})"


def _number(value: float, sign: str = "") -> str:
    return "unknown" if math.isnan(value) else f"{value:{sign}.3f}"
