"""When each account is expected to order again, and how long we wait for it.

Both are fixed at an order, from what was known then: the expected gap `g`, after which the next
order is due, and the patience `S`, within which it must come. So a departure has one date, whoever
asks and whenever. The rules are in GLOSSARY.md under expected gap, patience and seasonal order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.expressions import DAYS_PER_YEAR, SECONDS_PER_DAY
from features.order_history import order_lines
from features.visibility import day, events
from pipeline.engines import Engine
from pipeline.tables.values_table import IDENTITY

FEWEST_GAPS = 50  # within a year, below which the supplier's median is that of all gaps so far
USUAL_GAP_DAYS = 30.0  # the supplier's median gap where it has none yet
IMAGINARY_GAPS = 2  # of the supplier's median length, that each account is given beside its own
SAME_SEASON_DAYS = 45  # by which the same pause of two years may begin or end apart
LAST_GAPS = 3  # whose median, times this factor, is waited for in any case
LAST_GAPS_FACTOR = 1.3

FEWEST_OWN_GAPS = 4  # of the last year, below which the last of all are taken

FOREVER = 2**40  # a second, or a day, after every stamp
_DAYS = 2**22  # more than there are days in any calendar
_EPOCH = date(1970, 1, 1)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Silence:
    """How patience follows from the expected gap; see `label.silence` of the config.

    gaps: expected gaps that are waited for; shortest, longest: days between which that stays.
    """

    gaps: int = 4
    shortest: int = 60
    longest: int = 180

    @property
    def largest_gap(self) -> int:
        """Days that an expected gap has at most."""
        return self.longest + self.shortest

    @property
    def most_after_due(self) -> int:
        """Days from the due date to the end of patience, at most."""
        return max(ceil(self._least_factor_of_longest), self.shortest)

    @property
    def largest_seasonal_gap(self) -> int:
        """Days that the expected gap of a seasonal order has at most."""
        return DAYS_PER_YEAR + 2 * SAME_SEASON_DAYS

    def patience(self, gap: Floats, last_gaps: Floats) -> Floats:
        """Return the days waited after orders that are not seasonal, (n,), not rounded.

        gap: the expected gaps. last_gaps: the median of the last three gaps, NaN without three.
        """
        waited = np.clip(self.gaps * gap, self.shortest, self.longest)
        waited = np.fmax(np.maximum(waited, gap + self.shortest), LAST_GAPS_FACTOR * last_gaps)
        return np.minimum(
            np.minimum(waited, gap + self._least_factor_of_longest),
            self.longest + 2 * self.shortest,
        )

    @property
    def _least_factor_of_longest(self) -> float:
        return self.longest * (1 - 1 / self.gaps)


@dataclass(frozen=True, eq=False)
class OrderDays:
    """Order days that one moment sees, a row per account and day, by account, then day.

    account: numbers of `ExpectedOrders.ids`. day: since 1970. due: the day on which the next order
    is expected; crossing: the day on which patience runs out. following: the next order day of the
    account, FOREVER where there is none.
    """

    account: Ints
    day: Ints
    due: Ints
    crossing: Ints

    @cached_property
    def following(self) -> Ints:
        """The next order day of the same account."""
        after = np.full(len(self.day), FOREVER, dtype=np.int64)
        same = self.account[1:] == self.account[:-1]
        after[:-1] = np.where(same, self.day[1:], FOREVER)
        return after

    def last(self) -> OrderDays:
        """The last order day of each account."""
        kept = self.following == FOREVER
        return OrderDays(self.account[kept], self.day[kept], self.due[kept], self.crossing[kept])


@dataclass(frozen=True, eq=False)
class ExpectedOrders:
    """Every order day with its expected gap and patience, and when it was visible.

    ids: the account ids, sorted. account: (n,), numbers of ids, merges followed. day: since 1970.
    from_s, to_s: the row is visible at moments (seconds since 1970) after from_s, up to to_s. gap,
    patience: in days. Rows are sorted by account, day, patience and gap. median_gaps: the
    supplier's, by the first day of each month.
    """

    silence: Silence
    median_gaps: pd.Series
    ids: npt.NDArray[Any]
    account: Ints
    day: Ints
    from_s: Ints
    to_s: Ints
    gap: Ints
    patience: Ints

    @property
    def first_day(self) -> int:
        """The first order day of the data, since 1970; FOREVER without one."""
        return int(self.day.min()) if len(self.day) else FOREVER

    def seen_on(self, snapshot: date) -> OrderDays:
        """The order days that a snapshot sees; of two on one day, that with more patience.

        Where patience is equal, that with the larger gap.
        """
        moment = day_number(snapshot) * SECONDS_PER_DAY
        kept = np.flatnonzero((self.from_s < moment) & (self.to_s >= moment))
        account, days = self.account[kept], self.day[kept]
        last = np.ones(len(kept), dtype=np.bool_)
        last[:-1] = (account[1:] != account[:-1]) | (days[1:] != days[:-1])
        kept, account, days = kept[last], account[last], days[last]
        return OrderDays(account, days, days + self.gap[kept], days + self.patience[kept])

    def state(self, snapshot: date) -> pd.DataFrame:
        """What a snapshot expects: account_id, last_order_on, due_on, crossing_on, as dates."""
        last = self.seen_on(snapshot).last()
        dates = {"last_order_on": last.day, "due_on": last.due, "crossing_on": last.crossing}
        return pd.DataFrame({"account_id": self.ids[last.account]}).assign(
            **{name: days.astype("datetime64[D]") for name, days in dates.items()}
        )


def day_number(on: date) -> int:
    """Days since 1970."""
    return (on - _EPOCH).days


def expected_orders(
    engine: Engine, silence: Silence, median_gaps: pd.Series | None = None
) -> ExpectedOrders:
    """Read the order days and work out what each of them leads to expect, shard by shard.

    median_gaps: the supplier's, where the engine does not hold all accounts.
    """
    parts = [_Part.of(part) for part in _each_shard(engine)]
    months = np.unique(np.concatenate([_months(part.placed["day"].to_numpy()) for part in parts]))
    if median_gaps is None:
        median_gaps = _median_gaps(parts, months)
    ids = np.unique(np.concatenate([part.ids for part in parts]))
    found = []
    while parts:
        part = parts.pop(0)
        rows = part.expected(median_gaps, silence)
        found.append(rows.assign(account=pd.Index(ids).get_indexer(part.ids)[rows["account"]]))
    rows = pd.concat(found, ignore_index=True)
    rows = rows.sort_values(["account", "day", "patience", "gap"], ignore_index=True)
    return ExpectedOrders(
        silence,
        median_gaps,
        ids,
        *(
            rows[name].to_numpy(dtype=np.int64)
            for name in ("account", "day", "from_s", "to_s", "gap", "patience")
        ),
    )


def _each_shard(engine: Engine) -> Iterator[Engine]:
    """The engines of all shards, one after another; the engine itself where it has none."""
    if engine.shards is None:
        yield engine
        return
    for number in range(engine.shards.count):
        with engine.shards.open(number) as part:
            yield part


@dataclass(frozen=True, eq=False)
class _Part:
    """The order days of some accounts. ids: theirs, sorted. placed, merged: see below."""

    ids: npt.NDArray[Any]
    placed: pd.DataFrame
    merged: pd.DataFrame

    @classmethod
    def of(cls, engine: Engine) -> _Part:
        """Read those of an engine."""
        ids, placed = _order_days(engine)
        return cls(ids, placed, _with_merges(engine, placed, ids))

    def expected(self, median_gaps: pd.Series, silence: Silence) -> pd.DataFrame:
        """account (a number of `ids`), day, from_s, to_s, gap and patience."""
        months = _months(self.placed["day"].to_numpy())
        of_month = median_gaps.reindex(months).fillna(USUAL_GAP_DAYS).to_numpy()
        expected = _expected(self.placed, of_month, silence)
        rows = self.merged.merge(expected, on=["placed_by", "day"], validate="many_to_one")
        return rows.drop(columns="placed_by")


def _order_days(engine: Engine) -> tuple[npt.NDArray[Any], pd.DataFrame]:
    """All account ids, sorted, and the days on which each ordered, with the times they were seen.

    The frame: placed_by (a number of the ids), day, from_s, to_s, sorted; several rows of a day do
    not overlap. Merges are left aside: an order belongs to whoever placed it.
    """
    lines = events(order_lines, {}, first_day=None, merged=False)
    engine.make(
        "order_spell",
        f"SELECT account_id, {day('occurred_s')} AS day, since_s, "
        f"MAX(COALESCE(until_s, {FOREVER})) AS to_s FROM ({lines}) AS line "
        f"WHERE until_s IS NULL OR until_s > since_s GROUP BY ALL",
    )
    ids = "SELECT DISTINCT account_id FROM order_spell"
    if engine.has_table(IDENTITY):
        ids += f" UNION SELECT known_as FROM {IDENTITY}"
    engine.make(
        "orderer",
        "SELECT account_id, CAST(ROW_NUMBER() OVER (ORDER BY account_id) AS INTEGER) - 1 "
        f"AS placed_by FROM ({ids}) AS id",
    )
    window = "OVER (PARTITION BY placed_by, day ORDER BY since_s, to_s"
    reached = (
        f"SELECT *, MAX(to_s) {window} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) "
        "AS reached_s FROM order_spell JOIN orderer USING (account_id)"
    )
    numbered = (
        "SELECT *, SUM(CASE WHEN reached_s IS NULL OR reached_s < since_s THEN 1 ELSE 0 END) "
        f"{window} ROWS UNBOUNDED PRECEDING) AS number FROM ({reached}) AS reaching"
    )
    found = engine.frame(
        "SELECT placed_by, day, MIN(since_s) AS from_s, MAX(to_s) AS to_s "
        f"FROM ({numbered}) AS numbered GROUP BY placed_by, day, number "
        "ORDER BY placed_by, day, from_s"
    )
    names = engine.frame("SELECT account_id FROM orderer ORDER BY placed_by")["account_id"]
    engine.drop("order_spell", "orderer")
    return names.to_numpy(dtype=object), found.astype(np.int64)


def _with_merges(engine: Engine, placed: pd.DataFrame, names: npt.NDArray[Any]) -> pd.DataFrame:
    """The same rows with `account`, who they count for, over the times in which they do."""
    if not engine.has_table(IDENTITY):
        return placed.assign(account=placed["placed_by"])
    ids = pd.Index(names)
    identity = engine.frame(f"SELECT account_id, known_as, from_s, to_s FROM {IDENTITY}")
    periods = pd.DataFrame(
        {
            "placed_by": ids.get_indexer(identity["account_id"]),
            "account": ids.get_indexer(identity["known_as"]),
            "since_s": identity["from_s"].astype(np.int64),
            "until_s": identity["to_s"].fillna(FOREVER).astype(np.int64),
        }
    )
    known = placed.merge(periods, on="placed_by", how="left")
    alone = known["account"].isna()
    since = known["since_s"].where(~alone, -FOREVER).astype(np.int64)
    until = known["until_s"].where(~alone, FOREVER).astype(np.int64)
    rows = known[["placed_by", "day"]].assign(
        account=known["account"].where(~alone, known["placed_by"]).astype(np.int64),
        from_s=np.maximum(known["from_s"], since),
        to_s=np.minimum(known["to_s"], until),
    )
    return rows[rows["from_s"] < rows["to_s"]].reset_index(drop=True)


def _months(days: Ints) -> Ints:
    """The first day of the month of each day, both since 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(int)


def _median_gaps(parts: Sequence[_Part], months: Ints) -> pd.Series:
    """The supplier's median gap in days, as known at the start of each month.

    How often each gap occurs is counted in each part and added up.
    """
    counts = [_gap_counts(part.merged, months) for part in parts]
    medians = {}
    for place, month in enumerate(months):
        recent, known = (_added([of[place][kind] for of in counts]) for kind in (0, 1))
        chosen = recent if recent.sum() >= FEWEST_GAPS else known
        medians[month] = _median(chosen) if chosen.sum() else USUAL_GAP_DAYS
    return pd.Series(medians, dtype=np.float64)


def _gap_counts(merged: pd.DataFrame, months: Ints) -> list[tuple[Ints, Ints]]:
    """How often gaps of 0, 1, ... days occur, as known at the start of each month.

    Those that ended in the year before it, and all.
    """
    rows = merged.sort_values(["account", "day"], kind="stable")
    account, days, from_s, to_s = (
        rows[name].to_numpy() for name in ("account", "day", "from_s", "to_s")
    )
    counts = []
    for month in months:
        moment = month * SECONDS_PER_DAY
        seen = (from_s < moment) & (to_s >= moment)
        of, on = account[seen], days[seen]
        gaps, ends = np.diff(on), on[1:]
        own = (np.diff(of) == 0) & (gaps > 0)
        recent = own & (ends >= month - DAYS_PER_YEAR)
        counts.append((np.bincount(gaps[recent]), np.bincount(gaps[own])))
    return counts


def _added(counts: Sequence[Ints]) -> Ints:
    """The sum of counts of 0, 1, ..., some of which end earlier."""
    total = np.zeros(max(map(len, counts)), dtype=np.int64)
    for count in counts:
        total[: len(count)] += count
    return total


def _median(counts: Ints) -> float:
    """The median of whole numbers that are given by how often 0, 1, ... occur."""
    upto, number = np.cumsum(counts), int(counts.sum())
    middle = np.searchsorted(upto, [(number - 1) // 2, number // 2], side="right")
    return float(middle.sum()) / 2


def _expected(placed: pd.DataFrame, medians: Floats, silence: Silence) -> pd.DataFrame:
    """The gap and patience of each order day: placed_by, day, gap, patience.

    medians: the supplier's, a value per row of `placed`.
    """
    first = ~placed.duplicated(["placed_by", "day"]).to_numpy()
    orders = placed[first].reset_index(drop=True)
    known = _Known.of_orders(placed, orders)
    gap, patience = known.plain(medians[first], silence)
    due = known.seasonal_due(gap, patience)
    seasonal = due < FOREVER
    day_of_order = orders["day"].to_numpy()
    gap = np.where(seasonal, np.minimum(due - day_of_order, silence.largest_seasonal_gap), gap)
    patience = np.where(seasonal, gap + silence.shortest, patience)
    return orders[["placed_by", "day"]].assign(gap=gap, patience=patience)


@dataclass(frozen=True, eq=False)
class _Known:
    """For each order, the order days of its account that were known when it was.

    Order days lie in stretches, each of one account and one state of knowledge. What an order knew
    is a stretch from its begin to the order itself. Nearly all orders of an account share one
    stretch; an order that others were missing from, or that knew some that were deleted later, has
    its own.

    day, order: (m,), the days and the numbers of their orders. begin, at: (n,), where the stretch
    of each order begins and ends. key: (m,), rising with stretch and day; of: (n,), what to add to
    a day to look it up among the keys.
    """

    day: Ints
    order: Ints
    begin: Ints
    at: Ints
    key: Ints
    of: Ints

    @classmethod
    def of_orders(cls, placed: pd.DataFrame, orders: pd.DataFrame) -> _Known:
        """placed: all spells in which an order day was visible; orders: the first of each day."""
        account, days = orders["placed_by"].to_numpy(), orders["day"].to_numpy()
        # The end of the day on which the order became known, which is never before its own day.
        known_s = (orders["from_s"].to_numpy() // SECONDS_PER_DAY + 1) * SECONDS_PER_DAY
        spell_order = np.cumsum(~placed.duplicated(["placed_by", "day"]).to_numpy()) - 1
        begin = np.searchsorted(account, account)
        gone = placed["to_s"].to_numpy() < FOREVER
        unsteady = np.bincount(spell_order, gone, len(orders)).astype(np.int64)
        earlier = orders.assign(unsteady=unsteady).groupby("placed_by")[["from_s", "unsteady"]]
        before = earlier.cummax().groupby(orders["placed_by"]).shift(fill_value=0)
        own = (before["from_s"].to_numpy() >= known_s) | (before["unsteady"].to_numpy() > 0)

        chosen = np.flatnonzero(own)
        spell_begin = np.searchsorted(spell_order, begin[chosen])
        spell_end = np.searchsorted(spell_order, chosen, side="right")
        lengths = spell_end - spell_begin
        asking = np.repeat(chosen, lengths)
        spell = np.arange(lengths.sum()) + np.repeat(
            spell_begin - np.concatenate([[0], np.cumsum(lengths)])[:-1], lengths
        )
        moment = known_s[asking]
        seen = (placed["from_s"].to_numpy()[spell] < moment) & (
            placed["to_s"].to_numpy()[spell] >= moment
        )
        # An order that was deleted on its own day still knows itself.
        itself = (spell_order[spell] == asking) & (np.diff(asking, append=-1) != 0)
        known = seen & (spell_order[spell] != asking) | itself
        asking, order = asking[known], spell_order[spell[known]]

        stretch = np.concatenate([account, account.max(initial=0) + 1 + asking])
        order = np.concatenate([np.arange(len(orders)), order])
        day_of = days[order]
        key = stretch * _DAYS + day_of
        at = np.arange(len(orders))
        at[chosen] = np.searchsorted(stretch, account.max(initial=0) + 1 + chosen, side="right") - 1
        return cls(
            day_of, order, np.searchsorted(stretch, stretch[at]), at, key, stretch[at] * _DAYS
        )

    def plain(self, median: Floats, silence: Silence) -> tuple[Ints, Ints]:
        """Expected gap and patience without a season, in whole days, (n,) each."""
        today, first_gap = self.day[self.at], self.begin + 1
        first = np.searchsorted(self.key, self.of + today - DAYS_PER_YEAR, side="right")
        first = np.maximum(first, first_gap)
        few = self.at - first + 1 < FEWEST_OWN_GAPS
        first = np.where(few, np.maximum(self.at - FEWEST_OWN_GAPS + 1, first_gap), first)
        count, total = self.at - first + 1, today - self.day[first - 1]
        gap = (total + IMAGINARY_GAPS * median) / (count + IMAGINARY_GAPS)
        gap = np.minimum(gap, silence.largest_gap)
        last = np.full(len(gap), np.nan)
        some = self.at - self.begin >= LAST_GAPS
        back = self.at[some, None] - np.arange(LAST_GAPS + 1)
        last[some] = np.median(-np.diff(self.day[back], axis=1), axis=1)
        return _whole(gap), _whole(silence.patience(gap, last))

    def seasonal_due(self, gap: Ints, patience: Ints) -> Ints:
        """The due day of seasonal orders, (n,), FOREVER for the others.

        gap, patience: of each order without a season.
        """
        due = self.day[self.at] + gap
        later, later_begins, later_ends = self._pause(due - DAYS_PER_YEAR, patience)
        earlier, earlier_begins, earlier_ends = self._pause(due - 2 * DAYS_PER_YEAR, patience)
        seasonal = later & earlier & (later_begins != earlier_begins)
        for one, other in ((later_begins, earlier_begins), (later_ends, earlier_ends)):
            seasonal &= np.abs(one - other - DAYS_PER_YEAR) <= SAME_SEASON_DAYS
        end = (earlier_ends + 2 * DAYS_PER_YEAR + later_ends + DAYS_PER_YEAR) / 2
        return np.where(seasonal, _whole(end), FOREVER)

    def _pause(self, on: Ints, patience: Ints) -> tuple[Bools, Ints, Ints]:
        """For each order, whether a day lies in a pause that it knew, and where that begins, ends.

        A pause is a gap of at least the patience of the order before it.
        """
        place = np.searchsorted(self.key, self.of + on, side="right") - 1
        inside = np.flatnonzero((place >= self.begin) & (place < self.at))
        gap = place[inside]
        begins, ends = np.zeros_like(on), np.zeros_like(on)
        begins[inside], ends[inside] = self.day[gap], self.day[gap + 1]
        found = np.zeros(len(on), dtype=np.bool_)
        found[inside] = (self.day[gap] < on[inside]) & (
            self.day[gap + 1] - self.day[gap] >= patience[self.order[gap]]
        )
        return found, begins, ends


def _whole(days: Floats) -> Ints:
    """Days rounded half up."""
    return np.floor(days + 0.5).astype(np.int64)
