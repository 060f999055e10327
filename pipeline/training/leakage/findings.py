"""What the laws of point in time found in a training table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

COHORT = "the cohort"  # stands where a feature is named


@dataclass(frozen=True)
class Difference:
    """A feature that another past or future gives other values at one snapshot.

    law: `truncation` or `poison`. feature: its name, or COHORT where accounts are in one of the
    cohorts only. rows: the accounts that differ; account: one of them, with the value it has in
    the training table and the value of the check.
    """

    law: str
    as_of: date
    feature: str
    rows: int
    account: str
    trained: float
    checked: float


@dataclass(frozen=True)
class PointInTime:
    """What the two laws found.

    accounts: how many were drawn; kin: how many more merges tie to them. rows: (account, snapshot)
    pairs compared per law. sampled, whole, unchecked: the features held to both laws on the
    sample, to truncation with all accounts at the last snapshot, to none. unmoved: sampled
    features that the poison did not move at `later` either, so that it says little about them.
    """

    snapshots: tuple[date, ...]
    later: date
    accounts: int
    kin: int
    rows: int
    sampled: tuple[str, ...]
    whole: tuple[str, ...]
    unchecked: tuple[str, ...]
    unmoved: tuple[str, ...]
    differences: tuple[Difference, ...]
