"""What is said of value at stake and of key accounts, where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
from list_market import END, Judge
from list_truth import Records

from models.risk_model import DAYS_PAST_PATIENCE
from models.value_coverage import coverage
from pipeline.config import load_config
from pipeline.scoring.key_accounts import key_account_values, key_accounts
from pipeline.sources import load_sources
from pipeline.tables.derived import make_derived_tables
from pipeline.tables.snapshots import snapshot_dates
from pipeline.tables.trade import past_of, past_trade
from pipeline.tables.training_table import selected_features, snapshot_features
from pipeline.training.preparation import open_engine

YEARS = 2  # each of which is looked at by itself
NOW, EVER = "met the criteria at the year's start", "carried the status at the year's start"


def value_intervals(judge: Judge) -> Records:
    """The share of stayers whose next year lay in the interval said, nine in ten being meant."""
    found = coverage(judge.table.years(), judge.table.of_frame("tier"))
    return [
        {"group": group, "inside": share, "snapshots": len(found.snapshots), "rows": found.rows}
        for group, share in found.inside.items()
    ]


def key_accounts_that_left(judge: Judge) -> Records:
    """Of key accounts that left in a year, how many were key on the last list they were active on.

    A list is made at the start of each month. An account left on the day that the truth names.
    """
    frames = _monthly(judge)
    told = pd.read_parquet(judge.market.folder / "truth.parquet").drop_duplicates("account_id")
    left_on = pd.to_datetime(told.set_index("account_id")["left_on"])
    every = pd.concat(frames.values())
    found: Records = []
    for year in range(YEARS):
        until = pd.Timestamp(END) - pd.DateOffset(years=year)
        since = until - pd.DateOffset(years=1)
        start = frames[since.date()]
        last = every[every["active"] & every["as_of"].between(since, until)]
        last = last.sort_values("as_of").drop_duplicates("account_id", keep="last")
        on_last = last.set_index("account_id")["key"]
        left = left_on[(left_on >= since) & (left_on < until)].index
        for group, mask in ((NOW, start["key_now"]), (EVER, start["key"])):
            leavers = start.loc[mask & start["active"], "account_id"]
            leavers = leavers[leavers.isin(left)]
            found.append(
                {"year": f"{since:%Y}", "group": group, "left": len(leavers)}
                | {"kept": int(on_last.reindex(leavers).fillna(False).sum())}
            )
    return found


def _monthly(judge: Judge) -> dict[date, pd.DataFrame]:
    """By snapshot: account_id, as_of, active, key, and key_now, by the criteria of that day."""
    config = load_config(judge.market.folder / "config.yaml")
    first = (pd.Timestamp(END) - pd.DateOffset(years=YEARS)).date()
    values = {**key_account_values(), **past_trade()}
    found = {}
    with open_engine(config) as engine:
        sources = load_sources(config, engine)
        make_derived_tables(engine, sources)
        selection = replace(selected_features(config, sources), features=())
        for day in snapshot_dates(first, END, "month"):
            frame = snapshot_features(engine, config, selection, day, besides=values)
            share = past_of(frame).last_year.margin_share()
            said = key_accounts(frame, share, config.scoring.key_accounts)
            now = [bool(note) and note.startswith("brings") for note in said.note]
            found[day] = frame[["account_id", "as_of"]].assign(
                active=frame[DAYS_PAST_PATIENCE] < 0, key=said.key, key_now=np.array(now)
            )
    return found
