"""What counts as a broken export: drawn markets, and what differs between then and now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from small_files import as_csv

from pipeline.config import load_config
from pipeline.errors import DataError
from pipeline.guards import measure as measuring
from pipeline.guards.compare import Level, Limits, compare, gone
from pipeline.guards.crossings import compare_crossings, expected_crossings
from pipeline.guards.lines import line, refusal, table
from pipeline.guards.measure import measure
from pipeline.guards.profile import Group, Profile, TableProfile, load
from pipeline.scoring.guard import Before, Compared, Guard
from pipeline.sources import load_sources
from pipeline.training.preparation import open_engine

FIRST = date(2025, 1, 6)  # a Monday
WEEKS = 26
OWNERS = {
    f"A{number:02}": "ann" if number < 10 else "ben" if number < 16 else "cat"
    for number in range(20)
}
SAME, WARNED, REFUSED = Level


@dataclass(frozen=True)
class Line:
    """An order line; week: since the first. known: weeks after it."""

    account: str
    week: int
    cents: int = 10_000
    margin: int = 3_000
    known: int = 0

    @property
    def on(self) -> date:
        return FIRST + timedelta(weeks=self.week)


Lines = list[Line]
LINES: Lines = [Line(account, week) for account in OWNERS for week in range(WEEKS)]


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def told(text: str, key: str) -> str:
    """A text as a profile with a key has it."""
    return hashed(key + text)[:16] if key else text


def held(
    lines: Sequence[Line], owners: dict[str, str] = OWNERS, until: int = WEEKS, key: str = ""
) -> Profile:
    """What `measure` should find of the lines known up to a week: the same, plainly."""
    cut = datetime.combine(FIRST + timedelta(weeks=until), time())
    lines = [each for each in lines if each.week + each.known <= until]
    rows = Counter(each.account for each in lines)
    members: dict[str, list[str]] = {}
    for account in sorted(rows, key=lambda each: hashed(key + each)):
        if account in owners:
            members.setdefault(told(owners[account], key), []).append(told(account, key))
    groups = {owner: Group(len(found), tuple(found)) for owner, found in members.items()}
    return Profile(
        {
            "orders": TableProfile(
                rows=len(lines),
                until=cut,
                accounts=len(rows),
                repeated=len(lines) - len(set(lines)),
                first=min(each.on for each in lines),
                last=max(each.on for each in lines),
                weeks=Counter(each.on for each in lines),
                groups={"owner_id": groups},
                amount=sum(each.cents for each in lines),
                margin=sum(each.margin for each in lines),
                margin_revenue=sum(each.cents for each in lines),
                sizes={
                    "amount": Counter((each.cents + 1).bit_length() - 1 for each in lines),
                    "margin": Counter((each.margin + 1).bit_length() - 1 for each in lines),
                },
                sample={told(account, key): count for account, count in rows.items()},
                present={told(account, key): count for account, count in rows.items()},
            )
        },
        key and sha256(bytes.fromhex(key)).hexdigest()[:16],
    )


def without(*accounts: int) -> Callable[[Lines], Lines]:
    gone = {f"A{number:02}" for number in accounts}
    return lambda lines: [each for each in lines if each.account not in gone]


def weeks(first: int, last: int) -> Callable[[Lines], Lines]:
    return lambda lines: [each for each in lines if first <= each.week < last]


def renamed(count: int) -> Callable[[Lines], Lines]:
    foreign = {f"A{number:02}" for number in range(count)}
    return lambda lines: [
        replace(each, account="B" + each.account if each.account in foreign else each.account)
        for each in lines
    ]


# what happens to the export: what is warned of, with its share; refused from 40 % on
CASES: dict[str, tuple[Callable[[Lines], Lines], dict[str, float]]] = {
    "nothing": (lambda lines: lines, {}),
    "4 of 20 accounts gone, too few": (without(0, 1, 10, 16), {}),
    "5 of 20 accounts gone": (
        without(0, 1, 2, 3, 10),
        {"accounts": 0.25, "rows": 0.25, "rows of four weeks": 0.25},
    ),
    "fault_47_51 8 of 20 accounts gone": (
        without(0, 1, 2, 3, 10, 11, 12, 16),
        {"accounts": 0.4, "rows": 0.4, "rows of four weeks": 0.4},
    ),
    "fault_48 an owner gone": (
        without(*range(10, 16)),
        {"accounts": 0.3, "accounts of owner_id ben": 1, "rows": 0.3, "rows of four weeks": 0.3},
    ),
    "fault_49 a rolling window": (weeks(13, WEEKS), {"rows": 0.5, "first day": 13 / 25}),
    "the oldest four weeks are kept no longer": (weeks(4, WEEKS), {}),
    "the last two weeks gone": (weeks(0, WEEKS - 2), {"rows of four weeks": 1}),
    "one month in the middle gone": (
        lambda lines: [each for each in lines if not 8 <= each.week < 12],
        {"rows of four weeks": 1},
    ),
    "fault_50 all lines twice": (lambda lines: lines + lines, {"rows": 0.5, "repeated rows": 1}),
    "fault_74 amount and margin swapped": (
        lambda lines: [replace(each, cents=each.margin, margin=each.cents) for each in lines],
        {"amount per line": 0.7, "margin over amount": 0.91},
    ),
    "fault_74 another company's orders": (
        renamed(8),
        {
            "accounts": 0.4,
            "accounts of owner_id ann": 0.8,
            "new account ids": 0.4,
            "rows": 0.0,
            "rows of four weeks": 0.0,
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("key", ["", "ab" * 32], ids=["publication", "training"])
def test_what_differs(case: str, key: str) -> None:
    change, expected = CASES[case]
    later = replace(held(change(LINES), key=key), names={each: each for each in ()})
    names = {
        sha256((key + owner).encode()).hexdigest()[:16]: owner for owner in ["ann", "ben", "cat"]
    }
    found = compare(held(LINES, key=key), replace(later, names=names), Limits())
    shares = {
        each.key.removeprefix("orders: "): round(each.share, 2)
        for each in found
        if each.level > SAME
    }
    assert shares == {key: round(share, 2) for key, share in expected.items() if share}
    for each in found:
        assert (each.level is REFUSED) == (each.share >= 0.4 and each.units >= 5), each


def test_new_orders_accounts_and_owners_are_no_difference() -> None:
    grown = LINES + [Line(f"N{number}", week) for number in range(40) for week in range(26, 52)]
    moved = dict.fromkeys(OWNERS, "dan")
    then, now = held(LINES, until=25), held(grown, moved, until=25)
    assert [each for each in compare(then, now, Limits()) if each.level] == []


def test_an_account_that_brings_most_rows_may_leave_the_data() -> None:
    large = LINES + [Line("A00", week, cents) for week in range(WEEKS) for cents in range(60)]
    found = compare(held(large), held(without(0)(large)), Limits())
    assert {each.what for each in found if each.share > 0.4} >= {"rows", "amount per line"}
    assert [each for each in found if each.level] == []


def test_limits_are_those_of_the_config() -> None:
    then, now = held(LINES), held(without(0, 1)(LINES))
    (accounts, *_) = compare(then, now, Limits(share=0.1, accounts=2))
    assert (accounts.what, accounts.level, accounts.share) == ("accounts", REFUSED, 0.1)


def test_a_source_that_is_gone_is_named() -> None:
    then = replace(held(LINES), tables={**held(LINES).tables, "reps": TableProfile(3)})
    assert gone(then, held(LINES)) == ("reps",)
    assert compare(then, held(LINES), Limits())


def test_samples_of_large_markets_tell_how_many_are_missing() -> None:
    """Of 4,000 accounts 1,000 are looked at; 1,700 are missing."""

    def sampled(accounts: Sequence[str]) -> Profile:
        orders = TableProfile(
            len(accounts),
            datetime(2025, 1, 1),
            len(accounts),
            groups={
                "region": {
                    "north": Group(2000, tuple(every[20:40])),
                    "south": Group(2000, tuple(every[1700:1720])),
                    "east": Group(2000, (*every[1688:1700], *every[1720:1728])),
                }
            },
            sample=dict.fromkeys(sorted(accounts, key=hashed)[:1000], 1),
            present=dict.fromkeys(accounts, 1),
        )
        return Profile({"orders": orders})

    every = [f"A{number:04}" for number in range(4000)]
    now = [f"B{number:04}" for number in range(1700)] + every[1700:]  # as many as before
    found = {each.what + each.of: each for each in compare(sampled(every), sampled(now), Limits())}
    assert found["accounts"].share == pytest.approx(0.425, abs=0.04)
    assert found["new account ids"].share == pytest.approx(0.425, abs=0.04)
    assert found["accounts"].level is REFUSED
    assert found["accounts of regionnorth"].share == 1
    assert "accounts of regioneast" not in found  # 60 % of 20, 38 % beyond chance: as all others


markets = st.lists(
    st.builds(
        Line,
        account=st.sampled_from([*OWNERS]),
        week=st.integers(0, WEEKS - 1),
        cents=st.just(5_000),
        margin=st.just(1_000),
    ),
    min_size=1,
    max_size=60,
    unique=True,
)


@given(lines=markets)
def test_the_same_rows_are_never_warned_of(lines: Lines) -> None:
    found = compare(held(lines), held(lines[::-1]), Limits(0.01, 1))
    assert [each for each in found if each.level] == []


@given(lines=markets, steps=st.lists(st.integers(0, 59), min_size=1, max_size=5))
def test_more_missing_rows_never_say_less(lines: Lines, steps: list[int]) -> None:
    lines = [Line("A00", 0), *lines]  # the first day stays
    lengths = sorted({max(1, len(lines) - step) for step in steps}, reverse=True)
    levels = [
        max(each.level for each in compare(held(lines), held(lines[:length]), Limits(accounts=2)))
        for length in lengths
    ]
    assert all(one <= other for one, other in pairwise(levels))


def exported(folder: Path, lines: Sequence[Line], owners: dict[str, str]) -> Path:
    """The lines and accounts as CSV without line ids, and a config over them."""
    orders = [
        {
            "account_id": each.account,
            "order_id": f"{each.account}-{each.week}",
            "occurred_at": str(each.on),
            "known_at": str(each.on + timedelta(weeks=each.known)),
            "amount": f"{each.cents / 100:.2f}",
            "margin": f"{each.margin / 100:.2f}",
        }
        for each in lines
    ]
    accounts = [{"account_id": account, "owner_id": owner} for account, owner in owners.items()]
    (folder / "orders.csv").write_bytes(as_csv(orders))
    (folder / "accounts.csv").write_bytes(as_csv(accounts))
    content = {
        "name": "guarded",
        "sources": {name: {"path": f"{name}.csv"} for name in ("orders", "accounts")},
        "snapshots": {"first": FIRST, "last": date(2026, 1, 1)},
        "output": "out",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    return folder / "config.yaml"


def test_measured_as_plainly_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = [Line("A00", 20, known=3), Line("A01", 20, known=9), Line("A02", 5), Line("A02", 5)]
    lines = [*LINES, *late]
    config = load_config(exported(tmp_path, lines, OWNERS))
    key = bytes(range(32))
    with open_engine(config) as engine:
        tables = [*load_sources(config, engine).tables.values()]
        whole = measure(engine, tables)
        earlier = held([*LINES, Line("Z", 3)], until=24, key=key.hex())
        part = measure(engine, tables, like=earlier, key=key)
        before = measure(engine, tables, FIRST + timedelta(weeks=3))
        monkeypatch.setattr(measuring, "SAMPLE", 7)
        few = measure(engine, tables).tables["orders"].sample
    expected = held(lines, until=29).tables["orders"]
    assert whole.tables["orders"] == expected
    expected = held(lines, until=24, key=key.hex()).tables["orders"]
    assert part.tables["orders"] == expected
    assert part.tables["orders"].present == expected.present
    assert [*part.tables] == ["orders"]  # the earlier one had no accounts
    assert {*part.names.values()} == {"ann", "ben", "cat"} and part.hidden_by
    assert before.tables["orders"].last == FIRST + timedelta(weeks=2)
    owners = whole.tables["accounts"].groups["owner_id"]
    assert {owner: group.accounts for owner, group in owners.items()} == Counter(OWNERS.values())
    assert sorted(map(hashed, few)) == sorted(map(hashed, OWNERS))[:7]


@pytest.mark.parametrize("key", ["", "cd" * 32])
def test_a_profile_is_read_as_it_was_written(tmp_path: Path, key: str) -> None:
    profile = replace(held(LINES, key=key), crossings=((3, 1.5, 0.25), (0, 0.0, 0.0)))
    profile.save(tmp_path)
    assert load(tmp_path) == profile
    assert not key or not any(each in profile.text() for each in ("A00", "ann"))
    assert load(tmp_path / "nowhere") is None


def test_crossings_beyond_what_was_expected_and_chance() -> None:
    """60 accounts whose patience ends within 30 days, each with a slip chance of 1 in 2."""
    past = -np.repeat(np.arange(1.0, 61.0), 2)
    expected = expected_crossings(past, np.full(120, 0.5), 60)
    assert expected[0] == (2, 1.0, 0.5) and len(expected) == 60

    def found(crossed: int, days: int = 30):
        later = np.r_[np.arange(crossed) % days, np.full(200, -5.0), np.full(9, days)]
        return compare_crossings(expected, later, days, Limits())

    assert found(30).level is SAME and found(30).share == 0
    assert found(42).level is SAME  # 3 standard deviations are 11.6
    assert found(54).level is WARNED and found(54).share == pytest.approx(
        (24 - 11.62) / 60, abs=0.01
    )
    assert compare_crossings(expected, past, 61, Limits()) is None
    assert compare_crossings((), past, 1, Limits()) is None


def test_many_accounts_that_fell_silent_stop_a_list() -> None:
    past = -np.repeat(np.arange(1.0, 61.0), 2)
    published = Profile({}, crossings=expected_crossings(past, np.full(120, 0.2), 60))
    before = Before("the publication of 2026-01-01", published, date(2026, 1, 1))
    guard = Guard(Limits(), 1, "defection score", publication=Compared(before, (), ()))
    only = "Accounts that fell silent are compared by `score` only, when it scores them."
    assert [*guard.still_to_come()] == [only] and only in guard.tables()
    tomorrow = guard.with_crossings(past + 1, date(2026, 1, 2))
    assert [each.now for each in tomorrow.of(SAME)] == [2]
    tomorrow.require_alike()
    broken = guard.with_crossings(past + 30, date(2026, 1, 31))
    assert broken.warnings() == [
        "The sources differ from the publication of 2026-01-01:",
        "  orders: accounts that fell silent (then: expected): 12.00 then, 60 now "
        "(65%, concerns 48 accounts)",
    ]
    with pytest.raises(DataError, match=r"fell silent \(then: expected\): 12.00 then, 60 now"):
        broken.require_alike()
    replace(broken, reason="true").require_alike()
    before = replace(before, same_risk=False)
    other = replace(guard, publication=Compared(before, (), ()))
    other = other.with_crossings(past + 30, date(2026, 1, 31))
    assert other.of(SAME) == []
    note = (
        "Accounts that fell silent are not compared: the risk of the publication of 2026-01-01 "
        "has another meaning."
    )
    assert other.to_json()["not_compared"] == [*other.still_to_come()] == [note]


def test_a_refusal_shows_what_differs_from_all_that_it_was_compared_with() -> None:
    found = tuple(compare(held(LINES), held(without(*range(10, 16))(LINES)), Limits()))
    before = (Before(says, held(LINES)) for says in ("the last list", "the training"))
    last, training = (Compared(each, found, ()) for each in before)
    guard = Guard(Limits(), 1, "defection score", publication=last, training=training)
    with pytest.raises(DataError) as refused:
        guard.require_alike()
    assert guard.total() == (
        "score would refuse: 2 differences; score would warn of: 6 differences"
    )
    said = str(refused.value)
    assert said.startswith("The sources differ too much from the last list and from the training: ")
    owner = "  orders: accounts of owner_id ben: 6 then, 0 now (100%, concerns 6 accounts)\n"
    head = "Compared with the "
    assert f"{head}last list:\n{owner}{head}training:\n{owner}Export orders again" in said


def test_values_of_a_column_that_are_gone_share_a_line() -> None:
    """Of seven owners with six accounts each, five are gone, and one lost three accounts."""
    owners = {f"C{number:02}": f"r{number // 6}" for number in range(42)}
    every = [Line(account, week) for account in owners for week in range(WEEKS)]
    left = [each for each in every if each.account >= "C33"]
    limits = Limits(accounts=2)

    def said(key: str) -> str:
        now = replace(held(left, owners, key=key), names={told("r5", key): "r5"})
        found = tuple(compare(held(every, owners, key=key), now, limits))
        before = Compared(Before("the training", held(every)), found, ())
        guard = Guard(limits, 1, "defection score", training=before)
        with pytest.raises(DataError) as refused:
            guard.require_alike()
        assert len([row for row in guard.tables() if "accounts of owner_id" in row]) >= 5
        shares = replace(guard, reason="true").to_json()["accepted_of_training"]["shares"]
        assert max(shares.values()) == 1
        return str(refused.value)

    gone = "accounts of 5 values of owner_id"
    assert f"orders: {gone} (r0, r1, r2 and 2 more): 30 then, 0 now (100%, concerns 30" in said("")
    assert f"{gone} that are not there any more: 30 then, 0 now (100%" in said("ab" * 32)


def test_what_a_reason_accepts_is_said_also_if_no_refusal_could_show_it() -> None:
    past = -np.repeat(np.arange(1.0, 61.0), 2)
    published = replace(held(LINES), crossings=expected_crossings(past, np.full(120, 0.1), 60))
    before = Before("the publication of 2026-01-01", published, date(2026, 1, 1))
    silent = "  orders: accounts that fell silent (then: expected): 6.00 then, 60 now"
    unseen = "Accepted with it, though the refusal could not show it yet:"
    for broken in (True, False):
        lines = without(*range(10, 16))(LINES) if broken else LINES
        found = tuple(compare(published, held(lines), Limits()))
        guard = Guard(Limits(), 1, "score", "sold", publication=Compared(before, found, ()))
        guard = guard.with_crossings(past + 30, date(2026, 1, 31))
        guard.require_alike()
        said = guard.warnings()
        assert (unseen in said) == broken
        assert sum(each.startswith(silent) for each in said) == 1 + broken
        assert silent.strip() in guard.note() and guard.note().endswith("accepted: sold")
        assert ("owner_id ben: 6 then, 0 now" in guard.note()) == broken


def test_rows_are_called_rows_where_accounts_are_not_compared() -> None:
    half, other_key = LINES[::2], "ef" * 32
    found = compare(held(LINES, key="cd" * 32), held(half, key=other_key), Limits())
    (rows,) = (each for each in found if each.what == "rows")
    assert line(rows) == "orders: rows: 520 then, 260 now (50%, concerns 260 rows)"
    assert "at least 5 accounts (or rows, where accounts are not known)" in refusal(
        {"the training": [rows]}, Limits(), "score"
    )
    (reps,) = compare(
        Profile({"reps": TableProfile(40)}), Profile({"reps": TableProfile(10)}), Limits()
    )
    assert line(reps) == "reps: rows: 40 then, 10 now (75%, concerns 30 rows)"


def test_words() -> None:
    found = compare(held(LINES), held(without(*range(10, 16))(LINES)), Limits())
    assert [" ".join(row.split()) for row in [*table(found)][:3]] == [
        "source figure then now differs concerns",
        "orders accounts 20 14 30% 6 accounts warning",
        "orders accounts of owner_id ben 6 0 100% 6 accounts refused",
    ]
    assert line(found[0]) == "orders: accounts: 20 then, 14 now (30%, such as A10, A11, A12)"
    refused = [each for each in found if each.level is REFUSED]
    then = "the publication of 2025-07-01"
    assert refusal({then: refused}, Limits(), "defection score") == (
        "The sources differ too much from the publication of 2025-07-01: 40% or more, and at "
        "least 5 accounts (`guards` in the config). Nothing is published.\n"
        "  orders: accounts of owner_id ben: 6 then, 0 now (100%, concerns 6 accounts)\n"
        "Export orders again. If the change is real, say why; the reason is recorded:\n"
        '  defection score --accept "REASON"'
    )
