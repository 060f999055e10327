"""The engine's labels are those that the reference finds, account by account."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from feature_tables import grid, load
from generated import batches
from hypothesis import given
from hypothesis import strategies as st
from laws import Batch, law, telling
from reference_labels import reference_labels
from worlds import ACCOUNTS, complete

from pipeline.engines import Engine
from pipeline.tables.label_definitions import Label, inactivity, own_cadence, partial
from pipeline.tables.labels import make_labels


def defined(definition: str, horizon: int, lag: int, share: float) -> Label:
    if definition == "partial":
        return partial(horizon, lag, share)
    return {"inactivity": inactivity, "own_cadence": own_cadence}[definition](horizon, lag)


@pytest.mark.parametrize("definition", ["inactivity", "own_cadence", "partial"])
def test_engine_agrees_with_the_reference(definition: str, engine: Engine) -> None:
    @law(share=0.5, per_batch=4)
    @given(
        batches(frozenset({"orders"}), size=4),
        st.sampled_from([(90, 0), (30, 14), (180, 0), (365, 14)]),
        st.sampled_from([0.5, 0.3, 0.8]),
    )
    @telling
    def agrees(batch: Batch, times: tuple[int, int], share: float) -> None:
        label = defined(definition, *times, share)
        # Worlds dwell on the edges of their snapshots; so labels are complete at those.
        as_ofs = [as_of - timedelta(days=sum(times)) for as_of in batch.as_ofs]
        rows = grid(ACCOUNTS, as_ofs)
        asked = pa.table({"account_id": [a for a, _ in rows], "as_of": [d for _, d in rows]})
        for world in batch.worlds:
            load(engine, complete(world))
            engine.register("asked", asked)
            make_labels(engine, "labels", "asked", as_ofs, label)
            found = {
                (account, as_of): (watched, defected)
                for account, as_of, complete_on, watched, defected in engine.rows(
                    "SELECT account_id, as_of, label_complete, watched_days, defected FROM labels"
                )
                if complete_on == as_of + timedelta(days=sum(times))
            }
            assert found == reference_labels(definition, world, rows, *times, share)

    agrees()
