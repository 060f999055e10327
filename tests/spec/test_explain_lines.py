"""What `explain` prints of an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from pipeline.config.playbook import load_playbook
from pipeline.scoring.explain import Account, Before
from pipeline.scoring.explain_lines import lines
from pipeline.scoring.reason_texts import GROUPS
from pipeline.scoring.reasons import Reason
from pipeline.tables.latest_events import Event

ROW: dict[str, Any] = {
    "account_id": "A1",
    "name": "Müller",
    "owner_id": "R7",
    "as_of": date(2026, 1, 1),
    "model_version": 3,
    "rank": 4,
    "risk": 0.7,
    "risk_band": "high",
    "risk_30": 0.8,
    "risk_90": 0.7,
    "risk_180": None,
    "reorder_90": None,
    "reorder_180": None,
    "value_at_stake": 48650.0,
    "next_year_low": 35000.0,
    "next_year_high": 61000.0,
    "value_basis": "margin",
    "currency": "EUR",
    "expected_loss": 34055.0,
    "slip_chance": None,
    "call_value": 48650.0,
    "call_score": 34055.0,
    "due_on": None,
    "days_past_due": None,
    "crossed_on": None,
    "tier": "A",
    "key_account": True,
    "key_account_note": "brings 4.1% of the profit",
    "days_silent": 71.3,
    "usual_gap": 20.0,
    "last_order_at": datetime(2025, 10, 22, 8),
    "last_touch_at": datetime(2025, 11, 20, 9),
    "thin_history": False,
}


def reason(group: str, adds: float, text: str | None) -> Reason:
    return Reason(next(g for g in GROUPS if g.name == group), adds, -adds, text)


ACCOUNT = Account(
    row=ROW,
    scored=1352,
    mean_risk=0.152,
    defection="no order within 90 days",
    learned_until=date(2025, 12, 15),
    reasons=(
        reason("complaint_open", 0.7, "complaint open for 38 days"),
        reason("one_contact", 0.4, None),
        reason("one_sided", 0.01, "the account began 10 % of the touches in 90 days"),
        reason("fewer_orders", -0.2, "orders in 90 days: 4, then 6"),
    ),
    playbook=load_playbook(None),
    before=Before(
        "2025-12-01",
        0.5,
        (
            reason("complaint_open", 0.1, "complaint open for 7 days"),
            reason("fewer_orders", -0.21, "orders in 90 days: 4, then 5"),
        ),
    ),
    events=(Event(datetime(2025, 10, 22), "order", "O1: 2 lines, 100.00 EUR"),),
)


def test_an_account_whole() -> None:
    assert list(lines(ACCOUNT)) == [
        "Account A1, Müller, owner R7, as of 2026-01-01, model version 3",
        "  risk            70.0% (high) of no order within 90 days; 15.2% on average of "
        "all accounts",
        "  no order in     30 days 80.0%, 90 days 70.0%",
        "  value at stake  48,650 EUR, counted in margin; tier A",
        "  next year       35,000 to 61,000 EUR if it stays; so do 9 in 10 such accounts",
        "  key account     brings 4.1% of the profit",
        "  expected loss   34,055 EUR",
        "  rank            4 of 1,352 accounts; call score 34,055; value of a call 48,650 EUR",
        "  last order      2025-10-22, 71 days ago; usually 20 days between orders",
        "  last touch      2025-11-20",
        "",
        "What moved the model, as a factor on the odds; not proof of a cause",
        "  1 raises x2.01  a complaint lies open: complaint open for 38 days",
        "    raises x1.49  one contact carries the relationship",
        "    lowers x0.82  orders less often than before, or than others: orders in 90 days: 4, "
        "then 6",
        "    smaller ones together x1.01",
        "",
        "What to do: Settle the complaint (service)",
        "  why             Something that we did wrong is still not right, and every order recalls "
        "it. Within our reach: yes.",
        "  how             Agree with the customer what settles it, and by when; the owner stays "
        "until they say it is done.",
        "  then            Name a team and a response time (service)",
        "  then            Talk at management level (management)",
        "",
        "Since 2025-12-01: risk 50.0%, now 70.0% (+20.0 points)",
        "  x1.82  a complaint lies open: complaint open for 7 days; now complaint open for 38 days",
        "  x1.49  one contact carries the relationship",
        "",
        "Latest events known at the snapshot",
        "  2025-10-22  order      O1: 2 lines, 100.00 EUR",
    ]


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert ACCOUNT.before is not None
    row = ROW | {"risk": 0.5, "value_at_stake": -0.3, "expected_loss": -0.01}
    found = list(lines(replace(ACCOUNT, row=row, before=replace(ACCOUNT.before, risk=0.5001))))
    assert found[3].startswith("  value at stake  0 EUR,")
    assert found[6].startswith("  expected loss   0 EUR")
    assert "Since 2025-12-01: risk 50.0%, now 50.0% (+0.0 points)" in found


def test_a_departed_account_has_no_risk_and_an_overdue_one_says_so() -> None:
    assert ACCOUNT.before is not None
    gone = dict.fromkeys(("risk", "risk_band", "risk_30", "risk_90", "expected_loss", "call_score"))
    gone |= dict.fromkeys(("next_year_low", "next_year_high"))
    gone |= {"due_on": date(2025, 11, 1), "crossed_on": date(2025, 12, 31), "days_past_due": 61.0}
    again = {"reorder_90": 0.123, "reorder_180": 0.2}
    found = list(lines(replace(ACCOUNT, row=ROW | gone | again, reasons=())))
    assert found[1:6] == [
        "  risk            none: it stopped ordering; its patience ended on 2025-12-31",
        "  orders again in 90 days 12.3%, 180 days 20.0%, without a call",
        "  value at stake  48,650 EUR, counted in margin; tier A",
        "  key account     leaving; brings 4.1% of the profit",
        "  rank            4 of 1,352 accounts; value of a call 48,650 EUR",
    ]
    assert "Since 2025-12-01: risk 50.0%, now it has stopped ordering" in found
    assert not any("What moved the model" in line or "What to do" in line for line in found)
    assert not any("orders again" in line for line in lines(replace(ACCOUNT, row=ROW | gone)))
    late = {"due_on": date(2025, 11, 1), "days_past_due": 61.0, "slip_chance": 0.4}
    found = list(lines(replace(ACCOUNT, row=ROW | late)))
    assert "  already gone    40.0%" in found
    assert "  next order      expected on 2025-11-01, 61 days overdue" in found


def test_what_is_not_known_is_left_out_or_said() -> None:
    unknown = dict.fromkeys(("name", "owner_id", "risk_30", "risk_90", "currency", "usual_gap"))
    unknown |= dict.fromkeys(("next_year_low", "next_year_high", "last_touch_at"))
    row = {**ROW, **unknown, "thin_history": True, "key_account": False}
    found = list(lines(replace(ACCOUNT, row=row, reasons=ACCOUNT.reasons[3:], before=None)))
    assert found[:7] == [
        "Account A1, as of 2026-01-01, model version 3",
        "  risk            70.0% (high) of no order within 90 days; 15.2% on average of "
        "all accounts",
        "  value at stake  48,650, counted in margin; tier A",
        "  expected loss   34,055",
        "  rank            4 of 1,352 accounts; call score 34,055; value of a call 48,650",
        "  last order      2025-10-22, 71 days ago",
        "  thin history    fewer than three order days; its rhythm is not known yet",
    ]
    assert "    nothing that can be stated raises its risk" in found
    assert "What to do: no play is attached, because no reason is stated" in found
    assert "No publication lies before this snapshot, so nothing is known to have moved" in found


def test_what_raises_the_risk_but_fails_the_counter_check_says_so() -> None:
    doubtful = replace(reason("silence", 0.2, "no order for 9 days"), at_median=0.1)
    found = list(lines(replace(ACCOUNT, reasons=(doubtful,))))
    assert (
        "    raises x1.22  silent beyond its own rhythm: no order for 9 days (not stated: no worse "
        "than the usual account)" in found
    )


def test_a_play_for_a_person_to_choose_is_marked() -> None:
    silent = replace(ACCOUNT, reasons=(reason("silence", 0.5, "no order for 71 days"),))
    found = list(lines(silent))
    assert "What to do: Ask what has changed (sales)" in found
    assert "  then            Visit and agree the next orders (sales)" in found
    assert "  if you think so Influence the purchasing criteria (sales)" in found


def test_what_the_publication_before_does_not_say() -> None:
    def since(before: Before) -> list[str]:
        found = list(lines(replace(ACCOUNT, before=before)))
        return found[found.index(next(x for x in found if x.startswith("Since"))) :][:2]

    assert since(Before("2025-12-01", None))[0] == "Since 2025-12-01: it was not scored then"
    assert since(Before("2025-12-01", 0.7, why_not="other features were published then")) == [
        "Since 2025-12-01: risk 70.0%, now 70.0% (+0.0 points)",
        "  what moved it cannot be told: other features were published then",
    ]
    assert since(Before("2025-12-01", 0.7, ACCOUNT.reasons))[1] == (
        "  nothing moved by as much as five per cent of the odds"
    )


def test_a_look_back_is_said_to_be_one() -> None:
    late = replace(ACCOUNT, learned_until=date(2026, 3, 1))
    assert list(lines(late))[1].startswith(
        "Looking back: the model learned from what happened until 2026-03-01"
    )
