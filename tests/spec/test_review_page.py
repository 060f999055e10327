"""review.html drawn: what a reviewer reads for given figures, and what hostile names cannot do."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from html import unescape

import numpy as np
import pytest
from drawn_keep_list import FIRST, SECOND, drawn_keep_list

from models.bootstrap import Interval
from models.out_of_time import OutOfTime, Split
from models.profit import CallTerms
from pipeline.review.checklist import Item
from pipeline.review.comparison import Comparison
from pipeline.review.differences import Difference
from pipeline.review.key_accounts import Bands, Moved
from pipeline.review.page import About, review_page
from pipeline.review.slices import Slice
from pipeline.training.evaluation import Facts, evaluate
from pipeline.training.keep_list_measures import evaluate_keep_list

DAY = date(2025, 9, 1)
HOSTILE = "</style><script>hacked=1</script>\"'&{{7*7}}"
NAN = float("nan")


def comparison(champion: bool = True, slices: tuple[Slice, ...] = ()) -> Comparison:
    """Sixty accounts, ranked best by the challenger and worst by the logistic."""
    random = np.random.default_rng(5)
    hidden = random.normal(size=60)
    label = (hidden + 0.5 * random.normal(size=60) > 0.6).astype(np.int8)
    scores = {
        "logistic": 1 / (1 + np.exp(-random.normal(size=60))),
        **(
            {"champion": 1 / (1 + np.exp(-hidden - 2 * random.normal(size=60)))} if champion else {}
        ),
    }
    risk = 1 / (1 + np.exp(1 - 2 * hidden))
    rows = OutOfTime(
        account=np.array([f"A{n}" for n in range(60)], dtype=object),
        as_of=np.full(60, np.datetime64(DAY, "D")),
        label_complete=np.full(60, np.datetime64(DAY + timedelta(days=90), "D")),
        label=label,
        raw=risk,
        risk=risk,
        ways={},
        learners=(risk,),
        baselines=scores,
        treated=np.zeros(60, dtype=bool),
        weight=np.ones(60),
        stands_for=np.ones(60),
        splits=(Split(DAY, DAY, True, 60, 10, (), DAY, 0, None, ""),),
    )
    facts = Facts(
        value=np.ones(60),
        days_silent=np.ones(60),
        usual_gap=np.ones(60),
        followed=np.ones(60, dtype=bool),
        group=np.full(60, "A", dtype=object),
    )
    found = evaluate(rows, facts, [DAY], 10, CallTerms(0.3, 1.0, 0.0, 1.0), repetitions=100)
    return Comparison(rows, found, slices)


def about(**changes: object) -> About:
    given = {
        "name": "drawn",
        "model": "drawn",
        "version": 4,
        "champion": 3,
        "in_use": False,
        "not_compared": "",
        "defection": "no order within 90 days",
        "learned_until": DAY,
        "code_version": "1.0",
        "run_id": "r" * 32,
        "on": DAY,
    }
    return About(**{**given, **changes})  # type: ignore[arg-type]


def page(
    of: About | None = None,
    objections: tuple[str, ...] = (),
    found: Comparison | None = None,
    bands: Bands | None = None,
    names: dict[str, str] | None = None,
    differences: tuple[Difference, ...] = (),
    items: tuple[Item, ...] = (),
) -> str:
    return review_page(
        of or about(), objections, found or comparison(), bands, names or {}, differences, items, []
    )


def text(html: str) -> str:
    """What can be read."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.partition("<body>")[2])).split())


def test_an_open_version_is_beside_its_champion() -> None:
    read = text(page())
    assert "Open: no rule of the gate speaks against it" in read
    assert "compared with the champion, version 3: what both recipes predict" in read
    assert "Measure Version 4 Champion, version 3 Difference In words" in read
    auc = re.search(r"higher risk of two accounts (\S+) \(.*?\) (\S+) \(.*?\) (\+\S+) \(", read)
    assert auc, read
    own, other, gain = map(float, auc.groups())
    assert own - other == pytest.approx(gain, abs=2e-4)
    assert "better" in read


def test_a_blocked_version_says_why_and_how_it_could_be_used() -> None:
    read = text(page(objections=("too old", "too loud")))
    assert "Blocked: the gate found 2 reasons too old too loud" in read
    assert "promote --version 4 --override" in read
    assert "Blocked: the gate found 1 reason" in text(page(objections=("too old",)))


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (about(champion=None), "No version is in use yet; it is compared with the logistic"),
        (
            about(not_compared="not comparable with the champion, version 3: other label."),
            "It is not comparable with the champion, version 3: other label. It is compared with",
        ),
        (about(champion=4, in_use=True), "This version is in use."),
    ],
)
def test_without_a_champion_to_compare_with_it_stands_beside_the_logistic(of, said) -> None:
    read = text(page(of, found=comparison(champion=False)))
    assert said in read
    assert "Logistic baseline" in read and "Champion, version" not in read.split("What differs")[0]


def test_slices_say_what_cannot_be_said() -> None:
    nothing = Interval(NAN, NAN, NAN)
    empty = Slice("segment", "tiny", 1, NAN, nothing, nothing, nothing)
    good = Interval(0.1, 0.05, 0.15)
    slices = (Slice("tier", "A", 60, 0.25, Interval(0.8, 0.7, 0.9), good, good), empty)
    read = text(page(found=comparison(slices=slices)))
    assert "tier: A 60 25.0% 0.800 (0.700 to 0.900) +0.100 (+0.050 to +0.150) better" in read
    assert "segment: tiny 1 cannot be said cannot be said" in read


def test_key_accounts_are_called_by_the_names_that_are_given() -> None:
    moved = Moved("A7", "Seven Ltd", "low", "high", 0.1, 0.6, (("silent", 0.25, -0.125),))
    bands = Bands(DAY, {("low", "low"): 50, ("low", "high"): 10}, 8, (moved,))
    html = page(bands=bands, names={"A7": "account 0123456789"})
    read = text(html)
    assert "1 of 8 key accounts change" in read
    assert "account 0123456789 low, 10.0% high, 60.0% silent: +0.25, now -0.12" in read
    assert "50 low stay, 10 from low to high." in read
    assert "Seven Ltd" not in html and "A7" not in read


def test_a_departure_version_shows_its_list_and_what_has_to_be_known() -> None:
    tests = [FIRST, SECOND]
    keep_list = evaluate_keep_list(drawn_keep_list(), tests, capacity=2, repetitions=20)
    html = review_page(
        about(),
        (),
        replace(comparison(), keep_list=keep_list),
        None,
        {},
        (),
        (),
        [],
        ["Too few departures."],
    )
    read = text(html)
    assert "Open: no rule of the gate speaks against it" in read
    assert "Too few departures." in read
    assert "Length of the list call score size Difference to size In words 2 calls" in read
    assert "2 calls 83.3% 66.7% +16.7 points" in read
    assert "The deciding measure each departure once, last 2 test snapshots" in read
    assert "Keep list: margin of departures caught" not in text(page())


def test_a_state_is_a_word_and_not_only_a_sign() -> None:
    items = (Item("Data", "Fresh?", "not met", "no"), Item("Data", "Whole?", "met", "yes"))
    read = text(page(items=items))
    assert "Data Fresh? ✗ not met no" in read and "Data Whole? ✓ met yes" in read


def test_fault_45_hostile_names_are_text() -> None:
    nothing = Interval(NAN, NAN, NAN)
    moved = Moved("A7", HOSTILE, "low", "high", 0.1, 0.6, ((HOSTILE, 0.25, -0.125),))
    html = page(
        about(name=HOSTILE, not_compared=HOSTILE),
        (HOSTILE,),
        comparison(False, (Slice("segment", HOSTILE, 1, NAN, nothing, nothing, nothing),)),
        Bands(DAY, {(HOSTILE, "low"): 1}, 1, (moved,)),
        {"A7": HOSTILE},
        (Difference(HOSTILE, HOSTILE, HOSTILE),),
        (Item(HOSTILE, HOSTILE, "met", HOSTILE),),
    )
    assert "<script" not in html and "</style><" not in html
    assert "{{7*7}}" in text(html)


def test_fault_67_a_name_from_right_to_left_turns_nothing_around_it() -> None:
    moved = Moved("A7", "A7", "low", "high", 0.1, 0.6, ())
    html = page(
        about(),
        (),
        comparison(False),
        Bands(DAY, {("low", "high"): 1}, 1, (moved,)),
        {"A7": "שלום"},
    )
    assert "<bdi>שלום</bdi>" in html


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    html = unescape(page())
    assert "default-src 'none'; script-src 'none'; style-src 'sha256-" in html
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", html)
    assert " style=" not in html and " onclick" not in html
