"""The feature table and the training table: cohort, features and labels put side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from features.definition import Selection, select
from features.values import Value
from models.dataset import Dataset
from models.ensemble import shorter_horizons
from pipeline.config import Config
from pipeline.engines import Engine
from pipeline.errors import ConfigError
from pipeline.sources import Sources
from pipeline.tables.cohort import make_active_cohort, make_whole_cohort
from pipeline.tables.labels import make_labels
from pipeline.tables.snapshots import Maturity
from pipeline.tables.values_table import make_values_table
from pipeline.wording import listed

KEYS = ("account_id", "as_of")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainingTable:
    """Features and labels over many snapshots, in order of as_of, then account_id.

    frame: account_id, as_of, a float64 column per feature, label_complete, defected (0 or 1).
    selection: the features there are, and those that the sources cannot answer. shorter: frames
    like `frame` with the labels of shorter horizons, which are known at later snapshots too.
    """

    frame: pd.DataFrame
    selection: Selection
    shorter: tuple[pd.DataFrame, ...] = ()

    def dataset(self) -> Dataset:
        """The same rows as plain arrays."""
        return self._dataset(self.frame)

    def shorter_datasets(self) -> list[Dataset]:
        """The rows with labels of shorter horizons, shortest first."""
        return [self._dataset(frame) for frame in self.shorter]

    def _dataset(self, frame: pd.DataFrame) -> Dataset:
        names = tuple(feature.name for feature in self.selection.features)
        return Dataset(
            features=frame.loc[:, list(names)].to_numpy(dtype=np.float64),
            names=names,
            label=frame["defected"].to_numpy(dtype=np.int8),
            account=frame["account_id"].to_numpy(dtype=object),
            as_of=frame["as_of"].to_numpy(dtype="datetime64[D]"),
            label_complete=frame["label_complete"].to_numpy(dtype="datetime64[D]"),
        )


def selected_features(config: Config, sources: Sources) -> Selection:
    """The configured families' features that the sources at hand can answer, one or more."""
    selection = select(config.feature_families, config.features.windows_days, sources.provided())
    if not selection.features:
        wanting = sorted({name for names in selection.left_out.values() for name in names})
        raise ConfigError(
            f"{config.path}: no feature of {listed(config.features.families)} can be computed, for "
            f"want of {listed(wanting)}. Map it under `sources`, or choose other families."
        )
    return selection


def maturities(config: Config) -> list[Maturity]:
    """The horizon and reporting lag of each label that is learned, the configured one last."""
    main = config.label.horizon_days
    lag = config.label.reporting_lag_days
    return [Maturity(days, lag) for days in (*shorter_horizons(main), main)]


def feature_frame(
    engine: Engine,
    values: Mapping[str, Value],
    as_ofs: Sequence[date],
    rows: str,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """account_id, as_of and a float64 column per value for `rows`, by as_of, then account_id."""
    make_values_table(engine, "feature_table", values, as_ofs, rows=rows, progress=progress)
    frame = engine.frame("SELECT * FROM feature_table ORDER BY as_of, account_id")
    engine.drop("feature_table")
    return frame


def snapshot_features(
    engine: Engine,
    config: Config,
    selection: Selection,
    as_of: date,
    *,
    whole_cohort: bool = False,
    besides: Mapping[str, Value] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The feature table of one snapshot, for the active cohort or for every account seen.

    besides: further values, wanted beside the features under these names.
    """
    if whole_cohort:
        make_whole_cohort(engine, "cohort", [as_of])
    else:
        make_active_cohort(engine, "cohort", [as_of], config.cohort.days)
    values = {feature.name: feature.value for feature in selection.features}
    return feature_frame(engine, {**values, **(besides or {})}, [as_of], "cohort", progress)


def training_table(
    engine: Engine,
    config: Config,
    sources: Sources,
    labelled: Sequence[tuple[Maturity, Sequence[date]]],
    progress: Progress | None = None,
) -> TrainingTable:
    """Features and labels of the active cohort.

    labelled: each label with the snapshots at which it is mature, the main one last.
    """
    selection = selected_features(config, sources)
    as_ofs = sorted({as_of for _, mature in labelled for as_of in mature})
    make_active_cohort(engine, "cohort", as_ofs, config.cohort.days)
    values = {feature.name: feature.value for feature in selection.features}
    features = feature_frame(engine, values, as_ofs, "cohort", progress)
    frames = []
    for label, mature in labelled:
        make_labels(engine, "labels", "cohort", mature, label)
        labels = engine.frame("SELECT * FROM labels")
        rows = features[features["as_of"].isin(pd.to_datetime(list(mature)))]
        frames.append(rows.merge(labels, on=list(KEYS), validate="one_to_one"))
    *shorter, frame = frames
    return TrainingTable(frame, selection, tuple(shorter))
