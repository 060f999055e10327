"""The engine's feature table is the one that the reference computes, row by row."""

from __future__ import annotations

import pytest
from feature_tables import assert_answers, from_world, grid, tables_of, values_of
from generated import batches
from hypothesis import given
from hypothesis import strategies as st
from laws import Batch, law, telling
from reference import REFERENCES, reference
from worlds import ACCOUNTS, named, together

from features.definition import DEFAULT_WINDOWS
from features.families import FAMILIES
from pipeline.engine import Engine


@pytest.mark.parametrize("family", FAMILIES)
def test_engine_agrees_with_the_reference(family: str, engine: Engine) -> None:
    definition = FAMILIES[family]

    @law()
    @given(batches(tables_of(definition)), st.sampled_from([DEFAULT_WINDOWS, (1, 182, 400)]))
    @telling
    def agrees(batch: Batch, windows: tuple[int, ...]) -> None:
        answers = {}
        worlds = [named(world, f"{number}|") for number, world in enumerate(batch.worlds)]
        for number, world in enumerate(worlds):
            rows = grid([f"{number}|{account}" for account in ACCOUNTS], batch.as_ofs)
            answers |= reference(family, world, rows, windows)
        table = from_world(engine, values_of(definition, windows), together(worlds), answers)
        assert_answers(table, answers)

    agrees()


def test_every_family_has_a_reference() -> None:
    assert REFERENCES.keys() == FAMILIES.keys()
