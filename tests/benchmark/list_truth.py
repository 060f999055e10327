"""What a list is worth where the truth is known: pure functions over one market's active accounts.

A list holds the K = max(1, round(share x active)) accounts with the highest scores of a snapshot.
An outcome is a weight of each active account, not below 0; what a list catches of it is the sum
over those listed divided by the sum over all active ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

SHARES = (0.03, 0.06, 0.12)  # of the active accounts, that are listed
HORIZON_DAYS = 90
BY_CHANCE = 0.99  # of single tests, whose said and did chance alone lets agree

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Records = list[dict[str, Any]]


class Estimate(NamedTuple):
    """A mean over seeds with its 95 % interval by Student's t; NaN ends with fewer than two."""

    mean: float
    low: float
    high: float
    seeds: int


def listed(score: Floats, share: float) -> Bools:
    """Return which rows of one snapshot are listed, (n,); of equal scores the earlier row."""
    chosen = np.zeros(len(score), dtype=np.bool_)
    chosen[np.argsort(-score, kind="stable")[: max(1, round(share * len(score)))]] = True
    return chosen


def caught(weight: Floats, chosen: Bools) -> float:
    """Return the share of the weight (n,) that is listed; NaN where there is none, or unknown."""
    total = float(weight.sum())
    return float(weight[chosen].sum()) / total if total > 0 else float("nan")


def outcomes(rows: pd.DataFrame) -> dict[str, Floats]:
    """Return the weight of each outcome, (n,), by name; NaN where it is not known.

    Parameters
    ----------
    rows : a row for each active account and snapshot, with
        size, the last year's margin known at the snapshot, not below 0;
        left_in, days from the snapshot to the day on which it leaves, NaN if it stays;
        leaves_90, its chance to leave within 90 days given the hidden state;
        influenceable, whether it leaves for a cause that the supplier could influence;
        last_order_in, days from the snapshot to its very last order;
        due, lasting, whether the label says that it departs, and lastingly (NaN: not mature);
        next_year, the margin of the year after (NaN: not mature).
    """
    size = rows["size"].to_numpy()
    left_in = rows["left_in"].to_numpy()
    leaver = (left_in >= 0) & (left_in < HORIZON_DAYS)
    margin = size * leaver
    done = rows["last_order_in"].to_numpy() < 0
    lost = np.maximum(size - rows["next_year"].to_numpy(), 0)
    return {
        "expected": rows["leaves_90"].to_numpy() * size,
        "leavers": margin,
        "influenceable": margin * rows["influenceable"].to_numpy(),
        "after last order": margin * done,
        "before last order": margin * ~done,
        "due": size * rows["due"].to_numpy(),
        "lasting": size * rows["due"].to_numpy() * rows["lasting"].to_numpy(),
        "lost by leavers": lost * leaver,
        "lost by all": lost,
    }


def measure(
    rows: pd.DataFrame,
    scores: Mapping[str, Floats],
    shares: Iterable[float] = SHARES,
    parts: Mapping[str, float] | None = None,
) -> Records:
    """Return what each ranking catches: share, ranking, outcome, value, tests (with a value).

    rows: as for `outcomes`, with as_of; scores: of the same rows. parts: of the share, that a
    ranking has for its list; the whole by default. Values are means over the
    snapshots at which the outcome is known. The outcome "gone" is the share of the accounts listed
    that had left before the snapshot; "gone margin" is that of their size.
    """
    weights, found = outcomes(rows), []
    as_of, size = rows["as_of"].to_numpy(), rows["size"].to_numpy()
    gone = rows["left_in"].to_numpy() < 0
    tests = [np.flatnonzero(as_of == day) for day in np.unique(as_of)]
    for share in shares:
        for ranking, score in scores.items():
            values: dict[str, list[float]] = {}
            for now in tests:
                chosen = listed(score[now], share * (parts or {}).get(ranking, 1.0))
                for outcome, weight in weights.items():
                    values.setdefault(outcome, []).append(caught(weight[now], chosen))
                values.setdefault("gone", []).append(float(gone[now][chosen].mean()))
                of_list = caught(size[now] * chosen, gone[now])
                values.setdefault("gone margin", []).append(of_list)
            found += [
                {"share": share, "ranking": ranking, "outcome": outcome, **_mean(each)}
                for outcome, each in values.items()
            ]
    return found


def _mean(values: list[float]) -> dict[str, float]:
    known = [value for value in values if not np.isnan(value)]
    return {"value": float(np.mean(known)) if known else float("nan"), "tests": len(known)}


def calibration(rows: pd.DataFrame, risk: Floats, score: Floats) -> Records:
    """Return what the departure risks of a market said and what the accounts did, by group.

    Parameters
    ----------
    rows : as_of, due, tier.
    risk : of becoming due, (n,).
    score : by which the list is ranked, (n,).

    Returns
    -------
    group, said and did, sums over all snapshots; tests, the snapshots; outside, those of them at
    which chance alone would let said and did be so far apart less often than 1 time in 100.
    """
    as_of, due = rows["as_of"].to_numpy(), rows["due"].to_numpy(dtype=np.float64)
    groups = {"all": np.ones(len(rows), dtype=np.bool_)}
    top = SHARES[0]
    for name, by in ((f"top {top:.0%} by risk", risk), (f"top {top:.0%} of the list", score)):
        groups[name] = np.zeros(len(rows), dtype=np.bool_)
        for day in np.unique(as_of):
            now = np.flatnonzero(as_of == day)
            groups[name][now] = listed(by[now], top)
    tier = rows["tier"].to_numpy()
    groups |= {f"tier {one}": tier == one for one in sorted(set(tier))}
    found = []
    for group, members in groups.items():
        tests = [members & (as_of == day) for day in np.unique(as_of[members])]
        outside = sum(not by_chance(risk[now], due[now]) for now in tests)
        said, did = float(risk[members].sum()), float(due[members].sum())
        found.append(
            {"group": group, "said": said, "did": did, "tests": len(tests), "outside": outside}
        )
    return found


def by_chance(risk: Floats, happened: Floats) -> bool:
    """Return whether chance alone lets what happened be so far from what risks said, (n,) each.

    99 times in 100, by the normal approximation of a sum of independent yes or no.
    """
    spread = float(np.sqrt((risk * (1 - risk)).sum()))
    limit = float(student.ppf((1 + BY_CHANCE) / 2, np.inf)) * spread
    return bool(abs(float(risk.sum() - happened.sum())) <= limit)


def over_seeds(values: Iterable[float]) -> Estimate:
    """Return the mean over seeds of known values, with its interval."""
    known = np.array([value for value in values if not np.isnan(value)])
    count = len(known)
    mean = float(known.mean()) if count else float("nan")
    if count < 2:
        return Estimate(mean, float("nan"), float("nan"), count)
    half = float(student.ppf(0.975, count - 1) * known.std(ddof=1) / np.sqrt(count))
    return Estimate(mean, mean - half, mean + half, count)
