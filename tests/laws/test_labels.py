"""A label at T knows nothing of what became known after it was complete, whatever its definition.

It may look at all that was known by then, at nothing later: so it is the same in a training at a
past date as today, and no two futures beyond its completion can be told apart by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa
import pytest
from feature_tables import grid, load
from generated import batches, forks
from hypothesis import given
from hypothesis import strategies as st
from laws import FORKS_PER_BATCH, Batch, Fork, law, telling
from worlds import ACCOUNTS, World, cut, midnight, named, together

from pipeline.engines import Engine
from pipeline.tables.label_definitions import Label, inactivity, own_cadence, partial
from pipeline.tables.labels import make_labels

ORDERS = frozenset({"orders"})
LABELS = [inactivity(90, 14), own_cadence(180, 14), partial(90, 14, 0.5)]

every_label = pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)


def answers(
    engine: Engine, worlds: Sequence[World], as_ofs: Sequence[date], label: Label
) -> list[tuple]:
    """Every label of the worlds side by side, in order."""
    load(engine, together(named(world, f"{n}|") for n, world in enumerate(worlds)))
    rows = grid([f"{n}|{account}" for n in range(len(worlds)) for account in ACCOUNTS], as_ofs)
    asked = {"account_id": [a for a, _ in rows], "as_of": [day for _, day in rows]}
    engine.register("asked", pa.table(asked))
    make_labels(engine, "labels", "asked", as_ofs, label)
    return engine.rows("SELECT * FROM labels ORDER BY as_of, account_id")


def days(label: Label) -> timedelta:
    """From a snapshot to the date at which its label is complete."""
    return timedelta(days=label.maturity.horizon_days + label.maturity.reporting_lag_days)


@every_label
def test_truncation(label: Label, engine: Engine) -> None:
    """Data cut to what was known at completion give the label that all data give."""

    @law(share=0.5)
    @given(batches(ORDERS), st.integers(0, 5))
    @telling
    def holds(batch: Batch, number: int) -> None:
        complete = batch.as_ofs[number % len(batch.as_ofs)]
        as_ofs = [complete - days(label)]
        known = [cut(world, midnight(complete)) for world in batch.worlds]
        assert answers(engine, batch.worlds, as_ofs, label) == answers(engine, known, as_ofs, label)

    holds()


@every_label
def test_poison(label: Label, engine: Engine) -> None:
    """Two futures that part at completion give the same labels up to then."""

    @law(share=0.5, per_batch=FORKS_PER_BATCH)
    @given(forks(ORDERS))
    @telling
    def holds(batch: Fork) -> None:
        as_ofs = [as_of - days(label) for as_of in batch.as_ofs if as_of <= batch.moment]
        assert answers(engine, batch.worlds, as_ofs, label) == answers(
            engine, batch.others, as_ofs, label
        )

    holds()


@pytest.mark.parametrize("label", LABELS[:2], ids=lambda label: label.name)
def test_an_account_is_judged_alone(label: Label, engine: Engine) -> None:
    """Other accounts do not change a label; only `partial` looks at the cohort, for its season."""

    @law(share=0.3)
    @given(batches(ORDERS))
    @telling
    def holds(batch: Batch) -> None:
        as_ofs = [as_of - days(label) for as_of in batch.as_ofs]
        beside = answers(engine, batch.worlds, as_ofs, label)
        alone = answers(engine, batch.worlds[:1], as_ofs, label)
        assert [row for row in beside if row[0].startswith("0|")] == alone

    holds()
