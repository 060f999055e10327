"""Slices: groups of accounts in which a model may fail while it looks well on the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.expressions import DAYS_PER_YEAR
from models.bootstrap import Interval
from models.value_at_stake import THIN_HISTORY_DAYS
from pipeline.review.recipe import Predicted
from pipeline.tables.trade import past_of
from pipeline.training.evaluation import COHORT, Evaluation, Facts, gain_over

UNKNOWN, OTHERS = "unknown", "others"
MOST = 8
"""Values of a dimension that are told apart, those of the most rows; the rest are `others`."""

Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Slice:
    """One group of accounts, out of time, a mean over the test snapshots.

    accounts: at a snapshot. base_rate: who defected, 0-1. auc, calibration_error: of the
    challenger; gain: of its AUC over the rival's, paired. What cannot be said is NaN.
    """

    dimension: str
    name: str
    accounts: float
    base_rate: float
    auc: Interval
    calibration_error: Interval
    gain: Interval


def sliced(predicted: Predicted) -> dict[str, Names]:
    """The name of each out-of-time row's slice, by dimension."""
    attributes = predicted.prepared.attributes
    rows = pd.DataFrame(
        {"account_id": predicted.out_of_time.account, "as_of": predicted.out_of_time.as_of}
    ).astype({"as_of": "datetime64[s]"})
    facts = _facts(predicted)
    found = rows.merge(facts, on=["account_id", "as_of"], how="left", validate="one_to_one")
    found = found.merge(attributes, on="account_id", how="left", validate="many_to_one")
    years = found["age_days"].to_numpy() / DAYS_PER_YEAR
    slices: dict[str, Names] = {
        "tenure": np.select(
            [years < 1, years < 2, years >= 2],
            ["under a year", "one to two years", "two years and more"],
            UNKNOWN,
        ).astype(object)
    }
    if "order_days_ever" in found:
        thin = found["order_days_ever"].to_numpy() < THIN_HISTORY_DAYS
        fewer = f"thin, fewer than {THIN_HISTORY_DAYS} order days"
        slices["history"] = np.where(thin, fewer, "longer").astype(object)
    for name in attributes.columns.drop("account_id"):
        slices[str(name)] = _commonest(found[name])
    return slices


def slices_of(dimension: str, evaluation: Evaluation, facts: Facts, rival: str) -> Iterator[Slice]:
    """One dimension's slices, from an evaluation by them."""
    nothing = Interval(np.nan, np.nan, np.nan)
    for name in facts.groups:

        def figure(measure: str, group: str = name) -> Interval:
            try:
                return evaluation.of(measure, group=group)
            except KeyError:
                return nothing

        yield Slice(
            dimension,
            name,
            evaluation.of("accounts", COHORT, group=name).value,
            evaluation.of("base_rate", COHORT, group=name).value,
            figure("auc"),
            figure("calibration_error"),
            figure(gain_over(rival)),
        )


def worst_first(slices: list[Slice]) -> list[Slice]:
    """Least gain first, then what cannot be said."""
    return sorted(slices, key=lambda s: (np.isnan(s.gain.value), s.gain.value, s.name))


def _facts(predicted: Predicted) -> pd.DataFrame:
    table = predicted.prepared.table
    assert table.trade is not None  # `prepare` asks for it
    facts = table.trade[["account_id", "as_of"]].copy()
    facts["age_days"] = past_of(table.trade).age_days
    if "order_days_ever" in table.frame:
        known = table.frame[["account_id", "as_of", "order_days_ever"]]
        facts = facts.merge(known, on=["account_id", "as_of"], validate="one_to_one")
    return facts.astype({"as_of": "datetime64[s]"})


def _commonest(values: pd.Series) -> Names:
    """The commonest values as they are, the others as one."""
    names = values.fillna(UNKNOWN).astype(object)
    kept = names.value_counts().index[:MOST]
    return np.asarray(names.where(names.isin(kept), OTHERS), dtype=object)
