"""The gate's rules, each drawn: what a version's figures are, and what is said against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from models.bootstrap import Interval
from pipeline.config.form import GateConfig
from pipeline.review.gate import Learned, objections
from pipeline.review.slices import Slice, worst_first
from pipeline.training.evaluation import Evaluation, Key, gain_over

NAN = float("nan")
LEARNED = Learned(
    date(2025, 9, 1),
    {"orders": datetime(2025, 12, 31), "touches": datetime(2025, 12, 1)},
    "passed",
)
WELL = Slice(
    "tier",
    "A",
    300,
    0.2,
    Interval(0.8, 0.75, 0.85),
    Interval(0.02, 0, 0.05),
    Interval(0.01, -0.01, 0.03),
)


def evaluation(
    auc: tuple[float, float] = (0.80, 0.77),
    gain: float = 0.03,
    error: float = 0.03,
    limit: float = 0.02,
    champion: bool = False,
    on_champion: tuple[float, float] = (0.0, 0.01),
) -> Evaluation:
    """auc: value and lower end. gain: over the logistic. limit: of the error, by chance.

    on_champion: the gain on it, and its upper end.
    """

    def key(measure: str, scorer: str = "model") -> Key:
        return Key("mean", "all", measure, scorer)

    figures = {
        key("auc"): Interval(auc[0], auc[1], 0.9),
        key("auc", "logistic"): Interval(auc[0] - gain, 0.7, 0.9),
        key(gain_over("logistic")): Interval(gain, gain - 0.01, gain + 0.01),
        key("calibration_error"): Interval(error, 0.0, 0.1),
        key("calibration_error_limit"): Interval(limit, NAN, NAN),
    }
    if champion:
        figures[key("auc", "champion")] = Interval(auc[0] - on_champion[0], 0.7, 0.9)
        figures[key(gain_over("champion"))] = Interval(on_champion[0], -0.05, on_champion[1])
    scorers = ("model", "logistic", *(("champion",) if champion else ()))
    return Evaluation(figures, (date(2025, 9, 1),), scorers)


def against(
    found: Evaluation | None = None,
    slices: tuple[Slice, ...] = (WELL,),
    learned: Learned = LEARNED,
    champion_label_end: date | None = None,
    **rules: float,
) -> list[str]:
    gate = GateConfig.model_validate(rules)
    return objections(gate, found or evaluation(), slices, learned, champion_label_end)


def test_nothing_speaks_against_a_good_version() -> None:
    assert against() == []
    assert against(evaluation(gain=0.0), champion_label_end=date(2025, 9, 1)) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            evaluation(auc=(0.52, 0.49), gain=0.01),
            "AUC 0.5200 is no better than chance (95 % from 0.490)",
        ),
        (
            evaluation(gain=-0.002),
            "AUC 0.8000 against 0.8020 of the baseline logistic: a gain of -0.0020, at least "
            "+0.0000 is asked",
        ),
        (evaluation(error=0.045), "calibration error 0.045, at most 0.040 is allowed"),
        (evaluation(error=0.07, limit=0.06), "calibration error 0.070, at most 0.060 is allowed"),
        (evaluation(error=NAN), "calibration error nan, at most 0.040 is allowed"),
    ],
)
def test_a_figure_out_of_bounds_is_said_with_its_bound(found: Evaluation, said: str) -> None:
    assert against(found) == [said]


def test_a_version_that_is_worse_than_the_champion_beyond_chance_is_blocked() -> None:
    (said,) = against(evaluation(champion=True, on_champion=(-0.012, -0.007)))
    assert said == (
        "AUC 0.8000 against 0.8120 of the champion: -0.0120 (-0.050 to -0.007); a loss of at most "
        "0.0000 is allowed"
    )
    assert against(evaluation(champion=True, on_champion=(-0.012, 0.001))) == []
    assert (
        against(evaluation(champion=True, on_champion=(-0.012, -0.007)), champion_loss=0.02) == []
    )


def test_an_error_that_chance_explains_does_not_block() -> None:
    assert against(evaluation(error=0.055, limit=0.06)) == []


def test_bounds_are_the_configs() -> None:
    assert against(evaluation(gain=-0.002), least_gain=-0.01) == []
    assert against(evaluation(gain=0.005), least_gain=0.01) != []
    assert against(evaluation(error=0.045), calibration_error=0.05) == []


def test_a_slice_blocks_where_it_is_much_worse_beyond_chance_and_not_tiny() -> None:
    bad = replace(WELL, name="C", gain=Interval(-0.08, -0.12, -0.04))
    (said,) = against(slices=(WELL, bad))
    assert said == (
        "slice tier = C: AUC 0.080 below the logistic's (-0.120 to -0.040), at most 0.050 is "
        "allowed"
    )
    assert "below the champion's" in against(evaluation(champion=True), slices=(bad,))[0]
    by_chance = replace(bad, gain=Interval(-0.08, -0.18, 0.02))
    tiny = replace(bad, accounts=99)
    a_little = replace(bad, gain=Interval(-0.04, -0.05, -0.03))
    untold = replace(bad, gain=Interval(NAN, NAN, NAN))
    assert against(slices=(by_chance, tiny, a_little, untold)) == []


def test_stale_data_block() -> None:
    early = LEARNED._replace(
        complete_until={"orders": datetime(2025, 12, 31), "touches": datetime(2025, 11, 1)}
    )
    assert against(learned=early) == [
        "stale data: touches end 60 days before the orders (2025-11-01)"
    ]
    assert against(learned=early, max_lag_days=60) == []
    assert against(champion_label_end=date(2025, 10, 1)) == [
        "stale data: it learned until 2025-09-01, the champion until 2025-10-01"
    ]


def test_only_a_leakage_report_that_passed_passes() -> None:
    assert against(learned=LEARNED._replace(leakage="failed")) == ["leakage report: failed"]


def test_every_reason_is_given_at_once() -> None:
    assert len(against(evaluation(auc=(0.5, 0.4), gain=-0.1, error=0.2))) == 3


def test_the_worst_slice_comes_first_and_what_cannot_be_said_last() -> None:
    bad = replace(WELL, name="C", gain=Interval(-0.08, -0.12, -0.04))
    untold = replace(WELL, name="B", gain=Interval(NAN, NAN, NAN))
    assert [one.name for one in worst_first([untold, WELL, bad])] == ["C", "A", "B"]
