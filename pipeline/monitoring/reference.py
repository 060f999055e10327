"""What the features looked like in training: recorded with the version, read by `monitor`."""

from __future__ import annotations

from features.contract import REPS
from features.definition import Feature
from features.values import columns_of
from models import drift
from models.drift import Reference
from pipeline.errors import ConfigError
from pipeline.tables.training_table import TrainingTable


def reference_of(table: TrainingTable) -> Reference:
    """The features of a training table at each of its snapshots."""
    groups = [group_of(feature) for feature in table.selection.features]
    panel = table.panel
    return drift.learn(panel.features, panel.names, groups, panel.as_of, panel.stands_for)


def group_of(feature: Feature) -> str:
    """The features whose spread over the months is alike: those of a family.

    Those that follow our representatives are a group of their own: when one leaves, all the
    accounts that he or she served move at once.
    """
    columns = columns_of(feature.value)
    by_rep = any(table == REPS.name or column == "rep_id" for table, column in columns)
    return f"{feature.family} by representative" if by_rep else feature.family


def required(found: Reference | None, version: int) -> Reference:
    """The reference of a registered version; ConfigError where it was registered without one."""
    if found is None:
        raise ConfigError(
            f"Model version {version} was registered without {drift.FILE}: nothing says what its "
            "features looked like in training, so no drift can be told. Train again (defection "
            "train), review the new version and promote it."
        )
    return found
