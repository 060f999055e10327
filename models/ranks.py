"""Features as ranks within their snapshot: who is silent longer than others, not how long.

Levels move with the season and with growth; an account's place among the others of its snapshot
does not. So what is learned at one snapshot holds at the next.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.dataset import Dataset, DateArray, FloatArray


def within_snapshots(features: FloatArray, as_of: DateArray) -> FloatArray:
    """Return each value's rank among the known ones of its column and snapshot, (n, p).

    features: (n, p); as_of: (n,). A rank is (place - 0.5) / known values, between 0 and 1; equal
    values share the mean of their places. NaN stays NaN.
    """
    ranks = np.empty_like(features)
    for day in np.unique(as_of):
        here = as_of == day
        values = features[here]
        known = np.maximum((~np.isnan(values)).sum(axis=0), 1)
        ranks[here] = (pd.DataFrame(values).rank().to_numpy() - 0.5) / known
    return ranks


def ranked(dataset: Dataset) -> Dataset:
    """Return the same rows with ranks in place of values."""
    return dataset.with_features(within_snapshots(dataset.features, dataset.as_of))


def of_one_snapshot(features: FloatArray) -> FloatArray:
    """Return the ranks of rows that are all of the same snapshot, (n, p)."""
    return within_snapshots(features, np.zeros(len(features), dtype="datetime64[D]"))
