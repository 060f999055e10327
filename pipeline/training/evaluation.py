"""Out-of-time measures of the model beside its baselines, on the same rows.

All figures stand side by side under keys of one form, as in a tidy frame; everything that is said
of a back-test (terminal, headline, metrics, plots) is read from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property
from itertools import product
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.expressions import DAYS_PER_YEAR
from models import measures
from models.bootstrap import Interval, bootstrapped, interval, recentred
from models.calibration_limit import calibration_limit
from models.dataset import DateArray, account_codes
from models.lead_time import first_listed, lead_days, lead_time
from models.out_of_time import OutOfTime
from models.profit import CallTerms, call_profit
from models.stability import on_list, stability
from pipeline.tables.tiers import TIERS
from pipeline.tables.training_table import TrainingTable

MODEL = "model"
RIVAL = "logistic"  # the baseline that the model has to beat on each test snapshot
EXPECTED_LOSS = "expected_loss"  # the model's risk x value, as another ranking of the list
COHORT = ""  # the scorer of what says something of the accounts, not of a scorer
BG_NBD = "bg_nbd"
CHAMPION = "champion"  # the recipe of the version in use, where a review compares with it
PROBABILITIES = (MODEL, RIVAL, BG_NBD, CHAMPION)  # scorers whose score is a risk
MEAN = "mean"  # over the test snapshots
ALL = "all"  # groups together
TREATED = "treated"  # accounts that were acted on, and are left out of all other figures

Floats = npt.NDArray[np.float64]

GAINS = {  # 1 where more is better
    "auc": 1,
    "average_precision": 1,
    "brier": -1,
    "calibration_error": -1,
    "precision_at_capacity": 1,
    "profit": 1,
}
_RAISED_BY_NOISE = ("calibration_error", "calibration_in_the_large")


class Key(NamedTuple):
    """What a figure is of. snapshot: a date, or `mean`; group: of accounts, a tier, or `all`."""

    snapshot: str
    group: str
    measure: str
    scorer: str


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known, at the snapshot, of the account of each out-of-time row; (n,) each.

    value: margin, or revenue where none is recorded. days_silent: days since the last order.
    usual_gap: median days between order days, NaN without two of them. group: what accounts are
    also measured by; A, B or C by `pipeline.tables.tiers`, unless told otherwise. followed: whether
    the account is predicted at every snapshot that it belongs to. groups: all of them, in the order
    they are told in.
    """

    value: Floats
    days_silent: Floats
    usual_gap: Floats
    group: npt.NDArray[np.object_]
    followed: npt.NDArray[np.bool_]
    groups: tuple[str, ...] = TIERS

    def rows(self, mask: npt.NDArray[np.bool_ | np.int64]) -> Facts:
        """The facts of some rows, a mask or their numbers."""
        of_rows = [field.name for field in fields(self) if field.name != "groups"]
        return replace(self, **{name: getattr(self, name)[mask] for name in of_rows})

    @classmethod
    def of(cls, table: TrainingTable, out_of_time: OutOfTime, value_days: int) -> Self:
        """Take them from the training table; value_days: of how many days the value is wanted."""
        dataset = table.dataset
        order = dataset.order()
        order = order[np.isin(dataset.as_of[order], np.unique(out_of_time.as_of))]
        return cls(
            value=table.of_frame("last_year")[order] * value_days / DAYS_PER_YEAR,
            group=table.of_frame("tier")[order],
            days_silent=dataset.column("days_since_last_order")[order],
            usual_gap=dataset.column("usual_order_gap")[order],
            followed=table.of_frame("followed")[order],
        )


@dataclass(frozen=True)
class Evaluation:
    """Every figure of a back-test with its 95 % interval by a bootstrap over accounts.

    The limits are NaN where none was taken; all is NaN where nothing can be said.
    """

    figures: Mapping[Key, Interval]
    tests: tuple[date, ...]
    scorers: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """One row a figure: snapshot, group, measure, scorer, value, low, high."""
        columns = [*Key._fields, *Interval._fields]
        return pd.DataFrame(
            [(*key, *found) for key, found in self.figures.items()], columns=columns
        )

    def of(
        self, measure: str, scorer: str = MODEL, snapshot: object = MEAN, group: str = ALL
    ) -> Interval:
        """One figure with its interval; KeyError where there is none."""
        return self.figures[Key(str(snapshot), group, measure, scorer)]

    def value(self, measure: str, scorer: str = MODEL, snapshot: object = MEAN) -> float:
        """One figure over all accounts."""
        return self.of(measure, scorer, snapshot).value

    def with_scorers_of(self, other: Self) -> Self:
        """These figures and those of another evaluation of the same rows."""
        scorers = tuple(dict.fromkeys((*self.scorers, *other.scorers)))
        return replace(self, figures={**self.figures, **other.figures}, scorers=scorers)


def evaluate(
    out_of_time: OutOfTime,
    facts: Facts,
    tests: Sequence[date],
    capacity: int,
    terms: CallTerms,
    repetitions: int,
    jobs: int = 1,
) -> Evaluation:
    """Measure the model and the baselines at each test snapshot, in each group, and on average.

    capacity: accounts that can be called per snapshot. repetitions: draws behind each interval;
    jobs: draws taken at once. A gain over a baseline is positive where the model is better; both
    have seen the same draws of accounts. Rows marked as treated are counted and left out: what was
    done about them may have changed their outcome.
    """
    treated = {test: int(out_of_time.at(test).treated.sum()) for test in tests}
    facts, out_of_time = facts.rows(~out_of_time.treated), out_of_time.untreated()
    risk = out_of_time.published_risk
    scorers = {MODEL: risk, **out_of_time.baselines}
    rankings = {**scorers, EXPECTED_LOSS: risk * facts.value}
    cells = list(_cells(out_of_time, facts, rankings, tests, capacity, terms))

    def statistics(weight: Floats) -> dict[Key, Floats]:
        return dict(figure for cell in cells for figure in cell.figures(weight, capacity))

    drawn = bootstrapped(statistics, out_of_time.at(*tests).account, repetitions, jobs=jobs)
    once = {
        key: value
        for test in tests
        for key, value in _once(out_of_time, facts, rankings, test, capacity)
    } | {Key(str(test), ALL, TREATED, COHORT): count for test, count in treated.items()}
    return Evaluation(_intervals(drawn, once, tests), tuple(tests), tuple(scorers))


def evaluate_groups(
    out_of_time: OutOfTime,
    facts: Facts,
    tests: Sequence[date],
    repetitions: int,
    jobs: int = 1,
) -> Evaluation:
    """Measure less than `evaluate`, on the same rows and draws: what a slice is judged by.

    Figures of each group: accounts, base_rate, the auc of each scorer with the model's gain, and
    the model's calibration_error.
    """
    facts, out_of_time = facts.rows(~out_of_time.treated), out_of_time.untreated()
    scorers = {MODEL: out_of_time.published_risk, **out_of_time.baselines}
    place = _places(out_of_time, tests)
    cells = []
    for test in tests:
        now = np.flatnonzero(out_of_time.rows_at(test))
        for (group, members), scorer in product(_groups(facts.rows(now)), scorers):
            here = now[members]
            ranking = measures.Ranking(out_of_time.label[here], scorers[scorer][here])
            cells.append((Key(str(test), group, "auc", scorer), place[here], ranking))

    def statistics(weight: Floats) -> dict[Key, Floats]:
        found = {}
        for key, rows, ranking in cells:
            curve = ranking.curve(weight.take(rows, axis=1))
            found[key] = curve.auc()
            if key.scorer == MODEL:
                found[key._replace(measure="calibration_error")] = curve.calibration_error()
        return found

    drawn = bootstrapped(statistics, out_of_time.at(*tests).account, repetitions, jobs=jobs)
    once = {k: value for test in tests for k, value in _cohort(out_of_time, facts, test)}
    return Evaluation(_intervals(drawn, once, tests), tuple(tests), tuple(scorers))


def _intervals(
    drawn: Mapping[Key, Floats], once: Mapping[Key, float], tests: Sequence[date]
) -> dict[Key, Interval]:
    """Every figure, the means and the gains among them. drawn: as `bootstrapped` gives it."""
    figures = dict(drawn)
    figures |= _means(figures, tests)
    figures |= _gains(figures)
    without_interval = {key: np.array([value], dtype=np.float64) for key, value in once.items()}
    figures |= without_interval | _means(without_interval, tests)
    for key in figures:
        if key.measure in _RAISED_BY_NOISE:
            figures[key] = recentred(figures[key])
    return {key: interval(values) for key, values in figures.items()}


@dataclass(frozen=True, eq=False)
class _Rows:
    """One scorer's rows at one test snapshot, in one group; place: among the rows of all tests.

    followed: see `Facts`; how early the others were listed is not known.
    """

    key: Key
    place: npt.NDArray[np.int64]
    label: npt.NDArray[np.int8]
    score: Floats
    profit: Floats
    lead: Floats
    first: DateArray
    usual_gap: Floats
    followed: npt.NDArray[np.bool_]

    @cached_property
    def ranking(self) -> measures.Ranking:
        return measures.Ranking(self.label, self.score)

    @cached_property
    def defectors(self) -> npt.NDArray[np.int64]:
        """The numbers of the followed who defected, by lead: sorted once for all draws."""
        left = np.flatnonzero((self.label == 1) & self.followed)
        return left[np.argsort(self.lead[left], kind="stable")]

    def part(self, here: npt.NDArray[np.int64], **key: str) -> _Rows:
        names = [field.name for field in fields(self) if field.name != "key"]
        columns = {name: getattr(self, name)[here] for name in names}
        return _Rows(self.key._replace(**key), **columns)

    def figures(
        self, drawn: Floats, called: Floats, curve: measures.Curve
    ) -> Iterator[tuple[Key, Floats]]:
        """Every figure that has an interval, (r,).

        The rows are sorted by falling score. drawn (r, rows): how often each row was drawn. called
        (r, m): how often of these each of the first m rows was called; no other row was.
        """
        found: dict[str, Floats] = {}
        if self.key.scorer != EXPECTED_LOSS:  # a ranking of the list, not of who defects
            found["auc"] = curve.auc()
            found["average_precision"] = curve.average_precision()
        if self.key.scorer in PROBABILITIES:
            found["brier"] = measures.brier(self.label, self.score, drawn)
            found["calibration_error"] = curve.calibration_error()
            found["calibration_in_the_large"] = measures.calibration_in_the_large(
                self.label, self.score, drawn
            )
        top = slice(called.shape[1])
        precision = measures.mean(self.label[top], called)
        found["precision_at_capacity"] = precision
        found["lift_at_capacity"] = measures.over(precision, curve.base_rate())
        found["profit"] = measures.weighted_sum(self.profit[top], called)
        left = self.defectors
        lead = lead_time(
            self.lead[left], self.first[left], self.usual_gap[left], drawn.take(left, axis=1)
        )
        found |= {f"lead_{name}": values for name, values in lead._asdict().items()}
        for measure, values in found.items():
            yield self.key._replace(measure=measure), values


class _Cell:
    """One scorer at one test snapshot, whole and by group, sorted once for all draws."""

    def __init__(self, rows: _Rows, facts: Facts) -> None:
        falling = np.argsort(-rows.score, kind="stable")
        self._all, facts = rows.part(falling), facts.rows(falling)
        self._groups = [(here, self._all.part(here, group=name)) for name, here in _groups(facts)]

    def figures(self, weight: Floats, capacity: int) -> Iterator[tuple[Key, Floats]]:
        """Every figure under weights (r, rows of all tests); a group is called with the others."""
        drawn = weight.take(self._all.place, axis=1)
        curve = self._all.ranking.curve(drawn)
        reached = curve.reached(capacity)
        top = np.searchsorted(curve.place, reached.shape[1])
        called = drawn[:, :top] * reached.take(curve.place[:top], axis=1)
        yield from self._all.figures(drawn, called, curve)
        for here, rows in self._groups:
            some = drawn.take(here, axis=1)
            of_group = called.take(here[: here.searchsorted(top)], axis=1)
            yield from rows.figures(some, of_group, rows.ranking.curve(some))


def _cells(
    out_of_time: OutOfTime,
    facts: Facts,
    rankings: Mapping[str, Floats],
    tests: Sequence[date],
    capacity: int,
    terms: CallTerms,
) -> Iterator[_Cell]:
    account, as_of = account_codes(out_of_time.account), out_of_time.as_of
    label = out_of_time.label
    place = _places(out_of_time, tests)
    profit = call_profit(label, facts.value, terms)
    for name, score in rankings.items():
        first = first_listed(
            account, as_of, _called(out_of_time, score, capacity), facts.days_silent
        )
        lead = lead_days(as_of, first, facts.days_silent, facts.usual_gap)
        every = _Rows(
            Key("", ALL, "", name),
            place,
            label,
            score,
            profit,
            lead,
            first,
            facts.usual_gap,
            facts.followed,
        )
        for test in tests:
            now = np.flatnonzero(out_of_time.rows_at(test))
            yield _Cell(every.part(now, snapshot=str(test)), facts.rows(now))


def _places(out_of_time: OutOfTime, tests: Sequence[date]) -> npt.NDArray[np.int64]:
    """Where each row of a test snapshot is among those of all of them, (n,)."""
    return np.cumsum(out_of_time.rows_at(*tests)) - 1


def _groups(facts: Facts) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Each group with the numbers of its rows."""
    for name in facts.groups:
        yield name, np.flatnonzero(facts.group == name)


def _called(out_of_time: OutOfTime, score: Floats, capacity: int) -> npt.NDArray[np.bool_]:
    """Who would have been called at each predicted snapshot, (n,)."""
    called = np.zeros(len(out_of_time), dtype=np.bool_)
    for split in out_of_time.splits:
        now = np.flatnonzero(out_of_time.as_of == np.datetime64(split.snapshot, "D"))
        by_account = np.arange(len(now))  # the order of a snapshot's rows
        called[now] = on_list(by_account, score[now], capacity, out_of_time.stands_for[now])
    return called


def _once(
    out_of_time: OutOfTime,
    facts: Facts,
    rankings: Mapping[str, Floats],
    test: date,
    capacity: int,
) -> Iterator[tuple[Key, float]]:
    """Every figure that has no interval."""
    yield from _cohort(out_of_time, facts, test)
    now = out_of_time.rows_at(test)
    label, account = out_of_time.label[now], out_of_time.account[now]
    number = [split.snapshot for split in out_of_time.splits].index(test)
    yield Key(str(test), ALL, "training_rows", COHORT), out_of_time.splits[number].training_rows
    for scorer, score in rankings.items():
        found: dict[str, float] = {}
        if scorer in PROBABILITIES:
            parts = measures.brier_parts(label, score[now])._asdict()
            found |= {f"brier_{name}": value for name, value in parts.items()}
            found["log_loss"] = measures.log_loss(label, score[now])
            found["mean_risk"] = measures.mean(score[now])
            found["calibration_error_limit"] = calibration_limit(score[now])
        if number > 0:
            earlier = np.datetime64(out_of_time.splits[number - 1].snapshot, "D")
            before = out_of_time.as_of == earlier
            kept = stability(
                account, score[now], out_of_time.account[before], score[before], capacity
            )
            found |= {"list_kept": kept.kept, "rank_correlation": kept.rank_correlation}
        for measure, value in found.items():
            yield Key(str(test), ALL, measure, scorer), value


def _cohort(out_of_time: OutOfTime, facts: Facts, test: date) -> Iterator[tuple[Key, float]]:
    """How many accounts there are, all and in each group, and the share that defected."""
    now = out_of_time.rows_at(test)
    label, facts = out_of_time.label[now], facts.rows(now)
    for group, here in ((ALL, np.arange(len(label))), *_groups(facts)):
        yield Key(str(test), group, "accounts", COHORT), len(here)
        yield Key(str(test), group, "base_rate", COHORT), measures.mean(label[here])


def _means(figures: Mapping[Key, Floats], tests: Sequence[date]) -> dict[Key, Floats]:
    """Each figure that every test snapshot has, averaged over them draw by draw.

    Of a group, over those snapshots for which it can be said: some have nobody of it.
    """
    by_snapshot = [[key._replace(snapshot=str(test)) for test in tests] for key in figures]
    found = {}
    for keys in by_snapshot:
        if all(key in figures for key in keys):
            whole = keys[0].group == ALL
            said = [figures[key] for key in keys if whole or not np.isnan(figures[key][0])]
            found[keys[0]._replace(snapshot=MEAN)] = np.mean(said or [figures[keys[0]]], axis=0)
    return found


def _gains(figures: Mapping[Key, Floats]) -> dict[Key, Floats]:
    """By how much the model is better than each baseline, draw by draw."""
    found = {}
    for key, other in figures.items():
        if key.measure in GAINS and key.scorer != MODEL:
            own = figures[key._replace(scorer=MODEL)]
            gain = key._replace(measure=gain_over(key.scorer, key.measure), scorer=MODEL)
            found[gain] = GAINS[key.measure] * (own - other)
    return found


def gain_over(baseline: str, measure: str = "auc") -> str:
    """The name of the model's gain."""
    return f"{measure}_gain_over_{baseline}"
