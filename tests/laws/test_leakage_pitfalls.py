"""The classic ways in which the future leaks into features, one by one.

Each test tells the same story twice, once with something that became known later. At the snapshot
before it was known both must give the same features; at the one after it, they must not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from families_under_test import UNDER_TEST, moves_nothing
from feature_tables import assert_identical, differences, own_values, side_by_side
from worlds import Row, World, midnight

from features.contract import TABLES
from features.values import Value, columns_of
from pipeline.engines import Engine

BEFORE, LATER = date(2024, 3, 1), date(2024, 4, 1)
KNOWN = datetime(2024, 3, 10)

Story = Callable[[str, World, World], dict[str, tuple[float, float]]]


def ago(days: float) -> datetime:
    """So many days before the earlier snapshot."""
    return midnight(BEFORE) - timedelta(days=days)


def order(**columns: object) -> Row:
    return {
        "account_id": "A",
        "order_id": "o1",
        "line_id": "1",
        "occurred_at": ago(20),
        "amount_cents": 10_000,
        "product_id": "p1",
    } | columns


def touch(**columns: object) -> Row:
    return {
        "account_id": "A",
        "contact_id": "c1",
        "rep_id": "r1",
        "occurred_at": ago(20),
        "role": "buyer",
        "channel": "visit",
    } | columns


def complaint(**columns: object) -> Row:
    return {
        "account_id": "A",
        "complaint_id": "k1",
        "opened_at": ago(10),
        "category": "delivery",
        "severity": "low",
    } | columns


def departure(**columns: object) -> Row:
    return {"rep_id": "r1", "left_on": ago(5)} | columns


@pytest.fixture
def leaks_nothing(engine: Engine) -> Story:
    """Checks a story; answers the account's features (before, later) with what became known."""

    def check(family: str, without: World, told: World) -> dict[str, tuple[float, float]]:
        values = own_values(UNDER_TEST[family], [90])
        plain, leaky = side_by_side(engine, values, [BEFORE, LATER], [without], [told])
        at_before, at_later = (
            [day == snapshot for _, day in plain.index] for snapshot in (BEFORE, LATER)
        )
        assert_identical(plain[at_before], leaky[at_before])
        if not differences(plain[at_later], leaky[at_later]):
            moves_nothing(family)
        first_account = zip(leaky[at_before].iloc[0], leaky[at_later].iloc[0], strict=True)
        return dict(zip(leaky.columns, first_account, strict=True))

    return check


def test_1_a_resolution_typed_in_later_leaves_the_complaint_open(leaks_nothing: Story) -> None:
    open_case = complaint()
    resolved = complaint(resolved_at=ago(7), resolved_known_at=KNOWN)
    answers = leaks_nothing(
        "complaint_latency", {"complaints": [open_case]}, {"complaints": [resolved]}
    )
    assert answers["complaints_unresolved"] == (1, 0)
    assert answers["resolution_days_90d"] == (10, 3)


def test_1_a_prompt_resolution_typed_in_later_is_slow_so_far(leaks_nothing: Story) -> None:
    open_case = complaint(opened_at=ago(20))
    prompt = complaint(opened_at=ago(20), resolved_at=ago(15), resolved_known_at=KNOWN)
    answers = leaks_nothing(
        "complaint_latency", {"complaints": [open_case]}, {"complaints": [prompt]}
    )
    assert answers["resolved_slowly_share_90d"] == (1, 0)


def test_1_a_first_response_typed_in_later_leaves_it_unanswered(leaks_nothing: Story) -> None:
    waiting = complaint()
    answered = complaint(first_response_at=ago(9), first_response_known_at=KNOWN)
    answers = leaks_nothing(
        "complaint_latency", {"complaints": [waiting]}, {"complaints": [answered]}
    )
    assert answers["complaints_unanswered"] == (1, 0)
    assert answers["first_response_days_90d"] == (10, 1)


def test_1_a_reopening_known_later_leaves_the_complaint_resolved(leaks_nothing: Story) -> None:
    stages = {"first_response_at": ago(9), "resolved_at": ago(7)}
    resolved = complaint(**stages)
    reopened = complaint(**stages, reopened_at=ago(2), reopened_known_at=KNOWN)
    answers = leaks_nothing(
        "complaint_latency", {"complaints": [resolved]}, {"complaints": [reopened]}
    )
    assert answers["complaints_unresolved"] == (0, 1)
    assert answers["complaints_reopened_90d"] == (0, 1)
    assert answers["reopened_share_90d"] == (0, 1)


def test_2_a_category_graded_again_later_repeats_nothing_before(leaks_nothing: Story) -> None:
    cases = [complaint(), complaint(complaint_id="k2", category="quality")]
    graded_again = complaint(complaint_id="k2", category="delivery", known_at=KNOWN)
    answers = leaks_nothing(
        "complaint_latency", {"complaints": cases}, {"complaints": [*cases, graded_again]}
    )
    assert answers["complaints_repeated_90d"] == (0, 1)


def test_2_a_severity_graded_again_later_is_as_low_before(leaks_nothing: Story) -> None:
    graded_again = complaint(severity="critical", known_at=KNOWN)
    answers = leaks_nothing(
        "complaint_latency",
        {"complaints": [complaint()]},
        {"complaints": [complaint(), graded_again]},
    )
    assert answers["severe_complaints_count_90d"] == (0, 1)
    assert answers["unresolved_days_by_severity"] == (10, 4 * (10 + 31))


def test_3_a_contact_who_changes_role_later_keeps_the_old_one_before(leaks_nothing: Story) -> None:
    as_buyer = touch()
    as_director = touch(role="head of plant", seniority="director", occurred_at=KNOWN)
    answers = leaks_nothing(
        "contact_breadth", {"touches": [as_buyer]}, {"touches": [as_buyer, as_director]}
    )
    assert answers["roles_count_90d"] == (1, 2)


def test_3_a_representative_who_left_is_still_here_until_we_know(leaks_nothing: Story) -> None:
    answers = leaks_nothing(
        "contact_breadth",
        {"touches": [touch()]},
        {"touches": [touch()], "reps": [departure(known_at=KNOWN)]},
    )
    assert answers["departed_reps_share_90d"] == (0, 1)


def test_3_a_departure_taken_back_later_was_a_departure_before(leaks_nothing: Story) -> None:
    given_notice = departure(known_at=ago(30))
    back = departure(left_on=None, known_at=KNOWN)
    answers = leaks_nothing(
        "contact_breadth",
        {"touches": [touch()], "reps": [given_notice]},
        {"touches": [touch()], "reps": [given_notice, back]},
    )
    assert answers["departed_reps_share_90d"] == (1, 0)


@pytest.mark.parametrize("family", UNDER_TEST)
def test_3_no_feature_reads_facts_that_carry_no_date_of_their_own(family: str) -> None:
    """Owner, segment, region and the like are today's: for display, not for features."""
    for name, value in own_values(UNDER_TEST[family]).items():
        assert _undated(value) == set(), name


def _undated(value: Value) -> set[str]:
    """Tables of facts, not events, that the value reads without minding when they were known."""
    read = columns_of(value)
    return {t for t, _ in read if not TABLES[t].events and (t, "known_at") not in read}


def test_4_contacts_filled_in_by_a_later_migration_were_not_known(leaks_nothing: Story) -> None:
    migrated = [
        touch(contact_id=f"c{n}", occurred_at=ago(10 * n), known_at=KNOWN) for n in range(2, 6)
    ]
    answers = leaks_nothing(
        "contact_breadth", {"touches": [touch()]}, {"touches": [touch(), *migrated]}
    )
    assert answers["contacts_count_90d"] == (1, 5)


def test_4_a_first_touch_filled_in_later_does_not_move_an_arrival(leaks_nothing: Story) -> None:
    here = [touch(rep_id="r0", occurred_at=ago(300)), touch()]
    migrated = touch(occurred_at=ago(200), known_at=KNOWN)
    answers = leaks_nothing("contact_breadth", {"touches": here}, {"touches": [*here, migrated]})
    assert answers["handovers_count_90d"] == (1, 0)
    assert answers["days_since_last_handover"] == (20, 200 + 31)


def test_5_an_order_dated_back_is_an_order_from_when_it_was_known(leaks_nothing: Story) -> None:
    dated_back = order(order_id="o2", occurred_at=ago(1), known_at=KNOWN)
    answers = leaks_nothing(
        "order_history", {"orders": [order()]}, {"orders": [order(), dated_back]}
    )
    assert answers["orders_count_90d"] == (1, 2)
    assert answers["days_since_last_order"] == (20, 32)


def test_5_an_order_dated_back_after_a_complaint_is_no_order_yet(leaks_nothing: Story) -> None:
    told = {"orders": [order()], "complaints": [complaint()]}
    dated_back = order(order_id="o2", occurred_at=ago(1), known_at=KNOWN)
    answers = leaks_nothing("complaint_latency", told, told | {"orders": [order(), dated_back]})
    before, later = answers["order_days_change_after_complaint"]
    assert before == -1
    assert later == pytest.approx((1 / 41 - 1 / 90) / (1 / 41 + 1 / 90))


def test_6_a_return_booked_on_the_day_of_its_order_is_known_later(leaks_nothing: Story) -> None:
    returned = order(line_id="2", amount_cents=-10_000, known_at=KNOWN)
    answers = leaks_nothing("order_history", {"orders": [order()]}, {"orders": [order(), returned]})
    assert answers["returns_share_90d"] == (0, 1)


def test_7_an_order_cancelled_later_was_an_order_before(leaks_nothing: Story) -> None:
    cancelled = order(known_at=KNOWN, deleted=True)
    answers = leaks_nothing(
        "order_history", {"orders": [order()]}, {"orders": [order(), cancelled]}
    )
    assert answers["orders_count_90d"] == (1, 0)


def test_7_an_amount_overwritten_later_was_another_before(leaks_nothing: Story) -> None:
    overwritten = order(known_at=KNOWN, amount_cents=4_000)
    answers = leaks_nothing(
        "order_history", {"orders": [order()]}, {"orders": [order(), overwritten]}
    )
    assert answers["spend_90d"] == (100, 40)


def test_7_a_complaint_withdrawn_later_was_a_complaint_before(leaks_nothing: Story) -> None:
    withdrawn = complaint(known_at=KNOWN, deleted=True)
    answers = leaks_nothing(
        "complaint_latency", {"complaints": [complaint()]}, {"complaints": [complaint(), withdrawn]}
    )
    assert answers["complaints_count_90d"] == (1, 0)


@pytest.mark.parametrize("family", UNDER_TEST)
def test_10_accounts_merged_later_stay_apart_before(family: str, leaks_nothing: Story) -> None:
    apart = {
        "orders": [order(account_id="B")],
        "touches": [touch(account_id="B")],
        "complaints": [complaint(account_id="B")],
    }
    merge = {"from_id": "B", "into_id": "A", "known_at": KNOWN}
    leaks_nothing(family, apart, {**apart, "account_merges": [merge]})


@pytest.mark.parametrize("family", UNDER_TEST)
def test_12_what_happens_exactly_at_the_snapshot_is_not_seen(
    family: str, leaks_nothing: Story
) -> None:
    now = midnight(BEFORE)
    at_midnight = {
        "orders": [order(occurred_at=now)],
        "touches": [touch(occurred_at=now)],
        "complaints": [complaint(opened_at=now)],
    }
    leaks_nothing(family, {}, at_midnight)


def test_12_who_leaves_exactly_at_the_snapshot_is_still_here(leaks_nothing: Story) -> None:
    answers = leaks_nothing(
        "contact_breadth",
        {"touches": [touch()]},
        {"touches": [touch()], "reps": [departure(left_on=midnight(BEFORE), known_at=ago(30))]},
    )
    assert answers["departed_reps_share_90d"] == (0, 1)
