"""How much of what is at stake a ranked list catches.

A list holds the k accounts of a snapshot with the highest scores. Accounts that are tied at its end
are listed in proportion: the expectation when ties are broken at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dataset import account_codes
from models.measures import FloatArray, Ranking, over, weighted_sum

CAP_PERCENTILE = 99.0


def places(share: float, accounts: float) -> int:
    """Return how many accounts are listed when a share of the active accounts is."""
    return max(1, round(share * accounts))


class Amounts:
    """What accounts hold, of m kinds; kept where it is not 0, because most hold nothing of most."""

    def __init__(self, amounts: FloatArray) -> None:
        """Keep what is not 0 of (m, n)."""
        self._kinds = [(np.flatnonzero(kind), kind[kind != 0]) for kind in amounts]

    def total(self, weight: FloatArray) -> FloatArray:
        """Return the weighted sums (r, m) under weights (r, k) of the first k accounts."""
        accounts = weight.shape[1]
        found = np.empty((len(weight), len(self._kinds)))
        for number, (holders, held) in enumerate(self._kinds):
            until = int(holders.searchsorted(accounts))
            of_holders = weight if until == accounts else weight.take(holders[:until], axis=1)
            found[:, number] = weighted_sum(held[:until], of_holders)
        return found


class RankedAccounts:
    """The accounts of one snapshot by falling score, sorted once for all draws."""

    def __init__(self, score: FloatArray, amounts: FloatArray) -> None:
        """Sort the accounts.

        Parameters
        ----------
        score : (n,). Where one is NaN, nothing can be said of the ranking.
        amounts : (m, n), m kinds of what each account holds.
        """
        self._order = np.argsort(-score, kind="stable")
        self._score = score[self._order]
        self._amounts = Amounts(amounts[:, self._order])
        self._unknown = bool(np.isnan(score).any())
        self._rankings: dict[int, Ranking] = {}  # of the first so many accounts

    def held(self, weight: FloatArray, lengths: Sequence[float]) -> list[FloatArray]:
        """Return what lists of these lengths hold of each kind, an array (r, m) each.

        weight: (r, n), how often each account counts, in the order of the scores given.
        """
        drawn = self._first(weight, max(lengths))
        curve = self._ranking(drawn.shape[1]).curve(drawn)
        found = []
        for length in lengths:
            reached = curve.reached(length)
            top = int(np.searchsorted(curve.place, reached.shape[1]))
            listed = drawn[:, :top] * reached.take(curve.place[:top], axis=1)
            found.append(self._amounts.total(listed))
        return found

    def _ranking(self, most: int) -> Ranking:
        if most not in self._rankings:
            self._rankings[most] = Ranking(np.zeros(most), self._score[:most])
        return self._rankings[most]

    def _first(self, weight: FloatArray, length: float) -> FloatArray:
        """The weights of the first accounts, enough of them for a list of a length in each draw."""
        everybody, most = len(self._order), round(length + 5 * np.sqrt(length)) + 1
        while True:
            most = everybody if self._unknown else self._without_cut_ties(most)
            drawn = weight.take(self._order[:most], axis=1)
            if most == everybody or drawn.sum(axis=1).min() >= length:
                return drawn
            most *= 2

    def _without_cut_ties(self, most: int) -> int:
        """As many accounts, and those that are tied with the last of them."""
        if most >= len(self._score):
            return len(self._score)
        return int(np.searchsorted(-self._score, -self._score[most - 1], side="right"))


def caught(held: FloatArray, everything: FloatArray) -> FloatArray:
    """Return the share of everything that is held; NaN where there is nothing to hold."""
    return np.asarray(over(held, everything), dtype=np.float64)


def counted_once(
    account: NDArray[Any], departure: NDArray[Any], as_of: NDArray[np.datetime64]
) -> NDArray[np.bool_]:
    """Return the rows at which a departure is seen for the first time, (n,).

    Parameters
    ----------
    account, as_of : (n,).
    departure : (n,), the day of the order that is the departure; NaT where there is none.
    """
    rows = np.flatnonzero(~np.isnat(departure))
    code, day = account_codes(account[rows]), departure[rows].astype("datetime64[D]")
    order = np.lexsort((as_of[rows], day, code))
    code, day = code[order], day[order]
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = (code[1:] != code[:-1]) | (day[1:] != day[:-1])
    found = np.zeros(len(account), dtype=np.bool_)
    found[rows[order[first]]] = True
    return found


def capped(margin: FloatArray) -> FloatArray:
    """Return the margins (n,) of a snapshot's active accounts, none above their 99th percentile."""
    return np.minimum(margin, np.percentile(margin, CAP_PERCENTILE)) if len(margin) else margin


def effective_number(margin: FloatArray) -> float:
    """Return how many equal margins say as much as these: (sum m)^2 / (sum of m^2); 0 for none."""
    squares = float(np.square(margin).sum())
    return float(margin.sum()) ** 2 / squares if squares > 0 else 0.0
