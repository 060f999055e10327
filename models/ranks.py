"""Features as ranks within their snapshot: who is silent longer than others, not how long.

Levels move with the season and with growth; an account's place among the others of its snapshot
does not. So what is learned at one snapshot holds at the next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from joblib import Parallel, delayed

from models.dataset import Dataset, DateArray, FloatArray, IntArray

_COLUMNS_AT_ONCE = 8


def within_snapshots(features: FloatArray, as_of: DateArray) -> FloatArray:
    """Return each value's rank among the known ones of its column and snapshot, (n, p).

    features: (n, p); as_of: (n,). A rank is (place - 0.5) / known values, between 0 and 1; equal
    values share the mean of their places. NaN stays NaN.
    """
    ranks = np.empty(features.shape)  # row by row, as trees are fitted: a stretch needs no copy
    for day in np.unique(as_of):
        here = as_of == day
        ranks[here] = of_one_snapshot(features[here])
    return ranks


def ranked(dataset: Dataset) -> Dataset:
    """Return the same rows with ranks in place of values."""
    return dataset.with_features(within_snapshots(dataset.features, dataset.as_of))


def ranked_together(parts: Sequence[Dataset]) -> list[Dataset]:
    """Return each with ranks in place of values; what several of them hold is ranked once.

    parts: each by as_of, then account. At the snapshots that two of them have, they have the same
    accounts with the same features, or each is ranked by itself.
    """
    longest = max(parts, key=len)
    ranks = ranked(longest)
    return [_like(part, longest, ranks) for part in parts]


def _like(part: Dataset, other: Dataset, ranks: Dataset) -> Dataset:
    """The part with what was ranked of another that holds its rows, else ranked by itself."""
    if part is other:
        return ranks
    here = np.isin(other.as_of, np.unique(part.as_of))
    same = int(here.sum()) == len(part) and np.array_equal(other.account[here], part.account)
    if same and np.array_equal(other.rows(here).features, part.features, equal_nan=True):
        return part.with_features(ranks.rows(here).features)
    return ranked(part)


def of_one_snapshot(features: FloatArray, threads: int = 1) -> FloatArray:
    """Return the ranks of rows that are all of the same snapshot, (n, p), column by column."""
    ranks = np.empty(features.shape, order="F")

    def rank(first: int) -> None:
        block = slice(first, first + _COLUMNS_AT_ONCE)
        # Side by side in the rows, so that a row is fetched once for all columns of the block.
        for place, values in enumerate(np.ascontiguousarray(features[:, block].T), first):
            ranks[:, place] = _ranks_of(values)

    firsts = range(0, features.shape[1], _COLUMNS_AT_ONCE)
    Parallel(n_jobs=threads, prefer="threads")(delayed(rank)(first) for first in firsts)
    return ranks


def _ranks_of(values: FloatArray) -> FloatArray:
    """The ranks of one column, (n,); see `within_snapshots`."""
    order = np.argsort(values)  # NaN comes last
    known = len(values) - int(np.isnan(values).sum())
    ranks = np.full(len(values), np.nan)
    if known:
        ordered = values[order[:known]]
        begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        ends = np.append(begins[1:], known)
        places = (begins + ends + 1) / 2  # the mean of begins + 1 to ends
        ranks[order[:known]] = np.repeat((places - 0.5) / known, ends - begins)
    return ranks


def of_the_median(features: FloatArray, rows: IntArray) -> FloatArray:
    """Return the rank that each value of some rows would have if it were its column's median.

    features: (n, p), all of the same snapshot; rows: (r,), of those asked about. Returns (r, p):
    what `of_one_snapshot` gives where that one value is replaced by the median of the known ones
    and the rest stays. NaN stays NaN: what is not known is not made known.
    """
    asked = features[rows]
    ranks = np.full(asked.shape, np.nan)
    for column in np.flatnonzero(~np.isnan(asked).all(axis=0)):
        values = features[~np.isnan(features[:, column]), column]
        median = np.median(values)
        before, now = np.sum(values < median), np.sum(values == median)
        own = asked[:, column]
        less, equal = before - (own < median), now - (own == median) + 1
        ranks[:, column] = (less + (equal + 1) / 2 - 0.5) / len(values)
    ranks[np.isnan(asked)] = np.nan
    return ranks
