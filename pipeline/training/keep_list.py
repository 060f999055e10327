"""The keep list out of time: who was active, how each list would have ranked them, what came.

A row is an active account at a snapshot that was predicted out of time. Accounts that were acted on
are left out: what was done about them may have changed what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.departures import OutOfTimeDepartures
from models.out_of_time import OutOfTime
from pipeline.tables.future.departures import DUE, SLIP
from pipeline.tables.trade import margin_lost
from pipeline.tables.training_table import TrainingTable

CALL_SCORE = "call_score"  # the chance of becoming due x size: the keep list
SIZE = "size"  # last year's margin, not below 0: the baseline of every list
SILENCE_X_SIZE = "silence_x_size"  # days since the last order x size
RISK_90_X_SIZE = "risk_90_x_size"  # inactivity risk over 90 days x size
OF_CHAMPION = "champion"  # the call score by the recipe of the version in use

RISK_DAYS = 90  # the horizon of the inactivity risk that lists are compared with

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Dates = npt.NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class KeepListRows:
    """Active accounts that nobody acted on, (n,) each, by as_of, then account.

    stands_for: how many accounts of its snapshot the row stands for. size: last year's margin, not
    below 0. due, slipped: the outcome; neither where both are false. departed_on, ordered_on: the
    date of the departure, and the day of the order that it is. lasting: 1 where it is a lasting
    departure, else 0. lost: last year's margin less that of the year after, not below 0. Both are
    NaN where they are not known yet. departure_risk, slip_chance, onset: as published; see
    `models.departures`. rankings: scores by which a list could be sorted, by name, NaN where there
    is none.
    """

    account: npt.NDArray[np.object_]
    as_of: Dates
    stands_for: Floats
    tier: npt.NDArray[np.object_]
    size: Floats
    due: Bools
    slipped: Bools
    departed_on: Dates
    ordered_on: Dates
    lasting: Floats
    lost: Floats
    departure_risk: Floats
    slip_chance: Floats
    onset: Floats
    rankings: Mapping[str, Floats]

    def at(self, snapshot: date) -> npt.NDArray[np.int64]:
        """The numbers of a snapshot's rows."""
        return np.flatnonzero(self.as_of == np.datetime64(snapshot, "D"))


def keep_list_rows(
    table: TrainingTable,
    departures: OutOfTimeDepartures,
    inactivity: OutOfTime | None = None,
    champion: OutOfTimeDepartures | None = None,
) -> KeepListRows:
    """Put predictions and outcomes side by side.

    Parameters
    ----------
    table : of the label departure, with trade.
    departures : predicted out of time.
    inactivity : the same over RISK_DAYS days, where it is learned.
    champion : what the recipe of the version in use predicts of the same table.
    """
    dataset, rows = table.dataset, departures.departure
    assert table.trade is not None  # `prepare` asks for it
    order = dataset.order()
    order = order[np.isin(dataset.as_of[order], np.unique(rows.as_of))]
    kept = ~rows.treated
    order = order[kept]
    account, as_of = rows.account[kept], rows.as_of[kept]
    size = np.maximum(table.of_frame("last_year")[order], 0.0)
    frame = table.frame.iloc[order]
    outcome = frame["outcome"].to_numpy()
    onset = departures.onset.published_risk[kept]
    rankings = {
        CALL_SCORE: onset * size,
        SIZE: size,
        SILENCE_X_SIZE: dataset.column("days_since_last_order")[order] * size,
    }
    if inactivity is not None:
        risk = inactivity.published_risk
        rankings[RISK_90_X_SIZE] = size * _of_rows(account, as_of, inactivity, risk)
    if champion is not None:
        risk = champion.onset.published_risk
        rankings[OF_CHAMPION] = size * _of_rows(account, as_of, champion.onset, risk)
    return KeepListRows(
        account=account,
        as_of=as_of,
        stands_for=rows.stands_for[kept],
        tier=table.of_frame("tier")[order],
        size=size,
        due=outcome == DUE,
        slipped=outcome == SLIP,
        departed_on=frame["departed_on"].to_numpy(dtype="datetime64[D]"),
        ordered_on=frame["ordered_on"].to_numpy(dtype="datetime64[D]"),
        lasting=frame["lasting"].to_numpy(dtype=np.float64),
        lost=margin_lost(table.trade)[order],
        departure_risk=rows.published_risk[kept],
        slip_chance=departures.slip_chance[kept],
        onset=onset,
        rankings=rankings,
    )


def _of_rows(
    account: npt.NDArray[np.object_], as_of: Dates, predicted: OutOfTime, score: Floats
) -> Floats:
    """The score of each row among other predictions, NaN where it is not there."""
    known = pd.DataFrame(
        {"account": predicted.account, "as_of": predicted.as_of.astype("datetime64[s]")}
    ).assign(score=score)
    rows = pd.DataFrame({"account": account, "as_of": as_of.astype("datetime64[s]")})
    found = rows.merge(known, on=["account", "as_of"], how="left", validate="one_to_one")
    return found["score"].to_numpy(dtype=np.float64)
