"""The judge of departures: expected gap, patience and outcomes by plain loops, as design says it.

Slow and obvious on purpose. It shares nothing with the engine's way.
"""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from math import floor
from statistics import median

from reference_labels import _successor
from seen import DAY, YEAR, Seen, counts_for
from worlds import Row, World, complete, midnight

Rhythm = tuple[int, int]  # expected gap, patience


class Expectations:
    """What every order of a world leads to expect."""

    def __init__(self, world: World) -> None:
        self.world = complete(world)
        self.versions = [
            row
            for row in self.world["orders"]
            if row["amount_cents"] > 0
            and not row["deleted"]
            and (row["superseded_at"] is None or row["superseded_at"] > _since(row))
        ]
        self._plain: dict[tuple[str, date], Rhythm] = {}
        self._median_gaps: dict[date, Fraction] = {}

    def rhythm(self, account: str, day: date) -> Rhythm:
        """Expected gap and patience of an order that the account placed on the day."""
        known = self.known(account, day)
        gap, patience = self.plain(account, day)
        pauses = [
            (begin, end)
            for begin, end in pairwise(known)
            if (end - begin).days >= self.plain(account, begin)[1]
        ]
        due = day + gap * DAY
        inside = {
            years: [p for p in pauses if p[0] < due - years * YEAR * DAY < p[1]] for years in (1, 2)
        }
        if not (inside[1] and inside[2]):
            return gap, patience
        (later,), (earlier,) = inside[1], inside[2]
        apart = [abs((a - b).days - YEAR) for a, b in zip(later, earlier, strict=True)]
        if later == earlier or max(apart) > 45:
            return gap, patience
        ends = (earlier[1] + 2 * YEAR * DAY, later[1] + YEAR * DAY)
        gap = min(floor(Fraction(sum((end - day).days for end in ends), 2) + Fraction(1, 2)), 455)
        return gap, gap + 60

    def plain(self, account: str, day: date) -> Rhythm:
        """The same without a season."""
        if (account, day) not in self._plain:
            known = self.known(account, day)
            ended = [((b - a).days, b) for a, b in pairwise(known)]
            own = [gap for gap, end in ended if end > day - YEAR * DAY]
            if len(own) < 4:
                own = [gap for gap, _ in ended][-4:]
            usual = self.median_gap(day.replace(day=1))
            gap = min((sum(own) + 2 * usual) / (len(own) + 2), Fraction(240))
            waits = [min(max(4 * gap, Fraction(60)), Fraction(180)), gap + 60]
            if len(ended) >= 3:
                waits.append(Fraction(13, 10) * median(gap for gap, _ in ended[-3:]))
            patience = min(max(waits), gap + 135, Fraction(300))
            half = Fraction(1, 2)
            self._plain[account, day] = floor(gap + half), floor(patience + half)
        return self._plain[account, day]

    def known(self, account: str, day: date) -> list[date]:
        """The account's order days up to this one, as known when the day ends on which it was."""
        own = [row for row in self.versions if row["account_id"] == account]
        first = min(_since(row) for row in own if row["occurred_at"].date() == day)
        moment = midnight(max(day, first.date()) + DAY)
        days = {row["occurred_at"].date() for row in own if _visible(row, moment)} | {day}
        return sorted(other for other in days if other <= day)

    def median_gap(self, month: date) -> Fraction:
        """The supplier's, as known at the start of a month."""
        if month not in self._median_gaps:
            self._median_gaps[month] = self._median_gap(month)
        return self._median_gaps[month]

    def _median_gap(self, month: date) -> Fraction:
        moment = midnight(month)
        merges = _merges(self.world, month)
        days: dict[str, set[date]] = {}
        for row in self.versions:
            if _visible(row, moment):
                account = counts_for(row["account_id"], merges)
                days.setdefault(account, set()).add(row["occurred_at"].date())
        gaps = [((b - a).days, b) for of in days.values() for a, b in pairwise(sorted(of))]
        recent = [gap for gap, end in gaps if end >= month - YEAR * DAY]
        known = recent if len(recent) >= 50 else [gap for gap, _ in gaps]
        return Fraction(median(known)) if known else Fraction(30)

    def days(self, account: str, as_of: date) -> list[tuple[date, int, int]]:
        """Order days that a snapshot sees, each with its gap and patience."""
        found: dict[date, Rhythm] = {}
        for row in Seen(self.world, account, as_of).orders:
            if row["amount_cents"] > 0:
                day = row["occurred_at"].date()
                rhythm = self.rhythm(row["account_id"], day)
                best = max(found.get(day, (0, 0)), rhythm, key=lambda one: (one[1], one[0]))
                found[day] = best
        return [(day, *found[day]) for day in sorted(found)]

    def departures(self, account: str, as_of: date, more: int = 0) -> list[tuple[date, date]]:
        """(order day, date of the departure), as known at a date."""
        days = self.days(account, as_of)
        after = [*(day for day, _, _ in days), None][1:]
        return [
            (day, day + gap * DAY)
            for (day, gap, patience), following in zip(days, after, strict=True)
            if following is None or following >= day + (patience + more) * DAY
        ]

    def outcome(self, account: str, as_of: date, days: int = 225, lag: int = 0) -> str:
        """Slip, due or neither."""
        return self.departure(account, as_of, days, lag)[0]

    def departure(
        self, account: str, as_of: date, days: int = 225, lag: int = 0
    ) -> tuple[str, date | None, bool]:
        """The outcome, the date of the departure that makes it, and whether that is lasting."""
        end = as_of + (days + lag) * DAY
        outcome, dated = self._outcome_at(_successor(self.world, account, end), as_of, end)
        much_later = end + 180 * DAY
        still = self.departures(_successor(self.world, account, much_later), much_later, 180)
        return outcome, dated, any(on == dated for _, on in still)

    def reorders(self, account: str, as_of: date, days: int, lag: int = 0) -> bool | None:
        """Whether a departed account orders within so many days; None where the row is left out."""
        end = as_of + (days + lag) * DAY
        later = [day for day, _, _ in self.days(_successor(self.world, account, end), end)]
        last_known = self.days(account, as_of)[-1][0]
        if any(last_known < day < as_of for day in later):
            return None
        return any(as_of <= day < as_of + days * DAY for day in later)

    def departure_order(
        self, account: str, as_of: date, days: int = 225, lag: int = 0
    ) -> date | None:
        """The day of the order that is the departure."""
        end = as_of + (days + lag) * DAY
        return self._made_by(_successor(self.world, account, end), as_of, end)[2]

    def _outcome_at(self, account: str, as_of: date, end: date) -> tuple[str, date | None]:
        return self._made_by(account, as_of, end)[:2]

    def _made_by(
        self, account: str, as_of: date, end: date
    ) -> tuple[str, date | None, date | None]:
        """The outcome, the date of the departure that makes it, and the order that it is."""
        departures = self.departures(account, end)
        before = [day for day, _, _ in self.days(account, end) if day < as_of]
        for day, on in departures:
            if before and day == before[-1] and on < as_of:
                return "slip", on, day
        for day, on in departures:
            if as_of <= on < as_of + 90 * DAY:
                return "due", on, day
        return "neither", None, None


def _since(row: Row) -> datetime:
    return max(row["occurred_at"], row["known_at"])


def _visible(row: Row, moment: datetime) -> bool:
    gone = row["superseded_at"]
    return _since(row) < moment and (gone is None or gone >= moment)


def _merges(world: World, as_of: date) -> dict[str, str]:
    known = [row for row in world["account_merges"] if row["known_at"] < midnight(as_of)]
    return {
        row["from_id"]: row["into_id"]
        for row in known
        if not row["deleted"]
        and (row["superseded_at"] is None or row["superseded_at"] >= midnight(as_of))
    }
