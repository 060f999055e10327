"""The form of a feature: a sentence, a unit, what null means, and a value; families of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from features.values import FeatureScope, Value, columns_of, scope_of

DEFAULT_WINDOWS = (30, 90, 180, 365)


@dataclass(frozen=True)
class Feature:
    """One column of the feature table: float64, one value per (account_id, as_of)."""

    name: str
    family: str
    says: str
    unit: str
    null_means: str
    value: Value

    @property
    def scope(self) -> FeatureScope:
        """Whose rows the feature depends on: the account's own, or those of the population."""
        return scope_of(self.value)


@dataclass(frozen=True)
class Definition:
    """A feature, or one feature per window where `value` is a function of the window in days.

    The function answers None for a window that it makes no sense for. The names of the features
    are derived: the stem, then the window (`orders_count_90d`). `{window}` in `says` stands for
    the window.
    """

    stem: str
    says: str
    unit: str
    null_means: str
    value: Value | Callable[[int], Value | None]

    def features(self, family: str, windows: Sequence[int]) -> list[Feature]:
        """The features that this definition stands for."""
        if isinstance(self.value, Value):
            return [Feature(self.stem, family, self.says, self.unit, self.null_means, self.value)]
        return [
            Feature(
                f"{self.stem}_{window}d",
                family,
                self.says.format(window=window),
                self.unit,
                self.null_means,
                value,
            )
            for window in windows
            if (value := self.value(window)) is not None
        ]


@dataclass(frozen=True)
class Family:
    """Features that are read from the same sources and tell of the same side of a relationship.

    `table` is the source without which the family is left out.
    """

    name: str
    says: str
    table: str
    definitions: tuple[Definition, ...]

    def features(self, windows: Sequence[int] = DEFAULT_WINDOWS) -> list[Feature]:
        """All features of the family, in the order of their definitions."""
        return [
            feature
            for definition in self.definitions
            for feature in definition.features(self.name, windows)
        ]


@dataclass(frozen=True)
class Selection:
    """The features that the sources at hand can answer, and those that they cannot.

    left_out: by feature, the tables (`touches`) or columns (`orders.margin`) that it wants.
    """

    features: tuple[Feature, ...]
    left_out: Mapping[str, tuple[str, ...]]

    def definitions(self) -> dict[str, str]:
        """By feature, the SHA-256 (hex) of what it computes."""
        return {feature.name: _sha256(repr(feature.value)) for feature in self.features}

    def digest(self) -> str:
        """SHA-256 (hex) over the names of the features and what they compute, in order."""
        return _sha256(repr(self.definitions()))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def select(
    families: Sequence[Family],
    windows: Sequence[int],
    provided: Mapping[str, frozenset[str]],
) -> Selection:
    """Keep the features whose tables and columns are provided.

    provided: the columns that each table at hand really has. A feature over a column that no
    source fills would be unknown for everybody, never zero, so it is left out and named.
    """
    kept: list[Feature] = []
    left_out: dict[str, tuple[str, ...]] = {}
    for family in families:
        for feature in family.features(windows):
            wanting = _wanting(columns_of(feature.value) | {(family.table, "account_id")}, provided)
            if wanting:
                left_out[feature.name] = wanting
            else:
                kept.append(feature)
    return Selection(tuple(kept), left_out)


def _wanting(
    columns: Collection[tuple[str, str]], provided: Mapping[str, frozenset[str]]
) -> tuple[str, ...]:
    """The absent tables, and the absent columns by the name under which a source maps them."""
    absent: dict[str, None] = {}
    for table, column in sorted(columns):
        if table not in provided:
            absent[table] = None
        elif column not in provided[table] and not column.endswith(("_recorded", "_known_at")):
            absent[f"{table}.{column.removesuffix('_cents')}"] = None
    return tuple(absent)
