"""BG/NBD: how likely an account is to stay silent, from when it has ordered alone.

While an account is a customer it orders at random with a rate of its own, and after each repeat
order it drops out for good with a probability of its own. Rates follow a gamma distribution over
accounts (shape r, scale 1/alpha), probabilities a beta distribution (a, b).

Common to all: repeats (n,), the order days after the first; last (n,), time from the first order
to the last, 0 without repeats; tenure (n,), time from the first order to now. Any unit of time, the
same for all. The literature calls them x, t_x and T.

Source: P. S. Fader, B. G. S. Hardie, K. L. Lee, "Counting your customers" the easy way, 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from models.dataset import FloatArray
from models.errors import TooLittleHistory
from models.probabilities import LARGEST, SMALLEST

# Of a / b and b: all chances to drop out are equally frequent, or all chances are small.
_STARTS = ((1.0, 1.0), (0.01, 50.0))
# Of the logarithms of r, alpha / r, a / b and b, with time in mean tenures.
_BOUNDS = np.log(1e4) * np.array([(-1, 1), (-2, 2), (-2, 2), (-1, 1)])
_PRECISELY = {"ftol": 1e-14, "xtol": 1e-7, "gtol": 1e-9, "maxCGit": 4, "maxfun": 1000}


@dataclass(frozen=True)
class BgNbd:
    """A fitted model. r, a, b: above 0; alpha: above 0, in the unit of time it was fitted in."""

    r: float
    alpha: float
    a: float
    b: float

    def silent(
        self, repeats: FloatArray, last: FloatArray, tenure: FloatArray, horizon: float
    ) -> FloatArray:
        """Return the probability of no order within `horizon` from now, (n,), above 0, below 1.

        NaN where a history is. An account is silent if it has dropped out, or if it has not and
        happens to order nothing. For one with a given rate, the latter is exp(-rate x horizon),
        which is also what a tenure longer by the horizon would put into its likelihood; so both
        are averaged over rates in the same closed form.
        """
        active = np.exp(-(self.r + repeats) * np.log1p(horizon / (self.alpha + tenure)))
        gone = expit(_log_odds_gone(self, repeats, last, tenure))
        silent = np.clip(gone + (1 - gone) * active, SMALLEST, LARGEST)
        return np.asarray(silent, dtype=np.float64)

    def log_likelihood(self, repeats: FloatArray, last: FloatArray, tenure: FloatArray) -> float:
        """Return the log-likelihood of these histories, in nats."""
        share = np.full(len(repeats), 1 / len(repeats))
        return len(repeats) * _log_likelihood(self, repeats, last, tenure, share)[0]


def fit(
    repeats: FloatArray,
    last: FloatArray,
    tenure: FloatArray,
    weight: FloatArray | None = None,
) -> BgNbd:
    """Return the most likely model of these histories, the better of two starts.

    weight: (n,), how many accounts each history stands for, above 0; 1 each by default.

    The search moves r, alpha / r, a / b and b, because the data determine the two ratios almost
    independently of r and b. With time in mean tenures, r and b stay between 1/10,000 and 10,000,
    and the ratios between the squares of these limits. A value at its limit says that accounts are
    all alike, or that none drops out.

    Raises TooLittleHistory where no account has a repeat: how often, and whether, they order
    again cannot be told. ValueError for histories that cannot be, NaN included.
    """
    if not np.all((repeats >= 0) & (repeats % 1 == 0) & (last >= 0) & (last <= tenure)):
        raise ValueError("each account needs whole repeats of 0 or more, and 0 <= last <= tenure")
    if not (repeats > 0).any():
        raise TooLittleHistory(
            f"none of {len(repeats)} accounts has ordered on a second day; the BG/NBD baseline "
            "needs some that have."
        )
    share = np.ones(len(repeats)) if weight is None else weight
    share = share / share.sum()
    unit = float((share * tenure).sum())
    history = (repeats, last / unit, tenure / unit, share)

    def parameters(logs: FloatArray) -> FloatArray:
        r, gap, odds, b = np.exp(logs)
        return np.array([r, r * gap, odds * b, b])

    def loss(logs: FloatArray) -> tuple[float, FloatArray]:
        values = parameters(logs)
        likelihood, slopes = _log_likelihood(BgNbd(*values), *history)
        r, alpha, a, b = slopes * values
        return -likelihood, -np.array([r + alpha, alpha, a, a + b])

    # TNC calls no BLAS. With L-BFGS-B, the threads of BLAS use several times the CPU time of the
    # fit; with SLSQP, their number changes the last digits.
    ends = (
        minimize(
            loss,
            np.log([1.0, 1 / (share * repeats).sum(), *start]),
            jac=True,
            bounds=_BOUNDS,
            method="TNC",
            options=_PRECISELY,
        )
        for start in _STARTS
    )
    r, alpha, a, b = map(float, parameters(min(ends, key=lambda end: float(end.fun)).x))
    return BgNbd(r, alpha * unit, a, b)


def _log_odds_gone(
    model: BgNbd, repeats: FloatArray, last: FloatArray, tenure: FloatArray
) -> FloatArray:
    """Log of P(dropped out) / P(not); minus infinity without repeats, when nobody could yet."""
    repeated = repeats > 0
    others = np.where(repeated, model.b + repeats - 1, 1.0)
    waited = np.log((model.alpha + tenure) / (model.alpha + last))
    odds = np.log(model.a / others) + (model.r + repeats) * waited
    return np.where(repeated | np.isnan(repeats), odds, -np.inf)


def _log_likelihood(
    model: BgNbd, repeats: FloatArray, last: FloatArray, tenure: FloatArray, weight: FloatArray
) -> tuple[float, FloatArray]:
    """Return the mean log-likelihood in nats, and its derivatives by r, alpha, a and b, (4,).

    weight: (n,), adding up to 1. A ratio of gamma functions of whole repeats is a product of one
    factor per repeat. The factor of the k-th repeat is the same for all accounts, so its logarithm
    has the weight of the share of accounts with at least k repeats.
    """

    def mean(values: FloatArray) -> float:
        return float((weight * values).sum())

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    share = 1 - np.cumsum(np.bincount(repeats.astype(int), weight))[:-1]
    before = np.arange(len(share))
    ordering, staying, either = r + before, b + before, a + b + before
    begun, now = alpha + last, alpha + tenure
    odds = _log_odds_gone(model, repeats, last, tenure)
    gone = expit(odds)
    others = np.where(repeats > 0, b + repeats - 1, 1.0)
    value = r * np.log(alpha) + (share * np.log(ordering * staying / either)).sum()
    value += mean(np.logaddexp(0, odds) - (r + repeats) * np.log(now))
    slopes = (
        (share / ordering).sum() + mean(np.log(alpha / now) + gone * np.log(now / begun)),
        mean(r / alpha - (r + repeats) * ((1 - gone) / now + gone / begun)),
        mean(gone) / a - (share / either).sum(),
        (share / staying - share / either).sum() - mean(gone / others),
    )
    return float(value), np.array(slopes)
