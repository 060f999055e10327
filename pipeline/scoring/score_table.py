"""The published table of scores: one row per account of the cohort, by expected loss."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.order_history import days_silent, order_days, order_lines, usual_gap
from features.values import Last, Value
from models.value_at_stake import ValueAtStake
from pipeline.config.form import ScoringConfig
from pipeline.scoring.effects import EFFECTS
from pipeline.scoring.key_accounts import key_account_values, key_accounts
from pipeline.scoring.reason_columns import REASON_COLUMNS
from pipeline.tables.tiers import tiers
from pipeline.tables.trade import past_of, past_trade

THIN_HISTORY_DAYS = 3  # order days below which a history is too short to know its rhythm

SCHEMA = pa.schema(
    [
        ("rank", pa.int32()),
        ("account_id", pa.string()),
        ("name", pa.string()),
        ("owner_id", pa.string()),
        ("as_of", pa.date32()),
        ("horizon_days", pa.int32()),
        ("risk", pa.float64()),
        ("risk_30", pa.float64()),
        ("risk_90", pa.float64()),
        ("risk_180", pa.float64()),
        ("risk_band", pa.string()),
        ("previous_risk", pa.float64()),
        ("change", pa.float64()),
        ("change_kind", pa.string()),
        *((name, pa.float64()) for name in EFFECTS),
        ("value_at_stake", pa.float64()),
        ("value_at_stake_low", pa.float64()),
        ("value_at_stake_high", pa.float64()),
        ("value_basis", pa.string()),
        ("currency", pa.string()),
        ("expected_loss", pa.float64()),
        ("tier", pa.string()),
        ("key_account", pa.bool_()),
        ("key_account_note", pa.string()),
        ("effort", pa.string()),
        ("days_silent", pa.float64()),
        ("usual_gap", pa.float64()),
        ("last_order_at", pa.timestamp("s")),
        ("last_touch_at", pa.timestamp("s")),
        *((name, pa.string()) for name in REASON_COLUMNS),
        ("list_status", pa.string()),
        ("thin_history", pa.bool_()),
        ("model_version", pa.int32()),
    ]
)


def shown_values(last_touch: Last | None) -> dict[str, Value]:
    """What the list shows and ranks by besides the risk, to be computed with the features."""
    values: dict[str, Value] = {
        "shown_days_silent": days_silent,
        "shown_usual_gap": usual_gap,
        "shown_last_order_s": Last(order_lines),
        "shown_order_days": order_days(None),
        **key_account_values(),
        **past_trade(),
    }
    if last_touch is not None:
        values["shown_last_touch_s"] = last_touch
    return values


def score_table(
    frame: pd.DataFrame,
    risk: npt.NDArray[np.float64],
    by_horizon: Mapping[int, npt.NDArray[np.float64]],
    value: ValueAtStake,
    *,
    as_of: date,
    horizon_days: int,
    scoring: ScoringConfig,
    model_version: int,
    previous: pd.Series,
    currency: str | None,
    people: pd.DataFrame,
) -> pa.Table:
    """Put together the published columns and rank them by expected loss, then risk, then account.

    frame: account_id and `shown_values`, a row per account. risk: (n,), 0-1. value: what tells how
    much is at stake. scoring: bands, key accounts and words of effort. previous: the risk last
    published, by account_id. people: name and owner_id by account_id.
    """
    touched = frame.get("shown_last_touch_s", pd.Series(np.nan, index=frame.index))
    accounts = frame["account_id"]
    before = accounts.map(previous).astype("float64")
    past = past_of(frame)
    stake = value.at_stake(past)
    tier = tiers(past.last_year.worth(value.margin_share))
    key, note = key_accounts(frame, value.margin_share, scoring.key_accounts)
    ordered = sorted(scoring.bands.items(), key=lambda band: -band[1])
    columns: dict[str, object] = {
        "account_id": accounts,
        "name": accounts.map(people["name"]),
        "owner_id": accounts.map(people["owner_id"]),
        "as_of": as_of,
        "horizon_days": horizon_days,
        "risk": risk,
        # A horizon that the model does not have is unknown, not zero.
        **{f"risk_{days}": by_horizon.get(days, np.nan) for days in (30, 90, 180)},
        "risk_band": np.select(
            [risk >= least for _, least in ordered], [name for name, _ in ordered], ordered[-1][0]
        ),
        "previous_risk": before,
        "change": risk - before,
        **dict.fromkeys(("change_kind", *EFFECTS)),  # `pipeline.scoring.change`
        "value_at_stake": stake.value,
        "value_at_stake_low": stake.low,
        "value_at_stake_high": stake.high,
        "value_basis": value.basis,
        "currency": currency,
        "expected_loss": risk * stake.value,
        "tier": tier,
        "key_account": key,
        "key_account_note": note,
        "effort": np.where(
            stake.value <= scoring.profit.contact_cost,
            scoring.effort.without_profit,
            pd.Series(tier).map(scoring.effort.model_dump()),
        ),
        "days_silent": frame["shown_days_silent"],
        "usual_gap": frame["shown_usual_gap"],
        "last_order_at": pd.to_datetime(frame["shown_last_order_s"], unit="s"),
        "last_touch_at": pd.to_datetime(touched, unit="s"),
        **dict.fromkeys(REASON_COLUMNS),  # of the listed accounts only: `with_reasons`
        "list_status": None,  # follows from the whole ranking: `pipeline.scoring.listing`
        "thin_history": frame["shown_order_days"] < THIN_HISTORY_DAYS,
        "model_version": model_version,
    }
    table = pd.DataFrame(columns, index=frame.index)
    table = table.sort_values(
        ["expected_loss", "risk", "account_id"], ascending=[False, False, True], ignore_index=True
    )
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return pa.Table.from_pandas(
        table, schema=SCHEMA, preserve_index=False
    ).replace_schema_metadata()
