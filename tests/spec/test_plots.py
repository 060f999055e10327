"""The drawings: the numbers in them are right, and every word in them can be read."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from pipeline.tracking import model_plots, plots

SUBTITLE = "A drawn example, test snapshot 2011-09-01, 400 accounts, no order in 90 days"
LABEL = np.array([1, 1, 0, 1, 0, 0, 0, 0])
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1])


def drawn_curves() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(3)
    hidden = random.normal(size=400)
    label = (hidden + random.normal(size=400) > 0.8).astype(int)
    return {
        "defection model": (label, 1 / (1 + np.exp(-hidden))),
        "logistic regression": (label, hidden + random.normal(size=400)),
        "recency": (label, np.round(hidden + 2 * random.normal(size=400))),
        "silence against own rhythm": (label, np.zeros(400)),
        "BG/NBD": (label, hidden + 1.1 * random.normal(size=400)),
    }


def drawn_gains() -> tuple[dict[str, float], dict[str, str]]:
    gains = {f"orders_count_of_something_{i}_365d": float(40 - i) for i in range(30)}
    families = {
        name: ("order_history", "contact_breadth", "complaint_latency")[i % 3]
        for i, name in enumerate(gains)
    }
    return gains, families


def drawn_importance() -> Figure:
    return plots.importance(*drawn_gains(), SUBTITLE)


def drawn_tiers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    label, risk = drawn_curves()["defection model"]
    return label, risk, np.array(["A", "B", "C", "C"] * 100, dtype=object)


def drawn_dependence() -> Figure:
    values = np.tile(np.arange(100.0), (4, 1)).T
    adds = values / 100
    values[:20, 1] = np.nan
    names = [f"orders_count_of_something_{i}_365d" for i in range(4)]
    return model_plots.dependence(values, adds, names, dict.fromkeys(names, "days"), SUBTITLE)


def drawn_hazard() -> Figure:
    nobody = (np.nan, np.nan, np.nan)
    shares = [(0.2, 0.15, 0.26), (0.1, 0.05, 0.17), nobody]
    days = [(0, 14), (15, 29), (30, 45)]
    return model_plots.reorder_hazard(days, [1200, 800, 0], shares, 30, SUBTITLE)


def drawn_backtest() -> Figure:
    auc = {
        "defection model": [0.781, 0.790, 0.783],
        "logistic regression": [0.769, 0.774, 0.7825],
        "recency": [0.66, 0.67, 0.662],
        "silence against own rhythm": [0.66, 0.67, 0.662],
        "BG/NBD": [0.770, 0.773, 0.782],
    }
    snapshots = ["2011-07-01", "2011-08-01", "2011-09-01"]
    return plots.backtest(auc, snapshots, SUBTITLE, [(0.76, 0.80), (0.77, 0.81), (0.76, 0.80)])


DRAWINGS: dict[str, Callable[[], Figure]] = {
    "roc": lambda: plots.roc(drawn_curves(), SUBTITLE),
    "precision_recall": lambda: plots.precision_recall(drawn_curves(), SUBTITLE),
    "calibration": lambda: plots.calibration(*drawn_curves()["defection model"], SUBTITLE),
    "gain": lambda: plots.gain(drawn_curves(), 50, SUBTITLE),
    "importance": drawn_importance,
    "backtest": drawn_backtest,
    "risk_by_tier": lambda: plots.risk_by_tier(*drawn_tiers(), SUBTITLE),
    "family_importance": lambda: model_plots.family_importance(*drawn_gains(), SUBTITLE),
    "dependence": lambda: drawn_dependence(),
    "reorder_hazard": lambda: drawn_hazard(),
}


@lru_cache
def drawing(name: str) -> Figure:
    figure = DRAWINGS[name]()
    figure.canvas.draw()
    return figure


def words(figure: Figure) -> list[tuple[str, Bbox]]:
    """Each word that is drawn and its box; not rotated ones, whose box is larger than they are."""
    undrawn = {
        tick.label1
        for panel in figure.axes
        for axis in (panel.xaxis, panel.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    return [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text.get_rotation() % 90 == 0
        if text not in undrawn
    ]


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_word_is_inside_the_picture_and_on_no_other_word(name: str) -> None:
    figure = drawing(name)
    boxes = words(figure)
    picture = figure.bbox
    assert picture.width == 900
    assert any(text == SUBTITLE for text, _ in boxes)
    for text, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= picture.width and box.y1 <= picture.height, text
    for (one, first), (other, second) in combinations(boxes, 2):
        wide = min(first.x1, second.x1) - max(first.x0, second.x0)
        high = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert wide <= 1 or high <= 1, f"{one!r} is drawn over {other!r}"


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_axes_say_what_they_measure(name: str) -> None:
    panels = drawing(name).axes
    assert panels[-1].get_xlabel()
    assert any(panel.get_ylabel() for panel in panels) or name.endswith("importance")


def legend_texts(figure: Figure) -> list[str]:
    legend = figure.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_the_area_under_the_roc_curve_of_eight_accounts() -> None:
    # Of the 15 pairs of a defector and a stayer one is in the wrong order: 14 / 15.
    figure = plots.roc({"model": (LABEL, SCORE), "constant": (LABEL, 0 * SCORE)}, SUBTITLE)
    assert legend_texts(figure) == ["0.933  model", "0.500  constant"]


def test_the_best_comes_first_in_the_legend_even_when_it_is_a_baseline() -> None:
    figure = plots.roc({"model": (LABEL, -SCORE), "recency": (LABEL, SCORE)}, SUBTITLE)
    assert legend_texts(figure) == ["0.933  recency", "0.067  model"]


def test_average_precision_of_eight_accounts() -> None:
    # Defectors in places 1, 2 and 4: (1/1 + 2/2 + 3/4) / 3.
    figure = plots.precision_recall({"model": (LABEL, SCORE)}, SUBTITLE)
    assert legend_texts(figure) == ["0.917  model"]


def test_gain_and_lift_at_the_call_capacity() -> None:
    figure = plots.gain({"model": (LABEL, SCORE), "constant": (LABEL, 0 * SCORE)}, 2, SUBTITLE)
    curve, bars = figure.axes
    reached = np.asarray(curve.lines[0].get_ydata(), dtype=float)
    assert np.asarray(curve.lines[0].get_xdata(), dtype=float) == pytest.approx(range(9))
    assert reached == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1, 1, 1])
    assert "2 calls by the model reach 67% of the defectors; 100%" in curve.get_title(loc="left")
    said = [text.get_text().strip() for text in bars.texts]
    # Two of three defectors in a quarter of the accounts: 8/3. Ties share: a random order.
    assert said == ["model", "2.67\u00d7", "constant", "1.00\u00d7"]


def test_a_capacity_beyond_all_accounts_calls_them_all() -> None:
    figure = plots.gain({"model": (LABEL, SCORE)}, 200, SUBTITLE)
    assert figure.axes[0].get_title(loc="left").startswith("8 calls by the model reach 100%")


def test_calibration_in_groups_of_equally_many_accounts() -> None:
    figure = plots.calibration(LABEL, SCORE, SUBTITLE, bins=2)
    groups = figure.axes[0].lines[1]
    # The four lowest risks 0.1 to 0.4, nobody defected; the four highest 0.6 to 0.9, three did.
    assert np.asarray(groups.get_xdata(), dtype=float) == pytest.approx([0.25, 0.75])
    assert np.asarray(groups.get_ydata(), dtype=float) == pytest.approx([0, 0.75])
    assert "12.5 percentage points off" in figure.axes[0].get_title(loc="left")


def test_the_intervals_of_calibration_are_wilsons() -> None:
    # 8 of 10: 0.4902 to 0.9433, Wilson's interval in any table.
    label = np.array([1] * 8 + [0] * 2)
    figure = plots.calibration(label, np.full(10, 0.5), SUBTITLE, bins=1)
    (segment,) = figure.axes[0].collections[0].get_segments()
    assert segment[:, 1] == pytest.approx([0.4902, 0.9433], abs=5e-5)


def test_importance_shows_shares_of_all_gain_and_nothing_unused() -> None:
    figure = plots.importance(
        {"days": 3.0, "contacts": 1.0, "unused": 0.0},
        {"days": "order_history", "contacts": "contact_breadth", "unused": "order_history"},
        SUBTITLE,
    )
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["days", "contacts"]
    assert [text.get_text() for text in figure.axes[0].texts] == [" 75.0%", " 25.0%"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "order_history (75%)",
        "contact_breadth (25%)",
    ]


@pytest.mark.parametrize(
    ("label", "score", "says"),
    [
        ([1, 1], [0.1, 0.2], "needs defectors"),
        ([0, 2], [0.1, 0.2], "needs defectors"),
        ([0, 1], [0.1, np.nan], "1 scores are not numbers"),
        ([0, 1], [0.1, 0.2, 0.3], "do not match"),
        ([], [], "needs defectors"),
    ],
)
def test_what_cannot_be_drawn_is_refused(label: list[int], score: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        plots.roc({"model": (label, score)}, SUBTITLE)


def test_a_model_without_any_split_has_no_importance() -> None:
    with pytest.raises(ValueError, match="has not split"):
        plots.importance({"days": 0.0}, {"days": "order_history"}, SUBTITLE)


def test_a_backtest_needs_a_value_for_every_snapshot() -> None:
    with pytest.raises(ValueError, match="per method and test snapshot"):
        plots.backtest({"model": [0.7]}, ["2011-07-01", "2011-08-01"], SUBTITLE)


def test_a_tier_shows_its_mean_risk_and_who_defected() -> None:
    label, risk, tier = drawn_tiers()
    axes = drawing("risk_by_tier").axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["A (100)", "B (100)", "C (200)"]
    points = [line.get_xdata()[0] for line in axes.lines if line.get_marker() in "oD"]
    expected = [
        f(v[tier == name]) for name in "ABC" for f, v in ((np.mean, risk), (np.mean, label))
    ]
    assert points == pytest.approx(expected)


def test_a_family_s_share_is_of_all_gain() -> None:
    gains, families = drawn_gains()
    axes = drawing("family_importance").axes[0]
    shares = sorted((bar.get_width() for bar in axes.patches), reverse=True)
    own = [sum(v for k, v in gains.items() if families[k] == name) for name in {*families.values()}]
    assert shares == pytest.approx(sorted(np.array(own) / sum(own), reverse=True))


def test_the_hazard_has_a_point_for_each_step_and_says_how_many_rows() -> None:
    (axes,) = drawing("reorder_hazard").axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [7, 22, 37.5]
    assert line.get_ydata().tolist()[:2] == [0.2, 0.1]
    assert [text.get_text() for text in axes.texts] == ["1,200", "800", "0"]


def test_dependence_draws_tenths_and_names_the_unknown() -> None:
    first, second, *_ = drawing("dependence").axes
    (line,) = [line for line in first.lines if line.get_marker() == "o"]
    assert line.get_xdata().tolist() == [4.5 + 10 * tenth for tenth in range(10)]
    assert line.get_ydata() == pytest.approx([0.045 + 0.1 * tenth for tenth in range(10)])
    assert "unknown (20%)" in second.texts[0].get_text()
