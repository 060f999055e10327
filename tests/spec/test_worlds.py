"""Each world of the simulated market shows what it is for, and its truth keeps its word."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import UsageError
from pipeline.market import simulate, simulation, wear
from pipeline.market.files import TABLES
from pipeline.market.outlook import HORIZONS_DAYS, Outlook
from pipeline.market.wear import Kind
from pipeline.market.worlds import WORLDS

DAY = pd.Timedelta(days=1)
MONTHS = 30
START, END = (pd.Timestamp(day, tz="UTC") for day in ("2023-07-01", "2026-01-01"))
OUTSIDE = ["closure", "takeover", "own_production"]
ROOT = Path(__file__).parents[2]
Market = dict[str, pd.DataFrame]

# The rows of the source tables of 40 accounts, 6 months, seed 3, as text, from before there were
# other worlds. Not the bytes of the files: they would change with the version of PyArrow.
PINNED = {
    "orders": "ce3cbe4c8c689532",
    "touches": "a34c5e7e56de1555",
    "complaints": "ca32dfbeff66bad3",
    "accounts": "f996803f4a50ba91",
    "reps": "5df1aab32524e510",
}


@pytest.fixture(scope="module")
def market_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Market]:
    """The tables of a world, without its chances of silence and of leaving, which take long."""
    made: dict[tuple[str, str], Market] = {}

    def build(world: str, effect: str = "usual") -> Market:
        if (world, effect) not in made:
            folder = tmp_path_factory.mktemp("world")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Outlook, "silent", no_silence)
                patch.setattr(Outlook, "leaves", lambda _, __, rows, ___: np.zeros(len(rows)))
                simulate(folder, accounts=400, months=MONTHS, seed=7, world=world, effect=effect)
            made[world, effect] = tables_of(folder)
        return made[world, effect]

    return build


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """A standard market with the chances of leaving."""
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outlook, "silent", no_silence)
        simulate(folder, accounts=400, months=21, seed=8)
    return tables_of(folder)


def no_silence(_: Outlook, __: object, rows: np.ndarray, ___: object) -> np.ndarray:
    return np.zeros((len(rows), len(HORIZONS_DAYS)))


def tables_of(folder: Path) -> Market:
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    for name, columns in (("truth", ["month", "left_on"]), ("leaves_90", ["month"])):
        for column in columns:
            tables[name][column] = pd.to_datetime(tables[name][column], utc=True)
    tables["sales"] = tables["orders"][tables["orders"].quantity > 0].drop_duplicates("order_id")
    return tables


def test_the_standard_world_is_what_it_was(tmp_path: Path) -> None:
    simulate(tmp_path, accounts=40, months=6, seed=3)
    rows = {name: pd.read_parquet(tmp_path / f"{name}.parquet").to_csv() for name in PINNED}
    assert {n: hashlib.sha256(r.encode()).hexdigest()[:16] for n, r in rows.items()} == PINNED


@pytest.mark.long
def test_by_chance_leaving_has_nothing_to_do_with_what_is_recorded(
    market_of: Callable[..., Market],
) -> None:
    strongest = {
        world: max(map(abs, leavers_beside_others(market_of(world)).values()))
        for world in ("chance", "standard")
    }
    assert strongest["chance"] < 2.5
    assert strongest["standard"] > 4


@pytest.mark.long
def test_as_many_leave_by_chance_as_in_the_standard_world(market_of: Callable[..., Market]) -> None:
    assert leaving_a_year(market_of("chance")) == pytest.approx(
        leaving_a_year(market_of("standard")), rel=0.15
    )


@pytest.mark.long
def test_orders_decline_first_while_contacts_and_complaints_show_nothing(
    market_of: Callable[..., Market],
) -> None:
    market = market_of("decline-first")
    months = [kept_up(market, "sales", month * 30, month * 30 + 30) for month in range(4)]
    assert months == sorted(months)
    assert months[0] < 0.4
    assert 0.85 < kept_up(market, "touches", 0, 120) < 1.15
    assert kept_up(market, "complaints", 0, 150) < 1.2


@pytest.mark.long
def test_contacts_and_complaints_show_first_while_orders_stay_steady(
    market_of: Callable[..., Market],
) -> None:
    market = market_of("contacts-first")
    months = [kept_up(market, "sales", month * 30, month * 30 + 30) for month in range(4)]
    assert all(0.8 < month < 1.3 for month in months), months
    assert kept_up(market, "touches", 0, 120) < 0.5
    assert kept_up(market, "complaints", 60, 150) > 1.3
    assert kept_up(market, "overdue", 60, 150) > 2


@pytest.mark.long
def test_the_business_grows_by_half_in_a_year_and_then_shrinks(
    market_of: Callable[..., Market],
) -> None:
    arrivals = market_of("arrivals")
    assert 1.3 < year_on_year(arrivals, "2024-07-01") < 1.9  # 1.6 in large markets
    assert year_on_year(arrivals, "2025-10-01") < 0.95
    assert 0.9 < year_on_year(market_of("standard"), "2024-07-01") < 1.1
    opened = pd.to_datetime(arrivals["accounts"].opened_on, utc=True)
    assert opened.max() < START + 20.5 * 30.44 * DAY


@pytest.mark.long
def test_orders_are_rare(market_of: Callable[..., Market]) -> None:
    gaps = gaps_between_orders(market_of("rare")["sales"])
    assert 100 < gaps.groupby("account_id").days.median().median() < 140


@pytest.mark.long
def test_many_accounts_pause_each_year_at_about_the_same_dates(
    market_of: Callable[..., Market],
) -> None:
    def paused_alike(market: Market) -> float:
        """Share of the accounts with two pauses whose starts and ends are about a year apart."""
        gaps = gaps_between_orders(market["sales"]).query("days >= 100")
        following = gaps.groupby("account_id").shift(-1)
        apart = [(following[end] - gaps[end]).dt.days for end in ("begin", "end")]
        alike = np.all([(days - 365).abs() <= 45 for days in apart], axis=0)
        return float(gaps.account_id[alike].nunique() / market["sales"].account_id.nunique())

    assert paused_alike(market_of("seasonal")) > 0.12
    assert paused_alike(market_of("standard")) < 0.03


@pytest.mark.long
def test_more_effect_makes_more_accounts_leave(market_of: Callable[..., Market]) -> None:
    half, usual, double = (
        leaving_a_year(market_of("standard", effect)) for effect in ("half", "usual", "double")
    )
    assert half < 0.7 * usual
    assert usual < 0.7 * double


@pytest.mark.long
def test_the_chance_of_leaving_has_a_row_for_who_trades_and_no_other(told: Market) -> None:
    trading = told["truth"][told["truth"].trading]
    pd.testing.assert_frame_equal(
        told["leaves_90"][["account_id", "month"]],
        trading[["account_id", "month"]].reset_index(drop=True),
    )
    assert told["leaves_90"].leaves_90.between(0, 1).all()


@pytest.mark.long
def test_as_many_leave_as_the_truth_says(told: Market) -> None:
    left = told["truth"].drop_duplicates("account_id").set_index("account_id").left_on
    rows = told["leaves_90"]
    rows = rows[rows.month <= END - 90 * DAY]
    chance, soon = rows.leaves_90, rows.account_id.map(left) < rows.month + 90 * DAY
    tenth = pd.qcut(chance.rank(method="first"), 10, labels=False)
    for part in [rows.index, *(rows.index[tenth == number] for number in range(10))]:
        expected, variance = chance[part].sum(), (chance[part] * (1 - chance[part])).sum()
        # Three months in a row see the same leaving, so the draws are a third of the rows.
        assert abs(soon[part].sum() - expected) < 3 * np.sqrt(3 * variance) + 1
    assert chance[tenth == 9].mean() > 10 * chance[tenth == 0].mean()


@pytest.mark.long
def test_what_left_a_record_is_in_the_tables(told: Market) -> None:
    events = told["truth_events"]
    assert set(events.cause) == {kind.name.lower() for kind in Kind}
    recorded = events.dropna(subset="recorded_at")
    assert (recorded.recorded_at >= recorded.happened_at).all()
    unrecorded = {"unspoken_problem", "competing_offer", *OUTSIDE}
    assert not set(recorded.cause) & unrecorded

    complaints = told["complaints"].drop_duplicates("complaint_id")
    orders = (
        told["sales"]
        .drop(columns="known_at")
        .merge(told["orders"].groupby("order_id", as_index=False).known_at.min(), on="order_id")
    )
    stages = {
        "complaint": (complaints, "opened_at", "known_at"),
        "overdue_complaint": (complaints, "due_at", "known_at"),
        "reopened_complaint": (complaints, "reopened_at", "reopened_known_at"),
        "late_delivery": (orders, "promised_at", "known_at"),
    }
    for cause, (table, happened, known) in stages.items():
        shown = table[["account_id", happened, known]].set_axis(
            ["account_id", "happened_at", "known"], axis=1
        )
        some = recorded[recorded.cause == cause]
        both = some.merge(shown, on=["account_id", "happened_at"])
        assert len(both) == len(some) > 5, cause
        assert (both.recorded_at == both[["happened_at", "known"]].max(axis=1)).all(), cause
    unanswered = recorded[recorded.cause == "unanswered_complaint"]
    assert set(unanswered.account_id) <= set(complaints.account_id)

    reps = told["reps"].dropna(subset="left_on")
    gone = recorded[recorded.cause == "representative_left"]
    assert set(gone.recorded_at) <= set(reps.known_at)
    touched = set(zip(told["touches"].account_id, told["touches"].known_at, strict=True))
    contact = recorded[recorded.cause == "contact_left"]
    assert set(zip(contact.account_id, contact.recorded_at, strict=True)) <= touched


@pytest.mark.long
def test_outside_reasons_are_events_of_who_left_for_them(told: Market) -> None:
    left = told["truth"].drop_duplicates("account_id").dropna(subset="left_on")
    events = told["truth_events"]
    outside = events[events.cause.isin(OUTSIDE)]
    assert outside.wear.isna().all()
    assert (events.wear[~events.cause.isin(OUTSIDE)] > 0).all()
    assert dict(zip(outside.account_id, outside.cause, strict=True)) == dict(
        left[left.left_because.isin(OUTSIDE)][["account_id", "left_because"]].to_numpy()
    )
    last = events.groupby("account_id").happened_at.max()
    left_at = left.set_index("account_id").left_on
    assert (last.reindex(left_at.index).fillna(START) < left_at + DAY).all()


@pytest.mark.long
def test_by_chance_nothing_else_pushes(market_of: Callable[..., Market]) -> None:
    assert set(market_of("chance")["truth_events"].cause) == set(OUTSIDE)


@pytest.mark.long
def test_the_wear_of_the_events_is_what_the_bond_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: dict[str, float] = {}
    events = simulation.event_rows

    def look(customers, contacts, seats, seat_of, lives, *rest):  # type: ignore[no-untyped-def]
        lives.felt[:, -1] = 0  # nobody sees what the last week took
        bond = lives.bond
        healed = bond + wear.HEALING_A_WEEK * (customers.home[:, None] - bond)
        took = (healed[:, :-1] - bond[:, 1:]) * lives.trading(customers)[:, :-1]
        lost.update(zip(customers.ids, took.sum(axis=1).tolist(), strict=True))
        return events(customers, contacts, seats, seat_of, lives, *rest)

    monkeypatch.setattr(wear, "ORDINARY_NOISE", 0.0)
    monkeypatch.setattr(simulation, "event_rows", look)
    simulate(tmp_path, accounts=80, months=9, seed=5, effect="double")
    rows = pd.read_parquet(tmp_path / "truth_events.parquet")
    wears = rows.groupby("account_id").wear.sum().reindex(list(lost)).fillna(0)
    assert sum(lost.values()) > 10
    np.testing.assert_allclose(wears, list(lost.values()), atol=1e-9)


def test_the_readme_and_the_documents_name_the_worlds(tmp_path: Path) -> None:
    simulate(tmp_path, accounts=5, months=2, seed=1, world="rare", effect="half")
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "World `rare`, effect half: an account orders every" in readme
    for page in ("docs/simulated-market.md", "docs/decisions/0018-worlds-for-judging.md"):
        document = (ROOT / page).read_text(encoding="utf-8")
        assert all(f"| `{world}` |" in document for world in WORLDS), page
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert all(world in commands for world in WORLDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"world": "flat"}, "world is flat; choose one of standard, chance, decline-first,"),
        ({"effect": "2"}, "effect is 2; choose one of half, usual, double"),
    ],
)
def test_a_world_that_does_not_exist_is_refused(
    tmp_path: Path, arguments: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        simulate(tmp_path / "out", accounts=5, months=2, seed=1, **arguments)
    assert not (tmp_path / "out").exists()


def leaving_a_year(market: Market) -> float:
    """Accounts that leave, for each year that an account trades."""
    truth = market["truth"]
    return float(truth.dropna(subset="left_on").account_id.nunique() / (truth.trading.sum() / 12))


def leavers_beside_others(market: Market) -> dict[str, float]:
    """How accounts that leave within 30 days of a month differ from the others, in standard errors.

    By events of the 90 days before the month, less half of those of the 180 days before that.
    """
    truth = market["truth"]
    opened = market["accounts"].drop_duplicates("account_id").set_index("account_id").opened_on
    since = pd.to_datetime(truth.account_id.map(opened), utc=True).clip(lower=START)
    seen = truth.trading & (truth.month >= since + 270 * DAY) & (truth.month < END - 30 * DAY)
    rows = truth[seen]
    leaves = rows.left_on < rows.month + 30 * DAY
    found = {}
    for name in ("sales", "touches", "overdue"):
        both = rows[["account_id", "month"]].reset_index()
        both = both.merge(events_of(market, name), on="account_id")
        ago = (both.month - both.occurred_at) / DAY
        recent, before = (
            both[ago.between(*days)].groupby("index").size().reindex(rows.index).fillna(0)
            for days in ((0, 90), (90, 270))
        )
        change = recent - before / 2
        groups = [change[leaves], change[~leaves]]
        error = np.sqrt(sum(group.var() / len(group) for group in groups))
        found[name] = float((groups[0].mean() - groups[1].mean()) / error)
    return found


def kept_up(market: Market, name: str, begin: int, end: int) -> float:
    """Events a day so many days before leaving, over those 180 to 360 days before.

    Of who leaves because of the relationship and has traded for these 360 days. name: a table, or
    `overdue` for complaints that were not solved in time.
    """
    left = market["truth"].drop_duplicates("account_id").dropna(subset="left_on")
    left = left[~left.left_because.isin(OUTSIDE)].set_index("account_id").left_on
    opened = market["accounts"].drop_duplicates("account_id").set_index("account_id").opened_on
    since = pd.to_datetime(opened, utc=True).reindex(left.index).clip(lower=START)
    ago = events_of(market, name)
    ago = (ago.account_id.map(left[left - 360 * DAY >= since]) - ago.occurred_at) / DAY
    now, before = (ago.between(*days).sum() for days in ((begin, end), (180, 360)))
    assert before > 10
    return float(now / (end - begin) / (before / 180))


def events_of(market: Market, name: str) -> pd.DataFrame:
    """account_id, occurred_at."""
    if name not in ("complaints", "overdue"):
        return market[name][["account_id", "occurred_at"]]
    complaints = market["complaints"].drop_duplicates("complaint_id")
    if name == "overdue":
        complaints = complaints[~(complaints.resolved_at <= complaints.due_at)]
    return complaints[["account_id", "opened_at"]].set_axis(["account_id", "occurred_at"], axis=1)


def year_on_year(market: Market, begin: str) -> float:
    """Accounts that order in the three months from a day on, over those of the year before."""
    first, sales = pd.Timestamp(begin, tz="UTC"), market["sales"]
    now, before = (
        sales[sales.occurred_at.between(day, day + pd.DateOffset(months=3))].account_id.nunique()
        for day in (first, first - pd.DateOffset(years=1))
    )
    return float(now / before)


def gaps_between_orders(sales: pd.DataFrame) -> pd.DataFrame:
    """account_id, begin, end, days: of the times between two order days of an account."""
    days = sales.assign(end=sales.occurred_at.dt.floor("D"))[["account_id", "end"]]
    days = days.drop_duplicates().sort_values(["account_id", "end"])
    gaps = days.assign(begin=days.groupby("account_id").end.shift(1)).dropna()
    return gaps.assign(days=(gaps.end - gaps.begin).dt.days)
