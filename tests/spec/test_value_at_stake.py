"""What is at stake with an account, in drawn years."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.errors import DamagedModel
from models.value_at_stake import FILE, FORMAT, Past, Traded, ValueAtStake, Years, fit, load
from models.value_coverage import EVERYBODY, coverage

SIZES = (100.0, 200.0, 300.0, 400.0)
GROUPS = 12  # a loss, five sizes of those known for a year, five of the new ones, newcomers


def traded(*margin: float, amount: float = np.nan, without: float = 0.0) -> Traded:
    """Margins that are half of the amount, unless another is given, and what records none."""
    recorded = np.array(margin)
    on = 2 * recorded if np.isnan(amount) else np.full(len(recorded), amount)
    return Traded(recorded, on, np.full(len(recorded), without))


def past(last: float, before: float = 0.0, age: float = 365.0, orders: float = 10.0) -> Past:
    """One account's past: margins of the last year and the year before, days of age, order days."""
    return Past(traded(last), traded(before), np.array([age]), np.array([orders]))


def years(rows: list[tuple[str, int, float, float]], as_of: str = "2024-01-01") -> Years:
    """Accounts known for a year: (account, defected, last year's margin, next year's).

    Whoever did not defect stayed the year.
    """
    account, defected, last, following = zip(*rows, strict=True)
    n = len(rows)
    day = np.datetime64(as_of)
    return Years(
        account=np.array(account, dtype=object),
        as_of=np.full(n, day),
        defected=np.array(defected),
        past=Past(traded(*last), traded(*[0.0] * n), np.full(n, 365.0), np.full(n, 10.0)),
        next_year=traded(*following),
        complete=np.full(n, day + 380),
        stayed=1.0 - np.array(defected),
        stayed_complete=np.full(n, day + 514),
        weight=np.ones(n),
    )


# --- a year's margin ------------------------------------------------------------------------


def test_a_line_without_a_margin_has_the_share_of_the_others() -> None:
    some = Traded(np.array([30.0]), np.array([100.0]), np.array([50.0]))
    assert some.margin_share() == 0.3
    assert some.worth(0.3) == pytest.approx([30 + 15])


def test_it_is_revenue_where_no_line_records_a_margin() -> None:
    none = Traded(np.array([0.0]), np.array([0.0]), np.array([50.0]))
    assert none.margin_share() is None
    assert none.worth(None).tolist() == [50]
    assert ValueAtStake(None).basis == "last year's revenue"


@pytest.mark.parametrize(
    ("last", "before", "age", "orders", "rate"),
    [
        (365, 0, 365, 10, 365),
        (730, 365, 730, 10, (730 + 365 / 2) / 1.5),  # the year before counts half
        (730, 365, 2000, 10, (730 + 365 / 2) / 1.5),
        (100, 0, 146, 3, 250),  # two fifths of a year
        (100, 0, 146, 2, 100),  # a newcomer: too few order days to go on from
        (100, 0, 90, 3, 365 / 90 * 100),
        (100, 0, 89, 9, 100),  # a newcomer: known for too few days
        (100, 0, 2, 1, 100),  # the first week is not taken for a week like any other
        (730, 365, 730, 2, (730 + 365 / 2) / 1.5),
        (-60, 30, 730, 10, (-60 + 15) / 1.5),
    ],
)
def test_the_rate_is_over_the_days_known_and_a_newcomers_over_a_year(
    last, before, age, orders, rate
) -> None:
    assert past(last, before, age, orders).rate(0.5) == pytest.approx([rate])


# --- what is learned ------------------------------------------------------------------------


def test_the_ratios_are_sums_over_sums_of_alike_accounts() -> None:
    """Five sizes, 60 accounts of each class in each: the smallest grow, some silent ones return."""
    ratios = {10.0: (1.5, 0.4), 20.0: (1.0, 0.2), 30.0: (1.0, 0.2), 40.0: (1.0, 0.2)}
    ratios[100.0] = (0.8, 0.1)
    rows = [
        (f"A{last}{gone}{n}", gone, last, 2 * last * ratio * (n % 2))  # all of it from half of them
        for last, both in ratios.items()
        for gone, ratio in enumerate(both)
        for n in range(60)
    ]
    found = fit(years(rows))
    assert found.basis == "margin" and found.snapshots == ("2024-01-01",)
    assert found.outcome_end == "2025-05-29"  # when it was known who had stayed the year
    # Sums over sums of all sizes: 185 / 200 and 32 / 200. They count for 20 rows in each group.
    for last, (stayed, defected) in ratios.items():
        stays, defects = found.expected(past(last))
        assert stays == pytest.approx(last * (60 * stayed + 20 * 185 / 200) / 80)
        assert defects == pytest.approx(last * (60 * defected + 20 * 32 / 200) / 80)
        assert found.at_stake(past(last)).value == pytest.approx(stays - defects)
    # Nobody was new, and nobody kept at a loss: the former are taken as all, of the latter nothing
    # is known.
    new = found.expected(past(10.0, age=146))
    assert new == (pytest.approx([25 * 185 / 200]), pytest.approx([25 * 32 / 200]))
    assert found.expected(past(-10.0)) == ([0], [0])


def test_newcomers_are_a_group_of_their_own() -> None:
    """Accounts with a single order: those that stay bring five times as much, others half."""
    regular = [(f"A{n}", n % 2, 100.0 + n, 100.0 + n) for n in range(400)]
    first = [(f"B{n}", n % 2, 10.0, (50.0, 5.0)[n % 2]) for n in range(400)]
    both = years(regular + first)
    order_days = np.where(np.arange(800) < 400, 10.0, 1.0)
    found = fit(replace(both, past=replace(both.past, order_days=order_days)))
    stays, defects = found.expected(past(1000.0, age=7, orders=1))
    # 200 rows of its own and, for 20 rows, the ratio of all of the class, which is nearly 1.
    assert stays == pytest.approx([1000 * (200 * 5 + 20 * 1.13) / 220], rel=0.01)
    assert defects == pytest.approx([1000 * (200 * 0.5 + 20 * 0.985) / 220], rel=0.01)
    assert found.expected(past(1000.0))[0] == pytest.approx([1000], rel=0.05)


def test_a_few_accounts_at_a_loss_teach_nothing_about_others() -> None:
    """Rates near zero stand below any ratio; twenty of each class are needed."""
    profit = [(f"A{n}", n % 2, 100.0 + n, 50.0) for n in range(100)]
    for pairs, stays in ((19, 0.0), (20, -100.0)):
        loss = [(f"B{n}", n % 2, -1.0, -2.0) for n in range(2 * pairs)]
        expected, _ = fit(years(profit + loss)).expected(past(-100.0))
        assert expected == pytest.approx([stays])


def test_who_has_returned_everything_teaches_nothing_about_losses() -> None:
    """Sixty such accounts come back with 1,000 each; a ratio to their rates has no bound."""
    profit = [(f"A{n}", n % 2, 100.0 + n, 50.0) for n in range(400)]
    nothing = [(f"B{n}", n % 2, 0.0, 1000.0) for n in range(60)]
    loss = [(f"C{n}", n % 2, -20.0, 10.0) for n in range(4)]
    found = fit(years(profit + nothing + loss))
    assert found.expected(past(-500.0)) == ([0], [0])
    more = [(f"C{n}", n % 2, -1.0, 90.0) for n in range(60)]
    found = fit(years(profit + nothing + more))
    assert found.expected(past(-500.0)) == ([500], [500])  # a gain no larger than the loss


def test_a_few_lines_do_not_decide_the_margin_of_all() -> None:
    few = Traded(np.array([5.0, 0.0]), np.array([20.0, 0.0]), np.array([0.0, 500.0]))
    assert few.margin_share() is None
    enough = Traded(np.array([15.0, 0.0]), np.array([60.0, 0.0]), np.array([0.0, 500.0]))
    assert enough.margin_share() == 0.25
    at_a_loss = Traded(np.array([-50.0]), np.array([20.0]), np.array([0.0]))
    assert at_a_loss.margin_share() is None


def test_a_row_whose_year_is_not_known_teaches_nothing() -> None:
    rows = [(f"A{n}", n % 2, 100.0 + n, 50.0 * (n % 2 == 0)) for n in range(100)]
    young = [(f"B{n}", n % 2, 5000.0, np.nan) for n in range(100)]
    assert fit(years(rows + young)) == fit(years(rows))


@pytest.mark.parametrize("known", [0, 38])
def test_without_enough_accounts_it_is_last_years_number_and_says_so(known: int) -> None:
    rows = [(f"A{n}", n % 2, 100.0, 50.0 if n < known else np.nan) for n in range(100)]
    found = fit(years(rows))
    assert not found.learned and found.basis == "last year's margin"
    estimate = found.at_stake(past(70.0, before=1000.0, age=700))
    assert estimate.value.tolist() == [70]
    assert np.isnan(estimate.low).all() and np.isnan(estimate.high).all()


# --- the interval ---------------------------------------------------------------------------


def spread(
    accounts: int, last: float = 100.0, by: float = 1.0
) -> list[tuple[str, int, float, float]]:
    """Stayers whose ratios of next year to last are spread evenly from 0 to 2, and 20 defectors.

    by: what all ratios are multiplied by.
    """
    ratios = by * 2 * (np.arange(accounts) + 0.5) / accounts
    stayers = [(f"A{last}{n}", 0, last, last * ratio) for n, ratio in enumerate(ratios)]
    return stayers + [(f"Z{last}{n}", 1, last, 0.0) for n in range(20)]


def test_nine_in_ten_accounts_that_stayed_lie_between_the_ends() -> None:
    """Of so many accounts, quantiles are hardly corrected for how few there were."""
    low, high = fit(years(spread(5000))).at_stake(past(300.0))[1:]
    assert low == pytest.approx([300 * 0.1], rel=0.01)
    assert high == pytest.approx([300 * 1.9], rel=0.01)


def test_the_ends_are_further_apart_where_fewer_accounts_were_known() -> None:
    """38 accounts and 20 that all together count for: 95 % x 59 / 58 of them lie below the end."""
    low, high = fit(years(spread(38))).at_stake(past(100.0))[1:]
    beyond = 1 - 0.95 * 59 / 58
    assert (low / 100, high / 100) == (
        pytest.approx([2 * (np.floor(beyond * 38) + 0.5) / 38]),
        pytest.approx([2 - 2 * (np.floor(beyond * 38) + 0.5) / 38]),
    )


def test_each_size_has_ends_of_its_own() -> None:
    """Ratios of the large accounts lie between 0 and 1, of the small ones between 0 and 2."""
    small = [row for last in (10.0, 20.0, 30.0, 40.0) for row in spread(500, last)]
    found = fit(years(small + spread(500, 100.0, by=0.5)))
    assert found.at_stake(past(10.0)).high == pytest.approx([10 * 1.9], rel=0.01)
    assert found.at_stake(past(100.0)).high == pytest.approx([100 * 0.95], rel=0.02)


def test_who_left_later_in_the_year_widens_no_interval() -> None:
    """They neither defected by the label, within 90 days, nor stayed the year."""
    rows = spread(500)
    with_leavers = years(rows + [(f"L{n}", 0, 100.0, 1.0) for n in range(500)])
    stayed = np.where(np.arange(len(rows) + 500) < len(rows), with_leavers.stayed, 0.0)
    found = fit(replace(with_leavers, stayed=stayed))
    assert (found.low, found.high) == (fit(years(rows)).low, fit(years(rows)).high)


def test_without_enough_accounts_that_stayed_or_a_gain_there_is_no_interval() -> None:
    few = years(spread(100))
    stayed = np.where(np.arange(120) < 19, 1.0, np.nan)  # of the others it is not known yet
    found = fit(replace(few, stayed=stayed))
    assert found.learned and found.low == () and np.isnan(found.at_stake(past(100.0)).low)
    assert found.outcome_end == "2025-01-15"
    known = fit(few)
    assert np.isnan(known.at_stake(past(-5.0))[1:]).all()
    assert not np.isnan(known.at_stake(past(5.0))[1:]).any()


def test_coverage_is_judged_on_later_years_by_what_was_known_at_them() -> None:
    """A year and a half later ratios lie between 0 and 3: 1.9 / 3 less 0.1 / 3 are inside."""
    first, later = spread(1000), spread(1000, by=1.5)
    both = [years(first), years(later, "2025-06-01"), years(spread(10), "2025-05-01")]
    joined = joined_years(both)
    group = np.where(np.arange(len(joined.account)) % 2, "A", "B")
    found = coverage(joined, group)
    assert found.snapshots == ("2025-06-01",)  # at 2025-05-01 nobody was known to have stayed
    assert (found.rows, found.without_end) == (1000, 0)
    assert found.inside == {name: pytest.approx(0.6, abs=0.01) for name in (EVERYBODY, "A", "B")}
    assert coverage(years(first), np.array(["A"] * 1020)).inside == {}


def joined_years(parts: list[Years]) -> Years:
    def of(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    def trade(pick) -> Traded:
        names = ("recorded_margin", "amount_with_margin", "amount_without_margin")
        return Traded(*(np.concatenate([getattr(pick(p), n) for p in parts]) for n in names))

    return Years(
        **{
            name: of(name)
            for name in (
                *("account", "as_of", "defected", "complete"),
                *("stayed", "stayed_complete", "weight"),
            )
        },
        past=Past(
            trade(lambda part: part.past.last_year),
            trade(lambda part: part.past.year_before),
            np.concatenate([part.past.age_days for part in parts]),
            np.concatenate([part.past.order_days for part in parts]),
        ),
        next_year=trade(lambda part: part.next_year),
    )


# --- what is at stake -----------------------------------------------------------------------


def drawn(stayed: float = 0.9, defected: float = 0.2, loss: tuple[float, float] = (0, 0)):
    """Ratios that are the same in all groups but that of losses; ends at half and double."""
    return ValueAtStake(
        margin_share=0.5,
        sizes=SIZES,
        stayed=(loss[0], *[stayed] * (GROUPS - 1)),
        defected=(loss[1], *[defected] * (GROUPS - 1)),
        low=(0.5,) * (GROUPS - 1),
        high=(2.0,) * (GROUPS - 1),
        snapshots=("2024-01-01",),
        outcome_end="2025-01-15",
    )


def test_value_at_stake_is_what_staying_brings_more() -> None:
    value, low, high = drawn().at_stake(past(100.0))
    assert (value, low, high) == (pytest.approx([70]), pytest.approx([50]), pytest.approx([200]))


def test_it_is_never_negative_by_chance() -> None:
    """Defectors that happened to bring more than stayers say that nothing is at stake."""
    assert drawn(stayed=0.25, defected=0.3).at_stake(past(100.0)).value == pytest.approx([0])


def test_it_is_negative_for_an_account_kept_at_a_loss() -> None:
    """Where accounts that lost money went on losing it, to lose the account would save it."""
    assert drawn(loss=(0.8, 0.1)).at_stake(past(-100.0)).value == pytest.approx([-70])
    # A loss by one large return: such accounts brought a profit in their next year.
    assert drawn(loss=(-0.5, -0.1)).at_stake(past(-100.0)).value == pytest.approx([40])


def test_a_size_begins_at_its_edge_and_the_new_are_apart() -> None:
    ratios = tuple(float(n) for n in range(GROUPS))
    none = (0.0,) * GROUPS
    found = ValueAtStake(
        0.5, SIZES, ratios, none, ratios[1:], ratios[1:], ("2024-01-01",), "2025-01-15"
    )

    def group(rate: float, age: float, orders: float = 10.0) -> float:
        newcomer = orders < 3 or age < 90
        one = past(rate * (1 if newcomer else min(age, 365) / 365), age=age, orders=orders)
        assert found.at_stake(one).high == pytest.approx(found.expected(one)[0])
        return round(float(found.expected(one)[0][0]) / rate)

    assert [group(rate, 365) for rate in (1, 99, 100, 399, 400)] == [1, 1, 2, 4, 5]
    assert [group(rate, 364) for rate in (1, 400.1)] == [6, 10]
    assert [group(rate, 89) for rate in (1, 400.1)] == [11, 11]
    assert [group(1, 365, orders) for orders in (2, 3)] == [11, 1]


# --- its file -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [drawn(), ValueAtStake(0.4), ValueAtStake(None)])
def test_it_is_stored_as_plain_json(tmp_path, value: ValueAtStake) -> None:
    value.save(tmp_path)
    assert load(tmp_path) == value
    assert json.loads((tmp_path / FILE).read_text())["format"] == FORMAT


@pytest.mark.parametrize(
    "damage",
    [
        {"format": FORMAT - 1},
        {"stayed": [1.0]},
        {"low": [1.0]},
        {"high": []},
        {"sizes": [3.0, 2.0, 1.0, 0.0]},
        {"outcome_end": "soon"},
        {"stayed": None},
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage: dict) -> None:
    drawn().save(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(content | damage))
    with pytest.raises(DamagedModel, match="value_at_stake"):
        load(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(DamagedModel, match="value_at_stake"):
        load(tmp_path)
