"""Drawings of what a fitted model looks at, beside `plots.importance`: families and dependence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pipeline.tracking.plot_style import (
    FAINT,
    FAMILIES,
    INK,
    MODEL,
    QUIET,
    one_panel,
    panels,
)

Array = npt.NDArray[np.float64]

_BINS = 10


def family_importance(
    gains: Mapping[str, float], families: Mapping[str, str], subtitle: str
) -> Figure:
    """Each feature family's share of all gain, with how many of its features the trees ask.

    gains: total gain by feature. families: the family of each of them.
    """
    total = sum(gains.values())
    if not total > 0:
        raise ValueError("no feature has any gain: the model has not split once")
    names = sorted({*families.values()}, key=lambda f: -_sum(gains, families, f))
    figure, axes = one_panel(
        "How much each feature family contributes, by its gain", subtitle, 1.8 + 0.6 * len(names)
    )
    for place, family in enumerate(names):
        share = _sum(gains, families, family) / total
        used = sum(gains[name] > 0 for name, own in families.items() if own == family)
        of_all = sum(own == family for own in families.values())
        axes.barh(place, share, color=FAMILIES[place % len(FAMILIES)], height=0.55)
        axes.text(share, place, f"  {share:.0%}", va="center", fontsize=10.5, color=INK)
        axes.text(
            1.41, place, f"{used} of {of_all} features", va="center", ha="right", fontsize=9.5,
            color=QUIET,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=10.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.42)
    axes.set_xticks(np.arange(0, 1.01, 0.25))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Share of the total gain of all splits")
    return figure


def reorder_hazard(
    days: Sequence[tuple[int, int]],
    rows: Sequence[int],
    shares: Sequence[tuple[float, float, float]],
    within_days: int,
    subtitle: str,
) -> Figure:
    """The hazard of return: who orders again without a call, by days since patience ended.

    days: first and last of each step. rows: accounts at snapshots in it. shares: that ordered again
    within so many days, 0-1, with the ends of the interval; NaN without rows.
    """
    figure, axes = one_panel(
        f"How many departed accounts order again within {within_days} days without a call",
        subtitle,
    )
    middles = [(first + last) / 2 for first, last in days]
    share, low, high = np.array(shares).T
    axes.vlines(middles, low, high, color=MODEL, linewidth=2, alpha=0.5)
    axes.plot(middles, share, "o-", color=MODEL, linewidth=1.6)
    for middle, count in zip(middles, rows, strict=True):
        axes.text(middle, 0, f"{count:,}", ha="center", va="bottom", fontsize=9, color=QUIET)
    axes.set_xticks([first for first, _ in days] + [days[-1][1]])
    axes.set_xlim(days[0][0], days[-1][1])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("Days since patience ended; below, the rows of each step")
    axes.set_ylabel(f"Ordered again within {within_days} days (95% interval)")
    return figure


def dependence(
    values: Array,
    contributions: Array,
    names: Sequence[str],
    units: Mapping[str, str],
    subtitle: str,
) -> Figure:
    """What each feature adds to the log odds over the values that it takes, two in a row.

    values, contributions: (n, p) of the accounts of one snapshot, NaN where a value is unknown.
    names: the p features. Points are means of a tenth of the accounts each, bars reach from the
    10th to the 90th percentile of what the feature adds there; unknown values stand at the right.
    """
    figure, each = panels(
        "How the risk depends on the strongest features",
        subtitle,
        rows=-(-len(names) // 2),
        columns=2,
    )
    low, high = np.percentile(contributions, [1, 99])
    margin = 0.1 * max(high - low, 1e-6)
    for axes, column, name in zip(each, range(len(names)), names, strict=False):
        _one(axes, values[:, column], contributions[:, column])
        axes.axhline(0, color=FAINT, linewidth=1.0, zorder=0)
        axes.set_ylim(low - margin, high + margin)
        axes.set_title(name, loc="left", fontsize=9.5, color=INK)
        axes.set_xlabel(units.get(name, ""), fontsize=9)
        axes.tick_params(labelsize=8.5)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    for axes in each[len(names) :]:
        axes.set_visible(False)
    for axes in each[::2]:
        axes.set_ylabel("adds to log odds", fontsize=9)
    return figure


def _one(axes: Axes, values: Array, adds: Array) -> None:
    known = ~np.isnan(values)
    order = np.argsort(values[known], kind="stable")
    spots = []
    for part in np.array_split(order, min(_BINS, max(1, known.sum()))):
        if len(part):
            said = adds[known][part]
            spots.append((values[known][part].mean(), said.mean(), *np.percentile(said, [10, 90])))
    if spots:
        x, mean, low, high = np.array(sorted(spots)).T
        axes.vlines(x, low, high, color=MODEL, linewidth=1.4, alpha=0.45)
        axes.plot(x, mean, "o-", color=MODEL, linewidth=1.2, markersize=4)
    if not known.all():
        mean = float(adds[~known].mean())
        axes.annotate(
            f"unknown ({(~known).mean():.0%}): {mean:+.2f}",
            xy=(0.98, 0.96),
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=8.5,
            color=QUIET,
        )


def _sum(gains: Mapping[str, float], families: Mapping[str, str], family: str) -> float:
    return sum(gains.get(name, 0.0) for name, own in families.items() if own == family)
