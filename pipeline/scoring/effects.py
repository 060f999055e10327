"""Why a risk moved since the publication before: the model, the time, or the data.

Between the risk published then and the risk now stand two that nobody published. Each step changes
one thing, so the three effects add up to the change:

    then            old model, the features then
    by the model    new model, the features then                       (`features.parquet` of then)
    by the time     new model, the features now of what the extract of then had (no new row, a later
                    date)
    by the data     new model, the features now
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import REPS, TABLES
from features.definition import Selection
from models.errors import FeatureMismatch
from models.risk_model import STATE, RiskModel
from pipeline.config import Config
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.scoring.earlier import earlier_risk
from pipeline.scoring.publication import read_manifest
from pipeline.sources import Sources
from pipeline.sources.versions import copy_known_before
from pipeline.tables.cohort import cohort_rule
from pipeline.tables.derived import make_derived_tables
from pipeline.tables.training_table import feature_frame, model_columns

EFFECTS = ("change_by_model", "change_by_time", "change_by_data")


def effects(
    config: Config,
    engine: DuckDBEngine,
    sources: Sources,
    selection: Selection,
    model: RiskModel,
    as_of: date,
    now: pd.Series,
    previous: Path,
) -> pd.DataFrame | str:
    """The three effects of each account that both publications scored, by account_id.

    engine: holds `sources`, and is left as it is. now: the risks, by account_id. previous: the
    publication before. Where the effects cannot be told apart, a sentence that says why.
    """
    manifest = read_manifest(previous)
    if manifest["inputs"].get("features_sha256") != selection.digest():
        return "the publication before had other features"
    then = date.fromisoformat(manifest["as_of"])
    before = pq.read_table(previous / "features.parquet").to_pandas().set_index("account_id")
    names = model_columns(before, selection)
    both = now.index[now.notna()].intersection(before.index)
    known = _known_until(manifest)
    later = _without_new_rows(config, engine, sources, selection, known, as_of, both)
    try:
        by_model = _risk(model, before, names, then)
        by_time = _risk(model, later, names, as_of)
    except FeatureMismatch as mismatch:
        return f"the model cannot score the accounts of then: {mismatch}"
    steps = [earlier_risk(previous)[both], by_model[both], by_time[both], now[both]]
    changes = np.diff(np.column_stack(steps), axis=1)
    # Who would have departed without what became known since has no risk in between.
    changes[np.isnan(changes).any(axis=1)] = np.nan
    return pd.DataFrame(changes, index=both, columns=list(EFFECTS))


def _known_until(manifest: Mapping[str, Any]) -> dict[str, datetime]:
    """The moment before which each source's rows were known to a publication.

    Its snapshot, or the first second after its extract was complete, if that was earlier: what the
    extract lacked has become known since. A source that it did not have knew nothing.
    """
    midnight = datetime.combine(date.fromisoformat(manifest["as_of"]), time())
    return {
        name: min(midnight, datetime.fromisoformat(until) + timedelta(seconds=1))
        for name, until in manifest["complete_until"].items()
    }


def _risk(model: RiskModel, frame: pd.DataFrame, names: list[str], as_of: date) -> pd.Series:
    features = frame[names].to_numpy(dtype=np.float64)
    return pd.Series(model.risk(features, names, as_of), index=frame.index)


def _without_new_rows(
    config: Config,
    engine: DuckDBEngine,
    sources: Sources,
    selection: Selection,
    known: Mapping[str, datetime],
    as_of: date,
    accounts: pd.Index[str],
) -> pd.DataFrame:
    """The features at `as_of` of what was known before, by account_id.

    Of the cohort that there would be, and of `accounts`, which may be in the cohort only for what
    they ordered since. known: by table, see `_known_until`.
    """
    inferred = {REPS.name} if sources.departures_inferred else set()
    with engine.beside() as earlier:
        for name in sources.tables.keys() - inferred:
            copy_known_before(earlier, TABLES[name], known.get(name, datetime.min))
        make_derived_tables(earlier, sources)
        state = cohort_rule(earlier, config).make(earlier, "would_be", [as_of])
        earlier.register("accounts_of_both", pa.table({"account_id": accounts.to_numpy()}))
        earlier.make(
            "cohort",
            "SELECT account_id, as_of FROM would_be UNION "
            f"SELECT account_id, DATE {literal(str(as_of))} FROM accounts_of_both",
        )
        values = {feature.name: feature.value for feature in selection.features}
        frame = feature_frame(earlier, values, [as_of], "cohort").set_index("account_id")
    if state is None:
        return frame
    expected = state.set_index("account_id")[[*STATE]].reindex(frame.index)
    return frame.join(expected.fillna(np.inf))  # whom the rule leaves out departed long ago
