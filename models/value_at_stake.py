"""Value at stake: next year's margin if the account stays, less the same if it defects.

Both are expectations, learned from years that are over. An account's yearly rate, over its last two
years as far as it has been known, is multiplied by the ratio of what such accounts brought in the
next year to their rate: one ratio for those that stayed, one for those that defected, because many
a silent account comes back. Such accounts are those of the same size and age. The ratio of sums is
the estimate of least chance when the spread of margins grows with their size, and needs no
logarithm of what may be zero or negative (Cochran, 1977, on ratio estimators).

Stored as `value_at_stake.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import BoolArray, DateArray, FloatArray, IntArray, account_codes, latest_day
from models.errors import DamagedModel

FILE = "value_at_stake.json"
FORMAT = 1

YEAR_BEFORE_COUNTS = 0.5
"""What the year before last counts for in the rate, the last year counting 1."""

FEWEST_DAYS = 90
"""A rate is taken over no fewer days: one order in the first week is not one a week."""

SIZES = 5
"""Classes of size, by quantiles of the rate."""

NEW_DAYS = 365
"""An account known for fewer days is new: more of such leave, and those that stay grow."""

PRIOR_ROWS = 20
"""Rows of the class's common ratio that are counted into each group's own."""

FEWEST_ACCOUNTS = 20
"""Of either class, below which nothing is learned; nor, of those at a loss, about them."""

LEAST_RECORDED = 0.1
"""Share of what was traded for which a margin must be recorded."""

REPETITIONS = 500


@dataclass(frozen=True, eq=False)
class Traded:
    """What accounts traded in a window, returns deducted; each (n,), in units of the currency.

    recorded_margin and amount_with_margin: of the lines that record a margin;
    amount_without_margin: of those that do not. NaN where it is not known.
    """

    recorded_margin: FloatArray
    amount_with_margin: FloatArray
    amount_without_margin: FloatArray

    def margin_share(self, weight: FloatArray | None = None) -> float | None:
        """Return recorded margin over the amount that it was made on.

        weight: (n,), what each row counts; 1 each by default.
        None where it is recorded for less than a tenth of what was traded, or is no gain: a few
        lines would decide the margin of all.
        """
        counts = 1.0 if weight is None else weight
        amount = float(np.nansum(counts * self.amount_with_margin))
        margin = float(np.nansum(counts * self.recorded_margin))
        others = float(np.nansum(counts * np.abs(self.amount_without_margin)))
        enough = amount > 0 and amount >= LEAST_RECORDED * (amount + others)
        return margin / amount if enough and margin > 0 else None

    def worth(self, margin_share: float | None) -> FloatArray:
        """Return the margin, (n,); the revenue where `margin_share` is None.

        A line that records no margin has the share that the others have.
        """
        if margin_share is None:
            return self.amount_with_margin + self.amount_without_margin
        return self.recorded_margin + margin_share * self.amount_without_margin

    def rows(self, mask: BoolArray | IntArray) -> Traded:
        """Return the rows that `mask` (boolean, or row numbers) selects."""
        return Traded(
            self.recorded_margin[mask],
            self.amount_with_margin[mask],
            self.amount_without_margin[mask],
        )


@dataclass(frozen=True, eq=False)
class Past:
    """What is known of accounts at a snapshot, (n,) each.

    last_year: the 365 days before it; year_before: the 365 before those. age_days: since the first
    order.
    """

    last_year: Traded
    year_before: Traded
    age_days: FloatArray

    def rate(self, margin_share: float | None) -> FloatArray:
        """Return the margin (or revenue) a year, (n,), over the days that the account was known."""
        year = 365.0
        days = np.clip(self.age_days, 0, year)
        days += YEAR_BEFORE_COUNTS * np.clip(self.age_days - year, 0, year)
        worth = self.last_year.worth(margin_share)
        worth = worth + YEAR_BEFORE_COUNTS * self.year_before.worth(margin_share)
        return np.asarray(worth * year / np.maximum(days, FEWEST_DAYS), dtype=np.float64)

    def rows(self, mask: BoolArray | IntArray) -> Past:
        """Return the rows that `mask` (boolean, or row numbers) selects."""
        return Past(self.last_year.rows(mask), self.year_before.rows(mask), self.age_days[mask])


@dataclass(frozen=True, eq=False)
class Years:
    """Past and next year of accounts at snapshots, a row per (account, as_of).

    account, as_of: (n,). defected: (n,), 1 = by the definition, 0 = stayed. next_year: what was
    traded in the 365 days from the snapshot; NaN where that is not known. complete: datetime64[D]
    (n,), from when on it is. weight: (n,), what each row counts.
    """

    account: NDArray[Any]
    as_of: DateArray
    defected: NDArray[Any]
    past: Past
    next_year: Traded
    complete: DateArray
    weight: FloatArray


class Estimate(NamedTuple):
    """Value at stake and its interval, each (n,), in units of the currency.

    low, high: the 95 % interval of the expectation, by a bootstrap over accounts: how far it
    depends on which accounts there were to learn from. What a single account will bring spreads
    far more. NaN where nothing was learned.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class ValueAtStake:
    """The ratios of next year to the yearly rate, by group.

    margin_share: see `Traded.worth`; None for revenue. sizes: the rates that part the classes of
    size, in units of the currency. stayed, defected: a ratio per group; low, high: of their
    difference. The groups: accounts whose rate is zero or a loss; then the sizes of those known for
    a year, smallest first; then the sizes of the new ones. snapshots: learned from; outcome_end:
    the date at which the last of their years was complete. Without any, nothing was learned, and
    value at stake is last year's number.
    """

    margin_share: float | None
    sizes: tuple[float, ...] = ()
    stayed: tuple[float, ...] = ()
    defected: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    snapshots: tuple[str, ...] = ()
    outcome_end: str | None = None

    def __post_init__(self) -> None:
        """Refuse what does not fit together (ValueError)."""
        groups = 1 + 2 * (len(self.sizes) + 1) if self.snapshots else 0
        found = {len(part) for part in (self.stayed, self.defected, self.low, self.high)}
        if found != {groups} or list(self.sizes) != sorted(self.sizes):
            raise ValueError(f"{found} ratios for {groups} groups, parted at {self.sizes}")

    @property
    def learned(self) -> bool:
        """Whether there was a year to learn from."""
        return bool(self.snapshots)

    @property
    def basis(self) -> str:
        """`margin` or `revenue`; `last year's margin` or revenue where nothing was learned."""
        worth = "revenue" if self.margin_share is None else "margin"
        return worth if self.learned else f"last year's {worth}"

    def expected(self, past: Past) -> tuple[FloatArray, FloatArray]:
        """Return next year's margin (or revenue) if the account stays, and if it defects, (n,)."""
        if not self.learned:
            worth = past.last_year.worth(self.margin_share)
            return worth, np.zeros(len(worth))
        rate = past.rate(self.margin_share)
        group = _groups(rate, past.age_days, self.sizes)
        return np.array(self.stayed)[group] * rate, np.array(self.defected)[group] * rate

    def at_stake(self, past: Past) -> Estimate:
        """Return the value at stake of accounts.

        Negative only for an account that has been kept at a loss, where such accounts went on so.
        """
        stays, defects = self.expected(past)
        if not self.learned:
            unknown = np.full(len(stays), np.nan)
            return Estimate(stays, unknown, unknown)
        rate = past.rate(self.margin_share)
        group = _groups(rate, past.age_days, self.sizes)
        ends = np.sort(
            [np.array(self.low)[group] * rate, np.array(self.high)[group] * rate], axis=0
        )
        gains = rate > 0
        value, low, high = (
            np.where(gains, np.maximum(part, 0), part) for part in (stays - defects, *ends)
        )
        return Estimate(value, low, high)

    def save(self, folder: Path) -> None:
        """Write `value_at_stake.json` into the existing `folder`."""
        content = {"format": FORMAT, **asdict(self)}
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
        (folder / FILE).write_text(text, encoding="utf-8")


def fit(years: Years, seed: int = 0) -> ValueAtStake:
    """Learn from the rows whose next year is known.

    Nothing is learned from fewer than 20 accounts that stayed or 20 that defected; nor, of those at
    a loss, about them: at stake with them is then nothing.
    """
    margin_share = years.past.last_year.margin_share(years.weight)
    worth = years.next_year.worth(margin_share)
    known = ~np.isnan(worth) & (years.weight > 0)
    weight = years.weight[known]
    rate = years.past.rate(margin_share)[known]
    defected = np.asarray(years.defected)[known] == 1
    account = years.account[known]
    gains = rate > 0

    def too_few(some: BoolArray) -> bool:
        classes = (defected, ~defected)
        return min(len(set(account[some & part])) for part in classes) < FEWEST_ACCOUNTS

    if too_few(gains):
        return ValueAtStake(margin_share)
    sizes = tuple(_quantiles(rate[gains], weight[gains], np.linspace(0, 1, SIZES + 1)[1:-1]))
    group = _groups(rate, years.past.age_days[known], sizes)
    # What those bring who have returned everything is no multiple of their rate.
    moved = np.where(rate == 0, 0.0, worth[known])
    sums = _account_sums(account_codes(account), defected, group, moved, rate, weight)
    if too_few(rate < 0):
        sums[..., 0] = 0  # a few rates near zero would give ratios of any size
    stayed, left = _ratios(sums.sum(axis=0))
    random = np.random.default_rng(seed)
    accounts = len(sums)
    differences = []
    for _ in range(REPETITIONS):
        drawn = np.bincount(random.integers(0, accounts, accounts), minlength=accounts)
        one, other = _ratios(np.tensordot(drawn, sums, axes=1))
        differences.append(one - other)
    low, high = np.percentile(differences, [2.5, 97.5], axis=0)
    return ValueAtStake(
        margin_share=margin_share,
        sizes=sizes,
        stayed=tuple(stayed.tolist()),
        defected=tuple(left.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        snapshots=tuple(str(day) for day in np.unique(years.as_of[known])),
        outcome_end=latest_day(years.complete[known]).isoformat(),
    )


def load(folder: Path) -> ValueAtStake:
    """Read what `save` wrote, its hash having been checked; DamagedModel when it cannot be."""
    try:
        content: Mapping[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, but this program reads {FORMAT}")
        listed = {name: tuple(part) for name, part in content.items() if isinstance(part, list)}
        if content["outcome_end"] is not None:
            date.fromisoformat(content["outcome_end"])
        return ValueAtStake(
            margin_share=content["margin_share"], outcome_end=content["outcome_end"], **listed
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedModel(f"{folder / FILE} cannot be read ({error!r}). Retrain.") from error


def _groups(rate: FloatArray, age_days: FloatArray, sizes: tuple[float, ...]) -> IntArray:
    """The number of each account's group, (n,); see `ValueAtStake`."""
    size = 1 + np.searchsorted(sizes, rate, side="right")
    group = size + np.where(age_days < NEW_DAYS, len(sizes) + 1, 0)
    return np.asarray(np.where(rate > 0, group, 0), dtype=np.int64)


def _quantiles(values: FloatArray, weight: FloatArray, shares: FloatArray) -> list[float]:
    """Those of weighted values; between the values where each counts the same."""
    if (weight == weight[0]).all():
        return [float(value) for value in np.quantile(values, shares)]
    found = np.quantile(values, shares, weights=weight, method="inverted_cdf")
    return [float(value) for value in found]


def _account_sums(
    codes: IntArray,
    defected: BoolArray,
    group: IntArray,
    worth: FloatArray,
    rate: FloatArray,
    weight: FloatArray,
) -> FloatArray:
    """Worth, rate and rows by account, class and group: (accounts, 3, 2, groups)."""
    shape = (int(codes.max()) + 1, 2, 1 + 2 * SIZES)
    cell = np.ravel_multi_index((codes, defected.astype(np.int64), group), shape)
    summed = [
        np.bincount(cell, weight * values, int(np.prod(shape))).reshape(shape)
        for values in (worth, rate, np.ones(len(rate)))
    ]
    return np.stack(summed, axis=1)


def _ratios(sums: FloatArray) -> FloatArray:
    """Worth over rate by class and group, (2, groups), from the sums (3, 2, groups).

    Each group's own, with the class's common ratio counted in for PRIOR_ROWS rows. What is known of
    profitable accounts says nothing of those kept at a loss: for these it is 0.
    """
    worth, rate, rows = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        common = np.repeat(worth[:, 1:].sum(axis=1) / rate[:, 1:].sum(axis=1), rate.shape[1])
        common = np.nan_to_num(common.reshape(rate.shape))
        common[:, 0] = 0
        prior = PRIOR_ROWS * rate / rows
        ratio = (worth + common * prior) / (rate + prior)
    ratio = np.where(np.isfinite(ratio), ratio, common)
    # A loss is not expected to grow, nor to turn into a larger gain.
    ratio[:, 0] = np.clip(ratio[:, 0], -1, 1)
    return ratio
