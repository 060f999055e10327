"""How sure a measured value is: whole accounts are drawn again and again.

An account enters a draw with all its rows or not at all, because its rows at neighbouring
snapshots are nearly copies: drawing rows would make intervals too narrow (Field and Welsh 2007).
Whatever is measured in the same draws is paired: the difference of two scorers has its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from models.dataset import account_codes

FloatArray = NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)

# Weights that are computed together: enough that the calls cost little, few enough for the caches.
AT_ONCE = 2**20


class Interval(NamedTuple):
    """A measured value and the percentile interval around it, of 95 % unless told otherwise."""

    value: float
    low: float
    high: float


def bootstrapped(
    statistics: Callable[[FloatArray], Mapping[Key, FloatArray]],
    account: NDArray[Any],
    repetitions: int,
    seed: int = 0,
    jobs: int = 1,
) -> dict[Key, FloatArray]:
    """Return each statistic of the rows as they are, and then of each draw: (1 + repetitions,).

    statistics: from weights (r, n), how often each row counts, to named arrays (r,). account (n,).
    jobs: how many threads draw; the answer is the same.
    """
    codes = account_codes(np.asarray(account))
    once = statistics(np.ones((1, len(codes))))
    found: dict[Key, list[FloatArray]] = {key: [values] for key, values in once.items()}
    at_once = max(1, AT_ONCE // max(1, len(codes)))
    every = _draws(int(codes.max(initial=-1)) + 1, repetitions, at_once, seed)
    measured = Parallel(n_jobs=jobs, require="sharedmem", return_as="generator")(
        delayed(lambda draws: statistics(draws.take(codes, axis=1)))(draws) for draws in every
    )
    for one in measured:
        for key, values in one.items():
            found[key].append(values)
    return {key: np.concatenate(parts) for key, parts in found.items()}


def interval(values: FloatArray, covers: float = 0.95) -> Interval:
    """Summarise (1 + r,) of `bootstrapped`, or what was computed of them.

    The limits are those percentiles of the draws that could be measured between which lies the
    share `covers` of them: by default the 2.5th and the 97.5th.
    """
    drawn = values[1:][~np.isnan(values[1:])]
    limits = (50 - 50 * covers, 50 + 50 * covers)
    low, high = np.percentile(drawn, limits) if len(drawn) else (np.nan, np.nan)
    return Interval(float(values[0]), float(low), float(high))


def recentred(values: FloatArray) -> FloatArray:
    """Move the draws (1 + r,) of a measure that noise can only raise, so that they lie around it.

    Drawing adds noise to that of the data: a calibration error of draws lies above its own, often
    all of it. None is moved below 0.
    """
    if np.isnan(values[1:]).all():
        return values
    drawn = values[1:] - (np.nanmean(values[1:]) - values[0])
    return np.concatenate([values[:1], np.maximum(drawn, 0)])


def _draws(accounts: int, repetitions: int, at_once: int, seed: int) -> Iterator[FloatArray]:
    """Yield how often each account is drawn with replacement, (up to at_once, accounts)."""
    random = np.random.default_rng(seed)
    for start in range(0, repetitions if accounts else 0, at_once):
        size = min(at_once, repetitions - start)
        drawn = random.integers(0, accounts, (size, accounts)) + np.arange(size)[:, None] * accounts
        counts = np.bincount(drawn.ravel(), minlength=accounts * size)
        yield counts.reshape(size, accounts).astype(np.float64)
