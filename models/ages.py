"""What past outcomes say of a cohort's level, by how long its accounts have been customers.

New accounts defect more often than old ones, and a market's accounts grow older or younger. So past
shares of defectors are taken by age, and weighed by who is there now: direct standardisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from models.dataset import Dataset, FloatArray, IntArray
from models.season import a_year_before, rate_logit

AGES = (180, 365, 730)
"""Days since the first order, at which one group ends and the next begins."""

PRIOR_ROWS = 200
"""Of the usual share of defectors, that each group is given beside its own rows."""


@dataclass(frozen=True)
class Ages:
    """The share of defectors by age, and how far each past snapshot was from what its ages say.

    rates: 0-1, of each group of `AGES`; empty where nothing is known. beside: logits, by snapshot.
    """

    rates: tuple[float, ...] = ()
    beside: Mapping[date, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be (ValueError)."""
        if self.rates and len(self.rates) != len(AGES) + 1:
            raise ValueError(f"ages need {len(AGES) + 1} rates, not {len(self.rates)}")
        if not all(0 <= rate <= 1 for rate in self.rates):
            raise ValueError("the rates of ages lie between 0 and 1")

    def levels(self, as_of: date, age: FloatArray, weight: FloatArray) -> list[tuple[float, float]]:
        """Return the levels to expect of a cohort, logits, each with how much it counts, 0-1.

        That of its ages, and the same moved by how far the level was from them a year before; none
        where nothing is known, or the cohort is empty.

        as_of: its snapshot. age: days since the first order, (n,); NaN counts as the longest.
        weight: what each row counts, (n,).
        """
        if not (self.rates and weight.sum() > 0):
            return []
        level = rate_logit(float(np.average(np.array(self.rates)[_group(age)], weights=weight)))
        moved, counts = a_year_before(as_of, self.beside)
        return [(level, 1.0), (level + moved, counts)]


def ages_of(history: Dataset, since: date | None = None) -> Ages:
    """Return what the snapshots since a date say."""
    counted = history.weight > 0
    if since is not None:
        counted &= history.as_of >= np.datetime64(since, "D")
    history = history.rows(counted)
    if len(history) == 0:
        return Ages()
    label, weight, group = history.label, history.weight, _group(history.age)
    groups = len(AGES) + 1
    usual = PRIOR_ROWS * np.average(label, weights=weight)
    rates = (np.bincount(group, weight * label, groups) + usual) / (
        np.bincount(group, weight, groups) + PRIOR_ROWS
    )
    days, codes = np.unique(history.as_of, return_inverse=True)
    every = np.bincount(codes, weight)
    did, said = (np.bincount(codes, weight * rate) / every for rate in (label, rates[group]))
    beside = {
        day.item(): rate_logit(float(d)) - rate_logit(float(s))
        for day, d, s in zip(days, did, said, strict=True)
    }
    return Ages(tuple(map(float, rates)), beside)


def _group(age: FloatArray) -> IntArray:
    return np.digitize(age, AGES).astype(np.int64)
