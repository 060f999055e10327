"""Input drift: the features that the champion scores on beside those that it learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.definition import Feature, Selection
from features.values import columns_of
from models.drift import Reference
from models.drift_judgement import Judgement, judge
from pipeline.monitoring.plain import figure
from pipeline.wording import counted, listed

NAMED = 8  # features that a sentence names

_NO_SPREAD = (
    "Nothing is judged: the training snapshots reach over too short a time to say how far they lie "
    "from each other. Half a year and three snapshots more are the least."
)


def input_drift(
    reference: Reference,
    frame: pd.DataFrame,
    selection: Selection,
    as_of: date,
    false_alarm_rate: float,
) -> dict[str, Any]:
    """Judge the features of a snapshot; as plain values.

    frame: a column per feature, a row per account that is scored.
    """
    names = list(reference.names)
    counts = reference.count(frame[names].to_numpy(dtype=np.float64), names)
    found = judge(reference, counts, as_of, false_alarm_rate)
    known = {feature.name: feature for feature in selection.features}
    features = [_feature(found, place, known[name]) for place, name in enumerate(names)]
    alarms = [features[place] for place in found.alarms]
    return {
        "judged": found.judged,
        "why_not": None if found.judged else _NO_SPREAD,
        "false_alarm_rate": false_alarm_rate,
        "limit": figure(found.limit),
        "accounts": len(frame),
        "training_first": str(reference.snapshots[0]),
        "training_last": str(reference.snapshots[-1]),
        "training_snapshots": len(reference.snapshots),
        "training_accounts": int(reference.counts[0].sum(axis=1).mean()),
        "features": features,
        "alarms": [feature["name"] for feature in alarms],
        "look_at": list(_look_at(alarms)),
    }


def _feature(found: Judgement, place: int, feature: Feature) -> dict[str, Any]:
    return {
        "name": feature.name,
        "family": feature.family,
        "reads": sorted({table for table, _ in columns_of(feature.value)}),
        "psi": figure(found.psi[place]),
        "psi_training": figure(found.psi_usual[place]),
        "psi_season": figure(found.psi_season[place]),
        "mean_rank": figure(found.rank[place]),
        "usual_mean_rank": figure(found.usual_rank[place]),
        "null_share": figure(found.nulls[place]),
        "usual_null_share": figure(found.usual_nulls[place]),
        "distance": figure(found.distance[place]),
        "seasonal": bool(found.seasonal[place]),
        "moved": _moved(found, place),
        "alarm": place in found.alarms,
    }


def _moved(found: Judgement, place: int) -> str:
    """What differs most, in words."""
    rank, nulls = found.rank_distance[place], found.null_distance[place]
    if abs(nulls) >= abs(rank):
        more = "more" if nulls > 0 else "less"
        return (
            f"{more} often unknown: {found.nulls[place]:.1%}, "
            f"in training {found.usual_nulls[place]:.1%}"
        )
    higher = "higher" if rank > 0 else "lower"
    return (
        f"{higher}: stands on average above {found.rank[place]:.0%} of training's values, "
        f"usually {found.usual_rank[place]:.0%}"
    )


def _look_at(alarms: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each family with an alarm: which features, and which sources to look at."""
    by_family: dict[str, list[Mapping[str, Any]]] = {}
    for feature in alarms:
        by_family.setdefault(feature["family"], []).append(feature)
    sentences = []
    for family, features in by_family.items():
        # What the strongest alarms read in common is where to look first.
        read = [table for feature in features[:NAMED] for table in feature["reads"]]
        sources = sorted(set(read), key=lambda table: (-read.count(table), table))
        sentences.append(
            f"{family}: {counted(len(features), 'feature')}, "
            f"{listed([feature['name'] for feature in features], NAMED)}. The first is "
            f"{features[0]['moved']}. Look at {listed(sources)}: whether rows stopped coming, "
            "came late, or mean something else now."
        )
    return sentences
