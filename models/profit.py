"""What calling a list earns, by named assumptions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.measures import FloatArray, Labels


@dataclass(frozen=True)
class CallTerms:
    """The assumptions; money in the currency of the values.

    accept_rate: share of the defectors called who take the incentive and stay. stayer_accept_rate:
    share of the stayers called who take it. incentive_share: of an account's value, offered with
    each call; 0 where a call is only a call. contact_cost: of one call.
    """

    accept_rate: float
    stayer_accept_rate: float
    incentive_share: float
    contact_cost: float


def call_profit(label: Labels, value: FloatArray, terms: CallTerms) -> FloatArray:
    """Return what calling each account would have earned, given what happened, (n,).

    With g = accept_rate, s = stayer_accept_rate, d = incentive_share, f = contact_cost, v = value:

        a defector    g x v x (1 - d) - f
        a stayer      - s x v x d - f

    The profit of a list is the sum over it; nobody called is 0. Verbeke et al. (2012) for churn;
    with an incentive in proportion to each account's own value, Janssens et al. (2022) for business
    customers, both with s = 1: who would stay anyway does not turn an offer down.
    """
    kept = terms.accept_rate * value * (1 - terms.incentive_share)
    given = terms.stayer_accept_rate * value * terms.incentive_share
    return np.asarray(np.where(np.asarray(label) == 1, kept, -given) - terms.contact_cost)
