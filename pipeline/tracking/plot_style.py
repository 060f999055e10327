"""How every drawing looks: one canvas, one palette, names beside lines, nothing overlapping.

Colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart, and
muted browns, greens and greys with their own dashes for what the model has to beat.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

INK, QUIET, FAINT = "#222222", "#6b6b6b", "#d9d9d9"
MODEL = "#0072b2"
FAMILIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")

_MUTED = ("#a3743b", "#7a8f5a", "#8d7aa6", "#8a8a8a")
_DASHES: tuple[Any, ...] = ((5, 2), (2, 1.5), (6, 2, 1.5, 2), (1, 1.2))
_HEADER, _LEGEND = 0.58, 0.34  # inches that title and subtitle take, and a row of legend

# One method in a drawing: its name, its measure, and how its line is drawn.
Entry = tuple[str, float, dict[str, Any]]


def one_panel(
    title: str, subtitle: str, height: float = 6.0, legend: bool = False
) -> tuple[Figure, Axes]:
    """A figure of one panel; height in inches; legend: leave room for `row_legend`."""
    figure = _canvas(title, subtitle, height, _HEADER + _LEGEND * legend)
    axes = figure.subplots()
    _tidy(axes)
    return figure, axes


def two_panels(title: str, subtitle: str, **ratios: Any) -> tuple[Figure, tuple[Axes, Axes]]:
    """Two panels: side by side with `width_ratios`, one above the other with `height_ratios`."""
    figure = _canvas(title, subtitle, 6.0, _HEADER)
    side_by_side = "width_ratios" in ratios
    first, second = figure.subplots(*((1, 2) if side_by_side else (2, 1)), **ratios)
    for axes in (first, second):
        _tidy(axes)
    return figure, (first, second)


def panels(title: str, subtitle: str, rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of rows x columns panels, given row by row."""
    figure = _canvas(title, subtitle, _HEADER + 1.9 * rows, _HEADER)
    each = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in each:
        _tidy(axes)
    return figure, each


def _canvas(title: str, subtitle: str, height: float, header: float) -> Figure:
    figure = Figure(figsize=(9, height), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    top = 1 - header / height
    layout = figure.get_layout_engine()
    assert layout is not None
    layout.set(rect=(0.012, 0.012, 0.976, top - 0.024), w_pad=0.06, h_pad=0.06)  # type: ignore[call-arg]
    figure.text(
        *(0.02, 1 - 0.13 / height),
        title,
        fontsize=14,
        fontweight="bold",
        color=INK,
        va="top",
    )
    figure.text(0.02, 1 - 0.40 / height, subtitle, fontsize=10, color=QUIET, va="top")
    return figure


def png(figure: Figure) -> bytes:
    """Draw a figure once; `savefig` would draw it twice, the first time for the layout only."""
    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_png(drawn)  # type: ignore[no-untyped-call]
    return drawn.getvalue()


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.grid(visible=True, color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=QUIET, labelsize=10, length=3)
    axes.xaxis.label.set(fontsize=10.5, color=INK)
    axes.yaxis.label.set(fontsize=10.5, color=INK)


def remark(axes: Axes, text: str) -> None:
    """What the drawing shows, in a sentence above it."""
    axes.set_title(text, loc="left", fontsize=10, color=INK, pad=10)


def unit_square(axes: Axes) -> None:
    """Both axes from 0 to 100%, to the same scale."""
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.005)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))


def method_style(rank: int) -> dict[str, Any]:
    """How the method in this place is drawn: 0 is the model."""
    if rank == 0:
        return {"color": MODEL, "linewidth": 2.8, "zorder": 5}
    place = (rank - 1) % len(_MUTED)
    return {
        "color": _MUTED[place],
        "linewidth": 1.6,
        "linestyle": (0, _DASHES[(rank - 1 + (rank - 1) // len(_MUTED)) % len(_DASHES)]),
        "zorder": 3,
    }


def ranked_legend(axes: Axes, entries: Sequence[Entry], title: str) -> None:
    """Name and measure beside a sample of each line, the best first, right of the square."""
    ranked = sorted(entries, key=lambda entry: -entry[1])
    legend = axes.legend(
        handles=[
            Line2D([], [], label=f"{value:.3f}  {name}", **{**style, "zorder": 1})
            for name, value, style in ranked
        ],
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.03, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=10.5,
        title_fontsize=10,
        alignment="left",
        handlelength=2.6,
        labelspacing=0.8,
    )
    for text, (name, _, style) in zip(legend.get_texts(), ranked, strict=True):
        text.set_color(style["color"])
        if name == entries[0][0]:
            text.set_fontweight("bold")
    legend.get_title().set_color(QUIET)


def end_labels(axes: Axes, ends: Sequence[tuple[float, str, str, bool]], place: int) -> None:
    """Each line's name beside its end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.055
    low_to_high = sorted(ends)
    heights = [end[0] for end in low_to_high]
    for _ in range(100):  # neighbours that overlap push each other away, until none does
        for i in range(1, len(heights)):
            lacking = max(0.0, gap - (heights[i] - heights[i - 1])) / 2
            heights[i - 1] -= lacking
            heights[i] += lacking
    for height, (value, name, colour, bold) in zip(heights, low_to_high, strict=True):
        axes.annotate(
            name,
            xy=(place, value),
            xytext=(place + 0.035 * (place + 0.5), height),
            color=colour,
            fontsize=10.5,
            fontweight="bold" if bold else "normal",
            va="center",
            annotation_clip=False,
        )


def row_legend(figure: Figure, colours: Mapping[str, str]) -> None:
    """Text beside a patch of each colour, in a row under the subtitle."""
    figure.legend(
        handles=[Patch(color=colour, label=text) for text, colour in colours.items()],
        loc="upper left",
        bbox_to_anchor=(0.013, 1 - (_HEADER + 0.02) / figure.get_figheight()),
        ncols=4,
        frameon=False,
        fontsize=10,
        columnspacing=1.5,
        borderaxespad=0,
    )
