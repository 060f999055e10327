"""Value at stake: next year's margin if the account stays, less the same if it defects.

Both are expectations, learned from years that are over. An account's yearly rate, over its last two
years as far as it has been known, is multiplied by the ratio of what such accounts brought in the
next year to their rate: one ratio for those that stayed, one for those that defected, because many
a silent account comes back. Such accounts are those of the same size and age; newcomers form one
group. The ratio of sums is the estimate of least chance when the spread of margins grows with their
size, and needs no logarithm of what may be zero or negative (Cochran, 1977, on ratio estimators).

The interval is the account's own: between its ends lies next year's margin of nine in ten accounts
that stay the whole year. The ends are quantiles of the same ratio among such accounts of the group.

Stored as `value_at_stake.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import BoolArray, DateArray, FloatArray, IntArray, latest_day
from models.errors import DamagedModel

FILE = "value_at_stake.json"
FORMAT = 2

YEAR_BEFORE_COUNTS = 0.5
"""What the year before last counts for in the rate, the last year counting 1."""

THIN_HISTORY_DAYS = 3
"""Order days below which a history is too short to know its rhythm."""

NEWCOMER_DAYS = 90
"""An account known for fewer days, or with a thin history, is a newcomer: what it has brought so
far counts as a year's. One order in the first week is not one a week."""

SIZES = 5
"""Classes of size, by quantiles of the rate."""

NEW_DAYS = 365
"""An account known for fewer days is new: more of such leave, and those that stay grow."""

PRIOR_ROWS = 20
"""Rows that all groups together count for within each group."""

FEWEST_ACCOUNTS = 20
"""Of either class, below which nothing is learned; nor, of those at a loss, about them."""

LEAST_RECORDED = 0.1
"""Share of what was traded for which a margin must be recorded."""

INSIDE = 0.9
"""Share of the accounts that stay whose next year lies in the interval."""


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
    order. order_days: on which it ever ordered.
    """

    last_year: Traded
    year_before: Traded
    age_days: FloatArray
    order_days: FloatArray

    @property
    def newcomer(self) -> BoolArray:
        """Which accounts are newcomers, (n,)."""
        return (self.order_days < THIN_HISTORY_DAYS) | (self.age_days < NEWCOMER_DAYS)

    def rate(self, margin_share: float | None) -> FloatArray:
        """Return the margin (or revenue) a year, (n,), over the days that the account was known.

        Over a year or more for a newcomer.
        """
        year = 365.0
        days = np.clip(self.age_days, 0, year)
        days += YEAR_BEFORE_COUNTS * np.clip(self.age_days - year, 0, year)
        worth = self.last_year.worth(margin_share)
        worth = worth + YEAR_BEFORE_COUNTS * self.year_before.worth(margin_share)
        days = np.where(self.newcomer, np.maximum(days, year), days)
        return np.asarray(worth * year / days, dtype=np.float64)

    def rows(self, mask: BoolArray | IntArray) -> Past:
        """Return the rows that `mask` (boolean, or row numbers) selects."""
        return Past(
            self.last_year.rows(mask),
            self.year_before.rows(mask),
            self.age_days[mask],
            self.order_days[mask],
        )


@dataclass(frozen=True, eq=False)
class Years:
    """Past and next year of accounts at snapshots, a row per (account, as_of).

    account, as_of: (n,). defected: (n,), 1 = by the definition, 0 = stayed. next_year: what was
    traded in the 365 days from the snapshot; NaN where that is not known. complete: datetime64[D]
    (n,), from when on it is. stayed: (n,), 1 = it stayed the whole of that year, 0 = it did not,
    NaN where that is not known. stayed_complete: as complete. weight: (n,), what each row counts.
    """

    account: NDArray[Any]
    as_of: DateArray
    defected: NDArray[Any]
    past: Past
    next_year: Traded
    complete: DateArray
    stayed: FloatArray
    stayed_complete: DateArray
    weight: FloatArray

    def rows(self, mask: BoolArray | IntArray) -> Years:
        """Return the rows that `mask` (boolean, or row numbers) selects."""
        return Years(
            self.account[mask],
            self.as_of[mask],
            self.defected[mask],
            self.past.rows(mask),
            self.next_year.rows(mask),
            self.complete[mask],
            self.stayed[mask],
            self.stayed_complete[mask],
            self.weight[mask],
        )

    def known_at(self, day: np.datetime64) -> Years:
        """Return the rows up to the snapshot `day`, with what was known by then of their future."""
        part = self.rows(self.as_of <= day)
        year = part.next_year
        over = part.complete <= day
        return replace(
            part,
            next_year=Traded(
                np.where(over, year.recorded_margin, np.nan),
                np.where(over, year.amount_with_margin, np.nan),
                np.where(over, year.amount_without_margin, np.nan),
            ),
            stayed=np.where(part.stayed_complete <= day, part.stayed, np.nan),
        )


class Estimate(NamedTuple):
    """Value at stake, and what next year brings if the account stays, (n,), in the currency.

    value: see `ValueAtStake.expected`. low, high: between them lies next year's margin (or revenue)
    of nine in ten such accounts that stay the whole year; NaN where too little is known of such.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class ValueAtStake:
    """The ratios of next year to the yearly rate, by group.

    margin_share: see `Traded.worth`; None for revenue. sizes: the rates that part the classes of
    size, in units of the currency. stayed, defected: the mean ratio per group, by the label. The
    groups: accounts whose rate is zero or a loss; then the sizes of those known for a year,
    smallest first; then the sizes of the new ones; then newcomers. low, high: quantiles of the
    ratio among those that stayed the whole year, per group without the first; empty where too few
    did. snapshots: learned from; outcome_end: the date at which the last of their outcomes was
    complete. Without any, nothing was learned, and value at stake is last year's number.
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
        groups = _group_count(len(self.sizes)) if self.snapshots else 0
        found = {len(part) for part in (self.stayed, self.defected)}
        ends = {len(part) for part in (self.low, self.high)}
        fit_together = found == {groups} and ends in ({0}, {groups - 1})
        if not fit_together or list(self.sizes) != sorted(self.sizes):
            raise ValueError(f"{found}, {ends} ratios for {groups} groups, parted at {self.sizes}")

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
        group = _groups(rate, past, self.sizes)
        return np.array(self.stayed)[group] * rate, np.array(self.defected)[group] * rate

    def at_stake(self, past: Past) -> Estimate:
        """Return the value at stake of accounts.

        Negative only for an account that has been kept at a loss, where such accounts went on so.
        """
        stays, defects = self.expected(past)
        low = high = np.full(len(stays), np.nan)
        if not self.learned:
            return Estimate(stays, low, high)
        rate = past.rate(self.margin_share)
        gains = rate > 0
        if self.low:
            place = np.maximum(_groups(rate, past, self.sizes) - 1, 0)
            low, high = (
                np.where(gains, np.array(end)[place] * rate, np.nan)
                for end in (self.low, self.high)
            )
        return Estimate(np.where(gains, np.maximum(stays - defects, 0), stays - defects), low, high)

    def save(self, folder: Path) -> None:
        """Write `value_at_stake.json` into the existing `folder`."""
        content = {"format": FORMAT, **asdict(self)}
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
        (folder / FILE).write_text(text, encoding="utf-8")


def fit(years: Years) -> ValueAtStake:
    """Learn from the rows whose next year is known.

    Nothing is learned from fewer than 20 accounts that stayed or 20 that defected; nor, of those at
    a loss, about them: at stake with them is then nothing. There are no ends of the interval where
    fewer than 20 accounts stayed the whole year.
    """
    margin_share = years.past.last_year.margin_share(years.weight)
    worth = years.next_year.worth(margin_share)
    known = ~np.isnan(worth) & (years.weight > 0)
    years, worth = years.rows(known), worth[known]
    weight, account = years.weight, years.account
    rate = years.past.rate(margin_share)
    defected = np.asarray(years.defected) == 1
    gains = rate > 0

    def too_few(some: BoolArray) -> bool:
        classes = (defected, ~defected)
        return min(len(set(account[some & part])) for part in classes) < FEWEST_ACCOUNTS

    if too_few(gains):
        return ValueAtStake(margin_share)
    sizes = tuple(_quantiles(rate[gains], weight[gains], np.linspace(0, 1, SIZES + 1)[1:-1]))
    group = _groups(rate, years.past, sizes)
    # What those bring who have returned everything is no multiple of their rate.
    moved = np.where(rate == 0, 0.0, worth)
    sums = _sums(defected, group, moved, rate, weight)
    if too_few(rate < 0):
        sums[..., 0] = 0  # a few rates near zero would give ratios of any size
    stayed, left = _ratios(sums)
    stayers = gains & (years.stayed == 1)
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    complete = years.complete
    if len(set(account[stayers])) >= FEWEST_ACCOUNTS:
        ratio = worth[stayers] / rate[stayers]
        low, high = _ends(ratio, group[stayers] - 1, account[stayers], weight[stayers])
        told = ~np.isnan(years.stayed)
        complete = np.concatenate([complete, years.stayed_complete[told]])
    return ValueAtStake(
        margin_share=margin_share,
        sizes=sizes,
        stayed=tuple(stayed.tolist()),
        defected=tuple(left.tolist()),
        low=low,
        high=high,
        snapshots=tuple(str(day) for day in np.unique(years.as_of)),
        outcome_end=latest_day(complete).isoformat(),
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


def _group_count(sizes: int) -> int:
    """How many groups there are with so many edges between the classes of size."""
    return 2 + 2 * (sizes + 1)


def _groups(rate: FloatArray, past: Past, sizes: tuple[float, ...]) -> IntArray:
    """The number of each account's group, (n,); see `ValueAtStake`."""
    size = 1 + np.searchsorted(sizes, rate, side="right")
    group = size + np.where(past.age_days < NEW_DAYS, len(sizes) + 1, 0)
    group = np.where(past.newcomer, _group_count(len(sizes)) - 1, group)
    return np.asarray(np.where(rate > 0, group, 0), dtype=np.int64)


def _quantiles(values: FloatArray, weight: FloatArray, shares: FloatArray) -> list[float]:
    """Those of weighted values; between the values where each counts the same."""
    if (weight == weight[0]).all():
        return [float(value) for value in np.quantile(values, shares)]
    found = np.quantile(values, shares, weights=weight, method="inverted_cdf")
    return [float(value) for value in found]


def _ends(
    ratio: FloatArray, group: IntArray, account: NDArray[Any], weight: FloatArray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The ends of the interval of the ratio, per group; all rows count into each for PRIOR_ROWS.

    A quantile of few accounts is too narrow for the next one: as in conformal prediction, of n + 1
    accounts so many are to lie inside.
    """
    order = np.argsort(ratio, kind="stable")
    ratio, group, account, weight = ratio[order], group[order], account[order], weight[order]
    low: list[float] = []
    high: list[float] = []
    for number in range(_group_count(SIZES - 1) - 1):
        own = group == number
        counts = np.cumsum(np.where(own, weight, 0.0) + PRIOR_ROWS * weight / weight.sum())
        accounts = len(set(account[own])) + PRIOR_ROWS
        part = min((1 + INSIDE) / 2 * (1 + 1 / accounts), 1.0)
        for ends, share in ((low, 1 - part), (high, part)):
            place = np.searchsorted(counts, share * counts[-1])
            ends.append(float(ratio[min(place, len(ratio) - 1)]))
    return tuple(low), tuple(high)


def _sums(
    defected: BoolArray, group: IntArray, worth: FloatArray, rate: FloatArray, weight: FloatArray
) -> FloatArray:
    """Worth, rate and rows by class and group: (3, 2, groups)."""
    shape = (2, _group_count(SIZES - 1))
    cell = np.ravel_multi_index((defected.astype(np.int64), group), shape)
    summed = [
        np.bincount(cell, weight * values, int(np.prod(shape))).reshape(shape)
        for values in (worth, rate, np.ones(len(rate)))
    ]
    return np.stack(summed)


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
