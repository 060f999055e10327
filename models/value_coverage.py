"""How many accounts that stayed brought a margin within the interval, out of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.value_at_stake import Years, fit

EVERYBODY = "all"


class Coverage(NamedTuple):
    """Coverage of the intervals of value at stake, judged on accounts that stayed the whole year.

    snapshots: those judged, each by what was known at it. rows: how many were judged; without_end:
    how many more stayed and had no interval. inside: the share, 0-1, of the rows judged whose next
    year lay in the interval, by group, all of them under EVERYBODY; empty where none was judged.
    """

    snapshots: tuple[str, ...]
    rows: int
    without_end: int
    inside: Mapping[str, float]


def coverage(years: Years, group: NDArray[Any]) -> Coverage:
    """Judge the intervals at every snapshot at which such accounts were known from earlier ones.

    Parameters
    ----------
    years : rows of many snapshots.
    group : (n,), a name for each row, such as its tier.

    Returns
    -------
    The coverage, each row counting with its weight.
    """
    snapshots, inside, weight, judged_group = [], [], [], []
    without_end = 0
    for day in np.unique(years.as_of[years.stayed == 1]):
        value = fit(years.known_at(day))
        if not value.low:
            continue
        stayers = (years.as_of == day) & (years.stayed == 1) & (years.weight > 0)
        rows = years.rows(stayers)
        worth = rows.next_year.worth(value.margin_share)
        _, low, high = value.at_stake(rows.past)
        known = ~np.isnan(worth)
        judged = known & ~np.isnan(low)
        without_end += int((known & ~judged).sum())
        snapshots.append(str(day))
        inside.append(((low <= worth) & (worth <= high))[judged])
        weight.append(rows.weight[judged])
        judged_group.append(group[stayers][judged])
    if not snapshots:
        return Coverage((), 0, 0, {})
    within, counts, of = (np.concatenate(parts) for parts in (inside, weight, judged_group))
    masks = {EVERYBODY: np.ones(len(of), dtype=np.bool_)}
    masks |= {str(name): of == name for name in sorted(set(of))}
    shares = {
        name: float(np.average(within[mask], weights=counts[mask]))
        for name, mask in masks.items()
        if mask.any()
    }
    return Coverage(tuple(snapshots), len(of), without_end, shares)
