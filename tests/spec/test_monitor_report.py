"""The report as text and as a page, whatever can and cannot be said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.monitoring.lines import lines
from pipeline.monitoring.page import write_page

NOTHING = {"value": None, "low": None, "high": None}
SOME = {"value": 0.8, "low": 0.75, "high": 0.85}


def feature(name: str, **known: Any) -> dict[str, Any]:
    return {
        "name": name,
        "family": "order_history",
        "reads": ["orders"],
        "psi": 0.02,
        "psi_training": 0.05,
        "psi_season": None,
        "mean_rank": 0.5,
        "usual_mean_rank": 0.5,
        "null_share": 0.1,
        "usual_null_share": 0.1,
        "distance": 1.0,
        "seasonal": False,
        "moved": "higher",
        "alarm": False,
    } | known


def past(**known: Any) -> dict[str, Any]:
    return {
        "as_of": "2025-01-06",
        "model_version": 3,
        "accounts": 100,
        "treated": 0,
        "base_rate": 0.2,
        "mean_risk": 0.25,
        "calibration_error": 0.05,
        "calibration_limit": 0.08,
        "within_chance": True,
        "auc": SOME,
        "average_precision": SOME,
        "precision_at_capacity": SOME,
        "list": {
            "untreated": {"due": 4, "slip": 1, "neither": 35},
            "treated": {"neither": 10},
            "margin_caught": 0.41,
            "margin_caught_by_value": 0.38,
        },
    } | known


def early(**known: Any) -> dict[str, Any]:
    return {
        "as_of": "2025-05-05",
        "model_version": 3,
        "days": 13,
        "accounts": 100,
        "treated": 2,
        "expected": 0.4,
        "low": 0.3,
        "high": 0.5,
        "observed": 0.45,
        "within_chance": True,
    } | known


def report(**parts: Any) -> dict[str, Any]:
    drift = {
        "judged": True,
        "why_not": None,
        "false_alarm_rate": 0.01,
        "limit": 7.2,
        "accounts": 100,
        "training_first": "2023-01-01",
        "training_last": "2024-12-01",
        "training_snapshots": 24,
        "training_accounts": 98,
        "features": [feature("orders_count_30d"), feature("spend_30d", distance=2.5)],
        "alarms": [],
        "look_at": [],
    }
    measures = ("base_rate", "auc", "average_precision", "precision_at_capacity")
    return {
        "config": "drawn",
        "as_of": "2025-06-01",
        "model_version": 3,
        "defection": "no order within 90 days",
        "call_capacity": 50,
        "publication": None,
        "drift": drift | parts.get("drift", {}),
        "expected": {"assumption": "Holds if.", "accounts": 100} | dict.fromkeys(measures, SOME),
        "early": {"why_not": "Too young.", "assumption": "Holds if.", "publications": []}
        | parts.get("early", {}),
        "ripens": {"as_of": "2025-05-05", "dates": {"departures": "2025-12-30"}},
        "realised": parts.get("realised", []),
        "plays": {"why_not": "No outcomes.", "plays": [], "coins": []} | parts.get("plays", {}),
    }


def told(found: dict[str, Any], tmp_path: Path) -> tuple[str, str]:
    json.dumps(found, allow_nan=False)
    write_page(tmp_path / "monitor.html", found)
    return "\n".join(lines(found)), (tmp_path / "monitor.html").read_text()


def test_no_alarm_and_nothing_else_to_say(tmp_path) -> None:
    text, page = told(report(), tmp_path)
    assert "0 alarms; the furthest is spend_30d, 2.5 spreads" in text
    assert "No earlier list has a complete label yet." in text and "Too young." in text
    assert '<h2 id="verdict">No alarm</h2>' in page
    assert page.index("spend_30d") < page.index("orders_count_30d")


def test_an_alarm_says_in_words_which_feature_and_where_to_look(tmp_path) -> None:
    moved = feature("spend_30d", distance=9.1, alarm=True, moved="lower: far")
    drift = {"features": [moved], "alarms": ["spend_30d"], "look_at": ["Look at orders."]}
    text, page = told(report(drift=drift), tmp_path)
    assert "1 alarm; the furthest is spend_30d, 9.1 spreads" in text
    assert "Alarm: 1 feature drifted" in page and "Look at orders." in page
    assert '<span class="badge">alarm</span>' in page  # not by its colour alone


def test_a_training_too_short_to_judge_is_said(tmp_path) -> None:
    unknown = feature("spend_30d", distance=None)
    drift = {"judged": False, "why_not": "Too short.", "limit": None, "features": [unknown]}
    text, page = told(report(drift=drift), tmp_path)
    assert "Too short." in text and "Inputs are not judged" in page


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "20.0% defected, mean risk 25.0%; AUC 0.8000; calibration error 0.050, within chance"),
        ({"within_chance": False}, "BEYOND CHANCE (0.080)"),
        ({"auc": NOTHING}, "2025-01-06: all of 100 accounts ended alike"),
        (
            {"accounts": 0, "auc": NOTHING, "base_rate": None, "calibration_error": None},
            "2025-01-06: all of its accounts were acted on",
        ),
    ],
)
def test_what_came_of_a_list(tmp_path, known, said) -> None:
    text, page = told(report(realised=[past(**known)]), tmp_path)
    assert said in text
    assert ("beyond chance" in page) == (known == {"within_chance": False})


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "after 13 days 45.0% have ordered, expected 40.0% (30.0% to 50.0%), within chance"),
        ({"within_chance": False}, "BEYOND CHANCE"),
        (dict.fromkeys(("expected", "low", "high", "observed")), "its accounts were acted on"),
    ],
)
def test_an_early_read(tmp_path, known, said) -> None:
    text, _ = told(report(early={"why_not": None, "publications": [early(**known)]}), tmp_path)
    assert said in text


def test_what_is_written_by_hand_is_text_on_the_page(tmp_path) -> None:
    share = {"accounts": 10, "defected": 1}
    play = {
        "play": "<script>call</script>",
        "listed": 30,
        "acted": 20,
        "results": {"<b>reached</b>": 20},
        "acted_ripe": share,
        "not_acted_ripe": share,
    }
    coin = {"coin": "held_out", "tiers": ["B", "C"], "key_accounts": False}
    coin |= {"apart": share, "called": share, "difference": 0.0, "low": -0.3, "high": 0.3}
    text, page = told(report(plays={"why_not": None, "plays": [play], "coins": [coin]}), tmp_path)
    assert "30 named by 1 play, 20 acted on" in text and "+0.0% (-30.0% to +30.0%)" in text
    assert "<script>" not in page and "<b>" not in page


def test_what_became_of_the_listed_and_when_the_rest_is_known(tmp_path) -> None:
    text, page = told(report(realised=[past()]), tmp_path)
    said = (
        "Listed and left alone: 4 stopped ordering, 1 had stopped before, 35 still order; acted "
        "on: 10 still order. The list held 41.0% of the margin that left; as many accounts sorted "
        "by value 38.0%."
    )
    assert said in text and said in page
    known = "what comes of the list of 2025-05-05 is known from: departures 2025-12-30"
    assert known in text and "departures 2025-12-30." in page
