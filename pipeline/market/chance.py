"""Randomness: each account, representative's seat, team and region has a stream of its own.

A stream is fixed by (seed, whose, number). Account 17 therefore lives the same life whether the
market has a hundred accounts or ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum

import numpy as np

from pipeline.market.arrays import Floats, Ints


class Whose(IntEnum):
    """What a stream belongs to; part of its key."""

    ACCOUNT = 1
    SEAT = 2
    TEAM = 3
    REGION = 4
    CATALOGUE = 5
    DESK = 6
    OUTLOOK = 7


def stream(seed: int, whose: Whose, number: int = 0) -> np.random.Generator:
    """The stream of one member of the market."""
    return np.random.default_rng([seed, int(whose), number])


class Streams:
    """The streams of several members side by side; the first axis of every draw is the member."""

    def __init__(self, seed: int, whose: Whose, numbers: Iterable[int]) -> None:
        self._streams = [stream(seed, whose, number) for number in numbers]

    def uniform(self, *shape: int) -> Floats:
        """Uniform on [0, 1), one array of `shape` per member: (members, *shape)."""
        return np.stack([s.random(shape) for s in self._streams])

    def normal(self, *shape: int) -> Floats:
        """Standard normal, one array of `shape` per member: (members, *shape)."""
        return np.stack([s.standard_normal(shape) for s in self._streams])

    def uniform_rows(self, counts: Ints, columns: int) -> Floats:
        """Uniform on [0, 1), `counts[m]` rows for member m, below one another: (sum, columns)."""
        return self._rows(counts, lambda s, n: s.random((n, columns)))

    def normal_rows(self, counts: Ints, columns: int) -> Floats:
        """Standard normal, `counts[m]` rows for member m, below one another: (sum, columns)."""
        return self._rows(counts, lambda s, n: s.standard_normal((n, columns)))

    def poisson(self, means: Floats) -> Ints:
        """Poisson counts with the given means, (members, n) for (members, n)."""
        return np.stack([s.poisson(m) for s, m in zip(self._streams, means, strict=True)])

    def poisson_rows(self, counts: Ints, means: Floats) -> Ints:
        """Poisson counts with these means, of which `counts[m]` are member m's: (sum,)."""
        ends = np.cumsum(counts).tolist()
        each = zip(self._streams, [0, *ends], ends, strict=False)
        return np.concatenate([s.poisson(means[a:b]) for s, a, b in each])

    def gamma_rows(self, counts: Ints, shapes: Floats) -> Floats:
        """Gamma draws of mean 1, `counts[m]` of the shape `shapes[m]` for member m: (sum,)."""
        each = zip(self._streams, counts.tolist(), shapes.tolist(), strict=True)
        return np.concatenate([s.standard_gamma(k, n) / k for s, n, k in each])

    def _rows(self, counts: Ints, draw: Callable[[np.random.Generator, int], Floats]) -> Floats:
        each = zip(self._streams, counts.tolist(), strict=True)
        return np.concatenate([draw(s, n) for s, n in each])


def side_by_side(rows: Floats, counts: Ints, fill: float = 0) -> Floats:
    """Rows that lie below one another by member, as (members, most, ...), `fill` beyond."""
    member = np.repeat(np.arange(len(counts)), counts)
    wide = np.full((len(counts), int(counts.max()), *rows.shape[1:]), fill, dtype=np.float64)
    wide[member, position(counts)] = rows
    return wide


def position(counts: Ints) -> Ints:
    """0, 1, ... within each member's rows, for rows that lie below one another: (sum,)."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
