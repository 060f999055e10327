"""The drawings of a review: plain arrays in, matplotlib figures out, nothing global touched.

Curves come as a mapping from a method's name to (label, score): label 1 for an account that
defected and 0 for one that stayed, score higher for a higher risk, one element an account. The
first method is the model and drawn boldly, the others are what it has to beat. `subtitle` says on
which data and date. Figures are 900 pixels wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from models import measures
from models.shares import wilson
from pipeline.tracking.plot_style import (
    FAINT,
    FAMILIES,
    INK,
    MODEL,
    QUIET,
    Entry,
    end_labels,
    method_style,
    one_panel,
    ranked_legend,
    remark,
    row_legend,
    two_panels,
    unit_square,
)

Curves = Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]]
Array = npt.NDArray[np.float64]


def roc(curves: Curves, subtitle: str) -> Figure:
    """Defectors found against stayers wrongly flagged, at every threshold; area in the legend."""
    figure, axes = one_panel("How well the ranking tells defectors from stayers (ROC)", subtitle)
    entries = []
    for name, style, label, score in _styled(curves):
        found, flagged = _cuts(label, score)
        wrongly = (flagged - found) / (label.size - label.sum())
        axes.plot(wrongly, found / label.sum(), **style)
        entries.append((name, measures.auc(label, score), style))
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, zorder=1)
    axes.text(0.62, 0.6, "chance", color=QUIET, fontsize=9, rotation=45, rotation_mode="anchor")
    unit_square(axes)
    axes.set_xlabel("Stayers wrongly flagged (false positive rate)")
    axes.set_ylabel("Defectors found (true positive rate)")
    ranked_legend(axes, entries, "Area under the curve")
    return figure


def precision_recall(curves: Curves, subtitle: str) -> Figure:
    """Share of the flagged that defected against the share of defectors found.

    Lines begin at the tenth account flagged: before it precision is a lottery of a few accounts.
    """
    figure, axes = one_panel("How many of the flagged accounts defect (precision-recall)", subtitle)
    entries = []
    for name, style, label, score in _styled(curves):
        found, flagged = _cuts(label, score)
        drawn = flagged >= max(1, min(10, label.size // 10))
        recall, precision = found[drawn] / label.sum(), found[drawn] / flagged[drawn]
        axes.plot(recall, precision, drawstyle="steps-pre", **style)
        entries.append((name, measures.average_precision(label, score), style))
        base_rate = float(label.mean())
    axes.axhline(base_rate, color=FAINT, linewidth=1.2, zorder=1)
    axes.text(1.02, base_rate, f"base rate {base_rate:.0%}", color=QUIET, fontsize=9, va="center")
    unit_square(axes)
    axes.set_xlabel("Defectors found (recall)")
    axes.set_ylabel("Flagged accounts that defected (precision)")
    ranked_legend(axes, entries, "Average precision")
    return figure


def calibration(label: npt.ArrayLike, risk: npt.ArrayLike, subtitle: str, bins: int = 10) -> Figure:
    """Observed against predicted shares in bins of equally many accounts; all risks beneath.

    The bars are 95% Wilson intervals of a binomial share. risk: 0-1.
    """
    labels, risks = _checked("risk", label, risk)
    groups = measures.calibration_bins(labels, risks, bins=bins)
    said, seen = groups.predicted, groups.observed
    _, low, high = wilson(seen * groups.weight, groups.weight)
    gap = float(np.abs(seen - said).mean())

    figure, (axes, below) = two_panels(
        "Do the predicted risks come true? (calibration)", subtitle, height_ratios=(4, 1)
    )
    right, top = (min(1.0, 0.05 * float(np.ceil(21 * edge))) for edge in (risks.max(), high.max()))
    end = min(right, top)
    axes.plot([0, end], [0, end], color=FAINT, linewidth=1.2, zorder=1)
    axes.text(end * 0.93, end * 0.9, "as predicted", color=QUIET, fontsize=9, va="top")
    axes.vlines(said, low, high, color=MODEL, linewidth=1.6, alpha=0.55)
    axes.plot(said, seen, "o-", color=MODEL, linewidth=1.2, markersize=6.5)
    remark(
        axes,
        f"{100 * gap:.1f} percentage points off on average; {len(said)} groups of "
        f"{groups.weight[0]:,.0f} accounts, 95% intervals",
    )
    axes.set_ylabel("Share that defected")
    axes.set_ylim(0, top)
    below.hist(risks, bins=np.linspace(0, right, 41).tolist(), color=MODEL, alpha=0.55)
    below.set_ylabel("Accounts")
    below.set_xlabel("Predicted risk of defection")
    below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    below.set_xlim(0, right)
    axes.sharex(below)
    axes.tick_params(labelbottom=False)
    for axis in (axes.yaxis, below.xaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def gain(curves: Curves, capacity: int, subtitle: str) -> Figure:
    """Share of all defectors among the first accounts called; lift at the call capacity beside it.

    capacity: calls that can be made; at most all accounts count. Lift: defectors among those
    called over what as many calls in random order would meet. Equal scores share their defectors.
    """
    figure, (axes, bars) = two_panels(
        "How many defectors the calls would reach (gain and lift)", subtitle, width_ratios=(2.3, 1)
    )
    lifts: list[Entry] = []
    for name, style, label, score in _styled(curves):
        accounts, defectors = label.size, label.sum()
        calls = min(capacity, accounts)
        found, called = _cuts(label, score)
        reached = float(np.interp(calls, called, found)) / defectors
        axes.plot(called, found / defectors, **style)
        axes.plot([calls], [reached], "o", color=style["color"], markersize=5.5, zorder=6)
        if not lifts:
            remark(
                axes,
                f"{calls:,} calls by the model reach {reached:.0%} of the defectors; "
                f"{measures.precision_at(label, score, calls):.0%} of those called defect",
            )
        lifts.append((name, measures.lift_at(label, score, calls), style))
    axes.plot([0, accounts], [0, 1], color=FAINT, linewidth=1.2, zorder=1)
    axes.axvline(calls, color=INK, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    axes.set_xlim(0, accounts)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("Accounts called, highest risk first")
    axes.set_ylabel("Defectors reached")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _lift_bars(bars, lifts, calls)
    return figure


def importance(
    gains: Mapping[str, float], families: Mapping[str, str], subtitle: str, top: int = 20
) -> Figure:
    """The features that the trees gain most from, as shares of all gain, coloured by family.

    gains: total gain by feature. families: the family of each of them.
    """
    total = sum(gains.values())
    if not total > 0:
        raise ValueError("no feature has any gain: the model has not split once")
    ranked = sorted(((v, k) for k, v in gains.items() if v > 0), key=lambda p: (-p[0], p[1]))[:top]
    share_of: dict[str, float] = dict.fromkeys(families.values(), 0.0)
    for name, value in gains.items():
        share_of[families[name]] += value / total
    colours = {family: FAMILIES[i % len(FAMILIES)] for i, family in enumerate(share_of)}

    figure, axes = one_panel(
        "What the model looks at, by its gain"
        + (f": the first {top} of {len(gains)} features" if len(gains) > top else ""),
        subtitle,
        height=2.2 + 0.24 * len(ranked),
        legend=True,
    )
    shares = [value / total for value, _ in ranked]
    names = [name for _, name in ranked]
    places = np.arange(len(ranked))
    axes.barh(places, shares, color=[colours[families[name]] for name in names], height=0.72)
    for place, share in zip(places.tolist(), shares, strict=True):
        axes.text(share, place, f" {share:.1%}", va="center", fontsize=9, color=QUIET)
    axes.set_yticks(places, names, fontsize=9.5)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, max(shares) * 1.12)
    axes.set_xlabel("Share of the total gain of all splits")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ordered = sorted(share_of, key=lambda family: -share_of[family])
    row_legend(figure, {f"{name} ({share_of[name]:.0%})": colours[name] for name in ordered})
    return figure


def risk_by_tier(
    label: npt.ArrayLike, risk: npt.ArrayLike, tier: npt.NDArray[np.object_], subtitle: str
) -> Figure:
    """The spread of the risks in each value tier, and the share that defected with its interval.

    Thin bars reach from the 10th to the 90th percentile, thick ones over the middle half. tier:
    (n,), drawn in the order of their names.
    """
    labels, risks = _checked("risk", label, risk)
    names = sorted({*tier.tolist()})
    figure, axes = one_panel(
        "Risk by value tier, beside what came", subtitle, 2.2 + 0.9 * len(names), legend=True
    )
    for place, name in enumerate(names):
        here = tier == name
        ends = np.percentile(risks[here], [10, 25, 75, 90])
        axes.hlines(place, ends[0], ends[3], color=MODEL, linewidth=2, alpha=0.5)
        axes.hlines(place, ends[1], ends[2], color=MODEL, linewidth=9, alpha=0.35)
        axes.plot(risks[here].mean(), place, "o", color=MODEL, markersize=8, zorder=4)
        share, low, high = wilson(labels[here].sum(), here.sum())
        axes.hlines(place + 0.3, low, high, color=INK, linewidth=1.6)
        axes.plot([share], [place + 0.3], "D", color=INK, markersize=6, zorder=4)
    axes.set_yticks(
        range(len(names)), [f"{name} ({(tier == name).sum():,})" for name in names], fontsize=11
    )
    axes.set_ylim(len(names) - 0.4, -0.5)
    axes.set_ylabel("Tier (accounts)")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("Risk of defection")
    row_legend(
        figure, {"Predicted: mean, middle half, 80%": MODEL, "Defected: share, 95% interval": INK}
    )
    return figure


def backtest(
    auc: Mapping[str, Sequence[float]],
    snapshots: Sequence[date | str],
    subtitle: str,
    intervals: Sequence[tuple[float, float]] | None = None,
) -> Figure:
    """The area under the ROC curve at each test snapshot, the model beside the baselines.

    auc: by method, in the order of `snapshots`; NaN leaves a gap. intervals: (low, high) of the
    model at each snapshot.
    """
    if not snapshots or any(len(values) != len(snapshots) for values in auc.values()):
        raise ValueError("a back-test needs one area per method and test snapshot")
    figure, axes = one_panel("Would it have worked before? (back-test over time)", subtitle)
    places = np.arange(len(snapshots))
    ends: list[tuple[float, str, str, bool]] = []
    for rank, (name, values) in enumerate(auc.items()):
        style = method_style(rank)
        line = np.asarray(values, dtype=np.float64)
        axes.plot(places, line, marker="o", markersize=7 if rank == 0 else 4.5, **style)
        if rank == 0:
            above = line
            if intervals is not None:
                low, above = np.asarray(intervals, dtype=np.float64).T
                axes.vlines(places, low, above, color=MODEL, linewidth=6, alpha=0.22, zorder=2)
            for place, value, top in zip(places, line, above, strict=True):
                if np.isfinite(value) and len(snapshots) <= 12:
                    axes.annotate(
                        f"{value:.3f}",
                        (place, top),
                        xytext=(0, 7),
                        textcoords="offset points",
                        ha="center",
                        fontsize=10.5,
                        fontweight="bold",
                        color=MODEL,
                    )
        known = line[np.isfinite(line)]
        if known.size:
            ends.append((float(known[-1]), name, style["color"], rank == 0))
    axes.margins(y=0.1)
    end_labels(axes, ends, len(snapshots) - 1)
    every = -(-len(snapshots) // 12)
    axes.set_xticks(places[::every], [str(snapshot) for snapshot in snapshots[::every]])
    if len(snapshots) > 5:
        axes.tick_params(axis="x", labelrotation=30)
    axes.set_xlim(-0.25, len(snapshots) - 0.75)
    axes.set_xlabel(
        "Test snapshot; each model was trained on what was known then"
        + ("\nBars: 95% interval of the model" if intervals is not None else "")
    )
    axes.set_ylabel("Area under the ROC curve")
    return figure


def _styled(curves: Curves) -> list[tuple[str, dict[str, Any], Array, Array]]:
    if not curves:
        raise ValueError("there is no method to draw")
    return [
        (name, method_style(rank), *_checked(name, label, score))
        for rank, (name, (label, score)) in enumerate(curves.items())
    ]


def _checked(name: str, label: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Array, Array]:
    labels, scores = np.asarray(label, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"{name}: {labels.shape} labels do not match {scores.shape} scores")
    if set(np.unique(labels)) != {0.0, 1.0}:
        raise ValueError(f"{name}: a curve needs defectors (1) and stayers (0), and nothing else")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name}: {int((~np.isfinite(scores)).sum())} scores are not numbers")
    return labels, scores


def _cuts(label: Array, score: Array) -> tuple[Array, Array]:
    """Defectors and accounts at or above each cut between distinct scores, from none to all."""
    cuts, place = np.unique(-score, return_inverse=True)
    found = np.bincount(place, weights=label, minlength=cuts.size)
    flagged = np.bincount(place, minlength=cuts.size)
    return np.cumsum([0.0, *found]), np.cumsum([0.0, *flagged])


def _lift_bars(axes: Axes, lifts: Sequence[Entry], calls: int) -> None:
    places = np.arange(len(lifts))
    axes.barh(places, [lift for _, lift, _ in lifts], 0.34, color=[s["color"] for _, _, s in lifts])
    for place, (name, lift, style) in zip(places.tolist(), lifts, strict=True):
        weight = "bold" if place == 0 else "normal"
        axes.text(0, place - 0.24, name, color=style["color"], fontsize=10, fontweight=weight)
        axes.text(lift, place, f" {lift:.2f}\u00d7", va="center", fontsize=10, fontweight=weight)
    axes.axvline(1, color=FAINT, linewidth=1.2, zorder=0)
    axes.set_ylim(max(len(lifts), 4) - 0.5, -0.6)
    axes.set_xlim(0, max(1.0, *(lift for _, lift, _ in lifts)) * 1.25)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Lift at {calls:,} calls (1 = random)")
