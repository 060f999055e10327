"""The published table of scores: one row per account of the cohort, in the order of the lists.

Active accounts come first, by call score. Departed accounts follow, by how lately their patience
ended and by the margin of the year before their last order times the chance that they order again;
by that margin alone where reorders were not learned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.order_history import days_silent, order_lines, usual_gap
from features.values import Last, Value
from models.risk_model import DAYS_PAST_DUE, DAYS_PAST_PATIENCE, DepartureRisks
from models.value_at_stake import THIN_HISTORY_DAYS, ValueAtStake
from pipeline.config.form import ScoringConfig
from pipeline.scoring.effects import EFFECTS
from pipeline.scoring.key_accounts import key_account_values, key_accounts
from pipeline.scoring.reason_columns import REASON_COLUMNS
from pipeline.scoring.win_back import BEFORE_LAST_ORDER
from pipeline.tables.tiers import tiers
from pipeline.tables.trade import past_of, past_trade

REORDER_DAYS = (90, 180)  # within which departed accounts may order again
WIN_BACK_BANDS = (30, 60)  # days since patience ended, up to which the first bands reach

Floats = npt.NDArray[np.float64]

SCHEMA = pa.schema(
    [
        ("rank", pa.int32()),
        ("account_id", pa.string()),
        ("name", pa.string()),
        ("owner_id", pa.string()),
        ("list", pa.string()),
        ("rank_in_list", pa.int32()),
        ("as_of", pa.date32()),
        ("horizon_days", pa.int32()),
        ("risk", pa.float64()),
        ("departure_risk", pa.float64()),
        ("slip_chance", pa.float64()),
        ("risk_30", pa.float64()),
        ("risk_90", pa.float64()),
        ("risk_180", pa.float64()),
        *((f"reorder_{days}", pa.float64()) for days in REORDER_DAYS),
        ("risk_band", pa.string()),
        ("previous_risk", pa.float64()),
        ("change", pa.float64()),
        ("change_kind", pa.string()),
        *((name, pa.float64()) for name in EFFECTS),
        ("value_at_stake", pa.float64()),
        ("next_year_low", pa.float64()),
        ("next_year_high", pa.float64()),
        ("value_basis", pa.string()),
        ("currency", pa.string()),
        ("expected_loss", pa.float64()),
        ("call_value", pa.float64()),
        ("call_score", pa.float64()),
        ("tier", pa.string()),
        ("best_tier", pa.string()),
        ("key_account", pa.bool_()),
        ("key_account_note", pa.string()),
        ("effort", pa.string()),
        ("days_silent", pa.float64()),
        ("usual_gap", pa.float64()),
        ("due_on", pa.date32()),
        ("days_past_due", pa.float64()),
        ("crossed_on", pa.date32()),
        ("newly_departed", pa.bool_()),
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
        **key_account_values(),
        **past_trade(),
    }
    if last_touch is not None:
        values["shown_last_touch_s"] = last_touch
    return values


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a model says of the accounts of a snapshot, (n,) each, NaN for departed accounts.

    risk: by the config's label. by_horizon: of inactivity, by days. departures: what a model of
    departures says besides; None for another label, and where departure cannot be trained yet.
    reorder: the chance that a departed account orders again, by days, NaN for active accounts;
    horizons that were not learned are absent.
    """

    risk: Floats
    by_horizon: Mapping[int, Floats]
    departures: DepartureRisks | None = None
    reorder: Mapping[int, Floats] = field(default_factory=dict)


def score_table(
    frame: pd.DataFrame,
    predicted: Predicted,
    value: ValueAtStake,
    *,
    as_of: date,
    ranking: str,
    horizon_days: int,
    scoring: ScoringConfig,
    model_version: int,
    previous: pd.Series,
    currency: str | None,
    people: pd.DataFrame,
    named: Collection[str] = (),
) -> pa.Table:
    """Put together the published columns and rank the accounts.

    Parameters
    ----------
    frame : account_id and `shown_values`, a row per account; for the label departure also what the
        cohort's rule knows of its next order, and BEFORE_LAST_ORDER.
    value : what tells how much is at stake.
    ranking : see `pipeline.config.Config.ranking`.
    scoring : bands, key accounts and words of effort.
    previous : the risk last published, by account_id.
    people : name and owner_id by account_id.
    named : accounts that the config names as key accounts.
    """
    touched = frame.get("shown_last_touch_s", pd.Series(np.nan, index=frame.index))
    accounts, risk = frame["account_id"], predicted.risk
    before = accounts.map(previous).astype("float64")
    past = past_of(frame)
    stake = value.at_stake(past)
    last_year = past.last_year.worth(value.margin_share)
    thin = past.order_days < THIN_HISTORY_DAYS
    keys = key_accounts(frame, value.margin_share, scoring.key_accounts, named)
    departed = _departed(frame)
    call_value = stake.value
    if ranking != "risk":
        call_value = np.where(departed, frame[BEFORE_LAST_ORDER], np.maximum(last_year, 0))
    columns: dict[str, object] = {
        **dict.fromkeys(("list", "rank_in_list")),  # as list_status
        "account_id": accounts,
        "name": accounts.map(people["name"]),
        "owner_id": accounts.map(people["owner_id"]),
        "as_of": as_of,
        "horizon_days": horizon_days,
        "risk": risk,
        **_of_departures(predicted, frame),
        # A horizon that the model does not have is unknown, not zero.
        **{f"risk_{days}": predicted.by_horizon.get(days, np.nan) for days in (30, 90, 180)},
        **{f"reorder_{days}": predicted.reorder.get(days, np.nan) for days in REORDER_DAYS},
        "risk_band": _bands(risk, scoring.bands).to_numpy(),
        "previous_risk": before,
        "change": risk - before,
        **dict.fromkeys(("change_kind", *EFFECTS)),  # `pipeline.scoring.change`
        "value_at_stake": stake.value,
        "next_year_low": np.where(departed, np.nan, stake.low),
        "next_year_high": np.where(departed, np.nan, stake.high),
        "value_basis": value.basis,
        "currency": currency,
        "expected_loss": risk * stake.value,
        "call_value": call_value,
        "call_score": np.where(departed, np.nan, _chance(predicted, ranking) * call_value),
        "tier": tiers(last_year),
        "best_tier": keys.best_tier,
        "key_account": keys.key,
        "key_account_note": keys.note,
        "effort": np.where(
            stake.value <= scoring.profit.contact_cost,
            scoring.effort.without_profit,
            pd.Series(keys.best_tier).map(scoring.effort.model_dump()),
        ),
        "days_silent": frame["shown_days_silent"],
        "usual_gap": frame["shown_usual_gap"],
        "last_order_at": pd.to_datetime(frame["shown_last_order_s"], unit="s"),
        "last_touch_at": pd.to_datetime(touched, unit="s"),
        **dict.fromkeys(REASON_COLUMNS),  # of the listed accounts only: `with_reasons`
        "newly_departed": None,  # as list_status
        "list_status": None,  # follows from the whole ranking: `pipeline.scoring.listing`
        "thin_history": thin,
        "model_version": model_version,
    }
    table = pd.DataFrame(columns, index=frame.index)
    band = np.zeros(len(frame), dtype=np.int64)
    if departed.any():
        band[departed] = 1 + np.searchsorted(WIN_BACK_BANDS, frame[DAYS_PAST_PATIENCE][departed])
    to_win_back = call_value * predicted.reorder.get(REORDER_DAYS[-1], 1.0)
    table = table.assign(band=band, value=np.where(departed, to_win_back, table["call_score"]))
    table = table.sort_values(
        ["band", "value", "risk", "account_id"],
        ascending=[True, False, False, True],
        ignore_index=True,
    )
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return pa.Table.from_pandas(
        table, schema=SCHEMA, preserve_index=False
    ).replace_schema_metadata()


def _chance(predicted: Predicted, ranking: str) -> Floats | float:
    """What the value of a call is multiplied by: the onset of a departure, or the risk.

    1 where departure cannot be trained yet: then accounts are sorted by size.
    """
    if predicted.departures is not None:
        return predicted.departures.onset
    return 1.0 if ranking == "size" else predicted.risk


def _departed(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if DAYS_PAST_PATIENCE not in frame:
        return np.zeros(len(frame), dtype=np.bool_)
    return (frame[DAYS_PAST_PATIENCE] >= 0).to_numpy(dtype=np.bool_)


def _of_departures(predicted: Predicted, frame: pd.DataFrame) -> dict[str, object]:
    """The columns that only the label departure has."""
    said = predicted.departures
    found: dict[str, object] = {
        "departure_risk": np.nan if said is None else said.departure,
        "slip_chance": np.nan if said is None else said.slip,
        **dict.fromkeys(("due_on", "days_past_due", "crossed_on")),
    }
    if DAYS_PAST_PATIENCE in frame:
        crossed = frame["crossing_on"].where(_departed(frame))
        found |= {
            "due_on": frame["due_on"].dt.date,
            "days_past_due": frame[DAYS_PAST_DUE],
            "crossed_on": crossed.dt.date.where(crossed.notna(), None),
        }
    return found


def _bands(risk: Floats, bands: Mapping[str, float]) -> pd.Series:
    """The name of each risk's band; null without a risk."""
    ordered = sorted(bands.items(), key=lambda band: -band[1])
    names = np.select([risk >= least for _, least in ordered], [name for name, _ in ordered], "")
    return pd.Series(names, dtype=object).where(~np.isnan(risk), None)
