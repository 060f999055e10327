"""How early a list names the accounts that leave, beside a rule of thumb.

The rule: an account has left when it has been silent for twice its usual gap.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.dataset import BoolArray, DateArray, account_codes
from models.measures import FloatArray, Value, mean, over, weighted_sum

RULE_GAPS = 2


class LeadTime(NamedTuple):
    """Of accounts that defected.

    median, lower_quartile, upper_quartile: days by which those listed were listed before the
    rule's day; negative is later. accounts: how many these are, with a usual gap. earlier: share
    listed before that day, of those with a usual gap. never: share not listed so far.
    """

    median: Value
    lower_quartile: Value
    upper_quartile: Value
    accounts: Value
    earlier: Value
    never: Value


def first_listed(
    account: NDArray[Any], as_of: DateArray, on_list: BoolArray, days_silent: FloatArray
) -> DateArray:
    """Return the first snapshot, up to that of each row, that listed the account in this silence.

    One row per (account, as_of), in any order; all (n,). A silence begins with the account's last
    order: what was listed before it was a false alarm. NaT where no snapshot so far listed it.
    """
    day = as_of.astype("datetime64[D]").astype(np.int64)
    last_order = np.floor(day - days_silent)
    order = np.lexsort((day, account_codes(account)))
    rows = pd.DataFrame(
        {"account": account_codes(account), "last_order": last_order, "at": day, "on": on_list}
    ).iloc[order]
    listed = rows["at"].where(rows["on"])
    silence = [rows["account"], rows["last_order"]]
    first = listed.groupby(silence, dropna=False).transform("cummin")
    # A later snapshot that does not list the account remembers the first that did.
    first = first.groupby(silence, dropna=False).ffill()
    found = np.full(len(day), np.datetime64("NaT"), dtype="datetime64[D]")
    known = first.notna().to_numpy()
    found[order[known]] = first.to_numpy()[known].astype("datetime64[D]")
    return found


def lead_days(
    as_of: DateArray, first: DateArray, days_silent: FloatArray, usual_gap: FloatArray
) -> FloatArray:
    """Return the days from the first listing to the rule's day, (n,); positive is earlier.

    The rule's day: last order + 2 x usual gap, both as known at the snapshot. NaN where never
    listed, or without a usual gap.
    """
    since = (as_of - first).astype("timedelta64[D]").astype(np.float64)
    since[np.isnat(first)] = np.nan
    return np.asarray(RULE_GAPS * usual_gap - days_silent + since, dtype=np.float64)


def lead_time(
    lead: FloatArray, first: DateArray, usual_gap: FloatArray, weight: FloatArray | None = None
) -> LeadTime:
    """Summarise accounts that defected, (n,) each; weight as in `models.measures`."""
    weight = np.ones(len(lead)) if weight is None else np.asarray(weight, dtype=np.float64)
    rhythm, known = ~np.isnan(usual_gap), ~np.isnan(lead)
    lower, middle, upper = _quantiles(lead, known, weight, (0.25, 0.5, 0.75))
    return LeadTime(
        median=middle,
        lower_quartile=lower,
        upper_quartile=upper,
        accounts=weighted_sum(known, weight),
        earlier=over(weighted_sum(rhythm & (lead > 0), weight), weighted_sum(rhythm, weight)),
        never=mean(np.isnat(first), weight),
    )


def _quantiles(
    values: FloatArray, known: BoolArray, weight: FloatArray, shares: tuple[float, ...]
) -> list[Value]:
    """Return the smallest known value that at least each share of the weight does not exceed."""
    # Stable, because this is quick where the values are sorted already.
    order = np.argsort(values, kind="stable")[: np.count_nonzero(known)]  # NaN is last
    if len(order) == 0:
        return [np.full(weight.shape[:-1], np.nan)[()] for _ in shares]
    reached = np.cumsum(weight.take(order, axis=-1), axis=-1)
    total = reached[..., -1:]
    found = [values[order][(reached >= share * total).argmax(axis=-1)] for share in shares]
    return [np.where(total[..., 0] > 0, value, np.nan)[()] for value in found]
