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
from scipy.special import betaln, digamma, expit, gammaln

from models.dataset import FloatArray
from models.errors import TooLittleHistory
from models.probabilities import LARGEST, SMALLEST

_STARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.1, 0.3, 3.0), (3.0, 3.0, 0.1, 1.0))
_LIMIT = 1e4  # of each parameter and its reciprocal, time in mean tenures
_PRECISELY = {"ftol": 1e-15, "gtol": 1e-9}


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
        return float(_log_likelihoods(self, repeats, last, tenure).sum())


def fit(repeats: FloatArray, last: FloatArray, tenure: FloatArray) -> BgNbd:
    """Return the most likely model of these histories, the best of several starts.

    Parameters stay between 1/10,000 and 10,000, with time in mean tenures: one that would grow
    without end says that accounts are all alike, or that none drops out.

    Raises TooLittleHistory where no account has a repeat: how often, and whether, they order
    again cannot be told. ValueError for histories that cannot be, NaN included.
    """
    if not np.all((repeats >= 0) & (last >= 0) & (last <= tenure)):
        raise ValueError("each account needs repeats of 0 or more, and 0 <= last <= tenure")
    if not (repeats > 0).any():
        raise TooLittleHistory(
            f"none of {len(repeats)} accounts has ordered on a second day; the BG/NBD baseline "
            "needs some that have."
        )
    unit = float(tenure.mean())
    history = (repeats, last / unit, tenure / unit)
    bounds = [(-np.log(_LIMIT), np.log(_LIMIT))] * 4

    def loss(logs: FloatArray) -> tuple[float, FloatArray]:
        model = BgNbd(*np.exp(logs))
        value = -_log_likelihoods(model, *history).mean()
        return float(value), -_slopes(model, *history) * np.exp(logs)

    found = min(
        (
            minimize(loss, np.log(start), jac=True, bounds=bounds, options=_PRECISELY)
            for start in _STARTS
        ),
        key=lambda end: float(end.fun),
    )
    r, alpha, a, b = map(float, np.exp(found.x))
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


def _log_likelihoods(
    model: BgNbd, repeats: FloatArray, last: FloatArray, tenure: FloatArray
) -> FloatArray:
    """Log-likelihood of each history, (n,): of having ordered so and stayed, or dropped out."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    ordering = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
    ordering = ordering - (r + repeats) * np.log(alpha + tenure)
    staying = betaln(a, b + repeats) - betaln(a, b)
    either = np.logaddexp(0, _log_odds_gone(model, repeats, last, tenure))
    return np.asarray(ordering + staying + either, dtype=np.float64)


def _slopes(model: BgNbd, repeats: FloatArray, last: FloatArray, tenure: FloatArray) -> FloatArray:
    """Derivatives of the mean log-likelihood by r, alpha, a and b, (4,)."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    gone = expit(_log_odds_gone(model, repeats, last, tenure))
    others = np.where(repeats > 0, b + repeats - 1, 1.0)
    begun, now = alpha + last, alpha + tenure
    both = digamma(a + b) - digamma(a + b + repeats)
    by_parameter = (
        digamma(r + repeats) - digamma(r) + np.log(alpha / now) + gone * np.log(now / begun),
        r / alpha - (r + repeats) * ((1 - gone) / now + gone / begun),
        both + gone / a,
        both + digamma(b + repeats) - digamma(b) - gone / others,
    )
    return np.array([slope.mean() for slope in by_parameter])
