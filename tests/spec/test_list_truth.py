"""What `make bench-lists` says of a list where the truth is known; drawn and worked out by hand."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pandas as pd
import pytest
import seeds
from list_truth import by_chance, calibration, caught, listed, measure, outcomes, over_seeds

NAN = math.nan

# Six active accounts at a snapshot. Bo and Ed leave within 90 days, Cy on the 90th day, so too late
# to count; Di had left before. Ed placed its last order before the snapshot, Bo orders once more.
ROWS = pd.DataFrame(
    {
        "size": [600.0, 300.0, 200.0, 100.0, 50.0, 0.0],
        "left_in": [NAN, 40.0, 90.0, -10.0, 0.0, NAN],
        "leaves_90": [0.05, 0.5, 0.2, 0.0, 1.0, 0.1],
        "influenceable": [False, True, True, False, False, False],
        "last_order_in": [250.0, 0.0, 70.0, -30.0, -1.0, 200.0],
        "due": [0, 1, 0, 0, 1, 0],
        "lasting": [0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
        "next_year": [650.0, 60.0, 150.0, 0.0, 0.0, 5.0],
        "as_of": pd.Timestamp("2025-01-01"),
    },
    index=["ada", "bo", "cy", "di", "ed", "flo"],
)


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        #                     ada  bo   cy   di   ed  flo
        ("expected", (30, 150, 40, 0, 50, 0)),
        ("leavers", (0, 300, 0, 0, 50, 0)),
        ("influenceable", (0, 300, 0, 0, 0, 0)),
        ("before last order", (0, 300, 0, 0, 0, 0)),  # an order on the very day is yet to come
        ("after last order", (0, 0, 0, 0, 50, 0)),
        ("due", (0, 300, 0, 0, 50, 0)),
        ("lasting", (0, 300, 0, 0, 0, 0)),
        ("lost by leavers", (0, 240, 0, 0, 50, 0)),
        ("lost by all", (0, 240, 50, 100, 50, 0)),  # whoever grows has lost nothing
    ],
)
def test_outcomes_of_accounts(name: str, weight: tuple[float, ...]) -> None:
    assert outcomes(ROWS)[name] == pytest.approx(weight)


def test_a_ranking_may_have_a_part_of_the_list() -> None:
    score = np.array([6.0, 5, 4, 3, 2, 1])
    scores = {"whole": score, "half": score}
    found = pd.DataFrame(measure(ROWS, scores, shares=[2 / 3], parts={"half": 0.5}))
    gone = found[found["outcome"] == "gone"].set_index("ranking")["value"]
    assert gone.to_dict() == {"whole": 1 / 4, "half": 0}  # Di is the fourth


@pytest.mark.parametrize(
    ("accounts", "share", "most"), [(6, 0.03, 1), (50, 0.03, 2), (1_610, 0.03, 48), (100, 0.12, 12)]
)
def test_a_share_of_the_active_is_listed_and_at_least_one(
    accounts: int, share: float, most: int
) -> None:
    score = np.arange(accounts, dtype=np.float64)
    assert np.flatnonzero(listed(score, share)).tolist() == list(range(accounts - most, accounts))


def test_of_equal_scores_the_earlier_row_is_listed() -> None:
    assert listed(np.array([1.0, 2.0, 2.0, 2.0]), 0.5).tolist() == [False, True, True, False]


def test_nothing_to_catch_and_the_unknown_have_no_share() -> None:
    first = np.array([True, False])
    assert caught(np.array([30.0, 90.0]), first) == 0.25
    assert math.isnan(caught(np.zeros(2), first))
    assert math.isnan(caught(np.array([30.0, NAN]), first))


def test_what_rankings_catch_is_a_mean_over_the_tests_that_know_it() -> None:
    later = ROWS.assign(as_of=pd.Timestamp("2025-04-01"), next_year=NAN)
    later["left_in"] = [10.0, NAN, NAN, -100.0, NAN, NAN]  # now Ada leaves
    rows = pd.concat([ROWS, later])
    size = rows["size"].to_numpy()
    longest_gone = np.tile([0.0, 0.0, 0.0, 9.0, 0.0, 1.0], 2)  # Di, then Flo
    found = measure(rows, {"size": size, "gone": longest_gone}, shares=[1 / 3])

    def value(ranking: str, outcome: str) -> object:
        (one,) = (r for r in found if (r["ranking"], r["outcome"]) == (ranking, outcome))
        return pytest.approx(one["value"]), one["tests"]

    # Two accounts are listed at each test: by size Ada and Bo.
    assert value("size", "leavers") == ((300 / 350 + 600 / 600) / 2, 2)
    assert value("size", "expected") == (180 / 270, 2)
    assert value("size", "lost by all") == (240 / 440, 1)
    assert value("size", "influenceable") == (1.0, 1)  # Ada's cause is none
    assert value("size", "gone") == (0.0, 2)
    assert value("gone", "gone") == (0.5, 2)
    assert value("gone", "gone margin") == (1.0, 2)


def test_said_and_did_are_summed_over_tests_by_group() -> None:
    rows = pd.DataFrame(
        {
            "as_of": pd.to_datetime(["2025-01-01"] * 2 + ["2025-04-01"] * 2),
            "due": [1, 0, 1, 1],
            "tier": ["A", "B", "A", "B"],
        }
    )
    risk, score = np.array([0.5, 0.2, 0.3, 0.6]), np.array([9.0, 1.0, 9.0, 1.0])
    found = {one["group"]: one for one in calibration(rows, risk, score)}
    assert {group: (one["said"], one["did"], one["tests"]) for group, one in found.items()} == {
        "all": (pytest.approx(1.6), 3, 2),
        "top 3% by risk": (pytest.approx(1.1), 2, 2),
        "top 3% of the list": (pytest.approx(0.8), 2, 2),
        "tier A": (pytest.approx(0.8), 2, 2),
        "tier B": (pytest.approx(0.8), 1, 2),
    }


def test_chance_lets_said_and_did_be_some_way_apart() -> None:
    risk = np.full(100, 0.5)  # 50 are expected, and 2.58 x 5 more or fewer are chance
    assert by_chance(risk, np.arange(100) < 62)
    assert not by_chance(risk, np.arange(100) < 63)
    assert not by_chance(risk, np.arange(100) < 37)


def test_intervals_over_seeds_are_students() -> None:
    found = over_seeds([0.1, 0.2, NAN, 0.3])
    assert found == pytest.approx((0.2, 0.2 - 0.24841, 0.2 + 0.24841, 3), abs=1e-5)  # t = 4.3027
    alone = over_seeds([0.1])
    assert (alone.mean, alone.seeds) == (0.1, 1)
    assert math.isnan(alone.low)
    assert math.isnan(over_seeds([]).mean)


def test_a_commit_draws_the_same_seeds_above_99(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0" * 40
    monkeypatch.setattr(seeds, "_full_hash", lambda text: commit)
    drawn, by = seeds.seeds_of(" 12 from 0000000 ")
    assert (len(set(drawn)), by) == (12, commit)
    assert all(100 <= seed < 1_000_000 for seed in drawn)
    digest = int(hashlib.sha256(f"{commit} 1".encode()).hexdigest(), 16)
    assert drawn[0] == 100 + digest % 999_900
    assert drawn[:4] == seeds.drawn_seeds(4, commit)


def test_a_seed_drawn_twice_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "SEEDS", 103)  # 100, 101, 102
    assert sorted(seeds.drawn_seeds(3, "0" * 40)) == [100, 101, 102]


@pytest.mark.parametrize("text", ["1,2, 99", "1 2 99"])
def test_seeds_to_develop_with_are_named(text: str) -> None:
    assert seeds.seeds_of(text) == ([1, 2, 99], None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "1,100",
            "names 100; seeds to develop with are 1 to 99. Draw reported seeds from a commit",
        ),
        ("0", "names 0"),
        ("7,7", "names a seed twice"),
        ("-1", "Give numbers"),
        ("12 from", "Give numbers"),
        ("0 from 0000000", "0 seeds. Give 1 to 1000"),
    ],
)
def test_other_seeds_are_refused(text: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "_full_hash", lambda text: "0" * 40)
    with pytest.raises(SystemExit, match=says):
        seeds.seeds_of(text)
