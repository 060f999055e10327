"""Features that are too good to be true."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from joblib import Parallel, delayed

from models.dataset import Dataset
from models.measures import auc

TOO_GOOD = 0.99
"""The AUC alone above which a feature knows the future, most likely."""


def single_feature_auc(dataset: Dataset) -> dict[str, float]:
    """Return for each feature the AUC of ranking by it alone, in its better direction.

    From 0.5 (says nothing) to 1 (separates the classes), best first; a missing value ranks below
    all others. NaN for every feature when there is only one class.
    """
    label, weight = dataset.label, dataset.weight

    def alone(name: str) -> float:
        values = dataset.column(name)
        area = auc(label, np.where(np.isnan(values), -np.inf, values), weight)
        return float(max(area, 1 - area))

    areas = Parallel(n_jobs=dataset.panel.threads, prefer="threads")(
        delayed(alone)(name) for name in dataset.names
    )
    found = dict(zip(dataset.names, areas, strict=True))
    return {name: found[name] for name in sorted(found, key=lambda n: (-found[n], n))}


def too_good(alone: Mapping[str, float], limit: float = TOO_GOOD) -> dict[str, float]:
    """Return the features whose AUC alone, as `single_feature_auc` found it, is above `limit`."""
    return {name: area for name, area in alone.items() if area > limit}
