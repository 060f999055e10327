"""Features as ranks within their snapshot: who is silent longer than others, not how long.

Levels move with the season and with growth; an account's place among the others of its snapshot
does not. So what is learned at one snapshot holds at the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Ranks = NDArray[np.float32]
Places = NDArray[np.int64]

_COLUMNS_AT_ONCE = 8


def within_snapshots(
    features: FloatArray,
    as_of: NDArray[np.datetime64],
    stands_for: FloatArray | None = None,
    threads: int = 1,
) -> Ranks:
    """Return each value's rank among the known ones of its column and snapshot, (n, p).

    features: (n, p); as_of: (n,); stands_for: see `of_one_snapshot`.
    """
    ranks = np.empty(features.shape, dtype=np.float32)  # row by row, as trees are fitted
    for day in np.unique(as_of):
        here = np.flatnonzero(as_of == day)
        each = None if stands_for is None else stands_for[here]
        ranks[here] = of_one_snapshot(features[here], threads, each)
    return ranks


def of_one_snapshot(
    features: FloatArray,
    threads: int = 1,
    stands_for: FloatArray | None = None,
    columns: Places | None = None,
) -> Ranks:
    """Return the ranks of rows that are all of the same snapshot, (n, c), column by column.

    columns: (c,), the places of those that are ranked; all by default. stands_for: (n,), how many
    accounts of the snapshot each row stands for, above 0; 1 each by default. A rank is the number
    of accounts with a smaller value, and half of those with the same one, over all whose value is
    known: above 0, below 1. NaN stays NaN.
    """
    every = np.arange(features.shape[1]) if columns is None else columns
    ranks = np.empty((len(features), len(every)), dtype=np.float32, order="F")

    def rank(first: int) -> None:
        block = every[first : first + _COLUMNS_AT_ONCE]
        # Side by side in the rows, so that a row is fetched once for all columns of the block.
        for place, values in enumerate(np.ascontiguousarray(features[:, block].T), first):
            ranks[:, place] = _ranks_of(values, stands_for)

    firsts = range(0, len(every), _COLUMNS_AT_ONCE)
    Parallel(n_jobs=threads, prefer="threads")(delayed(rank)(first) for first in firsts)
    return ranks


def _ranks_of(values: FloatArray, stands_for: FloatArray | None) -> FloatArray:
    """The ranks of one column, (n,); see `of_one_snapshot`."""
    order = np.argsort(values)  # NaN comes last
    known = len(values) - int(np.isnan(values).sum())
    ranks = np.full(len(values), np.nan)
    if known:
        order = order[:known]
        ordered = values[order]
        begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        ends = np.append(begins[1:], known)
        upto: NDArray[Any] = np.arange(known + 1)
        if stands_for is not None:
            upto = np.concatenate([[0.0], np.cumsum(stands_for[order])])
        ranks[order] = np.repeat((upto[begins] + upto[ends]) / 2 / upto[-1], ends - begins)
    return ranks


def of_the_median(
    features: FloatArray, rows: NDArray[np.int64], columns: Places | None = None
) -> Ranks:
    """Return the rank that each value of some rows would have if it were its column's median.

    features: (n, p), all of the same snapshot; rows: (r,), of those asked about; columns: see
    `of_one_snapshot`. Returns (r, c): what `of_one_snapshot` gives where that one value is replaced
    by the median of the known ones and the rest stays. NaN stays NaN: what is not known is not made
    known.
    """
    every = np.arange(features.shape[1]) if columns is None else columns
    asked: FloatArray = features[rows][:, every]
    ranks = np.full(asked.shape, np.nan, dtype=np.float32)
    for column in np.flatnonzero(~np.isnan(asked).all(axis=0)):
        whole = features[:, every[column]]
        values: FloatArray = whole[~np.isnan(whole)]
        median = np.median(values)
        before, now = np.sum(values < median), np.sum(values == median)
        own = asked[:, column]
        less: FloatArray = before - (own < median)
        equal: FloatArray = now - (own == median) + 1
        ranks[:, column] = (less + equal / 2) / len(values)
    ranks[np.isnan(asked)] = np.nan
    return ranks
