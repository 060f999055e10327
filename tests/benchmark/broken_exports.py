"""Exports of a simulated market as a supplier's systems write them, and how they break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]
TABLES = ("orders", "touches", "complaints", "accounts", "reps")


def read_market(folder: Path) -> Tables:
    """Read the tables of a market."""
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}


def export(market: Tables, night: date) -> Tables:
    """Return what systems with `known_at` hold on the morning of `night`."""
    moment = pd.Timestamp(night, tz="UTC")
    found = {}
    for name, table in market.items():
        rows = table[table["known_at"] < moment].reset_index(drop=True)
        for column in rows.columns[rows.columns.str.endswith("_known_at")]:
            later = rows[column] >= moment
            rows.loc[later, [column, column.replace("_known_at", "_at")]] = pd.NaT
        found[name] = rows
    return found


Break = Callable[[Tables, float, np.random.Generator], Tables]


def _without(tables: Tables, ids: object, names: tuple[str, ...] = TABLES[:4]) -> Tables:
    return tables | {name: tables[name][~tables[name]["account_id"].isin(ids)] for name in names}


def _ids(tables: Tables) -> np.ndarray:
    return np.sort(tables["accounts"]["account_id"].unique())


def _drawn(count: int, share: float, random: np.random.Generator) -> np.ndarray:
    return random.choice(count, ceil(share * count), replace=False)


def _accounts(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    ids = _ids(tables)
    return _without(tables, ids[len(ids) - ceil(share * len(ids)) :])


def _owners(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    owner = tables["accounts"].drop_duplicates("account_id", keep="last")
    owner = owner.set_index("account_id")["owner_id"]
    gone: set[str] = set()
    for name in random.permutation(owner.unique()):
        gone |= set(owner.index[owner == name])
        if len(gone) >= share * len(owner):
            break
    return _without(tables, gone)


def _newest(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders = tables["orders"].sort_values("occurred_at")
    return tables | {"orders": orders.iloc[: len(orders) - ceil(share * len(orders))]}


def _oldest(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders = tables["orders"].sort_values("occurred_at")
    return tables | {"orders": orders.iloc[ceil(share * len(orders)) :]}


def _twice(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders = tables["orders"].drop(columns="line_id")
    again = orders.iloc[_drawn(len(orders), share, random)]
    return tables | {"orders": pd.concat([orders, again])}


def _lines(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders = tables["orders"]
    return tables | {"orders": orders.drop(orders.index[_drawn(len(orders), share, random)])}


def _months(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders = tables["orders"]
    month = orders["occurred_at"].dt.strftime("%Y-%m")
    months = np.sort(month.unique())[1:-1]
    gone = months[_drawn(len(months), share, random)]
    return tables | {"orders": orders[~month.isin(gone)]}


def _touches(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    ids = _ids(tables)
    return _without(tables, ids[_drawn(len(ids), share, random)], ("touches",))


def _complaints(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    rows = tables["complaints"]
    return tables | {"complaints": rows.drop(rows.index[_drawn(len(rows), share, random)])}


def _master(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    ids = _ids(tables)
    return _without(tables, ids[_drawn(len(ids), share, random)], ("accounts",))


def _swapped(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders = tables["orders"].copy()
    rows = orders.index[_drawn(len(orders), share, random)]
    orders.loc[rows, ["amount", "margin"]] = orders.loc[rows, ["margin", "amount"]].to_numpy()
    return tables | {"orders": orders}


def _foreign(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders, ids = tables["orders"].copy(), _ids(tables)
    of_others = orders["account_id"].isin(ids[_drawn(len(ids), share, random)])
    orders.loc[of_others, "account_id"] = "B" + orders.loc[of_others, "account_id"]
    return tables | {"orders": orders}


def _cents(tables: Tables, share: float, random: np.random.Generator) -> Tables:
    orders = tables["orders"].copy()
    rows = orders.index[_drawn(len(orders), share, random)]
    for column in ("amount", "margin"):
        orders[column] = orders[column].astype("float64")
        orders.loc[rows, column] *= 100
    return tables | {"orders": orders}


KINDS: Mapping[str, tuple[str, Break]] = {
    "accounts": ("a sorted export that broke off: the last accounts are missing", _accounts),
    "owners": ("the accounts of some owners are missing", _owners),
    "oldest": ("a rolling window: the oldest order lines are missing", _oldest),
    "twice": ("order lines twice, without line ids", _twice),
    "swapped": ("amount and margin swapped", _swapped),
    "foreign": ("orders of another company's accounts", _foreign),
    "newest": ("the newest order lines are missing", _newest),
    "lines": ("order lines missing at random", _lines),
    "months": ("whole months of orders missing", _months),
    "touches": ("touches missing, account by account", _touches),
    "complaints": ("complaints missing at random", _complaints),
    "master data": ("rows of the accounts table missing", _master),
    "cents": ("amounts in cents taken for amounts", _cents),
}
"""Ways in which exports break, with a share of them broken."""
