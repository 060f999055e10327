"""The tables of `make bench-lists`, and docs/benchmarks-lists.md from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from list_reorders import LIST, REORDER_X_VALUE, VALUE, VALUE_IN_BANDS
from list_truth import SHARES, Estimate, over_seeds

CALL_SCORE, SIZE, TRUTH = "call score", "size", "truth"
BESIDE_WIN_BACK = "call score, nine tenths"
FAMILIES = {
    "order_history": "orders",
    "contact_breadth": "contacts",
    "complaint_latency": "complaints",
}
SUBSETS = {
    " + ".join(FAMILIES[one] for one in families): families
    for families in (
        *(tuple(FAMILIES)[:count] for count in (1, 2, 3)),
        *((one,) for one in tuple(FAMILIES)[1:]),
    )
}
_ORDERS, _TWO, _ALL, *_ = SUBSETS
PAIRS = ((_TWO, _ORDERS), (_ALL, _TWO), *((name, SIZE) for name in SUBSETS))
REORDER_PAIRS = ((LIST, VALUE_IN_BANDS), (REORDER_X_VALUE, VALUE))
OUTCOMES = {
    "expected": "true leavers, by the truth's expectation",
    "leavers": "true leavers, realised",
    "influenceable": "... for a cause that the supplier could influence",
    "before last order": "... whose last order is yet to come",
    "after last order": "... whose last order is placed",
    "lost by leavers": "... counting the margin that they take away",
    "due": "due departures, by the label",
    "lasting": "... that last",
    "lost by all": "margin lost by all active accounts",
}
GONE = {"gone": "of those listed, left already", "gone margin": "... by size"}

HEAD = """# What the list catches

Written by `make bench-lists`: the figures of the last run, not promises.

Each market is simulated, so the truth is known. Models are fitted and predict every three months,
as they could have then; the last four of these snapshots are the tests. A list holds a share of the
active accounts, those with the highest scores. A figure is the part of an outcome that the list
catches: the sum over the accounts listed, divided by the sum over all active ones. It is the mean
over the tests at which the outcome is known, then over the seeds.

An account counts with its size, the last year's margin known at the snapshot, or with the margin
that it takes away, its size less the margin of the year after. `truth` ranks by the chance of
leaving given the hidden state, times size: nobody can know more. `taught the truth` is the same
learner, taught who left when, times size. `call score, nine tenths` is the list to keep where one
call in ten goes to departed accounts, who cannot leave any more. Intervals are of 95 %, by
Student's t over the seeds, of differences on the same market.
"""

Result = dict[str, Any]


def page(results: Iterable[Result]) -> str:
    """The page; results: as `lists.main` gathers them."""
    return "\n".join([HEAD, *(line for result in results for line in [*part(result), ""])])


def part(result: Result) -> Iterator[str]:
    """The tables of one world and effect."""
    yield f"## {result['world']}, effect {result['effect']}"
    yield ""
    yield from _about(result)
    sections = {
        "lists": _lists,
        "ablation": _ablation,
        "calibration": _calibration,
        "win_back": _win_back,
        "value": _value,
        "key_accounts": _key_accounts,
    }
    for name, tables in sections.items():
        if name in result:
            yield ""
            yield from tables(pd.DataFrame(result[name]))


def _about(result: Result) -> Iterator[str]:
    seeds = result["seeds"]
    drawn = result["drawn_from"]
    how = f"drawn from commit {drawn} (sha256)" if drawn else "named, to develop with"
    tests = next(iter(result["tests"].values()))
    active = [count for each in result["tests"].values() for count in each.values()]
    yield (
        f"{result['accounts']:,} accounts, {result['months']} months; {len(seeds)} seeds, {how}: "
        f"{', '.join(map(str, seeds))}. Tests at {', '.join(tests)}; "
        f"{min(active):,} to {max(active):,} active accounts at each. Code at {result['code']}."
    )
    yield ""
    wall, cpu = (
        pd.DataFrame(
            {step: took[kind] for step, took in steps.items()} for steps in result["steps"].values()
        )
        for kind in ("seconds", "cpu")
    )
    steps = ", ".join(f"{step} {wall[step].mean():.0f} ({cpu[step].mean():.0f})" for step in wall)
    yield (
        f"{wall.sum().sum():.0f} s in all, {wall.sum(axis=1).mean():.0f} s a seed, those of the "
        f"processor {cpu.sum(axis=1).mean():.0f}; by step, where it was needed: {steps}. "
        f"{result['on']}, run {result['runs']} of these seeds, on {result['machine']}, load before "
        f"{result['load']:.1f}."
    )


def _lists(records: pd.DataFrame) -> Iterator[str]:
    rankings = list(records["ranking"].unique())
    others = [ranking for ranking in rankings if ranking not in (CALL_SCORE, SIZE)]
    tests = records.groupby("outcome")["tests"].max()
    for share in SHARES:
        table = _Table(records, share)
        heads = [CALL_SCORE, SIZE, "call score - size", *others, "tests"]
        yield from _head(f"{share:.0%} listed", heads)
        for outcome, says in {**OUTCOMES, **GONE}.items():
            cells = [
                table.mean(CALL_SCORE, outcome),
                table.mean(SIZE, outcome),
                table.difference(CALL_SCORE, SIZE, outcome),
                *(table.mean(ranking, outcome) for ranking in others),
                str(tests[outcome]),
            ]
            yield _line(says, cells)
        yield ""
    yield from _head("over size, by the truth's expectation", [f"{s:.0%} listed" for s in SHARES])
    for ranking in rankings:
        if ranking != SIZE:
            tables = [_Table(records, share) for share in SHARES]
            yield _line(ranking, [one.difference(ranking, SIZE, "expected") for one in tables])
    yield _line(
        "share of what the truth catches",
        [_Table(records, share).ratio(CALL_SCORE, TRUTH, "expected") for share in SHARES],
    )


def _ablation(records: pd.DataFrame) -> Iterator[str]:
    outcomes = ["expected", "leavers", "influenceable", "before last order", "after last order"]
    for share in SHARES:
        table = _Table(records, share)
        yield from _head(f"{share:.0%} listed", [OUTCOMES[one].strip(". ") for one in outcomes])
        for ranking in records["ranking"].unique():
            yield _line(ranking, [table.mean(ranking, outcome) for outcome in outcomes])
        for ranking, other in PAIRS:
            cells = [table.difference(ranking, other, outcome) for outcome in outcomes]
            yield _line(f"{ranking}, over {other}", cells)
        yield ""


def _calibration(records: pd.DataFrame) -> Iterator[str]:
    yield from _head(
        "departure risk", ["said / did", "pooled over seeds", "tests outside chance (99 %)"]
    )
    for group, each in records.groupby("group", sort=False):
        ratio = over_seeds(each["said"] / each["did"])
        pooled = each["said"].sum() / each["did"].sum()
        outside = f"{each['outside'].sum()} of {each['tests'].sum()}"
        yield _line(str(group), [_interval(ratio, sign=""), f"{pooled:.3f}", outside])


def _win_back(records: pd.DataFrame) -> Iterator[str]:
    """Departed accounts: who orders again, what was said, what 20 calls reach."""
    of_kind = dict(iter(records.groupby("kind")))
    auc, parts, calls = (of_kind[kind] for kind in ("auc", "fifth", "calls"))
    rankings = list(auc["ranking"].unique())
    yield from _head("AUC of ordering again", rankings)
    for days, each in auc.groupby("days"):
        cells = []
        for ranking in rankings:
            here = each[each["ranking"] == ranking]
            if len(here) == 1:  # of one seed: its own interval, by a bootstrap over accounts
                value, low, high = here[["value", "low", "high"]].to_numpy(dtype=float)[0]
                estimate = Estimate(value, low, high, 1)
            else:
                estimate = over_seeds(here["value"])
            cells.append(_interval(estimate, sign="+" if " - " in ranking else ""))
        yield _line(f"within {days:.0f} days", cells)
    yield ""
    numbers = sorted(parts["number"].unique())
    heads = [*(f"fifth {n:.0f}" for n in numbers), "all", "ratio, mean of seeds"]
    yield from _head("said / did, pooled over seeds", heads)
    for days, each in parts.groupby("days"):
        cells = []
        for here in [*(each[each["number"] == n] for n in numbers), each]:
            rows, said, did = here[["rows", "said", "did"]].sum()
            cells.append(f"{said / rows:.3f} / {did / rows:.3f}")
        sums = each.groupby("seed")[["said", "did"]].sum()
        cells.append(_interval(over_seeds(sums["said"] / sums["did"]), sign=""))
        yield _line(f"within {days:.0f} days, {each['rows'].sum():,.0f} rows", cells)
    yield ""
    yield from _head("20 calls", ["margin of those ordering again", "of the called, order again"])
    by_seed = calls.pivot(index="seed", columns="ranking", values=["margin", "share"])
    for ranking in calls["ranking"].unique():
        cells = [_interval(over_seeds(by_seed[kind, ranking]), "") for kind in ("margin", "share")]
        yield _line(str(ranking), cells)
    for ranking, other in REORDER_PAIRS:
        paired = by_seed.xs(ranking, axis=1, level=1) - by_seed.xs(other, axis=1, level=1)
        cells = [_interval(over_seeds(paired[kind])) for kind in ("margin", "share")]
        yield _line(f"{ranking}, over {other}", cells)


def _value(records: pd.DataFrame) -> Iterator[str]:
    """The share of stayers inside the interval of next year's margin, by tier."""
    groups = list(records["group"].unique())
    rows = records.drop_duplicates("seed")
    yield from _head("inside the interval that nine in ten are meant to be in", groups)
    by_group = [records.loc[records["group"] == group, "inside"] for group in groups]
    says = f"stayers, {rows['rows'].sum():,} rows of {rows['snapshots'].sum()} snapshots"
    yield _line(says, [_interval(over_seeds(each), "") for each in by_group])
    yield _line("least and most of a seed", [f"{e.min():.3f} to {e.max():.3f}" for e in by_group])


def _key_accounts(records: pd.DataFrame) -> Iterator[str]:
    """Of key accounts that left, how many were called so on the last list they were active on."""
    heads = ["left", "still key", "share", "least of a seed"]
    yield from _head("key accounts that left within a year", heads)
    for group, each in records.groupby("group", sort=False):
        seeds = each.groupby("seed")[["kept", "left"]].sum()
        left, kept = seeds["left"].sum(), seeds["kept"].sum()
        least = (seeds["kept"] / seeds["left"]).min()
        yield _line(str(group), [f"{left}", f"{kept}", f"{kept / left:.3f}", f"{least:.3f}"])


class _Table:
    """Cells at one share of the active accounts."""

    def __init__(self, records: pd.DataFrame, share: float) -> None:
        here = records[records["share"] == share]
        self._values = here.pivot(index="seed", columns=["ranking", "outcome"], values="value")

    def mean(self, ranking: str, outcome: str) -> str:
        return _number(over_seeds(self._values[ranking, outcome]).mean)

    def difference(self, ranking: str, other: str, outcome: str) -> str:
        paired = self._values[ranking, outcome] - self._values[other, outcome]
        return _interval(over_seeds(paired))

    def ratio(self, ranking: str, other: str, outcome: str) -> str:
        paired = self._values[ranking, outcome] / self._values[other, outcome]
        return _interval(over_seeds(paired), sign="")


def _head(first: str, others: Iterable[str]) -> Iterator[str]:
    others = list(others)
    yield _line(first, others)
    yield "|---|" + "---:|" * len(others)


def _line(first: str, cells: Iterable[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _number(value: float, sign: str = "") -> str:
    return "" if pd.isna(value) else f"{value:{sign}.3f}"


def _interval(found: Estimate, sign: str = "+") -> str:
    mean = _number(found.mean, sign)
    if pd.isna(found.low):
        return mean
    return f"{mean} ({_number(found.low, sign)} to {_number(found.high, sign)})"
