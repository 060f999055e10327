"""The table that models learn from, as plain arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.ranks import Ranks, of_one_snapshot, within_snapshots

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
DateArray = NDArray[np.datetime64]

AGE = "days_since_first_order"
"""The feature that says how long an account has been a customer."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """The accounts of one snapshot, without their labels.

    features: float64 (n, p), columns as in names. account: (n,) account ids. stands_for: (n,), how
    many accounts of the snapshot each row stands for, above 0; 1 each by default. known_ranks:
    the features as ranks, where they have been computed.
    """

    as_of: date
    features: FloatArray
    names: tuple[str, ...]
    account: NDArray[Any]
    stands_for: FloatArray | None = None
    known_ranks: Ranks | None = None

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.account)

    def column(self, name: str) -> FloatArray:
        """Return one feature as (n,); KeyError names it when it is not there."""
        return _column(self.features, self.names, name)

    @cached_property
    def ranks(self) -> Ranks:
        """The features as ranks, (n, p); see `models.ranks`."""
        if self.known_ranks is not None:
            return self.known_ranks
        return of_one_snapshot(self.features, stands_for=self.stands_for)


@dataclass(frozen=True, eq=False)
class Panel:
    """What was known of accounts at snapshots, one row per (account, as_of), without outcomes.

    features: float64 (n, p), NaN where a value is unknown or not applicable.
    names: the p feature names, unique, of letters, digits and underscores.
    account: (n,) account ids.
    as_of: datetime64[D] (n,), the snapshot.
    weight: float64 (n,), what a row counts where something is learned: how many accounts of its
        snapshot it stands for. 0 for a row that is only there to be predicted: its snapshot is
        whole, and others stand for it in what is learned.
    threads: that compute ranks, at least 1.

    Raises ValueError when shapes or types do not fit, a value is infinite, or a row occurs twice.
    """

    features: FloatArray
    names: tuple[str, ...]
    account: NDArray[Any]
    as_of: DateArray
    weight: FloatArray
    threads: int = 1

    def __post_init__(self) -> None:
        """Check what every later step relies on."""
        if self.features.ndim != 2 or self.features.dtype != np.float64:
            raise ValueError(
                f"features must be a float64 matrix, not {self.features.dtype} "
                f"of shape {self.features.shape}"
            )
        rows, columns = self.features.shape
        if len(self.names) != columns:
            raise ValueError(f"{columns} feature columns but {len(self.names)} names")
        bad = sorted({n for n in self.names if not n.isidentifier() or self.names.count(n) > 1})
        if bad:
            raise ValueError(f"feature names must be unique identifiers; not so: {bad[:5]}")
        _require_shapes(self, rows, "account", "as_of", "weight")
        _require_days(self, "as_of")
        if not (np.isfinite(self.weight) & (self.weight >= 0)).all():
            raise ValueError("weights must be finite and at least 0")
        infinite = [i for i in range(columns) if np.isinf(self.features[:, i]).any()]
        if infinite:
            raise ValueError(f"infinite values in {[self.names[i] for i in infinite[:5]]}")
        order = self.order
        codes = self.codes[order]
        repeated = int(
            ((np.diff(codes) == 0) & (np.diff(self.as_of[order]).astype(int) == 0)).sum()
        )
        if repeated:
            raise ValueError(f"{repeated} rows repeat an (account, as_of) that is already there")

    @cached_property
    def codes(self) -> IntArray:
        """Each account's rank among the ids, (n,)."""
        return account_codes(self.account)

    @cached_property
    def order(self) -> IntArray:
        """Row numbers sorted by as_of, then account: the order that models are fitted in."""
        return np.lexsort((self.codes, self.as_of)).astype(np.int64)

    @cached_property
    def place(self) -> IntArray:
        """Where each row is in that order, (n,)."""
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = np.arange(len(place))
        return place

    @cached_property
    def stands_for(self) -> FloatArray:
        """How many accounts of its snapshot each row stands for where it is measured, (n,).

        1 at a snapshot that is whole, which is where a row has no weight; elsewhere the weight.
        """
        whole = np.isin(self.as_of, np.unique(self.as_of[self.weight == 0]))
        return np.where(whole, 1.0, self.weight)

    @cached_property
    def ranks(self) -> Ranks:
        """The features as ranks, (n, p); see `models.ranks`."""
        sampled = None if (self.stands_for == 1).all() else self.stands_for
        return within_snapshots(self.features, self.as_of, sampled, self.threads)

    def only(self, names: Collection[str]) -> Panel:
        """The same rows with some of the features, in the order that they have here."""
        kept = [name in names for name in self.names]
        return Panel(
            self.features[:, kept],
            tuple(name for name in self.names if name in names),
            self.account,
            self.as_of,
            self.weight,
            self.threads,
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of a panel with their outcomes; several outcomes share one panel.

    panel: the rows' features. row: int64 (n,), their numbers in it.
    label: int8 (n,), 1 = defected, 0 = stayed.
    label_complete: datetime64[D] (n,), the first date at which the label is known, reporting lag
        included; later than as_of, and not depending on the label itself.
    treated: bool (n,), whether something was done about the account before its label was complete,
        which may have changed it.
    learnable: bool (n,), whether a row belongs to what is learned; all rows by default. The others
        are only predicted.

    Raises ValueError when shapes or types do not fit.
    """

    panel: Panel
    row: IntArray
    label: NDArray[np.int8]
    label_complete: DateArray
    treated: BoolArray
    learnable: BoolArray | None = None

    def __post_init__(self) -> None:
        """Check what every later step relies on."""
        _require_shapes(self, len(self.row), "label", "label_complete", "treated")
        if self.learnable is not None:
            _require_shapes(self, len(self.row), "learnable")
        _require_days(self, "label_complete")
        if self.label.dtype != np.int8 or not np.isin(self.label, (0, 1)).all():
            raise ValueError("label must be int8 and hold only 0 (stayed) and 1 (defected)")
        early = int((self.label_complete <= self.as_of).sum())
        if early:
            raise ValueError(f"{early} rows have label_complete on or before their as_of")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row)

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names."""
        return self.panel.names

    @property
    def features(self) -> FloatArray:
        """The features, (n, p); rows that lie side by side share the panel's memory."""
        return self.panel.features[as_stretch(self.row)]

    @property
    def account(self) -> NDArray[Any]:
        """The account ids, (n,)."""
        return self.panel.account[self.row]

    @property
    def as_of(self) -> DateArray:
        """The snapshots, (n,)."""
        return self.panel.as_of[self.row]

    @property
    def weight(self) -> FloatArray:
        """What each row counts where something is learned, (n,); see `Panel`."""
        return self.panel.weight[self.row]

    @property
    def stands_for(self) -> FloatArray:
        """How many accounts each row stands for where it is measured, (n,); see `Panel`."""
        return self.panel.stands_for[self.row]

    def rows(self, mask: BoolArray | IntArray) -> Dataset:
        """Return the rows that `mask` (boolean, or row numbers) selects, in that order."""
        return replace(
            self,
            row=self.row[mask],
            label=self.label[mask],
            label_complete=self.label_complete[mask],
            treated=self.treated[mask],
            learnable=None if self.learnable is None else self.learnable[mask],
        )

    def teaches(self, from_treated: bool) -> BoolArray:
        """Return which rows may be learned from, (n,): learnable ones with a weight."""
        return teaching(self.weight, self.treated, self.learnable, from_treated)

    def order(self) -> IntArray:
        """Return row numbers sorted by as_of, then account: the order that models are fitted in."""
        return np.argsort(self.panel.place[self.row])

    def column(self, name: str) -> FloatArray:
        """Return one feature as (n,); KeyError names it when it is not there."""
        return _column(self.panel.features, self.names, name)[self.row]

    @property
    def age(self) -> FloatArray:
        """Days since the first order, (n,)."""
        return age_of(self.panel.features, self.names)[self.row]

    def cohort(self, snapshot: date) -> Cohort:
        """Return the rows of a snapshot, in their order, as those who score them may see them."""
        row = as_stretch(self.row[self.as_of == np.datetime64(snapshot, "D")])
        panel = self.panel
        return Cohort(
            snapshot,
            panel.features[row],
            self.names,
            panel.account[row],
            panel.stands_for[row],
            panel.ranks[row],
        )

    def snapshots(self) -> list[date]:
        """Return the distinct snapshots, earliest first."""
        return [day.item() for day in np.unique(self.as_of)]

    def rates(self, since: date | None = None) -> dict[date, float]:
        """Return the share of defectors, 0-1, of each snapshot since a date, earliest first."""
        snapshots, codes = np.unique(self.as_of, return_inverse=True)
        weight = self.weight
        found = {
            day.item(): float(defected / every)
            for day, defected, every in zip(
                snapshots,
                np.bincount(codes, weight * self.label),
                np.bincount(codes, weight),
                strict=True,
            )
            if every > 0
        }
        return {day: rate for day, rate in found.items() if since is None or day >= since}


def _require_shapes(table: Panel | Dataset, rows: int, *names: str) -> None:
    for name in names:
        shape = getattr(table, name).shape
        if shape != (rows,):
            raise ValueError(f"{name} has shape {shape}; features have {rows} rows")


def _require_days(table: Panel | Dataset, name: str) -> None:
    values = getattr(table, name)
    if values.dtype != np.dtype("datetime64[D]") or np.isnat(values).any():
        raise ValueError(f"{name} must be datetime64[D] without NaT, not {values.dtype}")


def teaching(
    weight: FloatArray, treated: BoolArray, learnable: BoolArray | None, from_treated: bool
) -> BoolArray:
    """Return which rows may be learned from, (n,): learnable ones with a weight.

    from_treated: whether treated rows are among them. learnable: see `Dataset`.
    """
    counts = np.asarray(weight > 0, dtype=np.bool_)
    if learnable is not None:
        counts = counts & learnable
    return counts if from_treated else counts & ~treated


def _column(features: FloatArray, names: Sequence[str], name: str) -> FloatArray:
    if name not in names:
        raise KeyError(f"no feature {name!r} in the dataset")
    return features[:, names.index(name)]


def age_of(features: FloatArray, names: Sequence[str]) -> FloatArray:
    """Return the days since the first order, (n,); NaN where no feature says them."""
    return _column(features, names, AGE) if AGE in names else np.full(len(features), np.nan)


def as_stretch(mask: BoolArray | IntArray) -> BoolArray | IntArray | slice:
    """Return the same choice as a slice, which makes no copy, where the rows lie side by side."""
    chosen = np.flatnonzero(mask) if mask.dtype == np.bool_ else mask
    if len(chosen) and (np.diff(chosen) == 1).all():
        return slice(int(chosen[0]), int(chosen[-1]) + 1)
    return mask


def account_codes(account: NDArray[Any]) -> IntArray:
    """Return for each id its rank among the distinct ids, (n,) from 0: numbers instead of text."""
    numbers = account.dtype.kind == "i"
    codes, _ = pd.factorize(account if numbers else np.asarray(account, dtype=object), sort=True)
    return codes.astype(np.int64)


def latest_day(days: DateArray) -> date:
    """Return the last of at least one day."""
    latest: date = days.max().astype(object)
    return latest
