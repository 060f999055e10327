"""What a keep list would have caught, drawn: two test snapshots and one that is settled."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from drawn_keep_list import EARLIER, FIRST, SECOND, drawn_keep_list

from models.bootstrap import Interval
from pipeline.training import keep_list_measures as measures
from pipeline.training.keep_list import CALL_SCORE, SIZE
from pipeline.training.keep_list_measures import (
    CAPACITY,
    CAPPED,
    DEPARTURES,
    DUE,
    LASTING,
    LOST,
    MEAN,
    ORDERED_AFTER,
    ORDERED_BEFORE,
    POOLED,
    SETTLED,
    SHRINKING,
    SLIPS,
    KeepListEvaluation,
    Key,
    evaluate_keep_list,
)
from pipeline.training.keep_list_report import lines, metrics, texts, verdict_line
from pipeline.training.size_comparison import (
    BETTER,
    NO_DIFFERENCE,
    NOT_ENOUGH,
    WORSE,
    compare_with_size,
    disagreements,
)


@pytest.fixture(scope="module")
def found() -> KeepListEvaluation:
    return evaluate_keep_list(drawn_keep_list(), [FIRST, SECOND], capacity=2, repetitions=200)


def shares(found: KeepListEvaluation, measure: str, **named: object) -> list[float]:
    """Of the call score and of size."""
    return [found.of(measure, ranking, **named).value for ranking in (CALL_SCORE, SIZE)]  # type: ignore[arg-type]


def test_margin_of_due_departures_caught(found: KeepListEvaluation) -> None:
    # The list holds bo and di, then cy and ada; size holds ada and bo at both.
    assert shares(found, DUE, snapshot=FIRST) == [300 / 500, 300 / 500]
    assert shares(found, DUE, snapshot=SECOND) == [1.0, 500 / 700]
    assert shares(found, DUE) == pytest.approx([1000 / 1200, 800 / 1200])
    assert shares(found, DUE, snapshot=MEAN) == pytest.approx([0.8, (3 / 5 + 5 / 7) / 2])
    gain = found.of(DUE, less=SIZE)
    assert gain.value == pytest.approx(200 / 1200)
    assert gain.low < gain.value < gain.high


def test_a_percentage_of_four_accounts_is_one(found: KeepListEvaluation) -> None:
    assert shares(found, DUE, calls="3 %") == pytest.approx([500 / 1200, 500 / 1200])
    assert shares(found, DUE, calls="3 %", snapshot=FIRST) == [300 / 500, 0]


def test_each_departure_counts_at_the_first_test(found: KeepListEvaluation) -> None:
    # Bo 300 and cy 200 in January, ada 500 in February; cy is listed too late.
    assert shares(found, DEPARTURES) == pytest.approx([800 / 1000, 800 / 1000])
    assert found.departures == 3
    assert found.effective_number == pytest.approx(1000**2 / (300**2 + 200**2 + 500**2))
    # Ada's margin is cut to the 99th percentile of 500, 300, 200, 100: 300 + .97 x 200.
    assert shares(found, CAPPED) == pytest.approx([794 / 994, 794 / 994])


def test_only_the_recent_tests_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "RECENT", 1)
    found = evaluate_keep_list(drawn_keep_list(), [FIRST, SECOND], capacity=2, repetitions=2)
    assert found.recent == (SECOND,)
    assert shares(found, DEPARTURES) == pytest.approx([1.0, 500 / 700])
    assert shares(found, DUE) == pytest.approx([1000 / 1200, 800 / 1200])


def test_what_came_later_is_measured_where_it_is_known(found: KeepListEvaluation) -> None:
    assert found.settled == (EARLIER,)
    assert math.isnan(found.of(LOST).value)
    assert math.isnan(found.of(LASTING, snapshot=FIRST).value)
    # The list holds bo and cy, size ada and bo.
    assert shares(found, DUE, snapshot=SETTLED) == [1.0, 300 / 500]
    assert shares(found, LASTING, snapshot=SETTLED) == [1.0, 1.0]
    assert shares(found, LOST, snapshot=SETTLED) == pytest.approx([350 / 420, 300 / 420])
    # Di stays and loses more than half.
    assert found.of(f"{SHRINKING}_total", "", "", SETTLED).value == 70
    assert shares(found, SHRINKING, snapshot=SETTLED) == [0, 0]


def test_what_came_later_is_not_known_yet() -> None:
    rows = replace(drawn_keep_list(), lasting=np.full(12, np.nan))
    found = evaluate_keep_list(rows, [FIRST, SECOND], capacity=2, repetitions=2)
    assert found.settled == ()
    assert any("not known yet" in line for line in lines(found))
    assert list(disagreements(found)) == []


def test_splits_by_the_last_order_and_by_lead_time(found: KeepListEvaluation) -> None:
    first = {"snapshot": FIRST}
    assert shares(found, ORDERED_BEFORE, **first) == [1, 1]  # bo
    assert shares(found, ORDERED_AFTER, **first) == [0, 0]  # cy
    assert shares(found, "due_in_0_30", **first) == [1, 1]  # bo, after 30 days
    assert shares(found, "due_in_31_60", **first) == [0, 0]  # cy, after 31
    assert found.of("due_in_61_90", snapshot=SECOND).value == 1  # ada, after 88
    assert math.isnan(found.of("due_in_61_90", snapshot=FIRST).value)


def test_slips_among_those_listed(found: KeepListEvaluation) -> None:
    assert shares(found, SLIPS, snapshot=FIRST) == [1 / 2, 0]  # di
    assert shares(found, SLIPS) == [1 / 4, 1 / 4]


def test_predicted_over_actual_departures(found: KeepListEvaluation) -> None:
    ratios = {group: one.value for group, one in found.calibration.items()}
    assert ratios == pytest.approx(
        {
            "all": (4 * 0.6 + 4 * 0.2) / 4,
            "slip chance": 2 * 0.5 / 2,
            "tier A": 0.8 / 1,
            "tier B": 2 / 3,
            "tier C": math.nan,
            "top 3 %": 1.2 / 2,  # one of those with .6 at each test
        },
        nan_ok=True,
    )


def test_an_unknown_ranking_is_unknown_where_it_is() -> None:
    rows = drawn_keep_list()
    partly = np.where(rows.as_of < np.datetime64(SECOND), np.nan, rows.size)
    rows = replace(rows, rankings={**rows.rankings, "other": partly})
    found = evaluate_keep_list(rows, [FIRST, SECOND], capacity=2, repetitions=2)
    assert math.isnan(found.of(DUE, "other").value)
    assert found.of(DUE, "other", snapshot=SECOND).value == pytest.approx(500 / 700)


def test_a_row_counts_for_those_that_it_stands_for() -> None:
    rows = replace(
        drawn_keep_list(), stands_for=np.where(np.arange(12) == 5, 2.0, 1.0)
    )  # bo in January
    found = evaluate_keep_list(rows, [FIRST, SECOND], capacity=2, repetitions=2)
    assert found.of(DUE, snapshot=FIRST).value == 600 / 800
    assert found.of(SLIPS, snapshot=FIRST).value == 0


def test_what_is_said_and_logged(found: KeepListEvaluation) -> None:
    said = "\n".join(lines(found))
    assert "2 calls" in said
    assert "+16.7 points" in said
    assert "last order placed 100.0% (size 60.0%)" in said
    assert "Already departed: 25.0% of the listed (size 25.0%)" in said
    assert (
        "Campaign over 3 lists from 2023-06-01 to 2025-02-01, 2 calls each, 30 days of rest after "
        "a call: 4 accounts called, 6 calls; of 5 departures 5 called in time, 44 days ahead "
        "(30 to 80), 0 never; 100.0% of their margin (size 73.3%, difference +26.7 points (" in said
    )
    assert "Compared with size: not enough to judge. There are too few departures" in said
    logged = metrics(found)
    assert logged["keep_list/capacity/due_call_score"] == pytest.approx(1000 / 1200)
    assert logged["keep_list/3pct/due_size"] == pytest.approx(500 / 1200)
    assert logged["keep_list/capacity/departures_capped_call_score"] == pytest.approx(794 / 994)
    assert logged["keep_list/capacity/due_call_score_less_size"] == pytest.approx(200 / 1200)
    assert logged["keep_list/capacity/margin_lost_call_score_settled"] == pytest.approx(350 / 420)
    assert all(value is not None and math.isfinite(value) for value in logged.values())
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABC0123456789_/") for name in logged)
    frame = found.frame()
    assert set(frame["snapshot"]) == {str(FIRST), str(SECOND), MEAN, POOLED, SETTLED}
    assert set(texts(found)) == {"keep_list.csv", "keep_list.txt"}


def with_gain(
    found: KeepListEvaluation, low: float, high: float, number: float = 40
) -> KeepListEvaluation:
    key = Key(POOLED, CAPACITY, CAPPED, CALL_SCORE, SIZE)
    gain = Interval((low + high) / 2, low, high)
    return replace(found, figures={**found.figures, key: gain}, effective_number=number)


@pytest.mark.parametrize(
    ("low", "high", "number", "answer"),
    [
        (0.01, 0.09, 15.0, BETTER),
        (-0.01, 0.09, 40.0, NO_DIFFERENCE),
        (0.0, 0.09, 40.0, NO_DIFFERENCE),
        (-0.09, -0.01, 40.0, WORSE),
        (0.01, 0.09, 14.9, NOT_ENOUGH),
        (-0.09, -0.01, 12.9, NOT_ENOUGH),
    ],
)
def test_four_answers(
    found: KeepListEvaluation, low: float, high: float, number: float, answer: str
) -> None:
    compared = compare_with_size(with_gain(found, low, high, number))
    assert compared.answer == answer
    assert bool(compared.sentence) == (answer != BETTER)
    line = verdict_line(with_gain(found, low, high, number))
    assert line.startswith(f"Compared with size: {answer}. ")
    assert ("79.9% against 79.9%" in line) == (answer != NOT_ENOUGH)


def test_what_the_first_line_of_the_list_says(found: KeepListEvaluation) -> None:
    assert compare_with_size(with_gain(found, -0.02, 0.042)).sentence == (
        "This list is not shown to catch more of the departing margin than one sorted by size: "
        "79.9% against 79.9% with 2 calls at 2 test snapshots, +1.1 points (-2.0 to +4.2); without "
        "a limit on large accounts "
        f"{0:+.1f} points ({100 * found.of(DEPARTURES, less=SIZE).low:+.1f} to "
        f"{100 * found.of(DEPARTURES, less=SIZE).high:+.1f})."
    )
    assert compare_with_size(found).sentence == (
        "There are too few departures to compare this list with one sorted by size: 3 departures "
        "with the weight of 2.6 of equal margin; 15 are needed."
    )


def test_outcomes_that_disagree_are_named(found: KeepListEvaluation) -> None:
    assert list(disagreements(found)) == []  # +, 0, +
    key = Key(SETTLED, CAPACITY, LOST, CALL_SCORE, SIZE)
    figures = {**found.figures, key: Interval(-0.05, -0.1, 0.02)}
    (said,) = disagreements(replace(found, figures=figures))
    assert said.startswith("The outcomes disagree whether the list is better than size")
    assert "margin lost -5.0 points (-10.0 to +2.0)" in said
    assert list(disagreements(replace(found, figures=figures, settled=()))) == []
