"""What a list is worth: lead time, profit, stability; drawn and worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.lead_time import first_listed, lead_days, lead_time
from models.profit import CallTerms, call_profit
from models.stability import on_list, stability

CALL = CallTerms(accept_rate=0.3, stayer_accept_rate=1.0, incentive_share=0.0, contact_cost=15.0)


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


# Three monthly snapshots. Ada's last order was on 22 December, ten days before the first snapshot.
# Bo was on the list in January, ordered on 12 January, and has been silent since.
SNAPSHOTS = days("2025-01-01", "2025-02-01", "2025-03-01")
ACCOUNT = np.array(["ada"] * 3 + ["bo"] * 3, dtype=object)
AS_OF = np.tile(SNAPSHOTS, 2)
DAYS_SILENT = np.array([10.0, 41.0, 69.0, 20.5, 19.5, 47.5])
ON_LIST = np.array([False, True, False, True, False, True])


def test_the_first_listing_is_remembered_until_the_next_order() -> None:
    first = first_listed(ACCOUNT, AS_OF, ON_LIST, DAYS_SILENT)
    assert first.astype(str).tolist() == [
        *("NaT", "2025-02-01", "2025-02-01"),
        # Bo's listing in January was a false alarm: an order came after it.
        *("2025-01-01", "NaT", "2025-03-01"),
    ]


def test_rows_may_come_in_any_order() -> None:
    order = np.array([4, 2, 0, 5, 1, 3])
    first = first_listed(ACCOUNT[order], AS_OF[order], ON_LIST[order], DAYS_SILENT[order])
    same = first_listed(ACCOUNT, AS_OF, ON_LIST, DAYS_SILENT)[order]
    assert np.array_equal(first, same, equal_nan=True)


@pytest.mark.parametrize(
    ("usual_gap", "lead"),
    [
        (30.0, 19.0),  # 22 December + 60 days is 20 February, 19 days after 1 February
        (20.5, 0.0),  # the very day on which the rule would have noticed
        (7.0, -27.0),  # a weekly customer: the rule noticed on 5 January
        (math.nan, math.nan),  # no rhythm, no rule
    ],
)
def test_lead_is_counted_to_twice_the_usual_gap_after_the_last_order(
    usual_gap: float, lead: float
) -> None:
    found = lead_days(
        days("2025-03-01"), days("2025-02-01"), np.array([69.0]), np.array([usual_gap])
    )
    assert found == pytest.approx([lead], nan_ok=True)


def test_lead_time_of_five_defectors() -> None:
    gap = np.array([30.0, 30.0, 30.0, 30.0, np.nan])
    first = days("2025-01-01", "2025-01-01", "2025-01-01", "NaT", "2025-01-01")
    lead = np.array([19.0, -5.0, 3.0, np.nan, np.nan])
    found = lead_time(lead, first, gap)
    assert (found.lower_quartile, found.median, found.upper_quartile) == (-5, 3, 19)
    assert found.accounts == 3
    assert found.earlier == 2 / 4  # of four with a rhythm
    assert found.never == 1 / 5
    # The first counts five times, the second not at all: 19 x 5, 3.
    weighted = lead_time(lead, first, gap, np.array([[5.0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]))
    assert weighted.median[0] == 19
    assert weighted.earlier[0] == 6 / 7
    assert weighted.accounts.tolist() == [6, 0]
    assert all(math.isnan(values[1]) for values in weighted._replace(accounts=[0, math.nan]))


def test_no_defector_has_no_lead_time() -> None:
    none = np.empty(0)
    found = lead_time(none, days(), none)
    assert found.accounts == 0
    assert all(map(math.isnan, found._replace(accounts=math.nan)))


def test_what_calls_earn() -> None:
    label, value = np.array([1, 1, 0]), np.array([1000.0, 40.0, 1000.0])
    # 30 % of the defectors called stay; each call costs 15: the small account is not worth it.
    assert call_profit(label, value, CALL) == pytest.approx([285, -3, -15])


def test_an_incentive_is_also_taken_by_those_who_would_have_stayed() -> None:
    terms = CallTerms(0.3, 1.0, 0.05, 15.0)
    profit = call_profit(np.array([1, 0]), np.array([1000.0, 1000.0]), terms)
    assert profit == pytest.approx([0.3 * 950 - 15, -50 - 15])


def test_the_list_is_the_highest_scores_ties_by_account() -> None:
    account = np.array(["d", "c", "b", "a"], dtype=object)
    score = np.array([0.9, 0.5, 0.5, 0.1])
    assert on_list(account, score, 2).tolist() == [True, False, True, False]
    assert on_list(account, score, 9).all()


def test_stability_is_of_those_still_in_the_cohort() -> None:
    earlier = np.array(["a", "b", "c", "d"], dtype=object)
    now = np.array(["b", "c", "d", "e"], dtype=object)
    # Listed before: a, b, c; a has left the cohort. Listed now: e, c, d. Of b and c, c was kept.
    found = stability(
        now, np.array([1.0, 3.0, 2.0, 4.0]), earlier, np.array([9.0, 8.0, 7.0, 1.0]), 3
    )
    assert found.kept == 1 / 2
    # Ranks of b, c, d: before 3 2 1, now 1 3 2: 1 - 6 x (4 + 1 + 1) / (3 x 8).
    assert found.rank_correlation == pytest.approx(-0.5)


def test_stability_without_anybody_in_common() -> None:
    one, other = np.array(["a"], dtype=object), np.array(["b"], dtype=object)
    assert all(map(math.isnan, stability(one, np.ones(1), other, np.ones(1), 1)))
