"""The table that models learn from, as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
DateArray = NDArray[np.datetime64]

NOBODY: BoolArray = np.zeros(0, dtype=np.bool_)
"""Stands for a mask that is false for every row, however many there are."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """The accounts of one snapshot, without their labels.

    features: float64 (n, p), columns as in names. account: (n,) account ids.
    """

    as_of: date
    features: FloatArray
    names: tuple[str, ...]
    account: NDArray[Any]

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.account)

    def column(self, name: str) -> FloatArray:
        """Return one feature as (n,); KeyError names it when it is not there."""
        return _column(self.features, self.names, name)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features and labels, one row per (account, as_of).

    features: float64 (n, p), NaN where a value is unknown or not applicable.
    names: the p feature names, unique, of letters, digits and underscores.
    label: int8 (n,), 1 = defected, 0 = stayed.
    account: (n,) account ids.
    as_of: datetime64[D] (n,), the snapshot.
    label_complete: datetime64[D] (n,), the first date at which the label is known, reporting lag
        included; later than as_of, and not depending on the label itself.
    treated: bool (n,), whether something was done about the account before its label was complete,
        which may have changed it; nobody where it is not given.

    Raises ValueError when shapes or types do not fit, a value is infinite, or a row occurs twice.
    """

    features: FloatArray
    names: tuple[str, ...]
    label: NDArray[np.int8]
    account: NDArray[Any]
    as_of: DateArray
    label_complete: DateArray
    treated: BoolArray = field(default_factory=lambda: NOBODY)

    def __post_init__(self) -> None:
        """Check what every later step relies on."""
        if self.treated is NOBODY:
            object.__setattr__(self, "treated", np.zeros(len(self.label), dtype=np.bool_))
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
        for name in ("label", "account", "as_of", "label_complete", "treated"):
            shape = getattr(self, name).shape
            if shape != (rows,):
                raise ValueError(f"{name} has shape {shape}; features have {rows} rows")
        for name in ("as_of", "label_complete"):
            values = getattr(self, name)
            if values.dtype != np.dtype("datetime64[D]") or np.isnat(values).any():
                raise ValueError(f"{name} must be datetime64[D] without NaT, not {values.dtype}")
        if self.label.dtype != np.int8 or not np.isin(self.label, (0, 1)).all():
            raise ValueError("label must be int8 and hold only 0 (stayed) and 1 (defected)")
        if np.isinf(self.features).any():
            columns_hit = np.flatnonzero(np.isinf(self.features).any(axis=0))[:5]
            raise ValueError(f"infinite values in {[self.names[i] for i in columns_hit]}")
        early = int((self.label_complete <= self.as_of).sum())
        if early:
            raise ValueError(f"{early} rows have label_complete on or before their as_of")
        order = self.order()
        codes = account_codes(self.account)[order]
        repeated = int(
            ((np.diff(codes) == 0) & (np.diff(self.as_of[order]).astype(int) == 0)).sum()
        )
        if repeated:
            raise ValueError(f"{repeated} rows repeat an (account, as_of) that is already there")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.label)

    def rows(self, mask: BoolArray | IntArray) -> Dataset:
        """Return the rows that `mask` (boolean, or row numbers) selects, in that order.

        Rows that lie side by side share the memory of these: nobody changes values in place.
        """
        where = as_stretch(mask)
        return self._with_rows(lambda values: values[where])

    def taught(self, from_treated: bool) -> Dataset:
        """Return the rows that may be learned from: all, or those that nobody acted on."""
        return self if from_treated else self.rows(~self.treated)

    def with_features(self, features: FloatArray) -> Dataset:
        """Return the same rows with other features under the same names; (n, p), not infinite."""
        other = self._with_rows(lambda values: values)
        object.__setattr__(other, "features", features)
        return other

    def only(self, names: Collection[str]) -> Dataset:
        """Return the same rows with some of the features, in the order that they have here."""
        kept = [name in names for name in self.names]
        other = self.with_features(self.features[:, kept])
        object.__setattr__(other, "names", tuple(name for name in self.names if name in names))
        return other

    def order(self) -> IntArray:
        """Return row numbers sorted by as_of, then account: the order that models are fitted in."""
        return np.lexsort((account_codes(self.account), self.as_of)).astype(np.int64)

    def column(self, name: str) -> FloatArray:
        """Return one feature as (n,); KeyError names it when it is not there."""
        return _column(self.features, self.names, name)

    def cohort(self, snapshot: date) -> Cohort:
        """Return the rows of a snapshot, in their order, as those who score them may see them."""
        here = self.as_of == np.datetime64(snapshot, "D")
        return Cohort(snapshot, self.features[here], self.names, self.account[here])

    def snapshots(self) -> list[date]:
        """Return the distinct snapshots, earliest first."""
        return [day.item() for day in np.unique(self.as_of)]

    def rates(self, since: date | None = None) -> dict[date, float]:
        """Return the share of defectors, 0-1, of each snapshot since a date, earliest first."""
        snapshots, codes = np.unique(self.as_of, return_inverse=True)
        shares = np.bincount(codes, self.label) / np.bincount(codes)
        found = {day.item(): float(rate) for day, rate in zip(snapshots, shares, strict=True)}
        return {day: rate for day, rate in found.items() if since is None or day >= since}

    def _with_rows(self, take: Callable[[Any], Any]) -> Dataset:
        """Rebuild from already checked rows; a subset of valid rows is valid."""
        part = object.__new__(Dataset)
        for name in ("features", "label", "account", "as_of", "label_complete", "treated"):
            object.__setattr__(part, name, take(getattr(self, name)))
        object.__setattr__(part, "names", self.names)
        return part


def _column(features: FloatArray, names: tuple[str, ...], name: str) -> FloatArray:
    if name not in names:
        raise KeyError(f"no feature {name!r} in the dataset")
    return features[:, names.index(name)]


def as_stretch(mask: BoolArray | IntArray) -> BoolArray | IntArray | slice:
    """Return the same choice as a slice, which makes no copy, where the rows lie side by side."""
    chosen = np.flatnonzero(mask) if mask.dtype == np.bool_ else mask
    if len(chosen) and (np.diff(chosen) == 1).all():
        return slice(int(chosen[0]), int(chosen[-1]) + 1)
    return mask


def account_codes(account: NDArray[Any]) -> IntArray:
    """Return for each id its rank among the distinct ids, (n,) from 0: numbers instead of text."""
    codes, _ = pd.factorize(np.asarray(account, dtype=object), sort=True)
    return codes.astype(np.int64)


def latest_day(days: DateArray) -> date:
    """Return the last of at least one day."""
    latest: date = days.max().astype(object)
    return latest
