"""The gate's rules for departure, drawn: what a list has caught, and what is said against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest
from drawn_keep_list import FIRST, SECOND, drawn_keep_list

from models.bootstrap import Interval
from pipeline.config.form import GateConfig
from pipeline.review.checklist import JUDGE, MET, NOT_MET, keep_list_items
from pipeline.review.gate import Learned, objections
from pipeline.review.keep_list_gate import keep_list_notes, keep_list_objections
from pipeline.review.page import KeepListSection, keep_list_section
from pipeline.training.evaluation import Evaluation, Key
from pipeline.training.keep_list import CALL_SCORE, OF_CHAMPION, SIZE
from pipeline.training.keep_list_measures import (
    ALL,
    CAPACITY,
    CAPPED,
    POOLED,
    TOP,
    KeepListEvaluation,
    evaluate_keep_list,
)
from pipeline.training.keep_list_measures import Key as ListKey

WELL = dict.fromkeys((ALL, "slip chance", "tier A", TOP), Interval(1.0, 0.8, 1.2))


@pytest.fixture(scope="module")
def drawn() -> KeepListEvaluation:
    """With the champion's list, which holds bo and cy in January and ada and cy in February."""
    rows = drawn_keep_list()
    score = np.array([1, 2, 3, 4, 1, 9, 8, 2, 9, 1, 8, 2], dtype=np.float64)
    rows = replace(rows, rankings={**rows.rankings, OF_CHAMPION: score})
    found = evaluate_keep_list(rows, [FIRST, SECOND], capacity=2, repetitions=100)
    return replace(found, calibration=WELL, effective_number=40.0)


def with_gains(found: KeepListEvaluation, **gains: tuple[float, float]) -> KeepListEvaluation:
    """With other intervals of the deciding measure, less each ranking."""
    figures = {
        ListKey(POOLED, CAPACITY, CAPPED, CALL_SCORE, name): Interval(sum(ends) / 2, *ends)
        for name, ends in gains.items()
    }
    return replace(found, figures={**found.figures, **figures})


BETTER = {"size": (0.01, 0.1), "champion": (-0.01, 0.1)}


def test_nothing_speaks_against_a_good_list(drawn: KeepListEvaluation) -> None:
    found = with_gains(drawn, **BETTER)
    assert keep_list_objections(found) == []
    assert keep_list_notes(found) == []


def test_a_list_that_catches_less_than_the_champions_is_blocked(drawn: KeepListEvaluation) -> None:
    assert drawn.of(CAPPED, OF_CHAMPION).value == 1
    found = with_gains(drawn, size=(0.01, 0.1), champion=(-0.3, -0.1))
    (said,) = keep_list_objections(found)
    assert said.startswith(
        "its list catches less margin than the champion's: 79.9% against 100.0% with 2 calls at 2 "
        "test snapshots, -20.0 points (-30.0 to -10.0); without a limit on large accounts -20.0 "
    )
    assert keep_list_objections(with_gains(drawn, size=(0.01, 0.1), champion=(-0.3, 0.0))) == []


def test_a_list_that_is_worse_than_size_is_blocked(drawn: KeepListEvaluation) -> None:
    found = with_gains(drawn, size=(-0.1, -0.01), champion=(-0.1, 0.1))
    (said,) = keep_list_objections(found)
    assert said.startswith("This list caught less of the departing margin than one sorted by size")
    assert keep_list_notes(found) == []
    too_few = replace(found, effective_number=14.0)
    assert keep_list_objections(too_few) == []
    assert "too few departures" in keep_list_notes(too_few)[0]


def test_no_difference_to_size_is_a_note(drawn: KeepListEvaluation) -> None:
    found = with_gains(drawn, size=(-0.1, 0.1), champion=(-0.1, 0.1))
    assert keep_list_objections(found) == []
    assert "is not shown to catch more" in keep_list_notes(found)[0]


@pytest.mark.parametrize(
    ("group", "ratio", "blocked"),
    [
        (ALL, Interval(1.12, 1.02, 1.22), "1.12 (1.02 to 1.22); allowed is 0.90 to 1.10"),
        (ALL, Interval(0.88, 0.8, 0.95), "0.88 (0.80 to 0.95); allowed is 0.90 to 1.10"),
        (ALL, Interval(1.12, 0.99, 1.25), ""),  # chance explains it
        (ALL, Interval(1.09, 1.05, 1.15), ""),  # within the bounds
        (TOP, Interval(1.12, 1.02, 1.22), ""),
        (TOP, Interval(1.2, 1.02, 1.4), "1.20 (1.02 to 1.40); allowed is 0.85 to 1.15"),
        ("tier A", Interval(0.8, 0.7, 0.9), "0.80 (0.70 to 0.90); allowed is 0.85 to 1.15"),
        ("tier A", Interval(float("nan"), float("nan"), float("nan")), ""),
        ("slip chance", Interval(1.5, 1.4, 1.6), ""),  # shown, not judged
    ],
)
def test_calibration_is_judged_by_ratios_beyond_chance(
    drawn: KeepListEvaluation, group: str, ratio: Interval, blocked: str
) -> None:
    found = replace(with_gains(drawn, **BETTER), calibration={**WELL, group: ratio})
    said = keep_list_objections(found)
    expected = f"predicted over actual departures, {group}: {blocked}, or what chance explains"
    assert said == ([expected] if blocked else [])


def test_departure_is_not_judged_by_baselines_and_slices(drawn: KeepListEvaluation) -> None:
    """Leakage, chance and stale data stay."""
    key = Key("mean", "all", "auc", "model")
    learned = Learned(date(2025, 9, 1), {"orders": datetime(2025, 12, 31)}, "passed")

    def against(low: float, learned: Learned = learned) -> list[str]:
        evaluation = Evaluation({key: Interval(0.6, low, 0.7)}, (FIRST,), ("model", "logistic"))
        list_found = with_gains(drawn, **BETTER)
        return objections(GateConfig(), evaluation, (), learned, date(2025, 9, 1), list_found)

    assert against(0.55) == []
    assert against(0.49) == ["AUC 0.6000 is no better than chance (95 % from 0.490)"]
    assert against(0.55, learned._replace(leakage="failed")) == ["leakage report: failed"]
    assert len(against(0.55, learned._replace(label_end=date(2025, 8, 1)))) == 1


def test_the_page_shows_the_list_beside_size_and_the_champion(drawn: KeepListEvaluation) -> None:
    section = keep_list_section(drawn)
    assert isinstance(section, KeepListSection)
    first, *_, deciding, unlimited = section.rows
    assert first.name == "2 calls"
    assert list(first.shares) == ["83.3%", "66.7%", "100.0%"]
    assert first.differences[0][0].startswith("+16.7 points")
    assert first.differences[1][0].startswith("-16.7 points")
    assert deciding.name == "The deciding measure"
    assert deciding.shares[0] == "79.9%"
    assert unlimited.shares[0] == "80.0%"
    assert any("last order placed" in line for line in section.lines)
    assert section.rivals == (SIZE, OF_CHAMPION)


@pytest.mark.parametrize(
    ("gain", "state"), [((0.01, 0.1), MET), ((-0.1, 0.1), JUDGE), ((-0.1, -0.01), NOT_MET)]
)
def test_the_checklist_asks_for_size_and_calibration(
    drawn: KeepListEvaluation, gain: tuple[float, float], state: str
) -> None:
    against_size, calibration = keep_list_items("Soundness", with_gains(drawn, size=gain))
    assert (against_size.state, calibration.state) == (state, MET)
    assert "79.9% against 79.9%" in against_size.evidence
    far = replace(drawn, calibration={**WELL, ALL: Interval(1.3, 1.1, 1.5)})
    *_, calibration = keep_list_items("Soundness", far)
    assert calibration.state == NOT_MET
    assert "all 1.30 (1.10 to 1.50)" in calibration.evidence


def test_the_page_has_no_list_for_other_labels() -> None:
    assert keep_list_section(None) is None
