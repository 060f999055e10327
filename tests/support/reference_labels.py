"""The judge of labels: every definition from its sentence, by plain loops over what is seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction

from seen import DAY, YEAR, Seen, counts_for, usual_gap
from worlds import Row, World, complete, midnight

Key = tuple[str, date]


def reference_labels(
    definition: str, world: World, cohort: Iterable[Key], horizon: int, lag: int, share: float = 0.5
) -> dict[Key, tuple[float, int]]:
    """(watched_days, defected) for each (account, snapshot) of the cohort.

    horizon: in days; for own_cadence the longest that an account is watched.
    """
    completed, keys = complete(world), list(cohort)
    answers = {}
    for account, as_of in keys:
        at_end = as_of + (horizon + lag) * DAY
        later = Seen(completed, _successor(completed, account, at_end), at_end).orders
        watched: float = horizon
        if definition == "own_cadence":
            then = Seen(completed, account, as_of)
            gap = usual_gap(then.last(YEAR, _bought(then.orders)))
            watched = horizon if gap is None else min(max(3 * gap, 30), horizon)
        if definition == "partial":
            peers = [other for other, day in keys if day == as_of]
            lost = _partial(completed, later, peers, as_of, horizon, share)
        else:
            lost = not _between(_bought(later), midnight(as_of), watched)
        answers[account, as_of] = (float(watched), int(lost))
    return answers


def _partial(
    world: World, later: list[Row], peers: list[str], as_of: date, horizon: int, share: float
) -> bool:
    now = midnight(as_of)
    bought = [row["occurred_at"] for row in _bought(later)]
    if bought and min(bought) <= now - YEAR * DAY:
        expected = Fraction(_net(later, now - YEAR * DAY, horizon))
    else:
        before = _net(later, now - horizon * DAY, horizon)
        expected = before * _season(world, peers, as_of, horizon)
    if expected <= 0:
        return False
    # In thousandths of a cent, rounded.
    least = (1 - Fraction(str(share))) * expected * 1000
    return _net(later, now, horizon) * 1000 < (2 * least + 1) // 2


def _season(world: World, peers: list[str], as_of: date, horizon: int) -> Fraction:
    of_season = before = 0
    year_ago = midnight(as_of) - YEAR * DAY
    for account in peers:
        known = Seen(world, account, as_of).orders
        bought = [row["occurred_at"] for row in _bought(known)]
        if bought and min(bought) <= year_ago - horizon * DAY:
            of_season += _net(known, year_ago, horizon)
            before += _net(known, year_ago - horizon * DAY, horizon)
    return Fraction(of_season, before) if of_season > 0 and before > 0 else Fraction(1)


def _successor(world: World, account: str, at: date) -> str:
    """The account that an account has become part of by then."""
    merges: dict[str, str] = {}
    for row in sorted(world["account_merges"], key=lambda row: row["known_at"]):
        if row["known_at"] < midnight(at):
            merges.pop(row["from_id"], None)
            if not row["deleted"]:
                merges[row["from_id"]] = row["into_id"]
    return counts_for(account, merges)


def _bought(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["amount_cents"] > 0]


def _between(rows: Iterable[Row], begin: datetime, days: float) -> list[Row]:
    end = begin + timedelta(days=days)
    return [row for row in rows if begin <= row["occurred_at"] < end]


def _net(rows: Iterable[Row], begin: datetime, days: int) -> int:
    return sum(row["amount_cents"] for row in _between(rows, begin, days))
