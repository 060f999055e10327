"""What is at stake with an account, in drawn years."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.errors import DamagedModel
from models.value_at_stake import FILE, Past, Traded, ValueAtStake, Years, fit, load

SIZES = (100.0, 200.0, 300.0, 400.0)
GROUPS = 11  # a loss, five sizes of those known for a year, five of the new ones


def traded(*margin: float, amount: float = np.nan, without: float = 0.0) -> Traded:
    """Margins that are half of the amount, unless another is given, and what records none."""
    recorded = np.array(margin)
    on = 2 * recorded if np.isnan(amount) else np.full(len(recorded), amount)
    return Traded(recorded, on, np.full(len(recorded), without))


def past(last: float, before: float = 0.0, age: float = 365.0) -> Past:
    """One account's past: margins of the last year and of the one before."""
    return Past(traded(last), traded(before), np.array([age]))


def years(rows: list[tuple[str, int, float, float]]) -> Years:
    """Accounts known for a year: (account, defected, last year's margin, next year's)."""
    account, defected, last, following = zip(*rows, strict=True)
    n = len(rows)
    return Years(
        account=np.array(account, dtype=object),
        as_of=np.full(n, np.datetime64("2024-01-01")),
        defected=np.array(defected),
        past=Past(traded(*last), traded(*[0.0] * n), np.full(n, 365.0)),
        next_year=traded(*following),
        complete=np.full(n, np.datetime64("2025-01-15")),
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
    ("last", "before", "age", "rate"),
    [
        (365, 0, 365, 365),
        (730, 365, 730, (730 + 365 / 2) / 1.5),  # the year before counts half
        (730, 365, 2000, (730 + 365 / 2) / 1.5),
        (100, 0, 146, 250),  # two fifths of a year
        (100, 0, 2, 365 / 90 * 100),  # two days are taken for ninety
        (-60, 30, 730, (-60 + 15) / 1.5),
    ],
)
def test_the_rate_is_over_the_days_known(last, before, age, rate) -> None:
    assert past(last, before, age).rate(0.5) == pytest.approx([rate])


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
    assert found.outcome_end == "2025-01-15"
    # Sums over sums of all sizes: 185 / 200 and 32 / 200. They count for 20 rows in each group.
    for last, (stayed, defected) in ratios.items():
        stays, defects = found.expected(past(last))
        assert stays == pytest.approx(last * (60 * stayed + 20 * 185 / 200) / 80)
        assert defects == pytest.approx(last * (60 * defected + 20 * 32 / 200) / 80)
        value, low, high = found.at_stake(past(last))
        assert value == pytest.approx(stays - defects)
        assert 0 < low < value < high
    # Nobody was new, and nobody kept at a loss: the former are taken as all, of the latter nothing
    # is known.
    new = found.expected(past(10.0, age=146))
    assert new == (pytest.approx([25 * 185 / 200]), pytest.approx([25 * 32 / 200]))
    assert found.expected(past(-10.0)) == ([0], [0])


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


# --- what is at stake -----------------------------------------------------------------------


def drawn(stayed: float = 0.9, defected: float = 0.2, loss: tuple[float, float] = (0, 0)):
    """Ratios that are the same in all groups but that of losses; the interval is .1 each way."""
    differences = [loss[0] - loss[1], *[stayed - defected] * (GROUPS - 1)]
    return ValueAtStake(
        margin_share=0.5,
        sizes=SIZES,
        stayed=(loss[0], *[stayed] * (GROUPS - 1)),
        defected=(loss[1], *[defected] * (GROUPS - 1)),
        low=tuple(d - 0.1 for d in differences),
        high=tuple(d + 0.1 for d in differences),
        snapshots=("2024-01-01",),
        outcome_end="2025-01-15",
    )


def test_value_at_stake_is_what_staying_brings_more() -> None:
    value, low, high = drawn().at_stake(past(100.0))
    assert (value, low, high) == (pytest.approx([70]), pytest.approx([60]), pytest.approx([80]))


def test_it_is_never_negative_by_chance() -> None:
    """Defectors that happened to bring more than stayers say that nothing is at stake."""
    value, low, high = drawn(stayed=0.25, defected=0.3).at_stake(past(100.0))
    assert (value, low, high) == (pytest.approx([0]), pytest.approx([0]), pytest.approx([5]))


def test_it_is_negative_for_an_account_kept_at_a_loss() -> None:
    """Where accounts that lost money went on losing it, to lose the account would save it."""
    value, low, high = drawn(loss=(0.8, 0.1)).at_stake(past(-100.0))
    assert (value, low, high) == (pytest.approx([-70]), pytest.approx([-80]), pytest.approx([-60]))
    # A loss by one large return: such accounts brought a profit in their next year.
    assert drawn(loss=(-0.5, -0.1)).at_stake(past(-100.0)).value == pytest.approx([40])


def test_a_size_begins_at_its_edge_and_the_new_are_apart() -> None:
    ratios = tuple(float(n) for n in range(GROUPS))
    found = ValueAtStake(
        0.5, SIZES, ratios, (0.0,) * GROUPS, ratios, ratios, ("2024-01-01",), "2025-01-15"
    )

    def group(rate: float, age: float) -> float:
        last = rate * min(age, 365) / 365
        return round(float(found.expected(past(last, age=age))[0][0]) / rate)

    assert [group(rate, 365) for rate in (1, 99, 100, 399, 400)] == [1, 1, 2, 4, 5]
    assert [group(rate, 364) for rate in (1, 400.1)] == [6, 10]


# --- its file -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [drawn(), ValueAtStake(0.4), ValueAtStake(None)])
def test_it_is_stored_as_plain_json(tmp_path, value: ValueAtStake) -> None:
    value.save(tmp_path)
    assert load(tmp_path) == value
    assert json.loads((tmp_path / FILE).read_text())["format"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"stayed": [1.0]},
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
