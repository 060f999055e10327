"""Truncation and poison on a sample of the accounts that a model is about to learn from.

Truncation: what was known before T gives the features at T that all data gave. Poison: so does
what was known before T together with any future. Both are compared with the training table, bit
for bit, and so is the cohort.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.definition import Feature
from features.values import FeatureScope, columns_of
from models.risk_model import DAYS_PAST_PATIENCE
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.tables.cohort import CohortRule
from pipeline.tables.training_table import Progress, TrainingTable, feature_frame
from pipeline.training.leakage.findings import COHORT, Difference, PointInTime
from pipeline.training.leakage.sample import Copy, draw_sample, make_copies, with_kin

SAMPLED_ACCOUNTS = 200
SNAPSHOTS = 3
LATER_DAYS = 30  # after the last of the snapshots, the poison has to show
MOST_ROWS = 1_000_000  # of a table, up to which all accounts are copied
SEED = 20_240_229

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Laws:
    """What the laws are checked with.

    engine: holds all data. check: an engine without tables. departures_inferred: whether `reps`
    follows from touches.
    """

    engine: DuckDBEngine
    check: DuckDBEngine
    table: TrainingTable
    cohort: CohortRule
    departures_inferred: bool
    progress: Progress | None = None

    def hold(self) -> PointInTime:
        """Check them."""
        features = self.table.selection.features
        own = [feature for feature in features if feature.scope is FeatureScope.ACCOUNT]
        others = [feature for feature in features if feature.scope is FeatureScope.POPULATION]
        cheap = all(self._small(table) for f in others for table, _ in columns_of(f.value))
        whole, unchecked = (others, []) if cheap else ([], others)

        frame = self._rows
        snapshots = spread([day.date() for day in pd.to_datetime(frame["as_of"]).unique()])
        later = snapshots[-1] + timedelta(days=LATER_DAYS)
        candidates = frame.loc[frame["as_of"].isin(pd.to_datetime(snapshots)), "account_id"]
        if self._followed is not None:
            candidates = candidates[candidates.isin(self._followed)]
        drawn = draw_sample(candidates, SAMPLED_ACCOUNTS, SEED)
        accounts = with_kin(self.engine, drawn)

        copies = [
            Copy(2 * place + poisoned, as_of, bool(poisoned))
            for place, as_of in enumerate(snapshots)
            for poisoned in (False, True)
        ]
        again = self._computed(copies, accounts, own, later)
        differences = [d for copy in copies for d in self._differences(copy, again, own, accounts)]
        if whole:
            last = Copy(0, snapshots[-1])
            computed = self._computed([last], None, whole, None)
            differences += self._differences(last, computed, whole, None)
        return PointInTime(
            snapshots=tuple(snapshots),
            later=later,
            accounts=len(drawn),
            kin=len(accounts) - len(drawn),
            rows=sum(len(self._trained(as_of, accounts)) for as_of in snapshots),
            sampled=_names(own),
            whole=_names(whole),
            unchecked=_names(unchecked),
            unmoved=tuple(_unmoved(copies, again, later, _names(own))),
            differences=tuple(differences),
        )

    @property
    def _rows(self) -> pd.DataFrame:
        """The rows of the cohort; those that departed have features, but no label."""
        rows = self.table.features
        return rows if DAYS_PAST_PATIENCE in rows else self.table.frame

    @cached_property
    def _followed(self) -> frozenset[str] | None:
        """The accounts with a row at every snapshot that they belong to; None means all."""
        standing = self.table.standing
        if standing is None or standing["followed"].all():
            return None
        return frozenset(standing.loc[standing["followed"], "account_id"])

    def _small(self, table: str) -> bool:
        return bool(self.engine.rows(f"SELECT COUNT(*) FROM {table}")[0][0] <= MOST_ROWS)

    def _trained(self, as_of: date, accounts: Sequence[str] | None) -> pd.DataFrame:
        """The training table's rows of one snapshot, by account."""
        frame = self._rows
        places = np.flatnonzero(frame["as_of"] == pd.Timestamp(as_of))
        if accounts is not None:
            places = places[frame["account_id"].iloc[places].isin(accounts)]
        return frame.iloc[places].set_index("account_id")

    def _computed(
        self,
        copies: Sequence[Copy],
        accounts: Sequence[str] | None,
        features: Sequence[Feature],
        later: date | None,
    ) -> Mapping[tuple[int, date], pd.DataFrame]:
        """The features of each copy at its snapshot and at `later`, by account."""
        make_copies(
            self.engine,
            self.check,
            copies,
            accounts,
            later or copies[-1].as_of,
            departures_inferred=self.departures_inferred,
        )
        asked = [(c, as_of) for c in copies for as_of in (c.as_of, later) if as_of]
        as_ofs = sorted({as_of for _, as_of in asked})
        self.cohort.on(self.check).make(self.check, "in_any_cohort", as_ofs)
        prefixes, moments = zip(*((copy.prefix, as_of) for copy, as_of in asked), strict=True)
        self.check.register("asked", pa.table({"prefix": prefixes, "as_of": moments}))
        self.check.make(
            "cohort",
            "SELECT in_any_cohort.* FROM in_any_cohort JOIN asked USING (as_of) "
            "WHERE starts_with(account_id, prefix)",
        )
        values = {feature.name: feature.value for feature in features}
        frame = feature_frame(self.check, values, as_ofs, "cohort", self.progress)
        parts = frame["account_id"].str.partition("|")
        frame["account_id"], number = parts[2], parts[0].astype(int)
        moment = pd.to_datetime(frame["as_of"]).dt.date
        return {
            (copy.number, as_of): frame[(number == copy.number) & (moment == as_of)].set_index(
                "account_id"
            )
            for copy, as_of in asked
        }

    def _differences(
        self,
        copy: Copy,
        again: Mapping[tuple[int, date], pd.DataFrame],
        features: Sequence[Feature],
        accounts: Sequence[str] | None,
    ) -> Iterator[Difference]:
        law = "poison" if copy.poisoned else "truncation"
        trained, checked = self._trained(copy.as_of, accounts), again[copy.number, copy.as_of]
        apart = sorted(set(trained.index) ^ set(checked.index))
        if self._followed is not None:  # of others the table may lack a row
            apart = [account for account in apart if account in self._followed]
        if apart:
            there = apart[0] in trained.index
            yield Difference(
                law, copy.as_of, COHORT, len(apart), apart[0], float(there), float(not there)
            )
        common = trained.index.intersection(checked.index)
        names = _names(features)
        one, other = (_bits(frame, common, names) for frame in (trained, checked))
        changed = _changed(one, other)
        for column in np.flatnonzero(changed.any(axis=0)).tolist():
            rows = np.flatnonzero(changed[:, column]).tolist()
            values = (float(array[rows[0], column]) for array in (one, other))
            yield Difference(
                law, copy.as_of, names[column], len(rows), str(common[rows[0]]), *values
            )


def spread(snapshots: Sequence[date], most: int = SNAPSHOTS) -> list[date]:
    """At most so many of the snapshots, at equal distances up to the last, in order.

    >>> [day.month for day in spread([date(2024, month, 1) for month in range(1, 11)])]
    [4, 7, 10]
    """
    ordered = sorted(snapshots)
    places = {round((len(ordered) - 1) * part / most) for part in range(1, most + 1)}
    return [ordered[place] for place in sorted(places)]


def _names(features: Sequence[Feature]) -> tuple[str, ...]:
    return tuple(feature.name for feature in features)


def _bits(frame: pd.DataFrame, accounts: pd.Index, names: Sequence[str]) -> Floats:
    return np.ascontiguousarray(frame.loc[accounts, list(names)].to_numpy(np.float64))


def _changed(one: Floats, other: Floats) -> npt.NDArray[np.bool_]:
    """Where two arrays of the same shape differ by a bit; nulls are alike."""
    differ: npt.NDArray[np.bool_] = one.view(np.int64) != other.view(np.int64)
    return differ & ~(np.isnan(one) & np.isnan(other))


def _unmoved(
    copies: Sequence[Copy],
    computed: Mapping[tuple[int, date], pd.DataFrame],
    later: date,
    names: Sequence[str],
) -> Iterator[str]:
    """The features that are the same with and without poison, once it is known."""
    moved = np.zeros(len(names), dtype=bool)
    for clean, poisoned in zip(copies[::2], copies[1::2], strict=True):
        one, other = computed[clean.number, later], computed[poisoned.number, later]
        common = one.index.intersection(other.index)
        moved |= _changed(_bits(one, common, names), _bits(other, common, names)).any(axis=0)
    yield from (name for name, some in zip(names, moved, strict=True) if not some)
