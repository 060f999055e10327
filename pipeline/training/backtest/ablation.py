"""What each feature family is worth: the back-test again with some of the families only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np

from models import measures
from models.auc_gain import auc_gain
from models.bootstrap import Interval
from models.dataset import Dataset
from models.out_of_time import OutOfTime, learners, rolling
from models.settings import ModelSettings
from pipeline.console import Steps

Families = tuple[str, ...]


@dataclass(frozen=True)
class Subset:
    """The model with some of the families; measures are means over the test snapshots."""

    families: Families
    features: int
    auc: float
    average_precision: float


@dataclass(frozen=True)
class Worth:
    """What a family adds to others, on the same rows."""

    family: str
    to: Families
    gain: Interval


@dataclass(frozen=True)
class Ablation:
    """Every subset that was tried, and what each family adds.

    added: in the order of the config, each to those before it. left_out: each to all others.
    """

    subsets: tuple[Subset, ...]
    added: tuple[Worth, ...]
    left_out: tuple[Worth, ...]


def ablation(
    dataset: Dataset,
    shorter: Sequence[Dataset],
    family_of: Mapping[str, str],
    tests: Sequence[date],
    settings: ModelSettings,
    repetitions: int,
    steps: Steps,
) -> Ablation:
    """Predict the test snapshots with each family alone, added one by one, and left out.

    family_of: the family of each feature, families in the order in which they are added.
    repetitions: draws of accounts behind each interval.
    """
    families = tuple(dict.fromkeys(family_of[name] for name in dataset.names))
    alone = [(family,) for family in families]
    added = [families[: count + 1] for count in range(len(families))]
    without = [tuple(f for f in families if f != family) for family in families]
    found: dict[Families, OutOfTime] = {}
    wanted = [subset for subset in dict.fromkeys((*alone, *added, *without)) if subset]
    steps.begin("Leaving out feature families", total=len(wanted))
    for subset in wanted:
        names = [name for name in dataset.names if family_of[name] in subset]
        panel = dataset.panel.only(names)
        parts = [replace(part, panel=panel) for part in shorter]
        together = learners(replace(dataset, panel=panel), parts, tests, settings)
        found[subset] = rolling(together, tests, {}, only=tests).untreated()
        steps.advance()
    return Ablation(
        tuple(
            _subset(subset, found[subset], sum(family_of[n] in subset for n in dataset.names))
            for subset in wanted
        ),
        tuple(
            Worth(more[-1], fewer, _gain(found[more], found[fewer], repetitions))
            for fewer, more in pairwise(added)
        ),
        tuple(
            Worth(family, fewer, _gain(found[families], found[fewer], repetitions))
            for family, fewer in zip(families, without, strict=True)
            if fewer
        ),
    )


def _subset(families: Families, predictions: OutOfTime, features: int) -> Subset:
    each = [predictions.at(split.snapshot) for split in predictions.splits]
    return Subset(
        families,
        features,
        _mean(measures.auc, each),
        _mean(measures.average_precision, each),
    )


def _mean(measure: Callable[..., float], each: Sequence[OutOfTime]) -> float:
    return float(np.mean([measure(rows.label, rows.raw, rows.stands_for) for rows in each]))


def _gain(more: OutOfTime, fewer: OutOfTime, repetitions: int) -> Interval:
    return auc_gain(more, more.raw, fewer.raw, repetitions)


def lines(found: Ablation) -> list[str]:
    """The table as Markdown."""
    table = ["| families | features | AUC | average precision |", "|---|---|---|---|"]
    table += [
        f"| {' + '.join(s.families)} | {s.features} | {s.auc:.4f} | {s.average_precision:.4f} |"
        for s in found.subsets
    ]
    if found.left_out:
        table += ["", "| adding | to | AUC gained (95 %) |", "|---|---|---|"]
        worths = dict.fromkeys((*found.added, *found.left_out))
        table += [
            f"| {worth.family} | {' + '.join(worth.to)} | {worth.gain.value:+.4f} "
            f"({worth.gain.low:+.4f} to {worth.gain.high:+.4f}) |"
            for worth in worths
        ]
    return table
