"""What accounts traded, between the engine and `models.value_at_stake`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.expressions import DAYS_PER_YEAR, age
from features.order_history import first_order, order_days, traded
from features.values import Value
from models.value_at_stake import Past, Traded, Years

_LAST_YEAR, _YEAR_BEFORE = "traded_last_year_", "traded_year_before_"
_AGE, _ORDER_DAYS = "traded_since_days", "traded_order_days"


def past_trade() -> dict[str, Value]:
    """What value at stake asks of an account's past, under names that no feature has."""
    windows = {
        _LAST_YEAR: traded(DAYS_PER_YEAR),
        _YEAR_BEFORE: traded(2 * DAYS_PER_YEAR, DAYS_PER_YEAR),
    }
    values: Mapping[str, Value] = {
        prefix + name: value for prefix, parts in windows.items() for name, value in parts.items()
    }
    return {**values, _AGE: age(first_order), _ORDER_DAYS: order_days(None)}


def past_of(frame: pd.DataFrame) -> Past:
    """The columns of `past_trade` as arrays."""
    return Past(
        traded_of(frame, _LAST_YEAR),
        traded_of(frame, _YEAR_BEFORE),
        frame[_AGE].to_numpy(dtype=np.float64),
        frame[_ORDER_DAYS].to_numpy(dtype=np.float64),
    )


def worth_by_snapshot(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The last year's margin of each row, (n,); the revenue at a snapshot that records too few.

    frame: as_of and the columns of `past_trade`. A line without a margin has the share that the
    others of its snapshot have.
    """
    last_year = past_of(frame).last_year
    worth = np.empty(len(frame))
    as_of = frame["as_of"].to_numpy()
    for snapshot in np.unique(as_of):
        now = as_of == snapshot
        part = last_year.rows(now)
        worth[now] = part.worth(part.margin_share())
    return worth


def margin_lost(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Last year's margin less that of the year after, not below 0, (n,); revenue as above.

    frame: as `worth_by_snapshot`, with what was traded in the next year. NaN where that is not
    known.
    """
    last_year, next_year = past_of(frame).last_year, traded_of(frame)
    lost = np.empty(len(frame))
    as_of = frame["as_of"].to_numpy()
    for snapshot in np.unique(as_of):
        now = as_of == snapshot
        before, after = last_year.rows(now), next_year.rows(now)
        share = before.margin_share()
        lost[now] = np.maximum(before.worth(share) - after.worth(share), 0.0)
    return lost


def years_of(frame: pd.DataFrame, weight: npt.NDArray[np.float64]) -> Years:
    """Past, label and next year of accounts as arrays; NaN where what follows is not known.

    weight: what each row counts.
    """
    return Years(
        account=frame["account_id"].to_numpy(dtype=object),
        as_of=frame["as_of"].to_numpy(dtype="datetime64[D]"),
        defected=frame["defected"].to_numpy(dtype=np.int8),
        past=past_of(frame),
        next_year=traded_of(frame),
        complete=frame["year_complete"].to_numpy(dtype="datetime64[D]"),
        stayed=frame["stayed"].to_numpy(dtype=np.float64),
        stayed_complete=frame["stayed_complete"].to_numpy(dtype="datetime64[D]"),
        weight=weight,
    )


def traded_of(frame: pd.DataFrame, prefix: str = "") -> Traded:
    """The columns of `features.order_history.traded` behind a prefix as arrays."""
    return Traded(
        *(
            frame[prefix + name].to_numpy(dtype=np.float64)
            for name in ("recorded_margin", "amount_with_margin", "amount_without_margin")
        )
    )
