"""The label audit of four drawn accounts: base rates, returns, agreement, by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pandas as pd
import pytest
from drawn import DAY_0, read_rows
from feature_tables import load
from worlds import complete

from pipeline.config.form import LabelConfig
from pipeline.engines import Engine
from pipeline.training.label_audit import LabelAudit, audit_labels, markdown

# A brings 900 of 1,000 in the year before; B 60 more, to 96 %; C and D the rest.
ORDERS = """
    account | day           | amount
    --------+---------------+-------
    A       | -20           | 900
    A       | 10            | 10
    B       | -20           | 60
    B       | 119 23:59:59  | 60
    C       | -20           | 30
    C       | 120           | 30
    D       | -20           | 10
    """


def audited(
    engine: Engine,
    complete_until: date = DAY_0 + timedelta(270),
    stands_for: Sequence[float] | None = None,
) -> LabelAudit:
    load(engine, complete({"orders": read_rows("orders", ORDERS)}))
    until = datetime.combine(complete_until, time())
    return audit_labels(
        engine, LabelConfig(definition="inactivity"), rows("ABCC", stands_for), until
    )


def rows(tiers: str, stands_for: Sequence[float] | None = None) -> pd.DataFrame:
    """The accounts A, B, ... of these tiers on day 0."""
    return pd.DataFrame(
        {
            "account_id": list("ABCD"[: len(tiers)]),
            "as_of": pd.Timestamp(DAY_0),
            "tier": list(tiers),
            "stands_for": stands_for or [1.0] * len(tiers),
        }
    )


def test_base_rates_by_snapshot_and_tier(engine: Engine) -> None:
    found = audited(engine)
    assert [(g.as_of, g.tier, g.accounts, g.defected) for g in found.groups] == [
        (as_of, *group)
        for as_of in (DAY_0, None)
        for group in (("all", 4, 0.75), ("A", 1, 0.0), ("B", 1, 1.0), ("C", 2, 1.0))
    ]


def test_a_row_counts_for_the_accounts_that_it_stands_for(engine: Engine) -> None:
    """C stands for four accounts of tier C, D for two: 8 in all, of whom 7 defect."""
    found = audited(engine, stands_for=[1.0, 1.0, 4.0, 2.0])
    assert [(g.tier, g.accounts, g.defected) for g in found.groups[:4]] == [
        ("all", 8, 7 / 8),
        ("A", 1, 0.0),
        ("B", 1, 1.0),
        ("C", 6, 1.0),
    ]
    # B is back within 30 days, C's four within 90.
    assert [(r.days, r.defectors, r.share) for r in found.returns[:2]] == [
        (30, 7, pytest.approx(1 / 7)),
        (90, 7, pytest.approx(5 / 7)),
    ]
    assert {agreement.rows for agreement in found.agreements} == {8}


def test_who_orders_again_within_so_many_days_after_the_horizon(engine: Engine) -> None:
    """B is back a second before day 90 + 30, C at that very midnight."""
    assert [(r.days, r.defectors, r.share) for r in audited(engine).returns] == [
        (30, 3, pytest.approx(1 / 3)),
        (90, 3, pytest.approx(2 / 3)),
        (180, 3, pytest.approx(2 / 3)),
        (365, 0, None),  # nobody knows yet
    ]


def test_how_far_definitions_agree(engine: Engine) -> None:
    """Silent for 90 days are B, C and D; for 180, which none has a usual gap below, D; fallen all.

    Two of four answers are the same, as chance would have .375: kappa is .125 / .625.
    """
    assert [(a.one, a.other, a.rows, a.share, a.kappa) for a in audited(engine).agreements] == [
        ("inactivity", "own_cadence", 4, 0.5, pytest.approx(0.2)),
        ("inactivity", "partial", 4, 0.75, None),
        ("own_cadence", "partial", 4, 0.25, None),
    ]


def test_definitions_that_are_not_mature_are_left_out(engine: Engine) -> None:
    found = audited(engine, complete_until=DAY_0 + timedelta(179))
    assert [(a.one, a.other) for a in found.agreements] == [("inactivity", "partial")]
    assert list(found.definitions) == ["inactivity", "partial"]
    assert [r.defectors for r in found.returns] == [3, 0, 0, 0]


def test_it_can_be_read(engine: Engine) -> None:
    found = audited(engine)
    assert found.line() == (
        "Label audit: 75.0% defected (A 0.0%, B 100.0%, C 100.0%); of them order again: "
        "33.3% within 30, 66.7% within 90, 66.7% within 180 days"
    )
    text = markdown(found)
    assert f"| {DAY_0} | 4 | 75.0% | 0.0% | 100.0% | 100.0% |" in text
    assert "| 365 | 0 | none |" in text
    assert "| inactivity | own_cadence | 4 | 50.0% | 0.20 |" in text
    assert json.loads(json.dumps(found.to_json()))["returns"][0]["defectors"] == 3


def test_a_defector_by_its_own_cadence_is_back_after_its_own_window(engine: Engine) -> None:
    """A gap of 20 days: watched for 60, so an order on day 89 is a return within 30 days."""
    orders = """
        account | day          | amount
        A       | -40          | 10
        A       | -20          | 10
        A       | 89 23:59:59  | 10
        B       | -40          | 10
        B       | -20          | 10
        B       | 90           | 10
    """
    load(engine, complete({"orders": read_rows("orders", orders)}))
    until = datetime.combine(DAY_0 + timedelta(270), time())
    chosen = LabelConfig(definition="own_cadence")
    found = audit_labels(engine, chosen, rows("AA"), until)
    assert [(r.days, r.share) for r in found.returns[:2]] == [(30, 0.5), (90, 1.0)]
