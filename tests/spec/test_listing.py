"""Who is listed, and why others are not."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from feature_tables import load
from worlds import arrow, complete

from features.contract import OUTCOMES
from pipeline.config.form import ScoringConfig
from pipeline.monitoring.coin import coins
from pipeline.scoring.cooldown import LAST_ACTION, last_action, lists_acted_on, resting
from pipeline.scoring.earlier import EarlierLists, Named, earlier_lists
from pipeline.scoring.listing import listed_rows, with_list_status
from pipeline.scoring.publication import publish
from pipeline.scoring.score_table import SCHEMA
from pipeline.tables.values_table import make_values_table

D = date(2025, 3, 1)


def ranked(owners: list[str | None], **columns: list) -> pa.Table:
    """Accounts A0, A1, ... in the order of the ranking, of tier B unless it is said."""
    rows = {
        "account_id": [f"A{number}" for number in range(len(owners))],
        "owner_id": owners,
        "tier": ["B"] * len(owners),
        "key_account": [False] * len(owners),
        "call_value": [1000.0] * len(owners),
    } | columns
    empty = {name: [None] * len(owners) for name in SCHEMA.names}
    return pa.table(empty | rows, schema=SCHEMA)


def status(scores: pa.Table, resting: set[str] | None = None, **choices) -> list[str]:
    made = with_list_status(scores, ScoringConfig(**choices), D, resting or set())
    decided = ["list", "rank_in_list", "list_status"]
    assert made.drop_columns(decided) == scores.drop_columns(decided)
    pairs = zip(made["account_id"].to_pylist(), made["list_status"].to_pylist(), strict=True)
    on_list = [account for account, found in pairs if found == "listed"]
    assert listed_rows(made)["account_id"].to_pylist() == on_list
    return [found.replace("beyond_capacity", "beyond") for found in made["list_status"].to_pylist()]


def test_without_owners_the_list_is_one_pool() -> None:
    assert status(ranked([None] * 4), call_capacity=3) == ["listed"] * 3 + ["beyond"]
    assert status(ranked([None] * 4), call_capacity=3, capacity_per_owner=1)[2] == "listed"


def test_owners_have_an_even_part_of_the_capacity() -> None:
    owners = ["ann", "ann", "ann", "bob", "ann", "bob", "cem"]
    found = status(ranked(owners), call_capacity=6)
    assert found == ["listed", "listed", "beyond", "listed", "beyond", "listed", "listed"]
    # and no more than all together can call, though 7 / 3 is rounded up
    assert status(ranked([*owners[:3], *["bob"] * 3, *["cem"] * 3]), call_capacity=7) == [
        *["listed"] * 3,
        *["listed"] * 3,
        *["listed", "beyond", "beyond"],
    ]


def test_accounts_without_an_owner_are_one_more_owners() -> None:
    owners = [None, "ann", None, "ann", None]
    choices = {"call_capacity": 200, "capacity_per_owner": 2}
    assert status(ranked(owners), **choices) == ["listed"] * 4 + ["beyond"]


def test_customers_of_single_projects_are_on_neither_list() -> None:
    """They make room for others, on the keep list and among the departed."""
    crossed = [None, None, None, datetime(2025, 2, 1), datetime(2025, 2, 2)]
    scores = ranked([None] * 5, crossed_on=crossed)
    made = with_list_status(scores, ScoringConfig(call_capacity=5), D, set(), one_off={"A0", "A3"})
    assert made["list_status"].to_pylist() == ["one_off", "listed", "listed", "one_off", "listed"]
    assert made["list"].to_pylist() == ["none", "keep", "keep", "none", "win_back"]
    assert made["rank_in_list"].to_pylist() == [None, 1, 2, None, 1]


def test_who_rests_or_is_not_worth_a_call_makes_room() -> None:
    scores = ranked([None] * 5, call_value=[20.0, 15.0, *[1000.0] * 3])
    assert status(scores, {"A0"}, call_capacity=2) == [
        "resting",
        "without_profit",
        "listed",
        "listed",
        "beyond",
    ]


# A list: k for an active account, w for a departed one; `k+` and `w+` are called.
TWO_LISTS = """
capacity | accounts      | called
10       | kkkkkkkkkkkkw | k+ k+ k+ k+ k+ k+ k+ k+ k+ k k k w+
10       | kkkkkkkkkkkk  | k+ k+ k+ k+ k+ k+ k+ k+ k+ k+ k k
10       | kkkwwwww      | k+ k+ k+ w+ w+ w+ w+ w+
5        | kkkkkwww      | k+ k+ k+ k+ k w+ w w
4        | kkkkkwww      | k+ k+ k+ k+ k w w w
4        | kww           | k+ w+ w+
"""


def test_active_accounts_have_nine_tenths_and_what_a_list_cannot_fill_goes_to_the_other() -> None:
    for capacity, accounts, called in table_of(TWO_LISTS):
        departed = [D if account == "w" else None for account in accounts]
        scores = ranked([None] * len(accounts), crossed_on=departed)
        made = with_list_status(scores, ScoringConfig(call_capacity=int(capacity)), D, set())
        found = [
            account + ("+" if status == "listed" else "")
            for account, status in zip(accounts, made["list_status"].to_pylist(), strict=True)
        ]
        assert " ".join(found) == called
        for letter, name in (("k", "keep"), ("w", "win_back")):
            places = made.filter(pa.array([a == letter for a in accounts]))
            listed = listed_rows(places)
            assert set(listed["list"].to_pylist()) <= {name}
            assert listed["rank_in_list"].to_pylist() == list(range(1, listed.num_rows + 1))


def table_of(drawn: str) -> list[list[str]]:
    """The rows of a drawn table, without its heading."""
    rows = [line.split("|") for line in drawn.strip().splitlines()[1:]]
    return [[cell.strip() for cell in row] for row in rows]


MANY = 4000


def test_a_share_is_held_out_by_the_same_coin_every_time() -> None:
    scores = ranked([None] * MANY)
    choices = {"call_capacity": 1000, "hold_out": {"share": 0.2}}
    first = status(scores, **choices)
    assert first == status(scores, **choices)
    assert first.count("listed") == 1000  # held-out accounts take no capacity
    # Among those reached, a fifth: 1000 / 0.8 are reached; within four standard deviations.
    assert first.count("held_out") == pytest.approx(250, abs=4 * np.sqrt(1250 * 0.2 * 0.8) / 0.8)
    # Nobody's coin depends on who else there is.
    half = dict(zip(scores["account_id"].to_pylist(), first, strict=True))
    fewer = scores.filter(pa.array([number % 2 == 0 for number in range(MANY)]))
    again = dict(zip(fewer["account_id"].to_pylist(), status(fewer, **choices), strict=True))
    both = [account for account in again if "beyond" not in (again[account], half[account])]
    assert both and all(again[account] == half[account] for account in both)

    # Whoever is held out stays so for the calendar year, and no longer.
    def on(*day: int) -> list[str]:
        told = with_list_status(scores, ScoringConfig(**choices), date(*day), set())
        return [str(one) for one in told["list_status"].to_pylist()]

    assert on(2025, 1, 1) == on(2025, 3, 1) == on(2025, 12, 31) != on(2026, 1, 1)


def test_nobody_is_held_out_unless_it_is_asked_and_never_the_important_ones() -> None:
    assert "held_out" not in status(ranked([None] * MANY), call_capacity=MANY)
    important = ranked(
        [None] * MANY, tier=["A", "B"] * (MANY // 2), key_account=[False, True] * (MANY // 2)
    )
    every = {"call_capacity": MANY}
    assert set(status(important, **every, hold_out={"share": 1.0})) == {"listed"}
    asked = status(important, **every, hold_out={"share": 1.0, "tier_a": True})
    assert asked == ["held_out", "listed"] * (MANY // 2)
    asked = status(important, **every, hold_out={"share": 1.0, "key_accounts": True})
    assert asked == ["listed", "held_out"] * (MANY // 2)


def test_a_delayed_call_of_tier_a_comes_with_the_next_list() -> None:
    scores = ranked([None] * MANY, tier=["A", "B"] * (MANY // 2))
    choices = ScoringConfig(call_capacity=MANY, hold_out={"share": 0.3, "tier_a": "delay"})
    first = with_list_status(scores, choices, D, set())
    assert count(first, "A", "delayed") == pytest.approx(0.3 * MANY / 2, abs=100)
    assert count(first, "A", "held_out") == count(first, "B", "delayed") == 0
    assert count(first, "B", "held_out") > 0
    named = {*first.filter(pc.equal(first["list_status"], "delayed"))["account_id"].to_pylist()}
    named |= {*listed_rows(first)["account_id"].to_pylist()}
    after = with_list_status(
        scores, choices, date(2025, 4, 1), set(), earlier=EarlierLists(named=frozenset(named))
    )
    assert count(after, "A", "listed") == MANY // 2
    assert count(after, "B", "held_out") == count(first, "B", "held_out")


def count(scores: pa.Table, tier: str, status: str) -> int:
    both = pc.and_(pc.equal(scores["tier"], tier), pc.equal(scores["list_status"], status))
    return scores.filter(both).num_rows


def test_the_estimate_of_a_delay_covers_the_truth_over_200_redraws_of_the_coin() -> None:
    """Each account has its outcome if called now, and if called later; a year throws new coins."""
    accounts, random = 120, np.random.default_rng(0)
    now = random.random(accounts) < 0.3
    later = now | (random.random(accounts) < 0.1)
    truth = later.mean() - now.mean()
    scores = ranked([None] * accounts, tier=["A"] * accounts)
    choices = ScoringConfig(call_capacity=accounts, hold_out={"share": 0.5, "tier_a": "delay"})
    covered = []
    for year in range(2000, 2200):
        told = with_list_status(scores, choices, date(year, 3, 1), set())
        named = told.select(["account_id", "list_status", "tier", "key_account"]).to_pandas()
        named["as_of"] = pd.Timestamp(f"{year}-03-01")
        delayed = (named["list_status"] == "delayed").to_numpy()
        (coin,) = coins(choices.hold_out, named.assign(defected=np.where(delayed, later, now)))
        covered.append(coin["low"] <= truth <= coin["high"])
    assert 0.92 <= np.mean(covered) <= 0.98


# --- every night -----------------------------------------------------------------------------


def test_a_months_capacity_is_spread_over_its_days_and_names_an_account_once() -> None:
    scores = ranked([None] * 40, crossed_on=[None] * 30 + [date(2025, 1, 1)] * 10)
    choices = ScoringConfig(call_capacity=30, capacity_per="month")

    def listed(day: date, earlier: EarlierLists) -> list[str]:
        made = with_list_status(scores, choices, day, set(), earlier=earlier)
        return [*listed_rows(made)["account_id"].to_pylist()]

    nothing = EarlierLists()
    assert listed(date(2025, 4, 1), nothing) == ["A0"]
    assert listed(date(2025, 4, 10), nothing) == [*(f"A{n}" for n in range(9)), "A30"]
    assert len(listed(date(2025, 4, 30), nothing)) == 30
    # A0 to A4 and A30 were named in the month, A5 at the end of the last one: by the tenth there
    # are four more calls.
    of_month = {f"A{n}": Named("keep", None) for n in range(5)} | {"A30": Named("win_back", None)}
    earlier = EarlierLists(date(2025, 4, 9), of_month=of_month, lately=frozenset(["A5"]))
    made = with_list_status(scores, choices, date(2025, 4, 10), set(), earlier=earlier)
    assert listed_rows(made)["account_id"].to_pylist() == ["A6", "A7", "A8", "A9"]
    assert made["list_status"].to_pylist()[:6] == ["listed_lately"] * 6


@pytest.mark.long
def test_sixty_nights_keep_the_capacity_of_each_month(tmp_path: Path) -> None:
    """Drawn accounts whose ranking changes every night, and whose patience ends on some night."""
    random, accounts, capacity = np.random.default_rng(3), 300, 60
    choices = ScoringConfig(call_capacity=capacity, capacity_per="month")
    nights = [date(2025, 1, 15) + timedelta(days=n) for n in range(60)]
    crossing = [nights[0] + timedelta(days=int(n)) for n in random.integers(-20, 300, accounts)]
    key = random.random(accounts) < 0.1
    named: dict[str, list[tuple[date, str]]] = {}
    for night in nights:
        order = random.permutation(accounts)
        order = np.concatenate(
            [[n for n in order if crossing[n] > night], [n for n in order if crossing[n] <= night]]
        ).astype(int)
        scores = ranked(
            [None] * accounts,
            account_id=[f"A{n}" for n in order],
            key_account=[bool(key[n]) for n in order],
            crossed_on=[crossing[n] if crossing[n] <= night else None for n in order],
        )
        earlier = earlier_lists(tmp_path, night, {}, choices)
        made = with_list_status(scores, choices, night, set(), earlier=earlier)

        def write(folder: Path, night: date = night, made: pa.Table = made) -> dict[str, object]:
            pq.write_table(made, folder / "scores.parquet")
            return {"as_of": str(night), "meaning_of_risk": {}}

        publish(tmp_path, night, 1, {"night": str(night)}, write)
        for row in listed_rows(made).select(["account_id", "list"]).to_pylist():
            named.setdefault(row["account_id"], []).append((night, row["list"]))

    calls = [(night, account) for account, lists in named.items() for night, _ in lists]
    for month in (1, 2, 3):
        of_month = [account for night, account in calls if night.month == month]
        assert len(of_month) == len(set(of_month)) <= capacity
        assert len(of_month) > 0.4 * capacity
    departed = [n for n in range(accounts) if key[n] and nights[0] < crossing[n] <= nights[-1]]
    assert len(departed) > 3
    for n in departed:
        assert (crossing[n], "win_back") in named[f"A{n}"]
    others = [lists for account, lists in named.items() if not key[int(account[1:])]]
    assert all(
        (b - a).days >= 30 or a.month != b.month
        for lists in others
        for (a, _), (b, _) in itertools.pairwise(lists)
    )


# --- rest ------------------------------------------------------------------------------------


def action(account: str, done: str, known: str | None = None) -> dict[str, object]:
    on = datetime.fromisoformat(done)
    given = {
        "account_id": account,
        "action": "call",
        "date": on,
        "known_at": datetime.fromisoformat(known) if known else on,
        "deleted": False,
    }
    return dict.fromkeys(OUTCOMES.stored()) | given


def list_of(root: Path, as_of: date, risks: dict[str, float]) -> None:
    """A publication of accounts with their risks."""

    def write(folder: Path) -> dict[str, object]:
        columns = {"account_id": list(risks), "risk": list(risks.values())}
        pq.write_table(pa.table(columns), folder / "scores.parquet")
        return {}

    publish(root, as_of, 1, {"as_of": str(as_of)}, write)


def rest(engine, root: Path, actions, risks: dict[str, float], days: int = 30) -> set[str]:
    """Who rests on 2025-03-01, of the accounts with these risks."""
    load(engine, complete({}))
    engine.register("outcomes", arrow("outcomes", actions))
    frame = pd.DataFrame({"account_id": list(risks)})
    if asked := last_action(engine, days):
        make_values_table(engine, "found", asked, [D])
        done = engine.frame("SELECT * FROM found").set_index("account_id")[LAST_ACTION]
        frame[LAST_ACTION] = frame["account_id"].map(done)
    lists = lists_acted_on(engine, root, D, days, {})
    engine.drop("outcomes", "found")
    return resting(frame, pd.Series(risks), lists, ScoringConfig())


def test_an_account_rests_after_an_action_for_the_cooldown(engine, tmp_path) -> None:
    actions = [
        action("A", "2025-02-28 16:00"),
        action("B", "2025-01-30"),  # thirty days before: rests a last day
        action("C", "2025-01-29 23:59:59"),
        action("D", "2025-02-20", known="2025-03-01"),  # nobody knew of it yet
        action("E", "2025-03-01"),
    ]
    risks = dict.fromkeys("ABCDEF", 0.3)
    assert rest(engine, tmp_path, actions, risks) == {"A", "B"}
    assert rest(engine, tmp_path, actions, risks, days=1) == {"A"}
    assert rest(engine, tmp_path, actions, risks, days=0) == set()


def test_it_is_listed_again_if_its_risk_has_risen_by_a_band_since(engine, tmp_path) -> None:
    """Bands are high from 0.25, medium from 0.1, low."""
    list_of(tmp_path, date(2025, 1, 1), dict.fromkeys("ABCD", 0.9))  # long before the action
    list_of(tmp_path, date(2025, 2, 10), {"A": 0.12, "B": 0.12, "C": 0.09})  # of the very day
    list_of(tmp_path, date(2025, 2, 20), dict.fromkeys("ABCD", 0.9))  # after it
    actions = [action(account, "2025-02-10 09:00") for account in "ABCD"]
    # A is high now, B still medium; C was low and is medium; D had not been scored
    now = {"A": 0.25, "B": 0.24, "C": 0.1, "D": 0.9}
    assert rest(engine, tmp_path, actions, now) == {"B", "D"}


def test_without_an_earlier_list_nobody_can_say_that_the_risk_has_risen(engine, tmp_path) -> None:
    assert rest(engine, tmp_path, [action("A", "2025-02-10")], {"A": 0.99}) == {"A"}


def test_without_outcomes_nobody_rests(engine) -> None:
    load(engine, complete({}))
    assert last_action(engine, 30) == {}
    assert lists_acted_on(engine, Path("nowhere"), D, 30, {}) == {}
    frame = pd.DataFrame({"account_id": ["A"]})
    assert resting(frame, pd.Series({"A": 0.9}), {}, ScoringConfig()) == set()
