"""What differs between two profiles of the same past, and whether that is too much.

Both count the same rows: those known up to the end of the earlier extract, as they were known then.
What was added since is in neither, so a market that grows, shrinks or has a season looks the same
in both. What is left are corrections of the past, which are few, and broken exports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import IntEnum
from functools import cached_property

from features.contract import TABLES
from pipeline.guards.profile import Profile, TableProfile

SPAN_WEEKS = 4
_DEVIATIONS = 2  # standard deviations of a share that is known from a sample
OF_GROUP = "accounts of "  # and the column
UNNAMED = "(a value that is not there any more)"


class Level(IntEnum):
    """How much a difference matters; the largest of several counts."""

    SAME = 0
    WARNED = 1
    REFUSED = 2


@dataclass(frozen=True)
class Limits:
    """From which difference on a list is refused; from half of the share on it is warned of.

    share: 0-1, of what was there. accounts: that it must concern; rows in a table without accounts.
    """

    share: float = 0.4
    accounts: int = 5

    def level(self, share: float, units: float) -> Level:
        """What a difference amounts to."""
        if units < self.accounts - 1e-9:
            return Level.SAME
        if share >= self.share - 1e-9:
            return Level.REFUSED
        return Level.WARNED if share >= self.share / 2 - 1e-9 else Level.SAME


@dataclass(frozen=True)
class Difference:
    """One figure of a table then and now.

    what: the figure; of: which of several of its kind. share: 0-1, how much is missing or
    different. units: accounts that it concerns, or rows, as `unit` says. names: some of the
    missing accounts.
    """

    table: str
    what: str
    then: float | date
    now: float | date
    share: float
    units: float
    level: Level
    of: str = ""
    names: tuple[str, ...] = ()
    unit: str = "account"

    @property
    def key(self) -> str:
        """What the difference is of, whatever its size."""
        value = f" {self.of}" if self.what.startswith(OF_GROUP) else ""
        return f"{self.table}: {self.what}{value}"


def compare(then: Profile, now: Profile, limits: Limits) -> list[Difference]:
    """Compare an earlier profile with today's, of the rows known up to the earlier one's end.

    Tables that are not there any more are left out; see `gone`.
    """
    return [
        difference
        for name in TABLES
        if (table := then.tables.get(name)) is not None and name in now.tables
        for difference in _Pair(name, then, now, table, now.tables[name], limits).differences()
    ]


def gone(then: Profile, now: Profile) -> tuple[str, ...]:
    """The tables that the earlier profile has and today's has not."""
    return tuple(name for name in then.tables if name not in now.tables)


@dataclass(frozen=True)
class _Pair:
    """One table then and now."""

    name: str
    earlier: Profile
    later: Profile
    then: TableProfile
    now: TableProfile
    limits: Limits

    @cached_property
    def sampled(self) -> _Sampled | None:
        """The accounts of both; None where rows are all that can be counted."""
        return _sampled(self.earlier, self.later, self.then, self.now)

    def differences(self) -> Iterator[Difference]:
        """All figures that both have."""
        then, now, sampled = self.then, self.now, self.sampled
        fewer = more = None
        if sampled is not None:
            fewer, more = sampled.fewer, sampled.more
            accounts = self._accounts(sampled)
            yield accounts
            yield from self._groups(accounts)
            if then.until is not None:
                share = sampled.foreign / max(now.accounts or 0, 1)
                new = round(sampled.foreign)
                yield self._difference("new account ids", 0, new, share, sampled.foreign)
        yield self._rows(fewer, more)
        if then.first and then.last and now.first and now.last:
            span = max((then.last - then.first).days, 1)
            lost = then.rows - now.rows if fewer is None else fewer
            moved = (now.first - then.first).days / span
            yield self._difference("first day", then.first, now.first, min(max(moved, 0), 1), lost)
            moved = (then.last - now.last).days / span
            yield self._difference("last day", then.last, now.last, min(max(moved, 0), 1), lost)
            yield from self._span(fewer)
        if then.repeated or now.repeated:
            doubled, again = (_repeats(each) for each in (then, now))
            units = now.repeated - then.repeated if more is None else more
            share = again - doubled
            yield self._difference("repeated rows", then.repeated, now.repeated, share, units)
        yield from self._money()

    def _accounts(self, sampled: _Sampled) -> Difference:
        then, now = self.then.accounts or 0, self.now.accounts or 0
        fewer = 0.0 if self.then.until is None else (then - now) / max(then, 1)
        share = max(sampled.missing / max(then, 1), fewer)
        return self._difference("accounts", then, now, share, share * then, names=sampled.names)

    def _groups(self, table: Difference) -> Iterator[Difference]:
        """The worst value of each group, and the others that lost more than the table did.

        An account that moved to another owner is not missing. Of a value with many accounts some
        are looked at; what chance adds to their share is taken off. table: the difference in its
        accounts.
        """
        for group, values in self.then.groups.items():
            found = []
            for value, (accounts, members) in values.items():
                looked_at = len(members)
                share = sum(each not in self.now.present for each in members) / looked_at
                spread = share * (1 - share) / looked_at
                spread *= (accounts - looked_at) / max(accounts - 1, 1)
                lost = max(share - _DEVIATIONS * spread**0.5, 0) * accounts
                of = self.later.names.get(value, UNNAMED) if self.earlier.hidden_by else value
                left = accounts - round(lost)
                what = f"{OF_GROUP}{group}"
                found.append(self._difference(what, accounts, left, lost / accounts, lost, of))
            found.sort(key=lambda each: (-each.level, -each.share, -each.units, each.of))
            yield from found[:1]
            for each in found[1:]:
                further = each.share >= table.share + self.limits.share / 2
                if each.level > Level.SAME and (each.level > table.level or further):
                    yield each

    def _rows(self, fewer: float | None, more: float | None) -> Difference:
        then, now = self.then, self.now
        lost, won = then.rows - now.rows, now.rows - then.rows
        if then.weeks:
            weeks = then.weeks.keys() | now.weeks.keys()
            steps = [then.weeks.get(week, 0) - now.weeks.get(week, 0) for week in weeks]
            lost, won = sum(max(step, 0) for step in steps), sum(max(-step, 0) for step in steps)
        of_missing = lost / max(then.rows, 1), float(lost) if fewer is None else fewer
        # Master data grow; nobody knows when a row of theirs was added.
        of_new = 0.0, 0.0
        if then.until is not None:
            of_new = won / max(then.rows + won, 1), float(won) if more is None else more
        share, units = max((of_missing, of_new), key=lambda pair: (self.limits.level(*pair), *pair))
        return self._difference("rows", then.rows, now.rows, share, units)

    def _span(self, fewer: float | None) -> Iterator[Difference]:
        """The four weeks in a row that miss most, of the whole weeks since today's first day.

        What is missing before that day is a matter of the first day: a source that keeps five
        years loses its oldest weeks with every list.
        """
        then, now = self.then.weeks, self.now.weeks
        begins = self.now.first or date.max
        found: list[Difference] = []
        for monday in then:
            if monday < begins:
                continue
            weeks = [monday + timedelta(weeks=step) for step in range(SPAN_WEEKS)]
            rows = sum(then.get(week, 0) for week in weeks)
            lost = sum(max(then.get(week, 0) - now.get(week, 0), 0) for week in weeks)
            units = min(lost, lost if fewer is None else fewer)
            what, of = "rows of four weeks", f"from {monday}"
            found.append(self._difference(what, rows, rows - lost, lost / rows, units, of))
        if found:
            yield max(found, key=lambda each: (each.level, each.share, each.units, each.then))

    def _money(self) -> Iterator[Difference]:
        """Amount per line, and margin over amount.

        They concern the accounts whose lines are of another size now. Where lines are only missing,
        or only new, none is; so a large account that leaves the data does not count.
        """
        then, now = self.then, self.now
        accounts = then.accounts or 0
        amounts = accounts * _resized(then, now, "amount")
        pairs = (
            ("amount per line", then.amount, then.rows, now.amount, now.rows, 100, amounts),
            (
                "margin over amount",
                *(then.margin, then.margin_revenue, now.margin, now.margin_revenue, 1),
                max(amounts, accounts * _resized(then, now, "margin")),
            ),
        )
        for what, sum_then, count_then, sum_now, count_now, per, units in pairs:
            if sum_then is None or sum_now is None or not count_then or not count_now:
                continue
            before, after = sum_then / count_then / per, sum_now / count_now / per
            found = self._difference(what, before, after, _apart(before, after), units)
            yield replace(found, unit="account")

    def _difference(
        self,
        what: str,
        then: float | date,
        now: float | date,
        share: float,
        units: float,
        of: str = "",
        names: tuple[str, ...] = (),
    ) -> Difference:
        share = max(share, 0.0)
        level = self.limits.level(share, units)
        unit = "row" if self.sampled is None else "account"
        return Difference(self.name, what, then, now, share, units, level, of, names, unit)


@dataclass(frozen=True)
class _Sampled:
    """Accounts as two samples tell, scaled up to all.

    missing, fewer: those of then that have no row, fewer rows now. foreign: those of now that had
    none then; more: these, and those that had fewer. names: some of the missing.
    """

    missing: float
    fewer: float
    more: float
    foreign: float
    names: tuple[str, ...]


def _sampled(
    earlier: Profile, later: Profile, then: TableProfile, now: TableProfile
) -> _Sampled | None:
    """Look for the accounts of the earlier sample, and for new ones within the reach of both.

    None for a table without accounts, or where the hashes are of different keys.
    """
    if then.accounts is None or now.accounts is None or earlier.hidden_by != later.hidden_by:
        return None
    before = {earlier.hash_of(account) for account in then.sample}
    after = {later.hash_of(account) for account in now.sample}
    reaches = [
        max(hashes)
        for hashes, accounts in ((before, then.accounts), (after, now.accounts))
        if len(hashes) < accounts
    ]
    reach = min(reaches, default="g")  # after every hash
    after = {each for each in after if each <= reach}
    foreign = len(after - before) * now.accounts / max(len(after), 1)
    scale = then.accounts / max(len(then.sample), 1)
    missing = [account for account in then.sample if account not in now.present]
    steps = [now.present.get(account, 0) - rows for account, rows in then.sample.items()]
    return _Sampled(
        len(missing) * scale,
        sum(step < 0 for step in steps) * scale,
        sum(step > 0 for step in steps) * scale + foreign,
        foreign,
        () if earlier.hidden_by else tuple(sorted(missing)[:3]),
    )


def _repeats(table: TableProfile) -> float:
    """Rows that repeat another, over those that do not."""
    return table.repeated / max(table.rows - table.repeated, 1)


def _resized(then: TableProfile, now: TableProfile, money: str) -> float:
    """Return the share of lines, 0-1, that have another size now."""
    before, after = then.sizes.get(money, {}), now.sizes.get(money, {})
    steps = [before.get(size, 0) - after.get(size, 0) for size in before.keys() | after.keys()]
    lost, won = sum(max(step, 0) for step in steps), sum(max(-step, 0) for step in steps)
    return min(lost, won) / max(sum(before.values()), 1)


def _apart(one: float, other: float) -> float:
    """How far two figures are apart, 0-1 of the larger; 1 where they differ in sign."""
    smaller, larger = sorted((abs(one), abs(other)))
    if larger == 0:
        return 0.0
    return 1 - smaller / larger if one * other >= 0 else 1.0
