"""The leakage report of a training: leaks are caught, honest features pass, late rows are told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from feature_tables import load
from worlds import World, complete, midnight

from features.contract import TABLES
from features.definition import Feature, Selection
from features.families import FAMILIES
from features.populations import Population
from features.values import Count, Total, Value
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.findings import LoadedTable
from pipeline.sources.versions import cut
from pipeline.tables.cohort import OrderedLately, make_active_cohort
from pipeline.tables.representatives import make_representatives_table
from pipeline.tables.training_table import TrainingTable, feature_frame
from pipeline.training.leakage import LeakageReport, markdown
from pipeline.training.leakage import laws as laws_module
from pipeline.training.leakage.findings import COHORT, Difference, PointInTime
from pipeline.training.leakage.lateness import Lateness, Spike, lateness, spikes
from pipeline.training.leakage.laws import Laws, spread
from pipeline.training.leakage.poison import Future, rows_with_future
from pipeline.training.leakage.report import pseudonym
from pipeline.training.leakage.sample import with_kin

DAY = timedelta(days=1)
BEGIN = datetime(2023, 1, 1, 9)
DAYS = 500
AS_OFS = (*(date(2023, month, 1) for month in range(9, 13)), date(2024, 1, 1))
COHORT_DAYS = 180
LETTERS = "ABCDEFGHIJKLMNOP"


def market(*, late: bool) -> World:
    """Sixteen accounts in all sorts of trouble; late: some things are typed in weeks later."""
    world: World = {name: [] for name in ("orders", "touches", "complaints", "reps")}
    for place, account in enumerate(LETTERS):

        def delay(number: int, place: int = place) -> timedelta:
            return 25 * DAY if late and (number + place) % 4 == 0 else timedelta()

        for number, day in enumerate(range(place, DAYS, 9 + place)):
            moment = BEGIN + day * DAY
            order = {
                "account_id": account,
                "order_id": f"{account}{number}",
                "line_id": "1",
                "occurred_at": moment,
                "known_at": moment + delay(number),
                "amount_cents": -500 if number % 7 == 3 else 1000 + 10 * day,
                "margin_cents": 300,
                "product_id": f"p{number % 3}",
                "category": "tools",
                "quantity": None,
                "promised_at": moment + 3 * DAY,
                "delivered_at": moment + (5 + number % 3) * DAY,
            }
            world["orders"].append(order)
            if late and number % 5 == 2:  # corrected some weeks later
                corrected = {"amount_cents": 2000, "known_at": moment + 40 * DAY}
                world["orders"].append(order | corrected)
        for number, day in enumerate(range(0, DAYS, 6 + place)):
            moment = BEGIN + day * DAY
            touch = {"occurred_at": moment, "known_at": moment + delay(number)}
            people = {"contact_id": f"{account}{number % 3}", "rep_id": f"r{place % 4}"}
            world["touches"].append({"account_id": account, "role": "buyer", **people, **touch})
        for number, day in enumerate(range(5 + place, DAYS, 60)):
            opened = BEGIN + day * DAY
            solved = opened + (10 + number) * DAY
            case = {
                "complaint_id": f"{account}{number}",
                "account_id": account,
                "opened_at": opened,
                "known_at": opened + delay(number),
                "severity": "high",
                "category": "quality",
                "due_at": opened + 4 * DAY,
                "first_response_at": opened + DAY,
                "first_response_known_at": opened + DAY + delay(number),
            }
            if number % 3:
                case |= {"resolved_at": solved, "resolved_known_at": solved + delay(number)}
            world["complaints"].append(case)
    left = {"left_on": datetime(2023, 11, 1), "known_at": datetime(2023, 10, 10)}
    world["reps"] += [{"rep_id": "r0"}, {"rep_id": "r1", **left}, {"rep_id": "r2"}]
    world["account_merges"] = [
        {"from_id": "A", "into_id": "B", "known_at": datetime(2023, 8, 15)},
        {"from_id": "C", "into_id": "D", "known_at": datetime(2023, 11, 15)},
        {"from_id": "D", "into_id": "B", "known_at": datetime(2023, 12, 15)},
    ]
    return complete(world)


@pytest.fixture(params=[True, False], ids=["late", "prompt"], scope="module")
def data(request: pytest.FixtureRequest) -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        load(engine, market(late=request.param))
        yield engine


@pytest.fixture
def check() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        yield engine


def training_table(engine: DuckDBEngine, values: Mapping[str, Value]) -> TrainingTable:
    """The values of the active cohort, as training builds them; labels play no part."""
    make_active_cohort(engine, "cohort", AS_OFS, COHORT_DAYS)
    features = tuple(Feature(name, "drawn", "", "", "", value) for name, value in values.items())
    return TrainingTable(feature_frame(engine, values, AS_OFS, "cohort"), Selection(features, {}))


def hold(
    engine: DuckDBEngine, check: DuckDBEngine, table: TrainingTable, inferred: bool = False
) -> PointInTime:
    return Laws(engine, check, table, OrderedLately(COHORT_DAYS), inferred).hold()


def all_values() -> dict[str, Value]:
    return {
        feature.name: feature.value
        for family in FAMILIES.values()
        for feature in family.features((365,))
    }


def test_honest_features_pass_and_the_poison_moves_nearly_all_of_them(
    data: DuckDBEngine,
    check: DuckDBEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(laws_module, "SAMPLED_ACCOUNTS", 6)
    found = hold(data, check, training_table(data, all_values()))
    assert found.differences == ()
    assert found.whole == ("margin_tier", "spend_tier")
    assert found.unchecked == ()
    assert len(found.sampled) == len(all_values()) - 2
    assert len(found.unmoved) < 0.2 * len(found.sampled), found.unmoved
    assert found.snapshots == (date(2023, 10, 1), date(2023, 12, 1), date(2024, 1, 1))
    assert (found.accounts, found.kin) == (6, 3)


HONEST = Count(Population("orders", "orders"), 90)
LEAKS: dict[str, Value] = {
    "a row before it is known": Count(Population("b", "orders", since=("occurred_at",)), 90),
    "a total before it is known": Total(
        Population("b", "orders", since=("occurred_at",)), 365, measure="amount_cents"
    ),
    "a condition on a stage": Count(
        Population(
            "b",
            "complaints",
            "opened_at",
            ("opened_at", "known_at"),
            where="resolved_at IS NOT NULL",
        )
    ),
    "a stage before it is known": Count(
        Population(
            "b", "complaints", "opened_at", ("opened_at", "known_at"), until=("resolved_at",)
        )
    ),
    "a condition on a delivery": Count(
        Population("b", "orders", where="delivered_at > promised_at")
    ),
    "a condition on what came to be": Count(
        Population("b", "orders", where="superseded_at IS NULL")
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leaking_feature_is_caught(data: DuckDBEngine, check: DuckDBEngine, leak: str) -> None:
    found = hold(data, check, training_table(data, {"honest": HONEST, "leaking": LEAKS[leak]}))
    assert {difference.feature for difference in found.differences} == {"leaking"}
    poisoned = [d for d in found.differences if d.law == "poison"]
    assert {d.as_of for d in poisoned} == set(found.snapshots), "even where nothing was late"
    for difference in poisoned:
        assert difference.account in LETTERS
        assert difference.trained != difference.checked


def test_late_rows_are_caught_by_truncation_alone(check: DuckDBEngine) -> None:
    leak = {"leaking": LEAKS["a row before it is known"]}
    caught = {}
    for late in (True, False):
        with DuckDBEngine(threads=1) as engine:
            load(engine, market(late=late))
            found = hold(engine, check, training_table(engine, leak))
        caught[late] = any(d.law == "truncation" for d in found.differences)
    assert caught == {True: True, False: False}


def test_departures_that_are_inferred_are_inferred_again(check: DuckDBEngine) -> None:
    world = market(late=True)
    world["touches"] = [  # in turns there is nothing of a representative for three months
        row
        for row in world["touches"]
        if (row["occurred_at"] - BEGIN).days // 90 % 4 != int(row["rep_id"][1])
    ]
    values = {name: value for name, value in all_values().items() if "departed" in name}
    with DuckDBEngine(threads=1) as engine:
        load(engine, world)
        make_representatives_table(engine)
        table = training_table(engine, values)
        assert any(table.frame[name].gt(0).any() for name in values)
        assert hold(engine, check, table, inferred=True).differences == ()


def test_a_bit_and_a_missing_account_are_noticed(check: DuckDBEngine) -> None:
    with DuckDBEngine(threads=1) as engine:
        load(engine, market(late=True))
        table = training_table(engine, {"honest": HONEST})
        frame = table.frame.copy()
        last = frame.index[frame["as_of"] == frame["as_of"].max()]
        frame.loc[last[0], "honest"] = np.nextafter(frame.loc[last[0], "honest"], np.inf)
        found = hold(engine, check, replace(table, frame=frame.drop(last[1])))
    assert {(d.law, d.feature, d.rows, d.account) for d in found.differences} == {
        (law, what, 1, frame.loc[last[place], "account_id"])
        for law in ("truncation", "poison")
        for place, what in enumerate(("honest", COHORT))
    }


def test_nothing_of_the_poison_is_known_before_its_time(data: DuckDBEngine) -> None:
    """Poisoned tables, cut again, are what they were; nothing but the poison is lost."""
    as_of = AS_OFS[2]
    tables = [table for table in TABLES.values() if data.has_table(table.name)]
    with DuckDBEngine(threads=1) as engine:
        engine.register("sampled", pd.DataFrame({"account_id": list(LETTERS)}))
        clean = {}
        for table in tables:
            engine.register(table.name, data.arrow(f"SELECT * FROM {table.name}"))
            cut(engine, table, midnight(as_of))
            clean[table.name] = rows_of(engine, table.name)
        future = Future(as_of, as_of + 30 * DAY)
        for table in tables:
            engine.make(table.name, rows_with_future(table, future))
            assert rows_of(engine, table.name) != clean[table.name]
            late = f"SELECT MAX(known_at) FROM {table.name}"
            assert engine.rows(late)[0][0].date() < as_of + 30 * DAY
            cut(engine, table, midnight(as_of))
            assert rows_of(engine, table.name) == clean[table.name], table.name


def rows_of(engine: DuckDBEngine, table: str) -> list[tuple[object, ...]]:
    return engine.rows(f"SELECT * FROM {table} ORDER BY ALL")


def test_accounts_that_merges_tie_together_stay_together(data: DuckDBEngine) -> None:
    assert with_kin(data, ["C", "P"]) == ["A", "B", "C", "D", "P"]


def test_snapshots_are_spread_up_to_the_last() -> None:
    assert spread([AS_OFS[0]]) == [AS_OFS[0]]
    assert spread(AS_OFS[:2]) == [*AS_OFS[:2]]
    assert spread(AS_OFS) == [AS_OFS[1], AS_OFS[3], AS_OFS[4]]


# --- late knowledge -------------------------------------------------------------------------


def days(*counts: int) -> list[tuple[date, int]]:
    return [(date(2024, 1, 1) + place * DAY, count) for place, count in enumerate(counts) if count]


@pytest.mark.parametrize(
    ("counts", "rows", "found"),
    [
        ((0, 0, 20, 0), 1000, [20]),
        ((0, 0, 19, 0), 1000, []),
        ((0, 0, 20, 0), 100_000, []),  # not one in a thousand
        ((0, 0, 100, 0), 100_000, [100]),
        ((30, 30, 30, 30, 299, 30), 1000, []),  # a source that is always late
        ((30, 30, 30, 30, 300, 30), 1000, [300]),
        ((20, 0, 0, 500, 0, 0), 1000, [500, 20]),
        ((), 0, []),
    ],
)
def test_a_spike_is_a_day_of_unusually_much_old_news(
    counts: tuple[int, ...], rows: int, found: list[int]
) -> None:
    assert [spike.rows for spike in spikes(days(*counts), len(counts), rows)] == found


def loaded(name: str, *mapped: str) -> LoadedTable:
    return LoadedTable(
        name, 0, frozenset(mapped), frozenset(), 0, 0, datetime(2024, 6, 1), (), True
    )


def test_a_migration_is_found(engine: DuckDBEngine) -> None:
    """Two hundred touches of two years, half of them brought over on one day."""
    migrated = datetime(2024, 3, 9, 7)
    touch = {"account_id": "A", "contact_id": "c", "rep_id": "r"}
    moments = [datetime(2022, 6, 1) + place * 6 * DAY for place in range(200)]
    old = [touch | {"occurred_at": m, "known_at": migrated} for m in moments if m < migrated][:100]
    new = [touch | {"occurred_at": m, "known_at": m} for m in moments[100:]]
    load(engine, complete({"touches": old + new}))
    (found,) = lateness(engine, {"touches": loaded("touches", "known_at")}, 14)
    assert found == Lateness(
        "touches",
        200,
        True,
        {1: 100, 7: 100, 14: 100, 30: 100},
        (Spike(migrated.date(), 100),),
    )
    assert found.share(30) == 0.5


def test_a_change_is_no_late_news_and_a_stage_has_a_lateness_of_its_own(
    engine: DuckDBEngine,
) -> None:
    opened = datetime(2024, 1, 1, 12)
    case = {"complaint_id": "k", "account_id": "A", "opened_at": opened, "known_at": opened}
    solved = {"resolved_at": opened + DAY, "resolved_known_at": opened + 9 * DAY}
    changed = case | solved | {"severity": "high", "known_at": opened + 40 * DAY}
    load(engine, complete({"complaints": [case, changed]}))
    mapped = ("known_at", "resolved_at", "resolved_known_at", "first_response_at")
    found = lateness(engine, {"complaints": loaded("complaints", *mapped)}, 7)
    assert [(w.what, w.rows, w.stamped, dict(w.late)) for w in found] == [
        ("complaints", 1, True, {1: 0, 7: 0, 30: 0}),
        ("complaints.first_response_at", 0, False, {1: 0, 7: 0, 30: 0}),
        ("complaints.resolved_at", 1, True, {1: 1, 7: 1, 30: 0}),
    ]


# --- what the report says -------------------------------------------------------------------

CLEAN = PointInTime(
    snapshots=(date(2023, 10, 1),),
    later=date(2023, 10, 31),
    accounts=2,
    kin=0,
    rows=2,
    sampled=("orders_count_90d", "days_since_last_order"),
    whole=(),
    unchecked=("spend_tier",),
    unmoved=(),
    differences=(),
)
LEAK = Difference("poison", date(2023, 10, 1), "orders_count_90d", 2, "A-17", 3.0, 9.5)


def report(
    found: PointInTime = CLEAN,
    alone: Mapping[str, float] | None = None,
    late: tuple[Lateness, ...] = (),
) -> LeakageReport:
    areas = alone or {"days_since_last_order": 0.81, "orders_count_90d": 0.79}
    too_good = {name: area for name, area in areas.items() if area > 0.99}
    return LeakageReport(found, areas, too_good, late, 14)


def test_a_clean_report_passes() -> None:
    assert report().verdict == "passed"
    assert report().line() == (
        "Leakage report: passed; 2 features of 2 accounts at 1 snapshot the same without a future "
        "and with a false one; strongest alone: days_since_last_order (AUC 0.810); 0 warnings"
    )
    text = markdown(report())
    assert "# Leakage report: passed" in text
    assert "Not checked" in text and "`spend_tier`" in text
    assert "| `days_since_last_order` | 0.8100 | no |" in text


def test_a_leak_is_told_with_feature_account_snapshot_and_advice() -> None:
    leaking = report(replace(CLEAN, differences=(LEAK,)))
    assert leaking.verdict == "failed"
    said = leaking.refusal()
    assert "orders_count_90d at 2023-10-01 (poison): 2 accounts, such as A-17: 3 in" in said
    assert "9.5 in the check" in said
    assert "known_at" in said and "features.families" in said
    kept = json.dumps(leaking.to_json(), default=str) + markdown(leaking) + leaking.line()
    assert "A-17" not in kept
    assert kept.count(pseudonym("A-17")) == 2


def test_a_feature_that_is_too_good_fails() -> None:
    found = report(alone={"closed_on": 0.995, "days_since_last_order": 0.8})
    assert found.verdict == "failed"
    assert "closed_on (AUC 0.995)" in found.refusal()
    assert "| `closed_on` | 0.9950 | yes |" in markdown(found)


def orders(late: int, stamped: bool = True, spikes: tuple[Spike, ...] = ()) -> Lateness:
    return Lateness("orders", 1000, stamped, {1: late, 7: late, 14: late, 30: late}, spikes)


@pytest.mark.parametrize(
    ("late", "warned"),
    [
        (orders(11), ["1.1% of the orders became known later than the 14 days"]),
        (orders(10), []),
        (orders(11, stamped=False), []),
        (replace(orders(500), what="touches"), []),  # no label counts them
        (orders(5, spikes=(Spike(date(2024, 3, 9), 500),)), ["500 of them on 2024-03-09"]),
    ],
)
def test_late_orders_and_spikes_are_warned_of(late: Lateness, warned: list[str]) -> None:
    found = report(late=(late,))
    assert found.verdict == "passed"
    assert len(found.warnings) == len(warned)
    for warning, words in zip(found.warnings, warned, strict=True):
        assert words in warning
    assert f"{len(warned)} warning" in found.line()


def test_a_weak_poison_is_warned_of() -> None:
    weak = report(replace(CLEAN, unmoved=("orders_count_90d",)))
    assert "moved 1 of 2 features" in weak.warnings[0]
