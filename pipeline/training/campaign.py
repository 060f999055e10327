"""A campaign: consecutive keep lists, each called, as they would have been out of time.

Each list holds the accounts with the highest scores that were not called within the REST_DAYS
before it, as many as can be called. So an account that stays at the top is called again once it has
rested, and the calls that this leaves over reach further down. A departure counts as called if its
account was called within WITHIN_DAYS before its date; the lead is counted from the last such call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.bootstrap import Interval, bootstrapped, interval
from models.measures import over
from pipeline.training.keep_list import CALL_SCORE, OF_CHAMPION, SIZE, Floats, KeepListRows

LISTS = 12  # at most, the latest at which the label is complete
REST_DAYS = 30  # between two calls of an account
WITHIN_DAYS = 180  # before a departure, in which a call counts
HORIZON_DAYS = 90  # after the last list, up to which departures are counted

_RANKINGS = (CALL_SCORE, SIZE, OF_CHAMPION)
_MARGIN = "margin"

Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Course:
    """What became of one ranking's calls.

    calls: in all; accounts: called at least once. called, never: departures whose account was
    called in time, and was not. margin: of those called as a share of that of all departures.
    leads: lower quartile, median and upper quartile in days from the last call to the departure;
    NaN where none was called.
    """

    calls: int
    accounts: int
    called: int
    never: int
    margin: Interval
    leads: tuple[float, float, float]


@dataclass(frozen=True)
class Campaign:
    """Consecutive lists and what they reached.

    lists: their snapshots. departures: of accounts active at one of them, dated from the first list
    on to HORIZON_DAYS after the last, each once. courses: by ranking. gains: of the call score's
    margin over that of another ranking, paired.
    """

    lists: tuple[date, ...]
    capacity: int
    departures: int
    courses: Mapping[str, Course]
    gains: Mapping[str, Interval]


def campaign(rows: KeepListRows, capacity: int, repetitions: int) -> Campaign:
    """Call the latest lists of `rows` one after another.

    Parameters
    ----------
    capacity : accounts that are called from each list.
    repetitions : draws of accounts behind each interval; the calls stay as they were.
    """
    days = np.unique(rows.as_of)[-LISTS:]
    departures = _departures(rows, days)
    rankings = [name for name in _RANKINGS if name in rows.rankings]
    calls = {name: _calls(rows, rows.rankings[name], days, capacity) for name in rankings}
    last_call = {name: _last_call(departures, called) for name, called in calls.items()}
    margin = departures["margin"].to_numpy(dtype=np.float64)

    def statistics(weight: Floats) -> dict[str, Floats]:
        found = {name: weight @ (margin * at.notna().to_numpy()) for name, at in last_call.items()}
        return found | {_MARGIN: weight @ margin}

    drawn = bootstrapped(statistics, departures["account"].to_numpy(), repetitions)
    shares = {name: np.asarray(over(drawn[name], drawn[_MARGIN])) for name in rankings}
    return Campaign(
        lists=tuple(day.item() for day in days),
        capacity=capacity,
        departures=len(departures),
        courses={
            name: _course(departures, calls[name], last_call[name], shares[name])
            for name in rankings
        },
        gains={
            name: interval(shares[CALL_SCORE] - shares[name])
            for name in rankings
            if name != CALL_SCORE
        },
    )


def _departures(rows: KeepListRows, days: Days) -> pd.DataFrame:
    """account, departed_on and margin of each departure; the margin at the first list before it."""
    until = days[-1] + np.timedelta64(HORIZON_DAYS, "D")
    dated = (rows.departed_on >= days[0]) & (rows.departed_on < until)
    kept = np.flatnonzero(rows.due & dated & np.isin(rows.as_of, days))
    departures = pd.DataFrame(
        {
            "account": rows.account[kept],
            "departed_on": rows.departed_on[kept].astype("datetime64[s]"),
            "margin": (rows.size * rows.stands_for)[kept],
        }
    )
    departures = departures.astype({"account": "str"})
    return departures.drop_duplicates(["account", "departed_on"], ignore_index=True)


def _calls(rows: KeepListRows, score: Floats, days: Days, capacity: int) -> pd.DataFrame:
    """account, as_of and stands_for of each call, in the order of the lists."""
    called: list[pd.DataFrame] = []
    last: dict[str, np.datetime64] = {}
    rest = np.timedelta64(REST_DAYS, "D")
    for day in days:
        now = rows.at(day.item())
        rested = np.array(
            [day - last.get(one, days[0] - rest) >= rest for one in rows.account[now]]
        )
        waiting = now[rested & ~np.isnan(score[now])]
        waiting = waiting[np.argsort(-score[waiting], kind="stable")]
        before = np.cumsum(rows.stands_for[waiting]) - rows.stands_for[waiting]
        listed = waiting[before < capacity]
        last |= dict.fromkeys(rows.account[listed], day)
        called.append(
            pd.DataFrame(
                {
                    "account": rows.account[listed],
                    "as_of": day.astype("datetime64[s]"),
                    "stands_for": rows.stands_for[listed],
                }
            )
        )
    return pd.concat(called, ignore_index=True).astype({"account": "str"})


def _last_call(departures: pd.DataFrame, calls: pd.DataFrame) -> pd.Series:
    """The last call up to each departure that is not older than WITHIN_DAYS; NaT without one."""
    wanted = departures.reset_index()[["index", "account", "departed_on"]]
    found = pd.merge_asof(
        wanted.sort_values("departed_on"),
        calls.assign(called_on=calls["as_of"])[["account", "as_of", "called_on"]],
        left_on="departed_on",
        right_on="as_of",
        by="account",
        tolerance=pd.Timedelta(days=WITHIN_DAYS),
    )
    return found.set_index("index")["called_on"].reindex(departures.index)


def _course(
    departures: pd.DataFrame, calls: pd.DataFrame, last_call: pd.Series, share: Floats
) -> Course:
    in_time = last_call.notna()
    leads = (departures["departed_on"] - last_call)[in_time].dt.days
    quartiles = leads.quantile([0.25, 0.5, 0.75], interpolation="lower").astype(np.float64)
    accounts = calls.drop_duplicates("account")["stands_for"].sum()
    return Course(
        calls=round(calls["stands_for"].sum()),
        accounts=round(accounts),
        called=int(in_time.sum()),
        never=int((~in_time).sum()),
        margin=interval(share),
        leads=(quartiles[0.25], quartiles[0.5], quartiles[0.75]),
    )
