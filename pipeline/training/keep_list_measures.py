"""What each list would have caught of the margin that departed, out of time.

All figures stand side by side under keys of one form, as in a tidy frame; terminal, metrics, pages
and the gate read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.bootstrap import Interval, bootstrapped, interval
from models.margin_caught import (
    Amounts,
    RankedAccounts,
    capped,
    caught,
    counted_once,
    effective_number,
    places,
)
from models.measures import auc, over
from pipeline.tables.tiers import TIERS
from pipeline.training.campaign import Campaign, campaign
from pipeline.training.keep_list import CALL_SCORE, SIZE, Bools, Floats, KeepListRows

CAPACITY = "capacity"  # as many accounts as can be called
SHARES = {"3 %": 0.03, "6 %": 0.06, "12 %": 0.12}  # of the active accounts
LENGTHS = (CAPACITY, *SHARES)

MEAN, POOLED = "mean", "pooled"  # over the test snapshots: of the shares, of the margins
SETTLED = "settled"  # pooled over snapshots at which all that came later is known, too
RECENT = 6  # test snapshots, the last ones, by which a version is judged

DUE = "due"  # margin of accounts that became due
LASTING = "lasting"  # of those among them that stayed away
LOST = "margin_lost"  # last year's margin less that of the year after, of all accounts
SHRINKING = "shrinking"  # the same of those that stay and fall below half of last year's margin
DEPARTURES = "departures"  # as DUE in the recent tests, each departure once
CAPPED = "departures_capped"  # the same, no account with more than the 99th percentile
ORDERED_BEFORE = "due_last_order_placed"  # DUE of those whose last order lies before the snapshot
ORDERED_AFTER = "due_last_order_to_come"  # DUE of the others
LEADS = {"due_in_0_30": (0, 30), "due_in_31_60": (31, 60), "due_in_61_90": (61, 90)}  # days
KINDS = (DUE, LASTING, LOST, SHRINKING, DEPARTURES, CAPPED, ORDERED_BEFORE, ORDERED_AFTER, *LEADS)
SLIPS = "slips_listed"  # share of the listed that had departed before
AUC = "auc"

TOP, ALL, SLIP_CHANCE = "top 3 %", "all", "slip chance"  # what calibration is asked of
CHANCE = 0.99  # covered by the intervals of calibration

_ONES, _SLIP = len(KINDS), len(KINDS) + 1


class Key(NamedTuple):
    """What a figure is of.

    snapshot: a date, MEAN, POOLED or SETTLED. calls: the length of the list. less: the ranking
    whose figure is deducted; empty where none is.
    """

    snapshot: str
    calls: str
    measure: str
    ranking: str
    less: str = ""


@dataclass(frozen=True)
class KeepListEvaluation:
    """Every figure with its 95 % interval by a bootstrap over accounts; differences are paired.

    calibration: said over did, with 99 % intervals, of the departure risk by ALL, TOP and tier, and
    of the slip chance. settled: the snapshots behind SETTLED; empty where nothing is known yet.
    recent: the tests by which a version is judged. capacity: calls. departures: their number in the
    recent tests, each once; effective_number: of their margins. campaign: the latest lists, called
    one after another.
    """

    figures: Mapping[Key, Interval]
    calibration: Mapping[str, Interval]
    tests: tuple[date, ...]
    settled: tuple[date, ...]
    recent: tuple[date, ...]
    rankings: tuple[str, ...]
    capacity: int
    departures: int
    effective_number: float
    campaign: Campaign

    def of(
        self,
        measure: str,
        ranking: str = CALL_SCORE,
        calls: str = CAPACITY,
        snapshot: object = POOLED,
        less: str = "",
    ) -> Interval:
        """One figure with its interval; KeyError where there is none."""
        return self.figures[Key(str(snapshot), calls, measure, ranking, less)]

    def frame(self) -> pd.DataFrame:
        """One row a figure: snapshot, calls, measure, ranking, less, value, low, high, covers."""
        rows = [(*key, *found, 0.95) for key, found in self.figures.items()]
        rows += [
            (POOLED, "", "said_over_did", group, "", *found, CHANCE)
            for group, found in self.calibration.items()
        ]
        return pd.DataFrame(rows, columns=[*Key._fields, *Interval._fields, "covers"])


def evaluate_keep_list(
    rows: KeepListRows, tests: Sequence[date], capacity: int, repetitions: int, jobs: int = 1
) -> KeepListEvaluation:
    """Measure every ranking at the test snapshots and at the settled ones.

    Parameters
    ----------
    capacity : accounts that can be called per snapshot.
    repetitions, jobs : draws behind each interval; draws taken at once.
    """
    recent, settled = tuple(tests[-RECENT:]), _settled(rows, tests)
    measured = sorted({*tests, *settled})
    stakes, once = _stakes(rows, recent)
    kept = np.isin(rows.as_of, np.array(measured, dtype="datetime64[D]"))
    place = np.cumsum(kept) - 1
    cells = [_Cell(rows, stakes, place, day, capacity) for day in measured]

    def statistics(weight: Floats) -> dict[tuple[str, str], Floats]:
        return {name: value for cell in cells for name, value in cell.statistics(weight)}

    drawn = bootstrapped(statistics, rows.account[kept], repetitions, jobs=jobs)
    sums = _Sums(drawn, {str(cell.day): cell.known for cell in cells}, tuple(rows.rankings))
    figures = {
        key: interval(values)
        for key, values in _with_differences(sums.figures(tests, settled)).items()
    }
    of_tests = {str(cell.day): cell.aucs for cell in cells if cell.day in tests}
    return KeepListEvaluation(
        figures=figures | _aucs(of_tests),
        calibration={
            name: interval(ratio, CHANCE) for name, ratio in sums.calibration(tests).items()
        },
        tests=tuple(tests),
        settled=settled,
        recent=recent,
        rankings=tuple(rows.rankings),
        capacity=capacity,
        departures=int(once.sum()),
        effective_number=effective_number(rows.size[once]),
        campaign=campaign(rows, capacity, repetitions),
    )


def _settled(rows: KeepListRows, tests: Sequence[date]) -> tuple[date, ...]:
    """The snapshots at which lasting departures and the year after are known.

    Tests if there are such, else the latest that were predicted, as many as tests.
    """
    known = ~np.isnan(rows.lasting) & ~np.isnan(rows.lost)
    days = [day.item() for day in np.unique(rows.as_of[known])]
    return tuple(day for day in tests if day in days) or tuple(days[-len(tests) :])


def _stakes(rows: KeepListRows, recent: Sequence[date]) -> tuple[Floats, Bools]:
    """What each row has at stake, (KINDS, n), NaN where unknown; which rows count in DEPARTURES."""
    size, nothing = rows.size, np.zeros(len(rows.size))
    due = np.where(rows.due, size, nothing)
    stays = ~rows.due & ~rows.slipped
    shrinks = stays & (rows.lost > rows.size / 2)
    judged = np.isin(rows.as_of, np.array(recent, dtype="datetime64[D]"))
    departure = np.where(rows.due & judged, rows.ordered_on, np.datetime64("NaT"))
    once = counted_once(rows.account, departure, rows.as_of)
    cap = np.empty(len(size))
    for day in np.unique(rows.as_of):
        now = rows.as_of == day
        cap[now] = capped(size[now])
    placed = rows.ordered_on < rows.as_of
    lead = (rows.departed_on - rows.as_of).astype("timedelta64[D]").astype(np.int64)
    stakes = {
        DUE: due,
        LASTING: np.where(np.isnan(rows.lasting), np.nan, due * (rows.lasting == 1)),
        LOST: rows.lost,
        SHRINKING: np.where(np.isnan(rows.lost), np.nan, rows.lost * shrinks),
        DEPARTURES: np.where(judged, size * once, np.nan),
        CAPPED: np.where(judged, cap * once, np.nan),
        ORDERED_BEFORE: due * placed,
        ORDERED_AFTER: due * ~placed,
        **{
            name: due * (rows.due & (first <= lead) & (lead <= last))
            for name, (first, last) in LEADS.items()
        },
    }
    return np.stack([stakes[kind] for kind in KINDS]), once


class _Cell:
    """One snapshot: all its rankings, sorted once for all draws."""

    def __init__(
        self,
        rows: KeepListRows,
        stakes: Floats,
        place: npt.NDArray[np.int64],
        day: date,
        capacity: int,
    ) -> None:
        now = rows.at(day)
        self.day = day
        self._place, self._counts = place[now], rows.stands_for[now]
        active = float(self._counts.sum())
        self._lengths = [capacity, *(places(share, active) for share in SHARES.values())]
        self.known: Bools = np.logical_not(np.isnan(stakes[:, now]).all(axis=1))
        held = [np.nan_to_num(stakes[:, now]), np.ones((1, len(now))), rows.slipped[now][None]]
        amounts = np.concatenate(held)
        self._everything = Amounts(amounts)
        self._ranked = {
            name: RankedAccounts(score[now], amounts) for name, score in rows.rankings.items()
        }
        due, risk = rows.due[now].astype(np.float64), rows.departure_risk[now]
        self.aucs = {
            "departure_risk": auc(due, risk, self._counts),
            "onset": auc(due, rows.onset[now], self._counts),
            SIZE: auc(due, rows.size[now], self._counts),
        }
        said_did = np.stack([risk, due])
        self._top = RankedAccounts(risk, said_did)
        slips = np.stack([rows.slip_chance[now], rows.slipped[now].astype(np.float64)])
        by_tier = [said_did * (rows.tier[now] == tier) for tier in TIERS]
        self._said_did = Amounts(np.concatenate([said_did, slips, *by_tier]))

    def statistics(self, weight: Floats) -> Iterator[tuple[tuple[str, str], Floats]]:
        """Sums under weights (r, rows of all snapshots), by what `_Sums` looks for."""
        weight = weight.take(self._place, axis=1) * self._counts
        day = str(self.day)
        yield (day, ""), self._everything.total(weight)
        for name, ranked in self._ranked.items():
            yield (day, name), np.stack(ranked.held(weight, self._lengths), axis=1)
        (top,) = self._top.held(weight, [self._lengths[LENGTHS.index("3 %")]])
        yield (day, "calibration"), np.hstack([self._said_did.total(weight), top])


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums of draws by (snapshot, what): (1 + r, ...), and which kinds are known at a snapshot."""

    drawn: Mapping[tuple[str, str], Floats]
    known: Mapping[str, Bools]
    rankings: tuple[str, ...]

    def figures(
        self, tests: Sequence[date], settled: Sequence[date]
    ) -> Iterator[tuple[Key, Floats]]:
        """Every figure but the differences, draw by draw."""
        days = [str(day) for day in tests]
        spans = {
            **{day: [day] for day in days},
            POOLED: days,
            SETTLED: [str(day) for day in settled],
        }
        for span, of in spans.items():
            if not of:
                continue
            everything = self._added("", of)
            for kind, amount in zip(KINDS, everything.T[:_ONES], strict=True):
                yield Key(span, "", f"{kind}_total", ""), amount
            for ranking in self.rankings:
                held = self._added(ranking, of)
                shares = caught(held, everything[:, None])
                shares[:, :, _SLIP] = over(held[:, :, _SLIP], held[:, :, _ONES])
                for length, calls in enumerate(LENGTHS):
                    for number, kind in enumerate(KINDS):
                        yield Key(span, calls, kind, ranking), shares[:, length, number]
                    yield Key(span, calls, SLIPS, ranking), shares[:, length, _SLIP]
        yield from self._means(days)

    def _added(self, what: str, days: Sequence[str]) -> Floats:
        """Sums over snapshots of the kinds that are known at each; NaN where none is."""
        known = np.stack([np.append(self.known[day], [True, True]) for day in days])
        parts = [self.drawn[day, what] * at for day, at in zip(days, known, strict=True)]
        added = np.sum(parts, axis=0)
        return np.asarray(np.where(known.any(axis=0), added, np.nan))

    def _means(self, days: Sequence[str]) -> Iterator[tuple[Key, Floats]]:
        """The shares of the tests at which they are known, averaged."""
        for ranking in self.rankings:
            shares = [
                caught(self._added(ranking, [day]), self._added("", [day])[:, None]) for day in days
            ]
            for number, kind in enumerate(KINDS):
                known = [share[:, :, number] for share in shares if not _unknown(share, number)]
                if known:
                    for length, calls in enumerate(LENGTHS):
                        values = np.mean([share[:, length] for share in known], axis=0)
                        yield Key(MEAN, calls, kind, ranking), values

    def calibration(self, tests: Sequence[date]) -> dict[str, Floats]:
        """Said over did, pooled over the tests, draw by draw."""
        sums = np.sum([self.drawn[str(day), "calibration"] for day in tests], axis=0)
        groups = (ALL, SLIP_CHANCE, *(f"tier {tier}" for tier in TIERS), TOP)
        return {
            group: np.asarray(over(sums[:, 2 * number], sums[:, 2 * number + 1]))
            for number, group in enumerate(groups)
        }


def _aucs(by_day: Mapping[str, Mapping[str, float]]) -> dict[Key, Interval]:
    """AUC of who becomes due, at each test and their mean, without intervals."""
    found = {
        Key(day, "", AUC, name): Interval(value, np.nan, np.nan)
        for day, aucs in by_day.items()
        for name, value in aucs.items()
    }
    for name in next(iter(by_day.values()), {}):
        mean = float(np.mean([aucs[name] for aucs in by_day.values()]))
        found[Key(MEAN, "", AUC, name)] = Interval(mean, np.nan, np.nan)
    return found


def _unknown(share: Floats, number: int) -> bool:
    return bool(np.isnan(share[0, :, number]).all())


def _with_differences(figures: Iterator[tuple[Key, Floats]]) -> dict[Key, Any]:
    """The figures, and those of the call score less those of every other ranking."""
    found = dict(figures)
    for key, values in list(found.items()):
        own = found.get(key._replace(ranking=CALL_SCORE))
        if own is not None and key.calls and key.ranking != CALL_SCORE:
            found[key._replace(ranking=CALL_SCORE, less=key.ranking)] = own - values
    return found
