"""The simulated market keeps the source contract and behaves as docs/simulated-market.md says."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from budget import shared_cost

from pipeline.errors import CannotWrite, UsageError
from pipeline.market import simulate
from pipeline.market.calendar import Calendar, months_before
from pipeline.market.files import FILES, TABLES, labels
from pipeline.market.outlook import HORIZONS_DAYS
from pipeline.market.wear import Cause, Kind

END = pd.Timestamp("2026-01-01", tz="UTC")
START = pd.Timestamp("2023-07-01", tz="UTC")
OUTSIDE = ["closure", "takeover", "own_production"]
DAY = pd.Timedelta(days=1)
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulated-market.md"


class Simulated(NamedTuple):
    folder: Path
    counts: dict[str, int]
    told: list[tuple[int, int]]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Two blocks of accounts, so simulated by two processes."""
    folder, told = tmp_path_factory.mktemp("market"), []
    with shared_cost():
        counts = simulate(
            folder, accounts=1500, months=30, seed=7, progress=lambda *step: told.append(step)
        )
    return Simulated(folder, counts, told)


@pytest.fixture(scope="module")
def folder(simulated: Simulated) -> Path:
    return simulated.folder


@pytest.fixture(scope="module")
def market(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}


@pytest.fixture(scope="module")
def sales(market: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return market["orders"][market["orders"].quantity > 0]


@pytest.fixture(scope="module")
def exits(market: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """account_id, opened_at, left_at, outside: of the accounts that left."""
    left = market["truth"].dropna(subset="left_on").drop_duplicates("account_id")
    opened = market["accounts"].drop_duplicates("account_id").set_index("account_id").opened_on
    return pd.DataFrame(
        {
            "account_id": left.account_id,
            "opened_at": pd.to_datetime(left.account_id.map(opened), utc=True),
            "left_at": pd.to_datetime(left.left_on, utc=True),
            "outside": left.left_because.isin(OUTSIDE),
        }
    )


def digest(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("other", 4), ("b", 3), ("c", 3)):
        simulate(tmp_path / name, accounts=60, months=6, seed=seed)
    first, other, again, once_more = (digest(tmp_path / name) for name in ("a", "other", "b", "c"))
    assert first == again == once_more
    for name in FILES:
        if name != "reps.parquet":  # few representatives, who may have stayed in both markets
            assert first[name] != other[name], name


def test_a_repeated_label_is_written_once() -> None:
    written = labels(["x", "y", "x"], np.array([0, 1, 2, -1]))
    assert written.dictionary.to_pylist() == ["x", "y"]
    assert written.to_pylist() == ["x", "y", "x", None]


def test_an_account_lives_the_same_life_in_a_larger_market(folder: Path, tmp_path: Path) -> None:
    simulate(tmp_path, accounts=50, months=30, seed=7)
    for name in TABLES.keys() - {"reps"}:
        small, large = (
            pd.read_parquet(market / f"{name}.parquet") for market in (tmp_path, folder)
        )
        large = large[large.account_id.isin(small.account_id.unique())]
        columns = list(small.columns)
        small, large = (
            t.astype(str).sort_values(columns, ignore_index=True) for t in (small, large)
        )
        assert len(small) > 0
        pd.testing.assert_frame_equal(small, large)


def test_rows_and_blocks_are_counted(simulated: Simulated) -> None:
    folder, counts, told = simulated
    on_disk = {name: pq.read_metadata(folder / f"{name}.parquet").num_rows for name in TABLES}
    assert counts == on_disk
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_the_readme_says_that_nothing_is_real(folder: Path) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# A simulated market\n\nNothing in this folder is real.")
    assert (
        "1,500 accounts, 30 months, seed 7; the history covers 2023-07-01 to 2025-12-31" in readme
    )


def test_columns_have_the_types_of_the_contract(folder: Path) -> None:
    orders = pq.read_schema(folder / "orders.parquet")
    assert (
        str(orders.field("amount").type) == str(orders.field("margin").type) == "decimal128(18, 2)"
    )
    for name in TABLES:
        for field in pq.read_schema(folder / f"{name}.parquet"):
            if field.name.endswith("_at"):
                assert str(field.type) == "timestamp[ms, tz=UTC]", field.name
            if field.name.endswith(("_id", "category", "name", "role")):
                assert str(field.type) == "string", field.name


def test_nothing_is_stamped_outside_the_history(market: dict[str, pd.DataFrame]) -> None:
    promises = {"promised_at", "due_at"}
    for name, rows in market.items():
        for column in rows.columns[rows.columns.str.endswith("_at")].difference(list(promises)):
            assert rows[column].dropna().max() < END, (name, column)
            assert (rows[column].dropna() == rows[column].dropna().dt.floor("s")).all()
    for name, column in (("orders", "occurred_at"), ("touches", "occurred_at")):
        assert market[name][column].min() >= START
        assert market[name][column].max() > END - 5 * DAY
    assert market["complaints"].opened_at.min() >= START
    assert pd.to_datetime(market["reps"].left_on, utc=True).max() < END


def test_three_percent_of_the_rows_are_known_days_later(market: dict[str, pd.DataFrame]) -> None:
    complaints = market["complaints"].drop_duplicates("complaint_id")
    for name, occurred, known in (
        ("orders", market["orders"].occurred_at, market["orders"].known_at),
        ("touches", market["touches"].occurred_at, market["touches"].known_at),
        ("complaints", complaints.opened_at, complaints.known_at),
    ):
        delay = known - occurred
        assert (delay >= 0 * DAY).all(), name
        assert (delay[delay > 0 * DAY] >= DAY).all(), name
        assert 0.02 < (delay > 0 * DAY).mean() < 0.04, name


def test_returns_are_negative_lines_of_goods_that_were_sold(
    market: dict[str, pd.DataFrame], sales: pd.DataFrame
) -> None:
    orders = market["orders"]
    assert not orders.duplicated(["order_id", "line_id"]).any()
    assert (np.sign(orders.quantity) == np.sign(orders.amount.astype(float))).all()
    assert (orders.currency == "EUR").all()
    returns = orders[orders.quantity < 0].copy()
    assert 0.02 < len(returns) / len(sales) < 0.04
    returns["order_id"] = returns.order_id.str.replace("-R", "-")
    both = returns.merge(sales, on=["account_id", "order_id", "line_id", "product_id"])
    assert len(both) > 0.9 * len(returns)  # some were sold before the history began
    assert (both.occurred_at_x > both.occurred_at_y).all()
    assert (-both.amount_x <= both.amount_y).all()
    assert (-both.quantity_x <= both.quantity_y).all()


def test_ids_are_consistent_between_tables(market: dict[str, pd.DataFrame]) -> None:
    accounts, touches = market["accounts"], market["touches"]
    assert accounts.account_id.nunique() == 1500
    assert accounts.name.nunique() == 1500
    assert not accounts.duplicated(["account_id", "known_at"]).any()
    for name in ("orders", "touches", "complaints", "truth"):
        assert set(market[name].account_id) <= set(accounts.account_id), name
    assert (touches.groupby("contact_id").account_id.nunique() == 1).all()
    assert (touches.groupby("contact_id").role.nunique() == 1).all()
    reps = set(market["reps"].rep_id)
    assert set(touches.rep_id) | set(accounts.owner_id) <= reps
    assert not market["reps"].duplicated(["rep_id", "known_at"]).any()


def test_who_has_left_is_met_no_more(market: dict[str, pd.DataFrame]) -> None:
    left = market["reps"].dropna(subset="left_on").set_index("rep_id")
    assert len(left) > 5
    left_at = pd.to_datetime(left.left_on, utc=True)
    assert (left.known_at >= left_at).all()
    touches = market["touches"]
    last = touches.groupby("rep_id").occurred_at.max().reindex(left_at.index).dropna()
    assert (last < left_at[last.index]).all()
    assert len(last) > 5


def test_accounts_begin_after_opening_and_order_no_more_after_leaving(
    market: dict[str, pd.DataFrame], sales: pd.DataFrame, exits: pd.DataFrame
) -> None:
    opened = pd.to_datetime(
        market["accounts"].drop_duplicates("account_id").set_index("account_id").opened_on, utc=True
    )
    assert 0.2 < (opened >= START).mean() < 0.5
    # A weekend's order is entered on the Friday before.
    assert (sales.occurred_at >= sales.account_id.map(opened) - 2 * DAY).all()
    last = sales.groupby("account_id").occurred_at.max()
    left_at = exits.set_index("account_id").left_at
    both = last.index.intersection(left_at.index)
    assert len(both) > 300
    assert (last[both] < left_at[both]).all()
    assert left_at.min() >= START


def test_stages_of_a_complaint_follow_one_another(market: dict[str, pd.DataFrame]) -> None:
    complaints = market["complaints"]
    first = complaints.drop_duplicates("complaint_id")
    again = complaints[complaints.duplicated("complaint_id")]
    assert (complaints.opened_at < complaints.due_at).all()
    for rows, stages in (
        (first, ["opened", "first_response", "resolved", "reopened"]),
        (again, ["opened", "first_response", "reopened", "resolved"]),
    ):
        for earlier, later in pairwise(stages):
            told = rows.dropna(subset=f"{later}_at")
            assert len(told) > 20
            assert (told[f"{earlier}_at"] <= told[f"{later}_at"]).all(), (earlier, later)
            assert (told[f"{later}_known_at"] >= told[f"{later}_at"]).all(), later
        assert (rows[f"{stages[-1]}_at"].isna() == rows[f"{stages[-1]}_known_at"].isna()).all()
    reopened = complaints.set_index("complaint_id").reopened_known_at.groupby(level=0).min()
    assert (again.known_at > again.complaint_id.map(reopened)).all()
    assert again.resolved_at.notna().all()
    assert 0.02 < first.resolved_at.isna().mean() < 0.12


def test_a_fifth_of_the_accounts_brings_four_fifths_of_the_margin(
    market: dict[str, pd.DataFrame],
) -> None:
    orders = market["orders"]
    margin = orders.margin.astype(float).groupby(orders.account_id).sum().sort_values()
    assert 0.7 < margin.tail(len(margin) // 5).sum() / margin.sum() < 0.9


@pytest.mark.parametrize("day", ["2024-04-01", "2024-10-01", "2025-04-01", "2025-10-01"])
def test_between_an_eighth_and_a_quarter_falls_silent(sales: pd.DataFrame, day: str) -> None:
    when = pd.Timestamp(day, tz="UTC")
    before = sales[(sales.occurred_at < when) & (sales.occurred_at >= when - 180 * DAY)]
    after = sales[(sales.occurred_at >= when) & (sales.occurred_at < when + 90 * DAY)]
    silent = 1 - np.isin(before.account_id.unique(), after.account_id.unique()).mean()
    assert 0.12 < silent < 0.25


def test_silent_accounts_come_back(sales: pd.DataFrame, exits: pd.DataFrame) -> None:
    staying = sales[~sales.account_id.isin(exits.account_id)].sort_values("occurred_at")
    longest = staying.groupby("account_id").occurred_at.diff().groupby(staying.account_id).max()
    assert (longest > 90 * DAY).mean() > 0.2


def test_a_fifth_of_the_exits_leaves_no_trace_beforehand(
    market: dict[str, pd.DataFrame], sales: pd.DataFrame, exits: pd.DataFrame
) -> None:
    assert exits.outside.mean() > 0.2
    truth = market["truth"][market["truth"].trading]
    bond_at_last = truth.drop_duplicates("account_id", keep="last").set_index("account_id").bond
    outside, worn = (exits[exits.outside == flag] for flag in (True, False))
    assert abs(bond_at_last.reindex(outside.account_id).mean() - truth.bond.mean()) < 0.1
    assert bond_at_last.reindex(worn.account_id).mean() < truth.bond.mean() - 0.4
    assert kept_up(sales, outside, weeks=(0, 13)) > 0.85
    assert kept_up(sales, worn, weeks=(0, 13)) < 0.6


def test_touches_fade_before_orders_do(
    market: dict[str, pd.DataFrame], sales: pd.DataFrame, exits: pd.DataFrame
) -> None:
    worn = exits[~exits.outside]
    touches, orders = (kept_up(t, worn, weeks=(8, 20)) for t in (market["touches"], sales))
    assert touches < orders - 0.1


def test_complaints_lie_longer_where_accounts_leave_because_of_them(
    market: dict[str, pd.DataFrame], exits: pd.DataFrame
) -> None:
    first = market["complaints"].drop_duplicates("complaint_id")
    first = first[first.opened_at < END - 60 * DAY]
    overdue = first.resolved_at.fillna(END) > first.due_at
    because = market["truth"].drop_duplicates("account_id").set_index("account_id").left_because
    left_so = first.account_id.map(because) == "complaints"
    stayed = ~first.account_id.isin(exits.account_id)
    assert overdue[left_so].mean() > overdue[stayed].mean() + 0.15


@pytest.mark.parametrize("days", HORIZONS_DAYS)
def test_what_is_likely_comes_true_as_often_as_it_says(
    market: dict[str, pd.DataFrame], sales: pd.DataFrame, days: int
) -> None:
    told = silence(market["truth"], sales, days)
    assert len(told) > 20_000
    # Neighbouring months share most of their days, so the draws are fewer than the rows.
    repeats = max(1.0, days / 30)
    for _, part in [("all", told), *told.groupby(pd.qcut(told.chance.rank(method="first"), 5))]:
        expected, variance = part.chance.sum(), (part.chance * (1 - part.chance)).sum()
        assert abs(part.came_true.sum() - expected) < 4 * np.sqrt(variance * repeats)


def test_longer_silence_is_never_likelier(market: dict[str, pd.DataFrame]) -> None:
    truth = market["truth"]
    told = truth.dropna(subset=["silent_30", "silent_90", "silent_180"])
    assert len(told) > 0.9 * len(truth)
    assert (told.silent_30 >= told.silent_90).all()
    assert (told.silent_90 >= told.silent_180).all()
    gone = truth[pd.to_datetime(truth.left_on) <= pd.to_datetime(truth.month)]
    assert len(gone) > 1000
    assert (gone[["silent_30", "silent_90", "silent_180"]] == 1).all(axis=None)


def test_nothing_is_said_before_the_first_order(
    market: dict[str, pd.DataFrame], sales: pd.DataFrame
) -> None:
    new = market["accounts"].drop_duplicates("account_id")
    new = new[pd.to_datetime(new.opened_on, utc=True) >= START + 30 * DAY]
    first = sales.groupby("account_id").occurred_at.min()
    truth = market["truth"][market["truth"].account_id.isin(new.account_id)]
    waiting = truth[
        truth.trading
        & (
            pd.to_datetime(truth.month, utc=True)
            < truth.account_id.map(first).fillna(END) - 3 * DAY
        )
    ]
    assert len(waiting) > 50
    assert waiting.silent_90.isna().all()


def silence(truth: pd.DataFrame, sales: pd.DataFrame, days: int) -> pd.DataFrame:
    """chance, came_true: of no order in so many days from the beginning of a month."""
    horizon = pd.Timedelta(days=days)
    told = truth.assign(at=pd.to_datetime(truth.month, utc=True).astype(sales.occurred_at.dtype))
    told = told[told.trading & told[f"silent_{days}"].notna() & (told["at"] + horizon <= END)]
    orders = sales[["account_id", "occurred_at"]].drop_duplicates().sort_values("occurred_at")
    told = pd.merge_asof(
        told.sort_values("at"), orders, left_on="at", right_on="occurred_at",
        by="account_id", direction="forward",
    )  # fmt: skip
    came_true = ~(told.occurred_at < told["at"] + horizon)
    return pd.DataFrame({"chance": told[f"silent_{days}"], "came_true": came_true})


def kept_up(rows: pd.DataFrame, exits: pd.DataFrame, weeks: tuple[int, int]) -> float:
    """Events a week that long before the exit over those 40 to 70 weeks before."""
    begin = exits.left_at - 70 * 7 * DAY
    long_seen = exits[(begin > START) & (begin > exits.opened_at)]
    events = rows.drop_duplicates(["account_id", "occurred_at"]).merge(long_seen, on="account_id")
    before = (events.left_at - events.occurred_at) / (7 * DAY)
    recent = before.between(*weeks).sum() / (weeks[1] - weeks[0])
    return float(recent / (before.between(40, 70).sum() / 30))


def test_months_are_calendar_months_whatever_the_day() -> None:
    assert months_before(date(2024, 3, 31), 1) == date(2024, 2, 29)
    assert months_before(date(2024, 1, 15), 13) == date(2022, 12, 15)
    calendar = Calendar.of(3, date(2025, 7, 31))
    assert calendar.months == (date(2025, 4, 30), date(2025, 5, 31), date(2025, 6, 30))


def test_a_history_may_end_on_any_day(tmp_path: Path) -> None:
    simulate(tmp_path, accounts=40, months=3, seed=5, end=date(2025, 3, 16))
    orders = pd.read_parquet(tmp_path / "orders.parquet")
    assert orders.occurred_at.min() >= pd.Timestamp("2024-12-16", tz="UTC")
    assert orders.known_at.max() < pd.Timestamp("2025-03-16", tz="UTC")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accounts": 0}, "accounts is 0; choose a whole number from 1 to 900000"),
        ({"months": 241}, "months is 241; choose a whole number from 1 to 240"),
        ({"seed": -1}, "seed is -1; choose a whole number from 0"),
        ({"end": date(1900, 1, 1)}, "end is 1900-01-01; choose a date from 1990-01-01 on"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        simulate(tmp_path / "out", **{"accounts": 5, "months": 2, "seed": 1, **arguments})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(CannotWrite, match=r"cannot write the simulated market to .*taken"):
        simulate(tmp_path / "taken", accounts=5, months=2, seed=1)
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "a file"


def test_a_run_that_breaks_off_leaves_the_older_market_whole(tmp_path: Path) -> None:
    simulate(tmp_path, accounts=5, months=2, seed=1)
    before = digest(tmp_path)

    def break_off(done: int, in_all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, accounts=5, months=2, seed=2, progress=break_off)
    assert digest(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_the_document_names_every_column_and_cause_of_the_truth() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    tables = ("truth", "leaves_90", "truth_events")
    columns = [column for table in tables for column in TABLES[table].names]
    for name in (*columns, *(cause.name.lower() for cause in (*Cause, *Kind))):
        assert f"`{name}`" in document, name
