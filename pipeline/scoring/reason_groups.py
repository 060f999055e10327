"""Which group each feature belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from features.definition import Family, Feature
from features.values import Value
from pipeline.scoring.reason_texts import GROUPS, OTHER, Group

_GROUP_OF = {(group.family, stem): group for group in GROUPS for stem in group.stems}
_BY_NAME = {group.name: group for group in GROUPS}


@dataclass(frozen=True)
class Placed:
    """A feature with its group; window: in days, None where it has none."""

    feature: Feature
    window: int | None
    group: Group


def other_group(family: str) -> Group:
    """The group of a family's features that no other has."""
    name = OTHER + family
    return _BY_NAME.get(name) or Group(name, family, f"other features of {family}", ())


def placed_features(families: Iterable[Family], windows: Sequence[int]) -> dict[str, Placed]:
    """Each feature's place by its name, in the order of the definitions."""
    placed = {}
    for family in families:
        for definition in family.definitions:
            group = _GROUP_OF.get((family.name, definition.stem)) or other_group(family.name)
            alone = isinstance(definition.value, Value)
            for window in (None,) if alone else windows:
                for feature in definition.features(family.name, () if alone else (window or 0,)):
                    placed[feature.name] = Placed(feature, window, group)
    return placed
