"""An evaluation of a drawn back-test: which figures there are, and what they are."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from models.out_of_time import OutOfTime, Split
from models.profit import CallTerms
from pipeline.tables.tiers import tiers
from pipeline.training.evaluation import (
    COHORT,
    EXPECTED_LOSS,
    TREATED,
    Evaluation,
    Facts,
    evaluate,
    evaluate_groups,
    gain_over,
)
from pipeline.training.reporting import metrics, table, treated_lines

BEFORE, FIRST, SECOND = date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)
ACCOUNTS = ["ada", "bo", "cy", "di", "eve", "flo"]
DEFECTED = np.array([1, 0, 0, 1, 0, 0])
RISK = np.array([0.9, 0.8, 0.3, 0.6, 0.2, 0.1])
VALUE = np.array([100.0, 200.0, 300.0, 1000.0, 9000.0, 0.0])
TIER = np.array(["B", "B", "B", "B", "A", "C"], dtype=object)
TERMS = CallTerms(accept_rate=0.5, stayer_accept_rate=1.0, incentive_share=0.0, contact_cost=10.0)


def back_test(model: np.ndarray, **baselines: np.ndarray) -> OutOfTime:
    """The same six accounts at three snapshots, scored alike at each."""
    snapshots = (BEFORE, FIRST, SECOND)
    as_of = np.repeat(np.array(snapshots, dtype="datetime64[D]"), 6)
    splits = [
        Split(day, day, day != BEFORE, 6, 10 * number, (), day, 0, None, "")
        for number, day in enumerate(snapshots, start=1)
    ]
    return OutOfTime(
        account=np.array(ACCOUNTS * 3, dtype=object),
        as_of=as_of,
        label_complete=as_of + 90,
        label=np.tile(DEFECTED, 3).astype(np.int8),
        raw=np.tile(model, 3),
        risk=np.tile(model, 3),
        ways={},
        learners=(np.tile(model, 3),),
        baselines={name: np.tile(score, 3) for name, score in baselines.items()},
        splits=tuple(splits),
        treated=np.zeros(18, dtype=bool),
        weight=np.ones(18),
        stands_for=np.ones(18),
    )


def facts() -> Facts:
    return Facts(
        value=np.tile(VALUE, 3),
        group=np.tile(TIER, 3),
        followed=np.ones(18, dtype=bool),
        # All have been silent since Christmas, and order every 30 days: the rule's day is
        # 23 February.
        days_silent=np.repeat([7.5, 38.5, 66.5], 6),
        usual_gap=np.full(18, 30.25),
    )


def evaluated(out_of_time: OutOfTime, capacity: int = 2) -> Evaluation:
    return evaluate(out_of_time, facts(), [FIRST, SECOND], capacity, TERMS, repetitions=50)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluated(back_test(RISK, recency=np.arange(6.0), logistic=1 - RISK))


def test_a_ranking_is_measured_beside_its_baselines_on_each_snapshot(found: Evaluation) -> None:
    for snapshot in (FIRST, SECOND, "mean"):
        # Of 2 x 4 pairs of a defector and a stayer, one is in the wrong order: di below bo.
        assert found.value("auc", snapshot=snapshot) == 7 / 8
        assert found.value("auc", "logistic", snapshot) == pytest.approx(1 / 8)
        assert found.value("auc", "recency", snapshot) == 2 / 8  # di above bo and cy
        assert found.value(gain_over("recency"), snapshot=snapshot) == 5 / 8
        assert found.value("precision_at_capacity", snapshot=snapshot) == 1 / 2  # ada and bo
        assert found.value("lift_at_capacity", snapshot=snapshot) == pytest.approx(3 / 2)
        assert found.value("base_rate", COHORT, snapshot) == pytest.approx(2 / 6)
    low, high = found.of(gain_over("recency"))[1:]
    assert -1 <= low < 5 / 8 < high <= 1


def test_a_gain_is_positive_where_the_model_is_better(found: Evaluation) -> None:
    error = found.value("brier", "logistic") - found.value("brier")
    assert found.value(gain_over("logistic", "brier")) == pytest.approx(error)
    assert error > 0


def test_only_scorers_that_give_probabilities_are_measured_as_such(found: Evaluation) -> None:
    measured = {key.scorer for key in found.figures if key.measure == "brier"}
    assert measured == {"model", "logistic"}
    assert not [
        key for key in found.figures if key.measure == "auc" and key.scorer == EXPECTED_LOSS
    ]


def test_profit_of_the_list_by_risk_and_by_expected_loss(found: Evaluation) -> None:
    # By risk ada (defects, 100) and bo (stays) are called; by risk x value eve (stays) and
    # di (defects, 1,000).
    assert found.value("profit") == pytest.approx(0.5 * 100 - 2 * 10)
    assert found.value("profit", EXPECTED_LOSS) == pytest.approx(0.5 * 1000 - 2 * 10)
    assert found.value(gain_over(EXPECTED_LOSS, "profit")) == pytest.approx(30 - 480)


def test_a_tier_is_measured_alone_but_called_with_the_others(found: Evaluation) -> None:
    tier = {"A": 1, "B": 4, "C": 1}
    for name, accounts in tier.items():
        assert found.of("accounts", COHORT, group=name).value == accounts
    assert found.of("auc", group="B").value == 3 / 4  # ada > bo, cy; di > cy, not > bo
    assert found.of("precision_at_capacity", group="B").value == 1 / 2
    # Eve is alone in her tier, stays, and is not called: neither can be said.
    assert all(map(math.isnan, found.of("auc", group="A")))
    assert math.isnan(found.of("precision_at_capacity", group="A").value)
    assert found.of("profit", group="A").value == 0


def test_lead_time_counts_from_the_first_list_of_the_silence(found: Evaluation) -> None:
    # Ada was listed on 1 January already, before any test snapshot; di never is.
    assert found.value("lead_median") == 53
    assert found.value("lead_never") == 1 / 2
    assert found.value("lead_earlier") == 1 / 2


def test_a_ranking_that_stays_the_same_is_stable(found: Evaluation) -> None:
    assert found.value("list_kept") == 1
    assert found.value("rank_correlation") == pytest.approx(1)


def test_the_frame_is_tidy(found: Evaluation) -> None:
    frame = found.frame()
    assert list(frame.columns) == [
        *("snapshot", "group", "measure", "scorer"),
        *("value", "low", "high"),
    ]
    assert not frame.duplicated(["snapshot", "group", "measure", "scorer"]).any()
    assert set(frame["snapshot"]) == {"2025-02-01", "2025-03-01", "mean"}
    assert set(frame["group"]) == {"all", "A", "B", "C"}
    assert len(frame) == len(found.figures)


def test_metrics_group_by_snapshot_and_tier(found: Evaluation) -> None:
    logged = metrics(found)
    assert logged["2025-02-01/auc"] == logged["mean/auc"] == 7 / 8
    assert logged["mean/auc_recency"] == 2 / 8
    assert logged["mean/auc_gain_over_logistic"] == pytest.approx(6 / 8)
    assert logged["mean/auc_gain_over_logistic_low"] == found.of(gain_over("logistic")).low
    assert logged["2025-03-01/training_rows"] == 30
    assert logged["2025-03-01/profit_expected_loss"] == pytest.approx(480)
    assert logged["2025-03-01/tier_B/auc"] == 3 / 4
    assert "2025-03-01/tier_B/auc_logistic" not in logged
    assert logged["mean/tier_A/auc"] is None  # left out, not broken


def test_scores_that_are_missing_are_logged_as_broken() -> None:
    broken = np.where(np.arange(6) == 2, np.nan, RISK)
    logged = metrics(evaluated(back_test(broken, recency=RISK, logistic=RISK)))
    assert math.isnan(logged["mean/auc"])  # type: ignore[arg-type]
    assert logged["mean/auc_logistic"] == 7 / 8


def test_the_table_of_five_scorers_fits_a_terminal() -> None:
    baselines = dict.fromkeys(("recency", "silence", "logistic", "bg_nbd"), RISK)
    lines = table(evaluated(back_test(RISK, **baselines)))
    assert {len(line) for line in lines[1:]} == {len(lines[1])}
    assert len(lines[1]) <= 120
    assert lines[1].split()[:8] == [
        *("snapshot", "accounts", "defected"),
        *("recency", "silence", "logistic", "bg_nbd", "model"),
    ]
    assert lines[-1].split()[:4] == ["mean", "6", "33.3%", "0.8750"]


def test_tiers_begin_where_the_larger_accounts_reach_80_and_95_percent() -> None:
    assert tiers(np.array([5.0, 80.0, 10.0, 5.0])).tolist() == ["B", "A", "B", "C"]
    assert tiers(np.array([0.0, 0.0])).tolist() == ["C", "C"]
    assert tiers(np.empty(0)).tolist() == []


# di at the first test snapshot, bo at the second; the order of rows is that of `back_test`
MARKED = np.zeros(18, dtype=np.bool_)
MARKED[[6 + 3, 12 + 1]] = True


def without(rows: OutOfTime, mask: np.ndarray) -> OutOfTime:
    """The same back-test drawn without some rows."""
    columns = ("account", "as_of", "label_complete", "label", "raw", "risk")
    columns += ("treated", "weight", "stands_for")
    baselines = {name: score[~mask] for name, score in rows.baselines.items()}
    kept = {name: getattr(rows, name)[~mask] for name in columns}
    return OutOfTime(
        **kept, ways={}, learners=(kept["raw"],), baselines=baselines, splits=rows.splits
    )


def test_exactly_the_treated_rows_are_left_out_of_what_is_measured() -> None:
    everybody = back_test(RISK, recency=np.arange(6.0), logistic=1 - RISK)
    tests = [FIRST, SECOND]
    found = evaluate(replace(everybody, treated=MARKED), facts(), tests, 2, TERMS, repetitions=50)
    drawn = evaluate(
        without(everybody, MARKED), facts().rows(~MARKED), tests, 2, TERMS, repetitions=50
    )
    assert found.figures.keys() == drawn.figures.keys()
    for key, figure in found.figures.items():
        if key.measure != TREATED:
            np.testing.assert_array_equal(figure, drawn.figures[key], err_msg=str(key))
    assert [found.value("accounts", COHORT, test) for test in tests] == [5, 5]
    assert [found.value(TREATED, COHORT, test) for test in tests] == [1, 1]
    # At the first test snapshot di, who defected, is gone: ada alone is left to be found.
    assert found.value("base_rate", COHORT, FIRST) == 1 / 5
    assert treated_lines(found) == [
        "Left out: 2 of 12 rows of the test snapshots, of accounts acted on within the horizon "
        "(`backtest.treated`)"
    ]
    assert treated_lines(drawn) == []


def test_a_group_that_a_snapshot_lacks_is_measured_where_it_is() -> None:
    drawn = back_test(RISK, logistic=1 - RISK)
    newcomers = np.where(drawn.as_of == np.datetime64(SECOND, "D"), "new", "old").astype(object)
    by = replace(facts(), group=newcomers, groups=("new", "old"))
    found = evaluate(drawn, by, [FIRST, SECOND], 2, TERMS, repetitions=50)
    for group, day in (("new", SECOND), ("old", FIRST)):
        assert found.of("auc", group=group) == found.of("auc", snapshot=day)


def test_groups_alone_have_the_figures_of_the_whole_evaluation() -> None:
    drawn = replace(back_test(RISK, logistic=1 - RISK), treated=MARKED)
    days = [FIRST, SECOND]
    whole = evaluate(drawn, facts(), days, 2, TERMS, repetitions=50)
    alone = evaluate_groups(drawn, facts(), days, repetitions=50)
    measures = {key.measure for key in alone.figures}
    assert measures == {"accounts", "base_rate", "auc", "calibration_error", gain_over("logistic")}
    for key, figure in alone.figures.items():
        np.testing.assert_array_equal(figure, whole.figures[key], err_msg=str(key))


def test_a_scorer_measured_later_has_the_same_figures() -> None:
    days, recency, champion = [FIRST, SECOND], np.arange(6.0), RISK[::-1]
    first, second, together = (
        evaluate(back_test(RISK, **rivals), facts(), days, 2, TERMS, repetitions=50)
        for rivals in (
            {"recency": recency},
            {"champion": champion},
            {"recency": recency, "champion": champion},
        )
    )
    found = first.with_scorers_of(second)
    assert found.scorers == together.scorers
    assert found.figures.keys() == together.figures.keys()
    for key, figure in found.figures.items():
        np.testing.assert_array_equal(figure, together.figures[key], err_msg=str(key))
