"""Reasons: which features say one thing, what is said of an account, and what is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from families_under_test import EXAMPLE
from taught import learner, uncalibrated

from features.definition import DEFAULT_WINDOWS
from features.families import FAMILIES
from models.risk_model import RiskModel
from pipeline.config import load_config
from pipeline.config.own_families import load_family
from pipeline.config.playbook import load_playbook
from pipeline.scoring.phrases import Numbers, filled, shown, stems_of
from pipeline.scoring.reason_columns import REASON_COLUMNS, with_reasons
from pipeline.scoring.reason_groups import placed_features
from pipeline.scoring.reason_texts import GROUPS, OTHER, Phrase
from pipeline.scoring.reasons import MOST, Reason, explained, reasons_of, stated

STEMS = {
    (family.name, definition.stem)
    for family in FAMILIES.values()
    for definition in family.definitions
}
PLACED = placed_features(FAMILIES.values(), DEFAULT_WINDOWS)


# --- the groups -----------------------------------------------------------------------------


def test_every_feature_of_the_catalogue_belongs_to_exactly_one_group() -> None:
    listed = Counter((group.family, stem) for group in GROUPS for stem in group.stems)
    assert [place for place, times in listed.items() if times > 1] == []
    assert listed.keys() - STEMS == set()  # no group names what is no feature
    assert STEMS - listed.keys() == set()  # a new feature is given a group, or the other one
    assert len({group.name for group in GROUPS}) == len(GROUPS)
    assert {feature.name for f in FAMILIES.values() for feature in f.features()} == PLACED.keys()


def test_what_is_other_is_named_so() -> None:
    others = {group.name: group.stems for group in GROUPS if group.name.startswith(OTHER)}
    assert others == {"other_contact_breadth": ("days_since_first_touch",)}


def test_phrases_speak_of_features_that_there_are() -> None:
    known = {stem for _, stem in STEMS}
    for group in GROUPS:
        for phrase in group.phrases + group.if_lowering:
            assert stems_of(phrase) <= known, phrase
            assert stems_of(phrase) & known, phrase


@pytest.mark.parametrize(
    "phrase",
    [Phrase("{Orders}"), Phrase("{orders_count then}"), Phrase("none", ("orders_count => 1",))],
)
def test_a_phrase_that_cannot_be_read_is_no_phrase(phrase: Phrase) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        stems_of(phrase)


def test_a_feature_of_ours_knows_its_window() -> None:
    assert PLACED["orders_count_90d"].window == 90
    assert PLACED["orders_count_90d"].group.name == "fewer_orders"
    assert PLACED["days_since_last_order"].window is None


def test_an_own_family_is_a_group_of_its_own_and_speaks_by_its_own_sentences() -> None:
    own = load_family("order_timing", EXAMPLE, DEFAULT_WINDOWS)
    placed = placed_features([own], DEFAULT_WINDOWS)
    assert placed.keys() == {feature.name for feature in own.features(DEFAULT_WINDOWS)}
    assert {place.group.name for place in placed.values()} == {"other_order_timing"}


# --- what is said ---------------------------------------------------------------------------

UNITS = {name: place.feature.unit for name, place in PLACED.items()}
TEXTS = {group.name: group.phrases for group in GROUPS}


@pytest.mark.parametrize(
    ("group", "known", "said"),
    [
        (
            "silence",
            {"days_since_last_order": 74.3, "usual_order_gap": 21, "silence_over_usual_gap": 3.5},
            "no order for 74 days; usually one every 21 days",
        ),
        ("silence", {"days_since_last_order": 8.6}, "no order for 9 days"),
        ("silence", {"days_since_last_order": 3}, None),  # nobody is called for that
        (
            "key_contact_silent",
            {"days_since_key_contact": 0.4},
            "main contact silent for less than 1 day",
        ),
        (
            "fewer_orders",
            {"orders_count_90d": 2, "orders_count_180d": 8, "orders_change_90d": -0.5},
            "orders in 90 days: 6, then 2",
        ),
        ("fewer_orders", {"orders_count_90d": 2, "orders_change_90d": -1}, "orders in 90 days: 2"),
        (
            "falling_spend",
            {"spend_90d": 1234.5, "spend_180d": 21234.5, "spend_change_90d": -0.9},
            "spend in 90 days: 20,000, then 1,234 EUR",
        ),
        (
            "one_contact",
            {"busiest_contact_share_365d": 0.912, "days_since_key_contact": 74},
            "one contact accounts for 91 % of the year's touches, and has been silent for 74 days",
        ),
        (
            "one_contact",
            {"busiest_contact_share_90d": 0.75, "contacts_count_90d": 2},
            "one contact accounts for 75 % of the touches in 90 days",
        ),
        (
            "one_contact",
            {"busiest_contact_share_90d": 0.4, "contacts_count_90d": 1},
            "1 contact spoken to in 90 days",
        ),
        (
            "complaint_open",
            {
                "complaints_unresolved": 1,
                "oldest_unresolved_days": 38.2,
                "complaints_count_365d": 1,
                "complaints_unanswered": 0,
                "first_response_days_365d": 9,
            },
            "complaint open for 38 days, first answer after 9 days",
        ),
        (  # two complaints: the mean answer is not that of the open one
            "complaint_open",
            {
                "complaints_unresolved": 1,
                "oldest_unresolved_days": 38.2,
                "complaints_count_365d": 2,
                "complaints_unanswered": 0,
                "first_response_days_365d": 9,
            },
            "complaint open for 38 days",
        ),
        ("complaint_open", {"complaints_unresolved": 0}, None),
        ("complaints", {"complaints_count_90d": 0}, None),
        ("price_rises", {"price_change_90d": -0.1}, None),
        (
            "narrower_assortment",
            {"products_lapsed_90d": 4, "products_count_365d": 12},
            "4 of the last year's 12 products not ordered for 90 days",
        ),
        ("silence", {}, None),
    ],
)
def test_a_group_is_stated_with_the_accounts_own_numbers(
    group: str, known: dict[str, float], said: str | None
) -> None:
    assert filled(TEXTS[group], (90,), Numbers(known, UNITS, "EUR")) == said


def test_the_main_contact_is_named_by_its_role_where_that_is_known() -> None:
    known = {"busiest_contact_share_365d": 0.912, "days_since_key_contact": 74.0}
    role = {"key_contact_role": "purchasing manager"}
    for words, silent, carries in (
        (role, "main contact (purchasing manager)", "one contact (purchasing manager)"),
        ({}, "main contact", "one contact"),
    ):
        numbers = Numbers(known, UNITS, "EUR", words)
        said = filled(TEXTS["key_contact_silent"], (90,), numbers)
        assert said == f"{silent} silent for 74 days"
        said = filled(TEXTS["one_contact"], (90,), numbers)
        assert said is not None and said.startswith(f"{carries} accounts for 91 % of the year's")


def test_the_window_that_counts_most_is_spoken_of_unless_it_has_nothing_to_say() -> None:
    known = Numbers({"orders_count_30d": 1.0, "orders_count_365d": 40.0}, UNITS)
    phrases = (Phrase("{orders_count} in {window}"),)
    assert filled(phrases, (365, 30), known) == "40 in 365"
    assert filled(phrases, (90, 30), known) == "1 in 30"
    assert filled(phrases, (), known) is None


@pytest.mark.parametrize(
    ("value", "unit", "says"),
    [
        (-0.3, "currency", "0 EUR"),
        (-0.001, "share, 0-1", "0 %"),
        (-0.04, "ratio", "0.0"),
        (-0.2, "orders", "0 orders"),
        (-3.0, "currency", "-3 EUR"),
    ],
)
def test_what_rounds_to_nothing_has_no_sign(value: float, unit: str, says: str) -> None:
    assert shown(value, unit, "EUR", named=True) == says


def test_money_without_a_currency_is_a_number() -> None:
    known = Numbers({"spend_90d": 5000.0}, UNITS, None)
    assert filled(TEXTS["falling_spend"], (90,), known) == "spend in 90 days: 5,000"


# --- whose they are -------------------------------------------------------------------------

NAMES = (
    "days_since_last_order",
    "usual_order_gap",
    "silence_over_usual_gap",
    "orders_count_90d",
    "complaints_unresolved",
    "oldest_unresolved_days",
)
SILENT, FREQUENT, UNKNOWN = 0, 1, 2


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    """300 accounts; the first is silent, the second orders often, the third has no usual gap."""
    random = np.random.default_rng(5)
    silent, gap = random.uniform(1, 60, 300), random.uniform(10, 30, 300)
    silent[[SILENT, FREQUENT, UNKNOWN]], gap[[SILENT, FREQUENT, UNKNOWN]] = (
        (170, 1, 30),
        (20, 12, 20),
    )
    gap[UNKNOWN] = np.nan
    unresolved = random.integers(0, 2, 300).astype(float)
    unresolved[:3] = 0
    age = np.where(unresolved > 0, random.uniform(5, 90, 300), np.nan)
    orders = random.integers(0, 12, 300).astype(float)
    orders[:3] = 6
    columns = (silent, gap, silent / gap, orders, unresolved, age)
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)))


@pytest.fixture(scope="module")
def model(cohort: pd.DataFrame) -> RiskModel:
    """Taught that silence, few orders and an old complaint lead to defection."""
    values = cohort.to_numpy()
    odds = values[:, 0] / 15 - values[:, 3] / 2 + np.nan_to_num(values[:, 5], nan=0.0) / 20
    text = learner(values, NAMES, odds > np.median(odds))
    return uncalibrated((text,), (0.5,), NAMES, len(cohort))


@pytest.fixture(scope="module")
def reasons(model: RiskModel, cohort: pd.DataFrame) -> list[list[Reason]]:
    told = model.explain(cohort.to_numpy(), NAMES, range(len(cohort)))
    return reasons_of(told, cohort, PLACED, "EUR", [{}] * len(cohort))


def test_the_silent_account_is_told_to_be_silent(reasons: list[list[Reason]]) -> None:
    first = stated(reasons[SILENT])[0]
    assert (first.group.name, first.direction) == ("silence", "raises")
    assert first.text == "no order for 170 days; usually one every 20 days"


def test_what_lowers_the_risk_is_known_but_not_stated(reasons: list[list[Reason]]) -> None:
    silence = next(r for r in reasons[FREQUENT] if r.group.name == "silence")
    assert (silence.direction, silence.stated) == ("lowers", False)
    assert silence.text == "last order 1 day ago"


def test_a_missing_feature_is_no_part_of_a_reason(reasons: list[list[Reason]]) -> None:
    mine = {reason.group.name: reason for reason in reasons[UNKNOWN]}
    assert mine["silence"].text == "last order 30 days ago"  # how often it orders is not known
    assert "uneven_orders" not in mine  # nothing else belongs to it here


def test_reasons_are_sums_over_known_features_strongest_first(
    model: RiskModel, cohort: pd.DataFrame, reasons: list[list[Reason]]
) -> None:
    told = model.explain(cohort.to_numpy(), NAMES, range(len(cohort)))
    known = np.where(cohort.isna(), 0.0, told.contributions)
    for row, mine in enumerate(reasons):
        assert sum(reason.adds for reason in mine) == pytest.approx(known[row].sum(), abs=1e-9)
        assert [r.adds for r in mine] == sorted((r.adds for r in mine), reverse=True)
        assert len(stated(mine)) <= MOST
        for reason in stated(mine):
            assert reason.text and reason.adds > 0 and reason.at_median < 0


def test_a_group_whose_usual_value_would_not_lower_the_risk_is_no_reason(
    reasons: list[list[Reason]],
) -> None:
    first = stated(reasons[SILENT])[0]
    assert not replace(first, at_median=0.0).stated
    assert not replace(first, text=None).stated
    assert not replace(first, adds=0.04).stated


def test_an_account_outside_the_cohort_has_none(
    tmp_path: Path, model: RiskModel, cohort: pd.DataFrame, reasons: list[list[Reason]]
) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(
        "name: demo\nsources: {orders: {path: o.csv}}\n"
        "snapshots: {first: 2024-01-01, last: 2024-06-01}\n"
    )
    everybody = cohort.assign(account_id=[f"A{row}" for row in range(len(cohort))])
    told = explained(load_config(path), model, everybody, ["A7", "lost", "A2"], "EUR", {})
    assert [*told] == ["A7", "A2"]
    for row in (2, 7):
        mine = [reason.adds for reason in told[f"A{row}"]]
        assert mine == pytest.approx([reason.adds for reason in reasons[row]])
    assert explained(load_config(path), model, everybody, [], "EUR", {}) == {}


# --- what is published ----------------------------------------------------------------------


def reason(group: str, adds: float, text: str | None = "a sentence") -> Reason:
    return Reason(next(g for g in GROUPS if g.name == group), adds, -adds, text)


def published(*reasons: Reason) -> dict[str, str | None]:
    """The columns of account A1 where it is listed with these reasons; A2 is not listed."""
    columns = {"account_id": pa.array(["A2", "A1"])}
    empty = {name: pa.nulls(2, pa.string()) for name in REASON_COLUMNS}
    scores = pa.table({**columns, **empty})
    rows = with_reasons(scores, {"A1": reasons}, load_playbook(None)).to_pylist()
    assert {rows[0][name] for name in REASON_COLUMNS} == {None}
    return {name: value for name, value in rows[1].items() if name != "account_id"}


def test_at_most_three_reasons_are_published_with_their_families() -> None:
    row = published(
        reason("silence", 0.9, "first"),
        reason("one_contact", 0.5, None),
        reason("complaints", 0.4, "second"),
        reason("rep_left", 0.3, "third"),
        reason("returns", 0.2, "fourth"),
    )
    assert [row[f"reason_{n}"] for n in (1, 2, 3)] == ["first", "second", "third"]
    assert [row[f"reason_family_{n}"] for n in (1, 2, 3)] == [
        "order_history",
        "complaint_latency",
        "contact_breadth",
    ]


def test_the_strongest_reason_decides_what_to_do() -> None:
    row = published(reason("rep_left", 0.9), reason("silence", 0.4))
    assert (row["controllable"], row["play"]) == ("yes", "Introduce the successor in person")
    assert row["play_owner"] == load_playbook(None).plays[row["play"]].owner == "management"
    row = published(reason("rep_left", 0.9, None), reason("silence", 0.4))
    assert (row["controllable"], row["play"]) == ("unclear", "Ask what has changed")


def test_an_account_that_nothing_raises_has_no_reason_and_no_play() -> None:
    row = published(reason("silence", -0.9), reason("returns", 0.01))
    assert {*row.values()} == {None}
