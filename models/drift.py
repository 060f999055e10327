"""How far the features of a snapshot lie from those of the training snapshots.

A reference is recorded at training: per feature the quantiles that part its values into bins, and
per training snapshot how many accounts fall into each. No row and no id. The population stability
index (PSI) compares the bins of a snapshot with those of all training snapshots together; what is
judged is in `models.drift_judgement`.

Stored as `drift_reference.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dataset import DateArray, FloatArray, IntArray
from models.errors import DamagedModel

FILE = "drift_reference.json"
FORMAT = 1

BINS = 10
"""Of the known values, at the quantiles of all training rows; fewer where many values are equal."""

EMPTY = 0.5
"""Accounts counted into each bin besides, so that an empty one does not make the PSI infinite."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What the features looked like in training.

    names, groups: the features, and a word for each by which those of one kind are told. edges: per
    feature, the values that part its bins, rising; a value on an edge is in the lower bin.
    snapshots: datetime64[D] (t,), rising. counts: (features, t, BINS + 1), the accounts in each bin
    at each snapshot; the last bin is of those whose value is null.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    snapshots: DateArray
    counts: IntArray

    def __post_init__(self) -> None:
        """Refuse what does not fit together (ValueError)."""
        shape = (len(self.names), len(self.snapshots), BINS + 1)
        if self.counts.shape != shape or not len(self.names) == len(self.groups) == len(self.edges):
            raise ValueError(f"counts of shape {self.counts.shape} for {shape}")
        rising = all(list(edges) == sorted(set(edges)) for edges in self.edges)
        if not rising or (self.counts < 0).any() or not len(self.snapshots):
            raise ValueError("edges or snapshots do not rise, or counts are negative")

    def count(self, features: FloatArray, names: Sequence[str]) -> IntArray:
        """Return the accounts of one snapshot in each bin, (features, BINS + 1).

        features: (n, p), columns `names`, among them all of the reference.
        """
        place = {name: number for number, name in enumerate(names)}
        columns = (features[:, place[name]] for name in self.names)
        bins = (_bins(*pair) for pair in zip(columns, self.edges, strict=True))
        return np.array([np.bincount(own, minlength=BINS + 1) for own in bins])

    def known_shares(self) -> FloatArray:
        """Return the share of accounts, 0-1, that know each feature at the snapshot of fewest."""
        known = self.counts[:, :, :-1].sum(axis=2)
        return np.asarray((known / self.counts.sum(axis=2)).min(axis=1), dtype=np.float64)

    def psi(self, counts: IntArray) -> FloatArray:
        """Return the PSI of each feature, (features,) or (features, t), against all of training."""
        whole = self.counts.sum(axis=1)
        return psi(counts, whole if counts.ndim == 2 else whole[:, None])

    def save(self, folder: Path) -> None:
        """Write `drift_reference.json` into the existing `folder`."""
        content = {
            "format": FORMAT,
            "snapshots": [str(day) for day in self.snapshots],
            "features": [
                {"name": name, "group": group, "edges": list(edges), "counts": counts.tolist()}
                for name, group, edges, counts in zip(
                    self.names, self.groups, self.edges, self.counts, strict=True
                )
            ],
        }
        text = json.dumps(content, sort_keys=True, allow_nan=False) + "\n"
        (folder / FILE).write_text(text, encoding="utf-8")


def learn(
    features: FloatArray,
    names: Sequence[str],
    groups: Sequence[str],
    as_of: NDArray[Any],
    stands_for: FloatArray | None = None,
) -> Reference:
    """Record what the training rows look like.

    features: (n, p), NaN where unknown; names, groups: (p,), see `Reference`. as_of:
    datetime64[D] (n,), the snapshot of each row. stands_for: (n,), how many of its accounts each
    row stands for; 1 each by default.
    """
    snapshots, where = np.unique(as_of.astype("datetime64[D]"), return_inverse=True)
    edges = tuple(tuple(_edges(column)) for column in features.T)
    cells = len(snapshots) * (BINS + 1)
    counts = np.array(
        [
            np.bincount(where * (BINS + 1) + _bins(column, own), stands_for, cells)
            for column, own in zip(features.T, edges, strict=True)
        ]
    )
    counts = np.rint(counts).astype(np.int64).reshape(len(edges), len(snapshots), BINS + 1)
    return Reference(tuple(names), tuple(groups), edges, snapshots, counts)


def load(folder: Path) -> Reference | None:
    """Read what `save` wrote, its hash having been checked; None where there is no such file.

    DamagedModel when it cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, but this program reads {FORMAT}")
        features = content["features"]
        return Reference(
            names=tuple(str(feature["name"]) for feature in features),
            groups=tuple(str(feature["group"]) for feature in features),
            edges=tuple(tuple(map(float, feature["edges"])) for feature in features),
            snapshots=np.array([date.fromisoformat(day) for day in content["snapshots"]], "M8[D]"),
            counts=np.array([feature["counts"] for feature in features], dtype=np.int64),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedModel(f"{path} cannot be read ({error!r}). Retrain.") from error


def psi(counts: IntArray, reference: IntArray) -> FloatArray:
    """Return the population stability index over the last axis: 0 where the shares are the same.

    The sum over bins of (share - share in the reference) x the log of their ratio. By custom, below
    0.1 is no change and above 0.25 a large one; among n accounts, chance alone gives about
    10 / n.

    >>> counts = np.array([30, 70])
    >>> round(float(psi(counts * 1000, np.array([50_000, 50_000]))), 4)
    0.1695
    """
    here, there = _shares(counts), _shares(reference)
    return np.asarray(((here - there) * np.log(here / there)).sum(axis=-1), dtype=np.float64)


def _shares(counts: IntArray) -> FloatArray:
    filled = counts + EMPTY
    return np.asarray(filled / filled.sum(axis=-1, keepdims=True), dtype=np.float64)


def _edges(column: FloatArray) -> list[float]:
    known = column[~np.isnan(column)]
    if not len(known):
        return []
    found: list[float] = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)).tolist()
    return found


def _bins(column: FloatArray, edges: Sequence[float]) -> IntArray:
    """The bin of each value, the last one where it is unknown."""
    found = np.searchsorted(np.asarray(edges), column, side="left")
    return np.where(np.isnan(column), BINS, found).astype(np.int64)
